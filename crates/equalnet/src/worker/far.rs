//! Round trips to far networks, gathered over a window.

use std::collections::BTreeMap;
use std::time::Duration;
use traffic::Observed;
use vocab::{Aggregate, Direction, FarNetwork, PathSample, Side};

/// Far networks by aggregate in one window at most: what is more, tells nothing new.
const KEPT: usize = 1_024;

/// The shortest round trips of a window.
#[derive(Debug, Default)]
pub struct FarTimes {
    shortest: BTreeMap<(Aggregate, FarNetwork), Duration>,
}

impl FarTimes {
    /// A round trip of a flow that was observed.
    pub fn observe(&mut self, observed: &Observed, round_trip: Duration) {
        let Some((device, direction)) = observed.owner else { return };
        let far = match (direction, observed.side) {
            (Direction::Upload, Side::Low) | (Direction::Download, Side::High) => observed.key.high(),
            (Direction::Upload, Side::High) | (Direction::Download, Side::Low) => observed.key.low(),
        };
        let aggregate = Aggregate { device, class: observed.class };
        let key = (aggregate, FarNetwork::of(far.address.ip()));
        if self.shortest.len() < KEPT || self.shortest.contains_key(&key) {
            self.shortest.entry(key).and_modify(|least| *least = round_trip.min(*least)).or_insert(round_trip);
        }
    }

    /// What was gathered; the next window begins.
    pub fn take(&mut self) -> Vec<PathSample> {
        let sample = |((aggregate, far), round_trip)| PathSample { aggregate: Some(aggregate), far, round_trip };
        std::mem::take(&mut self.shortest).into_iter().map(sample).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use traffic::{Counts, FlowLimits, FlowTable, Locality};
    use vocab::{ByteCount, DeviceId, Endpoint, FlowKey, IpProtocol, MacAddress, Timestamp};

    #[test]
    fn the_far_end_is_the_one_that_is_not_the_devices() {
        let end = |address: &str, port| Endpoint { address: address.parse::<std::net::IpAddr>().unwrap().into(), port };
        let device = DeviceId::Mac(MacAddress([2, 0, 0, 0, 0, 1]));
        let counts = |bytes| Counts { bytes: ByteCount(bytes), packets: 1 };
        for (near, far, network) in [
            ("192.168.1.20", "203.0.113.7", "203.0.113.0"),
            ("192.168.1.20", "9.9.9.9", "9.9.9.0"),
            ("2001:db8:1::5", "2001:db8:9:7::1", "2001:db8:9::"),
        ] {
            for (low_bytes, high_bytes) in [(10, 1_000), (1_000, 10)] {
                let mut table = FlowTable::new(FlowLimits::default(), Locality::default());
                let (key, side) = FlowKey::new(IpProtocol::TCP, end(near, 50_000), end(far, 443));
                let at = Timestamp::from_unix_secs(1_000);
                let observed =
                    table.observe_counts(&key, counts(low_bytes), counts(high_bytes), Some((device, side)), at);
                let mut times = FarTimes::default();
                for ms in [30, 20, 40] {
                    times.observe(&observed, Duration::from_millis(ms));
                }
                let expected = PathSample {
                    aggregate: Some(Aggregate { device, class: observed.class }),
                    far: FarNetwork::of(network.parse().unwrap()),
                    round_trip: Duration::from_millis(20),
                };
                assert_eq!(times.take(), [expected]);
                assert_eq!(times.take(), []);
            }
        }
    }
}
