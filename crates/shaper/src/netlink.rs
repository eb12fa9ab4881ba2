//! The only owner of a socket: requests out, answers in, blocking.

use crate::error::ShaperError;
use crate::tc::{Request, attributes};
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_ACK_TLVS, NLM_F_CAPPED, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkBuffer,
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use std::collections::BTreeSet;
use std::io;

/// How many requests go in one send: their acknowledgements must fit the receive buffer (each takes about
/// 1 kB of it, `SKB_TRUESIZE`).
const BATCH: usize = 200;
/// What we ask for; the kernel grants `net.core.rmem_max` (212,992 by default) and doubles it.
const RECEIVE_BUFFER: usize = 1 << 20;
/// The largest answer: the kernel fills dumps up to the reader's buffer, 32 kB at most (af_netlink.c).
const ANSWER: usize = 64 << 10;
/// How often a dump is tried again that changed while it was read.
const TRIES: usize = 5;

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLMSGERR_ATTR_MSG: u16 = 1;

/// Why the kernel refused a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Its errno, positive.
    pub errno: i32,
    /// The kernel's own words, where it has some.
    pub reason: String,
}

impl Refusal {
    fn new(errno: i32, words: Option<String>) -> Refusal {
        let reason = words.unwrap_or_else(|| io::Error::from_raw_os_error(errno).to_string());
        Refusal { errno, reason }
    }
}

/// A conversation with rtnetlink in the network namespace of the thread that began it.
pub(crate) struct Netlink {
    socket: Socket,
    /// All ports it ever spoke from: the kernel names who asked in what it tells others.
    ports: BTreeSet<u32>,
    sequence: u32,
    buffer: Vec<u8>,
}

/// One answer of the kernel.
struct Answer<'a> {
    kind: u16,
    sequence: u32,
    flags: u16,
    body: &'a [u8],
}

impl Netlink {
    pub(crate) fn open() -> Result<Netlink, ShaperError> {
        let (socket, port) = socket().map_err(ShaperError::Socket)?;
        Ok(Netlink { socket, ports: [port].into(), sequence: 0, buffer: Vec::with_capacity(ANSWER) })
    }

    /// All ports it ever spoke from.
    pub(crate) fn ports(&self) -> &BTreeSet<u32> {
        &self.ports
    }

    /// Sends all `requests` in order and says what became of each.
    ///
    /// The kernel goes on after a refusal: whoever needs an order sends what depends in a later call.
    /// An error means that nothing is known about the requests: read back what is installed.
    pub(crate) fn send(&mut self, requests: &[Request]) -> Result<Vec<Result<(), Refusal>>, ShaperError> {
        let mut outcomes = Vec::with_capacity(requests.len());
        for batch in requests.chunks(BATCH) {
            outcomes.extend(self.or_anew(|netlink| netlink.send_batch(batch))?);
        }
        Ok(outcomes)
    }

    /// Sends one request; `Ok(Err(_))` is the kernel's refusal.
    pub(crate) fn send_one(&mut self, request: Request) -> Result<Result<(), Refusal>, ShaperError> {
        Ok(self.send(&[request])?.pop().expect("one request, one outcome"))
    }

    /// Asks for all objects that `request` means: what `read` makes of each. Nothing else of them is kept, as there may be
    /// tens of thousands.
    pub(crate) fn dump<T>(
        &mut self,
        request: &Request,
        read: impl Fn(&[u8]) -> Result<T, ShaperError>,
    ) -> Result<Vec<T>, ShaperError> {
        let mut last = None;
        for _ in 0..TRIES {
            match self.or_anew(|netlink| netlink.dump_once(request, &read)) {
                Ok(Some(objects)) => return Ok(objects),
                Ok(None) => {}
                Err(ShaperError::Socket(error)) => last = Some(error),
                Err(other) => return Err(other),
            }
        }
        Err(ShaperError::Socket(
            last.unwrap_or_else(|| io::Error::other("the tree changes faster than it can be read")),
        ))
    }

    /// Takes a fresh socket where the old one lost answers (`ENOBUFS`), so that no late answer is mistaken.
    fn or_anew<T>(&mut self, ask: impl FnOnce(&mut Netlink) -> Result<T, ShaperError>) -> Result<T, ShaperError> {
        let answer = ask(self);
        if let Err(ShaperError::Socket(_) | ShaperError::Malformed(_)) = &answer {
            let (socket, port) = socket().map_err(ShaperError::Socket)?;
            self.socket = socket;
            self.ports.insert(port);
        }
        answer
    }

    fn send_batch(&mut self, batch: &[Request]) -> Result<Vec<Result<(), Refusal>>, ShaperError> {
        let first = self.sequence.wrapping_add(1);
        let mut bytes = Vec::new();
        for request in batch {
            self.sequence = self.sequence.wrapping_add(1);
            write(&mut bytes, request, NLM_F_ACK, self.sequence);
        }
        self.socket.send(&bytes, 0).map_err(ShaperError::Socket)?;
        let mut outcomes = vec![None; batch.len()];
        let mut open = batch.len();
        while open > 0 {
            self.receive(|answer| {
                let place = answer.sequence.wrapping_sub(first) as usize;
                if answer.kind == NLMSG_ERROR
                    && let Some(outcome) = outcomes.get_mut(place)
                    && outcome.is_none()
                {
                    *outcome = Some(verdict(&answer)?);
                    open -= 1;
                }
                Ok(())
            })?;
        }
        Ok(outcomes.into_iter().flatten().collect())
    }

    /// `None` if what was read changed meanwhile.
    fn dump_once<T>(
        &mut self,
        request: &Request,
        read: impl Fn(&[u8]) -> Result<T, ShaperError>,
    ) -> Result<Option<Vec<T>>, ShaperError> {
        self.sequence = self.sequence.wrapping_add(1);
        let sequence = self.sequence;
        let mut bytes = Vec::new();
        write(&mut bytes, request, NLM_F_DUMP, sequence);
        self.socket.send(&bytes, 0).map_err(ShaperError::Socket)?;
        let (mut objects, mut done, mut torn) = (Vec::new(), false, false);
        while !done {
            self.receive(|answer| {
                if answer.sequence != sequence {
                    return Ok(());
                }
                torn |= answer.flags & NLM_F_DUMP_INTR != 0;
                match answer.kind {
                    NLMSG_DONE => done = true,
                    NLMSG_ERROR => {
                        done = true;
                        if let Err(refusal) = verdict(&answer)? {
                            return Err(ShaperError::Socket(io::Error::from_raw_os_error(refusal.errno)));
                        }
                    }
                    _ => objects.push(read(answer.body)?),
                }
                Ok(())
            })?;
        }
        Ok((!torn).then_some(objects))
    }

    /// Hands every message of one datagram to `each`.
    fn receive(&mut self, mut each: impl FnMut(Answer<'_>) -> Result<(), ShaperError>) -> Result<(), ShaperError> {
        self.buffer.clear();
        loop {
            match self.socket.recv(&mut self.buffer, 0) {
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ShaperError::Socket(error)),
            }
        }
        for message in messages(&self.buffer) {
            let message = message.ok_or(ShaperError::Malformed("a message is cut short"))?;
            each(Answer {
                kind: message.message_type(),
                sequence: message.sequence_number(),
                flags: message.flags(),
                body: message.payload(),
            })?;
        }
        Ok(())
    }
}

/// The messages of one datagram; `None` for one that is cut short, which is the last.
fn messages(datagram: &[u8]) -> impl Iterator<Item = Option<NetlinkBuffer<&[u8]>>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Ok(message) = NetlinkBuffer::new_checked(rest) else {
            rest = &[];
            return Some(None);
        };
        rest = rest.get((message.length() as usize).next_multiple_of(4)..).unwrap_or(&[]);
        Some(Some(message))
    })
}

/// Of each whole message of one datagram: its kind, the port that asked for what it tells, and its body.
pub(crate) fn message_heads(datagram: &[u8]) -> impl Iterator<Item = (u16, u32, &[u8])> {
    messages(datagram).flatten().map(|message| {
        let (kind, port, bytes) = (message.message_type(), message.port_number(), message.into_inner());
        // The body ends where the message does; what follows is the next one.
        let length = bytes.first_chunk::<4>().map_or(0, |length| u32::from_ne_bytes(*length) as usize);
        (kind, port, bytes.get(16..length).unwrap_or(&[]))
    })
}

/// A socket, and its port.
fn socket() -> io::Result<(Socket, u32)> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    let port = socket.bind_auto()?.port_number();
    socket.connect(&SocketAddr::new(0, 0))?;
    socket.set_rx_buf_sz(RECEIVE_BUFFER as u32)?;
    // Acknowledgements without a copy of the request, with the kernel's words (Linux 4.3, 4.12).
    socket.set_cap_ack(true)?;
    socket.set_ext_ack(true)?;
    Ok((socket, port))
}

fn write(bytes: &mut Vec<u8>, request: &Request, flags: u16, sequence: u32) {
    let length = u32::try_from(request.body.len() + 16).expect("requests of ours are short");
    bytes.extend(length.to_ne_bytes());
    bytes.extend(request.kind.to_ne_bytes());
    bytes.extend((request.flags | flags | NLM_F_REQUEST).to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend(0u32.to_ne_bytes());
    bytes.extend(&request.body);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// struct nlmsgerr: the negative errno, the header of the request (and, unless capped, its body), attributes.
fn verdict(answer: &Answer<'_>) -> Result<Result<(), Refusal>, ShaperError> {
    let short = ShaperError::Malformed("an error message is too short");
    let Some(code) = answer.body.first_chunk::<4>() else { return Err(short) };
    let errno = i32::from_ne_bytes(*code).wrapping_neg();
    if errno == 0 {
        return Ok(Ok(()));
    }
    let words = (answer.flags & NLM_F_ACK_TLVS != 0).then(|| {
        let request = answer.body.get(4..8).and_then(|bytes| bytes.first_chunk::<4>())?;
        let request = if answer.flags & NLM_F_CAPPED != 0 { 16 } else { u32::from_ne_bytes(*request) as usize };
        let tail = answer.body.get(4 + request.next_multiple_of(4)..)?;
        let (_, text) = attributes(tail).find(|(kind, _)| *kind == NLMSGERR_ATTR_MSG)?;
        Some(String::from_utf8_lossy(text).trim_end_matches('\0').to_owned())
    });
    Ok(Err(Refusal::new(errno, words.flatten())))
}
