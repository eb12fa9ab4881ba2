//! What a second costs: `cargo bench -p forecast`. 1,000 series observed and forecast each second.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // A bench measures time.

use forecast::{Forecaster, Series, Settings};
use std::hint::black_box;
use std::io::Write;
use std::time::Instant;
use vocab::{Aggregate, BitRate, DeviceId, Direction, MacAddress, Timestamp, TrafficClass, Usage};

fn main() -> std::io::Result<()> {
    let mut forecaster = Forecaster::new(Settings::default());
    let all: Vec<Series> = (0..1_000u16)
        .map(|number| {
            let [high, low] = number.to_be_bytes();
            let device = DeviceId::Mac(MacAddress([2, 0, 0, 0, high, low]));
            let class = TrafficClass::ALL[usize::from(number) % TrafficClass::COUNT];
            Series::Aggregate(Aggregate { device, class }, Direction::Download)
        })
        .collect();
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let (mut observe, mut forecast) = (Vec::new(), Vec::new());
    for second in 0..300 {
        let at = Timestamp::from_unix_secs(1_700_000_000 + second);
        let begin = Instant::now();
        for &series in &all {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            forecaster.observe(series, Usage::Free(BitRate::from_bps(state % 10_000_000)), at);
        }
        observe.push(begin.elapsed().as_secs_f64() * 1e3);
        let begin = Instant::now();
        for &series in &all {
            black_box(forecaster.forecast(series, at));
        }
        forecast.push(begin.elapsed().as_secs_f64() * 1e3);
        forecaster.take_scores();
    }
    let later = |times: &mut Vec<f64>| {
        let mut times = times.split_off(100);
        times.sort_by(f64::total_cmp);
        (times[times.len() / 2], times[0])
    };
    let ((observe, observe_best), (forecast, forecast_best)) = (later(&mut observe), later(&mut forecast));
    writeln!(
        std::io::stdout(),
        "1,000 series, one second: observe {observe:.2} ms (median of 200; fastest {observe_best:.2}), \
         forecast {forecast:.2} ms (fastest {forecast_best:.2})"
    )
}
