//! No conversation over UDP may crash or stall any inspector of datagrams; see `traffic::parsers::datagrams`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = traffic::parsers::datagrams(bytes);
});
