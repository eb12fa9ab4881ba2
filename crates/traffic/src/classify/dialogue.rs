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
