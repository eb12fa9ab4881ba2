//! The words generators are written in: one side says, the other answers, both stream.

use crate::chance::Chance;
use crate::trace::Step;

/// Packets a generator makes at most: enough to join midway.
const MOST: usize = 160;

/// A flow in the making, seen from the home's gateway.
pub struct Talk<'a> {
    pub chance: &'a mut Chance,
    pub stream: bool,
    steps: Vec<Step>,
    now: f64,
    /// From the gateway to the server and back, ms; CAIDA and RIPE Atlas: 5 to 300.
    pub far: f64,
    /// From the gateway to the device and back, ms: cable to busy Wi-Fi.
    pub near: f64,
    /// The most payload in a packet: MTU 1280 to 1500 less headers and options.
    pub full: usize,
    /// The link's rate, bytes per ms.
    pub pace: f64,
}

impl<'a> Talk<'a> {
    pub fn new(chance: &'a mut Chance) -> Talk<'a> {
        let far = chance.scale(1.0, 250.0);
        let near = chance.scale(0.15, 15.0);
        let full = chance.pick(&[1_460, 1_448, 1_448, 1_440, 1_428, 1_412, 1_400, 1_380, 1_368, 1_350, 1_300, 1_220]);
        let pace = chance.scale(60.0, 60_000.0);
        Talk { chance, stream: true, steps: Vec::new(), now: 0.0, far, near, full, pace }
    }

    /// From now on it is UDP, and a packet holds this much.
    pub fn datagrams(&mut self) {
        self.stream = false;
        self.full =
            self.chance.pick(&[1_200, 1_200, 1_232, 1_250, 1_252, 1_300, 1_350, 1_357, 1_378, 1_400, 1_452, 1_472]);
    }

    pub fn is_done(&self) -> bool {
        self.steps.len() >= MOST
    }

    pub fn wait(&mut self, ms: f64) {
        self.now += ms;
    }

    /// Until the server's answer.
    pub fn far(&mut self) {
        let served = self.chance.scale(0.05, 30.0);
        self.now += self.far * self.chance.between(0.95, 1.15) + served;
    }

    /// Until the device reacts by itself.
    pub fn near(&mut self) {
        self.now += self.near * self.chance.between(0.8, 1.5) + self.chance.scale(0.02, 5.0);
    }

    /// Until a person reacts.
    pub fn person(&mut self, low: f64, high: f64) {
        self.now += self.chance.scale(low, high);
    }

    /// A packet, now.
    pub fn packet(&mut self, up: bool, size: usize) {
        self.steps.push(Step { ms: self.now, up, size: size.max(1) });
    }

    /// A message, cut into packets that follow each other at the link's rate.
    pub fn say(&mut self, up: bool, bytes: usize) {
        let mut left = bytes.max(1);
        while left > 0 && !self.is_done() {
            let size = left.min(self.full);
            self.packet(up, size);
            left -= size;
            if left > 0 {
                self.now += size as f64 / self.pace * self.chance.between(0.6, 1.6);
            }
        }
    }

    /// Alternates: a message, its answer.
    pub fn exchange(&mut self, up: bool, question: usize, answer: usize) {
        self.say(up, question);
        if up {
            self.far()
        } else {
            self.near()
        }
        self.say(!up, answer);
    }

    /// Much, the way TCP and its kin send it: windows that double, a round trip between them (RFC 6928).
    /// Over UDP the other end acknowledges every few packets (RFC 9000, 13.2).
    pub fn bulk(&mut self, up: bool, bytes: usize) {
        let mut window = self.chance.pick(&[10_usize, 10, 10, 20, 32, 4]);
        let grown = self.chance.is(0.4);
        if grown {
            window *= self.chance.pick(&[4, 16, 64]);
        }
        let (acks, ack_size) = (self.chance.pick(&[1, 1, 2, 2, 2, 3, 4, 6, 10]), self.chance.count(22, 62));
        let mut left = bytes;
        let mut since_ack = 0;
        while left > 0 && !self.is_done() {
            let round = self.now;
            for _ in 0..window {
                if left == 0 || self.is_done() {
                    break;
                }
                let size = left.min(self.full);
                self.packet(up, size);
                left -= size;
                since_ack += 1;
                self.now += size as f64 / self.pace * self.chance.between(0.3, 1.8);
                if !self.stream && since_ack >= acks {
                    since_ack = 0;
                    let jitter = self.chance.count(0, 6);
                    self.packet(!up, ack_size + jitter);
                }
            }
            window = (window * 2).min(2_000);
            let trip = if up { self.far } else { self.near + self.far };
            self.now = self.now.max(round + trip * self.chance.between(0.9, 1.2));
        }
    }

    /// A TLS handshake (RFC 8446, RFC 5246): hello of 200 to 1,900 bytes, the server's flight, the answer.
    pub fn tls(&mut self) {
        let hello = match self.chance.count(0, 4) {
            0 => self.chance.count(150, 330),
            1 => 517,
            2 => self.chance.count(450, 750),
            _ => self.chance.count(1_500, 1_950),
        };
        self.say(true, hello);
        self.far();
        let flight = if self.chance.is(0.25) { self.chance.count(100, 300) } else { self.chance.count(1_200, 5_800) };
        self.say(false, flight);
        self.near();
        let finish = self.chance.count(50, 180);
        self.say(true, finish);
        if self.chance.is(0.4) {
            self.far();
            let ticket = self.chance.count(50, 600);
            self.say(false, ticket);
        }
        if self.chance.is(0.4) {
            // HTTP/2 begins with settings both ways (RFC 9113, 3.4).
            let settings = self.chance.count(60, 130);
            self.say(true, settings);
            if self.chance.is(0.5) {
                self.wait(0.3);
                let acked = self.chance.count(30, 100);
                self.say(false, acked);
            }
        }
    }

    /// A QUIC handshake (RFC 9000, 14.1: Initials of at least 1,200 bytes both ways).
    pub fn quic(&mut self) {
        self.datagrams();
        let initial = self.full.min(1_357);
        for _ in 0..self.chance.count(1, 2) {
            self.packet(true, initial);
            self.wait(0.1);
        }
        self.far();
        for _ in 0..self.chance.count(2, 4) {
            self.packet(false, initial);
            self.wait(0.1);
        }
        if self.chance.is(0.5) {
            let rest = self.chance.count(100, 1_000);
            self.packet(false, rest);
        }
        self.near();
        let finish = self.chance.pick(&[initial, 80, 120]);
        self.packet(true, finish);
        let (first, second) = (self.chance.count(40, 110), self.chance.count(28, 45));
        self.packet(true, first);
        self.far();
        self.packet(false, second);
        if self.chance.is(0.6) {
            let done = self.chance.count(60, 600);
            self.packet(false, done);
        }
    }

    /// Connectivity checks (RFC 8445) and, mostly, a DTLS handshake (RFC 5764), as before WebRTC's media.
    pub fn ice(&mut self) {
        let (ask, answer) = (self.chance.count(80, 130), self.chance.count(60, 100));
        let first = self.chance.is(0.5);
        for _ in 0..self.chance.count(1, 4) {
            self.packet(first, ask);
            if first {
                self.far()
            } else {
                self.near()
            }
            self.packet(!first, answer);
            self.wait(1.0);
            self.packet(!first, ask + 4);
            if first {
                self.near()
            } else {
                self.far()
            }
            self.packet(first, answer);
            let pause = self.chance.scale(1.0, 60.0);
            self.wait(pause);
        }
        if self.chance.is(0.75) {
            let hello = self.chance.count(150, 260);
            self.packet(true, hello);
            self.far();
            let flight = self.chance.count(500, 1_150);
            self.packet(false, flight);
            self.near();
            let key = self.chance.count(400, 900);
            self.packet(true, key);
            self.far();
            let finish = self.chance.count(60, 600);
            self.packet(false, finish);
        }
        self.wait(5.0);
    }

    /// A source of packets beside others: `event` says how long until the next packet, which way and how
    /// large, from now until `ms` later.
    pub fn beside(&mut self, ms: f64, mut event: impl FnMut(&mut Chance) -> (f64, bool, usize)) {
        let (start, end) = (self.now, self.now + ms);
        let mut at = start;
        for _ in 0..MOST {
            let (pause, up, size) = event(self.chance);
            at += pause;
            if at > end {
                break;
            }
            self.steps.push(Step { ms: at, up, size: size.max(1) });
        }
    }

    /// The packets in order, and whether they were TCP.
    pub fn finish(mut self) -> (bool, Vec<Step>) {
        self.steps.sort_by(|a, b| a.ms.total_cmp(&b.ms));
        self.steps.truncate(MOST);
        (self.stream, self.steps)
    }
}
