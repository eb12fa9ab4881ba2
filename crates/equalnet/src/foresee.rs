//! One series, foreseen by itself: for people and programs that bring their own.

use forecast::{Family, Forecaster, Series, Settings};
use std::sync::Arc;
use std::time::Duration;
use vocab::{Direction, Forecast, Timestamp, TrafficClass, Usage};

/// From what a series of `class` did, second by second, the oldest first (`None` where that is not known), to what
/// it will do as of `at`, when the last second ended. By a forecaster that has seen nothing else: the same series has
/// the same answer, and what the daemon has learnt is told to nobody.
pub fn foresee(family: &Arc<Family>, class: TrafficClass, seconds: &[Option<Usage>], at: Timestamp) -> Forecast {
    let settings = Settings { max_series: 1, ..Settings::default() };
    let mut forecaster = Forecaster::with_family(settings, family.clone());
    let series = Series::Class(class, Direction::Download);
    for (age, usage) in (0..seconds.len() as u64).rev().zip(seconds) {
        if let Some(usage) = usage {
            forecaster.observe(series, *usage, at - Duration::from_secs(age));
        }
    }
    forecaster.forecast(series, at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use vocab::{BitRate, Horizon, Maturity, Quantile};

    const AT: Timestamp = Timestamp::from_unix_secs(1_800_000_000);

    fn shipped() -> Arc<Family> {
        Arc::new(Family::shipped())
    }

    fn mbps(rates: impl IntoIterator<Item = Option<u64>>) -> Vec<Option<Usage>> {
        rates.into_iter().map(|rate| rate.map(|rate| Usage::Free(BitRate::from_mbps(rate)))).collect()
    }

    /// P50 of the mean of the next 15 s of `seconds` lies within `within` Mbit/s.
    fn check(seconds: &[Option<Usage>], within: std::ops::RangeInclusive<u64>, maturity: Maturity) {
        let forecast = foresee(&shipped(), TrafficClass::Streaming, seconds, AT);
        let mean = forecast.at(Horizon::Mean15s);
        let [p50, p90, p99] = [Quantile::P50, Quantile::P90, Quantile::P99].map(|quantile| mean.at(quantile));
        assert!(p50 <= p90 && p90 <= p99);
        assert!(within.contains(&(p50.as_bps() / 1_000_000)), "{p50}");
        assert_eq!((forecast.maturity, forecast.at), (maturity, AT));
    }

    #[test]
    fn what_it_did_is_about_what_it_will_do() {
        check(&mbps(vec![Some(10); 300]), 5..=20, Maturity::Mature);
        check(&mbps((0..300).map(|second| (second % 3 != 0).then_some(10))), 5..=20, Maturity::Mature);
        check(&mbps(vec![Some(0); 300]), 0..=0, Maturity::Mature);
        check(&mbps(vec![Some(10); 3]), 1..=30, Maturity::Learning);
        check(&mbps(vec![None; 300]), 0..=0, Maturity::Learning);
        check(&[], 0..=0, Maturity::Learning);
    }

    #[test]
    fn what_is_not_known_for_a_minute_is_learnt_anew() {
        let mut seconds = mbps(vec![Some(10); 300]);
        seconds.extend(vec![None; 90]);
        assert_eq!(foresee(&shipped(), TrafficClass::Web, &seconds, AT).maturity, Maturity::Learning);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn nothing_is_foreseen_that_is_out_of_all_proportion(
            // Silence, what links carry, and what none does.
            seconds in proptest::collection::vec(
                proptest::option::of(prop_oneof![Just(0), 0..1_000_000_000u64, 0..=1_000_000_000_000_000u64]),
                0..300,
            ),
            backlogged in any::<bool>(),
            class in 0..TrafficClass::COUNT,
        ) {
            let usage = |rate| {
                let rate = BitRate::from_bps(rate);
                if backlogged { Usage::Backlogged(rate) } else { Usage::Free(rate) }
            };
            let most = seconds.iter().flatten().max().copied().unwrap_or(0);
            let seconds: Vec<Option<Usage>> = seconds.into_iter().map(|rate| rate.map(usage)).collect();
            let forecast = foresee(&shipped(), TrafficClass::ALL[class], &seconds, AT);
            for horizon in Horizon::ALL {
                let said = forecast.at(horizon);
                prop_assert!(said.at(Quantile::P50) <= said.at(Quantile::P90));
                prop_assert!(said.at(Quantile::P90) <= said.at(Quantile::P99));
                prop_assert!(said.at(Quantile::P99).as_bps() <= most.saturating_mul(10).saturating_add(1_000));
            }
        }
    }

    #[test]
    fn the_same_series_has_the_same_answer() {
        let seconds = mbps((0..120).map(|second| Some(second * second % 17)));
        let [one, other] = [(), ()].map(|()| foresee(&shipped(), TrafficClass::Call, &seconds, AT));
        assert_eq!(one, other);
    }
}
