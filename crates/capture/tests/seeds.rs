//! The fuzz target's seeds through the reader of capture files: none may crash or stall, and the whole ones give
//! their frames.
#![allow(missing_docs)]

use capture::{FileSource, Observation, Polled, Source};
use std::time::Duration;

#[test]
fn every_seed_is_read() {
    for (name, frames) in
        [("micro", 2), ("nano-big-endian", 2), ("ng", 2), ("ng-zipped", 2), ("ng-cut", 1), ("length-lies", 0)]
    {
        let path = format!("{}/../../fuzz/corpus/pcap/{name}", env!("CARGO_MANIFEST_DIR"));
        let mut source = FileSource::open(path.as_ref(), None).expect("the seed begins as a capture does");
        let mut seen = 0;
        let mut count =
            |observation: Observation<'_>| seen += usize::from(matches!(observation, Observation::Frame(_)));
        while let Ok(Polled::Observed(_)) = source.poll(Duration::ZERO, &mut count) {}
        assert_eq!(seen, frames, "{name}");
    }
}
