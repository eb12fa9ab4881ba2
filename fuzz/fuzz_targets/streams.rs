//! No conversation over TCP may crash or stall any inspector of streams; see `traffic::parsers::streams`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = traffic::parsers::streams(bytes);
});
