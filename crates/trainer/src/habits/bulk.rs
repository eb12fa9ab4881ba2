//! Much one way: streams, downloads, uploads; and tunnels, which carry all of it.

use super::{FAMILIES, Talk};
use crate::chance::Chance;
use crate::trace::Step;
use vocab::TrafficClass;

/// Segments of 2 to 10 s at 0.2 to 20 Mbit/s (DASH, ISO/IEC 23009-1; HLS, RFC 8216), an index first; players
/// fetch some at once and then one at a time.
fn segments(talk: &mut Talk<'_>) {
    if talk.chance.is(0.6) {
        for _ in 0..talk.chance.count(1, 3) {
            let (ask, index) = (talk.chance.size(120, 1_400), talk.chance.size(300, 6_000));
            talk.say(true, ask);
            talk.far();
            talk.bulk(false, index);
            talk.near();
        }
    }
    let kbps = talk.chance.scale(64.0, 16_000.0);
    let seconds = talk.chance.pick(&[1.0, 2.0, 2.0, 4.0, 4.0, 5.0, 6.0, 10.0]);
    let ask = talk.chance.size(150, 1_600);
    while !talk.is_done() {
        let request = talk.chance.around(ask as f64, 0.06);
        talk.say(true, request);
        talk.far();
        let segment = talk.chance.around(kbps * 125.0 * seconds, 0.25);
        talk.bulk(false, segment.max(8_000));
        if talk.chance.is(0.6) {
            let pause = seconds * 1_000.0 * talk.chance.between(0.3, 1.0);
            talk.wait(pause);
        } else {
            talk.near();
        }
    }
}

pub(super) fn segments_stream(talk: &mut Talk<'_>) {
    if talk.chance.is(0.85) {
        talk.tls();
    }
    segments(talk);
}

pub(super) fn segments_quic(talk: &mut Talk<'_>) {
    talk.quic();
    segments(talk);
}

/// Servers that pace what they send to what is played: RTMP, progressive video in blocks of 64 to 256 kB, live
/// pictures over TCP and WebSocket.
pub(super) fn paced_video(talk: &mut Talk<'_>) {
    if talk.chance.is(0.5) {
        talk.tls();
    } else {
        // RTMP 1.0, 5.2: handshakes of 1,537 and 3,073 bytes.
        for (up, size) in [(true, 1_537), (false, 3_073), (true, 1_536)] {
            talk.say(up, size);
            if up { talk.far() } else { talk.near() }
        }
        for _ in 0..talk.chance.count(2, 6) {
            let (ask, answer) = (talk.chance.size(20, 300), talk.chance.size(16, 300));
            talk.exchange(true, ask, answer);
            talk.near();
        }
    }
    let up = talk.chance.is(0.15);
    let kbps = talk.chance.scale(150.0, 8_000.0);
    if talk.chance.is(0.6) {
        // A picture and some sound at a time.
        let fps = talk.chance.pick(&[15.0, 24.0, 25.0, 30.0, 30.0, 60.0]);
        while !talk.is_done() {
            let key = if talk.chance.is(0.03) { 6.0 } else { 1.0 };
            let picture = talk.chance.around(kbps * 125.0 / fps * key, 0.4);
            talk.say(up, picture.max(40));
            let pause = 1_000.0 / fps * talk.chance.between(0.5, 1.0);
            talk.wait(pause);
            if talk.chance.is(0.7) {
                let sound = talk.chance.count(60, 500);
                talk.say(up, sound);
            }
            let pause = 1_000.0 / fps * talk.chance.between(0.05, 0.5);
            talk.wait(pause);
        }
    } else {
        let block = talk.chance.pick(&[16_384.0, 32_768.0, 65_536.0, 131_072.0]);
        let ask = talk.chance.size(200, 1_200);
        talk.say(true, ask);
        talk.far();
        while !talk.is_done() {
            talk.say(up, block as usize);
            let pause = block / (kbps / 8.0) * talk.chance.between(0.6, 1.1);
            talk.wait(pause);
        }
    }
}

/// Television and cameras over UDP: seven packets of MPEG-TS in 1,316 bytes, or RTP's pictures, one way; reports
/// every few seconds back.
pub(super) fn one_way_media(talk: &mut Talk<'_>) {
    talk.datagrams();
    let up = talk.chance.is(0.3);
    let kbps = talk.chance.scale(300.0, 15_000.0);
    let back = talk.chance.is(0.3);
    if talk.chance.is(0.6) {
        let size = talk.chance.pick(&[1_316, 1_316, 1_328, 1_344, 188 * 5, 1_332, 1_360]);
        let every = size as f64 * 8.0 / kbps;
        let (burst, jitter) = (talk.chance.pick(&[1, 1, 1, 2, 4, 8]), talk.chance.scale(0.01, 0.8));
        while !talk.is_done() {
            for _ in 0..burst {
                talk.packet(up, size);
                talk.wait(0.05);
            }
            let pause = every * f64::from(burst) * (1.0 + jitter * talk.chance.normal()).max(0.02);
            talk.wait(pause);
            if back && talk.chance.is(0.01) {
                let report = talk.chance.count(32, 90);
                talk.packet(!up, report);
            }
        }
    } else {
        let fps = talk.chance.pick(&[15.0, 25.0, 25.0, 30.0, 50.0]);
        let cut = talk.chance.count(1_000, 1_440);
        while !talk.is_done() {
            let mut left = talk.chance.around(kbps * 125.0 / fps, 0.4).max(60);
            while left > 0 {
                let size = left.min(cut);
                talk.packet(up, size + 12);
                left -= size;
                let pause = talk.chance.scale(0.02, 0.6);
                talk.wait(pause);
            }
            let pause = 1_000.0 / fps * talk.chance.between(0.8, 1.0);
            talk.wait(pause);
            if back && talk.chance.is(0.01) {
                let report = talk.chance.count(32, 90);
                talk.packet(!up, report);
            }
        }
    }
}

/// Music and radio: 32 to 320 kbit/s, paced or in chunks of some hundred kilobytes.
pub(super) fn radio(talk: &mut Talk<'_>) {
    if talk.chance.is(0.6) {
        talk.tls();
    }
    let ask = talk.chance.size(120, 900);
    talk.say(true, ask);
    talk.far();
    let kbps = talk.chance.scale(32.0, 330.0);
    let first = talk.chance.size(2_000, 90_000);
    if talk.chance.is(0.6) {
        talk.bulk(false, first);
    }
    let block = talk.chance.pick(&[400.0, 1_400.0, 1_440.0, 2_880.0, 4_096.0, 8_192.0, 16_384.0]);
    while !talk.is_done() {
        talk.say(false, block as usize);
        let pause = block * 8.0 / kbps * talk.chance.between(0.85, 1.1);
        talk.wait(pause);
    }
}

/// What any flow looks like inside a tunnel: padded, with headers, with the acknowledgements of TCP visible.
struct Cover {
    header: usize,
    block: usize,
    acks: usize,
}

fn cover(chance: &mut Chance, blocks: bool) -> Cover {
    let block = if blocks { chance.pick(&[16, 16, 16, 8, 4]) } else { 1 };
    let header = if blocks {
        // WireGuard 32 (whitepaper, 5.4.6), ESP 22 to 38 (RFC 4303).
        chance.pick(&[32, 32, 32, 24, 34, 38, 40]) / block * block
    } else {
        chance.count(8, 60)
    };
    Cover { header, block, acks: chance.count(1, 3) }
}

fn wrap(talk: &mut Talk<'_>, cover: &Cover) {
    let inner = talk.chance.count(1, 3);
    let mut steps: Vec<Step> = Vec::new();
    let mut start = 0.0;
    for _ in 0..inner {
        // Not another tunnel, not noise.
        let family = loop {
            let family = &FAMILIES[talk.chance.count(0, FAMILIES.len() - 1)];
            if !matches!(family.class, TrafficClass::Work | TrafficClass::Unclassified) {
                break family;
            }
        };
        let one = super::trace(family, talk.chance);
        let from = talk.chance.count(0, one.steps.len() / 3);
        let Some(origin) = one.steps.get(from).map(|step| step.ms) else { continue };
        let mut unseen = [0_usize; 2];
        for step in one.steps.iter().skip(from) {
            let at = start + step.ms - origin;
            // IP and TCP with timestamps take 52 bytes, IP and UDP 28.
            let size = step.size + if one.stream { 52 } else { 28 };
            steps.push(Step { ms: at, up: step.up, size });
            if one.stream {
                unseen[usize::from(step.up)] += 1;
                if unseen[usize::from(step.up)] >= cover.acks {
                    unseen[usize::from(step.up)] = 0;
                    let trip = if step.up { talk.far } else { talk.near };
                    steps.push(Step { ms: at + trip, up: !step.up, size: 52 });
                }
            }
        }
        start += talk.chance.scale(1.0, 2_000.0);
    }
    steps.sort_by(|a, b| a.ms.total_cmp(&b.ms));
    let most = talk.full.max(1_300);
    let mut before = 0.0;
    for step in steps.into_iter().take(150) {
        talk.wait((step.ms - before).max(0.0));
        before = step.ms;
        let size = step.size.div_ceil(cover.block) * cover.block + cover.header;
        talk.packet(step.up, size.min(most));
        if talk.is_done() {
            break;
        }
    }
}

/// WireGuard and IPsec: a short exchange of keys, then multiples of a block.
pub(super) fn tunnel_blocks(talk: &mut Talk<'_>) {
    talk.datagrams();
    if talk.chance.is(0.5) {
        let (ask, answer) = talk.chance.pick(&[(148, 92), (148, 92), (400, 380), (200, 200)]);
        talk.exchange(true, ask, answer);
        talk.near();
    }
    let cover = cover(talk.chance, true);
    wrap(talk, &cover);
}

/// OpenVPN, TLS and DTLS tunnels, SOCKS and SSH with something inside: headers, no blocks; over TCP several
/// packets may share a segment.
pub(super) fn tunnel_mixed(talk: &mut Talk<'_>) {
    if talk.chance.is(0.45) {
        talk.datagrams();
        for _ in 0..talk.chance.count(0, 8) {
            let (ask, answer) = (talk.chance.size(14, 1_100), talk.chance.size(14, 1_200));
            talk.exchange(true, ask, answer);
            talk.near();
        }
    } else if talk.chance.is(0.7) {
        talk.tls();
    }
    let cover = cover(talk.chance, false);
    wrap(talk, &cover);
}

/// Tor: cells of 514 bytes (tor-spec), some to a record.
pub(super) fn cells(talk: &mut Talk<'_>) {
    talk.tls();
    let cell = talk.chance.pick(&[514, 536, 543, 543, 586]);
    while !talk.is_done() {
        let up = talk.chance.is(0.35);
        let cells = talk.chance.pick(&[1, 1, 1, 2, 3, 8]);
        talk.say(up, cell * cells);
        if up {
            talk.far()
        } else {
            talk.near()
        }
        if talk.chance.is(0.1) {
            talk.person(50.0, 5_000.0);
        }
    }
}

/// A large answer, with or without a handshake and a question before: HTTP, FTP's data, SFTP.
pub(super) fn download_stream(talk: &mut Talk<'_>) {
    match talk.chance.count(0, 4) {
        0 | 1 => talk.tls(),
        2 => return transfer(talk, false),
        _ => {}
    }
    let ask = talk.chance.size(40, 1_200);
    talk.say(true, ask);
    talk.far();
    let size = talk.chance.size(300_000, 1 << 30);
    talk.bulk(false, size);
}

/// Data alone: whoever began sends it or gets it.
fn transfer(talk: &mut Talk<'_>, up: bool) {
    let size = talk.chance.size(40_000, 1 << 28);
    talk.bulk(up, size);
}

pub(super) fn download_quic(talk: &mut Talk<'_>) {
    talk.quic();
    let ask = talk.chance.size(40, 900);
    talk.say(true, ask);
    talk.far();
    let size = talk.chance.size(300_000, 1 << 30);
    talk.bulk(false, size);
}

/// File servers (SMB, NFS, SFTP, rsync): requests of 80 to 300 bytes for blocks of 4 to 512 kB, names between.
pub(super) fn file_server(talk: &mut Talk<'_>) {
    for _ in 0..talk.chance.count(2, 12) {
        let (ask, answer) = (talk.chance.size(60, 420), talk.chance.size(60, 700));
        talk.exchange(true, ask, answer);
        talk.near();
    }
    let block = talk.chance.pick(&[4_096, 8_192, 16_384, 32_768, 32_768, 65_536, 262_144]) + talk.chance.count(40, 140);
    let ask = talk.chance.size(60, 200);
    let ahead = talk.chance.pick(&[1, 1, 2, 4, 8]);
    while !talk.is_done() {
        if talk.chance.is(0.25) {
            let (name, found) = (talk.chance.size(90, 400), talk.chance.size(60, 1_500));
            talk.exchange(true, name, found);
            talk.near();
            continue;
        }
        for _ in 0..ahead {
            let size = talk.chance.around(ask as f64, 0.02);
            talk.packet(true, size);
            talk.wait(0.1);
        }
        talk.far();
        for _ in 0..ahead {
            talk.say(false, block);
        }
        talk.near();
    }
}

/// BitTorrent over TCP: 68 bytes both ways, then 17-byte requests for pieces of 16 kB (BEP 3), both ways.
pub(super) fn swarm_stream(talk: &mut Talk<'_>) {
    let padding = if talk.chance.is(0.4) { talk.chance.count(28, 512) } else { 0 };
    talk.say(true, 68 + padding);
    talk.far();
    talk.say(false, 68 + padding / 2);
    talk.near();
    for up in [true, false, true, false] {
        let size = talk.chance.size(5, 500);
        talk.say(up, size);
        if up { talk.far() } else { talk.near() }
    }
    let seeds = talk.chance.is(0.3);
    while !talk.is_done() {
        for _ in 0..talk.chance.count(1, 5) {
            let requests = talk.chance.count(1, 6);
            talk.say(!seeds, 17 * requests);
            talk.wait(1.0);
        }
        talk.far();
        for _ in 0..talk.chance.count(1, 3) {
            talk.say(seeds, 16_397);
        }
        if talk.chance.is(0.4) {
            let have = talk.chance.pick(&[5, 9, 9, 9, 14]);
            talk.say(seeds, have);
        }
        talk.near();
    }
}

/// uTP (BEP 29): 20 bytes to begin and to acknowledge, data of up to 1,402; and tables of peers (BEP 5).
pub(super) fn swarm_datagram(talk: &mut Talk<'_>) {
    talk.datagrams();
    if talk.chance.is(0.25) {
        while !talk.is_done() {
            let (up, ask, answer) = (talk.chance.is(0.5), talk.chance.count(58, 150), talk.chance.count(47, 500));
            talk.exchange(up, ask, answer);
            talk.person(100.0, 60_000.0);
        }
        return;
    }
    let header = talk.chance.pick(&[20, 20, 26, 30]);
    talk.exchange(true, header, header);
    talk.near();
    talk.say(true, header + 68);
    talk.far();
    talk.say(false, header + 68);
    for up in [true, false, true] {
        let size = talk.chance.size(5, 600);
        talk.say(up, header + size);
        if up {
            talk.far()
        } else {
            talk.near()
        }
        talk.packet(!up, header);
    }
    let seeds = talk.chance.is(0.35);
    talk.packet(!seeds, header + 17);
    while !talk.is_done() {
        for _ in 0..talk.chance.count(1, 12) {
            talk.packet(seeds, talk.full.min(1_402 + header));
            let pause = talk.full as f64 / talk.pace;
            talk.wait(pause);
            if talk.chance.is(0.6) {
                let request = if talk.chance.is(0.15) { 17 } else { 0 };
                talk.packet(!seeds, header + request);
            }
        }
        talk.near();
    }
}

/// Files in numbered datagrams, each acknowledged or not (TFTP, RFC 1350, 2348; UDT, QUIC without names).
pub(super) fn blocks_datagram(talk: &mut Talk<'_>) {
    talk.datagrams();
    let block = talk.chance.pick(&[516, 516, 516, 1_028, 1_432, 1_456, 1_472]);
    let up = talk.chance.is(0.25);
    let ask = talk.chance.count(18, 60);
    talk.exchange(true, ask, talk.full.min(block));
    let window = talk.chance.pick(&[1, 1, 1, 4, 16]);
    while !talk.is_done() {
        for _ in 0..window {
            talk.packet(up, block);
            talk.wait(0.1);
        }
        if up {
            talk.far()
        } else {
            talk.near()
        }
        talk.packet(!up, 4);
        if up { talk.near() } else { talk.far() }
    }
}

/// A large body up, with or without a handshake: HTTP, FTP's data, object stores.
pub(super) fn upload_stream(talk: &mut Talk<'_>) {
    match talk.chance.count(0, 4) {
        0..=2 => talk.tls(),
        3 => return transfer(talk, true),
        _ => {}
    }
    let head = talk.chance.size(80, 1_800);
    talk.say(true, head);
    if talk.chance.is(0.3) {
        talk.far();
        let go = talk.chance.count(25, 120);
        talk.say(false, go);
        talk.near();
    }
    while !talk.is_done() {
        let size = talk.chance.size(60_000, 1 << 28);
        talk.bulk(true, size);
        talk.far();
        let answer = talk.chance.size(40, 900);
        talk.say(false, answer);
    }
}

pub(super) fn upload_quic(talk: &mut Talk<'_>) {
    talk.quic();
    let head = talk.chance.size(80, 900);
    talk.say(true, head);
    talk.far();
    let size = talk.chance.size(100_000, 1 << 28);
    talk.bulk(true, size);
}

/// A folder kept the same: lists and checksums, then pieces up in blocks with short answers (rsync, restic,
/// Syncthing, object stores).
pub(super) fn sync(talk: &mut Talk<'_>) {
    if talk.chance.is(0.6) {
        talk.tls();
    }
    for _ in 0..talk.chance.count(0, 4) {
        let (list, answer) = (talk.chance.size(60, 1_500), talk.chance.size(30, 700));
        talk.exchange(true, list, answer);
        talk.near();
    }
    let block = talk.chance.size(8_000, 4 << 20);
    while !talk.is_done() {
        let size = talk.chance.around(block as f64, 0.2).max(6_000);
        talk.bulk(true, size);
        if talk.chance.is(0.6) {
            talk.far();
            let answer = talk.chance.size(20, 400);
            talk.say(false, answer);
            talk.near();
        }
    }
}

/// Nothing that the model should name: sizes and gaps at random, or two flows in one.
pub(super) fn noise(talk: &mut Talk<'_>) {
    if talk.chance.is(0.5) {
        talk.datagrams();
    }
    let kinds = talk.chance.count(1, 6);
    let sizes: Vec<usize> = (0..kinds).map(|_| talk.chance.size(4, 1_460)).collect();
    let any = talk.chance.share();
    let (up, turn) = (talk.chance.share(), talk.chance.share());
    let (gap, spread) = (talk.chance.scale(0.05, 4_000.0), talk.chance.between(0.1, 2.5));
    let mut way = true;
    while !talk.is_done() {
        if talk.chance.is(turn) {
            way = talk.chance.is(up);
        }
        let size = if talk.chance.is(any) { talk.chance.size(1, 1_460) } else { talk.chance.pick(&sizes) };
        talk.packet(way, size);
        let pause = gap * (spread * talk.chance.normal()).exp();
        talk.wait(pause);
    }
}
