//! What the two ends of a test say to each other.
//!
//! Each TCP flow begins with one line, `EQUALNET-TEST 1 TOKEN KIND SECONDS`, and is answered by `OK …` or `NO reason`. A
//! flow of kind `probe` is given a number: for so long, datagrams that carry it are sent back to its address as they came.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Where the server listens unless somebody says otherwise.
pub const PORT: u16 = 8_092;

/// Bytes of a probe: its number, its place in the row, and what a voice packet is filled up with.
pub const PROBE_BYTES: usize = 64;

/// Probes come this often: 20 a second, the rate of a voice call is 50.
pub const PROBE_EVERY: Duration = Duration::from_millis(50);

/// Nobody waits longer for the other end.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// The longest line that is read.
const LONGEST_LINE: usize = 256;

/// What a flow is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The server sends.
    Download,
    /// The server takes, and says what came.
    Upload,
    /// The server sends datagrams back.
    Probe,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Download, Kind::Upload, Kind::Probe];

    const fn name(self) -> &'static str {
        match self {
            Kind::Download => "download",
            Kind::Upload => "upload",
            Kind::Probe => "probe",
        }
    }
}

/// The first line of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// What the server was told to ask for.
    pub token: String,
    /// What the flow is for.
    pub kind: Kind,
    /// How long it is to last.
    pub seconds: u64,
}

impl Hello {
    /// As a line, its end included.
    pub fn line(&self) -> String {
        format!("EQUALNET-TEST 1 {} {} {}\n", self.token, self.kind.name(), self.seconds)
    }

    /// `None` of what is no such line.
    pub fn parse(line: &str) -> Option<Hello> {
        let mut words = line.trim_end().split(' ');
        if (words.next()?, words.next()?) != ("EQUALNET-TEST", "1") {
            return None;
        }
        let (token, kind, seconds) = (words.next()?, words.next()?, words.next()?.parse().ok()?);
        let kind = Kind::ALL.into_iter().find(|known| known.name() == kind)?;
        words.next().is_none().then(|| Hello { token: token.to_owned(), kind, seconds })
    }
}

/// One line, bounded in length and, all of it, by `until`: who sends a byte now and then is not waited for. What follows
/// it stays in the reader.
pub fn read_line(from: &mut BufReader<TcpStream>, until: Instant) -> std::io::Result<String> {
    let (mut line, patience) = (Vec::new(), from.get_ref().read_timeout()?);
    while line.last() != Some(&b'\n') && line.len() < LONGEST_LINE {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        from.get_ref().set_read_timeout(Some(left))?;
        let held = from.fill_buf()?;
        if held.is_empty() {
            break;
        }
        let end = held.iter().position(|&byte| byte == b'\n').map_or(held.len(), |at| at + 1);
        let taken = end.min(LONGEST_LINE - line.len());
        line.extend_from_slice(&held[..taken]);
        from.consume(taken);
    }
    from.get_ref().set_read_timeout(patience)?;
    String::from_utf8(line).map_err(|_| std::io::Error::from(std::io::ErrorKind::InvalidData))
}

/// A probe with this number, at this place of the row.
pub fn probe(number: u64, place: u32) -> [u8; PROBE_BYTES] {
    let mut bytes = [0; PROBE_BYTES];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes[8..12].copy_from_slice(&place.to_be_bytes());
    bytes
}

/// Number and place of a probe; `None` of what is none.
pub fn probe_of(bytes: &[u8]) -> Option<(u64, u32)> {
    let bytes: &[u8; PROBE_BYTES] = bytes.try_into().ok()?;
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u64::from_be_bytes(*number), u32::from_be_bytes(*rest.first_chunk()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    #[test]
    fn what_is_written_is_read() {
        for kind in Kind::ALL {
            let hello = Hello { token: "abc".to_owned(), kind, seconds: 10 };
            assert_eq!(Hello::parse(&hello.line()), Some(hello));
        }
        for line in [
            "",
            "GET / HTTP/1.1",
            "EQUALNET-TEST 2 abc probe 1",
            "EQUALNET-TEST 1 abc film 1",
            "EQUALNET-TEST 1 a probe 1 x",
        ] {
            assert_eq!(Hello::parse(line), None, "{line}");
        }
        assert_eq!(probe_of(&probe(7, 3)), Some((7, 3)));
        assert_eq!(probe_of(&[0; 63]), None);
    }

    #[test]
    fn a_line_ends_at_its_end_its_longest_and_its_time() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let read = |sent: &[u8], time: Duration| {
            let mut far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let mut near = BufReader::new(listener.accept().unwrap().0);
            far.write_all(sent).unwrap();
            drop(far);
            let line = read_line(&mut near, Instant::now() + time).map_err(|error| error.kind())?;
            let mut rest = String::new();
            near.read_to_string(&mut rest).unwrap();
            Ok((line, rest))
        };
        let own = |line: &str, rest: &str| Ok((line.to_owned(), rest.to_owned()));
        assert_eq!(read(b"a b\nrest", PATIENCE), own("a b\n", "rest"));
        assert_eq!(read(b"a b", PATIENCE), own("a b", ""));
        assert_eq!(read(&[b'x'; 300], PATIENCE), own(&"x".repeat(256), &"x".repeat(44)));
        assert_eq!(read(b"a b\n", Duration::ZERO), Err(std::io::ErrorKind::TimedOut));
    }
}
