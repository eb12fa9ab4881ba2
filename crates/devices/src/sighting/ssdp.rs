//! SSDP (UPnP Device Architecture 2.0, 1): what a device offers and what its software is called.

use super::{Clue, Sighting, Witness};
use vocab::{MacAddress, Timestamp};

/// The most lines of one message that we read.
const MOST_LINES: usize = 40;

pub(super) fn parse(mac: MacAddress, ip: std::net::IpAddr, payload: &[u8], at: Timestamp) -> Option<Sighting> {
    let mut lines = payload.split(|byte| *byte == b'\n').take(MOST_LINES);
    let start = lines.next()?;
    let offers = start.starts_with(b"NOTIFY ") || start.starts_with(b"HTTP/1.");
    if !offers && !start.starts_with(b"M-SEARCH ") {
        return None;
    }
    let mut sighting = Sighting::of_station(Witness::Ssdp, mac, Some(ip), at)?;
    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
        match name.to_ascii_lowercase().as_slice() {
            b"server" if offers => sighting.add_text(Clue::Server, value),
            // Who searches says only what it is itself; what it searches for is somebody else.
            b"user-agent" => sighting.add_text(Clue::Server, value),
            b"usn" | b"nt" | b"st" if offers => {
                if let Some(kind) = upnp_type(value) {
                    sighting.add_text(Clue::UpnpType, kind);
                }
            }
            _ => {}
        }
    }
    Some(sighting)
}

/// `MediaRenderer` of `uuid:…::urn:schemas-upnp-org:device:MediaRenderer:1`.
fn upnp_type(value: &[u8]) -> Option<&[u8]> {
    let at = value.windows(4).position(|bytes| bytes.eq_ignore_ascii_case(b"urn:"))?;
    let mut parts = value[at + 4..].split(|byte| *byte == b':').skip(1);
    let category = parts.next()?;
    let named = category.eq_ignore_ascii_case(b"device") || category.eq_ignore_ascii_case(b"service");
    if named { parts.next() } else { None }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::sighting) fn hue() -> &'static [u8] {
        b"NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nNTS: ssdp:alive\r\n\
          SERVER: Hue/1.0 UPnP/1.0 IpBridge/1.56.0\r\nNT: urn:schemas-upnp-org:device:basic:1\r\n\
          USN: uuid:2f402f80::urn:schemas-upnp-org:device:basic:1\r\n\r\n"
    }

    #[track_caller]
    fn check(payload: &[u8], clues: Option<&[Clue]>) {
        let mac = MacAddress([0, 0x17, 0x88, 0, 0, 1]);
        let sighting = parse(mac, "192.168.1.9".parse().unwrap(), payload, Timestamp::default());
        assert_eq!(sighting.map(|s| s.clues).as_deref(), clues);
    }

    #[test]
    fn what_a_device_offers_is_heard_and_what_it_seeks_is_not() {
        let hue_clues = [Clue::Server("Hue/1.0 UPnP/1.0 IpBridge/1.56.0".into()), Clue::UpnpType("basic".into())];
        check(hue(), Some(&hue_clues));
        let renderer = b"HTTP/1.1 200 OK\nst: urn:schemas-upnp-org:service:AVTransport:1\n";
        check(renderer, Some(&[Clue::UpnpType("AVTransport".into())]));
        let search =
            b"M-SEARCH * HTTP/1.1\r\nST: urn:dial-multiscreen-org:service:dial:1\r\nUSER-AGENT: Chromium/126 Linux\r\n";
        check(search, Some(&[Clue::Server("Chromium/126 Linux".into())]));
        check(b"GET / HTTP/1.1\r\n\r\n", None);
        check(b"", None);
    }
}
