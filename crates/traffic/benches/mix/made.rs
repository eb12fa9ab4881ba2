//! A small capture of our own making, for where there are none: TLS, DNS and a call, from the specifications.

use super::reader::Frame;
use vocab::{LinkType, Timestamp};

/// TCP or UDP, as the IP header says it.
const TCP: u8 = 6;
const UDP: u8 = 17;

pub fn frames() -> Vec<Frame> {
    (0..60).flat_map(|flow| tls(flow).into_iter().chain(dns(flow)).chain(rtp(flow))).collect()
}

/// A hello, its answer, and data (RFC 8446); lengths of what follows the hello are a page's.
fn tls(flow: u16) -> Vec<Frame> {
    const SYN: u8 = 2;
    const ACK: u8 = 16;
    let hello = client_hello(flow);
    let after = 1 + hello.len() as u32;
    let answer = [0x16, 3, 3, 0, 90, 2, 0, 0, 86, 3, 3];
    let mut frames = vec![
        frame(flow, true, TCP, &segment(0, SYN, &[])),
        frame(flow, false, TCP, &segment(0, SYN | ACK, &[])),
        frame(flow, true, TCP, &segment(1, ACK, &hello)),
        frame(flow, false, TCP, &segment(1, ACK, &answer)),
    ];
    for step in 0..20 {
        let from_device = step % 3 == 0;
        let data = [0x17; 1_200];
        let (seq, data) = if from_device { (after + step * 80, &data[..80]) } else { (12 + step * 1_200, &data[..]) };
        frames.push(frame(flow, from_device, TCP, &segment(seq, ACK, data)));
    }
    frames
}

/// A question and an answer (RFC 1035, 4).
fn dns(flow: u16) -> Vec<Frame> {
    let mut question = vec![flow as u8, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    question.extend_from_slice(b"\x03www\x07example\x03org\0\0\x01\0\x01");
    let mut answer = question.clone();
    (answer[2], answer[3], answer[7]) = (0x81, 0x80, 1);
    answer.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 0, 0, 4, 203, 0, 113, flow as u8]);
    vec![frame(flow, true, UDP, &datagram(53, true, &question)), frame(flow, false, UDP, &datagram(53, false, &answer))]
}

/// Fifty packets of sound each way (RFC 3550, 5.1; payload type 0, 160 bytes).
fn rtp(flow: u16) -> Vec<Frame> {
    let packet = |step: u16, from_device: bool| {
        let mut rtp = vec![0x80, 0];
        rtp.extend_from_slice(&step.to_be_bytes());
        rtp.extend_from_slice(&(u32::from(step) * 160).to_be_bytes());
        rtp.extend_from_slice(&[1, 2, 3, u8::from(from_device)]);
        rtp.resize(172, 0xd5);
        frame(flow, from_device, UDP, &datagram(16_400, from_device, &rtp))
    };
    (0..50).flat_map(|step| [packet(step, true), packet(step, false)]).collect()
}

fn frame(flow: u16, from_device: bool, protocol: u8, transport: &[u8]) -> Frame {
    let (device, server) = ([192, 168, 1, flow as u8], [203, 0, 113, flow as u8]);
    let mut bytes = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0];
    bytes.extend_from_slice(&(20 + transport.len() as u16).to_be_bytes());
    bytes.extend_from_slice(&[0, 1, 0, 0, 64, protocol, 0, 0]);
    let (source, destination) = if from_device { (device, server) } else { (server, device) };
    bytes.extend_from_slice(&source);
    bytes.extend_from_slice(&destination);
    bytes.extend_from_slice(transport);
    // The ports of a flow are those of its device's first packet, turned round in answers.
    let (wire_len, at) = (bytes.len() as u32, 34);
    if protocol == TCP && !from_device {
        bytes[at..at + 4].rotate_left(2);
    }
    Frame { at: Timestamp::from_unix_millis(u64::from(flow) * 10), link_type: LinkType::Ethernet, wire_len, bytes }
}

fn segment(seq: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x9c, 0x40, 0x01, 0xbb];
    bytes.extend_from_slice(&seq.to_be_bytes());
    bytes.extend_from_slice(&[0, 0, 0, 0, 0x50, flags, 1, 0, 0, 0, 0, 0]);
    bytes.extend_from_slice(payload);
    bytes
}

fn datagram(port: u16, from_device: bool, payload: &[u8]) -> Vec<u8> {
    let (source, destination) = if from_device { (50_000, port) } else { (port, 50_000_u16) };
    let mut bytes = Vec::new();
    for word in [source, destination, payload.len() as u16 + 8, 0] {
        bytes.extend_from_slice(&word.to_be_bytes());
    }
    bytes.extend_from_slice(payload);
    bytes
}

/// A ClientHello (RFC 8446, 4.1.2) with padding (RFC 7685) before its server name (RFC 6066, 3).
pub fn client_hello(flow: u16) -> Vec<u8> {
    let name = format!("host{flow}.example.org");
    let name = name.as_bytes();
    let mut body = vec![3, 3];
    body.resize(34, 7);
    body.extend_from_slice(&[0, 0, 2, 0x13, 1, 1, 0]);
    body.extend_from_slice(&(name.len() as u16 + 9 + 404).to_be_bytes());
    body.extend_from_slice(&[0, 21, 1, 0x90]);
    body.resize(body.len() + 400, 0);
    body.extend_from_slice(&[0, 0]);
    body.extend_from_slice(&(name.len() as u16 + 5).to_be_bytes());
    body.extend_from_slice(&(name.len() as u16 + 3).to_be_bytes());
    body.push(0);
    body.extend_from_slice(&(name.len() as u16).to_be_bytes());
    body.extend_from_slice(name);
    let mut record = vec![22, 3, 1];
    record.extend_from_slice(&(body.len() as u16 + 4).to_be_bytes());
    record.push(1);
    record.extend_from_slice(&(body.len() as u32).to_be_bytes()[1..]);
    record.extend_from_slice(&body);
    record
}
