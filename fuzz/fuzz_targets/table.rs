//! No order of operations may crash or stall the flow table, or break what it promises; see `traffic::parsers::table`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = traffic::parsers::table(bytes);
});
