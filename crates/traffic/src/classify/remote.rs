//! Remote access other than SSH and RDP: screens (VNC, SPICE, X11, Citrix, TeamViewer and kin), shells (Telnet,
//! rlogin, mosh), and the controllers that turn machines on.

use super::fields::{begins_with, le32};
use super::ports::ONLY_PORT;
use super::{Finding, Layer, Sender, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::Interactive;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    match view.layer {
        Layer::Stream => screens(view).unwrap_or_else(|| shells(view)),
        Layer::Datagram => datagram(view),
    }
}

fn screens(view: &View<'_>) -> Option<Finding> {
    let bytes = view.bytes;
    let text = |application, why| Some(found(application, Interactive, why));
    match *bytes.first()? {
        // RFB (RFC 6143, 7.1.1): "RFB 003.008\n".
        b'R' if bytes.starts_with(b"RFB ") && bytes.get(7) == Some(&b'.') => text("VNC", "a VNC banner"),
        // SPICE: its magic, major version 1 or 2 (its protocol description, "link message").
        b'R' if bytes.starts_with(b"REDQ") && matches!(le32(bytes, 4), Some(1 | 2)) => {
            text("SPICE", "a SPICE greeting")
        }
        b'N' if begins_with(bytes, &[b"NXSH-", b"NXD-", b"NXSSH-", b"NX> "]) => text("NoMachine", "a NoMachine banner"),
        // Citrix ICA says its name three times; its common gateway protocol once.
        0x7f if bytes.starts_with(b"\x7f\x7fICA\0") => text("Citrix", "a Citrix ICA greeting"),
        0x1a if bytes.starts_with(b"\x1aCGP/") => text("Citrix", "a Citrix gateway greeting"),
        // X11 (its protocol, 8): byte order, version 11.0, two lengths, a zero.
        b'l' if matches!(bytes, [_, _, 11, 0, 0, 0, ..]) && bytes.len() >= 12 => text("X11", "a request for a display"),
        b'B' if matches!(bytes, [_, _, 0, 11, 0, 0, ..]) && bytes.len() >= 12 => text("X11", "a request for a display"),
        // TeamViewer: two magics, then a command.
        0x17 if matches!(bytes, [_, 0x24, ..]) && (view.port(5938) || bytes.len() > 8) => {
            text("TeamViewer", "a TeamViewer message")
        }
        0x11 if matches!(bytes, [_, 0x30, ..]) && view.port(5938) => text("TeamViewer", "a TeamViewer message"),
        0x11 if matches!(bytes, [_, 0x30, ..]) && bytes.len() > 8 && view.heard.starts_with(&[0x11, 0x30]) => {
            text("TeamViewer", "a TeamViewer message")
        }
        // DameWare's opening, little-endian 0x1130.
        0x30 if bytes.starts_with(&[0x30, 0x11, 0, 0]) && view.port(6129) => text("DameWare", "a DameWare greeting"),
        // Radmin: version 1, a length, a known opening.
        1 if begins_with(bytes, &[&[1, 0, 0, 0, 1, 0, 0, 0, 8, 8], &[1, 0, 0, 0, 5]]) => {
            Some(likely("Radmin", Interactive, 82, "a remote control message"))
        }
        _ if view.port(4899) => Some(likely("Radmin", Interactive, ONLY_PORT, "a remote control message")),
        // Synergy, and Barrier after it: a length, then the name (its source, ProtocolTypes.h).
        0 if matches!(bytes.get(4..11), Some(b"Synergy" | b"Barrier")) => text("Synergy", "a shared keyboard"),
        // Guacamole: "6.select,…;" (its manual, "Guacamole protocol").
        b'6' if bytes.starts_with(b"6.select,") => text("Guacamole", "a Guacamole request"),
        // Android's debug bridge: CNXN, version 1, the complement of the command at 20 (its protocol.txt).
        b'C' if bytes.starts_with(b"CNXN") && le32(bytes, 20) == Some(!0x4e58_4e43) => {
            text("ADB", "an Android debugger")
        }
        b'2' if bytes.starts_with(b"220 VMware Authentication Daemon") => text("VMware", "a VMware console"),
        // RustDesk: a length in the upper six bits of the first byte (its source, bytes_codec.rs).
        first
            if (21_115..=21_119).contains(&view.responder_port())
                && first & 3 == 0
                && usize::from(first >> 2) + 1 == bytes.len() =>
        {
            Some(likely("RustDesk", Interactive, 88, "a RustDesk message"))
        }
        _ if view.any_port(&[1494, 2598]) => Some(likely("Citrix", Interactive, ONLY_PORT, "the port of Citrix")),
        _ if view.port(4172) => Some(likely("PCoIP", Interactive, ONLY_PORT, "the port of PCoIP")),
        _ if view.port(5631) && bytes.len() >= 2 => {
            Some(likely("pcAnywhere", Interactive, ONLY_PORT, "the port of pcAnywhere"))
        }
        _ => None,
    }
}

fn shells(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    // Telnet: options at once (RFC 854, RFC 855): IAC, a verb, an option.
    if let &[0xff, verb @ 0xfa..=0xfe, option, ref rest @ ..] = bytes
        && (option <= 50 || option == 0xff)
        && (view.port(23) || verb == 0xfa && bytes.ends_with(&[0xff, 0xf0]) || matches!(rest, [0xff, 0xfa..=0xfe, ..]))
    {
        return found("Telnet", Interactive, "Telnet options");
    }
    if view.port(23) {
        return likely("Telnet", Interactive, ONLY_PORT, "the port of Telnet");
    }
    // rlogin: an empty string, two names and a terminal (RFC 1282); rsh and rexec: a port, two words and a
    // command (rcmd(3), rexec(3)).
    let strings = || bytes.iter().filter(|&&byte| byte == 0).count();
    if view.sender == Sender::Initiator && bytes.last() == Some(&0) && bytes.len() < 512 {
        if bytes[0] == 0 && view.port(513) && strings() == 4 {
            return found("rlogin", Interactive, "an rlogin greeting");
        }
        let port = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if view.any_port(&[512, 514]) && port <= 5 && bytes.get(port) == Some(&0) && (1..=4).contains(&strings()) {
            return found("RSH", Interactive, "a command for a remote shell");
        }
    }
    Finding::No
}

fn datagram(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let Some(&first) = bytes.first() else { return Finding::No };
    // Six ones, then an address sixteen times (AMD, "Magic Packet Technology").
    if bytes.len() >= 102 && bytes[..6] == [0xff; 6] && bytes[6..12] == bytes[12..18] && bytes[12..90] == bytes[18..96]
    {
        return found("Wake-on-LAN", Interactive, "a call to wake a machine");
    }
    // Behind a counter and its own identity.
    if first == 0 && bytes.get(11..13) == Some(&[0x17, 0x24]) && bytes.len() > 13 {
        return likely("TeamViewer", Interactive, 88, "a TeamViewer message");
    }
    if view.port(5938) && bytes.len() > 12 {
        return likely("TeamViewer", Interactive, ONLY_PORT, "the port of TeamViewer");
    }
    if view.port(4000) && matches!(bytes, [1 | 2, 0 | 1, 1, 0, ..]) && bytes.len() >= 8 {
        return likely("NoMachine", Interactive, 75, "a NoMachine message");
    }
    // AnyDesk looks for others on these ports (its help centre, "Firewall").
    if (50_001..=50_003).contains(&view.responder_port()) && bytes.starts_with(&[0x3e, 0xd1]) {
        return found("AnyDesk", Interactive, "AnyDesk looks for others on the local network");
    }
    if view.port(4172) && bytes.len() >= 12 {
        return likely("PCoIP", Interactive, ONLY_PORT, "the port of PCoIP");
    }
    // pcAnywhere asks for its other side with two letters.
    if view.port(5632) && matches!(bytes, b"NQ" | b"ST" | [b'N', b'R', ..]) {
        return found("pcAnywhere", Interactive, "pcAnywhere looks for others");
    }
    // VMware's heartbeat to its servers.
    if view.any_port(&[902, 903]) && bytes.len() >= 66 {
        return likely("VMware", Interactive, ONLY_PORT, "a VMware heartbeat");
    }
    // mosh (its paper, 2.2): a direction in the first bit of a counter of 63, then what is encrypted.
    if (60_000..=61_000).contains(&view.responder_port())
        && matches!(first, 0 | 0x80)
        && be32(bytes, 0).is_some_and(|high| high & 0x7fff_ffff == 0)
        && be32(bytes, 4).is_some_and(|low| low < 1 << 24)
        && bytes.len() >= 28
    {
        return likely("Mosh", Interactive, 88, "a mosh packet: a counter that says its direction");
    }
    if view.any_port(&[21_116, 21_118]) && bytes.len() >= 4 {
        return likely("RustDesk", Interactive, ONLY_PORT, "the port of RustDesk");
    }
    // Apple Remote Desktop: a command and its length (port 3283, IANA "net-assistant").
    if view.port(3283) && be16(bytes, 0).is_some_and(|kind| kind < 0x100) {
        return likely("Apple Remote Desktop", Interactive, 80, "Apple Remote Desktop looks for others");
    }
    Finding::No
}

#[cfg(test)]
mod tests {
    use super::super::specimen::check;
    use super::*;
    use Layer::{Datagram, Stream};

    #[test]
    fn chance_is_nothing() {
        super::super::dialogue::check_chance(inspect);
    }

    #[test]
    fn screens_and_shells_are_known() {
        check(
            inspect,
            &[
                (Stream, 5900, "'RFB 003.008' 0a", "VNC interactive"),
                (Stream, 5930, "'REDQ' 02 00 00 00 02 00 00 00 1a 00 00 00", "SPICE interactive"),
                (Stream, 4_000, "'NXSH-7.10.1' 0a", "NoMachine interactive"),
                (Stream, 9_000, "7f 7f 'ICA' 00 7f 7f 'ICA' 00", "Citrix interactive"),
                (Stream, 2598, "1a 'CGP/01' 01 02", "Citrix interactive"),
                (Stream, 6000, "6c 00 0b 00 00 00 12 00 10 00 00 00", "X11 interactive"),
                (Stream, 9_000, "42 00 00 0b 00 00 00 12 00 10 00 00", "X11 interactive"),
                (Stream, 5938, "17 24 0a 20 00", "TeamViewer interactive"),
                (Stream, 9_000, "11 30 0a 20 00*20", ""),
                (Stream, 24_800, "00 00 00 0b 'Synergy' 00 01 00 06", "Synergy interactive"),
                (Stream, 4822, "'6.select,3.rdp;'", "Guacamole interactive"),
                (Stream, 5555, "'CNXN' 01 00 00 01 00 00 10 00 07 00 00 00 32 02 00 00 bc b1 a7 b1", "ADB interactive"),
                (Stream, 21_116, "0c 0a 01 61 62", ""),
                (Stream, 21_116, "0c 0a 01 61", "RustDesk interactive"),
                (Stream, 23, "ff fd 18 ff fd 20", "Telnet interactive"),
                (Stream, 9_000, "ff fd 18 ff fd 20", "Telnet interactive"),
                (Stream, 9_000, "ff fd 18 41", ""),
                (Stream, 513, "00 'me' 00 'you' 00 'xterm/9600' 00", "rlogin interactive"),
                (Stream, 514, "'1022' 00 'me' 00 'you' 00 'uptime' 00", "RSH interactive"),
                (Datagram, 9, "ff*6 01 02 03 04 05 06 01 02 03 04 05 06 01*84", ""),
                (Datagram, 9, "ff*6 07*96", "Wake-on-LAN interactive"),
                (Datagram, 50_001, "3e d1 03 01 aa*12", "AnyDesk interactive"),
                (Datagram, 60_004, "80 00*6 01 aa*40", "Mosh interactive"),
                (Datagram, 60_004, "80 01 00*5 01 aa*40", ""),
                (Datagram, 5632, "'NQ'", "pcAnywhere interactive"),
                (Datagram, 5938, "00 01 02 03 aa*20", "TeamViewer interactive"),
            ],
        );
    }
}
