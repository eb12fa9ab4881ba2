//! Files of weights from outside: the seeds of the fuzz target `weights`, and what ships, changed at random.

use forecast::{Family, Forecaster, Series, Settings};
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;
use vocab::{BitRate, Direction, LinkId, Quantile, Timestamp, Usage};

/// Whether `bytes` are weights. If they are, they come back as they were, and what they say never crosses.
fn check(bytes: &[u8]) -> bool {
    let Ok(family) = Family::from_bytes(bytes) else { return false };
    assert_eq!(Family::from_bytes(&family.to_bytes("")).expect("what is written can be read"), family);
    let mut forecaster = Forecaster::with_family(Settings::default(), Arc::new(family));
    let series = Series::Link(LinkId(0), Direction::Download);
    for second in 0..20u64 {
        let now = Timestamp::from_unix_secs(1_750_000_000) + Duration::from_secs(second);
        forecaster.observe(series, Usage::Free(BitRate::from_kbps(second % 7 * 900)), now);
        for quantiles in forecaster.forecast(series, now).quantiles {
            let [p50, p90, p99] = [Quantile::P50, Quantile::P90, Quantile::P99].map(|quantile| quantiles.at(quantile));
            assert!(p50 <= p90 && p90 <= p99);
        }
    }
    true
}

#[test]
fn seeds_of_the_fuzzer_do_no_harm() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/weights");
    let seeds: Vec<_> = std::fs::read_dir(folder).expect("there are seeds").flatten().collect();
    assert!(seeds.len() >= 4);
    for seed in seeds {
        let is_read = check(&std::fs::read(seed.path()).expect("a seed can be read"));
        assert_eq!(is_read, seed.file_name() == "one-layer", "{seed:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_ships_may_be_damaged_anywhere(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        in_head in any::<bool>(),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = Family::shipped().to_bytes("about");
        prop_assume!(check(&bytes));
        let reach = if in_head { 600 } else { bytes.len() };
        for (place, byte) in changes {
            bytes[place.index(reach)] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
            prop_assert!(!check(&bytes), "cut short, and believed");
        }
        check(&bytes);
    }
}
