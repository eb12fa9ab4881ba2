//! Games: state at a tick, rounds and lobbies, worlds that are loaded; pictures from elsewhere; headsets.
//!
//! 5 to 128 ticks a second of 40 to 600 bytes (Feng et al. 2005, Claypool 2005, Svoboda et al. 2007); games
//! rendered elsewhere 5 to 50 Mbit/s at 30 to 120 frames (Di Domenico et al. 2021); extended reality: 3GPP
//! TR 38.838 (30 to 60 Mbit/s at 60 frames, streams of poses and of light scenes far below).

use super::stage::Stage;

/// Rounds of a game: waiting, loading, playing, over.
pub fn rounds(stage: &mut Stage<'_>) {
    let rate = stage.chance.scale(300.0, 7e4);
    let idle = rate * stage.chance.scale(0.005, 0.4);
    let noise = stage.chance.scale(0.03, 0.7);
    let sways = stage.chance.scale(0.02, 0.6);
    let lasts = stage.chance.scale(40.0, 2_400.0);
    let lobby = stage.chance.scale(3.0, 240.0);
    let world = stage.chance.scale(1e3, 2e7);
    let back = stage.chance.scale(0.1, 1.5);
    let mut at = stage.from;
    while at < stage.until {
        let until = at + lobby * stage.chance.scale(0.3, 3.0);
        stage.pour(at, until, back, |chance| idle * (1.0 + noise * chance.normal()));
        let load = world * stage.chance.scale(0.2, 3.0);
        at = stage.fetch(until, load);
        let round = lasts * stage.chance.scale(0.3, 2.0);
        let over = (at + round).min(stage.until);
        let mut level = 0.0;
        let grows = if stage.chance.is(0.3) { stage.chance.between(-0.7, 1.2) / round } else { 0.0 };
        let began = at;
        while at < over {
            level += -0.05 * level + sways * 0.3 * stage.chance.normal();
            let here = rate * f64::exp(level + grows * (at - began));
            stage.pour(at, at + 1.0, back, |chance| here * (1.0 + noise * chance.normal()));
            at += 1.0;
        }
    }
}

/// Moves that come one by one: cards, boards, strategy by turns.
pub fn turns(stage: &mut Stage<'_>) {
    let every = stage.chance.scale(0.7, 30.0);
    let (low, spread) = (stage.chance.scale(60.0, 2_000.0), stage.chance.scale(1.5, 30.0));
    let mut at = stage.from;
    while at < stage.until {
        stage.speck(at, low, low * spread);
        at += stage.chance.wait(every) + 0.05;
        if stage.chance.is(0.004) {
            at += stage.chance.scale(5.0, 200.0);
            let art = stage.chance.scale(1e4, 4e6);
            at = stage.fetch(at, art);
        }
    }
}

/// Pictures rendered elsewhere: a rate that follows the scene and the line.
pub fn pictures(stage: &mut Stage<'_>) {
    let most = stage.chance.scale(3e4, 7e6);
    let noise = stage.chance.scale(0.02, 0.4);
    let sways = stage.chance.scale(0.02, 0.5);
    let cuts = stage.chance.scale(5.0, 200.0);
    // Some scenes return: a ring of tiles, a lap, a rehearsed story.
    let round = stage.chance.is(0.35).then(|| (stage.chance.scale(4.0, 90.0), stage.chance.between(0.2, 1.5)));
    let back = stage.chance.scale(0.005, 0.3);
    let mut target = most * stage.chance.between(0.1, 1.0);
    let (mut at, mut level, mut scene) = (stage.from, 0.0, 1.0);
    let mut cut = at;
    let mut leaves = at + stage.chance.scale(120.0, 5_000.0);
    while at < stage.until {
        if at >= cut {
            scene = stage.chance.scale(0.3, 1.3);
            cut = at + stage.chance.wait(cuts);
        }
        if at >= leaves {
            at += stage.chance.scale(5.0, 600.0);
            leaves = at + stage.chance.scale(120.0, 5_000.0);
        }
        level += -0.1 * level + 0.4 * sways * stage.chance.normal();
        let phase = round.map_or(0.0, |(period, depth)| depth * (std::f64::consts::TAU * at / period).sin().signum());
        let wants = target * scene * f64::exp(level + phase);
        let came = stage.pour(at, at + 0.5, back, |chance| wants * (1.0 + noise * chance.normal()));
        target = if came < 0.95 { target * came.max(0.4) * 0.9 } else { (target * 1.02).min(most) };
        at += 0.5;
    }
}
