//! Printers and scanners: LPD, raw printing, CUPS, Canon's, Epson's and Brother's own ways, SANE.

use super::fields::begins_with;
use super::ports::ONLY_PORT;
use super::{Finding, Layer, View, found, likely};
use crate::packet::be32;
use vocab::TrafficClass::Interactive;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    // Canon's BJNP and its kin for scanners, files and faxes.
    if begins_with(bytes, &[b"BJNP", b"BJNB", b"BNJB", b"BJNS", b"MFNP", b"MFNB"]) {
        return found("BJNP", Interactive, "a message to a printer");
    }
    if view.layer == Layer::Stream {
        // "Universal exit language" (HP, PJL technical reference), whatever the port; page languages after it.
        if bytes.starts_with(b"\x1b%-12345X") || bytes.starts_with(b"@PJL") || bytes.starts_with(b") HP-PCL XL") {
            return found("JetDirect", Interactive, "a print job");
        }
        return view.at_ports(|port| match port {
            9100..=9107 | 6101
                if begins_with(bytes, &[b"\x1bE", b"\x1b@", b"\x1b(", b"%!PS", b"%PDF", b"^XA", b"~"]) =>
            {
                found("JetDirect", Interactive, "a print job")
            }
            // RFC 1179, 5: a command, the queue's name.
            515 if matches!(bytes, [1..=5, b'!'..=b'~', ..]) => found("LPD", Interactive, "a print job"),
            // SANE: initialise (0), with the version of its network protocol in the last byte.
            6566 if be32(bytes, 0) == Some(0) && be32(bytes, 4).is_some_and(|version| version >> 24 == 1) => {
                found("SANE", Interactive, "a scanner is asked")
            }
            _ => Finding::No,
        });
    }
    if begins_with(bytes, &[b"EPSONP", b"EPSONQ", b"EPSONp", b"EPSONq"]) {
        return found("EPSON", Interactive, "a message to a printer");
    }
    view.at_ports(|port| match port {
        3289 if bytes.starts_with(b"EPSON") => found("EPSON", Interactive, "a message to a printer"),
        // CUPS browsing: type and state in hex digits, then the printer's address.
        631 if bytes.first().is_some_and(u8::is_ascii_hexdigit) => {
            found("IPP", Interactive, "a printer announces itself")
        }
        54_925 | 54_926 => likely("Brother", Interactive, ONLY_PORT, "a scanner was asked to scan"),
        161 if bytes.starts_with(b"MFG:") => found("Printing", Interactive, "a printer describes itself"),
        _ => Finding::No,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::specimen::check;
    use Layer::{Datagram, Stream};

    #[test]
    fn printers_are_known() {
        check(
            inspect,
            &[
                (Stream, 9100, "1b '%-12345X@PJL JOB'", "JetDirect interactive"),
                (Stream, 9100, "'^XA^FO50,50'", "JetDirect interactive"),
                (Stream, 515, "02 'lp' 0a", "LPD interactive"),
                (Stream, 6566, "00 00 00 00 01 00 00 03 00 00 00 00", "SANE interactive"),
                (Datagram, 8612, "'BJNP' 01 01 00*10", "BJNP interactive"),
                (Datagram, 3289, "'EPSONQ' 03 00 00 00", "EPSON interactive"),
                (Datagram, 631, "'3 3 ipp://192.168.1.9:631/printers/x'", "IPP interactive"),
                (Stream, 9000, "1b 'E'", ""),
            ],
        );
    }
}
