//! Copies that keep themselves: Dropbox, Syncthing, Resilio on the local network; Bacula, Amanda, NDMP.

use super::fields::{fills, near};
use super::{Finding, Layer, View, found};
use crate::packet::be32;
use vocab::TrafficClass::{Backup, Download};

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    match view.layer {
        Layer::Stream => stream(view),
        Layer::Datagram => datagram(view),
    }
}

fn stream(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    // Syncthing: the magic of its block exchange and of its relays (its documentation, BEP and relay protocol).
    if matches!(be32(bytes, 0), Some(0x2ea7_d90b | 0x9e79_bc40)) {
        return found("Syncthing", Download, "a Syncthing hello");
    }
    // Bacula and Bareos: a length, then a greeting that ends its line (their developer's guide, "Daemon protocol").
    if bytes.get(4..10) == Some(b"Hello ") && be32(bytes, 0).is_some_and(|length| fills(Some(length), 4, bytes)) {
        return found("Bacula", Backup, "a greeting between parts of a backup");
    }
    if bytes.starts_with(b"Amanda ") && near(bytes, b" HANDLE ") {
        return found("Amanda", Backup, "a request to back up");
    }
    if bytes.starts_with(b"DRPC!!!1") {
        return found("Storj", Backup, "a greeting to Storj");
    }
    // NDMP (its specification, 3.1): a record mark, a sequence, a time, request or answer, a message of 0x0100
    // to 0x0c00.
    if view.port(10_000)
        && bytes.first().is_some_and(|byte| byte & 0x80 != 0)
        && matches!(be32(bytes, 12), Some(0 | 1))
        && be32(bytes, 16).is_some_and(|message| (0x0100..=0x0cff).contains(&message))
    {
        return found("NDMP", Backup, "a command to a backup");
    }
    Finding::No
}

fn datagram(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    // Syncthing looks for others: its magic, and the one before version 0.14.
    if matches!(be32(bytes, 0), Some(0x2ea7_d90b | 0x7d79_bc40 | 0x9d79_bc39)) {
        return found("Syncthing", Download, "a Syncthing announcement");
    }
    // Dropbox looks for others (its help centre: LAN sync, port 17500).
    if bytes.first() == Some(&b'{') && (near(bytes, b"\"host_int\"") || view.port(17_500)) {
        return found("Dropbox", Backup, "Dropbox looks for others on the local network");
    }
    // Resilio: its name, then a dictionary.
    if bytes.starts_with(b"BSYNC\0") {
        return found("Resilio Sync", Download, "Resilio looks for others on the local network");
    }
    if bytes.starts_with(b"Amanda ") && near(bytes, b" HANDLE ") {
        return found("Amanda", Backup, "a request to back up");
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
    fn copies_are_known() {
        check(
            inspect,
            &[
                (Stream, 22_000, "2e a7 d9 0b 00 3b aa*59", "Syncthing download"),
                (Datagram, 21_027, "2e a7 d9 0b 0a 20 aa*32", "Syncthing download"),
                (Datagram, 17_500, "'{' 22 'version' 22 ': [2, 0]}'", "Dropbox backup"),
                (Datagram, 9_000, "'{' 22 'host_int' 22 ': 7}'", "Dropbox backup"),
                (Datagram, 9_000, "'{' 22 'host' 22 ': 7}'", ""),
                (Datagram, 3838, "'BSYNC' 00 'd1:m4:pinge'", "Resilio Sync download"),
                (Stream, 9101, "00 00 00 0f 'Hello *UserAgt*'", "Bacula backup"),
                (Datagram, 10_080, "'Amanda 2.6 REQ HANDLE 000-0008 SEQ 1' 0a", "Amanda backup"),
                (Stream, 10_000, "80 00 00 1c 00*3 01 65*4 00*4 00 00 09 00 00*8", "NDMP backup"),
            ],
        );
    }
}
