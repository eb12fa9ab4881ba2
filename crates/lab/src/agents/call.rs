//! A phone call: set up by SIP (RFC 3261), then RTP with G.711 (RFC 3551), answered packet by packet.

use super::noise::Noise;
use super::resolve::{Family, resolve};
use super::rtp::{Marker, Stream, Ticks, is_rtp, sequence};
use crate::agent::{Event, RttSample, Stage, now_ms, tell, tell_flow};
use crate::world::PHONE;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use vocab::TrafficClass;

/// G.711 in packets of 20 ms: 50 a second, 160 bytes each.
const PERIOD: Duration = Duration::from_millis(20);
const PAYLOAD: usize = 160;

/// A packet counts as lost when it has not come back for so long: longer than any queue of the lab.
const LOST_AFTER: Duration = Duration::from_millis(1_500);

/// Calls, talks and listens until it is over.
pub(super) fn talk(stage: &Stage) -> Result<()> {
    let mut noise = Noise::new();
    let server = resolve(PHONE, Family::V4)?;
    let media = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    let media_port = media.local_addr()?.port();
    let call = invite(SocketAddr::new(server, 5060), media_port, &mut noise)?;
    media.connect((server, call.media_port))?;
    media.set_read_timeout(Some(Duration::from_millis(200)))?;
    tell_flow("udp", media.local_addr()?, media.peer_addr()?, TrafficClass::Voice);

    let (arrivals, arrived) = mpsc::channel();
    let listener = media.try_clone()?;
    std::thread::spawn(move || {
        let mut buffer = [0; 1500];
        loop {
            if let Ok(length) = listener.recv(&mut buffer) {
                let now = Instant::now();
                if is_rtp(&buffer[..length]) && arrivals.send((sequence(&buffer), now)).is_err() {
                    return;
                }
            }
        }
    });
    tell(&Event::Ready);

    let mut stream = Stream::new(0, PAYLOAD as u32, &mut noise);
    let mut book = Book::default();
    let mut next = Instant::now();
    let mut told = next;
    let mut marker = Marker::Set;
    while !stage.is_over() {
        // Speech in G.711 is spread over all byte values; noise is as good to the queue.
        let (number, packet) = stream.next(marker, &noise.bytes(PAYLOAD), Ticks::Advance);
        marker = Marker::Clear;
        book.sent(number, Instant::now());
        let _ = media.send(&packet);
        next += PERIOD;
        stage.sleep_until(next);
        for (number, at) in arrived.try_iter() {
            book.returned(number, at);
        }
        if told.elapsed() >= Duration::from_millis(500) {
            told = Instant::now();
            book.tell_settled(told);
        }
    }
    // The last ones may still be on their way.
    let deadline = Instant::now() + LOST_AFTER;
    while !book.open.is_empty() {
        match arrived.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok((number, at)) => book.returned(number, at),
            Err(_) => break,
        }
    }
    book.tell_settled(deadline + LOST_AFTER);
    tell(&Event::Counted { sent: book.sent, returned: book.came });
    call.bye()
}

/// What was sent and what came back.
#[derive(Default)]
struct Book {
    /// Sent and not yet back, by sequence number.
    open: BTreeMap<u16, (Instant, u64)>,
    settled: Vec<RttSample>,
    sent: u64,
    came: u64,
}

impl Book {
    fn sent(&mut self, number: u16, at: Instant) {
        self.sent += 1;
        self.open.insert(number, (at, now_ms()));
    }

    fn returned(&mut self, number: u16, at: Instant) {
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

/// A call that stands.
struct Call {
    socket: UdpSocket,
    dialogue: String,
    media_port: u16,
}

/// Invites the other side and agrees on ports for the sound.
fn invite(server: SocketAddr, media_port: u16, noise: &mut Noise) -> Result<Call> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 5060)).context("cannot bind to port 5060")?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(Duration::from_millis(1_000)))?;
    let local = socket.local_addr()?;
    tell_flow("udp", local, server, TrafficClass::Voice);
    let dialogue = format!(
        "Via: SIP/2.0/UDP {local};branch=z9hG4bK{:08x};rport\r\nFrom: <sip:anna@{PHONE}>;tag={:08x}\r\n\
         To: <sip:grandma@{PHONE}>\r\nCall-ID: {:016x}@{}\r\nMax-Forwards: 70\r\n",
        noise.next() as u32,
        noise.next() as u32,
        noise.next(),
        local.ip(),
    );
    let offer = format!(
        "v=0\r\no=anna 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {media_port} RTP/AVP 0 101\r\n\
         a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=sendrecv\r\n",
        ip = local.ip(),
    );
    let request = format!(
        "INVITE sip:grandma@{PHONE} SIP/2.0\r\n{dialogue}CSeq: 1 INVITE\r\nContact: <sip:anna@{local}>\r\n\
         User-Agent: Linphone/5.2\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{offer}",
        offer.len(),
    );
    let mut buffer = [0; 1500];
    for _ in 0..5 {
        socket.send(request.as_bytes())?;
        while let Ok(length) = socket.recv(&mut buffer) {
            let answer = String::from_utf8_lossy(&buffer[..length]);
            let port = answer.lines().find_map(|line| line.strip_prefix("m=audio ")?.split(' ').next()?.parse().ok());
            if let Some(media_port) = port.filter(|_| answer.starts_with("SIP/2.0 200")) {
                let call = Call { socket, dialogue, media_port };
                call.request("ACK", 1)?;
                return Ok(call);
            }
        }
    }
    anyhow::bail!("{server} does not answer the call")
}

impl Call {
    fn request(&self, method: &str, number: u32) -> Result<()> {
        let dialogue = &self.dialogue;
        let request = format!(
            "{method} sip:grandma@{PHONE} SIP/2.0\r\n{dialogue}CSeq: {number} {method}\r\nContent-Length: 0\r\n\r\n"
        );
        self.socket.send(request.as_bytes())?;
        Ok(())
    }

    fn bye(self) -> Result<()> {
        self.request("BYE", 2)
    }
}
