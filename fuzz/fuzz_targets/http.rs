//! No bytes may crash or stall `traffic::parsers::http`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = traffic::parsers::http(bytes);
});
