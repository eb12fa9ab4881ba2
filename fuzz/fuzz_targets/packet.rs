//! No frame may crash or stall the packet parser, the flow table and all inspectors behind it.
//!
//! The first byte chooses the link type; frames are separated by `0xff 0xfe 0xfd`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    traffic::parsers::packets(bytes);
});
