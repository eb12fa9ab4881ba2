//! One question over HTTP, with a time limit.
//!
//! HTTP/1.0 (RFC 1945), because there is one question per flow: the answer is never in chunks and ends with the flow.
//! It blocks: `async` is for the API and the console, and this has a thread of its own.

use crate::config::PredictorPlace;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// A longer answer is none: the contract's takes some hundred bytes.
const LARGEST_ANSWER: usize = 16 * 1_024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Nobody is there, or the way broke off.
    #[error("it cannot be reached: {0}")]
    Unreachable(#[from] io::Error),
    /// The time is over.
    #[error("it did not answer in {} ms", .0.as_millis())]
    TooSlow(Duration),
    /// It answered another status than 200.
    #[error("it answered with status {0}")]
    Refused(u16),
    /// That was no HTTP, or no answer of the contract.
    #[error("it answered what is not understood: {0}")]
    Nonsense(&'static str),
}

/// Posts `body` (JSON) to `place` and gives the body of the answer, within `patience` in all. Only where the place is
/// a name, finding its address is not counted.
pub fn post(place: &PredictorPlace, body: &str, patience: Duration) -> Result<Vec<u8>, Fault> {
    let found = (place.host.as_str(), place.port).to_socket_addrs()?.next();
    let address = found.ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))?;
    let end = Instant::now() + patience;
    let timely = |error: io::Error| match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Fault::TooSlow(patience),
        _ => Fault::Unreachable(error),
    };
    let left = || Some(end.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero());
    let left = || left().ok_or(Fault::TooSlow(patience));
    let mut stream = TcpStream::connect_timeout(&address, left()?).map_err(timely)?;
    let request = format!(
        "POST {} HTTP/1.0\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        place.path,
        place.authority(),
        body.len()
    );
    stream.set_write_timeout(Some(left()?))?;
    stream.write_all(request.as_bytes()).map_err(timely)?;
    let mut answer = Vec::new();
    let mut piece = [0; 4_096];
    while !is_whole(&answer) {
        stream.set_read_timeout(Some(left()?))?;
        let length = stream.read(&mut piece).map_err(timely)?;
        if length == 0 {
            break;
        }
        answer.extend_from_slice(&piece[..length]);
        if answer.len() > LARGEST_ANSWER {
            return Err(Fault::Nonsense("it is too long"));
        }
    }
    body_of(&answer)
}

/// Whether all is there that was announced; what is not announced ends with the flow.
fn is_whole(answer: &[u8]) -> bool {
    head_and_body(answer).is_some_and(|(head, body)| announced(head).is_some_and(|length| body.len() >= length))
}

fn head_and_body(answer: &[u8]) -> Option<(&str, &[u8])> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some((str::from_utf8(&answer[..end]).ok()?, &answer[end + 4..]))
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    fields.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

fn announced(head: &str) -> Option<usize> {
    field(head, "content-length")?.parse().ok()
}

fn body_of(answer: &[u8]) -> Result<Vec<u8>, Fault> {
    let (head, body) = head_and_body(answer).ok_or(Fault::Nonsense("it has no head"))?;
    let status =
        head.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)).and_then(|code| code.parse().ok());
    match status {
        Some(200) => {}
        Some(other) => return Err(Fault::Refused(other)),
        None => return Err(Fault::Nonsense("it has no status")),
    }
    if field(head, "transfer-encoding").is_some() {
        return Err(Fault::Nonsense("it comes in chunks, which HTTP/1.0 does not know"));
    }
    let length = announced(head).unwrap_or(body.len());
    body.get(..length).map(<[u8]>::to_vec).ok_or(Fault::Nonsense("it breaks off"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::TcpListener;

    /// A program that answers `said` to one question; gives what was asked, and what `post` makes of the answer.
    fn exchange(said: &'static [u8], hangs_up: bool) -> (String, Result<Vec<u8>, Fault>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let program = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut asked, mut piece) = (Vec::new(), [0; 1_024]);
            while !asked.ends_with(b"{}") {
                let length = stream.read(&mut piece).unwrap();
                asked.extend_from_slice(&piece[..length]);
            }
            stream.write_all(said).unwrap();
            (String::from_utf8(asked).unwrap(), (!hangs_up).then_some(stream))
        });
        let place = PredictorPlace { host: "127.0.0.1".to_owned(), port, path: "/predict?of=us".to_owned() };
        let answer = post(&place, "{}", Duration::from_millis(if hangs_up { 5_000 } else { 200 }));
        let (asked, stream) = program.join().unwrap();
        drop(stream);
        let expected = format!(
            "POST /predict?of=us HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n\
             Content-Length: 2\r\nConnection: close\r\n\r\n{{}}"
        );
        assert_eq!(asked, expected);
        (asked, answer)
    }

    fn check(said: &'static [u8], expected: Result<&str, &str>) {
        let answer = exchange(said, true).1;
        let answer = answer.map(|body| String::from_utf8(body).unwrap()).map_err(|fault| fault.to_string());
        assert_eq!(answer.as_deref().map_err(String::as_str), expected);
    }

    #[test]
    fn answers_are_read() {
        check(b"HTTP/1.0 200 OK\r\n\r\n{\"a\": 1}", Ok("{\"a\": 1}"));
        check(b"HTTP/1.1 200 OK\r\ncontent-length:  3\r\n\r\n{} and more", Ok("{} "));
        check(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", Err("it answered with status 404"));
        for (said, why) in [
            (&b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"[..], "it breaks off"),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "it comes in chunks, which HTTP/1.0 does not know",
            ),
            (b"", "it has no head"),
            (b"\xff\xfe\r\n\r\n", "it has no head"),
            (b"SSH-2.0-x\r\n\r\n", "it has no status"),
            (&[b'x'; 40_000], "it is too long"),
        ] {
            check(said, Err(&format!("it answered what is not understood: {why}")));
        }
    }

    /// Answers as they come, with what is in the way of reading them.
    fn answer() -> impl Strategy<Value = Vec<u8>> {
        let lines: [&[u8]; 10] = [
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.0 500\r\n",
            b"HTTP/1.",
            b"Content-Length: 18446744073709551615\r\n",
            b"content-length: 5\r\n",
            b"Content-Length: -1\r\n",
            b":\r\n",
            b"\r\n",
            b"{\"predictedBandwidth\": 1}",
            b"\xf0\x9f",
        ];
        let lines = proptest::sample::select(lines.to_vec());
        let lines = proptest::collection::vec(lines, 0..8).prop_map(|lines| lines.concat());
        prop_oneof![lines, proptest::collection::vec(any::<u8>(), 0..200)]
    }

    proptest! {
        #[test]
        fn whatever_comes_is_an_answer_or_a_fault(answer in answer()) {
            if is_whole(&answer) {
                prop_assert!(!matches!(body_of(&answer), Err(Fault::Nonsense("it breaks off"))));
            }
            if let Ok(body) = body_of(&answer) {
                prop_assert!(answer.starts_with(b"HTTP/1.") && body.len() < answer.len());
            }
        }
    }

    #[test]
    fn an_announced_end_is_not_waited_beyond_and_another_is_in_vain() {
        let kept_open = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(exchange(kept_open, false).1.unwrap(), b"{}");
        assert_eq!(
            exchange(b"HTTP/1.1 200 OK\r\n\r\n{}", false).1.unwrap_err().to_string(),
            "it did not answer in 200 ms"
        );
    }

    #[test]
    fn nobody_there() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let place = PredictorPlace { host: "127.0.0.1".to_owned(), port, path: "/".to_owned() };
        let fault = post(&place, "{}", Duration::from_millis(200)).unwrap_err();
        assert!(matches!(fault, Fault::Unreachable(_)), "{fault}");
    }
}
