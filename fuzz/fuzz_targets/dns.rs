//! No bytes may crash or stall `traffic::parsers::dns`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = traffic::parsers::dns(bytes);
});
