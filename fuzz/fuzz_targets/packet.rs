//! No frame may crash or stall the packet parser, the flow table and all inspectors behind it.
//!
//! The first byte chooses the link type; frames are separated by `0xff 0xfe 0xfd`.
#![no_main]

static SHARED: std::sync::LazyLock<traffic::parsers::Shared> = std::sync::LazyLock::new(traffic::parsers::Shared::new);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = traffic::parsers::packets(&SHARED, bytes);
});
