//! SSH (RFC 4253, 4.2): the banner that both ends begin with, and its first packet where the banner was missed.

use super::{Finding, Layer, View, found, likely};
use crate::packet::be32;
use vocab::TrafficClass;

/// SSH_MSG_KEXINIT (RFC 4253, 12).
const KEXINIT: u8 = 20;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    match (view.layer, bytes) {
        (Layer::Datagram, _) => Finding::No,
        (Layer::Stream, [b'S', b'S', b'H', b'-', b'1' | b'2', b'.', ..]) => {
            found("SSH", TrafficClass::Interactive, "an SSH banner")
        }
        (Layer::Stream, [b'S', ..]) if bytes.len() < 6 && b"SSH-2.".starts_with(bytes) => Finding::More,
        (Layer::Stream, [0, 0, _, _, padding @ 4..=64, KEXINIT, ..]) => match be32(bytes, 0) {
            // Padded to blocks of eight; the lists of algorithms are text.
            Some(length) if (length + 4) % 8 == 0 && length > u32::from(*padding) && text_follows(bytes) => {
                likely("SSH", TrafficClass::Interactive, 90, "the offer of keys of SSH")
            }
            _ => Finding::No,
        },
        (Layer::Stream, _) => Finding::No,
    }
}

/// Whether the first list behind the cookie of 16 bytes holds names (RFC 4253, 7.1).
fn text_follows(bytes: &[u8]) -> bool {
    let Some(length) = be32(bytes, 22) else { return false };
    (1..2_000).contains(&length)
        && bytes.get(26..42).is_some_and(|list| list.iter().all(|byte| byte.is_ascii_graphic()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::Sender;

    fn check(bytes: &[u8], expected: bool) {
        let finding = inspect(&View {
            layer: Layer::Stream,
            bytes,
            sender: Sender::Initiator,
            source: vocab::Address::default(),
            destination: vocab::Address::default(),
            source_port: 50_000,
            destination_port: 2_222,
            number: 0,
            heard: &[],
        });
        assert_eq!(matches!(finding, Finding::Found(_)), expected, "{bytes:?}");
    }

    #[test]
    fn banners_and_offers_are_known() {
        check(b"SSH-2.0-OpenSSH_9.6\r\n", true);
        check(b"SSH-1.99-x\r\n", true);
        check(b"SSH", false);
        let offer = |length: u32| {
            let head = [&length.to_be_bytes()[..], &[6, KEXINIT], &[9; 16], &[0, 0, 0, 30]].concat();
            [&head[..], b"curve25519-sha256,ecdh-sha2-nistp256"].concat()
        };
        check(&offer(1_500), true);
        check(&offer(1_501), false);
    }
}
