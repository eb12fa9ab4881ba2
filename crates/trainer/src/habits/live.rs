//! Voice, video calls, games: packets at a pace.

use super::Talk;
use crate::chance::Chance;

/// Long enough for all packets that count.
const LONG: f64 = 20_000.0;

/// A codec's packets: every `tick` ms, silence where there is voice activity detection.
struct Voice {
    tick: f64,
    low: usize,
    high: usize,
    /// How long talking and silence last, ms; no silence where 0.
    silence: f64,
    jitter: f64,
}

fn codec(chance: &mut Chance) -> Voice {
    // (ms, payload of RTP): RFC 3551 (G.711, G.722, G.726, G.728, G.729, GSM), RFC 3951 (iLBC), RFC 4867 (AMR),
    // RFC 3558 (EVRC), 3GPP TS 26.445 (EVS), RFC 5574 (Speex); 10 to 60 ms each.
    let (tick, low, high) = match chance.count(0, 11) {
        0 | 1 => {
            let tick = chance.pick(&[10.0, 20.0, 20.0, 20.0, 30.0, 40.0]);
            let size = (8.0 * tick) as usize;
            (tick, size, size)
        }
        2 => {
            let frames = chance.count(1, 6);
            (10.0 * frames as f64, 10 * frames, 10 * frames)
        }
        3 => (20.0, 32, 33),
        4 => chance.pick(&[(20.0, 38, 38), (30.0, 50, 50), (20.0, 80, 80), (20.0, 60, 60), (30.0, 20, 24)]),
        5 | 6 => {
            let size = chance.pick(&[14, 15, 16, 18, 20, 21, 27, 32, 18, 24, 33, 41, 47, 51, 59, 61]);
            (20.0, size, size)
        }
        7 => (20.0, chance.count(18, 40), chance.count(41, 68)),
        // Opus (RFC 6716): 6 to 64 kbit/s, 10 to 120 ms, variable or constant.
        _ => {
            let tick = chance.pick(&[10.0, 20.0, 20.0, 20.0, 20.0, 40.0, 60.0, 60.0, 120.0]);
            let size = (chance.scale(8.0, 64.0) * tick / 8.0).max(10.0);
            if chance.is(0.4) {
                (tick, size as usize, size as usize)
            } else {
                let spread = chance.between(0.1, 0.5);
                ((tick), (size * (1.0 - spread)) as usize, (size * (1.0 + spread)) as usize)
            }
        }
    };
    let silence = if chance.is(0.35) { chance.scale(200.0, 3_000.0) } else { 0.0 };
    Voice { tick, low, high, silence, jitter: chance.scale(0.02, 6.0) }
}

/// Packets of one voice one way; `header` is RTP with extensions, a relay's header and the tag of SRTP.
fn speak(talk: &mut Talk<'_>, up: bool, voice: &Voice, header: usize) {
    let sid = talk.chance.count(1, 8) + header;
    let rest = talk.chance.pick(&[100.0, 160.0, 200.0, 400.0, 1_000.0]);
    let (tick, low, high, silence, jitter) = (voice.tick, voice.low, voice.high, voice.silence, voice.jitter);
    let mut due = talk.chance.between(0.0, tick);
    let mut sent = 0.0;
    let mut change = if silence > 0.0 { talk.chance.wait(silence) } else { f64::MAX };
    let mut talking = silence == 0.0 || talk.chance.is(0.6);
    talk.beside(LONG, move |chance| {
        while due > change {
            talking = !talking;
            change += chance.wait(silence).max(tick);
        }
        let at = (due + chance.normal().abs() * jitter).max(sent + 0.02);
        let pause = at - sent;
        sent = at;
        due += if talking { tick } else { rest };
        (pause, up, if talking { chance.count(low, high) + header } else { sid })
    });
}

/// RTCP (RFC 3550, 6.2: every 5 s) or a keepalive.
fn control(talk: &mut Talk<'_>, up: bool, every: f64, low: usize, high: usize) {
    talk.beside(LONG, move |chance| (every * chance.between(0.5, 1.5), up, chance.count(low, high)));
}

/// 12 bytes of RTP, extensions, SRTP's tag (RFC 3711: 4 or 10), a TURN channel's 4 or an indication's 36.
fn header(chance: &mut Chance) -> usize {
    12 + chance.pick(&[0, 0, 0, 4, 8, 12, 16]) + chance.pick(&[0, 0, 4, 10, 10, 16]) + chance.pick(&[0, 0, 0, 4, 36])
}

pub(super) fn rtp_voice(talk: &mut Talk<'_>) {
    talk.datagrams();
    let voice = codec(talk.chance);
    let header = header(talk.chance);
    let way = talk.chance.count(0, 11);
    if way > 0 {
        speak(talk, true, &voice, header);
    }
    if way != 1 {
        speak(talk, false, &voice, header);
    }
    if talk.chance.is(0.3) {
        control(talk, true, 4_000.0, 48, 130);
        control(talk, false, 4_000.0, 48, 130);
    }
}

pub(super) fn messenger_voice(talk: &mut Talk<'_>) {
    talk.datagrams();
    if talk.chance.is(0.7) {
        talk.ice();
    }
    let voice = codec(talk.chance);
    let mut other = codec(talk.chance);
    if talk.chance.is(0.8) {
        other = Voice { tick: voice.tick, low: voice.low, high: voice.high, ..other };
    }
    let header = header(talk.chance) + talk.chance.count(0, 12);
    speak(talk, true, &voice, header);
    speak(talk, false, &other, header);
    let every = talk.chance.scale(200.0, 3_000.0);
    let (low, spread) = (talk.chance.count(28, 90), talk.chance.count(0, 60));
    control(talk, true, every, low, low + spread);
    control(talk, false, every, low, low + spread);
}

/// A room with several voices: one way up, some ways down.
pub(super) fn group_voice(talk: &mut Talk<'_>) {
    talk.datagrams();
    if talk.chance.is(0.5) {
        for _ in 0..talk.chance.count(1, 3) {
            let (ask, answer) = (talk.chance.count(20, 90), talk.chance.count(20, 90));
            talk.exchange(true, ask, answer);
            talk.near();
        }
    }
    let header = header(talk.chance);
    let mine = codec(talk.chance);
    let silence = talk.chance.scale(500.0, 4_000.0);
    speak(talk, true, &Voice { silence, ..mine }, header);
    for _ in 0..talk.chance.count(1, 3) {
        let other = codec(talk.chance);
        let silence = talk.chance.scale(500.0, 4_000.0);
        speak(talk, false, &Voice { silence, ..other }, header);
    }
    control(talk, true, 2_500.0, 20, 80);
}

/// Pictures one way: `kbps` at `fps`, each cut into equal packets (RFC 7741, RFC 6184), key frames larger.
fn film(talk: &mut Talk<'_>, up: bool, kbps: f64, fps: f64, cut: usize, header: usize) {
    let mean = kbps * 125.0 / fps;
    let pacing = talk.chance.scale(0.02, 3.0);
    let spread = talk.chance.between(0.08, 0.5);
    let equal = talk.chance.is(0.7);
    let ticks = 1_000.0 / fps;
    let wobble = talk.chance.scale(0.1, 6.0);
    let mut queue: Vec<usize> = Vec::new();
    let mut first = talk.chance.is(0.5);
    let mut sent = 0.0;
    let mut due = talk.chance.between(0.0, ticks);
    talk.beside(LONG, move |chance| {
        if let Some(size) = queue.pop() {
            let pause = pacing * chance.between(0.3, 1.7);
            sent += pause;
            return (pause, up, size);
        }
        let key = first || chance.is(0.01);
        first = false;
        let mean = if key { mean * chance.between(3.0, 8.0) } else { mean };
        let bytes = chance.around(mean, spread).max(20);
        let packets = bytes.div_ceil(cut);
        if equal {
            queue = vec![bytes / packets + header; packets];
        } else {
            queue = vec![cut + header; packets - 1];
            queue.insert(0, bytes - cut * (packets - 1) + header);
        }
        let at = (due + chance.normal().abs() * wobble).max(sent + 0.05);
        let pause = at - sent;
        sent = at;
        due = (due + ticks).max(at - ticks);
        (pause, up, queue.pop().unwrap_or(cut))
    });
}

fn frames(chance: &mut Chance) -> (f64, f64) {
    (chance.scale(80.0, 4_500.0), chance.pick(&[7.5, 10.0, 15.0, 15.0, 20.0, 24.0, 25.0, 30.0, 30.0, 30.0, 60.0]))
}

/// Feedback on what came: transport-wide reports every 50 to 100 ms, or some a second (RFC 4585, RFC 8888).
fn feedback(talk: &mut Talk<'_>, up: bool) {
    let every = talk.chance.scale(45.0, 1_200.0);
    let (low, spread) = (talk.chance.count(24, 70), talk.chance.count(2, 80));
    control(talk, up, every, low, low + spread);
}

/// Sound and pictures in one flow (RFC 8843), some ways of each.
pub(super) fn bundled_call(talk: &mut Talk<'_>) {
    talk.datagrams();
    if talk.chance.is(0.7) {
        talk.ice();
    }
    let header = header(talk.chance);
    let cut = talk.chance.count(950, 1_180);
    // An end may only watch (a relay forwards several films), or only show itself.
    let roles = talk.chance.count(0, 9);
    for up in [true, false] {
        if (roles == 0 && up) || (roles == 1 && !up) {
            feedback(talk, up);
            continue;
        }
        let films = if up { talk.chance.pick(&[1, 1, 1, 2, 3]) } else { talk.chance.pick(&[1, 1, 1, 2, 4]) };
        for nth in 0..films {
            let (kbps, fps) = frames(talk.chance);
            film(talk, up, kbps / f64::from(1 << (2 * nth).min(4)), fps, cut, header);
        }
        if talk.chance.is(0.85) {
            let voice = codec(talk.chance);
            speak(talk, up, &voice, header);
        }
        feedback(talk, up);
    }
}

/// Pictures alone, the sound has its own flow; both ways or one, with feedback.
pub(super) fn video_alone(talk: &mut Talk<'_>) {
    talk.datagrams();
    if talk.chance.is(0.3) {
        talk.ice();
    }
    let header = header(talk.chance);
    let cut = talk.chance.count(900, 1_380);
    let ways = talk.chance.count(0, 3);
    for up in [true, false] {
        if ways != usize::from(up) {
            let (kbps, fps) = frames(talk.chance);
            film(talk, up, kbps, fps, cut, header);
        }
        if talk.chance.is(0.9) {
            feedback(talk, up);
        }
    }
}

/// Few large pictures, silence between, sound beside.
pub(super) fn screen_share(talk: &mut Talk<'_>) {
    talk.datagrams();
    if talk.chance.is(0.5) {
        talk.ice();
    }
    let header = header(talk.chance);
    let up = talk.chance.is(0.5);
    let (kbps, fps) = (talk.chance.scale(60.0, 3_000.0), talk.chance.pick(&[1.0, 2.0, 5.0, 5.0, 8.0, 15.0]));
    film(talk, up, kbps, fps, 1_150, header);
    for way in [true, false] {
        if talk.chance.is(0.8) {
            let voice = codec(talk.chance);
            speak(talk, way, &voice, header);
        }
        feedback(talk, way);
    }
}

/// A protocol of its own: a greeting, then sound and pictures with headers of its own, forward error
/// correction, probes.
pub(super) fn proprietary_call(talk: &mut Talk<'_>) {
    talk.datagrams();
    for _ in 0..talk.chance.count(0, 5) {
        let (ask, answer) = (talk.chance.size(20, 1_000), talk.chance.size(20, 600));
        talk.exchange(true, ask, answer);
        talk.near();
    }
    let header = talk.chance.count(8, 60);
    let cut = talk.chance.count(700, 1_250);
    let late = talk.chance.is(0.3);
    for up in [true, false] {
        let voice = codec(talk.chance);
        speak(talk, up, &voice, header);
        if late {
            let wait = talk.chance.between(50.0, 300.0);
            talk.wait(wait);
        }
        let (kbps, fps) = frames(talk.chance);
        film(talk, up, kbps, fps, cut, header);
        feedback(talk, up);
        if talk.chance.is(0.4) {
            let every = talk.chance.scale(20.0, 300.0);
            control(talk, up, every, cut - 100, cut + header);
        }
    }
}

/// A source of state at a tick, sizes around a mean.
fn tick(talk: &mut Talk<'_>, up: bool, hertz: f64, mean: f64, deviation: f64, jitter: f64) {
    let step = 1_000.0 / hertz;
    let mut due = talk.chance.between(0.0, step);
    let mut sent = 0.0;
    let least = talk.chance.count(8, 30);
    let busy = talk.chance.is(0.2);
    let mut level = mean;
    talk.beside(LONG, move |chance| {
        let at = (due + chance.normal() * jitter * step).max(sent + 0.05);
        let pause = at - sent;
        sent = at;
        due += step;
        if busy {
            level = (level * (1.0 + 0.15 * chance.normal())).clamp(mean * 0.4, mean * 3.0);
        }
        let size = chance.around(level, deviation).clamp(least, 1_350);
        (pause, up, if chance.is(0.01) { (size * 3).min(1_300) } else { size })
    });
}

/// Client and server at their ticks: Quake, Source, Unreal, Unity's and Steam's transports: 10 to 128 a second
/// up and down, 20 to 100 bytes up, 40 to 500 down (Feng et al. 2005; Claypool 2005; Valve's documentation).
pub(super) fn shooter(talk: &mut Talk<'_>) {
    talk.datagrams();
    if talk.chance.is(0.6) {
        for _ in 0..talk.chance.count(1, 5) {
            let (ask, answer) = (talk.chance.size(8, 300), talk.chance.size(8, 1_200));
            talk.exchange(true, ask, answer);
            talk.near();
        }
        if talk.chance.is(0.35) {
            // The world, before one can play.
            let world = talk.chance.size(1_000, 20_000);
            talk.say(false, world);
        }
    }
    let up = talk.chance.pick(&[
        10.0, 15.0, 20.0, 20.0, 30.0, 30.0, 33.0, 40.0, 60.0, 60.0, 64.0, 64.0, 66.0, 90.0, 100.0, 128.0, 144.0,
    ]);
    let down = talk.chance.pick(&[5.0, 10.0, 10.0, 15.0, 20.0, 20.0, 20.0, 30.0, 30.0, 40.0, 60.0, 60.0, 64.0, 128.0]);
    let (up_size, down_size) = (talk.chance.scale(14.0, 130.0), talk.chance.scale(25.0, 600.0));
    let (up_spread, down_spread) = (talk.chance.between(0.03, 0.35), talk.chance.between(0.08, 0.6));
    let jitter = talk.chance.scale(0.005, 0.3);
    let (up, down) = (up * talk.chance.between(0.9, 1.1), down * talk.chance.between(0.9, 1.1));
    tick(talk, true, up, up_size, up_spread, jitter);
    let jitter = talk.chance.scale(0.005, 0.4);
    tick(talk, false, down, down_size, down_spread, jitter);
}

/// Two ends that tell each other their inputs: fighting, racing and strategy games.
pub(super) fn lockstep(talk: &mut Talk<'_>) {
    talk.datagrams();
    let hertz = talk.chance.pick(&[4.0, 5.0, 8.0, 10.0, 15.0, 20.0, 30.0, 60.0, 60.0]);
    let size = talk.chance.scale(10.0, 150.0);
    let spread = talk.chance.between(0.02, 0.3);
    for up in [true, false] {
        let jitter = talk.chance.scale(0.01, 0.3);
        tick(talk, up, hertz, size, spread, jitter);
        if talk.chance.is(0.4) {
            // Acknowledgements of their own.
            let low = talk.chance.count(8, 24);
            control(talk, up, 1_500.0 / hertz, low, low + 4);
        }
    }
}

/// Players' machines that measure the way to each other before and between rounds: few sizes, often whole
/// blocks of a cipher, answered at once, some to tens a second.
pub(super) fn peer_pings(talk: &mut Talk<'_>) {
    talk.datagrams();
    let block = talk.chance.pick(&[1, 4, 16, 16]);
    let head = talk.chance.count(0, 24);
    let kinds: Vec<usize> =
        (0..talk.chance.count(1, 4)).map(|_| talk.chance.size(12, 180).div_ceil(block) * block + head).collect();
    let every = talk.chance.scale(15.0, 250.0);
    let spread = talk.chance.between(0.02, 0.6);
    while !talk.is_done() {
        let up = talk.chance.is(0.6);
        let size = talk.chance.pick(&kinds);
        talk.packet(up, size);
        if talk.chance.is(0.7) {
            if up {
                talk.far()
            } else {
                talk.near()
            }
            let answer = if talk.chance.is(0.6) { size } else { talk.chance.pick(&kinds) };
            talk.packet(!up, answer);
        }
        if talk.chance.is(0.08) {
            let state = talk.chance.size(100, 900);
            talk.packet(up, state);
        }
        let pause = every * (1.0 + spread * talk.chance.normal()).max(0.05);
        talk.wait(pause);
    }
}

/// Massive worlds over UDP: few inputs, states in groups, reliable messages with acknowledgements (RakNet,
/// ENet, Photon).
pub(super) fn world_game(talk: &mut Talk<'_>) {
    talk.datagrams();
    for _ in 0..talk.chance.count(0, 4) {
        let padded = talk.chance.pick(&[18, 28, 40, 480, 548, 1_200, 1_446]);
        let answer = talk.chance.size(20, 100);
        talk.exchange(true, padded, answer);
        talk.near();
    }
    if talk.chance.is(0.3) {
        let world = talk.chance.size(2_000, 40_000);
        talk.bulk(false, world);
    }
    let (up, down) = (talk.chance.scale(2.0, 40.0), talk.chance.scale(3.0, 40.0));
    let (up_size, down_size) = (talk.chance.scale(16.0, 110.0), talk.chance.scale(30.0, 450.0));
    let (a, b) = (talk.chance.between(0.2, 0.7), talk.chance.between(0.3, 0.9));
    let (c, d) = (talk.chance.scale(0.05, 0.6), talk.chance.scale(0.05, 0.6));
    tick(talk, true, up, up_size, a, c);
    tick(talk, false, down, down_size, b, d);
    let (ack, every) = (talk.chance.count(8, 40), talk.chance.scale(40.0, 600.0));
    control(talk, true, every, ack, ack + 6);
    control(talk, false, every, ack, ack + 6);
}

/// Games over TCP: massive worlds (Svoboda et al. 2007: 20 to 100 bytes up, 4 a second; bursts down), blocks
/// (20 ticks a second, the world first), cards and boards.
pub(super) fn stream_game(talk: &mut Talk<'_>) {
    if talk.chance.is(0.25) {
        talk.tls();
    } else {
        for _ in 0..talk.chance.count(1, 4) {
            let (ask, answer) = (talk.chance.size(4, 300), talk.chance.size(4, 900));
            talk.exchange(true, ask, answer);
            talk.near();
        }
    }
    if talk.chance.is(0.4) {
        let world = talk.chance.size(3_000, 60_000);
        talk.say(false, world);
    }
    let cards = talk.chance.is(0.2);
    let (up, down) = if cards {
        (talk.chance.scale(0.2, 1.5), talk.chance.scale(0.5, 4.0))
    } else {
        (talk.chance.scale(2.0, 22.0), talk.chance.scale(3.0, 45.0))
    };
    let (up_size, down_size) = (talk.chance.scale(6.0, 110.0), talk.chance.scale(15.0, 420.0));
    let (a, b) = (talk.chance.between(0.1, 0.7), talk.chance.between(0.3, 0.9));
    let (c, d) = (talk.chance.scale(0.02, 0.7), talk.chance.scale(0.02, 0.5));
    tick(talk, true, up, up_size, a, c);
    tick(talk, false, down, down_size, b, d);
}

/// Games played elsewhere: pictures at 30 to 120 a second, 5 to 50 Mbit/s (Di Domenico et al. 2021: Stadia,
/// GeForce Now, PlayStation Now), inputs up at 30 to 1,000 a second.
pub(super) fn cloud_game(talk: &mut Talk<'_>) {
    talk.datagrams();
    if talk.chance.is(0.4) {
        talk.ice();
    }
    let header = header(talk.chance);
    let (kbps, fps) = (talk.chance.scale(4_000.0, 50_000.0), talk.chance.pick(&[30.0, 60.0, 60.0, 60.0, 120.0]));
    film(talk, false, kbps, fps, talk.full - 60, header);
    let (inputs, size) = (talk.chance.scale(30.0, 500.0), talk.chance.scale(30.0, 140.0));
    tick(talk, true, inputs, size, 0.15, 0.1);
    let voice = codec(talk.chance);
    speak(talk, false, &voice, header);
}
