//! A line with a queue, and what is found of it.

use super::*;
use crate::paths::{Mood, Paths};
use Direction::{Download, Upload};
use proptest::prelude::*;
use vocab::FarNetwork;

/// What a second of the world is.
#[derive(Clone, Copy)]
struct World {
    /// What the line carries, kbit/s.
    carries: Directed<u64>,
    /// What is wanted, kbit/s.
    wanted: Directed<u64>,
    /// Round trips of the far networks without a queue, ms; none are seen where there are none.
    far_ms: &'static [u64],
    /// What the line's queue holds at most, ms: 0 where it drops what is too much.
    buffer_ms: u64,
    /// Segments sent again, in thousandths, while the line is overfull.
    again: u16,
    /// Round trips are longer by this, whatever the load.
    elsewhere_ms: u64,
    /// Somebody waits at a ceiling of their own.
    is_capped: bool,
}

const BUSY: World = World {
    carries: Directed { download: 40_000, upload: 8_000 },
    wanted: Directed { download: 200_000, upload: 500 },
    far_ms: &[20, 35, 90],
    buffer_ms: 600,
    again: 0,
    elsewhere_ms: 0,
    is_capped: false,
};

impl std::fmt::Debug for Came {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let search = self.finding.map(|finding| finding.map_or("", |finding| finding.search.name()));
        let (divided, queue_ms) = (self.divided, self.queue_ms);
        for d in Direction::ALL {
            write!(f, "[{d} {} {} ms {}] ", divided[d], queue_ms[d], search[d])?;
        }
        Ok(())
    }
}

/// Autorate before a line, fluid: what is sent beyond what the line carries waits in its queue.
struct Bench {
    autorate: Autorate,
    paths: Paths<FarNetwork>,
    queue_ms: Directed<u64>,
    now: Timestamp,
    load_was: Directed<u64>,
}

/// What came of it.
#[derive(Clone, Copy)]
struct Came {
    divided: Directed<BitRate>,
    queue_ms: Directed<u64>,
    finding: Directed<Option<Finding>>,
}

impl Bench {
    fn new() -> Bench {
        let range = RateRange::new(BitRate::from_mbps(5), BitRate::from_mbps(80));
        let upload = RateRange::new(BitRate::from_mbps(1), BitRate::from_mbps(20));
        let stated = Directed { download: BitRate::from_mbps(30), upload: BitRate::from_mbps(6) };
        let now = Timestamp::from_unix_secs(1_000_000);
        let ranges = Directed { download: range, upload };
        let autorate = Autorate::new(ranges, stated, now).expect("there is a range");
        Bench { autorate, paths: Paths::default(), queue_ms: Directed::default(), now, load_was: Directed::default() }
    }

    fn divided(&self) -> Directed<BitRate> {
        Directed::from_fn(|direction| self.autorate.ways[direction].as_ref().map_or(BitRate::ZERO, |way| way.now))
    }

    fn second(&mut self, world: &World) -> Came {
        self.now = self.now + Duration::from_secs(1);
        let divided = self.divided();
        let sent = Directed::from_fn(|direction| world.wanted[direction].min(divided[direction].as_kbps()));
        let mut over = false;
        let moved = Directed::from_fn(|direction| {
            let carries = world.carries[direction];
            let waiting = self.queue_ms[direction] * carries / 1_000;
            let carried = (sent[direction] + waiting).min(carries);
            let left = sent[direction] + waiting - carried;
            over |= left > 0;
            self.queue_ms[direction] = (left * 1_000 / carries.max(1)).min(world.buffer_ms);
            BitRate::from_kbps(if direction == Download { carried } else { sent[direction] })
        });
        let load = Directed::from_fn(|direction| permille(moved[direction], divided[direction]));
        let calm = Direction::ALL.iter().all(|d| load[*d] < LOADED_PERMILLE && self.load_was[*d] < LOADED_PERMILLE);
        self.load_was = load;
        let late = self.queue_ms.download + self.queue_ms.upload + world.elsewhere_ms;
        let samples = world.far_ms.iter().enumerate().map(|(network, ms)| {
            let far = FarNetwork::of(std::net::IpAddr::from([10, 0, network as u8, 1]));
            (far, Duration::from_millis(ms + late))
        });
        let delay = self.paths.observe(samples, if calm { Mood::Calm } else { Mood::Busy }, self.now);
        let found = self.autorate.observe(&Second {
            now: self.now,
            moved,
            waits: Directed::from_fn(|d| {
                world.is_capped || world.wanted[d] > divided[d].as_kbps() && sent[d] <= world.carries[d]
            }),
            delay,
            noise: self.paths.noise(),
            again_permille: Some(if over { world.again } else { 1 }),
        });
        if let Some(longer) = found.shift {
            self.paths.shift(longer);
        }
        Came { divided: self.divided(), queue_ms: self.queue_ms, finding: self.autorate.findings(self.now) }
    }

    fn run(&mut self, seconds: usize, world: &World) -> Vec<Came> {
        (0..seconds).map(|_| self.second(world)).collect()
    }

    /// Quiet at first, so that usual round trips are known.
    fn after_quiet() -> Bench {
        let mut bench = Bench::new();
        bench.run(20, &World { wanted: Directed { download: 500, upload: 100 }, ..BUSY });
        bench
    }
}

fn last(came: &[Came]) -> Came {
    *came.last().expect("seconds passed")
}

fn search(came: &Came, direction: Direction) -> Search {
    came.finding[direction].expect("it is looked for").search
}

fn changes(came: &[Came], direction: Direction) -> usize {
    came.windows(2).filter(|pair| pair[0].divided[direction] != pair[1].divided[direction]).count()
}

/// In permille of what the line carries, the mean of what is divided; and the median queue, ms.
fn quality(came: &[Came], direction: Direction, carries_kbps: u64) -> (u64, u64) {
    let sum: u64 = came.iter().map(|second| second.divided[direction].as_kbps().min(carries_kbps)).sum();
    let mut queues: Vec<u64> = came.iter().map(|second| second.queue_ms[direction]).collect();
    queues.sort();
    (sum * 1_000 / carries_kbps / came.len() as u64, queues[queues.len() / 2])
}

#[test]
fn a_line_is_found_wherever_it_is() {
    for (direction, carries) in [
        (Download, 12_000),
        (Download, 25_000),
        (Download, 40_000),
        (Download, 70_000),
        (Upload, 2_000),
        (Upload, 15_000),
    ] {
        let mut bench = Bench::after_quiet();
        let mut world = BUSY;
        world.carries[direction] = carries;
        world.wanted = Directed { download: 500, upload: 100 };
        world.wanted[direction] = 200_000;
        bench.run(60, &world);
        let (used, queue_ms) = quality(&bench.run(120, &world), direction, carries);
        assert!(used >= 900, "{direction} {carries}: {used} permille");
        assert!(queue_ms <= 15, "{direction} {carries}: {queue_ms} ms");
    }
}

#[test]
fn a_steady_line_has_a_steady_capacity() {
    let mut bench = Bench::after_quiet();
    bench.run(1_500, &BUSY);
    let came = bench.run(1_200, &BUSY);
    // It looks for more every ten minutes: up, and back again.
    assert!(changes(&came, Download) <= 12, "{} changes", changes(&came, Download));
    assert_eq!(changes(&came, Upload), 0);
    assert_eq!(last(&came).finding.download.map(|finding| finding.confidence), Some(Confidence::High));
}

#[test]
fn a_line_that_carries_less_of_a_sudden_is_followed_in_seconds() {
    let mut bench = Bench::after_quiet();
    bench.run(100, &BUSY);
    let mut world = BUSY;
    world.carries.download = 10_000;
    let came = bench.run(12, &world);
    assert!(last(&came).divided.download <= BitRate::from_mbps(10), "{came:?}");
    let came = bench.run(30, &world);
    assert!(last(&came).queue_ms.download <= 15, "{came:?}");
    world.carries.download = 60_000;
    let came = bench.run(120, &world);
    assert!(last(&came).divided.download >= BitRate::from_mbps(50), "{}", last(&came).divided.download);
}

#[test]
fn an_idle_line_goes_back_to_what_is_usual() {
    let mut bench = Bench::after_quiet();
    bench.run(200, &BUSY);
    let idle = World { wanted: Directed { download: 200, upload: 50 }, ..BUSY };
    let came = bench.run(900, &idle);
    let usual = BitRate::from_mbps(30);
    assert!(permille(last(&came).divided.download, usual).abs_diff(1_000) <= WORTH_PERMILLE);
    assert_eq!(changes(&came[600..], Download), 0);
}

/// What the search is at after a while in a world that changes once, and how far the download is from stated (1000).
fn check(what: &str, before: &World, seconds: usize, after: &World, expected: impl Fn(Search, u64) -> bool) {
    let mut bench = Bench::after_quiet();
    bench.run(60, before);
    let came = last(&bench.run(seconds, after));
    let of_stated = permille(came.divided.download, BitRate::from_mbps(30));
    assert!(expected(search(&came, Download), of_stated), "{what}: {:?}, {of_stated}", search(&came, Download));
}

#[test]
fn what_is_not_the_load_takes_nothing_away() {
    let idle = World { wanted: Directed { download: 500, upload: 100 }, ..BUSY };
    let stays = |_, of_stated| of_stated >= 950;
    check("one far server is slow", &idle, 60, &World { far_ms: &[20, 35, 900], ..BUSY }, stays);
    check("the path is longer, at rest", &idle, 60, &World { elsewhere_ms: 80, ..idle }, stays);
    check("the path is longer, when busy", &BUSY, 60, &World { elsewhere_ms: 80, ..BUSY }, |search, of_stated| {
        !matches!(search, Search::Blind(_)) && of_stated >= 950
    });
    let one = World { far_ms: &[20], ..BUSY };
    check("one far network, quiet link", &idle, 3, &World { far_ms: &[400], ..idle }, stays);
    check("one far network, and the link is full", &one, 60, &one, |_, of_stated| (1_200..1_400).contains(&of_stated));
}

/// Seconds of delay that is not the load, every so many seconds for ten minutes, with so much wanted: what is divided
/// then, and the least of the last minute.
fn spiked(wanted_kbps: u64, every: usize, lasts: usize) -> (BitRate, BitRate) {
    let mut bench = Bench::after_quiet();
    let calm = World { wanted: Directed { download: wanted_kbps, upload: 100 }, ..BUSY };
    let mut came = bench.run(60, &calm);
    for _ in 0..600 / every {
        came.extend(bench.run(lasts, &World { elsewhere_ms: 120, ..calm }));
        came.extend(bench.run(every - lasts, &calm));
    }
    let divided = |came: &Came| came.divided.download;
    (divided(&last(&came)), came[came.len() - 60..].iter().map(divided).max().expect("a minute passed"))
}

#[test]
fn delay_that_goes_by_itself_leaves_a_light_line_what_it_had() {
    let usual = BitRate::from_mbps(30);
    for (wanted, every, lasts) in [(4_500, 600, 2), (4_500, 60, 2), (4_500, 20, 4), (12_000, 600, 2), (12_000, 60, 2)] {
        let (last, most) = spiked(wanted, every, lasts);
        assert_eq!((last, most), (usual, usual), "{wanted} kbit/s, {lasts} s of each {every}");
    }
}

#[test]
fn who_waits_at_a_ceiling_of_their_own_is_no_load() {
    for wanted in [500, 2_000, 4_000, 8_000] {
        let world = World { wanted: Directed { download: wanted, upload: 100 }, is_capped: true, ..BUSY };
        let mut bench = Bench::after_quiet();
        bench.run(300, &world);
        let usual = Directed { download: BitRate::from_mbps(30), upload: BitRate::from_mbps(6) };
        assert_eq!(bench.divided(), usual, "{wanted}");
        bench.run(100, &BUSY);
        assert!(bench.divided().download > BitRate::from_mbps(35));
        bench.run(600, &world);
        let left = permille(bench.divided().download, usual.download);
        assert!(left.abs_diff(1_000) <= WORTH_PERMILLE, "{wanted}: it goes back: {left}");
    }
}

#[test]
fn a_line_below_the_bounds_gets_the_least() {
    for carries in [4_500, 4_000, 2_000] {
        let mut bench = Bench::after_quiet();
        let mut world = BUSY;
        bench.run(60, &world);
        world.carries.download = carries;
        bench.run(60, &world);
        let came = bench.run(600, &world);
        let least = BitRate::from_mbps(5);
        assert!(came.iter().all(|came| came.divided.download == least), "{carries}: {:?}", last(&came));
    }
}

#[test]
fn it_says_where_it_is_blind_and_keeps_what_is_stated() {
    let blind = |why| move |search: Search, of_stated: u64| search == Search::Blind(why) && of_stated == 1_000;
    let unseen = World { far_ms: &[], ..BUSY };
    check("no round trips", &BUSY, 40, &unseen, blind(Blindness::NothingMeasured));
    check("round trips are back", &unseen, 60, &BUSY, |search, _| !matches!(search, Search::Blind(_)));
    let policed = World { buffer_ms: 0, again: 30, ..BUSY };
    check("the line drops", &BUSY, 200, &policed, blind(Blindness::DropsInstead));
    check("no round trips, at rest", &BUSY, 300, &World { wanted: Directed::default(), ..unseen }, |search, _| {
        !matches!(search, Search::Blind(_))
    });
    // Round trips that are longer every half minute, whatever is on the link.
    let mut bench = Bench::after_quiet();
    let mut told = Vec::new();
    for times in 1..8 {
        let late = World { elsewhere_ms: times * 100, wanted: Directed { download: 28_000, upload: 500 }, ..BUSY };
        told.extend(bench.run(30, &late).iter().map(|came| search(came, Download)));
    }
    assert!(told.contains(&Search::Blind(Blindness::NoReaction)), "{told:?}");
    assert_eq!(bench.divided().download, BitRate::from_mbps(30));
    bench.run(700, &BUSY);
    assert!(bench.divided().download > BitRate::from_mbps(35), "after ten minutes it looks again");
}

#[test]
fn the_fuller_direction_is_tried_first_and_then_the_other() {
    let mut bench = Bench::after_quiet();
    let both = World { wanted: Directed { download: 20_000, upload: 200_000 }, ..BUSY };
    bench.run(150, &both);
    assert!(permille(bench.divided().upload, BitRate::from_kbps(8_000)).abs_diff(950) <= 80, "{:?}", bench.divided());
    // The download carries less than it moves, and the upload is the fuller one.
    let mut world = both;
    world.carries.download = 12_000;
    let came = bench.run(60, &world);
    let divided = bench.divided();
    assert!(divided.download <= BitRate::from_mbps(13), "{came:#?}");
    assert!(divided.upload >= BitRate::from_kbps(7_000), "{divided:?}");
}

#[test]
fn a_clock_that_jumps_changes_nothing() {
    for jump in [-7_200_i64, -1, 30, 7_200] {
        let mut bench = Bench::after_quiet();
        bench.run(300, &BUSY);
        let before = bench.divided().download;
        let secs = bench.now.as_unix_secs().saturating_add_signed(jump);
        bench.now = Timestamp::from_unix_secs(secs);
        let came = bench.run(3, &BUSY);
        assert!(came.iter().all(|came| came.divided.download == before), "{jump}: {before} {came:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_happens_the_bounds_hold(
        seconds in proptest::collection::vec(
            (0..200_000_000u64, 0..50_000_000u64, any::<(bool, bool)>(), 0..4usize, 0..2_000u64, 0..100u16, 0..4_000u64), 1..200),
    ) {
        let mut bench = Bench::new();
        let mut now = bench.now;
        for (download, upload, (d, u), networks, added, again, ms) in seconds {
            // Mostly a second, sometimes none, sometimes four.
            now = now + Duration::from_millis(if ms % 8 == 0 { ms } else { 1_000 });
            let delay = (networks > 0).then(|| Delay { added: Duration::from_millis(added), networks });
            let before = bench.divided();
            let found = bench.autorate.observe(&Second {
                now,
                moved: Directed { download: BitRate::from_bps(download), upload: BitRate::from_bps(upload) },
                waits: Directed { download: d, upload: u },
                delay,
                noise: Duration::from_millis(added / 10),
                again_permille: Some(again),
            });
            for direction in Direction::ALL {
                let way = bench.autorate.ways[direction].as_ref().unwrap();
                prop_assert_eq!(found.capacity[direction], Some(way.now));
                prop_assert!(way.range.min() <= way.now && way.now <= way.range.max());
                if way.is_blind() {
                    prop_assert_eq!(way.now, way.stated, "blind, it is as stated");
                }
                let rise = permille(way.now, before[direction]);
                if way.search == Search::Rising {
                    prop_assert!(rise <= 1_100, "steps up are small: {}", rise);
                }
                if networks == 0 && !d && !u && download < 1_000 && !way.is_blind() {
                    prop_assert!(rise <= 1_000 || way.search != Search::Rising, "nothing is tried without a load");
                }
            }
        }
    }

    /// Whatever the delay does, and whoever waits at a ceiling: less than half of what is divided fills nothing.
    #[test]
    fn where_nothing_was_ever_half_full_the_usual_comes_back_and_stays(
        seconds in proptest::collection::vec((0..=500u64, 0..=500u64, any::<(bool, bool)>(), 0..4usize, 0..600u64), 1..300),
        load in 0..=500u64,
    ) {
        let mut bench = Bench::new();
        let calm = [(load, load, (true, true), 3, 0)].into_iter().cycle().take(900);
        let usual = bench.divided();
        let count = seconds.len();
        for (n, (download, upload, (d, u), networks, added)) in seconds.into_iter().chain(calm).enumerate() {
            bench.now = bench.now + Duration::from_secs(1);
            let now = bench.divided();
            let permille = Directed { download, upload };
            bench.autorate.observe(&Second {
                now: bench.now,
                moved: Directed::from_fn(|direction| now[direction].mul_ratio(permille[direction], 1_000)),
                waits: Directed { download: d, upload: u },
                delay: (networks > 0).then(|| Delay { added: Duration::from_millis(added), networks }),
                noise: Duration::ZERO,
                again_permille: None,
            });
            if n > count + 10 {
                prop_assert_eq!(bench.divided(), usual, "{} s after", n - count);
            }
        }
    }

    /// Whatever was, a quarter of an hour of a calm line ends it.
    #[test]
    fn from_any_state_a_calm_line_brings_the_usual_back(
        seconds in proptest::collection::vec(
            (0..100_000u64, 0..30_000u64, any::<(bool, bool)>(), 0..4usize, 0..2_000u64, 0..100u16), 1..200),
    ) {
        let mut bench = Bench::new();
        let usual = bench.divided();
        let calm = [(400, 100, (false, false), 3, 0, 0)].into_iter().cycle().take(900);
        for (download, upload, (d, u), networks, added, again) in seconds.into_iter().chain(calm) {
            bench.now = bench.now + Duration::from_secs(1);
            bench.autorate.observe(&Second {
                now: bench.now,
                moved: Directed { download: BitRate::from_kbps(download), upload: BitRate::from_kbps(upload) },
                waits: Directed { download: d, upload: u },
                delay: (networks > 0).then(|| Delay { added: Duration::from_millis(added), networks }),
                noise: Duration::ZERO,
                again_permille: Some(again),
            });
        }
        for direction in Direction::ALL {
            let left = permille(bench.divided()[direction], usual[direction]);
            prop_assert!(left.abs_diff(1_000) <= WORTH_PERMILLE, "{} {}", direction, left);
        }
    }
}
