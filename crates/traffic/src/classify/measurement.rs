//! Tests of a line: iperf, TWAMP and OWAMP, Ookla, the Brazilian EAQ, netperf, NDT.

use super::fields::begins_with;
use super::ports::ONLY_PORT;
use super::{Finding, Layer, View, found, likely};
use crate::packet::be32;
use vocab::TrafficClass::Interactive;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    match view.layer {
        Layer::Stream => stream(view),
        Layer::Datagram => datagram(view),
    }
}

fn stream(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    match bytes {
        // iperf3 (its wiki, "cookie"): 36 letters and digits of base 32, and a zero.
        [b'a'..=b'z' | b'2'..=b'7', ..]
            if bytes.len() == 37
                && bytes[36] == 0
                && bytes[..36].iter().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7')) =>
        {
            return found("iperf", Interactive, "a speed test (iperf)");
        }
        // The greeting of Ookla's servers, and what is asked of them.
        [b'H', ..] if begins_with(bytes, &[b"HELLO 2.", b"HI\n", b"HI 0", b"HI 1"]) && view.any_port(&[8080, 5060]) => {
            return found("Ookla", Interactive, "a speed test (Ookla)");
        }
        _ => {}
    }
    // iperf 2 fills its payload with digits after a header of flags.
    if bytes.get(24..56).is_some_and(is_count) || bytes.get(..32).is_some_and(is_count) {
        return found("iperf", Interactive, "a speed test (iperf)");
    }
    view.at_ports(|port| match port {
        // The greeting of OWAMP and TWAMP (RFC 4656, 3.1; RFC 5357): unused bytes, then modes.
        861 | 862 if bytes.len() >= 64 && bytes[..12] == [0; 12] => {
            found("TWAMP", Interactive, "a measurement of delay")
        }
        5001 | 5201 => likely("iperf", Interactive, ONLY_PORT, "a message on the port of a speed test"),
        12_865 if be32(bytes, 0).is_some_and(|kind| kind < 1_000) => {
            likely("netperf", Interactive, 80, "a speed test (netperf)")
        }
        // NDT (its message format): a login message of a type, a length of two bytes.
        3001 if matches!(bytes, [2 | 11, _, _, ..]) => likely("NDT", Interactive, 75, "a speed test (NDT)"),
        8080 if begins_with(bytes, &[b"PING ", b"DOWNLOAD ", b"UPLOAD ", b"YOURIP ", b"GETIP"]) => {
            found("Ookla", Interactive, "a speed test (Ookla)")
        }
        _ => Finding::No,
    })
}

fn datagram(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    // What RIPE's probes send says whose it is.
    if matches!(bytes.first(), Some(b'h')) && bytes.starts_with(b"http://atlas.ripe.net") {
        return found("RIPE Atlas", Interactive, "a measurement of the Internet");
    }
    if bytes.get(36..68).is_some_and(is_count) || bytes.get(12..44).is_some_and(is_count) {
        return found("iperf", Interactive, "a speed test (iperf)");
    }
    view.at_ports(|port| match port {
        5001 | 5201 if bytes.len() >= 4 => {
            likely("iperf", Interactive, ONLY_PORT, "a message on the port of a speed test")
        }
        // A number, then seconds and microseconds, then a word of flags (Anatel's measurement of lines).
        6000 if bytes.len() == 16
            && be32(bytes, 0).is_some_and(|number| number < 100_000)
            && be32(bytes, 8).is_some_and(|micros| micros < 1_000_000)
            && be32(bytes, 12).is_some_and(|flags| flags != 0 && flags & 0xffff_0fff == 0) =>
        {
            found("EAQ", Interactive, "a measurement of the line")
        }
        // Simple two-way measurement (RFC 8762, 4.2): at least 44 bytes.
        862 if bytes.len() >= 40 => likely("TWAMP", Interactive, ONLY_PORT, "a measurement of delay"),
        _ => Finding::No,
    })
}

/// Digits that count up, as a filling.
fn is_count(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(u8::is_ascii_digit)
        && bytes.windows(2).all(|pair| pair[0].is_ascii_digit() && pair[1] == b'0' + (pair[0] - b'0' + 1) % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::specimen::check;
    use Layer::{Datagram, Stream};

    #[test]
    fn speed_tests_are_known() {
        check(
            inspect,
            &[
                (Datagram, 33_435, "'http://atlas.ripe.net Atlas says Hi!'", "RIPE Atlas interactive"),
                (Stream, 5333, "'abcdefghijklmnopqrstuvwxyz234567abcd' 00", "iperf interactive"),
                (Stream, 5333, "00*24 '01234567890123456789012345678901'", "iperf interactive"),
                (Datagram, 5333, "00*12 '45678901234567890123456789012345'", "iperf interactive"),
                (Stream, 8080, "'HELLO 2.9 (2.9.4) 2021'", "Ookla interactive"),
                (Stream, 862, "00*12 00 00 00 01 11*48", "TWAMP interactive"),
                (Datagram, 6000, "00 00 00 07 00 00 10 01 00 02 11 22 00 00 90 00", "EAQ interactive"),
                (Datagram, 6000, "00*16", ""),
            ],
        );
    }
}
