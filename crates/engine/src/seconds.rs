//! What every series did in the last closed window, and what else is known of it.

use crate::demand::Counted;
use crate::engine::LinkState;
use devices::Registry;
use forecast::{Context, Series};
use std::collections::BTreeMap;
use vocab::{Aggregate, BitRate, ByteCount, Direction, LinkId, TrafficClass, Usage};

/// One series in the last closed window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Second {
    pub usage: Usage,
    /// Flows that moved something, either way.
    flows: u32,
    counted: Counted,
}

impl Second {
    const NOTHING: Second =
        Second { usage: Usage::Free(BitRate::ZERO), flows: 0, counted: Counted { bytes: ByteCount::ZERO, packets: 0 } };

    /// What forecasts are told of it beside its rate; `clock` is the local time of day, and whether it is a weekend.
    pub fn context(&self, clock: (u32, bool)) -> Context {
        let Counted { bytes, packets } = self.counted;
        let mean = bytes.0.checked_div(packets).map(|mean| u32::try_from(mean).unwrap_or(u32::MAX));
        Context { flows: Some(self.flows), packet_bytes: mean, clock: Some(clock), device_type: None }
    }

    fn add(&mut self, usage: Usage, flows: u32, counted: Counted) {
        self.usage = self.usage.plus(usage);
        self.flows = self.flows.saturating_add(flows);
        self.counted += counted;
    }
}

/// The number of the type of the device whose series this is, where that is recognised.
pub(crate) fn device_type(series: Series, registry: &Registry) -> Option<u8> {
    let kind = registry.get(series.device()?)?.kind;
    (kind != devices::Kind::Unknown).then_some(kind as u8)
}

// Every type has a number that forecasts tell apart.
const _: () = assert!(devices::Kind::ALL.len() <= Context::DEVICE_TYPES as usize);

/// All series, those that did nothing too; devices and classes over all links.
///
/// Of an aggregate, demand is foreseen: what it moved while it waited is a lower bound. Of totals, what they will
/// move is foreseen: some part of a busy link always waits, and a sum of lower bounds says nothing.
pub(crate) fn seconds(links: &BTreeMap<LinkId, LinkState>) -> BTreeMap<Series, Second> {
    let mut seconds: BTreeMap<Series, Second> = BTreeMap::new();
    for (&link, state) in links {
        for direction in Direction::ALL {
            for class in TrafficClass::ALL {
                seconds.entry(Series::Class(class, direction)).or_insert(Second::NOTHING);
            }
            seconds.entry(Series::Link(link, direction)).or_insert(Second::NOTHING);
            for (device, class, activity) in state.activity.aggregates() {
                let mut add = |series, usage| {
                    let second = seconds.entry(series).or_insert(Second::NOTHING);
                    second.add(usage, activity.flows, activity.counted[direction]);
                };
                add(Series::Aggregate(Aggregate { device, class }, direction), activity.usage(direction));
                let moved = Usage::Free(activity.usage[direction]);
                add(Series::Device(device, direction), moved);
                add(Series::Class(class, direction), moved);
                add(Series::Link(link, direction), moved);
            }
        }
    }
    seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_a_second_is_told_and_nothing_else() {
        let mut second = Second::NOTHING;
        let clock = (11_400, true);
        let told =
            |flows, packet_bytes| Context { flows: Some(flows), packet_bytes, clock: Some(clock), device_type: None };
        assert_eq!(second.context(clock), told(0, None));
        for flows in [2, 3] {
            let counted = Counted { bytes: ByteCount(3_000), packets: 4 };
            second.add(Usage::Free(BitRate::from_mbps(1)), flows, counted);
        }
        assert_eq!(second.usage, Usage::Free(BitRate::from_mbps(2)));
        assert_eq!(second.context(clock), told(5, Some(750)));
    }
}
