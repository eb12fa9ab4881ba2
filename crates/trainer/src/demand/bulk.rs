//! Files: downloads, updates, swarms, backups, speed tests.
//!
//! Sizes with long tails (Downey 2001: lognormal, Pareto above), TCP's rate on a line that wavers, clocks of
//! shops that install between files, pieces of 16 kB to 4 MB in swarms (BEP 3), chunks of 4 to 8 MB in backups.

use super::stage::Stage;
use super::web::pareto;

/// One file after another.
pub fn files(stage: &mut Stage<'_>) {
    let typical = stage.chance.scale(1e6, 4e9);
    let shape = stage.chance.between(0.6, 2.5);
    let gap = stage.chance.scale(0.3, 900.0);
    let most = if stage.chance.is(0.2) { stage.chance.scale(5e4, 1e7) } else { f64::INFINITY };
    let same = stage.chance.is(0.3);
    let mut at = stage.from + stage.chance.wait(20.0);
    while at < stage.until {
        let size = if same { typical } else { pareto(typical * 0.3, shape, typical * 50.0, stage.chance) };
        at = long(stage, at, size, most);
        at += if same { gap * stage.chance.between(0.8, 1.2) } else { stage.chance.wait(gap) };
    }
}

/// A long fetch, asked for in pieces of about a second: losses take a part of the rate (RFC 5681), and it comes
/// back by little; some senders stall.
fn long(stage: &mut Stage<'_>, at: f64, size: f64, most: f64) -> f64 {
    let losses = stage.chance.is(0.4).then(|| stage.chance.scale(3.0, 120.0));
    let stalls = stage.chance.is(0.15).then(|| stage.chance.scale(30.0, 400.0));
    let keeps = stage.chance.between(0.4, 0.8);
    let mut now = stage.fetch(at, (size * 0.02).min(1e6));
    let mut left = size * 0.98;
    // The most of late, and the part of it that the sender dares.
    let (mut rate, mut dares) = (1e6_f64, 1.0);
    while left > 0.0 && now < stage.until {
        let piece = left.min(rate.max(2e4));
        let asked = if losses.is_some() { most.min(rate * dares * 1.3) } else { most };
        let end = stage.fetch_on(now, piece, asked);
        let lasted = (end - now).max(0.02);
        rate = 0.5 * rate + 0.5 * (piece / lasted / dares).max(2e3);
        left -= piece;
        now = end;
        if let Some(every) = losses {
            dares = (dares + 0.05 * lasted).min(1.0);
            if stage.chance.is((lasted / every).min(1.0)) {
                dares = (dares * keeps).max(0.1);
            }
        }
        if let Some(every) = stalls
            && stage.chance.is((lasted / every).min(1.0))
        {
            now += stage.chance.scale(0.5, 15.0);
        }
    }
    now
}

/// The same again and again, some seconds of the line each: parts of an installer, clips, a test bench.
pub fn again(stage: &mut Stage<'_>) {
    let began = stage.from + stage.chance.wait(15.0);
    let probe = stage.chance.scale(2e5, 2e6);
    let first = stage.fetch(began, probe);
    let lasts = stage.chance.scale(1.0, 60.0);
    let size = probe / (first - began).max(0.05) * lasts;
    let gap = lasts * stage.chance.scale(0.05, 8.0);
    let spread = stage.chance.scale(0.01, 0.8);
    let regular = stage.chance.is(0.5);
    let (works, rests) = (stage.chance.scale(60.0, 4_000.0), stage.chance.scale(20.0, 1_500.0));
    let mut at = first + gap * stage.chance.share();
    let mut rest = at + stage.chance.wait(works);
    while at < stage.until {
        let this = size * (spread * stage.chance.normal()).exp();
        at = stage.fetch(at, this);
        at += if regular { gap * stage.chance.between(0.8, 1.2) } else { stage.chance.wait(gap) };
        if at > rest {
            at += stage.chance.wait(rests);
            rest = at + stage.chance.wait(works);
        }
    }
}

/// A shop: some files, each unpacked before the next.
pub fn shop(stage: &mut Stage<'_>) {
    let size = stage.chance.scale(2e6, 4e8);
    let (unpacks, rests) = (stage.chance.scale(0.5, 40.0), stage.chance.scale(60.0, 4_000.0));
    let chunk = stage.chance.scale(1e6, 5e7);
    let mut at = stage.from + stage.chance.wait(rests) * 0.2;
    while at < stage.until {
        for _ in 0..stage.chance.count(1, 12) {
            let mut left = size * stage.chance.scale(0.1, 4.0);
            while left > 0.0 && at < stage.until {
                at = stage.fetch_on(at, chunk.min(left), f64::INFINITY) + stage.chance.wait(unpacks * 0.05);
                left -= chunk;
            }
            at += stage.chance.wait(unpacks);
        }
        at += stage.chance.wait(rests);
    }
}

/// A swarm: many flows that come and go; their sum wavers around what they give.
pub fn swarm(stage: &mut Stage<'_>) {
    let mean = stage.chance.scale(2e4, 8e6);
    let sways = stage.chance.scale(0.1, 1.0);
    let memory = stage.chance.scale(3.0, 120.0);
    let noise = stage.chance.scale(0.1, 1.2);
    let back = stage.chance.scale(0.03, 0.6);
    let mut at = stage.from;
    let mut level = -2.0;
    let mut ends = at + stage.chance.scale(60.0, 7_200.0);
    while at < stage.until {
        level += -level / memory + sways * (2.0 / memory).sqrt() * stage.chance.normal();
        let here = mean * f64::exp(level) * (noise * stage.chance.normal() * 0.5).exp();
        stage.pour(at, at + 1.0, back, |chance| here * (1.0 + noise * chance.normal()).max(0.0));
        at += 1.0;
        if at > ends {
            at += stage.chance.scale(10.0, 1_500.0);
            ends = at + stage.chance.scale(60.0, 7_200.0);
            level = -2.0;
        }
    }
}

/// A backup or a drive that is kept alike: chunk, look, chunk; rests.
pub fn backup(stage: &mut Stage<'_>) {
    let chunk = stage.chance.scale(2e5, 3e7);
    let looks = stage.chance.scale(0.05, 12.0);
    let most = if stage.chance.is(0.5) { stage.chance.scale(3e4, 5e6) } else { f64::INFINITY };
    let (works, rests) = (stage.chance.scale(20.0, 2_000.0), stage.chance.scale(20.0, 2_000.0));
    let mut at = stage.from;
    let mut rest = at + stage.chance.wait(works);
    while at < stage.until {
        let size = chunk * stage.chance.scale(0.3, 1.5);
        at = stage.fetch_on(at, size, most) + stage.chance.wait(looks);
        if at > rest {
            at += stage.chance.wait(rests);
            rest = at + stage.chance.wait(works);
        }
    }
}

/// Speed tests: all that the line gives for 5 to 30 s, again and again.
pub fn tests(stage: &mut Stage<'_>) {
    let lasts = stage.chance.scale(4.0, 60.0);
    let gap = stage.chance.scale(2.0, 400.0);
    let mut at = stage.from + stage.chance.wait(10.0);
    while at < stage.until {
        let end = at + lasts * stage.chance.between(0.9, 1.1);
        stage.pour(at + 0.5, end, 0.03, |_| 1e9);
        at = end + gap * stage.chance.between(0.7, 1.3);
    }
}
