//! What a port number or a protocol number says: the last witness, believed when nobody else speaks.

use super::{Names, Signature};
use vocab::TrafficClass::{self, Backup, Call, Download, Gaming, Interactive, Streaming, Update, Voice, Web, Work};
use vocab::{FlowKey, IpProtocol, Side};

/// A well-known port: IANA "Service Name and Transport Protocol Port Number Registry", and the documented
/// defaults of the programs named.
struct Port {
    number: u16,
    protocol: Over,
    application: &'static str,
    class: TrafficClass,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Over {
    Tcp,
    Udp,
    Both,
}

const fn port(number: u16, protocol: Over, application: &'static str, class: TrafficClass) -> Port {
    Port { number, protocol, application, class }
}

/// Ordered by number.
const PORTS: &[Port] = &[
    port(7, Over::Both, "Echo", Interactive),
    port(20, Over::Tcp, "FTP data", Download),
    port(21, Over::Tcp, "FTP", Interactive),
    port(22, Over::Tcp, "SSH", Interactive),
    port(23, Over::Tcp, "Telnet", Interactive),
    port(25, Over::Tcp, "SMTP", Work),
    port(49, Over::Tcp, "TACACS+", Interactive),
    port(53, Over::Both, "DNS", Interactive),
    port(67, Over::Udp, "DHCP", Interactive),
    port(68, Over::Udp, "DHCP", Interactive),
    port(69, Over::Udp, "TFTP", Download),
    port(80, Over::Tcp, "HTTP", Web),
    port(88, Over::Both, "Kerberos", Interactive),
    port(102, Over::Tcp, "S7", Update),
    port(110, Over::Tcp, "POP3", Work),
    port(111, Over::Both, "Portmapper", Interactive),
    port(119, Over::Tcp, "NNTP", Download),
    port(123, Over::Udp, "NTP", Interactive),
    port(135, Over::Tcp, "DCE/RPC", Interactive),
    port(137, Over::Udp, "NetBIOS", Interactive),
    port(138, Over::Udp, "NetBIOS", Interactive),
    port(139, Over::Tcp, "NetBIOS", Interactive),
    port(143, Over::Tcp, "IMAP", Work),
    port(161, Over::Udp, "SNMP", Interactive),
    port(162, Over::Udp, "SNMP", Interactive),
    port(177, Over::Udp, "XDMCP", Interactive),
    port(179, Over::Tcp, "BGP", Interactive),
    port(389, Over::Both, "LDAP", Interactive),
    port(443, Over::Tcp, "TLS", Web),
    port(443, Over::Udp, "QUIC", Web),
    port(445, Over::Tcp, "SMB", Interactive),
    port(465, Over::Tcp, "SMTPS", Work),
    port(500, Over::Udp, "IPsec", Work),
    port(502, Over::Tcp, "Modbus", Update),
    port(514, Over::Udp, "Syslog", Interactive),
    port(520, Over::Udp, "RIP", Interactive),
    port(546, Over::Udp, "DHCPv6", Interactive),
    port(547, Over::Udp, "DHCPv6", Interactive),
    port(548, Over::Tcp, "AFP", Download),
    port(554, Over::Both, "RTSP", Streaming),
    port(587, Over::Tcp, "SMTP", Work),
    port(631, Over::Both, "IPP", Interactive),
    port(636, Over::Tcp, "LDAPS", Interactive),
    port(853, Over::Both, "DNS over TLS", Interactive),
    port(873, Over::Tcp, "rsync", Download),
    port(989, Over::Tcp, "FTPS data", Download),
    port(990, Over::Tcp, "FTPS", Web),
    port(993, Over::Tcp, "IMAPS", Work),
    port(995, Over::Tcp, "POP3S", Work),
    port(1080, Over::Tcp, "SOCKS", Web),
    port(1119, Over::Both, "Battle.net", Gaming),
    port(1194, Over::Both, "OpenVPN", Work),
    port(1433, Over::Tcp, "SQL Server", Interactive),
    port(1521, Over::Tcp, "Oracle", Interactive),
    port(1645, Over::Udp, "RADIUS", Interactive),
    port(1701, Over::Udp, "L2TP", Work),
    port(1719, Over::Udp, "H.323", Voice),
    port(1720, Over::Tcp, "H.323", Voice),
    port(1723, Over::Tcp, "PPTP", Work),
    port(1812, Over::Udp, "RADIUS", Interactive),
    port(1813, Over::Udp, "RADIUS", Interactive),
    port(1883, Over::Tcp, "MQTT", Update),
    port(1900, Over::Udp, "SSDP", Interactive),
    port(1935, Over::Tcp, "RTMP", Streaming),
    port(1985, Over::Udp, "HSRP", Interactive),
    port(2049, Over::Both, "NFS", Download),
    port(2055, Over::Udp, "NetFlow", Interactive),
    port(2123, Over::Udp, "GTP", Work),
    port(2152, Over::Udp, "GTP", Work),
    port(3074, Over::Both, "Xbox Live", Gaming),
    port(3128, Over::Tcp, "HTTP proxy", Web),
    port(3268, Over::Tcp, "LDAP", Interactive),
    port(3306, Over::Tcp, "MySQL", Interactive),
    port(3389, Over::Both, "RDP", Interactive),
    port(3478, Over::Udp, "STUN", Interactive),
    port(3479, Over::Udp, "Microsoft Teams", Call),
    port(3480, Over::Udp, "Microsoft Teams", Call),
    port(3481, Over::Udp, "Microsoft Teams", Call),
    port(3544, Over::Udp, "Teredo", Work),
    port(3659, Over::Udp, "EA games", Gaming),
    port(3724, Over::Both, "Battle.net", Gaming),
    port(4244, Over::Tcp, "Viber", Interactive),
    port(4500, Over::Udp, "IPsec", Work),
    port(4789, Over::Udp, "VXLAN", Work),
    port(5004, Over::Udp, "RTP", Voice),
    port(5060, Over::Both, "SIP", Voice),
    port(5061, Over::Tcp, "SIP", Voice),
    port(5055, Over::Udp, "Photon", Gaming),
    port(5056, Over::Udp, "Photon", Gaming),
    port(5058, Over::Udp, "Photon", Gaming),
    port(5222, Over::Tcp, "XMPP", Interactive),
    port(5223, Over::Tcp, "Apple push", Interactive),
    port(5228, Over::Tcp, "Google push", Interactive),
    port(5269, Over::Tcp, "XMPP", Interactive),
    port(5242, Over::Both, "Viber", Voice),
    port(5243, Over::Both, "Viber", Voice),
    port(5351, Over::Udp, "NAT-PMP", Interactive),
    port(5353, Over::Udp, "mDNS", Interactive),
    port(5355, Over::Udp, "LLMNR", Interactive),
    port(5432, Over::Tcp, "PostgreSQL", Interactive),
    port(5683, Over::Udp, "CoAP", Update),
    port(5684, Over::Udp, "CoAP", Update),
    port(5672, Over::Tcp, "AMQP", Update),
    port(5900, Over::Tcp, "VNC", Interactive),
    port(5901, Over::Tcp, "VNC", Interactive),
    port(5938, Over::Both, "TeamViewer", Interactive),
    port(6379, Over::Tcp, "Redis", Interactive),
    port(6667, Over::Tcp, "IRC", Interactive),
    port(6881, Over::Both, "BitTorrent", Download),
    port(7985, Over::Udp, "Viber", Voice),
    port(7987, Over::Udp, "Viber", Voice),
    port(8008, Over::Tcp, "HTTP", Web),
    port(8009, Over::Tcp, "Google Cast", Interactive),
    port(8080, Over::Tcp, "HTTP", Web),
    port(8333, Over::Tcp, "Bitcoin", Backup),
    port(8443, Over::Tcp, "TLS", Web),
    port(8801, Over::Udp, "Zoom", Call),
    port(8883, Over::Tcp, "MQTT", Update),
    port(9001, Over::Tcp, "Tor", Work),
    port(9100, Over::Tcp, "Printing", Interactive),
    port(9296, Over::Udp, "PlayStation remote play", Gaming),
    port(9418, Over::Tcp, "Git", Download),
    port(9987, Over::Udp, "TeamSpeak", Voice),
    port(11211, Over::Both, "memcached", Interactive),
    port(19132, Over::Udp, "Minecraft", Gaming),
    port(19302, Over::Udp, "STUN", Interactive),
    port(19305, Over::Udp, "Google Meet", Call),
    port(20000, Over::Tcp, "DNP3", Update),
    port(25565, Over::Tcp, "Minecraft", Gaming),
    port(27015, Over::Udp, "Source engine", Gaming),
    port(27017, Over::Tcp, "MongoDB", Interactive),
    port(27960, Over::Udp, "Quake engine", Gaming),
    port(30303, Over::Both, "Ethereum", Backup),
    port(47808, Over::Udp, "BACnet", Update),
    port(51820, Over::Udp, "WireGuard", Work),
    port(64738, Over::Both, "Mumble", Voice),
];

fn lookup(number: u16, protocol: IpProtocol) -> Option<&'static Port> {
    let over = match protocol {
        IpProtocol::TCP => Over::Tcp,
        IpProtocol::UDP => Over::Udp,
        _ => return None,
    };
    PORTS.iter().find(|port| port.number == number && (port.protocol == Over::Both || port.protocol == over))
}

/// How much a port looks like the one that answers; ports of the dynamic range of any system are last
/// (RFC 6335; Linux begins at 32768).
pub(crate) fn rank(number: u16) -> u8 {
    match number {
        0 => 0,
        _ if PORTS.iter().any(|port| port.number == number) => 3,
        1..1024 => 2,
        1024..32_768 => 1,
        32_768.. => 0,
    }
}

/// What the ports of a flow say, the responder's first.
pub(crate) fn guess(key: &FlowKey, responder: Side) -> Option<Signature> {
    let near = lookup(key.end(responder).port, key.protocol());
    let far = || lookup(key.end(responder.opposite()).port, key.protocol());
    near.or_else(far).map(|port| Signature {
        application: port.application,
        class: port.class,
        names: Names::Refine,
        confidence: 40,
        why: "its well-known port, nothing better is known",
    })
}

/// Protocols above IP that are their own purpose (IANA "Assigned Internet Protocol Numbers").
pub(crate) fn by_protocol(protocol: IpProtocol) -> Option<Signature> {
    let (application, class) = match protocol.0 {
        1 => ("ICMP", Interactive),
        2 => ("IGMP", Interactive),
        3 | 8 | 9 | 88 | 89 | 124 => ("Routing", Interactive),
        4 | 41 | 47 | 94 | 97 => ("Tunnel", Work),
        50 | 51 => ("IPsec", Work),
        58 => ("ICMPv6", Interactive),
        103 => ("PIM", Interactive),
        112 => ("VRRP", Interactive),
        113 => ("PGM", Interactive),
        115 => ("L2TP", Work),
        132 => ("SCTP", Interactive),
        _ => return None,
    };
    Some(Signature { application, class, names: Names::Adorn, confidence: 90, why: "its protocol number" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_port_stands_once_per_protocol() {
        for (place, port) in PORTS.iter().enumerate() {
            let clash = PORTS[..place].iter().any(|other| {
                other.number == port.number
                    && (other.protocol == port.protocol || other.protocol == Over::Both || port.protocol == Over::Both)
            });
            assert!(!clash, "{}", port.number);
        }
    }

    #[test]
    fn the_telling_port_ranks_higher() {
        assert!(rank(443) > rank(50_000) && rank(6_000) > rank(50_000) && rank(53) > rank(999));
    }
}
