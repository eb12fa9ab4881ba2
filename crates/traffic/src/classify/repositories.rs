//! Copies of source trees and folders: Git, Subversion, CVS, Perforce, rsync; and news groups, which carry files.

use super::fields::{begins_with, fills, le32, near};
use super::{Finding, Layer, View, found, likely};
use vocab::TrafficClass::Download;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let (Some(&first), Layer::Stream) = (bytes.first(), view.layer) else { return Finding::No };
    match first {
        b'@' if bytes.starts_with(b"@RSYNCD: ") => found("rsync", Download, "an rsync greeting"),
        // Git (gitprotocol-pack): a length of four hex digits, then the service.
        b'0' if is_line_length(bytes) && bytes.get(4..).is_some_and(|rest| rest.starts_with(b"git-")) => {
            found("Git", Download, "a git request")
        }
        b'0' if is_line_length(bytes) && view.port(9418) => found("Git", Download, "a git message"),
        // Subversion's own protocol: lists of words (its source, libsvn_ra_svn/protocol).
        b'(' if begins_with(bytes, &[b"( success ( ", b"( failure ( ", b"( 2 ( "]) => {
            found("Subversion", Download, "a Subversion greeting")
        }
        b'B' if begins_with(
            bytes,
            &[b"BEGIN AUTH REQUEST\n", b"BEGIN VERIFICATION REQUEST\n", b"BEGIN GSSAPI REQUEST\n"],
        ) =>
        {
            found("CVS", Download, "a login to CVS")
        }
        b'2' | b'A' | b'M' | b'G' | b'X' | b'C' if news(view) => found("NNTP", Download, "a message to a news server"),
        // Perforce: the length of the message, behind its exclusive or.
        _ if bytes.len() > 12
            && bytes[..5].iter().fold(0, |sum, &byte| sum ^ byte) == 0
            && le32(bytes, 1).is_some_and(|length| fills(Some(length), 5, bytes))
            && (view.port(1666) || near(bytes, b"func\0")) =>
        {
            likely("Perforce", Download, 90, "a Perforce message")
        }
        _ => Finding::No,
    }
}

fn is_line_length(bytes: &[u8]) -> bool {
    bytes.get(..4).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

/// NNTP (RFC 3977, RFC 4643): a greeting that says so, or a command on its port.
fn news(view: &View<'_>) -> bool {
    let bytes = view.bytes;
    let port = view.any_port(&[119, 433]);
    let greets = begins_with(bytes, &[b"200 ", b"201 "]) && (port || near(bytes, b"NNTP") || near(bytes, b"nntp"));
    let commands: [&[u8]; 7] =
        [b"AUTHINFO ", b"MODE READER", b"GROUP ", b"ARTICLE ", b"XOVER ", b"CAPABILITIES\r", b"BODY <"];
    greets || begins_with(bytes, &commands[..2]) || port && begins_with(bytes, &commands)
}

#[cfg(test)]
mod tests {
    use super::super::specimen::check;
    use super::*;
    use Layer::Stream;

    #[test]
    fn chance_is_nothing() {
        super::super::dialogue::check_chance(inspect);
    }

    #[test]
    fn greetings_are_known() {
        check(
            inspect,
            &[
                (Stream, 873, "'@RSYNCD: 31.0' 0a", "rsync download"),
                (Stream, 9_000, "'0032git-upload-pack /project.git' 00 'host=example.org' 00", "Git download"),
                (Stream, 9418, "'00a7deadbeef'", "Git download"),
                (Stream, 3690, "'( success ( 2 2 ( ) ( edit-pipeline svndiff1 ) ) ) '", "Subversion download"),
                (Stream, 2401, "'BEGIN AUTH REQUEST' 0a '/cvs' 0a", "CVS download"),
                (Stream, 119, "'200 news.example.org ready' 0d 0a", "NNTP download"),
                (Stream, 9_000, "'200 NNTP Service Ready' 0d 0a", "NNTP download"),
                (Stream, 9_000, "'200 OK' 0d 0a", ""),
                (Stream, 9_000, "'AUTHINFO USER me' 0d 0a", "NNTP download"),
                (Stream, 1666, "0c 0c 00 00 00 'func' 00 07*7", "Perforce download"),
                (Stream, 1666, "0d 0c 00 00 00 'func' 00 07*7", ""),
            ],
        );
    }
}
