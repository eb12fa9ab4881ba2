//! What machines do by themselves: beats, messages, readings, synchronisation, cameras.
//!
//! Beats of 15 s to 30 min (MQTT's keep-alive, push services: XEP-0198, Apple's and Google's documentation),
//! reports in batches, mail every some minutes, photos when there is time.

use super::stage::Stage;
use super::web::pareto;

/// Several kinds of beats and batches at once.
pub fn murmur(stage: &mut Stage<'_>) {
    for _ in 0..stage.chance.count(1, 7) {
        let every = stage.chance.scale(0.8, 1_200.0);
        let regular = stage.chance.is(0.55);
        let size = stage.chance.scale(60.0, 3e4) * (every / 1_000.0).powf(0.4);
        let spread = stage.chance.between(0.0, 1.6);
        let answers = stage.chance.count(1, 5);
        let mut at = stage.from + every * stage.chance.share();
        while at < stage.until {
            let mut end = at;
            for _ in 0..answers {
                let this = (size * (spread * stage.chance.normal()).exp()).min(5e6);
                end = stage.fetch_on(end, this, f64::INFINITY) + stage.chance.wait(0.3);
            }
            at +=
                if regular { every * (1.0 + 0.01 * stage.chance.normal()).max(0.5) } else { stage.chance.wait(every) };
            at = at.max(end - every);
        }
    }
}

/// Now and then a batch of things: photos, mail, a feed fetched ahead, a small update.
pub fn batches(stage: &mut Stage<'_>) {
    let every = stage.chance.scale(40.0, 2_400.0);
    let least = stage.chance.scale(2e3, 3e5);
    let shape = stage.chance.between(0.8, 1.6);
    let many = stage.chance.count(1, 30);
    let gap = stage.chance.scale(0.02, 5.0);
    let most = if stage.chance.is(0.3) { stage.chance.scale(2e4, 2e6) } else { f64::INFINITY };
    let mut at = stage.from + stage.chance.wait(every) * 0.5;
    while at < stage.until {
        for _ in 0..stage.chance.count(1, many) {
            let size = pareto(least, shape, 4e7, stage.chance);
            at = stage.fetch_on(at, size, most) + stage.chance.wait(gap);
        }
        at += stage.chance.wait(every);
    }
}

/// A camera or a sensor that sends when something moves, or always.
pub fn eye(stage: &mut Stage<'_>) {
    let rate = stage.chance.scale(2e3, 5e5);
    let noise = stage.chance.scale(0.03, 0.6);
    let always = stage.chance.is(0.3);
    let (sees, rests) = (stage.chance.scale(4.0, 120.0), stage.chance.scale(10.0, 1_500.0));
    let idle = if stage.chance.is(0.5) { 0.0 } else { rate * stage.chance.scale(0.001, 0.1) };
    let mut at = stage.from;
    while at < stage.until {
        if !always {
            let until = at + stage.chance.wait(rests);
            stage.pour(at, until, 0.05, |chance| idle * (1.0 + noise * chance.normal()));
            at = until;
        }
        let until = at + stage.chance.wait(sees) + 1.0;
        let here = rate * stage.chance.scale(0.6, 1.6);
        stage.pour(at, until, 0.05, |chance| here * (1.0 + noise * chance.normal()));
        at = until;
    }
}
