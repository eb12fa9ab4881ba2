//! Who shapes, each set up as its users do.

use super::scene::Owed;
use crate::household::{Household, LAN, WAN};
use anyhow::{Context, Result};
use std::fmt::Write;
use vocab::{BitRate, Directed};

/// Who shapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Nobody: the modem's own queue is all there is.
    Nobody,
    /// HTB with a class for each device, as its manual has it.
    Htb,
    /// CAKE at the link's rate, fair between devices.
    Cake,
    /// What sqm-scripts make with `simple.qos`: three classes of HTB, fq_codel in each.
    Sqm,
    /// What the wonder shaper makes: HTB and SFQ for uploads, a policer for downloads.
    WonderShaper,
    /// EqualNet with the best leaf that the kernel has: fq_codel.
    Equalnet,
    /// EqualNet where the kernel has no fq_codel.
    EqualnetCake,
    /// EqualNet where the kernel has neither.
    EqualnetBfifo,
}

impl Peer {
    /// All.
    pub const ALL: [Peer; 8] = [
        Peer::Nobody,
        Peer::Htb,
        Peer::Cake,
        Peer::Sqm,
        Peer::WonderShaper,
        Peer::Equalnet,
        Peer::EqualnetCake,
        Peer::EqualnetBfifo,
    ];
    /// Ours.
    pub const OURS: [Peer; 3] = [Peer::Equalnet, Peer::EqualnetCake, Peer::EqualnetBfifo];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Peer::Nobody => "none",
            Peer::Htb => "htb",
            Peer::Cake => "cake",
            Peer::Sqm => "sqm",
            Peer::WonderShaper => "wondershaper",
            Peer::Equalnet => "equalnet",
            Peer::EqualnetCake => "equalnet-cake",
            Peer::EqualnetBfifo => "equalnet-bfifo",
        }
    }

    /// Whether it is EqualNet that shapes.
    pub const fn is_ours(self) -> bool {
        matches!(self, Peer::Equalnet | Peer::EqualnetCake | Peer::EqualnetBfifo)
    }

    /// The kernel's modules that it does not find. Where fq_codel is built in, who boots the machine has it left out.
    pub(super) const fn goes_without(self) -> &'static [&'static str] {
        match self {
            Peer::EqualnetCake => &["sch_fq_codel"],
            Peer::EqualnetBfifo => &["sch_cake", "sch_fq_codel"],
            Peer::Nobody | Peer::Htb | Peer::Cake | Peer::Sqm | Peer::WonderShaper | Peer::Equalnet => &[],
        }
    }

    /// Puts its queues on the gateway; EqualNet's come from its daemon.
    pub(super) fn set_up(self, household: &Household, capacity: Directed<BitRate>, owed: &[Owed]) -> Result<()> {
        match self {
            Peer::Nobody | Peer::Equalnet | Peer::EqualnetCake | Peer::EqualnetBfifo => Ok(()),
            Peer::Htb => household.gateway().tc(&htb(household, capacity, owed)?),
            Peer::Cake => household.gateway().tc(&cake("add", capacity)),
            Peer::Sqm => {
                let gateway = household.gateway();
                gateway.ip(&format!("link add {SQM_IN} type ifb\nlink set {SQM_IN} up\n"))?;
                gateway.tc(&sqm(capacity))
            }
            Peer::WonderShaper => household.gateway().tc(&wonder_shaper(capacity)),
        }
    }
}

/// The way in which sqm-scripts shape what comes from the WAN.
const SQM_IN: &str = "ifb4wan0";

/// CAKE's one line per direction; `verb` is `add`, or `change` for another rate.
pub(super) fn cake(verb: &str, capacity: Directed<BitRate>) -> String {
    format!(
        "qdisc {verb} dev {LAN} root cake bandwidth {}kbit diffserv4 dual-dsthost\n\
         qdisc {verb} dev {WAN} root cake bandwidth {}kbit diffserv4 dual-srchost\n",
        capacity.download.as_kbps(),
        capacity.upload.as_kbps(),
    )
}

/// A class for each device: its guarantee, or an equal part of what others are not guaranteed; all of the link where
/// it is free, in the order of priorities (tc-htb(8)). Leaves are the kernel's own.
fn htb(household: &Household, capacity: Directed<BitRate>, owed: &[Owed]) -> Result<String> {
    let mut text = String::new();
    for (interface, rate, which) in [(LAN, capacity.download, "dst"), (WAN, capacity.upload, "src")] {
        // Guarantees are for downloads.
        let owed_rate = |device: &str| owed.iter().find(|owed| owed.device == device && interface == LAN);
        let guaranteed: u64 = owed.iter().filter(|_| interface == LAN).map(|owed| owed.guarantee.as_bps()).sum();
        let others = household.devices().iter().filter(|device| owed_rate(&device.name).is_none()).count() as u64 + 1;
        let part = (rate.as_bps().saturating_sub(guaranteed) / others).max(8_000);
        let all = rate.as_bps();
        let _ = write!(
            text,
            "qdisc add dev {interface} root handle 1: htb default 99\n\
             class add dev {interface} parent 1: classid 1:1 htb rate {all}bit ceil {all}bit\n\
             class add dev {interface} parent 1:1 classid 1:99 htb rate {part}bit ceil {all}bit prio 3\n"
        );
        for (number, device) in household.devices().iter().enumerate() {
            let owed = owed.iter().find(|owed| owed.device == device.name);
            let own = owed_rate(&device.name).map_or(part, |owed| owed.guarantee.as_bps().max(8_000));
            // HTB has priorities 0 to 7.
            let prio = owed.map_or(3, |owed| owed.priority.min(7));
            let _ = write!(
                text,
                "class add dev {interface} parent 1:1 classid 1:{id} htb rate {own}bit ceil {all}bit prio {prio}\n\
                 filter add dev {interface} parent 1: protocol ip prio 1 u32 match ip {which} {address}/32 flowid 1:{id}\n",
                id = number + 10,
                address = device.address,
            );
        }
    }
    Ok(text)
}

/// Another rate and ceiling for one device's class.
pub(super) fn htb_change(household: &Household, device: &str, capacity: Directed<BitRate>) -> Result<String> {
    let number =
        household.devices().iter().position(|known| known.name == device).context("there is no such device")?;
    let rate = capacity.download.as_bps();
    Ok(format!(
        "class change dev {LAN} parent 1:1 classid 1:{} htb rate {}bit ceil {rate}bit prio 3\n",
        number + 10,
        rate / 10,
    ))
}

/// What `simple.qos` of sqm-scripts does with its defaults, marks read by `tc` instead of netfilter
/// (github.com/tohojo/sqm-scripts, src/simple.qos and functions.sh).
pub(super) fn sqm(capacity: Directed<BitRate>) -> String {
    let mut text = String::new();
    let sides = [
        // Interface, rate, ECN, and what the leaves of the three classes are told.
        (WAN, capacity.upload, "noecn", 128, [300, 300, 300]),
        (SQM_IN, capacity.download, "ecn", 32, [500, 1_500, 300]),
    ];
    for (interface, rate, ecn, first, quanta) in sides {
        let ceil = rate.as_kbps();
        // A thousandth of a second's worth, a packet at least.
        let quantum = (ceil / 8).max(1_514);
        let class = |parent: &str, id: &str, rate: u64, ceil: u64, prio: &str| {
            format!(
                "class add dev {interface} parent {parent} classid {id} htb quantum {quantum} rate {rate}kbit \
                 ceil {ceil}kbit burst {quantum} cburst {quantum} {prio}\n"
            )
        };
        let _ = writeln!(text, "qdisc add dev {interface} root handle 1: htb default 12");
        text.push_str(&class("1:", "1:1", ceil, ceil, ""));
        text.push_str(&class("1:1", "1:10", ceil, ceil, "prio 0"));
        text.push_str(&class("1:1", "1:11", first, ceil / 3, "prio 1"));
        text.push_str(&class("1:1", "1:12", ceil / 6, ceil - 16, "prio 2"));
        text.push_str(&class("1:1", "1:13", ceil / 6, ceil - 16, "prio 3"));
        for (id, quantum) in [11, 12, 13].into_iter().zip(quanta) {
            let _ = writeln!(
                text,
                "qdisc add dev {interface} parent 1:{id} handle {id}0: fq_codel limit 1001 target 5ms interval 100ms \
                 {ecn} quantum {quantum}"
            );
        }
        // EF, CS6, AF42 and the old "minimise delay" go first, CS1 last.
        for (mark, id) in [("0xb8", 11), ("0xc0", 11), ("0x90", 11), ("0x10", 11), ("0x20", 13)] {
            let _ = writeln!(
                text,
                "filter add dev {interface} parent 1: protocol ip prio 1 u32 match ip tos {mark} 0xfc flowid 1:{id}"
            );
        }
    }
    let _ = write!(
        text,
        "filter add dev {WAN} parent 1: protocol ip prio 8 u32 match ip protocol 1 0xff flowid 1:13\n\
         qdisc add dev {WAN} handle ffff: ingress\n\
         filter add dev {WAN} parent ffff: protocol all prio 10 u32 match u32 0 0 flowid 1:1 \
         action mirred egress redirect dev {SQM_IN}\n"
    );
    text
}

/// What the wonder shaper 1.1a does in its variant for HTB (`wshaper.htb`; the other's CBQ has left the kernel).
fn wonder_shaper(capacity: Directed<BitRate>) -> String {
    let (down, up) = (capacity.download.as_kbps(), capacity.upload.as_kbps());
    let mut text = format!(
        "qdisc add dev {WAN} root handle 1: htb default 20\n\
         class add dev {WAN} parent 1: classid 1:1 htb rate {up}kbit burst 6k\n\
         class add dev {WAN} parent 1:1 classid 1:10 htb rate {up}kbit burst 6k prio 1\n\
         class add dev {WAN} parent 1:1 classid 1:20 htb rate {}kbit burst 6k prio 2\n\
         qdisc add dev {WAN} parent 1:10 handle 10: sfq perturb 10\n\
         qdisc add dev {WAN} parent 1:20 handle 20: sfq perturb 10\n",
        9 * up / 10
    );
    // Who minimises delay, ICMP, and acknowledgements without data go first.
    for what in [
        "match ip tos 0x10 0xff",
        "match ip protocol 1 0xff",
        "match ip protocol 6 0xff match u8 0x05 0x0f at 0 match u16 0x0000 0xffc0 at 2",
    ] {
        let _ = writeln!(text, "filter add dev {WAN} parent 1: protocol ip prio 10 u32 {what} flowid 1:10");
    }
    let _ = write!(
        text,
        "qdisc add dev {WAN} handle ffff: ingress\n\
         filter add dev {WAN} parent ffff: protocol ip prio 50 u32 match ip src 0.0.0.0/0 \
         police rate {down}kbit burst 10k drop flowid :1\n"
    );
    text
}
