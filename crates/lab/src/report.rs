//! What the demo found, as it is written to the report file.

use crate::agent::RttSample;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use wire::Flow;

/// The whole report. Rates are bit/s, layer 2; times are milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DemoReport {
    /// The mode at the end.
    pub mode: String,
    /// Where packets came from: `ebpf`, `af_packet` or `file`.
    pub source: String,
    /// Packets seen.
    pub packets: u64,
    /// Bytes seen.
    pub bytes: u64,
    /// Flows seen.
    pub flows: u64,
    /// Packets lost by the capture, by the kernel or by us.
    pub capture_dropped: u64,
    /// Per class that the household truly had: its flows, and how many of them were recognised as it.
    pub classes: BTreeMap<String, ClassScore>,
    /// Flows that were taken for something else.
    pub wrong_flows: Vec<WrongFlow>,
    /// Flows that the household opened and the daemon never listed.
    pub unseen_flows: Vec<TrueFlow>,
    /// All devices found.
    pub devices: Vec<FoundDevice>,
    /// Devices of the household that were not found with their name and MAC address.
    pub devices_missing: Vec<String>,
    /// Plans put in force.
    pub plans_applied: u64,
    /// Planned beside achieved, means over the shaped phase.
    pub rates: Vec<Rate>,
    /// What each device moved over the shaped phase, by its own interface's counters.
    pub device_rates: Vec<DeviceRate>,
    /// Round trips of the phone call.
    pub voice_rtt_ms: Phases<RoundTrips>,
    /// Round trips of keystrokes in a remote shell.
    pub keystroke_rtt_ms: Phases<RoundTrips>,
    /// How long pages took to load.
    pub page_load_ms: Phases<RoundTrips>,
    /// How long a film's segments of 4 s took to load.
    pub segment_load_ms: Phases<RoundTrips>,
    /// What waited in the modem, mean, bytes.
    pub modem_queue_bytes: wire::Directed<Phases<u64>>,
    /// How long the phases were, seconds.
    pub seconds: Phases<f64>,
    /// What went wrong in the household itself.
    pub troubles: Vec<String>,
}

/// One value for each part of the story.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Phases<T> {
    /// The call alone.
    pub idle: T,
    /// Everybody, without EqualNet.
    pub unshaped: T,
    /// The first seconds with EqualNet, in which the modem's queue drains.
    pub settling: T,
    /// Everybody, with EqualNet.
    pub shaped: T,
}

/// A distribution of times, milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RoundTrips {
    /// Half took no longer.
    pub p50: f64,
    /// All but one in a hundred took no longer.
    pub p99: f64,
    /// How many there were.
    pub samples: u64,
    /// How many never came back.
    pub lost: u64,
}

impl RoundTrips {
    /// The distribution of `samples`.
    pub fn of(samples: &[RttSample]) -> RoundTrips {
        let trips: Vec<f64> = samples.iter().filter_map(|sample| Some(f64::from(sample.rtt_us?) / 1e3)).collect();
        let lost = (samples.len() - trips.len()) as u64;
        RoundTrips { lost, ..RoundTrips::of_times(trips) }
    }

    /// The distribution of times in milliseconds.
    pub fn of_times(mut times: Vec<f64>) -> RoundTrips {
        times.sort_unstable_by(f64::total_cmp);
        // Nearest rank: the smallest time that so many are not above.
        let at = |percent: usize| {
            let rank = (times.len() * percent).div_ceil(100).max(1);
            times.get(rank - 1).copied().unwrap_or(0.0)
        };
        RoundTrips { p50: at(50), p99: at(99), samples: times.len() as u64, lost: 0 }
    }
}

/// How well a class was recognised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassScore {
    /// Flows that truly were of the class.
    pub flows: u64,
    /// Those recognised as it.
    pub right: u64,
}

/// A flow as the one who opened it knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrueFlow {
    /// `tcp` or `udp`.
    pub protocol: String,
    /// The device's end.
    pub local: String,
    /// The other end.
    pub remote: String,
    /// What it truly is for.
    pub class: String,
}

/// A flow that was taken for something else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WrongFlow {
    /// What it was.
    pub truth: TrueFlow,
    /// What it was taken for.
    pub class: String,
    /// As which application.
    pub application: String,
    /// Why.
    pub evidence: String,
    /// How many packets it had.
    pub packets: u64,
}

/// A device that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundDevice {
    /// Its name.
    pub name: String,
    /// Its MAC address.
    pub mac: String,
    /// Its IP addresses.
    pub addresses: Vec<String>,
}

/// What an aggregate was to get and what it got.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// Whose.
    pub device: String,
    /// What for.
    pub class: String,
    /// `download` or `upload`.
    pub direction: String,
    /// What the plan gave it, mean.
    pub planned_bps: u64,
    /// What it moved, mean.
    pub achieved_bps: u64,
}

/// What a device moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceRate {
    /// Whose.
    pub device: String,
    /// Towards it.
    pub download_bps: u64,
    /// From it.
    pub upload_bps: u64,
    /// The same before EqualNet shaped.
    pub unshaped_download_bps: u64,
    /// The same before EqualNet shaped.
    pub unshaped_upload_bps: u64,
}

/// The two ends and the protocol of a flow, the same from both sides.
pub(crate) fn flow_key(protocol: &str, one: (&str, u16), other: (&str, u16)) -> String {
    let (first, second) = if one <= other { (one, other) } else { (other, one) };
    format!("{protocol} {}|{} {}|{}", first.0, first.1, second.0, second.1)
}

/// The key of a flow as the API shows it.
pub(crate) fn key_of(flow: &Flow) -> String {
    flow_key(&flow.protocol, (&flow.source_ip, flow.source_port), (&flow.destination_ip, flow.destination_port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(times: &[f64], p50: f64, p99: f64) {
        let trips = RoundTrips::of_times(times.to_vec());
        assert_eq!((trips.p50, trips.p99, trips.samples), (p50, p99, times.len() as u64));
    }

    #[test]
    fn percentiles_are_times_that_were_measured() {
        check(&[], 0.0, 0.0);
        check(&[7.0], 7.0, 7.0);
        check(&[3.0, 1.0, 2.0], 2.0, 3.0);
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        check(&hundred, 50.0, 99.0);
    }

    #[test]
    fn a_lost_packet_is_no_round_trip() {
        let sample = |rtt_us| RttSample { at_ms: 0, rtt_us };
        let trips = RoundTrips::of(&[sample(Some(1_500)), sample(None)]);
        assert_eq!(trips, RoundTrips { p50: 1.5, p99: 1.5, samples: 1, lost: 1 });
    }

    #[test]
    fn a_flow_has_one_key_from_both_sides() {
        let there = flow_key("tcp", ("10.0.0.2", 4000), ("203.0.113.1", 443));
        assert_eq!(there, flow_key("tcp", ("203.0.113.1", 443), ("10.0.0.2", 4000)));
        assert_ne!(there, flow_key("udp", ("203.0.113.1", 443), ("10.0.0.2", 4000)));
    }
}
