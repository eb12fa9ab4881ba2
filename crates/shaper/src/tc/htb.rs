//! HTB: hierarchical token bucket (net/sched/sch_htb.c).

use super::{Options, attribute, attributes, u32_at, u64_at_start};
use crate::tree::{Charge, Class};
use vocab::BitRate;

const TCA_HTB_PARMS: u16 = 1;
const TCA_HTB_INIT: u16 = 2;
const TCA_HTB_RATE64: u16 = 6;
const TCA_HTB_CEIL64: u16 = 7;
/// `TC_LINKLAYER_ETHERNET`: rates are as given, no cells, no table.
const LINK_LAYER_ETHERNET: u8 = 1;
/// `TC_LINKLAYER_MASK`.
const LINK_LAYER_MASK: u8 = 0x0f;
/// `TC_LINKLAYER_ATM`: 53 bytes for 48 (`psched_l2t_ns` in include/net/sch_generic.h).
const LINK_LAYER_ATM: u8 = 2;
/// What `tc` computes for frames up to 2,047 bytes; read only together with a rate table.
const CELL_LOG: u8 = 3;

/// A root HTB; what no class claims goes to the class `default`.
pub(crate) fn qdisc(default: u16) -> Options {
    // struct tc_htb_glob: version (`TC_HTB_PROTOVER`), rate2quantum (unused: quanta are explicit), default,
    // debug, direct_pkts.
    let globals = [3, 10, u32::from(default), 0, 0].map(u32::to_ne_bytes).concat();
    let mut payload = Vec::new();
    attribute(&mut payload, TCA_HTB_INIT, &globals);
    Options { kind: "htb".to_owned(), payload }
}

/// A class.
pub(crate) fn class(class: &Class) -> Options {
    let (rate, ceil) = (class.rate.as_bps() / 8, class.ceil.as_bps() / 8);
    let mut payload = Vec::new();
    // 32 bits of bytes per second end at 34 Gbit/s.
    if rate > u64::from(u32::MAX) {
        attribute(&mut payload, TCA_HTB_RATE64, &rate.to_ne_bytes());
    }
    if ceil > u64::from(u32::MAX) {
        attribute(&mut payload, TCA_HTB_CEIL64, &ceil.to_ne_bytes());
    }
    // struct tc_htb_opt: rate, ceil, buffer, cbuffer, quantum, level (the kernel's), prio.
    let mut parameters = [ratespec(rate, class.charge), ratespec(ceil, class.charge)].concat();
    for word in [class.burst, class.cburst, class.quantum, 0, u32::from(class.prio)] {
        parameters.extend(word.to_ne_bytes());
    }
    attribute(&mut payload, TCA_HTB_PARMS, &parameters);
    Options { kind: "htb".to_owned(), payload }
}

/// struct tc_ratespec: cell_log, linklayer, overhead, cell_align (-1, as `tc` sends it), mpu, rate.
fn ratespec(bytes_per_second: u64, charge: Charge) -> [u8; 12] {
    let link_layer = if charge.cells { LINK_LAYER_ATM } else { LINK_LAYER_ETHERNET };
    let mut spec = [CELL_LOG, link_layer, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0];
    spec[2..4].copy_from_slice(&charge.overhead.to_ne_bytes());
    spec[6..8].copy_from_slice(&charge.least.to_ne_bytes());
    let rate = u32::try_from(bytes_per_second).unwrap_or(u32::MAX);
    spec[8..].copy_from_slice(&rate.to_ne_bytes());
    spec
}

/// What the first tc_ratespec of `parameters` counts of each packet.
fn read_charge(parameters: &[u8]) -> Option<Charge> {
    let word = |at: usize| Some(u16::from_ne_bytes(*parameters.get(at..)?.first_chunk::<2>()?));
    Some(Charge { overhead: word(2)?, least: word(6)?, cells: *parameters.get(1)? & LINK_LAYER_MASK == LINK_LAYER_ATM })
}

/// The class that these options describe, under the class `parent`.
pub(crate) fn read_class(parent: u16, payload: &[u8]) -> Option<Class> {
    let (mut rate64, mut ceil64, mut class) = (None, None, None);
    for (kind, value) in attributes(payload) {
        match kind {
            TCA_HTB_RATE64 => rate64 = u64_at_start(value),
            TCA_HTB_CEIL64 => ceil64 = u64_at_start(value),
            TCA_HTB_PARMS => {
                let rate = |place| Some(BitRate::from_bps(u64::from(u32_at(value, place)?) * 8));
                class = Some(Class {
                    parent,
                    rate: rate(2)?,
                    ceil: rate(5)?,
                    burst: u32_at(value, 6)?,
                    cburst: u32_at(value, 7)?,
                    quantum: u32_at(value, 8)?,
                    prio: u8::try_from(u32_at(value, 10)?).ok()?,
                    charge: read_charge(value)?,
                });
            }
            _ => {}
        }
    }
    let mut class = class?;
    let wide = |rate: u64| BitRate::from_bps(rate.saturating_mul(8));
    class.rate = rate64.map_or(class.rate, wide);
    class.ceil = ceil64.map_or(class.ceil, wide);
    Some(class)
}

/// The minor number of the class for what no class claims, of a root HTB.
pub(crate) fn default_of(payload: &[u8]) -> Option<u16> {
    let (_, globals) = attributes(payload).find(|(kind, _)| *kind == TCA_HTB_INIT)?;
    u32_at(globals, 2)?.try_into().ok()
}
