//! What an inspector makes of an answer, for tests of messages that only their question explains.

use super::specimen::bytes;
use super::{Finding, Found, Layer, Sender, View};
use vocab::Address;

/// What `inspect` finds in `answer` (in the notation of [`bytes`]), sent by a server's `port` to a device that
/// had begun with `question`.
pub(crate) fn answered(
    inspect: fn(&View<'_>) -> Finding,
    layer: Layer,
    port: u16,
    question: &str,
    answer: &str,
) -> Option<Found> {
    let (question, answer) = (bytes(question), bytes(answer));
    let view = View {
        layer,
        bytes: &answer,
        sender: Sender::Responder,
        source: Address::from_v4([192, 168, 1, 1]),
        destination: Address::from_v4([192, 168, 1, 20]),
        source_port: port,
        destination_port: 50_123,
        number: 1,
        heard: &question[..question.len().min(super::HEARD)],
    };
    match inspect(&view) {
        Finding::Found(found) => Some(found),
        Finding::No | Finding::More => None,
    }
}

/// As [`answered`], for a table of rows: port, question, answer, and "application class" or nothing.
pub(crate) fn check(inspect: fn(&View<'_>) -> Finding, layer: Layer, rows: &[(u16, &str, &str, &str)]) {
    for &(port, question, answer, expected) in rows {
        let text = answered(inspect, layer, port, question, answer)
            .map(|found| format!("{} {}", found.signature.application, found.signature.class));
        assert_eq!(text.unwrap_or_default(), expected, "port {port}: {question} | {answer}");
    }
}

/// Bytes that nobody meant are nothing to `inspect`: at random, mostly zeros, or text; one in 30,000 may be, in
/// which case it must not be sure of itself.
pub(crate) fn check_chance(inspect: fn(&View<'_>) -> Finding) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for round in 0..30_000 {
        let length = 1 + next() % if round % 2 == 0 { 80 } else { 1_400 };
        let sparse = round % 3;
        let mut message: Vec<u8> = (0..length).map(|_| next() as u8).collect();
        for byte in &mut message {
            match sparse {
                0 => {}
                1 => *byte *= u8::from(next() % 3 == 0),
                _ => *byte = b' ' + *byte % 0x5f,
            }
        }
        let heard: Vec<u8> = (0..super::HEARD).map(|_| next() as u8).collect();
        for layer in [Layer::Stream, Layer::Datagram] {
            let view = View {
                layer,
                bytes: &message,
                sender: Sender::Responder,
                source: Address::from_v4([192, 168, 1, 1]),
                destination: Address::from_v4([192, 168, 1, 20]),
                source_port: 33_777,
                destination_port: 50_123,
                number: 1,
                heard: &heard,
            };
            if let Finding::Found(found) = inspect(&view) {
                assert!(found.signature.confidence < 75, "{:?} in {message:02x?}", found.signature);
            }
        }
    }
}

/// Whatever port it comes to or from: a message that nobody meant makes no inspector sure of a protected class. By
/// chance one may be; not half of those that come there.
#[test]
fn a_port_alone_protects_nothing() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut message = move || {
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        })
        .take(15)
        .flatten()
        .collect();
        bytes
    };
    let mut sure = |inspect: super::Inspect, layer, port, sender| {
        let (bytes, heard) = (message(), message());
        let ports = if sender == Sender::Responder { (port, 50_123) } else { (50_123, port) };
        let view = View {
            layer,
            bytes: &bytes,
            sender,
            source: Address::from_v4([192, 168, 1, 1]),
            destination: Address::from_v4([192, 168, 1, 20]),
            source_port: ports.0,
            destination_port: ports.1,
            number: 4,
            heard: &heard[..super::HEARD],
        };
        matches!(inspect(&view), Finding::Found(found)
            if found.signature.class.is_protected() && found.signature.confidence > super::ports::ONLY_PORT)
    };
    let mut too_sure = Vec::new();
    for (inspectors, layer) in [(super::TCP, Layer::Stream), (super::DATAGRAM, Layer::Datagram)] {
        for (place, &inspect) in inspectors.iter().enumerate() {
            for port in 1..=u16::MAX {
                let sender = if port % 2 == 0 { Sender::Initiator } else { Sender::Responder };
                if sure(inspect, layer, port, sender)
                    && (0..16).filter(|_| sure(inspect, layer, port, sender)).count() >= 8
                {
                    too_sure.push((layer, place, port));
                }
            }
        }
    }
    assert_eq!(too_sure, [], "(layer, place in the list, port)");
}
