//! DHCP for IPv4 (RFC 2131, RFC 2132): what a device is called, which address it gets.

use super::{Clue, Sighting, Witness, take, usable};
use crate::identity::NameSource;
use std::net::{IpAddr, Ipv4Addr};
use vocab::{MacAddress, Timestamp};

/// Hardware type Ethernet, addresses of 6 bytes.
const ETHERNET: [u8; 2] = [1, 6];
/// What precedes the options (RFC 2131, 3).
const MAGIC_COOKIE: [u8; 4] = [99, 130, 83, 99];

// Message types: RFC 2132, 9.6.
const DISCOVER: u8 = 1;
const REQUEST: u8 = 3;
const ACK: u8 = 5;
const INFORM: u8 = 8;

// Options: RFC 2132, RFC 4702.
const PAD: u8 = 0;
const HOST_NAME: u8 = 12;
const REQUESTED_ADDRESS: u8 = 50;
const MESSAGE_TYPE: u8 = 53;
const PARAMETER_REQUEST_LIST: u8 = 55;
const VENDOR_CLASS: u8 = 60;
const FULL_NAME: u8 = 81;
const END: u8 = 255;

/// The most of option 55 that we keep.
const MOST_REQUESTED: usize = 64;

pub(super) fn parse(payload: &[u8], at: Timestamp) -> Option<Sighting> {
    if take::<2>(payload, 1)? != ETHERNET || take(payload, 236)? != MAGIC_COOKIE {
        return None;
    }
    let in_use = Ipv4Addr::from(take::<4>(payload, 12)?);
    let given = Ipv4Addr::from(take::<4>(payload, 16)?);
    let mut sighting = Sighting::of_station(Witness::Dhcp, MacAddress(take(payload, 28)?), None, at)?;
    let mut kind = None;
    let mut requested = None;
    for (code, value) in options(&payload[240..]) {
        match code {
            MESSAGE_TYPE => kind = value.first().copied(),
            REQUESTED_ADDRESS => requested = take(value, 0).map(Ipv4Addr::from),
            HOST_NAME => sighting.add_name(NameSource::Dhcp, value),
            FULL_NAME => sighting.add_name(NameSource::Dhcp, first_label(value)),
            VENDOR_CLASS => sighting.add_text(Clue::VendorClass, value),
            PARAMETER_REQUEST_LIST if !value.is_empty() => {
                sighting.add(Clue::RequestedOptions(value[..value.len().min(MOST_REQUESTED)].to_vec()));
            }
            _ => {}
        }
    }
    let address = match kind? {
        // What it asks for now is a wish.
        DISCOVER => None,
        REQUEST => Some(requested.unwrap_or(in_use)),
        INFORM => Some(in_use),
        // The options of an answer are the server's words: only the address in it is the device's.
        ACK => {
            sighting.clues.clear();
            Some(given)
        }
        _ => return None,
    };
    sighting.address = address.and_then(|ip| usable(IpAddr::V4(ip)));
    Some(sighting)
}

/// The options of a message, up to the first that is cut off.
fn options(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        while bytes.first() == Some(&PAD) {
            bytes = &bytes[1..];
        }
        let code = *bytes.first().filter(|code| **code != END)?;
        let length = usize::from(*bytes.get(1)?);
        let value = bytes.get(2..2 + length)?;
        bytes = &bytes[2 + length..];
        Some((code, value))
    })
}

/// The device's own part of option 81: after flags and two obsolete codes, the name up to its domain, as text or
/// in the encoding of DNS (flag E, RFC 4702, 2.1).
fn first_label(value: &[u8]) -> &[u8] {
    let Some((head, name)) = value.split_at_checked(3) else { return &[] };
    match name.split_first() {
        Some((length, labels)) if head[0] & 4 != 0 => labels.get(..usize::from(*length)).unwrap_or_default(),
        _ => name.split(|byte| *byte == b'.').next().unwrap_or_default(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn message(kind: u8, ciaddr: [u8; 4], yiaddr: [u8; 4], options: &[u8]) -> Vec<u8> {
        let operation = if kind == ACK { 2 } else { 1 };
        let head = [&[operation, 1, 6, 0, 1, 2, 3, 4, 0, 0, 0, 0], &ciaddr[..], &yiaddr, &[0; 8]].concat();
        let mac = [0xa4, 0x5e, 0x60, 0, 0, 1];
        [&head, &mac[..], &[0; 10 + 64 + 128], &[99, 130, 83, 99, 53, 1, kind], options, &[255]].concat()
    }

    pub(in crate::sighting) fn request() -> Vec<u8> {
        let options = [
            &[50, 4, 192, 168, 1, 20, 12, 12][..],
            b"Annas-iPhone",
            &[60, 9],
            b"dhcpcd-10",
            &[55, 6, 1, 3, 6, 15, 119, 252],
        ];
        message(REQUEST, [0; 4], [0; 4], &options.concat())
    }

    #[track_caller]
    fn check(message: &[u8], seen: Option<(Option<&str>, &[Clue])>) {
        let sighting = super::parse(message, Timestamp::default());
        let seen = seen.map(|(ip, clues)| (ip.map(|ip| ip.parse().unwrap()), clues.to_vec()));
        assert_eq!(sighting.map(|s| (s.address, s.clues)), seen);
    }

    fn name(name: &str) -> Clue {
        Clue::Name(NameSource::Dhcp, name.to_owned())
    }

    #[test]
    fn a_request_names_the_device_and_its_address() {
        let options = Clue::RequestedOptions(vec![1, 3, 6, 15, 119, 252]);
        let clues = [name("Annas-iPhone"), Clue::VendorClass("dhcpcd-10".into()), options];
        check(&request(), Some((Some("192.168.1.20"), &clues)));
    }

    #[test]
    fn a_wish_is_no_address_and_an_answer_has_no_clues() {
        check(&message(DISCOVER, [0; 4], [0; 4], &[50, 4, 192, 168, 1, 20]), Some((None, &[])));
        check(&message(ACK, [0; 4], [192, 168, 1, 20], b"\x0c\x06router"), Some((Some("192.168.1.20"), &[])));
        check(&message(REQUEST, [10, 0, 0, 9], [0; 4], &[]), Some((Some("10.0.0.9"), &[]))); // renewing
        check(&message(2, [0; 4], [192, 168, 1, 20], &[]), None); // an offer
    }

    #[test]
    fn a_full_name_is_cut_at_its_domain() {
        check(&message(DISCOVER, [0; 4], [0; 4], b"\x51\x0f\x00\x00\x00desk.example"), Some((None, &[name("desk")])));
        check(&message(DISCOVER, [0; 4], [0; 4], b"\x51\x08\x04\x00\x00\x04desk"), Some((None, &[name("desk")])));
    }

    #[test]
    fn nonsense_is_no_device() {
        check(&[], None);
        check(&[0xff; 240], None); // a length of 255 for a field of 16
        check(&message(REQUEST, [0; 4], [0; 4], &[])[..239], None);
        let mut group = request();
        group[28] = 0xff;
        check(&group, None);
    }
}
