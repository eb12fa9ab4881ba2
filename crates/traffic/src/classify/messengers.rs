//! Chat and push: XMPP, IRC, Telegram, WhatsApp, QQ and kin.

use super::{Finding, Layer, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::Interactive;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let begins = |text: &[u8]| bytes.starts_with(text);
    if view.layer == Layer::Datagram {
        // QQ's OICQ: 0x02, a version, a command; ends with 0x03.
        if bytes.first() == Some(&2)
            && bytes.last() == Some(&3)
            && bytes.len() >= 12
            && view.any_port(&[8000, 4000, 4001, 8001])
        {
            return likely("QQ", Interactive, 85, "a QQ message");
        }
        return Finding::No;
    }
    if begins(b"<?xml version='1.0'?><stream:stream")
        || begins(b"<stream:stream")
        || (begins(b"<?xml") && memchr::memmem::find(&bytes[..bytes.len().min(200)], b"jabber:").is_some())
    {
        return found("XMPP", Interactive, "an XMPP greeting");
    }
    if [&b"NICK "[..], b"USER ", b"CAP LS", b"PASS ", b"NOTICE AUTH", b":"].iter().any(|word| begins(word))
        && (6660..=6670).any(|port| view.port(port))
    {
        return found("IRC", Interactive, "an IRC greeting");
    }
    let user = begins(b"USER ") && memchr::memmem::find(&bytes[..bytes.len().min(120)], b" :").is_some();
    if begins(b"NICK ") || begins(b"CAP LS 302") || user {
        return likely("IRC", Interactive, 85, "an IRC greeting");
    }
    // WhatsApp: the header of its Noise handshake, "WA" and a version.
    if bytes.len() > 4 && (begins(b"WA") && bytes[2] <= 9 && bytes[3] <= 9 || begins(b"ED\0\x01")) {
        return found("WhatsApp", Interactive, "a WhatsApp handshake");
    }
    // MTProto's intermediate transports (Telegram, "Transports").
    if matches!(be32(bytes, 0), Some(0xeeee_eeee | 0xdddd_dddd))
        || (bytes.first() == Some(&0xef) && view.any_port(&[443, 80, 5222]) && bytes.len() > 40)
    {
        return likely("Telegram", Interactive, 85, "a Telegram transport header");
    }
    // QQ over TCP: a length, then 0x02.
    if be16(bytes, 0).is_some_and(|length| usize::from(length) == bytes.len())
        && bytes.get(2) == Some(&2)
        && bytes.last() == Some(&3)
    {
        return likely("QQ", Interactive, 85, "a QQ message");
    }
    if begins(b"RHP\0") || (view.any_port(&[4244, 5242]) && bytes.len() > 8) {
        return likely("Viber", Interactive, 70, "a message to Viber");
    }
    if view.port(5222) && be16(bytes, 0).is_some() && bytes.len() >= 6 && bytes[0] == 0 {
        return likely("Messenger", Interactive, 60, "a message on the port of chat services");
    }
    Finding::No
}
