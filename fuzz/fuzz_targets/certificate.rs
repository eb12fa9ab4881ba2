//! No handshake may crash or stall `traffic::parsers::certificate`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = traffic::parsers::certificate(bytes);
});
