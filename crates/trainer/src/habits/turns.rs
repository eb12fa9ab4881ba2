//! Dialogues: one says, the other answers.

use super::Talk;

/// Calls' signalling (RFC 3261): requests of 350 to 1,400 bytes with a session in them, short answers.
pub(super) fn sip(talk: &mut Talk<'_>) {
    if talk.chance.is(0.8) {
        talk.datagrams();
        talk.full = 1_472;
    }
    let header = talk.chance.count(330, 620);
    while !talk.is_done() {
        let up = talk.chance.is(0.6);
        let ask = header + if talk.chance.is(0.4) { talk.chance.count(200, 700) } else { talk.chance.count(0, 120) };
        talk.say(up, ask);
        if up {
            talk.far()
        } else {
            talk.near()
        }
        for _ in 0..talk.chance.count(1, 3) {
            let answer = header + talk.chance.count(0, 200);
            talk.say(!up, answer - header / 4);
            talk.person(1.0, 3_000.0);
        }
        talk.person(20.0, 30_000.0);
    }
}

/// A shell: keys one by one, their echo, now and then a screen. SSH (RFC 4253) pads to 8 or 16 bytes; its key
/// exchange goes first. Telnet and mosh send what they have.
pub(super) fn terminal(talk: &mut Talk<'_>) {
    let mut step = talk.chance.pick(&[4, 8, 8, 16]);
    let low;
    match talk.chance.count(0, 9) {
        0 | 1 => {
            (low, step) = (1, 1);
            for _ in 0..talk.chance.count(2, 8) {
                let (up, down) = (talk.chance.count(3, 40), talk.chance.count(3, 60));
                let first = talk.chance.is(0.5);
                talk.exchange(first, up, down);
                talk.near();
            }
        }
        2 | 3 => {
            talk.datagrams();
            low = talk.chance.count(50, 75);
        }
        _ => {
            if talk.chance.is(0.85) {
                let banners = (talk.chance.count(18, 45), talk.chance.count(18, 45));
                talk.say(true, banners.0);
                talk.far();
                talk.say(false, banners.1);
                for (up, low, high) in [(true, 500, 1_600), (false, 400, 1_200), (true, 36, 1_300), (false, 200, 1_800)]
                {
                    let size = talk.chance.size(low, high);
                    if up {
                        talk.near()
                    } else {
                        talk.wait(2.0)
                    }
                    talk.say(up, size);
                }
                for _ in 0..talk.chance.count(2, 6) {
                    let (ask, answer) = (talk.chance.size(16, 700), talk.chance.size(28, 500));
                    talk.near();
                    talk.exchange(true, 16 + ask / 8 * 8, answer / 4 * 4);
                }
                talk.person(50.0, 2_500.0);
                let motd = talk.chance.size(60, 1_500);
                talk.say(false, motd);
            }
            low = talk.chance.pick(&[28, 32, 36, 36, 44, 48, 52, 64]);
        }
    }
    // Typing: 80 to 400 ms a key (Dhakal et al. 2018: 238 ms), faster when keys repeat.
    let pace = talk.chance.scale(30.0, 500.0);
    while !talk.is_done() {
        let key = low + step * talk.chance.pick(&[0, 0, 0, 0, 0, 1, 2]);
        talk.packet(true, key);
        talk.far();
        let echo = low + step * talk.chance.pick(&[0, 0, 0, 0, 1, 2, 4]);
        talk.packet(false, echo);
        if talk.chance.is(0.12) {
            talk.wait(3.0);
            let screen = talk.chance.size(60, 6_000);
            talk.say(false, screen);
            talk.person(300.0, 8_000.0);
        }
        let pause = talk.chance.wait(pace) + 15.0;
        talk.wait(pause);
    }
}

/// A remote screen: a pointer's moves up, rectangles down (RDP, VNC, AnyDesk, TeamViewer; RFC 6143: 6 to 10
/// bytes an event).
pub(super) fn desktop(talk: &mut Talk<'_>) {
    match talk.chance.count(0, 3) {
        0 => {
            for (up, low, high) in [
                (false, 12, 12),
                (true, 12, 12),
                (false, 2, 20),
                (true, 1, 1),
                (false, 16, 16),
                (true, 16, 16),
                (false, 4, 60),
                (true, 1, 60),
            ] {
                if up {
                    talk.near()
                } else {
                    talk.far()
                }
                let size = talk.chance.count(low, high);
                talk.say(up, size);
            }
        }
        1 => talk.tls(),
        2 => {
            for _ in 0..talk.chance.count(3, 9) {
                let (ask, answer) = (talk.chance.size(10, 600), talk.chance.size(10, 900));
                talk.exchange(true, ask, answer);
                talk.near();
            }
        }
        _ => {}
    }
    if talk.chance.is(0.2) {
        talk.datagrams();
    }
    let event = talk.chance.pick(&[6, 10, 20, 35, 40, 60, 90]);
    let moves = talk.chance.scale(15.0, 200.0);
    while !talk.is_done() {
        for _ in 0..talk.chance.count(1, 12) {
            let size = event + talk.chance.count(0, event / 2);
            talk.packet(true, size);
            let pause = talk.chance.wait(moves) + 4.0;
            talk.wait(pause);
            if talk.chance.is(0.3) {
                let patch = talk.chance.size(30, 4_000);
                talk.say(false, patch);
            }
        }
        talk.far();
        let screen = talk.chance.size(60, 25_000);
        talk.say(false, screen);
        talk.person(30.0, 4_000.0);
    }
}

/// Databases and remote procedures: a question, its answer, at once the next.
pub(super) fn queries(talk: &mut Talk<'_>) {
    if talk.chance.is(0.2) {
        talk.tls();
    } else {
        for _ in 0..talk.chance.count(1, 4) {
            let (ask, answer) = (talk.chance.size(8, 300), talk.chance.size(9, 450));
            let first = talk.chance.is(0.75);
            talk.exchange(first, ask, answer);
        }
    }
    let usual = (talk.chance.size(14, 500), talk.chance.size(9, 3_000));
    let spread = talk.chance.between(0.05, 0.9);
    let batches = talk.chance.is(0.5);
    while !talk.is_done() {
        let (ask, answer) = (talk.chance.around(usual.0 as f64, spread), talk.chance.around(usual.1 as f64, spread));
        talk.exchange(true, ask, answer);
        if batches && talk.chance.is(0.2) { talk.person(50.0, 20_000.0) } else { talk.near() }
    }
}

/// Messages, presence, push: short, either way, seconds apart; a sign of life at an even pace.
pub(super) fn chat(talk: &mut Talk<'_>) {
    match talk.chance.count(0, 3) {
        0 => talk.tls(),
        1 | 2 => {
            for _ in 0..talk.chance.count(1, 6) {
                let (ask, answer) = (talk.chance.size(8, 500), talk.chance.size(8, 900));
                talk.exchange(true, ask, answer);
                talk.near();
            }
        }
        _ => {}
    }
    if talk.chance.is(0.1) {
        talk.datagrams();
    }
    let pause = talk.chance.scale(400.0, 40_000.0);
    let (low, high) = (talk.chance.count(18, 90), talk.chance.count(100, 1_300));
    while !talk.is_done() {
        let up = talk.chance.is(0.5);
        let size = talk.chance.size(low, high);
        talk.say(up, size);
        if talk.chance.is(0.75) {
            if up {
                talk.far()
            } else {
                talk.near()
            }
            let receipt = talk.chance.size(low / 2 + 4, low + 60);
            talk.say(!up, receipt);
        }
        let pause = talk.chance.wait(pause);
        talk.wait(pause);
    }
}

/// Names, time, reachability: a datagram and its answer (RFC 1035, RFC 5905, RFC 8489), or both over TLS.
pub(super) fn lookups(talk: &mut Talk<'_>) {
    match talk.chance.count(0, 9) {
        0 | 1 => talk.tls(),
        2 => {}
        _ => talk.datagrams(),
    }
    let same = talk.chance.is(0.35);
    let (ask, answer) = if same {
        let size = talk.chance.pick(&[20, 28, 48, 48, 48, 56, 68]);
        (size, size + talk.chance.pick(&[0, 0, 12, 24, 36]))
    } else {
        (talk.chance.count(24, 60), talk.chance.count(60, 260))
    };
    let pause = talk.chance.scale(5.0, 30_000.0);
    while !talk.is_done() {
        for _ in 0..talk.chance.pick(&[1, 1, 1, 2, 3]) {
            let jitter = if same { 0 } else { talk.chance.count(0, 25) };
            talk.packet(true, ask + jitter);
            talk.wait(0.3);
        }
        talk.far();
        if talk.chance.is(0.92) {
            let jitter = if same { 0 } else { talk.chance.size(1, 250) };
            talk.say(false, answer + jitter);
        }
        let pause = talk.chance.wait(pause);
        talk.wait(pause);
    }
}

/// One end tells whoever listens that it is there: discovery, routing, redundancy, logs (RFC 2328, RFC 5798,
/// RFC 6762, UPnP): the same sizes, seconds apart, one way.
pub(super) fn beacons(talk: &mut Talk<'_>) {
    talk.datagrams();
    let even = talk.chance.is(0.55);
    let every =
        talk.chance.pick(&[100.0, 500.0, 1_000.0, 1_000.0, 2_000.0, 3_000.0, 5_000.0, 10_000.0, 30_000.0, 60_000.0]);
    let kinds = talk.chance.count(1, 4);
    let sizes: Vec<usize> = (0..kinds).map(|_| talk.chance.size(20, 600)).collect();
    let answered = talk.chance.is(0.12);
    let up = !talk.chance.is(0.1);
    while !talk.is_done() {
        for _ in 0..talk.chance.pick(&[1, 1, 1, 2, 3, 4]) {
            let size = talk.chance.pick(&sizes);
            talk.packet(up, size);
            let gap = talk.chance.between(0.05, 30.0) * if even { 0.02 } else { 1.0 };
            talk.wait(gap);
        }
        if answered {
            let size = talk.chance.pick(&sizes);
            talk.packet(!up, size);
        }
        let pause = if even { every * talk.chance.between(0.97, 1.03) } else { talk.chance.wait(every) };
        talk.wait(pause);
    }
}

/// Directories and management: a few round trips with tokens of a kilobyte or more (LDAP, Kerberos, DCE/RPC,
/// SNMP's walks, RADIUS), then again after a while.
pub(super) fn directory(talk: &mut Talk<'_>) {
    if talk.chance.is(0.45) {
        talk.datagrams();
    }
    let walk = talk.chance.is(0.3);
    let usual = (talk.chance.size(40, 350), talk.chance.size(22, 1_400));
    let spread = if walk { 0.06 } else { 0.7 };
    while !talk.is_done() {
        for _ in 0..talk.chance.count(1, 10) {
            let (mut ask, answer) =
                (talk.chance.around(usual.0 as f64, spread), talk.chance.around(usual.1 as f64, spread));
            if !walk && talk.chance.is(0.15) {
                ask = talk.chance.count(900, 2_600);
            }
            talk.exchange(true, ask, answer);
            talk.near();
        }
        talk.person(5.0, 15_000.0);
    }
}

/// What a page asks for and gets: requests of 100 to 1,800 bytes, answers around 10 kB, most below 100 kB
/// (HTTP Archive 2024: 70 requests and 2.6 MB a page), pauses for reading.
fn browse(talk: &mut Talk<'_>) {
    let header = talk.chance.size(60, 1_200);
    while !talk.is_done() {
        for _ in 0..talk.chance.pick(&[1, 1, 1, 2, 3, 5]) {
            let request = talk.chance.around(header as f64, 0.3);
            talk.say(true, request);
            let gap = talk.chance.scale(0.05, 20.0);
            talk.wait(gap);
        }
        talk.far();
        for _ in 0..talk.chance.pick(&[1, 1, 1, 2, 3]) {
            let answer = match talk.chance.count(0, 9) {
                0..=3 => talk.chance.size(150, 2_000),
                4..=7 => talk.chance.size(1_500, 30_000),
                8 => talk.chance.size(20_000, 80_000),
                _ => talk.chance.size(60, 300),
            };
            talk.bulk(false, answer);
            let gap = talk.chance.scale(0.1, 40.0);
            talk.wait(gap);
        }
        if talk.chance.is(0.25) { talk.person(300.0, 20_000.0) } else { talk.person(0.5, 300.0) }
    }
}

pub(super) fn tls_pages(talk: &mut Talk<'_>) {
    talk.tls();
    browse(talk);
}

pub(super) fn plain_pages(talk: &mut Talk<'_>) {
    browse(talk);
}

pub(super) fn quic_pages(talk: &mut Talk<'_>) {
    talk.quic();
    browse(talk);
}

/// Applications' calls: a form or a few kilobytes up, little down, some of them after each other.
pub(super) fn api_calls(talk: &mut Talk<'_>) {
    if talk.chance.is(0.85) {
        talk.tls();
    }
    let (ask, answer) = (talk.chance.size(200, 2_500), talk.chance.size(100, 5_000));
    let pause = talk.chance.scale(5.0, 20_000.0);
    while !talk.is_done() {
        let (ask, answer) = (talk.chance.around(ask as f64, 0.5), talk.chance.around(answer as f64, 0.7));
        if talk.chance.is(0.3) {
            let head = talk.chance.count(80, 500);
            talk.say(true, head);
            talk.wait(0.2);
        }
        talk.exchange(true, ask, answer);
        let pause = talk.chance.wait(pause);
        talk.wait(pause);
    }
}

/// The same over QUIC, whose acknowledgements and credits are packets of their own (RFC 9000, 13.2 and 4.1).
pub(super) fn quic_calls(talk: &mut Talk<'_>) {
    talk.quic();
    let (ask, answer) = (talk.chance.size(40, 1_600), talk.chance.size(50, 4_000));
    let (near, far) = (talk.chance.between(0.2, 1.0), talk.chance.between(0.1, 1.0));
    let ack = talk.chance.count(22, 55);
    let pause = talk.chance.scale(5.0, 15_000.0);
    while !talk.is_done() {
        let (ask, answer) = (talk.chance.around(ask as f64, 0.6), talk.chance.around(answer as f64, 0.8));
        talk.say(true, ask);
        talk.far();
        if talk.chance.is(far) {
            let size = ack + talk.chance.count(0, 8);
            talk.packet(false, size);
            talk.person(0.1, 60.0);
        }
        talk.say(false, answer);
        if talk.chance.is(near) {
            let late = talk.chance.scale(0.3, 30.0);
            talk.wait(late);
            let size = ack + talk.chance.count(0, 12);
            talk.packet(true, size);
        }
        if talk.chance.is(0.2) {
            talk.far();
            let size = ack + talk.chance.count(0, 40);
            talk.packet(false, size);
        }
        let pause = talk.chance.wait(pause);
        talk.wait(pause);
    }
}

/// Lines in turns, the server first (RFC 5321, RFC 1939, RFC 9051), then a message or some, either way.
pub(super) fn mail(talk: &mut Talk<'_>) {
    let greeting = talk.chance.size(20, 150);
    talk.say(false, greeting);
    let sends = talk.chance.is(0.45);
    for turn in 0..talk.chance.count(3, 9) {
        talk.near();
        let (ask, answer) =
            (talk.chance.size(6, 60), talk.chance.size(5, 90) + if turn == 0 { talk.chance.count(0, 250) } else { 0 });
        talk.exchange(true, ask, answer);
    }
    if talk.chance.is(0.3) {
        talk.near();
        talk.tls();
    }
    while !talk.is_done() {
        talk.near();
        let (ask, answer) = (talk.chance.size(8, 90), talk.chance.size(6, 250));
        talk.exchange(true, ask, answer);
        if talk.chance.is(0.4) {
            let message = talk.chance.size(600, 80_000);
            talk.near();
            talk.bulk(sends, message);
            if sends {
                talk.far();
                let answer = talk.chance.size(10, 90);
                talk.say(false, answer);
            }
        }
        if !sends && talk.chance.is(0.1) {
            talk.person(500.0, 60_000.0);
        }
    }
}

/// Keys for a tunnel (RFC 7296, RFC 2637, OpenVPN's control channel): large questions and answers, then
/// signs of life.
pub(super) fn key_exchange(talk: &mut Talk<'_>) {
    if talk.chance.is(0.8) {
        talk.datagrams();
    }
    for _ in 0..talk.chance.count(2, 6) {
        let (ask, answer) = (talk.chance.size(80, 1_200), talk.chance.size(80, 1_200));
        talk.exchange(true, ask, answer);
        talk.near();
    }
    let life = talk.chance.pick(&[1, 32, 40, 53, 76, 80, 92, 112]);
    let every = talk.chance.scale(1_000.0, 30_000.0);
    while !talk.is_done() {
        talk.exchange(true, life, life);
        let pause = every * talk.chance.between(0.9, 1.1);
        talk.wait(pause);
    }
}

/// FTP's commands (RFC 959): short lines, the server first.
pub(super) fn transfer_dialogue(talk: &mut Talk<'_>) {
    let greeting = talk.chance.size(20, 320);
    talk.say(false, greeting);
    while !talk.is_done() {
        if talk.chance.is(0.1) {
            talk.person(300.0, 20_000.0)
        } else {
            talk.near()
        }
        let (ask, answer) = (talk.chance.count(5, 30), talk.chance.count(12, 75));
        talk.exchange(true, ask, answer);
        if talk.chance.is(0.2) {
            talk.person(5.0, 3_000.0);
            let done = talk.chance.count(20, 60);
            talk.say(false, done);
        }
    }
}

/// Crypto-currencies: 24-byte headers, lists of 37 or 61 bytes and more, blocks now and then; or jobs for a
/// miner, JSON of 300 to 1,200 bytes down, shares of 100 to 220 up (Stratum).
pub(super) fn gossip(talk: &mut Talk<'_>) {
    if talk.chance.is(0.5) {
        for (up, low, high) in [(true, 100, 260), (false, 60, 700), (true, 100, 260), (false, 40, 900)] {
            let size = talk.chance.count(low, high);
            talk.say(up, size);
            if up { talk.far() } else { talk.near() }
        }
        let (job, share) = (talk.chance.size(250, 1_500), talk.chance.size(90, 240));
        while !talk.is_done() {
            if talk.chance.is(0.6) {
                let size = talk.chance.around(job as f64, 0.03);
                talk.say(false, size);
            } else {
                let answer = talk.chance.count(35, 75);
                let size = talk.chance.around(share as f64, 0.02);
                talk.exchange(true, size, answer);
            }
            talk.person(1_000.0, 40_000.0);
        }
    }
    for up in [true, false, true, false] {
        let size = talk.chance.pick(&[24, 126, 127, 130, 150]);
        talk.say(up, size);
        if up { talk.far() } else { talk.near() }
    }
    while !talk.is_done() {
        let up = talk.chance.is(0.5);
        let size = match talk.chance.count(0, 9) {
            0..=4 => 24 + talk.chance.pick(&[8, 37, 37, 73, 109]),
            5..=7 => talk.chance.size(61, 1_400),
            _ => talk.chance.size(1_000, 60_000),
        };
        talk.say(up, size);
        talk.person(1.0, 2_500.0);
    }
}

/// Machines asked the same again and again (Modbus, DNP3, S7, BACnet, EtherNet/IP, IEC 104): sizes of 8 to 260
/// bytes that hardly change, at an even pace of 10 ms to 10 s.
pub(super) fn polling(talk: &mut Talk<'_>) {
    if talk.chance.is(0.3) {
        talk.datagrams();
    }
    for _ in 0..talk.chance.count(0, 3) {
        let (ask, answer) = (talk.chance.size(8, 80), talk.chance.size(8, 120));
        talk.exchange(true, ask, answer);
        talk.near();
    }
    let kinds = talk.chance.pick(&[1, 1, 1, 2, 3, 4]);
    let asked: Vec<(usize, usize)> = (0..kinds).map(|_| (talk.chance.size(8, 70), talk.chance.size(8, 280))).collect();
    let every = talk.chance.scale(15.0, 8_000.0);
    let jitter = talk.chance.scale(0.002, 0.15);
    let sized = talk.chance.is(0.3);
    let mut nth = 0;
    while !talk.is_done() {
        let (ask, answer) = asked[nth % asked.len()];
        nth += 1;
        let more = if sized { talk.chance.count(0, 6) } else { 0 };
        talk.exchange(true, ask, answer + more);
        if nth % asked.len() == 0 {
            let pause = every * (1.0 + jitter * talk.chance.normal()).max(0.3);
            talk.wait(pause);
        } else {
            talk.wait(1.0);
        }
    }
}

/// Things that publish (MQTT 3.1.1: 2-byte pings, 4-byte acknowledgements; AMQP, CoAP): small, even, mostly up.
pub(super) fn publishing(talk: &mut Talk<'_>) {
    let covered = talk.chance.is(0.35);
    let more = if covered {
        talk.tls();
        talk.chance.pick(&[21, 22, 24, 29])
    } else {
        0
    };
    let (hello, topics) = (talk.chance.count(14, 160), talk.chance.count(10, 110));
    talk.exchange(true, hello + more, 4 + more);
    talk.near();
    if talk.chance.is(0.6) {
        talk.exchange(true, topics + more, 5 + more);
    }
    let size = talk.chance.size(12, 400);
    let spread = talk.chance.between(0.0, 0.25);
    let every = talk.chance.scale(200.0, 60_000.0);
    let jitter = talk.chance.scale(0.005, 0.4);
    let (acked, receives) = (talk.chance.is(0.55), talk.chance.is(0.3));
    while !talk.is_done() {
        let up = !(receives && talk.chance.is(0.5));
        let message = talk.chance.around(size as f64, spread);
        talk.say(up, message + more);
        if acked {
            if up {
                talk.far()
            } else {
                talk.near()
            }
            talk.say(!up, 4 + more);
        }
        if talk.chance.is(0.15) {
            let ping = talk.chance.scale(10.0, 1_000.0);
            talk.wait(ping);
            talk.exchange(true, 2 + more, 2 + more);
        }
        let pause = every * (1.0 + jitter * talk.chance.normal()).max(0.1);
        talk.wait(pause);
    }
}

/// Readings one way: metering, flow records, metrics (NetFlow, sFlow, StatsD, synchrophasors): even, sizes alike.
pub(super) fn readings(talk: &mut Talk<'_>) {
    if talk.chance.is(0.65) {
        talk.datagrams();
    }
    let size = talk.chance.size(20, 1_400);
    let spread = if talk.chance.is(0.5) { 0.0 } else { talk.chance.between(0.01, 0.3) };
    let every = talk.chance.scale(10.0, 15_000.0);
    let jitter = talk.chance.scale(0.005, 0.2);
    let answers = talk.chance.is(0.4);
    let answer = talk.chance.size(4, 60);
    while !talk.is_done() {
        let reading = talk.chance.around(size as f64, spread).min(1_460);
        talk.packet(true, reading);
        if answers {
            talk.far();
            talk.packet(false, answer);
        }
        let pause = every * (1.0 + jitter * talk.chance.normal()).max(0.2);
        talk.wait(pause);
    }
}
