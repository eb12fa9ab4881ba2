//! DNS over UDP and TCP (RFC 1035), mDNS (RFC 6762), LLMNR (RFC 4795): the question, and what it was answered.

use super::{Finding, Found, Layer, NameSource, Names, Next, Signature, View};
use crate::packet::{be16, be32};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use vocab::{Address, TrafficClass};

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
/// Pointers followed in one name: more than any real message nests (a loop otherwise).
const MOST_JUMPS: usize = 16;
const MOST_RECORDS: usize = 64;

/// Whether packets on these ports are worth reading for answers.
pub(crate) fn is_port(port: u16) -> bool {
    matches!(port, 53 | 5353 | 5355)
}

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let on_port = view.any_port(&[53, 5353, 5355, 137]);
    let message = match view.layer {
        Layer::Datagram => view.bytes,
        Layer::Stream => {
            let Some(length) = be16(view.bytes, 0) else { return Finding::No };
            if !view.any_port(&[53, 5353]) || usize::from(length) < 12 {
                return Finding::No;
            }
            &view.bytes[2..]
        }
    };
    let (application, why) = match () {
        () if view.port(5353) => ("mDNS", "a multicast DNS message"),
        () if view.port(5355) => ("LLMNR", "a link-local name message"),
        () if view.port(137) => ("NetBIOS", "a NetBIOS name message"),
        () => ("DNS", "a DNS message"),
    };
    let Some(question) = question(message, on_port) else {
        return Finding::No;
    };
    let name = (!question.is_empty() && application == "DNS").then(|| (question.into_boxed_str(), NameSource::Query));
    let signature =
        Signature { application, class: TrafficClass::Interactive, names: Names::Adorn, confidence: 97, why };
    Finding::Found(Found { signature, name, next: Next::Settle, announces: Vec::new() })
}

/// The first question's name of a message that holds together; empty where there is none.
fn question(message: &[u8], on_port: bool) -> Option<String> {
    let header = message.first_chunk::<12>()?;
    let counts = [4, 6, 8, 10].map(|at| be16(header, at).unwrap_or(0));
    let operation = (header[2] >> 3) & 0x0f;
    // Z must be zero, an operation known, counts of a sane size (RFC 1035, 4.1.1; RFC 6895).
    let sane = matches!(operation, 0..=2 | 4 | 5 | 6..=9) && counts.iter().all(|&count| count <= 512);
    if !sane || counts == [0; 4] {
        return None;
    }
    if !on_port && (counts[0] != 1 || operation != 0) {
        return None;
    }
    if counts[0] == 0 {
        return on_port.then(String::new);
    }
    let (name, end) = name(message, 12)?;
    let class = be16(message, end + 2)? & 0x7fff;
    if !on_port && class != 1 {
        return None;
    }
    Some(name)
}

/// A name at `at`, lower case and without the last dot, and where it ends.
fn name(message: &[u8], mut at: usize) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut end = None;
    let mut jumps = 0;
    loop {
        let length = usize::from(*message.get(at)?);
        match length {
            0 => return Some((text, end.unwrap_or(at + 1))),
            1..=63 => {
                let label = message.get(at + 1..at + 1 + length)?;
                if text.len() + label.len() > 254 {
                    return None;
                }
                if !text.is_empty() {
                    text.push('.');
                }
                text.extend(label.iter().map(|&byte| match byte {
                    b'!'..=b'~' => char::from(byte.to_ascii_lowercase()),
                    _ => '?',
                }));
                at += 1 + length;
            }
            192.. => {
                jumps += 1;
                if jumps > MOST_JUMPS {
                    return None;
                }
                end = end.or(Some(at + 2));
                at = usize::from(be16(message, at)? & 0x3fff);
            }
            _ => return None,
        }
    }
}

/// Calls `take` with the name that was asked for and each address that answers it, through its aliases.
pub(crate) fn answers(message: &[u8], mut take: impl FnMut(&str, Address)) {
    let mut read = || -> Option<()> {
        let flags = be16(message, 2)?;
        if flags & 0x8000 == 0 {
            return None;
        }
        let mut at = 12;
        let mut asked: Option<String> = None;
        for _ in 0..be16(message, 4)?.min(8) {
            let (name, end) = name(message, at)?;
            asked.get_or_insert(name);
            at = end + 4;
        }
        let mut aliases: Vec<String> = asked.iter().cloned().collect();
        for _ in 0..usize::from(be16(message, 6)?).min(MOST_RECORDS) {
            let (owner, end) = name(message, at)?;
            let kind = be16(message, end)?;
            be32(message, end + 4)?;
            let length = usize::from(be16(message, end + 8)?);
            let body = message.get(end + 10..end + 10 + length)?;
            let address = match (kind, body) {
                (A, &[a, b, c, d]) => Some(Address::from_v4([a, b, c, d])),
                (AAAA, body) => body.try_into().ok().map(Address),
                (CNAME, _) => {
                    if let Some((target, _)) = name(message, end + 10).filter(|_| aliases.contains(&owner)) {
                        aliases.push(target);
                    }
                    None
                }
                _ => None,
            };
            if let Some(address) = address {
                // mDNS answers without a question: then the owner is the name.
                let name = if aliases.contains(&owner) { asked.as_deref().unwrap_or(&owner) } else { &owner };
                take(name, address);
            }
            at = end + 10 + length;
        }
        Some(())
    };
    // A message cut short has told what it told.
    let _ = read();
}

/// What devices asked for and were told, bounded: the oldest answer is forgotten first.
pub(crate) struct Memory {
    names: HashMap<(Address, Address), Arc<str>, RandomState>,
    order: VecDeque<(Address, Address)>,
    most: usize,
}

/// In the place of the device: what anybody was told.
const ANYBODY: Address = Address([0; 16]);

impl Memory {
    /// Remembers at most `most` (device, address) pairs.
    pub(crate) fn new(most: usize) -> Memory {
        Memory { names: HashMap::default(), order: VecDeque::new(), most }
    }

    /// Takes in a message that was sent to `device`.
    pub(crate) fn learn(&mut self, device: Address, message: &[u8]) {
        let mut learnt: Option<Arc<str>> = None;
        answers(message, |name, address| {
            let name = match &learnt {
                Some(known) if &**known == name => Arc::clone(known),
                _ => Arc::from(name),
            };
            learnt = Some(Arc::clone(&name));
            self.remember((device, address), Arc::clone(&name));
            self.remember((ANYBODY, address), name);
        });
    }

    fn remember(&mut self, key: (Address, Address), name: Arc<str>) {
        if self.most == 0 {
            return;
        }
        if self.names.insert(key, name).is_none() {
            self.order.push_back(key);
            while self.order.len() > self.most {
                if let Some(oldest) = self.order.pop_front() {
                    self.names.remove(&oldest);
                }
            }
        }
    }

    /// The name that `device` (else anybody) was last told to stand at `address`.
    pub(crate) fn name(&self, device: Address, address: Address) -> Option<&str> {
        self.names.get(&(device, address)).or_else(|| self.names.get(&(ANYBODY, address))).map(|name| &**name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Vec<u8> {
        let mut message = vec![0x12, 0x34, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0];
        message.extend_from_slice(b"\x03WWW\x07example\x03com\0\0\x01\0\x01");
        message.extend_from_slice(b"\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x06\x03cdn\xc0\x10");
        message.extend_from_slice(b"\x03cdn\xc0\x10\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x07");
        message
    }

    #[test]
    fn answers_are_remembered_under_the_name_that_was_asked_for() {
        let (phone, tv) = (Address::from_v4([10, 0, 0, 2]), Address::from_v4([10, 0, 0, 3]));
        let server = Address::from_v4([192, 0, 2, 7]);
        let mut memory = Memory::new(8);
        memory.learn(phone, &answer());
        assert_eq!(memory.name(phone, server), Some("www.example.com"));
        assert_eq!(memory.name(tv, server), Some("www.example.com"));
        assert_eq!(memory.name(phone, tv), None);
    }

    #[test]
    fn the_memory_is_bounded() {
        let mut memory = Memory::new(4);
        for last in 0..100 {
            memory.learn(Address::from_v4([10, 0, 0, last]), &answer());
        }
        assert!(memory.names.len() <= 4 && memory.order.len() <= 4);
    }

    #[test]
    fn a_name_that_points_at_itself_ends() {
        let mut message = vec![0, 0, 0x80, 0, 0, 1, 0, 1, 0, 0, 0, 0];
        message.extend_from_slice(&[0xc0, 0x0c, 0, 1, 0, 1]);
        answers(&message, |_, _| panic!("there is no answer"));
        assert!(question(&message, true).is_none());
    }
}
