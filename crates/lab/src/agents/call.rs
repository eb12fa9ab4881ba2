//! A phone call: set up by SIP (RFC 3261), then RTP with G.711 (RFC 3551), answered packet by packet.

use super::book::{Book, note_arrivals};
use super::noise::Noise;
use super::resolve::{Family, resolve};
use super::rtp::{Marker, Stream, Ticks, number};
use crate::agent::{Event, Stage, tell, tell_flow};
use crate::world::PHONE;
use anyhow::{Context, Result};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use vocab::TrafficClass;

/// G.711 in packets of 20 ms: 50 a second, 160 bytes each.
const PERIOD: Duration = Duration::from_millis(20);
const PAYLOAD: usize = 160;

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

    let arrived = note_arrivals(media.try_clone()?);
    tell(&Event::Ready);

    let mut stream = Stream::new(0, PAYLOAD as u32, &mut noise);
    let mut book = Book::new();
    let mut next = Instant::now();
    let mut marker = Marker::Set;
    while !stage.is_over() {
        // Speech in G.711 is spread over all byte values; noise is as good to the queue.
        let packet = stream.next(marker, &noise.bytes(PAYLOAD), Ticks::Advance);
        marker = Marker::Clear;
        book.sent(number(&packet), Instant::now());
        let _ = media.send(&packet);
        next += PERIOD;
        stage.sleep_until(next);
        book.look(&arrived);
    }
    book.close(&arrived);
    call.bye()
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
