//! No message of a device may crash or stall `devices::parsers::sighting`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = devices::parsers::sighting(bytes);
});
