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
