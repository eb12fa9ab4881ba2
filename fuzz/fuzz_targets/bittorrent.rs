//! No message may crash or stall `traffic::parsers::bittorrent`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = traffic::parsers::bittorrent(bytes);
});
