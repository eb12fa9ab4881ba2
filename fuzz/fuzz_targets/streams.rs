//! No conversation over TCP may crash or stall any inspector of streams; see `traffic::parsers::streams`.
#![no_main]

static SHARED: std::sync::LazyLock<traffic::parsers::Shared> = std::sync::LazyLock::new(traffic::parsers::Shared::new);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = traffic::parsers::streams(&SHARED, bytes);
});
