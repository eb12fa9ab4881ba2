//! No order of operations may crash or stall the flow table, or break what it promises; see `traffic::parsers::table`.
#![no_main]

static SHARED: std::sync::LazyLock<traffic::parsers::Shared> = std::sync::LazyLock::new(traffic::parsers::Shared::new);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = traffic::parsers::table(&SHARED, bytes);
});
