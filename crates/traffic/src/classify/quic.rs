//! QUIC (RFC 9000, RFC 9001, RFC 9369, late drafts) and Google's own before it: the hello inside Initials.
//!
//! The keys of an Initial follow from the connection id in it (RFC 9001, 5.2), so anybody on the way can open
//! it. Chrome's hello spans several packets with shuffled CRYPTO frames: they are put together here.

use super::ja4::{Carrier, Ja4};
use super::tls::{ClientHello, valid_name};
use super::{Finding, Found, Layer, NameSource, Names, Next, Sender, Signature, View, alpn};
use crate::packet::be32;
use ring::{aead, hkdf};
use vocab::TrafficClass;

pub(crate) const QUIC: Signature = Signature {
    application: "QUIC",
    class: TrafficClass::Web,
    names: Names::Refine,
    confidence: 85,
    why: "a QUIC handshake without a known server name",
};

/// More CRYPTO than any hello (a post-quantum one has 1.8 kB): kept bytes per flow.
const MOST_CRYPTO: usize = 6_144;
const MOST_FRAMES: usize = 32;
/// Keys derived per flow at most: one for the flow, one after a Retry, and some for a second flow on its ports.
const MOST_KEYS: u8 = 6;
/// A connection id is this long at most (RFC 9000, 17.2).
const MOST_ID: usize = 20;

/// What one datagram told.
enum Seen<'a> {
    /// Not QUIC.
    Other,
    /// QUIC, but nothing new in it.
    Quic,
    /// A hello of TLS, perhaps not all of it.
    Hello(ClientHello<'a>),
    /// The server's name in a hello of Google's own.
    Name(&'a str),
}

/// The hello of one flow, put together over its datagrams.
#[derive(Default)]
pub(crate) struct Assembly {
    keys: Option<Box<Keys>>,
    derived: u8,
    crypto: Vec<u8>,
    have: Vec<(u32, u32)>,
    /// The hello was whole: nothing more is kept.
    done: bool,
}

struct Keys {
    opening: aead::LessSafeKey,
    iv: [u8; 12],
    header: aead::quic::HeaderProtectionKey,
}

/// How a version protects its Initials.
struct Version {
    salt: [u8; 20],
    key: &'static [u8],
    iv: &'static [u8],
    header: &'static [u8],
    initial: u8,
}

const fn v1(salt: [u8; 20]) -> Version {
    Version { salt, key: b"tls13 quic key", iv: b"tls13 quic iv", header: b"tls13 quic hp", initial: 0 }
}

fn version(number: u32) -> Option<Version> {
    Some(match number {
        // RFC 9001, 5.2, and draft-ietf-quic-tls-33 and 34, which had its final values.
        1 | 0xff00_0021 | 0xff00_0022 => {
            v1(*b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a")
        }
        // RFC 9369, 3.3 (and the number its drafts used).
        0x6b33_43cf | 0x7090_20c4 => Version {
            salt: *b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9",
            key: b"tls13 quicv2 key",
            iv: b"tls13 quicv2 iv",
            header: b"tls13 quicv2 hp",
            initial: 1,
        },
        // draft-ietf-quic-tls-29 to 32.
        0xff00_001d..=0xff00_0020 => {
            v1(*b"\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99")
        }
        // draft-ietf-quic-tls-23 to 28, and mvfst on draft 27 (its QuicConstants.h).
        0xff00_0017..=0xff00_001c | 0xface_b002 | 0xface_b00e | 0xface_b010..=0xface_b013 => {
            v1(*b"\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02")
        }
        // draft-ietf-quic-tls-21 and 22, and mvfst on them.
        0xff00_0015 | 0xff00_0016 | 0xface_b001 => {
            v1(*b"\x7f\xbc\xdb\x0e\x7c\x66\xbb\xe9\x19\x3a\x96\xcd\x21\x51\x9e\xbd\x7a\x02\x64\x4a")
        }
        // Google's Q050, T050, T051 (quiche, crypto_utils.cc).
        0x5130_3530 => v1(*b"\x50\x45\x74\xef\xd0\x66\xfe\x2f\x9d\x94\x5c\xfc\xdb\xd3\xa7\xf0\xd3\xb5\x6b\x45"),
        0x5430_3530 => v1(*b"\x7f\xf5\x79\xe5\xac\xd0\x72\x91\x55\x80\x30\x4c\x43\xa2\x36\x7c\x60\x48\x83\x10"),
        0x5430_3531 => v1(*b"\x7a\x4e\xde\xf4\xe7\xcc\xee\x5f\xa4\x50\x6c\x19\x12\x4f\xc8\xcc\xda\x6e\x03\x3d"),
        _ => return None,
    })
}

/// Whether a long header could carry this version number.
fn is_version(number: u32) -> bool {
    version(number).is_some()
        || number & 0x0f0f_0f0f == 0x0a0a_0a0a
        || (0xff00_0001..=0xff00_0022).contains(&number)
        || (0xface_b000..=0xface_b01f).contains(&number)
        // picoquic, quant, quicly and others (the working group's wiki "QUIC Versions").
        || matches!(number >> 8, 0x0050_4351 | 0x0045_4747 | 0x0051_4700 | 0x00f1_23f0 | 0x00ab_cd00 | 0x0070_7273)
        || is_google(number)
}

/// `Q024` to `Q099` and `T0..`, as text.
fn is_google(number: u32) -> bool {
    let [kind, zero, tens, ones] = number.to_be_bytes();
    matches!(kind, b'Q' | b'T') && zero == b'0' && tens.is_ascii_digit() && ones.is_ascii_digit()
}

impl Assembly {
    /// Takes in the next datagram of a flow, from either side; keeps at most `room` bytes more.
    pub(crate) fn inspect(&mut self, view: &View<'_>, room: usize, ja4: &mut Option<Ja4>) -> Finding {
        if view.layer != Layer::Datagram {
            return Finding::No;
        }
        let conclude = |signature, name, next| Finding::Found(Found { signature, name, next, announces: Vec::new() });
        let (finding, whole) = match self.observe(view.bytes, view.sender, room) {
            Seen::Other => (Finding::No, false),
            Seen::Quic => (conclude(by_port(view), None, Next::Watch), false),
            Seen::Name(name) => {
                let name = Some((super::tls::lowercase(name), NameSource::QuicInitial));
                (conclude(QUIC, name, Next::Settle), true)
            }
            Seen::Hello(hello) => {
                if hello.whole {
                    *ja4 = Some(Ja4::of(&hello, Carrier::Quic));
                }
                let read = hello.read();
                let name = read.name(NameSource::QuicInitial);
                let next = match &name {
                    Some(_) if !hello.whole => Next::Read,
                    Some((_, NameSource::OuterHello)) | None => Next::Watch,
                    Some(_) => Next::Settle,
                };
                let signature = alpn::purpose(read.protocols).unwrap_or_else(|| by_port(view));
                (conclude(signature, name, next), hello.whole)
            }
        };
        if whole {
            *self = Assembly { done: true, ..Assembly::default() };
        }
        finding
    }

    fn observe(&mut self, datagram: &[u8], sender: Sender, room: usize) -> Seen<'_> {
        let Some(&first) = datagram.first() else { return Seen::Other };
        if first & 0x80 == 0 {
            return if google_public_header(datagram) { self.google(datagram, room) } else { Seen::Other };
        }
        let Some(number) = be32(datagram, 1) else { return Seen::Other };
        if number == 0 {
            return if is_negotiation(datagram) { Seen::Quic } else { Seen::Other };
        }
        if !is_version(number) {
            return if is_initial_of_unknown_version(datagram) { Seen::Quic } else { Seen::Other };
        }
        if is_google(number) && number >> 24 == u32::from(b'Q') && number < 0x5130_3530 {
            return self.google(datagram, room);
        }
        if first & 0x40 == 0 || ids(datagram).is_none() {
            return Seen::Other;
        }
        if self.done {
            return Seen::Quic;
        }
        // Datagrams coalesce packets (RFC 9000, 12.2).
        let mut rest = datagram;
        for _ in 0..8 {
            match self.initial(rest, sender, room) {
                Some(used) if used > 0 && used < rest.len() => rest = &rest[used..],
                _ => break,
            }
        }
        self.result()
    }

    fn result(&self) -> Seen<'_> {
        let contiguous = self.have.first().filter(|range| range.0 == 0).map_or(0, |range| range.1 as usize);
        let crypto = &self.crypto[..contiguous.min(self.crypto.len())];
        if let Some(name) = google_name(crypto) {
            return Seen::Name(name);
        }
        let Some(&[1, high, middle, low]) = crypto.first_chunk() else { return Seen::Quic };
        let stated = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        match ClientHello::parse(&crypto[4..], stated, Carrier::Quic) {
            Some(hello) if hello.whole || hello.read().server_name.is_some() => Seen::Hello(hello),
            _ => Seen::Quic,
        }
    }

    /// Opens one packet with a long header; gives its length, `None` if it cannot be told.
    fn initial(&mut self, packet: &[u8], sender: Sender, room: usize) -> Option<usize> {
        let first = *packet.first()?;
        if first & 0xc0 != 0xc0 {
            return None;
        }
        let version = version(be32(packet, 1)?)?;
        let (id, mut at) = ids(packet)?;
        if (first >> 4) & 3 != version.initial {
            // A handshake or early-data packet: length at once, no token.
            let (length, used) = variable(packet, at)?;
            return (at + used).checked_add(usize::try_from(length).ok()?);
        }
        let (token, used) = variable(packet, at)?;
        at = at.checked_add(used)?.checked_add(usize::try_from(token).ok()?)?;
        let (length, used) = variable(packet, at)?;
        at += used;
        let end = at.checked_add(usize::try_from(length).ok()?)?;
        let body = packet.get(at..end)?;
        // The same keys serve all Initials of a flow; a Retry, or a second flow on the ports, brings new ones.
        let opened = self.keys.as_ref().and_then(|keys| open(keys, packet, at, body));
        let plain = match opened {
            Some(plain) => Some(plain),
            // Only the end that began seals with keys that follow from the id it chose.
            None if sender == Sender::Responder || self.derived >= MOST_KEYS || room < size_of::<Keys>() => None,
            None => {
                self.derived += 1;
                let keys = derive(&version, id)?;
                let plain = open(&keys, packet, at, body);
                if plain.is_some() {
                    self.keys = Some(Box::new(keys));
                    self.crypto.clear();
                    self.have.clear();
                }
                plain
            }
        };
        if let Some(plain) = plain {
            self.frames(&plain, room);
        }
        Some(end)
    }

    fn frames(&mut self, mut plain: &[u8], room: usize) {
        for _ in 0..4_096 {
            let Some(&kind) = plain.first() else { return };
            match kind {
                // PADDING, PING; of the first there are hundreds.
                0 | 1 => {
                    let words = plain.chunks_exact(16).take_while(|word| **word == [0; 16]).count();
                    plain = &plain[(16 * words).max(1)..];
                }
                // ACK
                2 | 3 => {
                    let Some(used) = ack_length(plain) else { return };
                    plain = plain.get(used..).unwrap_or(&[]);
                }
                // CRYPTO
                6 => {
                    let Some((offset, used)) = variable(plain, 1) else { return };
                    let Some((length, more)) = variable(plain, 1 + used) else { return };
                    let start = 1 + used + more;
                    let Ok(length) = usize::try_from(length) else { return };
                    let Some(body) = start.checked_add(length).and_then(|end| plain.get(start..end)) else { return };
                    self.keep(offset, body, room);
                    plain = &plain[start + length..];
                }
                // Q050 and later of Google carry their hello in a STREAM-like frame: search it.
                _ => {
                    if let Some(at) = memchr::memmem::find(plain, b"CHLO") {
                        self.keep(0, &plain[at..], room);
                    }
                    return;
                }
            }
        }
    }

    fn keep(&mut self, offset: u64, body: &[u8], room: usize) {
        let Ok(start) = usize::try_from(offset) else { return };
        let Some(end) = start.checked_add(body.len()).filter(|&end| end <= MOST_CRYPTO) else { return };
        if body.is_empty() || self.have.len() >= MOST_FRAMES || end.saturating_sub(self.crypto.len()) > room {
            return;
        }
        if self.crypto.len() < end {
            self.crypto.reserve_exact(end - self.crypto.len());
            self.crypto.resize(end, 0);
        }
        self.crypto[start..end].copy_from_slice(body);
        self.have.push((start as u32, end as u32));
        self.have.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(self.have.len());
        for &(start, end) in &self.have {
            match merged.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => merged.push((start, end)),
            }
        }
        self.have = merged;
    }

    /// Bytes kept for this flow.
    pub(crate) fn size(&self) -> usize {
        let keys = if self.keys.is_some() { size_of::<Keys>() } else { 0 };
        self.crypto.capacity() + self.have.capacity() * 8 + keys
    }

    /// Google's QUIC before Q050: the hello is in the clear.
    fn google(&mut self, datagram: &[u8], room: usize) -> Seen<'_> {
        if self.done {
            return Seen::Quic;
        }
        if let Some(at) = memchr::memmem::find(&datagram[..datagram.len().min(200)], b"CHLO") {
            self.keep(0, &datagram[at..], room);
        }
        self.result()
    }
}

/// QUIC that carries another protocol than HTTP on a port that says so.
fn by_port(view: &View<'_>) -> Signature {
    let of = |application, class, why| Signature { application, class, names: Names::Adorn, why, ..QUIC };
    match view.responder_port() {
        // RFC 9250; RFC 9443 keeps 784 and 8853 of its drafts apart.
        853 | 784 | 8853 => of("DNS over QUIC", TrafficClass::Interactive, "QUIC on the port of DNS over QUIC"),
        445 => of("SMB", TrafficClass::Interactive, "QUIC on the port of SMB"),
        22_000 => of("Syncthing", TrafficClass::Download, "QUIC on the port of Syncthing"),
        _ => QUIC,
    }
}

/// A packet of a flow that began before we looked: a short header from this end, a QUIC header from the other, on
/// the web's port (RFC 9000, 17.3). The form has two bits, so it is believed little.
pub(crate) fn joined(view: &View<'_>) -> Finding {
    let looks = |bytes: &[u8]| matches!(bytes.first(), Some(0x40..=0x7f | 0xc0..=0xff));
    let sealed = matches!(view.bytes.first(), Some(0x40..=0x7f)) && view.bytes.len() >= 21;
    if view.layer != Layer::Datagram || !sealed || !view.any_port(&[443, 80]) || !looks(view.heard) {
        return Finding::No;
    }
    let signature = Signature { confidence: 55, why: "QUIC packets of a flow that began before we looked", ..QUIC };
    Finding::Found(Found { signature, name: None, next: Next::Watch, announces: Vec::new() })
}

/// The destination's connection id of a long header, and where what stands behind both ids begins.
fn ids(packet: &[u8]) -> Option<(&[u8], usize)> {
    let length = usize::from(*packet.get(5)?);
    let id = packet.get(6..6 + length)?;
    let other = usize::from(*packet.get(6 + length)?);
    if length > MOST_ID || other > MOST_ID {
        return None;
    }
    let end = 7 + length + other;
    (end <= packet.len()).then_some((id, end))
}

/// Version negotiation (RFC 9000, 17.2.1; of Google with the same form): version 0, two ids, versions to the end.
fn is_negotiation(datagram: &[u8]) -> bool {
    let Some((_, at)) = ids(datagram) else { return false };
    let versions = &datagram[at..];
    let known = versions.as_chunks::<4>().0.iter().filter(|&&version| is_version(u32::from_be_bytes(version))).count();
    !versions.is_empty() && versions.len().is_multiple_of(4) && versions.len() <= 256 && known * 2 >= versions.len() / 4
}

/// An Initial whose version nobody told us: the form of RFC 9000, 17.2.2, in a datagram of its least size (14.1), with
/// ids of the usual lengths and lengths that fit.
fn is_initial_of_unknown_version(datagram: &[u8]) -> bool {
    let read = || {
        let (id, at) = ids(datagram)?;
        let (token, used) = variable(datagram, at)?;
        let at = at.checked_add(used)?.checked_add(usize::try_from(token).ok()?)?;
        let (length, used) = variable(datagram, at)?;
        let end = at.checked_add(used)?.checked_add(usize::try_from(length).ok()?)?;
        Some(id.len() >= 8 && length >= 20 && used == 2 && end <= datagram.len() && (token == 0 || token >= 16))
    };
    (0xc0..=0xcf).contains(&datagram[0]) && datagram.len() >= 1_200 && read() == Some(true)
}

/// A public header of Google's QUIC with version `Q0xx` (flag 0x01, connection id 0x08).
fn google_public_header(datagram: &[u8]) -> bool {
    let first = datagram[0];
    first & 0xc9 == 0x09 && be32(datagram, 9).is_some_and(is_google)
}

/// `SNI` in the tag table of a CHLO (quiche, crypto_framer.cc): tag, end offset, both little-endian.
fn google_name(crypto: &[u8]) -> Option<&str> {
    let table = crypto.strip_prefix(b"CHLO")?;
    let count = usize::from(u16::from_le_bytes([*table.first()?, *table.get(1)?])).min(64);
    let entries = table.get(4..4 + count * 8)?;
    let values = &table[4 + count * 8..];
    let mut start = 0;
    for entry in entries.as_chunks::<8>().0 {
        let end = u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]) as usize;
        if &entry[..4] == b"SNI\0" {
            return valid_name(values.get(start..end)?);
        }
        start = end;
    }
    None
}

fn ack_length(frame: &[u8]) -> Option<usize> {
    let mut at = 1;
    let mut next = || {
        let (value, used) = variable(frame, at)?;
        at += used;
        Some(value)
    };
    next()?;
    next()?;
    let ranges = next()?;
    next()?;
    for _ in 0..ranges.min(64) {
        next()?;
        next()?;
    }
    if frame[0] == 3 {
        next()?;
        next()?;
        next()?;
    }
    Some(at)
}

/// A variable-length integer (RFC 9000, 16) and how many bytes it took.
fn variable(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let first = *bytes.get(at)?;
    let length = 1 << (first >> 6);
    let field = bytes.get(at..at + length)?;
    let value = field[1..].iter().fold(u64::from(first & 0x3f), |value, &byte| value << 8 | u64::from(byte));
    Some((value, length))
}

struct Length(usize);
impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand-Label with an empty context (RFC 8446, 7.1).
fn expand(secret: &hkdf::Prk, label: &[u8], out: &mut [u8]) -> Option<()> {
    let length = u16::try_from(out.len()).ok()?.to_be_bytes();
    let info = [&length[..], &[u8::try_from(label.len()).ok()?], label, &[0]];
    secret.expand(&info, Length(out.len())).ok()?.fill(out).ok()
}

fn derive(version: &Version, id: &[u8]) -> Option<Keys> {
    let initial = hkdf::Salt::new(hkdf::HKDF_SHA256, &version.salt).extract(id);
    let mut secret = [0; 32];
    expand(&initial, b"tls13 client in", &mut secret)?;
    let secret = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, &secret);
    let (mut key, mut iv, mut header) = ([0; 16], [0; 12], [0; 16]);
    expand(&secret, version.key, &mut key)?;
    expand(&secret, version.iv, &mut iv)?;
    expand(&secret, version.header, &mut header)?;
    Some(Keys {
        opening: aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_128_GCM, &key).ok()?),
        iv,
        header: aead::quic::HeaderProtectionKey::new(&aead::quic::AES_128, &header).ok()?,
    })
}

/// Takes off header protection (RFC 9001, 5.4) and opens the packet; `None` if the keys are not its own.
fn open(keys: &Keys, packet: &[u8], at: usize, body: &[u8]) -> Option<Vec<u8>> {
    let sample = body.get(4..20)?;
    let mask = keys.header.new_mask(sample).ok()?;
    let first = packet[0] ^ (mask[0] & 0x0f);
    let number_len = usize::from(first & 3) + 1;
    let mut header = packet.get(..at + number_len)?.to_vec();
    header[0] = first;
    let mut number = 0_u64;
    for (place, byte) in header[at..].iter_mut().enumerate() {
        *byte ^= mask[1 + place];
        number = number << 8 | u64::from(*byte);
    }
    let mut nonce = keys.iv;
    for (place, byte) in number.to_be_bytes().into_iter().enumerate() {
        nonce[4 + place] ^= byte;
    }
    let mut sealed = body.get(number_len..)?.to_vec();
    let nonce = aead::Nonce::assume_unique_for_key(nonce);
    let length = keys.opening.open_in_place(nonce, aead::Aad::from(&header), &mut sealed).ok()?.len();
    sealed.truncate(length);
    Some(sealed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9000, A.1.
    #[test]
    fn each_draft_has_the_salt_of_its_time() {
        let salt = |draft: u32| version(0xff00_0000 + draft).map(|version| version.salt);
        for (first, last, salt_of) in [(21, 22, 0x7f), (23, 28, 0xc3), (29, 32, 0xaf), (33, 34, 0x38)] {
            for draft in first..=last {
                assert_eq!(salt(draft).map(|salt| salt[0]), Some(salt_of), "draft {draft}");
            }
        }
        assert_eq!(salt(34), version(1).map(|version| version.salt));
        assert_eq!((salt(20), salt(35)), (None, None));
    }

    #[test]
    fn varints_are_those_of_the_rfc() {
        for (bytes, value) in [
            (&[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c][..], 151_288_809_941_952_652),
            (&[0x9d, 0x7f, 0x3e, 0x7d][..], 494_878_333),
            (&[0x7b, 0xbd][..], 15_293),
            (&[0x25][..], 37),
        ] {
            assert_eq!(variable(bytes, 0), Some((value, bytes.len())));
        }
        assert_eq!(variable(&[0xc0], 0), None);
    }

    /// RFC 9001, A.1: the keys that follow from connection id 0x8394c8f03e515708.
    #[test]
    fn keys_are_those_of_the_rfc() {
        let keys = derive(&version(1).unwrap(), b"\x83\x94\xc8\xf0\x3e\x51\x57\x08").unwrap();
        assert_eq!(keys.iv, *b"\xfa\x04\x4b\x2f\x42\xa3\xfd\x3b\x46\xfb\x25\x5c");
        // RFC 9001, A.2: the mask for the sample of the client's Initial.
        let sample = b"\xd1\xb1\xc9\x8d\xd7\x68\x9f\xb8\xec\x11\xd2\x42\xb1\x23\xdc\x9b";
        assert_eq!(keys.header.new_mask(sample).unwrap(), *b"\x43\x7b\x9a\xec\x36");
    }

    #[test]
    fn a_hello_in_the_clear_of_google_is_read() {
        let mut datagram = b"\x09\x01\x02\x03\x04\x05\x06\x07\x08Q043\x01".to_vec();
        datagram.extend_from_slice(b"\xa0\x01\x04\0CHLO\x02\0\0\0PAD\0\x03\0\0\0SNI\0\x12\0\0\0---www.example.com");
        check(&[datagram], Some("www.example.com"));
    }

    /// A ClientHello message for `name`.
    fn client_hello(name: &str) -> Vec<u8> {
        let name = name.as_bytes();
        let mut body = vec![3, 3];
        body.resize(34, 7);
        body.extend_from_slice(&[0, 0, 2, 0x13, 1, 1, 0]);
        body.extend_from_slice(&(name.len() as u16 + 9).to_be_bytes());
        body.extend_from_slice(&[0, 0]);
        body.extend_from_slice(&(name.len() as u16 + 5).to_be_bytes());
        body.extend_from_slice(&(name.len() as u16 + 3).to_be_bytes());
        body.push(0);
        body.extend_from_slice(&(name.len() as u16).to_be_bytes());
        body.extend_from_slice(name);
        let mut message = vec![1];
        message.extend_from_slice(&(body.len() as u32).to_be_bytes()[1..]);
        message.extend_from_slice(&body);
        message
    }

    /// A sealed Initial with the CRYPTO frames `(offset, bytes)`.
    fn initial(number: u32, packet_number: u8, frames: &[(usize, &[u8])]) -> Vec<u8> {
        let (version, id) = (version(number).unwrap(), b"\x83\x94\xc8\xf0\x3e\x51\x57\x08");
        let keys = derive(&version, id).unwrap();
        let mut plain = vec![1];
        for &(offset, bytes) in frames {
            plain.push(6);
            plain.extend_from_slice(&(0x4000 | offset as u16).to_be_bytes());
            plain.extend_from_slice(&(0x4000 | bytes.len() as u16).to_be_bytes());
            plain.extend_from_slice(bytes);
        }
        plain.resize(plain.len().max(200), 0);
        let mut header = vec![0xc0 | version.initial << 4];
        header.extend_from_slice(&number.to_be_bytes());
        header.push(8);
        header.extend_from_slice(id);
        header.extend_from_slice(&[0, 0]);
        header.extend_from_slice(&(0x4000 | (1 + plain.len() + 16) as u16).to_be_bytes());
        header.push(packet_number);
        let mut nonce = keys.iv;
        nonce[11] ^= packet_number;
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        keys.opening.seal_in_place_append_tag(nonce, aead::Aad::from(&header), &mut plain).unwrap();
        let mask = keys.header.new_mask(&plain[3..19]).unwrap();
        let last = header.len() - 1;
        header[0] ^= mask[0] & 0x0f;
        header[last] ^= mask[1];
        [header, plain].concat()
    }

    fn view(bytes: &[u8]) -> View<'_> {
        View {
            layer: Layer::Datagram,
            bytes,
            sender: Sender::Initiator,
            source: vocab::Address::default(),
            destination: vocab::Address::default(),
            source_port: 50_000,
            destination_port: 443,
            number: 0,
            heard: &[],
        }
    }

    fn check(datagrams: &[Vec<u8>], expected: Option<&str>) {
        let (mut assembly, mut ja4, mut name) = (Assembly::default(), None, None);
        for datagram in datagrams {
            if let Finding::Found(found) = assembly.inspect(&view(datagram), usize::MAX, &mut ja4)
                && let Some((text, _)) = found.name
            {
                name = Some(text);
            }
        }
        assert_eq!(name.as_deref(), expected);
    }

    #[test]
    fn hellos_are_put_together_over_frames_packets_and_datagrams() {
        let hello = client_hello("www.example.org");
        let (first, second) = hello.split_at(30);
        for number in [1, 0x6b33_43cf, 0xff00_0016, 0xff00_001d, 0xface_b002, 0x5430_3531] {
            check(&[initial(number, 0, &[(0, &hello)])], Some("www.example.org"));
            check(&[initial(number, 0, &[(30, second), (0, first)])], Some("www.example.org"));
            let apart = [initial(number, 1, &[(30, second)]), initial(number, 0, &[(0, first)])];
            check(&apart, Some("www.example.org"));
            check(&[apart.concat()], Some("www.example.org"));
            check(&apart[..1], None);
        }
    }

    #[test]
    fn a_changed_byte_is_not_believed() {
        let mut datagram = initial(1, 0, &[(0, &client_hello("www.example.org"))]);
        datagram[60] ^= 1;
        check(&[datagram], None);
    }

    #[test]
    fn the_fingerprint_waits_for_the_whole_hello_and_the_memory_is_given_back() {
        let hello = client_hello("www.example.org");
        let (first, second) = hello.split_at(70);
        let (mut assembly, mut ja4) = (Assembly::default(), None);
        assembly.inspect(&view(&initial(1, 0, &[(0, first)])), usize::MAX, &mut ja4);
        assert_eq!(ja4, None);
        assert!(assembly.size() > 0);
        assembly.inspect(&view(&initial(1, 1, &[(70, second)])), usize::MAX, &mut ja4);
        assert!(ja4.is_some_and(|ja4| ja4.to_string().starts_with("q12d0101")));
        assert_eq!(assembly.size(), 0);
    }

    #[test]
    fn what_quic_looks_like() {
        let negotiation = b"\x80\0\0\0\0\x08aaaaaaaa\x08bbbbbbbb\0\0\0\x01\x1a\x2a\x3a\x4a\x6b\x33\x43\xcf".to_vec();
        let mut unknown = b"\xc3\x12\x34\x56\x78\x08aaaaaaaa\0\0\x44\x98".to_vec();
        unknown.resize(1_250, 7);
        let server = b"\xc1\0\0\0\x01\0\x08bbbbbbbb\0\x40\x20abcdefghijklmnopqrstuvwxyzabcdef".to_vec();
        for datagram in [&negotiation, &unknown, &server] {
            let finding = Assembly::default().inspect(&view(datagram), usize::MAX, &mut None);
            assert!(matches!(finding, Finding::Found(_)), "{:?}", &datagram[..6]);
        }
        for datagram in [
            &b"\xc3\x12\x34\x56\x78\x08aaaaaaaa\0\0"[..],
            b"\x80\0\0\0\0\x08aaaaaaaa\x08bbbbbbbb\x12\x34\x56\x78",
            b"\x80\0\0\0\0\xffaaaaaaaa\x08bbbbbbbb\0\0\0\x01",
            b"\xc3\0\0\0\x01\xff",
            b"\xc3",
            b"",
        ] {
            let finding = Assembly::default().inspect(&view(datagram), usize::MAX, &mut None);
            assert!(matches!(finding, Finding::No), "{datagram:?}");
        }
    }

    #[test]
    fn both_ends_have_to_look_like_quic_when_joined() {
        let packet = [0x41; 40];
        for (port, heard, expected) in [(443, &[0x55, 1][..], true), (443, &[0x15], false), (5_000, &[0x55], false)] {
            let view = View { destination_port: port, heard, ..view(&packet) };
            assert_eq!(matches!(joined(&view), Finding::Found(_)), expected, "{port} {heard:?}");
        }
    }
}
