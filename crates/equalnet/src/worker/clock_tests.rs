//! A worker whose clock is set while flows are open.

use super::rule_tests::{Frames, datagram};
use super::{Inlet, Worker};
use crate::clock::Clock;
use crossbeam_channel::unbounded;
use engine::Input;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use traffic::FlowLimits;
use vocab::{LinkId, Policy, Timestamp};

#[test]
fn a_clock_that_is_set_forward_ends_no_flow() {
    for hours in [1, 7, 24 * 400] {
        let clock = Clock::new();
        let began = clock.now();
        let (inputs_in, inputs) = unbounded();
        let (_policy_in, policy) = watch::channel(Arc::new(Policy::default()));
        // Stamped by a clock that is set back by hours, as a system's may be: ours goes on.
        let stamped = began - Duration::from_secs(5 * 3_600);
        let source = Frames(vec![datagram(); 3], stamped);
        let mut worker = Worker::new(
            Inlet::Frames(Box::new(source)),
            FlowLimits::default(),
            LinkId(0),
            Vec::new(),
            clock.clone(),
            inputs_in,
            policy,
        );
        let first_seen =
            |worker: &Worker| worker.table.summaries(9).iter().map(|flow| flow.first_seen).collect::<Vec<_>>();
        worker.poll().unwrap();
        let before = first_seen(&worker);
        assert!(before.len() == 1 && before[0] >= began - Duration::from_secs(1), "{before:?}");

        let leap = Duration::from_secs(hours * 3_600);
        clock.set_forward(leap);
        worker.poll().unwrap();
        worker.look_at_the_clock();
        worker.close_window().unwrap();
        worker.poll().unwrap();
        let after = first_seen(&worker);
        assert!(after.len() == 1 && after[0].since(before[0]) >= leap, "{hours} h: {before:?} {after:?}");
        let windows: Vec<(Timestamp, Duration)> = inputs
            .try_iter()
            .flat_map(|input| match input {
                Input::Flows { ended, .. } => {
                    assert!(ended.is_empty(), "{hours} h: {ended:?}");
                    Vec::new()
                }
                Input::Samples(samples) => samples.iter().map(|sample| (sample.start, sample.window)).collect(),
                _ => Vec::new(),
            })
            .collect();
        assert!(!windows.is_empty());
        for (start, window) in windows {
            assert!(start >= began + leap - Duration::from_secs(2), "what moved did not move hours ago");
            assert_eq!(window, Duration::from_secs(1), "{hours} h");
        }
    }
}
