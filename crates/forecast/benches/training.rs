//! What a night's training costs: `cargo bench -p forecast --bench training`. One day of 50 series, on two threads,
//! as `equalnet train` learns it.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // A bench measures time.

use forecast::{Curriculum, Family, Kind, Lesson, School};
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use vocab::{BitRate, TrafficClass, Usage};

const SERIES: u64 = 50;
const DAY: u64 = 86_400;
const THREADS: usize = 2;

/// An hour of something: bursts of its own length, at its own rate, now and then something else.
fn lesson(series: u64, hour: u64) -> Lesson {
    let class = TrafficClass::ALL[series as usize % TrafficClass::COUNT];
    let (every, last, kbps) = (8 + series * 7 % 40, 2 + series % 6, 200 << (series % 7));
    let mut state = (series * 24 + hour + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let seconds = (0..DAY / 24).map(|second| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let part = 50 + state % 100;
        let rate = if second % every < last { kbps * part / 100 } else { part / 20 };
        Some(Usage::Free(BitRate::from_kbps(rate)))
    });
    Lesson::new(Kind::Aggregate(class), 0, seconds.collect())
}

fn main() -> std::io::Result<()> {
    let lessons: Vec<Lesson> = (0..SERIES).flat_map(|series| (0..24).map(move |hour| lesson(series, hour))).collect();
    let begin = Instant::now();
    let school = School::open(&lessons, &Curriculum::of_own(1)).expect("a day is long enough");
    let drawn = begin.elapsed().as_secs_f64();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut learnt = Vec::new();
        while let Some(part) = school.parts().get(next.fetch_add(1, Ordering::Relaxed)) {
            learnt.extend(school.learn(part, &mut |_| ControlFlow::Continue(())));
        }
        learnt
    };
    let learnt: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("learning does not panic")).collect()
    });
    let (all, family) = (begin.elapsed().as_secs_f64(), Family::of(learnt));
    writeln!(
        std::io::stdout(),
        "one day of {SERIES} series learnt on {THREADS} threads: {all:.1} s ({drawn:.1} s of it {} rows), {} networks",
        school.rows(),
        family.networks().len()
    )
}
