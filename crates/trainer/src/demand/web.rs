//! Pages: what is read, clicked, scrolled.
//!
//! Sizes and pauses have long tails (Crovella and Bestavros 1997, Barford and Crovella 1998): IEEE 802.16m's
//! and 3GPP's models of the web (main part lognormal, parts Pareto, reading about 30 s), grown to today's
//! pages (HTTP Archive 2024: half of them above 2.6 MB, 70 requests).

use super::stage::Stage;
use crate::chance::Chance;

/// A size with a Pareto tail: `least` or more, the fewer the larger.
pub fn pareto(least: f64, shape: f64, most: f64, chance: &mut Chance) -> f64 {
    (least * (1.0 - chance.share()).powf(-1.0 / shape)).min(most)
}

/// Somebody reads: pages, pauses, more of the same page.
pub fn browse(stage: &mut Stage<'_>) {
    let typical = stage.chance.scale(3e4, 3e6);
    let tail = stage.chance.between(1.05, 2.0);
    let reads = stage.chance.scale(3.0, 90.0);
    let parts = stage.chance.count(2, 25);
    let scrolls = stage.chance.between(0.0, 0.7);
    let ads = stage.chance.is(0.3).then(|| stage.chance.scale(10.0, 90.0));
    let stays = stage.chance.scale(60.0, 3_000.0);
    let away = stage.chance.scale(20.0, 2_500.0);
    let polls = stage.chance.is(0.4).then(|| stage.chance.scale(2.0, 60.0));
    let mut at = stage.from + stage.chance.wait(10.0);
    let mut leaves = at + stage.chance.wait(stays);
    while at < stage.until {
        let page = pareto(typical * 0.3, tail, typical * 60.0, stage.chance);
        let mut end = at;
        for _ in 0..parts {
            let share = stage.chance.scale(0.1, 3.0) / parts as f64;
            end = if stage.chance.is(0.3) {
                stage.fetch(end, page * share)
            } else {
                stage.fetch_on(end, page * share, f64::INFINITY)
            };
            // A machine reads what it got before it asks on.
            end += stage.chance.wait(0.08);
        }
        let read = (reads * (1.1 * stage.chance.normal()).exp()).clamp(0.5, 1_200.0);
        let until = end + read;
        read_on(stage, end, until, typical, scrolls, ads, polls);
        at = until;
        if at > leaves {
            at += away * stage.chance.scale(0.1, 3.0);
            leaves = at + stage.chance.wait(stays);
        }
    }
}

/// What a page fetches while it is read.
fn read_on(
    stage: &mut Stage<'_>,
    from: f64,
    to: f64,
    typical: f64,
    scrolls: f64,
    ads: Option<f64>,
    polls: Option<f64>,
) {
    let mut at = from;
    while at < to && stage.chance.is(scrolls) {
        at += stage.chance.wait(6.0) + 0.5;
        let more = typical * stage.chance.scale(0.02, 0.5);
        at = stage.fetch_on(at, more, f64::INFINITY);
    }
    for (every, low, high) in [(ads, 2e4, 1e6), (polls, 300.0, 8e3)] {
        let Some(every) = every else { continue };
        let mut at = from + every * stage.chance.share();
        while at < to {
            let size = stage.chance.scale(low, high);
            stage.fetch_on(at, size, f64::INFINITY);
            at += every * stage.chance.between(0.8, 1.2);
        }
    }
}

/// A messenger: words now and then, a picture or a film among them.
pub fn chat(stage: &mut Stage<'_>) {
    let every = stage.chance.scale(1.0, 40.0);
    let media = stage.chance.scale(0.005, 0.2);
    let (talks, rests) = (stage.chance.scale(20.0, 600.0), stage.chance.scale(20.0, 2_000.0));
    let mut at = stage.from;
    let mut rest = at + stage.chance.wait(talks);
    while at < stage.until {
        if stage.chance.is(media) {
            let size = pareto(3e4, 0.9, 3e7, stage.chance);
            at = stage.fetch(at, size);
        } else {
            stage.speck(at, 100.0, 2_500.0);
        }
        at += stage.chance.wait(every);
        if at > rest {
            at += stage.chance.wait(rests);
            rest = at + stage.chance.wait(talks);
        }
    }
}

/// Questions and answers: assistants, maps, searching, tapping: some kilobytes a time, a picture now and then.
pub fn tap(stage: &mut Stage<'_>) {
    let size = stage.chance.scale(1e3, 3e5);
    let every = stage.chance.scale(1.0, 25.0);
    let (works, rests) = (stage.chance.scale(10.0, 400.0), stage.chance.scale(10.0, 900.0));
    let spread = stage.chance.between(0.3, 1.8);
    let mut at = stage.from;
    let mut rest = at + stage.chance.wait(works);
    while at < stage.until {
        let this = size * (spread * stage.chance.normal()).exp();
        let end = stage.fetch_on(at, this.min(2e7), f64::INFINITY);
        at = end + stage.chance.wait(every);
        if at > rest {
            at += stage.chance.wait(rests);
            rest = at + stage.chance.wait(works);
        }
    }
}
