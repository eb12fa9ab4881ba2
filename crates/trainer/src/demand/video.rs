//! Video and sound on demand, live, and short: players that fill a buffer and keep it full.
//!
//! DASH (ISO/IEC 23009-1) and HLS (RFC 8216: targets of 6 s, 10 s before) fetch segments of 1 to 10 s from a
//! ladder of rates; a player fills its buffer as fast as it can, then fetches as it plays (on and off: Rao et
//! al. 2011, "Network characteristics of video streaming traffic"; Akhshabi et al. 2012). YouTube sent blocks of
//! 64 kB at 1.25 times the rate (Ghobadi et al. 2012), now asks for ranges of its own size (Mondal et al. 2017).
//! Rates are chosen by throughput, by buffer (Huang et al. 2014), or by the viewer.

use super::stage::Stage;
use crate::chance::Chance;

/// A player and what it plays, alike for a whole series.
pub struct Player {
    /// Bytes a second of each quality.
    ladder: Vec<f64>,
    /// The best that the screen, the plan or the viewer allows.
    best: usize,
    /// Seconds in a segment.
    segment: f64,
    /// Seconds with which it begins to play, refills from, and stops at.
    begins: f64,
    low: f64,
    full: f64,
    sound: Option<Sound>,
    /// How fast the sender sends, over the rate, once playing; infinite where only the line says.
    pace: f64,
    /// How much of what it measures it dares to use, and how quickly it learns.
    dares: f64,
    learns: f64,
    /// How much sizes differ from one segment to the next, and how long a scene lasts in segments.
    spread: f64,
    scene: f64,
    /// Seconds between a viewer's pauses, jumps and changes of quality.
    pauses: f64,
    jumps: f64,
    whims: f64,
    /// Seconds between reports to the sender.
    reports: f64,
}

/// Sound that comes apart from the pictures.
#[derive(Clone, Copy)]
struct Sound {
    /// Bytes a second.
    rate: f64,
    /// Seconds in a piece of it.
    piece: f64,
    /// Whether it is fetched when its own buffer asks, between the pictures, or always along with them.
    by_itself: bool,
}

impl Player {
    pub fn draw(chance: &mut Chance) -> Player {
        let rungs = if chance.is(0.25) { 1 } else { chance.count(2, 9) };
        let mut rate = chance.scale(5e3, 8e4);
        let step = chance.between(1.3, 2.3);
        let ladder: Vec<f64> = (0..rungs)
            .map(|_| {
                let here = rate;
                rate *= step * chance.between(0.85, 1.15);
                here.min(2.5e6)
            })
            .collect();
        let segment = if chance.is(0.6) {
            chance.pick(&[1.0, 2.0, 2.0, 4.0, 4.0, 5.0, 5.0, 6.0, 6.0, 8.0, 10.0, 10.0])
        } else {
            // Ranges of a player's own choice.
            chance.scale(2.0, 25.0)
        };
        // One for one, or in refills of many after a long silence (Rao et al. 2011: blocks of 64 kB, or cycles of
        // 2.5 MB and more, most of all on phones).
        let one_for_one = chance.is(0.4);
        let (low, full) = if one_for_one {
            let full = segment + chance.scale(5.0, 240.0);
            (full - segment, full)
        } else {
            let low = chance.scale(3.0, 80.0);
            (low, low + segment + chance.scale(6.0, 150.0))
        };
        // Who only watches does nothing else.
        let restless = chance.is(0.2);
        let mut every = |low, high| if restless { chance.scale(low, high) } else { 1e9 };
        let (pauses, jumps, whims) = (every(100.0, 5_000.0), every(80.0, 5_000.0), every(150.0, 8_000.0));
        Player {
            best: chance.count(0, rungs - 1),
            ladder,
            segment,
            begins: (segment * chance.between(0.3, 2.5)).min(full - segment),
            low,
            full,
            sound: chance.is(0.6).then(|| Sound {
                rate: chance.scale(4e3, 2.4e4),
                piece: segment * chance.pick(&[1.0, 1.0, 1.0, 1.7, 2.0, 4.0]),
                by_itself: chance.is(if one_for_one { 0.6 } else { 0.15 }),
            }),
            pace: if chance.is(0.7) { f64::INFINITY } else { chance.scale(1.1, 8.0) },
            dares: chance.between(0.5, 1.0),
            learns: chance.between(0.1, 0.7),
            spread: if chance.is(0.7) { chance.scale(0.01, 0.4) } else { chance.scale(0.3, 1.1) },
            scene: chance.scale(1.0, 20.0),
            pauses,
            jumps,
            whims,
            reports: chance.scale(4.0, 120.0),
        }
    }

    /// Live: a short buffer, a segment whenever one is ready.
    pub fn live(chance: &mut Chance) -> Player {
        let mut player = Player::draw(chance);
        player.segment = chance.pick(&[1.0, 2.0, 2.0, 4.0, 5.0, 6.0]);
        player.full = player.segment * chance.between(1.5, 5.0);
        player.low = player.full - player.segment;
        player.begins = player.segment;
        player.jumps = 1e9;
        player
    }
}

/// Somebody watches: looks for something, watches it or leaves, looks on.
pub fn watch(stage: &mut Stage<'_>) {
    let mut player = if stage.chance.is(0.15) { Player::live(stage.chance) } else { Player::draw(stage.chance) };
    let alone = stage.chance.is(0.6);
    let length = stage.chance.scale(15.0, 3_000.0);
    let leaves = stage.chance.between(0.0, 0.3);
    let browses = stage.chance.scale(3e4, 4e6);
    let ads = if stage.chance.is(0.35) { stage.chance.between(0.2, 0.9) } else { 0.0 };
    // Somebody opens it, and closes it long before we stop to look.
    let mut at = stage.from + if stage.chance.is(0.4) { stage.chance.scale(1.0, 90.0) } else { 0.0 };
    if stage.chance.is(0.3) {
        stage.until = at + (stage.until - at) * stage.chance.between(0.1, 1.0);
    }
    while at < stage.until {
        if !alone {
            let page = browses * stage.chance.scale(0.2, 2.0);
            at = stage.fetch(at, page) + stage.chance.scale(0.3, 40.0);
        }
        if stage.chance.is(ads) {
            let ad = stage.chance.between(5.0, 31.0);
            at = play(stage, &player, at, ad);
        }
        let lasts = if alone { 1e9 } else { length * stage.chance.scale(0.3, 3.0) };
        at = play(stage, &player, at, lasts);
        if stage.chance.is(0.1) {
            player.best = stage.chance.count(0, player.ladder.len() - 1);
        }
        at += if stage.chance.is(0.6) { stage.chance.between(0.0, 10.0) } else { stage.chance.scale(2.0, 200.0) };
        if stage.chance.is(leaves) {
            at += stage.chance.scale(20.0, 900.0);
        }
    }
}

/// The clock of a playback: how much is in the buffer while time passes.
struct Buffer {
    at: f64,
    seconds: f64,
    playing: bool,
    paused_until: f64,
}

impl Buffer {
    /// Lets time pass; what was played.
    fn pass(&mut self, to: f64) -> f64 {
        let from = self.at.max(self.paused_until.min(to));
        let played = if self.playing { (to - from).max(0.0).min(self.seconds) } else { 0.0 };
        self.seconds -= played;
        if self.seconds <= 0.0 {
            self.playing = false;
        }
        self.at = to;
        played
    }
}

/// Plays `length` seconds of something from `at`; when the viewer is through, or time is.
fn play(stage: &mut Stage<'_>, player: &Player, at: f64, length: f64) -> f64 {
    let mut buffer = Buffer { at, seconds: 0.0, playing: false, paused_until: 0.0 };
    let mut quality = stage.chance.count(0, player.best);
    let mut measured = player.ladder[quality];
    let (mut fetched, mut sound_ahead) = (0.0, 0.0);
    let mut scene = 0.0;
    let mut filling = true;
    let mut fixed_until = 0.0;
    let mut sound_due = 0.0_f64;
    let mut next_pause = at + stage.chance.wait(player.pauses);
    let mut next_jump = at + stage.chance.wait(player.jumps);
    let mut next_whim = at + stage.chance.wait(player.whims);
    let mut next_report = at + player.reports * stage.chance.share();
    // Index and pictures of the whole.
    let head = stage.chance.scale(2e3, 3e5);
    let mut now = stage.fetch(at, head);
    buffer.pass(now);
    while now < stage.until {
        while next_report < now {
            stage.speck(next_report, 200.0, 4_000.0);
            next_report += player.reports * stage.chance.between(0.9, 1.1);
        }
        if now > next_pause {
            buffer.paused_until = now + stage.chance.scale(2.0, 300.0);
            next_pause = buffer.paused_until + stage.chance.wait(player.pauses);
        }
        if now > next_jump {
            // What was fetched is thrown away.
            buffer.seconds = 0.0;
            sound_ahead = 0.0;
            filling = true;
            fetched += stage.chance.scale(10.0, 600.0);
            next_jump = now + stage.chance.wait(player.jumps);
        }
        if now > next_whim {
            quality = stage.chance.count(0, player.ladder.len() - 1);
            fixed_until = now + stage.chance.scale(20.0, 2_000.0);
            if stage.chance.is(0.5) {
                buffer.seconds = buffer.seconds.min(player.segment);
                filling = true;
            }
            next_whim = now + stage.chance.wait(player.whims);
        }
        if fetched >= length {
            // The rest is played from the buffer.
            let ends = now.max(buffer.paused_until) + buffer.seconds;
            return ends;
        }
        if buffer.seconds + player.segment > player.full + 1e-6 {
            filling = false;
        }
        if !filling {
            let wait = (buffer.seconds - player.low).max(0.02);
            // A player looks at its buffer on a timer, not at once.
            let next = now.max(buffer.paused_until) + wait + 0.15 * stage.chance.share();
            if let Some(Sound { rate, piece, by_itself: true }) = player.sound {
                sound_due = sound_due.max(now);
                while sound_due < next {
                    stage.fetch_on(sound_due, rate * piece, f64::INFINITY);
                    sound_due += piece * stage.chance.between(0.97, 1.03);
                    sound_ahead += piece;
                }
            }
            sound_ahead -= buffer.pass(next);
            now = next;
            filling = true;
            continue;
        }
        scene += (-scene / player.scene) + stage.chance.normal() * player.spread * (2.0 / player.scene).sqrt().min(1.0);
        let size = player.ladder[quality] * player.segment * (scene - player.spread * player.spread / 2.0).exp();
        let most = if buffer.playing { player.pace * player.ladder[quality] } else { f64::INFINITY };
        let end = stage.fetch_on(now, size, most);
        let rate = size / (end - now).max(0.01);
        measured += player.learns * (rate - measured);
        sound_ahead -= buffer.pass(end);
        buffer.seconds += player.segment;
        fetched += player.segment;
        now = end;
        if let Some(Sound { rate, piece, .. }) = player.sound
            && sound_ahead < buffer.seconds
        {
            now = stage.fetch_on(now, rate * piece, f64::INFINITY);
            sound_ahead = sound_ahead.max(0.0) + piece - buffer.pass(now);
            sound_due = now + piece * stage.chance.share();
        }
        if buffer.seconds >= player.begins {
            buffer.playing = true;
        }
        if now > fixed_until {
            let fits =
                player.ladder.iter().rposition(|&rate| rate < measured * player.dares).unwrap_or(0).min(player.best);
            // Down at once, up by one.
            quality = if fits > quality { quality + 1 } else { fits };
        }
    }
    now
}

/// Short films, one after another: the next ones are fetched ahead, a swipe brings more.
pub fn swipe(stage: &mut Stage<'_>) {
    let size = stage.chance.scale(2e5, 8e6);
    let stays = stage.chance.scale(3.0, 45.0);
    let ahead = stage.chance.count(0, 4);
    let pieces = stage.chance.count(1, 4);
    let mut at = stage.from;
    for _ in 0..ahead {
        let film = size * stage.chance.scale(0.3, 2.0);
        at = stage.fetch(at, film);
    }
    let mut looks = stage.chance.scale(60.0, 1_500.0);
    while at < stage.until {
        let film = size * stage.chance.scale(0.2, 3.0);
        let mut end = at;
        for piece in 0..pieces {
            end = stage.fetch_on(end, film / pieces as f64, f64::INFINITY);
            if piece > 0 {
                end += stage.chance.between(0.0, stays / 3.0);
            }
        }
        let stay = stays * stage.chance.scale(0.15, 4.0);
        looks -= stay;
        at = end.max(at + stay);
        if looks < 0.0 {
            at += stage.chance.scale(5.0, 400.0);
            looks = stage.chance.scale(60.0, 1_500.0);
        }
    }
}

/// Music and spoken word: tracks of some minutes, fetched whole, in pieces ahead, or as a stream.
pub fn listen(stage: &mut Stage<'_>) {
    let rate = stage.chance.scale(6e3, 1.8e5);
    let mut at = stage.from;
    if stage.chance.is(0.3) {
        // Radio: a rate, sometimes in blocks.
        let block = stage.chance.scale(0.1, 20.0);
        let first = rate * stage.chance.between(1.0, 20.0);
        at = stage.fetch(at, first);
        while at < stage.until {
            stage.fetch_on(at, rate * block, f64::INFINITY);
            at += block * stage.chance.between(0.95, 1.05);
        }
        return;
    }
    let piece = stage.chance.scale(3.0, 400.0);
    let skips = stage.chance.between(0.0, 0.5);
    while at < stage.until {
        let track = stage.chance.between(120.0, 330.0);
        let heard = if stage.chance.is(skips) { track * stage.chance.share() } else { track };
        let mut fetched = 0.0;
        let mut next = at + 0.2;
        while fetched < track && next < at + heard {
            let this = piece.min(track - fetched);
            let end = stage.fetch_on(next, this * rate, f64::INFINITY);
            // Two pieces at once, then one for one.
            next = if fetched == 0.0 { end } else { (next + this * stage.chance.between(0.9, 1.05)).max(end) };
            fetched += this;
        }
        at += heard.max(1.0);
        if stage.chance.is(0.05) {
            at += stage.chance.scale(10.0, 900.0);
        }
    }
}

/// A film fetched as one file at a little more than its rate, block by block.
pub fn progressive(stage: &mut Stage<'_>) {
    let rate = stage.chance.scale(2e4, 8e5);
    let block = stage.chance.pick(&[65_536.0, 65_536.0, 131_072.0, 262_144.0, 524_288.0, 1_048_576.0, 2_097_152.0]);
    let factor = stage.chance.between(1.0, 2.0);
    let mut at = stage.from;
    while at < stage.until {
        let first = rate * stage.chance.scale(3.0, 45.0);
        at = stage.fetch(at, first);
        let mut left = rate * stage.chance.scale(60.0, 4_000.0);
        while left > 0.0 && at < stage.until {
            let end = stage.fetch_on(at, block, f64::INFINITY);
            at = (at + block / (rate * factor) * stage.chance.between(0.9, 1.1)).max(end);
            left -= block;
        }
        at += stage.chance.scale(1.0, 400.0);
    }
}
