//! No message may crash or stall `traffic::parsers::sip`, nor what reads its SDP.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = traffic::parsers::sip(bytes);
});
