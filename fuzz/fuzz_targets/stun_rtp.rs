//! No bytes may crash or stall `traffic::parsers::stun_rtp`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = traffic::parsers::stun_rtp(bytes);
});
