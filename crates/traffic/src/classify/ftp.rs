//! FTP (RFC 959, RFC 2428, RFC 4217): its commands, and the flows that they announce for data.

use super::fields::{begins_with, near};
use super::ports::ONLY_PORT;
use super::{Announced, Finding, Found, Layer, Names, Next, Sender, Signature, View, likely};
use vocab::TrafficClass::{Download, Interactive};
use vocab::{Address, Endpoint, IpProtocol};

const CONTROL: u16 = 21;
const DATA: u16 = 20;

/// Commands with which a side that we join midway may continue (RFC 959, 4.1; RFC 2389; RFC 2428; RFC 3659).
const COMMANDS: &[&[u8]] = &[
    b"USER ", b"PASS ", b"AUTH ", b"FEAT\r", b"HOST ", b"SYST\r", b"PASV\r", b"EPSV", b"PORT ", b"EPRT ", b"TYPE ",
    b"RETR ", b"STOR ", b"LIST", b"NLST", b"MLSD", b"CWD ", b"PWD\r", b"OPTS ", b"SIZE ", b"MDTM ", b"NOOP\r",
    b"QUIT\r", b"PBSZ ", b"PROT ", b"REST ", b"DELE ", b"CLNT ",
];

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    if view.layer == Layer::Datagram {
        return Finding::No;
    }
    if control(view) {
        let signature = Signature {
            application: "FTP",
            class: Interactive,
            names: Names::Adorn,
            confidence: 95,
            why: "commands of FTP",
        };
        let mut announces = Vec::new();
        announce(view, &mut |announced| announces.push(announced));
        return Finding::Found(Found { signature, name: None, next: Next::Listen, announces });
    }
    if view.port(DATA) {
        return likely("FTP data", Download, ONLY_PORT, "the data port of FTP");
    }
    // A listing on a data port that nobody announced to us: of Unix, or of Windows ("01-31-24  09:30AM").
    if view.sender == Sender::Responder && view.heard.is_empty() && (is_listing(bytes) || is_dos_listing(bytes)) {
        return likely("FTP data", Download, 82, "a listing of files");
    }
    Finding::No
}

fn control(view: &View<'_>) -> bool {
    let bytes = view.bytes;
    let port = view.port(CONTROL);
    if bytes.starts_with(b"220") && matches!(bytes.get(3), Some(b' ' | b'-')) && view.sender == Sender::Responder {
        let named = near(bytes, b"FTP") || near(bytes, b"ftp") || near(bytes, b"FileZilla");
        return port || named && !near(bytes, b"SMTP");
    }
    // The one that was asked answers, the other commands; joined midway, the port tells who is who.
    match view.sender {
        Sender::Initiator if port => begins_with(bytes, COMMANDS),
        // On another port: a command that only FTP has, after a greeting that others have, too.
        Sender::Initiator => {
            view.heard.starts_with(b"220") && begins_with(bytes, &[b"USER ", b"AUTH TLS\r", b"AUTH SSL\r", b"FEAT\r"])
        }
        Sender::Responder if port => matches!(bytes, [b'1'..=b'6', b'0'..=b'6', b'0'..=b'9', b' ' | b'-', ..]),
        Sender::Responder => {
            begins_with(view.heard, COMMANDS)
                && begins_with(bytes, &[b"227 Entering Passive Mode (", b"229 Entering Extended Passive Mode (|||"])
        }
    }
}

/// "-rw-r--r--", "drwxr-xr-x": a type, three times three rights, a blank or a mark.
fn is_listing(bytes: &[u8]) -> bool {
    let Some((&kind, rights)) = bytes.split_first() else { return false };
    matches!(kind, b'-' | b'd' | b'l')
        && rights.len() > 10
        && rights[..9].iter().enumerate().all(|(at, &right)| {
            right == b'-'
                || match at % 3 {
                    0 => right == b'r',
                    1 => right == b'w',
                    _ => matches!(right, b'x' | b's' | b'S' | b't' | b'T'),
                }
        })
        && matches!(rights[9], b' ' | b'+' | b'.' | b'@')
}

fn is_dos_listing(bytes: &[u8]) -> bool {
    matches!(bytes, [b'0' | b'1', b'0'..=b'9', b'-', b'0'..=b'3', b'0'..=b'9', b'-', _, _, b' ', b' ', ..])
        && matches!(bytes.get(15..17), Some(b"AM" | b"PM"))
}

/// The end that a line of FTP names: `PORT`, `EPRT` (who commands listens), 227, 229 (who answers does); nobody says
/// the other's lines.
pub(crate) fn announce(view: &View<'_>, announce: &mut dyn FnMut(Announced)) {
    let (numbers, extended): (&[u8], &[u8]) = match view.sender {
        Sender::Initiator => (b"PORT ", b"EPRT "),
        Sender::Responder => (b"227 ", b"229 "),
    };
    if !view.bytes.starts_with(numbers) && !view.bytes.starts_with(extended) {
        return;
    }
    let line = view.bytes.split(|&byte| byte == b'\n').next().unwrap_or(&[]);
    let mut tell = |address: Address, port: u16| {
        if port != 0 {
            let signature = Signature {
                application: "FTP data",
                class: Download,
                names: Names::Adorn,
                confidence: 96,
                why: "FTP had announced a transfer of files here",
            };
            announce(Announced { end: Endpoint { address, port }, protocol: IpProtocol::TCP, signature });
        }
    };
    if line.starts_with(numbers) {
        if let Some((address, port)) = six_numbers(&line[4..]) {
            // Behind a NAT the address is one that nobody uses out here: the sender's own stands for it.
            tell(address, port);
            if address != view.source {
                tell(view.source, port);
            }
        }
    } else if let Some(rest) = line.strip_prefix(extended)
        && let Some(port) = extended_port(rest)
    {
        tell(view.source, port);
    }
}

/// "h1,h2,h3,h4,p1,p2" somewhere in a line.
fn six_numbers(line: &[u8]) -> Option<(Address, u16)> {
    let start = line.iter().position(|&byte| byte == b'(').map_or(0, |at| at + 1);
    let mut numbers = line.get(start..)?.split(|&byte| byte == b',').map(leading_number);
    let mut next = || u8::try_from(numbers.next()??).ok();
    let address = Address::from_v4([next()?, next()?, next()?, next()?]);
    Some((address, u16::from_be_bytes([next()?, next()?])))
}

/// The port in "(|||6446|)" or "|2|2001:db8::1|5282|": the field before the last bar.
fn extended_port(text: &[u8]) -> Option<u16> {
    let end = text.iter().rposition(|&byte| byte == b'|')?;
    let start = text[..end].iter().rposition(|&byte| byte == b'|')? + 1;
    u16::try_from(leading_number(&text[start..end])?).ok()
}

fn leading_number(text: &[u8]) -> Option<u32> {
    let text = text.trim_ascii_start();
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).take(6);
    let mut count = 0;
    let value = digits.fold(0, |value, &digit| {
        count += 1;
        value * 10 + u32::from(digit - b'0')
    });
    (count > 0).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::super::dialogue;
    use super::super::specimen::{bytes, check};
    use super::*;
    use Layer::Stream;

    #[test]
    fn chance_is_nothing() {
        super::super::dialogue::check_chance(inspect);
    }

    #[test]
    fn commands_and_listings_are_known() {
        check(
            inspect,
            &[
                (Stream, 21, "'USER anonymous' 0d 0a", "FTP interactive"),
                (Stream, 21, "'230 Login successful.' 0d 0a", ""),
                (Stream, 21, "'hello' 0d 0a", ""),
                (Stream, 2121, "'USER anonymous' 0d 0a", ""),
                (Stream, 20, "'PK' 03 04", "FTP data download"),
            ],
        );
        dialogue::check(
            inspect,
            Stream,
            &[
                (21, "'USER anonymous' 0d 0a", "'230 Login successful.' 0d 0a", "FTP interactive"),
                (2121, "", "'220 ProFTPD Server ready.' 0d 0a", "FTP interactive"),
                (2121, "'PASV' 0d 0a", "'227 Entering Passive Mode (1,2,3,4,5,6)' 0d 0a", "FTP interactive"),
                (2121, "'hello' 0d 0a", "'227 Entering Passive Mode (1,2,3,4,5,6)' 0d 0a", ""),
                (2121, "", "'220 mail.example.org ESMTP' 0d 0a", ""),
                (5_001, "", "'-rw-r--r--   1 ftp  ftp  1024 Jan 01 00:00 file' 0d 0a", "FTP data download"),
                (5_001, "", "'01-31-24  09:30AM       <DIR>          pub' 0d 0a", "FTP data download"),
                (5_001, "", "'-rebuild the kernel' 0d 0a", ""),
            ],
        );
    }

    fn announced(sender: Sender, line: &str) -> Vec<String> {
        let message = bytes(line);
        let view = View {
            layer: Layer::Datagram,
            bytes: &message,
            sender,
            source: Address::from_v4([192, 0, 2, 9]),
            destination: Address::from_v4([192, 0, 2, 1]),
            source_port: 21,
            destination_port: 50_000,
            number: 4,
            heard: &[],
        };
        let mut ends = Vec::new();
        announce(&view, &mut |announced| ends.push(announced.end.to_string()));
        ends
    }

    #[test]
    fn data_is_announced_in_all_four_ways_by_whose_line_it_is() {
        use Sender::{Initiator, Responder};
        for (sender, other, line, ends) in [
            (Initiator, Responder, "'PORT 192,0,2,9,19,137' 0d 0a", &["192.0.2.9:5001"][..]),
            (
                Responder,
                Initiator,
                "'227 Entering Passive Mode (10,0,0,5,19,137).' 0d 0a",
                &["10.0.0.5:5001", "192.0.2.9:5001"],
            ),
            (Responder, Initiator, "'229 Entering Extended Passive Mode (|||6446|)' 0d 0a", &["192.0.2.9:6446"]),
            (Initiator, Responder, "'EPRT |2|2001:db8::1|5282|' 0d 0a", &["192.0.2.9:5282"]),
            (Responder, Initiator, "'227 no numbers here' 0d 0a", &[]),
            (Initiator, Responder, "'PORT 300,0,2,9,19,137' 0d 0a", &[]),
        ] {
            assert_eq!(announced(sender, line), ends, "{line}");
            assert_eq!(announced(other, line), [""; 0], "{line} by the other");
        }
    }
}
