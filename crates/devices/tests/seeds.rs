//! The fuzz target's seeds through the same entry point: none may crash or stall, and most say something.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, missing_docs)]

#[test]
fn every_seed_returns() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/devices");
    let mut told = 0;
    for file in std::fs::read_dir(folder).expect("the seeds are committed beside the fuzz targets") {
        let seed = std::fs::read(file.expect("a folder lists its files").path()).expect("a seed is a file");
        told += usize::from(devices::parsers::sighting(&seed).is_some());
    }
    assert!(told >= 6, "{told} seeds speak of their sender");
}
