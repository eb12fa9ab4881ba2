use super::*;
use std::time::Duration;

fn at(micros: u64) -> Timestamp {
    Timestamp::from_unix_secs(1_700_000_000) + Duration::from_micros(micros)
}

/// Packets as (micros since the one before, bytes, from whom).
fn moved(packets: impl IntoIterator<Item = (u64, usize, bool)>) -> Behavior {
    let mut behavior = Behavior::default();
    let mut now = 0;
    for (gap, size, from_initiator) in packets {
        now += gap;
        behavior.push(from_initiator, size, at(now));
    }
    behavior
}

#[test]
fn gaps_keep_their_octave() {
    for micros in [0, 1, 2, 3, 7, 8, 9, 20_000, 1_000_000, 3_600_000_000] {
        let back = gap_micros(gap_code(micros));
        assert!(back <= micros.max(1) && back >= micros - micros / 8, "{micros} became {back}");
    }
    assert_eq!(gap_code(u64::MAX), 255);
}

#[test]
fn is_as_small_as_promised() {
    assert!(size_of::<Behavior>() <= 104, "{}", size_of::<Behavior>());
}

#[test]
fn nothing_is_said_too_early() {
    let early = moved((0..FEWEST - 1).map(|n| (10_000, 172, n % 2 == 0)));
    assert_eq!(early.opinion(&Model::built_in(), false), None);
    assert_eq!(early.rhythm(), None);
}

#[test]
fn any_flow_has_chances_that_add_up() {
    for stream in [false, true] {
        for (gap, size) in [(0, 0), (0, 65_535), (1, 1), (u64::MAX >> 30, 1_400), (20_000, 172)] {
            let behavior = moved((0..PACKETS + 5).map(|n| (gap, size, n % 3 == 0)));
            let row = features(&behavior, stream);
            assert!(row.iter().all(|value| value.is_finite()), "{row:?}");
            let sum: f32 = Model::built_in().chances(&row).iter().sum();
            assert!((sum - 1.0).abs() < 1e-4, "{sum}");
        }
    }
}

#[test]
fn says_its_rhythm_in_words() {
    let check = |behavior: Behavior, words: &str| {
        assert_eq!(behavior.rhythm().expect("enough packets").to_string(), words);
    };
    check(moved((0..30).map(|n| (16_384, 172, n % 2 == 0))), "61 packets/s of 172 bytes both ways");
    check(
        moved((0..30).map(|_| (16_384, 1_316, false))),
        "61 packets/s of 1316 bytes, only from the one that was asked",
    );
}

#[test]
fn knows_what_moves_like_a_textbook() {
    let check = |what: &str, stream: bool, behavior: Behavior, class: Option<TrafficClass>| {
        let said = behavior.opinion(&Model::built_in(), stream);
        assert_eq!(
            said.map(|opinion| opinion.class),
            class,
            "{what}: {:?}",
            behavior.likeliest(&Model::built_in(), stream)
        );
    };
    // G.711 in SRTP, 20 ms both ways (RFC 3551, RFC 3711).
    let voice = moved((0..30).map(|n| (if n % 2 == 0 { 6_300 } else { 13_700 }, 182, n % 2 == 0)));
    check("a voice", false, voice, Some(TrafficClass::Voice));
    // A hello, the server's flight, then full segments up, a window of ten at a time (RFC 6928).
    let hello = [(0, 517, true), (30_000, 1_448, false), (20, 1_448, false), (20, 900, false), (4_000, 80, true)];
    let segments = (0..25).map(|n| (if n % 10 == 0 { 40_000 } else { 130 }, 1_448, true));
    check("an upload", true, moved(hello.into_iter().chain(segments)), Some(TrafficClass::Backup));
    // A register read every second over Modbus: 12 bytes, 29 bytes.
    let polled = moved((0..30).map(|n| if n % 2 == 0 { (1_000_000, 12, true) } else { (4_000, 29, false) }));
    check("a poll", true, polled, Some(TrafficClass::Update));
    // Sizes and pauses without any order.
    let random = |n: u64| {
        let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 27)) >> 20
    };
    let noise =
        moved((1..31).map(|n| (random(n) % 900_000, (random(n + 99) % 1_400) as usize, random(n + 7) % 2 == 0)));
    check("noise", false, noise, None);
}

#[test]
fn what_moved_little_has_outgrown_nothing() {
    let classes = (0..TrafficClass::COUNT).filter_map(TrafficClass::from_index);
    for (class, played) in classes.flat_map(|class| [(class, Played::Here), (class, Played::Elsewhere)]) {
        for (up, down) in [(OUTGROWS - 1, 0), (0, OUTGROWS - 1), (OUTGROWS - 1, OUTGROWS - 1)] {
            for age in [Duration::from_millis(1), Duration::from_secs(5), Duration::from_secs(60)] {
                let moved = Moved { to_initiator: down, from_initiator: up, age, active: age / 2, pace: 0 };
                assert_eq!(outgrown(class, played, moved), None, "{class} {moved:?}");
            }
        }
    }
}
