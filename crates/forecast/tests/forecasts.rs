//! What a forecaster promises, whatever it is fed.

use forecast::{
    Beside, Context, Course, Curriculum, Ewma, Family, Forecaster, Kind, Last, Lesson, Member, Model, School, Seasonal,
    Series, Settings, Standing,
};
use proptest::prelude::*;
use proptest::test_runner::RngAlgorithm;
use std::time::Duration;
use vocab::{
    Aggregate, BitRate, DeviceId, Direction, Forecast, Horizon, LinkId, MacAddress, Maturity, Quantile, Quantiles,
    Timestamp, TrafficClass, Usage,
};

const START: Timestamp = Timestamp::from_unix_secs(1_700_000_000);

fn series(number: u8) -> Series {
    let device = DeviceId::Mac(MacAddress([2, 0, 0, 0, 0, number]));
    Series::Aggregate(Aggregate { device, class: TrafficClass::Web }, Direction::Download)
}

fn after(seconds: u64) -> Timestamp {
    START + Duration::from_secs(seconds)
}

/// Feeds one series a window of each second and gives its forecast at the end.
fn fed(rates: impl IntoIterator<Item = Usage>) -> (Forecaster, Forecast) {
    let mut forecaster = Forecaster::new(Settings::default());
    let mut second = 0;
    for usage in rates {
        forecaster.observe(series(1), usage, after(second));
        forecaster.forecast(series(1), after(second));
        second += 1;
    }
    let forecast = forecaster.forecast(series(1), after(second.saturating_sub(1)));
    (forecaster, forecast)
}

fn free(bps: u64) -> Usage {
    Usage::Free(BitRate::from_bps(bps))
}

/// Every quantile of every horizon lies between `least` and `most` bit/s.
fn check_between(forecast: &Forecast, least: u64, most: u64) {
    for horizon in Horizon::ALL {
        for quantile in [Quantile::P50, Quantile::P90, Quantile::P99] {
            let rate = forecast.at(horizon).at(quantile).as_bps();
            assert!((least..=most).contains(&rate), "{} {quantile:?}: {rate}", horizon.name());
        }
    }
}

#[test]
fn silence_is_foreseen_as_silence() {
    let (_, forecast) = fed(std::iter::repeat_n(free(0), 300));
    check_between(&forecast, 0, 0);
    assert_eq!(forecast.maturity, Maturity::Mature);
}

#[test]
fn who_fell_silent_for_long_is_foreseen_as_silent() {
    let busy = (0..100).map(|second| free(5_000_000 + second * 7_919 % 1_009 * 1_000));
    let (_, forecast) = fed(busy.chain(std::iter::repeat_n(free(0), 1_200)));
    check_between(&forecast, 0, 0);
}

#[test]
fn a_constant_is_foreseen_as_itself() {
    let (_, forecast) = fed(std::iter::repeat_n(free(5_000_000), 300));
    check_between(&forecast, 4_600_000, 6_500_000);
    let (_, forecast) = fed(std::iter::repeat_n(free(1_000_000_000_000), 300));
    check_between(&forecast, 900_000_000_000, 1_300_000_000_000);
}

#[test]
fn what_is_not_known_is_learning() {
    let mut forecaster = Forecaster::new(Settings::default());
    let unknown = forecaster.forecast(series(1), START);
    assert_eq!((unknown.maturity, unknown.quantiles), (Maturity::Learning, [Quantiles::ZERO; Horizon::COUNT]));
    let (_, early) = fed(std::iter::repeat_n(free(1_000_000), 29));
    assert_eq!(early.maturity, Maturity::Learning);
    let (mut forecaster, mature) = fed(std::iter::repeat_n(free(1_000_000), 30));
    assert_eq!(mature.maturity, Maturity::Mature);
    // And again when it was not heard of for a minute.
    assert_eq!(forecaster.forecast(series(1), after(29 + 61)).maturity, Maturity::Learning);
}

#[test]
fn what_was_held_back_raises_and_never_lowers() {
    let high = std::iter::repeat_n(free(10_000_000), 200);
    let held = std::iter::repeat_n(Usage::Backlogged(BitRate::from_mbps(2)), 60);
    let (mut forecaster, forecast) = fed(high.chain(held));
    check_between(&forecast, 9_000_000, 12_000_000);
    let over: Vec<_> =
        forecaster.take_scores().into_iter().filter(|scored| scored.score.came < BitRate::from_mbps(9)).collect();
    assert!(over.is_empty(), "what was held back is no score: {over:?}");

    let low = std::iter::repeat_n(free(1_000_000), 200);
    let held = std::iter::repeat_n(Usage::Backlogged(BitRate::from_mbps(8)), 60);
    let (_, forecast) = fed(low.chain(held));
    assert!(forecast.at(Horizon::Mean15s).at(Quantile::P50) >= BitRate::from_mbps(6), "{forecast:?}");
}

#[test]
fn a_gap_is_not_silence() {
    let mut forecaster = Forecaster::new(Settings::default());
    for second in (0..600).filter(|second| second % 7 != 3) {
        forecaster.observe(series(1), free(3_000_000), after(second));
    }
    check_between(&forecaster.forecast(series(1), after(599)), 2_600_000, 3_500_000);
}

#[test]
fn scores_come_when_their_time_has_come() {
    let (mut forecaster, _) = fed((0..200).map(|second| free(1_000_000 + second % 2 * 100_000)));
    let scores = forecaster.take_scores();
    for horizon in Horizon::ALL {
        let of: Vec<_> = scores.iter().filter(|scored| scored.score.horizon == horizon).collect();
        assert!(of.len() >= 199 / (horizon.seconds() as usize + 1), "{}: {}", horizon.name(), of.len());
        for scored in of {
            assert!(scored.record().is_some_and(|record| record.score == scored.score));
            let came = scored.score.came;
            assert!((BitRate::from_kbps(1_000)..=BitRate::from_kbps(1_100)).contains(&came), "{came}");
        }
    }
    assert!(forecaster.take_scores().is_empty());
}

#[test]
fn nine_in_ten_are_not_exceeded() {
    // Bursts of many sizes, by a small generator (xorshift64).
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut forecaster = Forecaster::new(Settings::default());
    for second in 0..2_000 {
        for number in 0..10 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let bps = if state.is_multiple_of(4) { state % 20_000_000 } else { state % 500_000 };
            forecaster.observe(series(number), free(bps), after(second));
            forecaster.forecast(series(number), after(second));
        }
    }
    let hit = forecaster.hit_permille().expect("many scores");
    assert!((850..=950).contains(&hit), "{hit}");
}

/// How all members stand after `seconds` of nearly 8 Mbit/s, while a program outside guesses anything.
fn stand(seconds: u64) -> Vec<Standing> {
    let mbps = |second: u64, most: u64| second * 7_919 % 1_009 * most * 1_000_000 / 1_009;
    let mut forecaster = Forecaster::new(Settings::default());
    for second in 0..seconds {
        forecaster.suggest(series(1), BitRate::from_bps(mbps(second, 40)), after(second));
        forecaster.observe(series(1), free(7_500_000 + mbps(second + 500, 1)), after(second));
    }
    forecaster.standings(series(1))
}

#[test]
fn who_loses_to_the_average_for_long_is_set_aside_and_heard_still() {
    let named = |standings: &[Standing], member| *standings.iter().find(|of| of.member == member).expect("it speaks");
    // On so little nobody is set aside, whatever they lost.
    let early = stand(250);
    assert!(early.iter().all(|of| !of.is_set_aside), "{early:?}");
    let later = stand(900);
    let wrong = named(&later, Member::Outside);
    assert!(wrong.is_set_aside && wrong.weight == 0.0 && wrong.against_ewma > Some(1.0), "{wrong:?}");
    assert!(wrong.alone.at(Quantile::P90) > BitRate::from_mbps(1), "{wrong:?}");
    let average = named(&later, Member::Ewma);
    assert!(!average.is_set_aside && average.against_ewma == Some(1.0), "{average:?}");
    let together: f32 = later.iter().map(|of| of.weight).sum();
    assert!((together - 1.0).abs() < 1e-3, "{later:?}");
    assert_eq!(Forecaster::new(Settings::default()).standings(series(1)), Vec::new());
}

#[test]
fn what_one_says_alone_stands_with_it() {
    let rate = |second: u64| 1_000_000 + second * 7_919 % 3_000_000;
    let (mut forecaster, _) = fed((0..400).map(|second| free(rate(second))));
    let aloud = forecaster.observe_aloud(series(1), free(rate(400)), Context::default(), after(400));
    let standings = forecaster.standings(series(1));
    assert!(standings.len() >= 6, "{standings:?}");
    for of in standings {
        let alone = aloud[of.member.index()].expect("it speaks")[Horizon::Mean15s.index()];
        for quantile in [Quantile::P50, Quantile::P90, Quantile::P99] {
            // Kept at one part in 256.
            let (stands, says) = (of.alone.at(quantile).as_bps(), alone.at(quantile).as_bps());
            assert!(stands.abs_diff(says) <= says / 250 + 1, "{of:?} {quantile:?} {says}");
        }
    }
}

/// Whatever is known beside the rate, all is foreseen as if nothing were.
fn check_deaf_to_context(family: Family) {
    let family = std::sync::Arc::new(family);
    let forecaster = || Forecaster::with_family(Settings::default(), family.clone());
    let (mut told, mut untold) = (forecaster(), forecaster());
    let mut aloud = [None; Member::COUNT];
    for second in 0..400u64 {
        let usage = free(second * 7_919 % 1_009 * 10_000);
        let context = Context {
            flows: (second % 3 > 0).then_some((second * 31 % 500) as u32),
            packet_bytes: (second % 5 > 0).then_some((second * 17 % 1_514) as u32),
            clock: (second % 7 > 0).then_some(((second * 997 % 86_400) as u32, second % 2 == 0)),
            device_type: None,
        };
        aloud = told.observe_aloud(series(1), usage, context, after(second));
        assert_eq!(aloud, untold.observe_aloud(series(1), usage, Context::default(), after(second)), "{second}");
        assert_eq!(told.forecast(series(1), after(second)), untold.forecast(series(1), after(second)), "{second}");
    }
    assert!(aloud[Member::Network(0).index()].is_some());
}

#[test]
fn many_at_once_are_foreseen_as_one_by_one() {
    let (mut at_once, mut one_by_one) = (Forecaster::new(Settings::default()), Forecaster::new(Settings::default()));
    for second in 0..200u64 {
        let told = |number: u8| free((second + 7 * u64::from(number)) * 7_919 % 1_009 * 10_000);
        at_once.observe_all((0..21).map(|number| (series(number), told(number), Context::default())), after(second));
        (0..21).for_each(|number| one_by_one.observe(series(number), told(number), after(second)));
        for number in 0..21 {
            let at = after(second);
            assert_eq!(at_once.forecast(series(number), at), one_by_one.forecast(series(number), at), "{number}");
        }
    }
}

#[test]
fn what_weights_never_learnt_from_has_no_say() {
    // What ships has learnt from series of which nothing but the rate is known.
    check_deaf_to_context(Family::shipped());
    let lesson = |family| {
        let rate = |second: u64| free((second + 50 * u64::from(family)) % 20 * 400_000);
        Lesson::new(Kind::Aggregate(TrafficClass::Web), family, (0..600).map(rate).map(Some).collect())
    };
    let course = Course { width: 8, steps: 200, batch: 32, ..Course::default() };
    let school = School::open(&[lesson(0), lesson(1)], &Curriculum { course, ..Curriculum::default() }).expect("rows");
    let learn = |part| school.learn(part, &mut |_| std::ops::ControlFlow::Continue(())).expect("there are rows");
    check_deaf_to_context(Family::of(school.parts()[..1].iter().map(learn)));
}

/// What a network foresees for the next 15 s where flows say what comes: `flows` of them, after a quiet minute.
fn foreseen_with(family: &std::sync::Arc<Family>, flows: u32) -> u64 {
    let mut forecaster = Forecaster::with_family(Settings::default(), family.clone());
    let mut said = None;
    for second in 0..60 {
        let context = Context { flows: Some(if second == 59 { flows } else { 0 }), ..Context::default() };
        let aloud = forecaster.observe_aloud(series(1), free(50_000), context, after(second));
        said = aloud[Member::Network(0).index()];
    }
    said.expect("it speaks")[Horizon::Mean15s.index()].at(Quantile::P50).as_bps()
}

#[test]
fn what_lessons_tell_beside_rates_is_learnt_from_where_shipped_weights_stopped() {
    // Flows come at once when something begins; its volume follows in the seconds after.
    let lesson = |nth: u64| {
        let is_on = |second: u64| ((second / 40 * 7 + nth * 11) * 7_919 % 1_009).is_multiple_of(2);
        let rate = |second: u64| if second % 40 >= 20 && is_on(second) { 6_000_000 } else { 50_000 };
        let flows = |second: u64| if second % 40 == 19 && is_on(second) { 9 } else { 0 };
        let beside = (0..900).map(|second| Beside { flows: flows(second), packet_bytes: 0 }).collect();
        let seconds = (0..900).map(|second| Some(free(rate(second)))).collect();
        Lesson { beside, ..Lesson::new(Kind::Aggregate(TrafficClass::Web), 0, seconds) }
    };
    let shipped = std::sync::Arc::new(Family::shipped());
    assert_eq!(foreseen_with(&shipped, 9), foreseen_with(&shipped, 0));
    let course = Course { steps: 1_500, batch: 64, step_width: 4e-3, ..Curriculum::of_own(1).course };
    let curriculum = Curriculum { course, networks: 1, ..Curriculum::of_own(1) };
    let school = School::open(&(0..12).map(lesson).collect::<Vec<_>>(), &curriculum).expect("there are rows");
    let learnt = school.learn(&school.parts()[0], &mut |_| std::ops::ControlFlow::Continue(()));
    let own = std::sync::Arc::new(Family::of(learnt));
    let (told, untold) = (foreseen_with(&own, 9), foreseen_with(&own, 0));
    assert!(told > 2 * untold, "{told} {untold}");
}

/// What is lost at P90 of the mean of the next 15 s in its first minute by one that begins after `elders` have lived,
/// each at a rate that hardly moves.
fn lost_by_a_newcomer(elders: u8) -> f64 {
    let rate = |second: u64| 8_000_000 + second * 7_919 % 100_000;
    let mut forecaster = Forecaster::new(Settings::default());
    let context = Context { device_type: Some(4), ..Context::default() };
    for number in 1..=elders {
        for second in 0..600 {
            let at = after(u64::from(number) * 1_000 + second);
            forecaster.observe_with(series(number), free(rate(second)), context, at);
        }
    }
    let mut lost = 0.0;
    for second in 0..60 {
        let at = after(100_000 + second);
        forecaster.observe_with(series(200), free(rate(second)), context, at);
        let said = forecaster.forecast(series(200), at).at(Horizon::Mean15s).at(Quantile::P90).as_bps();
        let came = (second + 1..=second + 15).map(rate).sum::<u64>() as f32 / 15.0;
        lost += f64::from(forecast::pinball(came, said as f32, 0.9));
    }
    lost
}

#[test]
fn a_newcomer_is_served_by_its_kin() {
    let (alone, served) = (lost_by_a_newcomer(0), lost_by_a_newcomer(6));
    assert!(served < 0.7 * alone, "{served} of {alone}");
}

#[test]
fn the_longest_idle_makes_room_after_a_minute() {
    let mut forecaster = Forecaster::new(Settings { max_series: 3, ..Settings::default() });
    let moves = |forecaster: &mut Forecaster, number, second| {
        forecaster.observe(series(number), free(1_000_000), after(second));
        assert_eq!(forecaster.series_count(), 3.min(usize::from(number)));
    };
    for (number, second) in [(1, 1), (2, 2), (3, 3), (1, 50), (3, 50)] {
        forecaster.observe(series(number), free(1_000_000), after(second));
    }
    // Nobody was idle for a minute.
    moves(&mut forecaster, 4, 51);
    let known = |forecaster: &mut Forecaster, number, second| {
        forecaster.forecast(series(number), after(second)).at(Horizon::After1s) != Quantiles::ZERO
    };
    assert!(!known(&mut forecaster, 4, 51) && known(&mut forecaster, 3, 51));
    // Nor is it looked for again at once.
    moves(&mut forecaster, 4, 60);
    assert!(!known(&mut forecaster, 4, 60));
    moves(&mut forecaster, 4, 63);
    assert!(!known(&mut forecaster, 2, 63), "2 was idle for the longest time");
    assert!([1, 3, 4].into_iter().all(|number| known(&mut forecaster, number, 63)));
    forecaster.forget(series(1));
    assert_eq!(forecaster.series_count(), 2);
}

#[test]
fn directions_and_totals_are_series_of_their_own() {
    let mut forecaster = Forecaster::new(Settings::default());
    let device = DeviceId::Mac(MacAddress([2, 0, 0, 0, 0, 1]));
    let all = [
        Series::Device(device, Direction::Download),
        Series::Device(device, Direction::Upload),
        Series::Class(TrafficClass::Web, Direction::Download),
        Series::Link(LinkId(0), Direction::Upload),
    ];
    for second in 0..60 {
        for (series, step) in all.into_iter().zip(1..) {
            forecaster.observe(series, free(step * 10_000_000), after(second));
        }
    }
    for (series, step) in all.into_iter().zip(1..) {
        let forecast = forecaster.forecast(series, after(59));
        check_between(&forecast, step * 5_000_000, step * 40_000_000);
        assert_eq!(series.direction(), all[step as usize - 1].direction());
    }
}

fn laws() -> ProptestConfig {
    let rng_algorithm = RngAlgorithm::XorShift;
    ProptestConfig { cases: 300, failure_persistence: None, rng_algorithm, ..ProptestConfig::default() }
}

/// One thing that happens to a series: seconds that pass (or go back), and a usage.
fn event() -> impl Strategy<Value = (i64, Usage)> {
    let step = prop_oneof![20 => Just(1i64), 2 => 0i64..5, 1 => 5i64..100, 1 => -200i64..0, 1 => 0i64..10_000_000];
    let rate = prop_oneof![
        4 => Just(0u64),
        8 => 0u64..10_000_000,
        2 => 0u64..=1_000_000_000_000,
        1 => Just(1_000_000_000_000),
        1 => Just(u64::MAX),
        1 => 0u64..10,
    ];
    let usage = (rate, prop::bool::weighted(0.2)).prop_map(|(bps, held_back)| {
        let rate = BitRate::from_bps(bps);
        if held_back { Usage::Backlogged(rate) } else { Usage::Free(rate) }
    });
    (step, usage)
}

proptest! {
    #![proptest_config(laws())]

    #[test]
    fn nothing_it_is_fed_makes_it_absurd(
        events in prop::collection::vec((event(), 0u8..3), 0..150),
        repeat in 1u64..40,
    ) {
        let mut forecaster = Forecaster::new(Settings { max_series: 2, ..Settings::default() });
        let mut seconds = 1_700_000_000i64;
        let mut most = 0u64;
        for ((step, usage), number) in events {
            for _ in 0..(if step == 1 { repeat } else { 1 }) {
                seconds = (seconds + step).max(0);
                let now = Timestamp::from_unix_secs(seconds as u64);
                forecaster.observe(series(number), usage, now);
                most = most.max(usage.rate().as_bps());
                let forecast = forecaster.forecast(series(number), now);
                for horizon in Horizon::ALL {
                    let quantiles = forecast.at(horizon);
                    let [low, middle, high] = [Quantile::P50, Quantile::P90, Quantile::P99].map(|at| quantiles.at(at));
                    prop_assert!(low <= middle && middle <= high);
                    // A sane multiple of what was ever seen, or next to nothing; f32 costs a millionth.
                    prop_assert!(high.as_bps() as f64 <= (most as f64 * 4.000_01).max(160_000.0) + 1.0, "{:?} of {}", quantiles, most);
                }
                prop_assert!(forecaster.hit_permille().is_none_or(|permille| permille <= 1_000));
                prop_assert!(forecaster.series_count() <= 2);
            }
        }
        for scored in forecaster.take_scores() {
            prop_assert!(scored.score.came.as_bps() as f64 <= most as f64 * 1.000_01 + 1.0);
        }
    }

    #[test]
    fn the_same_observations_give_the_same_forecasts(events in prop::collection::vec(event(), 0..100)) {
        let run = || {
            let mut forecaster = Forecaster::new(Settings::default());
            let mut seconds = 1_700_000_000i64;
            events
                .iter()
                .map(|&(step, usage)| {
                    seconds = (seconds + step).max(0);
                    let now = Timestamp::from_unix_secs(seconds as u64);
                    forecaster.observe(series(1), usage, now);
                    forecaster.forecast(series(1), now)
                })
                .collect::<Vec<_>>()
        };
        prop_assert_eq!(run(), run());
    }

    #[test]
    fn held_back_usage_never_lowers_a_level(events in prop::collection::vec((event(), 1u64..100), 1..100)) {
        check_level::<Last>(Member::Last, &events)?;
        check_level::<Ewma>(Member::Ewma, &events)?;
        check_level::<Seasonal>(Member::Seasonal, &events)?;
    }
}

/// A level is finite, within what was seen, and falls only when nothing held the series back.
fn check_level<M: Model + Default>(member: Member, events: &[((i64, Usage), u64)]) -> Result<(), TestCaseError> {
    let mut model = M::default();
    let (mut most, mut second) = (0.0f64, 1_700_000_000);
    let name = member.name();
    for &((_, usage), elapsed_s) in events {
        let before = model.level();
        second += elapsed_s;
        model.observe(usage, elapsed_s, second);
        most = most.max(usage.rate().as_bps() as f64);
        let level = model.level();
        prop_assert!(level.is_finite() && (0.0..=most * 1.000_01 + 1.0).contains(&level), "{}: {}", name, level);
        // What is usual at one hour may be less than at the hour before.
        if let (Usage::Backlogged(rate), true) = (usage, member != Member::Seasonal) {
            prop_assert!(level >= before * 0.999_999, "{}: {} then {} at {}", name, before, level, rate);
        }
    }
    Ok(())
}

#[test]
fn who_only_reacts_says_the_last_value() {
    let mut forecaster = Forecaster::reacting(Settings::default());
    for (second, bps) in [1_000_000, 0, 7_000_000, 3_000_000].into_iter().enumerate() {
        forecaster.observe(series(1), free(bps), after(second as u64));
        let forecast = forecaster.forecast(series(1), after(second as u64));
        check_between(&forecast, bps * 99 / 100, bps * 101 / 100);
    }
}

#[test]
fn on_a_smooth_series_all_together_are_as_good_as_the_moving_average() {
    let mut forecaster = Forecaster::new(Settings::default());
    let rates: Vec<f64> = (0..3_000u32)
        .map(|second| {
            let noise = f64::from(second.wrapping_mul(2_654_435_769) >> 16) / 65_536.0 - 0.5;
            4e7 * (1.0 + 0.1 * (f64::from(second) / 100.0).sin() + 0.02 * noise)
        })
        .collect();
    let at = Horizon::Mean15s.index();
    let mut missed = [0.0; 2];
    for second in 0..rates.len() - 15 {
        let now = after(second as u64);
        let aloud = forecaster.observe_aloud(series(1), free(rates[second] as u64), Context::default(), now);
        if second >= 1_000 {
            let came = rates[second + 1..=second + 15].iter().sum::<f64>() / 15.0;
            let ewma = aloud[Member::Ewma.index()].expect("it has seen the series");
            let said = [forecaster.forecast(series(1), now).quantiles[at], ewma[at]];
            for (missed, said) in missed.iter_mut().zip(said) {
                *missed += (said.at(Quantile::P50).as_bps() as f64 - came).abs();
            }
        }
    }
    assert!(missed[0] <= 1.1 * missed[1], "{missed:?}");
}
