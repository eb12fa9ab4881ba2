//! No file of weights may crash what reads it, or make a forecast that crosses itself; see `forecast::Family`.
#![no_main]

use forecast::{Family, Forecaster, Series, Settings};
use std::sync::Arc;
use std::time::Duration;
use vocab::{BitRate, Direction, LinkId, Quantile, Timestamp, Usage};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(family) = Family::from_bytes(bytes) else { return };
    let again = Family::from_bytes(&family.to_bytes("")).expect("what was read is written so that it can be read");
    assert_eq!(again, family);
    let mut forecaster = Forecaster::with_family(Settings::default(), Arc::new(family));
    let series = Series::Link(LinkId(0), Direction::Download);
    for second in 0..20u64 {
        let now = Timestamp::from_unix_secs(1_750_000_000) + Duration::from_secs(second);
        forecaster.observe(series, Usage::Free(BitRate::from_kbps(second % 7 * 900)), now);
        for quantiles in forecaster.forecast(series, now).quantiles {
            assert!(quantiles.at(Quantile::P50) <= quantiles.at(Quantile::P90));
            assert!(quantiles.at(Quantile::P90) <= quantiles.at(Quantile::P99));
        }
    }
});
