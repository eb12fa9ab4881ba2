//! What the application protocols of a hello (RFC 7301) say about its purpose.

use super::{Names, Signature};
use vocab::TrafficClass::{self, Backup, Call, Download, Interactive, Streaming, Update, Voice, Work};

/// The purpose that one of the protocols names, each behind its length as in the extension; HTTP names none.
pub(crate) fn purpose(protocols: &[u8]) -> Option<Signature> {
    each(protocols).find_map(of)
}

/// The protocols of a list, at most as many as any device offers.
pub(crate) fn each(protocols: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = protocols;
    std::iter::from_fn(move || {
        let (&length, behind) = rest.split_first()?;
        let name = behind.get(..usize::from(length))?;
        rest = &behind[name.len()..];
        Some(name)
    })
    .take(16)
}

/// IANA "TLS ALPN Protocol IDs", and what vendors document of their own.
fn of(protocol: &[u8]) -> Option<Signature> {
    let adorn = |application, class: TrafficClass, why| {
        Some(Signature { application, class, names: Names::Adorn, confidence: 96, why })
    };
    let refine = |application, class: TrafficClass, why| {
        Some(Signature { application, class, names: Names::Refine, confidence: 85, why })
    };
    // The web's own are most common by far.
    if matches!(protocol, b"h2" | b"http/1.1" | b"h3") {
        return None;
    }
    match protocol {
        b"dot" => adorn("DNS over TLS", Interactive, "its hello asks for DNS over TLS"),
        b"doq" | b"doq-i00" | b"doq-i02" | b"doq-i11" => {
            adorn("DNS over QUIC", Interactive, "its hello asks for DNS over QUIC")
        }
        b"mqtt" | b"x-amzn-mqtt-ca" => adorn("MQTT", Update, "its hello asks for MQTT"),
        b"coap" | b"co" => adorn("CoAP", Update, "its hello asks for CoAP"),
        b"imap" => adorn("IMAPS", Work, "its hello asks for IMAP"),
        b"pop3" => adorn("POP3S", Work, "its hello asks for POP3"),
        b"smtp" | b"submission" => adorn("SMTPS", Work, "its hello asks for SMTP"),
        b"managesieve" => adorn("ManageSieve", Work, "its hello asks for ManageSieve"),
        b"xmpp-client" | b"xmpp-server" | b"xmpp-bosh" => adorn("XMPP", Interactive, "its hello asks for XMPP"),
        b"irc" | b"ircs" => adorn("IRC", Interactive, "its hello asks for IRC"),
        b"webrtc" | b"c-webrtc" => adorn("WebRTC", Call, "its hello asks for WebRTC"),
        b"stun.turn" => refine("TURN", Call, "its hello asks for a media relay"),
        b"stun.nat-discovery" => refine("STUN", Interactive, "its hello asks for its own address"),
        b"sip/2" | b"sip" => adorn("SIP", Voice, "its hello asks for SIP"),
        b"ftp" => adorn("FTPS", Interactive, "its hello asks for FTP"),
        b"nntp" | b"nnsp" => adorn("NNTPS", Download, "its hello asks for network news"),
        b"ntske/1" => adorn("NTS", Interactive, "its hello asks for secured time"),
        b"ntp/4" => adorn("NTP", Interactive, "its hello asks for time"),
        b"smb" => adorn("SMB", Interactive, "its hello asks for SMB over QUIC"),
        b"sunrpc" | b"nfs" => adorn("NFS", Download, "its hello asks for remote procedures of files"),
        b"postgresql" => adorn("PostgreSQL", Interactive, "its hello asks for PostgreSQL"),
        b"tds/8.0" => adorn("TDS", Interactive, "its hello asks for SQL Server"),
        b"mysql" => adorn("MySQL", Interactive, "its hello asks for MySQL"),
        b"redis" => adorn("Redis", Interactive, "its hello asks for Redis"),
        b"radius/1.0" | b"radius/1.1" => adorn("RadSec", Interactive, "its hello asks for RADIUS"),
        b"acme-tls/1" => adorn("ACME", Interactive, "its hello proves a name to an authority"),
        b"ssh" => adorn("SSH", Interactive, "its hello asks for SSH"),
        b"rdp" | b"ms-rdp" => adorn("RDP", Interactive, "its hello asks for RDP"),
        b"opcua" | b"opcua+uacp" => adorn("OPC UA", Update, "its hello asks for OPC UA"),
        b"apns-pack-v1" | b"apns-security-v2" | b"apns-security-v3" => {
            adorn("Apple push", Interactive, "its hello asks for Apple's push service")
        }
        b"bep/1.0" | b"bep-relay" => adorn("Syncthing", Download, "its hello asks for Syncthing"),
        b"libp2p" => adorn("libp2p", Backup, "its hello asks for libp2p, as nodes of currencies do"),
        b"openvpn" => adorn("OpenVPN", Work, "its hello asks for OpenVPN"),
        b"moq-00" | b"moqt" | b"moqt-14" => adorn("MoQ", Streaming, "its hello asks for media over QUIC"),
        b"grpc-exp" => None,
        _ if protocol.starts_with(b"hq-") || protocol.starts_with(b"h3-") => None,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(protocols: &[u8], expected: Option<(&str, TrafficClass)>) {
        assert_eq!(purpose(protocols).map(|signature| (signature.application, signature.class)), expected);
    }

    #[test]
    fn the_protocol_that_is_no_http_decides() {
        check(b"\x02h2\x08http/1.1", None);
        check(b"\x03dot", Some(("DNS over TLS", Interactive)));
        check(b"\x02h2\x04mqtt", Some(("MQTT", Update)));
        check(b"\x04imap", Some(("IMAPS", Work)));
        check(b"\x09stun.turn", Some(("TURN", Call)));
        check(b"\xffimap", None);
        check(b"", None);
    }
}
