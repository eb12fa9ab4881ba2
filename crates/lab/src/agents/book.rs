//! The book of a call: which packet went when, which came back, and which never did.

use super::rtp::{is_rtp, number};
use crate::agent::{Event, RttSample, now_ms, tell};
use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// A packet counts as lost when it has not come back for so long: longer than any queue of the lab.
const LOST_AFTER: Duration = Duration::from_millis(1_500);
/// How often what is known is told.
const TOLD_EVERY: Duration = Duration::from_millis(500);

/// A packet that came back, by its number, and when.
pub(super) type Arrival = (u32, Instant);

/// Notes the time of each RTP packet on `socket`, on a thread that ends with the process.
pub(super) fn note_arrivals(socket: UdpSocket) -> Receiver<Arrival> {
    let (arrivals, arrived) = channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 1500];
        loop {
            if let Ok(length) = socket.recv(&mut buffer) {
                let now = Instant::now();
                if is_rtp(&buffer[..length]) && arrivals.send((number(&buffer), now)).is_err() {
                    return;
                }
            }
        }
    });
    arrived
}

/// What was sent and what came back.
pub(super) struct Book {
    /// Sent and not yet back, by number.
    open: BTreeMap<u32, (Instant, u64)>,
    settled: Vec<RttSample>,
    sent: u64,
    came: u64,
    told: Instant,
}

impl Book {
    /// An empty book.
    pub(super) fn new() -> Book {
        Book { open: BTreeMap::new(), settled: Vec::new(), sent: 0, came: 0, told: Instant::now() }
    }

    /// Packet `number` goes at `at`.
    pub(super) fn sent(&mut self, number: u32, at: Instant) {
        self.sent += 1;
        self.open.insert(number, (at, now_ms()));
    }

    /// Takes in what came back, and tells now and then.
    pub(super) fn look(&mut self, arrived: &Receiver<Arrival>) {
        for (number, at) in arrived.try_iter() {
            self.returned(number, at);
        }
        if self.told.elapsed() >= TOLD_EVERY {
            self.told = Instant::now();
            self.tell_settled(self.told);
        }
    }

    /// Waits for the last ones, which may still be on their way, and tells all.
    pub(super) fn close(mut self, arrived: &Receiver<Arrival>) {
        let deadline = Instant::now() + LOST_AFTER;
        while !self.open.is_empty() {
            match arrived.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok((number, at)) => self.returned(number, at),
                Err(_) => break,
            }
        }
        self.tell_settled(deadline + LOST_AFTER);
        tell(&Event::Counted { sent: self.sent, returned: self.came });
    }

    fn returned(&mut self, number: u32, at: Instant) {
        if let Some((sent, at_ms)) = self.open.remove(&number) {
            self.came += 1;
            let rtt_us = at.saturating_duration_since(sent).as_micros() as u32;
            self.settled.push(RttSample { at_ms, rtt_us: Some(rtt_us) });
        }
    }

    /// Tells what is known by `now`, the lost ones too.
    fn tell_settled(&mut self, now: Instant) {
        let settled = &mut self.settled;
        self.open.retain(|_, (sent, at_ms)| {
            let is_lost = now.saturating_duration_since(*sent) > LOST_AFTER;
            if is_lost {
                settled.push(RttSample { at_ms: *at_ms, rtt_us: None });
            }
            !is_lost
        });
        if !settled.is_empty() {
            settled.sort_by_key(|sample| sample.at_ms);
            tell(&Event::Rtt { samples: std::mem::take(settled) });
        }
    }
}
