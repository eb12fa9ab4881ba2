//! Rules over a worker that reads frames: what another policy means for flows that are open.

use super::{Inlet, Worker};
use crate::clock::Clock;
use capture::{CaptureError, Counting, Frame, Observation, Polled, Source, SourceCounts};
use crossbeam_channel::unbounded;
use engine::Input;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use traffic::FlowLimits;
use vocab::{ByteCount, Conditions, LinkId, LinkType, Policy, Rule, RuleId, SourceKind, Timestamp, TrafficClass};

/// A source of these frames, one a call.
pub(super) struct Frames(pub(super) Vec<Vec<u8>>, pub(super) Timestamp);

impl Source for Frames {
    fn kind(&self) -> SourceKind {
        SourceKind::AfPacket
    }

    fn counting(&self) -> Counting {
        Counting::ByFrames
    }

    fn poll(&mut self, _: Duration, sink: &mut dyn FnMut(Observation<'_>)) -> Result<Polled, CaptureError> {
        let Some(bytes) = self.0.pop() else { return Ok(Polled::Idle) };
        sink(Observation::Frame(Frame {
            at: self.1,
            interface: 0,
            link_type: LinkType::Ethernet,
            direction: None,
            vlan: None,
            wire_len: bytes.len() as u32,
            packets: 1,
            bytes: &bytes,
        }));
        Ok(Polled::Observed(1))
    }

    fn read_counts(&mut self, _: &mut dyn FnMut(Observation<'_>)) -> Result<(), CaptureError> {
        Ok(())
    }

    fn counts(&mut self) -> Result<SourceCounts, CaptureError> {
        Ok(SourceCounts::default())
    }
}

/// A datagram from 192.168.1.20:50000 to 203.0.113.7:40000 that nothing recognises.
pub(super) fn datagram() -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 9, 0xa4, 0x5e, 0x60, 0, 0, 1, 8, 0];
    frame.extend_from_slice(&[0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, 192, 168, 1, 20, 203, 0, 113, 7]);
    frame.extend_from_slice(&[0xc3, 0x50, 0x9c, 0x40, 0, 12, 0, 0]);
    frame.extend_from_slice(b"?!?!");
    frame
}

fn policy(class: TrafficClass) -> Arc<Policy> {
    let conditions = Conditions { server: "203.0.113.0/24".parse().ok(), ..Conditions::default() };
    let rule = Rule::new(RuleId::ByHand(1), conditions, class, String::new(), String::new()).unwrap();
    Arc::new(Policy { rules: Arc::from([rule]), ..Policy::default() })
}

#[test]
fn another_policy_revises_open_flows_and_tells_the_kernel() {
    let clock = Clock::new();
    let frames = Frames(vec![datagram(), datagram()], clock.now());
    let (inputs, told) = unbounded();
    let (people, in_force) = watch::channel(Arc::new(Policy::default()));
    let inlet = Inlet::Frames(Box::new(frames));
    let limits = FlowLimits::default();
    let mut worker = Worker::new(inlet, limits, LinkId(0), Vec::new(), clock, inputs, in_force);
    let verdicts = |worker: &mut Worker| -> Vec<TrafficClass> {
        worker.verdicts.take_due().into_iter().map(|(_, class, _)| class).collect()
    };
    worker.poll().unwrap();
    worker.heed_policy();
    assert_eq!(verdicts(&mut worker), [], "nothing is known of it");

    people.send_replace(policy(TrafficClass::Gaming));
    worker.heed_policy();
    assert_eq!(verdicts(&mut worker), [TrafficClass::Gaming]);
    worker.poll().unwrap();
    worker.heed_policy();
    assert_eq!(verdicts(&mut worker), [], "told once");

    people.send_replace(policy(TrafficClass::Backup));
    worker.heed_policy();
    assert_eq!(verdicts(&mut worker), [TrafficClass::Backup]);
    worker.close_window().unwrap();
    let hits = told.try_iter().find_map(|input| match input {
        Input::RuleHits(hits) => Some(hits),
        _ => None,
    });
    let (_, hits) = hits.unwrap()[0];
    assert_eq!((hits.flows, hits.bytes), (1, ByteCount(0)), "it moved nothing since this rule speaks of it");

    people.send_replace(Arc::default());
    worker.heed_policy();
    assert_eq!(verdicts(&mut worker), [TrafficClass::Unclassified]);
}

#[test]
fn the_rules_of_the_start_speak_of_the_first_packet() {
    let (clock, (inputs, _told)) = (Clock::new(), unbounded());
    let (_people, in_force) = watch::channel(policy(TrafficClass::Gaming));
    let inlet = Inlet::Frames(Box::new(Frames(vec![datagram()], clock.now())));
    let mut worker = Worker::new(inlet, FlowLimits::default(), LinkId(0), Vec::new(), clock, inputs, in_force);
    worker.poll().unwrap();
    let due: Vec<_> = worker.verdicts.take_due().into_iter().map(|(_, class, _)| class).collect();
    assert_eq!(due, [TrafficClass::Gaming]);
}
