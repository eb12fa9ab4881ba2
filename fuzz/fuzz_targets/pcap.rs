//! No file may crash or stall the reader of captures; see `capture::FileSource`.
#![no_main]

use capture::{FileSource, Polled, Source};
use std::time::Duration;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // In memory: a file that is written a thousand times a second.
    let path = std::path::PathBuf::from(format!("/dev/shm/equalnet-fuzz-{}", std::process::id()));
    std::fs::write(&path, bytes).expect("the memory takes a file");
    let Ok(mut source) = FileSource::open(&path, None) else { return };
    while let Ok(Polled::Observed(_)) = source.poll(Duration::ZERO, &mut |_| {}) {}
});
