//! What each inspector costs on messages that are not its own, in nanoseconds: those are most of what it sees.
//!
//! `cargo run --release -p traffic --example inspectors`. An inspector that takes much longer than its neighbours
//! searches, parses or formats before its cheap test.
#![allow(missing_docs, clippy::print_stdout, clippy::disallowed_methods, clippy::disallowed_types)]

use std::hint::black_box;
use std::time::Instant;
use traffic::parsers::inspector;

/// Enough for a time that repeats to a few percent.
const ROUNDS: u32 = 20_000;

fn main() {
    for (list, is_stream) in [("TCP", true), ("DATAGRAM", false)] {
        let messages = messages(is_stream);
        let mut total = 0.0;
        for (place, name) in names(list).enumerate() {
            let foreign: Vec<_> = messages
                .iter()
                .filter(|(_, bytes, port)| inspector(place, is_stream, bytes, *port) == Some(false))
                .collect();
            let cost = |message: &(&str, Vec<u8>, u16)| {
                let (_, bytes, port) = message;
                let once = || {
                    let began = Instant::now();
                    for _ in 0..ROUNDS {
                        black_box(inspector(place, is_stream, black_box(bytes), black_box(*port)));
                    }
                    began.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS)
                };
                (0..5).map(|_| once()).fold(f64::MAX, f64::min)
            };
            let costs: Vec<(&str, f64)> = foreign.iter().map(|message| (message.0, cost(message))).collect();
            let mean = costs.iter().map(|(_, cost)| cost).sum::<f64>() / costs.len().max(1) as f64;
            let (worst, most) = costs.iter().copied().fold(("", 0.0), |a, b| if b.1 > a.1 { b } else { a });
            println!("{mean:7.1} ns  {name:<24} at most {most:6.1} on {worst}");
            total += mean;
        }
        println!("{total:7.1} ns  {list}\n");
    }
}

/// The names of the inspectors, as the list in the source has them.
fn names(list: &str) -> impl Iterator<Item = &'static str> {
    let source = include_str!("../src/classify.rs");
    let start = format!("pub(crate) const {list}: &[Inspect] = &[");
    let begin = source.find(&start).expect("the list stands in classify.rs") + start.len();
    let end = begin + source[begin..].find("];").expect("the list ends");
    source[begin..end].lines().map(|line| line.trim().trim_end_matches(',')).filter(|line| !line.is_empty())
}

/// What most flows begin with, and what is hard to tell from something: text, noise, counters.
fn messages(is_stream: bool) -> Vec<(&'static str, Vec<u8>, u16)> {
    let record = |length: u16| [&[23, 3, 3][..], &length.to_be_bytes(), &noise(1, usize::from(length))].concat();
    let noisy = |seed: u64, first: &[u8]| [first, &noise(seed, 1_100)].concat();
    let mut messages = vec![
        ("noise", noisy(2, &[]), 40_000),
        ("noise of another first byte", noisy(3, &[0x47]), 51_111),
        ("a counter and noise", noisy(4, &[0, 0, 0, 7]), 40_000),
        ("a length and noise", noisy(5, &[0x04, 0x4c, 0, 1]), 40_000),
        ("zeros", vec![0; 900], 40_000),
        ("short noise", noise(6, 20), 40_000),
        ("noise to the web", noisy(7, &[]), 443),
    ];
    if is_stream {
        let hello = [&[22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &noise(8, 506)].concat();
        let request =
            b"GET /assets/app.js HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\n\r\n";
        let answer =
            [&b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5120\r\n\r\n<html>"[..], &[b'a'; 900]];
        messages.extend([
            ("a TLS hello", hello, 443),
            ("TLS data", record(1_100), 443),
            ("a request of HTTP", request.to_vec(), 80),
            ("an answer of HTTP", answer.concat(), 80),
            ("SSH", b"SSH-2.0-OpenSSH_9.6\r\n".to_vec(), 22),
            ("text", b"Lorem ipsum dolor sit amet, consectetur adipiscing elit.\n".repeat(16), 40_000),
            ("capitals", b"STATUS OK SERVER 17 READY FOR ORDERS\n".repeat(16), 40_000),
            ("JSON", br#"{"id":1,"jsonrpc":"2.0","method":"status","params":["a","b"]}"#.repeat(8), 40_000),
            ("XML", b"<?xml version=\"1.0\"?><status><item name=\"a\"/></status>".repeat(10), 40_000),
        ]);
    } else {
        messages.extend([
            ("QUIC", [&[0xc0, 0, 0, 0, 1, 8][..], &noise(9, 1_194)].concat(), 443),
            (
                "a question of DNS",
                b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\x03com\0\0\x01\0\x01".to_vec(),
                53,
            ),
            ("RTP", [&[0x80, 0, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4][..], &noise(10, 160)].concat(), 16_400),
            ("STUN", b"\0\x01\0\0\x21\x12\xa4\x42abcdefghijkl".to_vec(), 3478),
            ("text", b"status of the thing: well and good, thank you".to_vec(), 40_000),
        ]);
    }
    messages
}

/// Bytes that no protocol wrote (xorshift, G. Marsaglia).
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}
