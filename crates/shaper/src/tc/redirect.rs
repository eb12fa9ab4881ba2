//! The filter that sends packets to an IFB: `cls_bpf`, not in direct action, with `act_mirred`.
//!
//! Numbers are those of linux/pkt_cls.h and linux/tc_act/tc_mirred.h.

use crate::tc::{Options, Request, attribute, attribute_u32, attributes, u32_at};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_REPLACE};

const RTM_NEWTFILTER: u16 = 44;
const RTM_DELTFILTER: u16 = 45;

const TCA_BPF_ACT: u16 = 1;
const TCA_BPF_FD: u16 = 6;
const TCA_BPF_NAME: u16 = 7;
const TCA_ACT_KIND: u16 = 1;
const TCA_ACT_OPTIONS: u16 = 2;
const TCA_MIRRED_PARMS: u16 = 2;
const TC_ACT_STOLEN: u32 = 4;
const TCA_EGRESS_REDIR: u32 = 1;
/// The first action of a filter.
const FIRST: u16 = 1;
/// linux/if_ether.h.
const ETH_P_ALL: u16 = 3;

/// How the filter is known again.
const NAME: &str = "equalnet_queues";
/// After the filters of the data path (0xe001), before those that an operator has not numbered (0xc000 and below are
/// given by the kernel from 49,152 down).
const PRIORITY: u32 = 0xe002;
const HANDLE: u32 = 1;

/// On which side of an interface packets are taken: the parent of the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Taken {
    /// What it received.
    AfterIngress,
    /// What is about to leave by it.
    BeforeEgress,
}

impl Taken {
    pub(crate) const ALL: [Taken; 2] = [Taken::AfterIngress, Taken::BeforeEgress];

    /// `TC_H_MIN_INGRESS`, `TC_H_MIN_EGRESS` of `TC_H_CLSACT`.
    pub(crate) const fn parent(self) -> u32 {
        match self {
            Taken::AfterIngress => 0xffff_fff2,
            Taken::BeforeEgress => 0xffff_fff3,
        }
    }
}

fn about(kind: u16, flags: u16, index: i32, taken: Taken, options: &Options) -> Request {
    let mut request = super::request(kind, flags, index, taken.parent(), HANDLE, Some(options));
    // The last word of struct tcmsg: the priority, and the protocol as frames have it.
    let info = PRIORITY << 16 | u32::from(ETH_P_ALL.to_be());
    request.body[16..20].copy_from_slice(&info.to_ne_bytes());
    request
}

/// Sends what `condition` (the descriptor of a program) holds for to `ifb`. In the place of the filter that does so now.
pub(crate) fn add(index: i32, taken: Taken, ifb: i32, condition: i32) -> Request {
    let mut parameters = Vec::new();
    // index, capab, action, refcnt, bindcnt, eaction, ifindex
    for word in [0, 0, TC_ACT_STOLEN, 0, 0, TCA_EGRESS_REDIR, ifb as u32] {
        parameters.extend(word.to_ne_bytes());
    }
    let (mut options, mut action, mut actions, mut payload) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    attribute(&mut options, TCA_MIRRED_PARMS, &parameters);
    attribute(&mut action, TCA_ACT_KIND, b"mirred\0");
    attribute(&mut action, TCA_ACT_OPTIONS, &options);
    attribute(&mut actions, FIRST, &action);
    attribute_u32(&mut payload, TCA_BPF_FD, condition as u32);
    attribute(&mut payload, TCA_BPF_NAME, &[NAME.as_bytes(), &[0]].concat());
    attribute(&mut payload, TCA_BPF_ACT, &actions);
    about(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_REPLACE, index, taken, &Options { kind: "bpf".to_owned(), payload })
}

/// Takes the filter away.
pub(crate) fn remove(index: i32, taken: Taken) -> Request {
    about(RTM_DELTFILTER, 0, index, taken, &Options { kind: "bpf".to_owned(), payload: Vec::new() })
}

/// Of a filter as the kernel describes it: the IFB to which it sends packets, if it is ours.
pub(crate) fn read(options: &Options) -> Option<i32> {
    let find = |bytes, wanted| attributes(bytes).find(|(kind, _)| *kind == wanted).map(|(_, value)| value);
    let name = find(&options.payload, TCA_BPF_NAME)?;
    if options.kind != "bpf" || name.strip_suffix(&[0]) != Some(NAME.as_bytes()) {
        return None;
    }
    let action = find(find(&options.payload, TCA_BPF_ACT)?, FIRST)?;
    let parameters = find(find(action, TCA_ACT_OPTIONS)?, TCA_MIRRED_PARMS)?;
    Some(u32_at(parameters, 6)? as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read_again() {
        let request = add(7, Taken::BeforeEgress, 42, 5);
        let object = super::super::object(&request.body).unwrap();
        assert_eq!((object.index, object.parent), (7, 0xffff_fff3));
        assert_eq!(read(&object.options), Some(42));
        let mut theirs = object.options.clone();
        theirs.kind = "u32".to_owned();
        assert_eq!(read(&theirs), None);
        for length in 0..object.options.payload.len() {
            let cut = Options { kind: "bpf".to_owned(), payload: object.options.payload[..length].to_vec() };
            assert!(matches!(read(&cut), None | Some(42)));
        }
    }
}
