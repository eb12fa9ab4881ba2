//! No conversation over UDP may crash or stall any inspector of datagrams; see `traffic::parsers::datagrams`.
#![no_main]

static SHARED: std::sync::LazyLock<traffic::parsers::Shared> = std::sync::LazyLock::new(traffic::parsers::Shared::new);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = traffic::parsers::datagrams(&SHARED, bytes);
});
