//! Who made a device, by the prefix of its MAC address.
//!
//! `data/vendors.bin` is written by `tools/oui` from the registries of the IEEE (MA-L, MA-M, MA-S, IAB) and
//! searched where it lies, without a copy. Its format, big-endian: `OUI1`; the number of prefixes of 24, 28
//! and 36 bits, four bytes each; the three tables, each sorted, of the prefix (left-aligned in 3, 4, 5 bytes)
//! and the offset of its owner's name (3 bytes); then the names, each behind a byte of length.

use vocab::MacAddress;

static BLOB: &[u8] = include_bytes!("../data/vendors.bin");

/// Bytes before the first table: the mark and three counts.
const HEADER: usize = 16;
/// Bytes of each table's prefixes.
const WIDTHS: [usize; 3] = [3, 4, 5];
/// Bytes of the offset of a name.
const OFFSET: usize = 3;

/// Who the IEEE gave the prefix of `mac` to: its maker or its maker's supplier.
///
/// `None` for unknown prefixes, for owners who did not want to be named, for groups, and for addresses that
/// the device made up (locally administered).
pub fn vendor(mac: MacAddress) -> Option<&'static str> {
    if mac.is_local() || !mac.is_unicast() {
        return None;
    }
    let [a, b, c, d, e, _] = mac.0;
    let counts = [4, 8, 12].map(|at| read(BLOB, at, 4));
    let sizes = [0, 1, 2].map(|table| counts[table] * (WIDTHS[table] + OFFSET));
    let names = &BLOB[HEADER + sizes.iter().sum::<usize>()..];
    // The longest prefix knows best: blocks of 24 bits are divided among many owners.
    let prefixes: [(usize, [u8; 5]); 3] =
        [(2, [a, b, c, d, e & 0xf0]), (1, [a, b, c, d & 0xf0, 0]), (0, [a, b, c, 0, 0])];
    prefixes.into_iter().find_map(|(table, prefix)| {
        let start = HEADER + sizes[..table].iter().sum::<usize>();
        let width = WIDTHS[table];
        let rows = &BLOB[start..start + sizes[table]];
        let offset = find(rows, width, &prefix[..width])?;
        let length = usize::from(names[offset]);
        std::str::from_utf8(&names[offset + 1..offset + 1 + length]).ok()
    })
}

/// The offset of the name in the row of `prefix`.
fn find(rows: &[u8], width: usize, prefix: &[u8]) -> Option<usize> {
    let row = width + OFFSET;
    let (mut low, mut high) = (0, rows.len() / row);
    while low < high {
        let middle = (low + high) / 2;
        match rows[middle * row..middle * row + width].cmp(prefix) {
            std::cmp::Ordering::Equal => return Some(read(rows, middle * row + width, OFFSET)),
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
        }
    }
    None
}

fn read(bytes: &[u8], at: usize, width: usize) -> usize {
    bytes[at..at + width].iter().fold(0, |value, byte| value << 8 | usize::from(*byte))
}

/// The words by which people know a vendor: `Apple` for `Apple, Inc.`.
pub fn short_vendor(vendor: &str) -> &str {
    let head = vendor.split([',', '(']).next().unwrap_or(vendor).trim();
    let mut kept = head;
    while let Some((rest, last)) = kept.rsplit_once(' ') {
        let last = last.trim_end_matches('.').to_ascii_lowercase();
        let legal = matches!(
            last.as_str(),
            "inc"
                | "ltd"
                | "llc"
                | "co"
                | "corp"
                | "corporation"
                | "gmbh"
                | "ag"
                | "company"
                | "limited"
                | "s.a"
                | "bv"
                | "ab"
                | "oy"
        ) || last.starts_with("co.");
        if !legal {
            break;
        }
        kept = rest.trim();
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(mac: &str, name: Option<&str>) {
        assert_eq!(vendor(mac.parse().unwrap()), name, "{mac}");
    }

    #[test]
    fn vendors_are_found_by_the_longest_prefix() {
        check("a4:5e:60:00:00:01", Some("Apple, Inc."));
        check("00:00:00:00:00:01", Some("XEROX CORPORATION"));
        check("b8:27:eb:12:34:56", Some("Raspberry Pi Foundation"));
        // 28 bits: a block of b8:4c:87 that belongs to IEEE as a whole.
        check("b8:4c:87:9f:00:01", Some("Airgain Inc."));
        // 36 bits: a block of 8c:1f:64.
        check("8c:1f:64:9b:9f:ff", Some("QUERCUS TECHNOLOGIES, S.L."));
        // The old individual blocks.
        check("40:d8:55:0d:70:01", Some("Avant Technologies"));
    }

    #[test]
    fn nobody_made_these() {
        check("b8:4c:87:ff:00:01", None); // an IEEE block without an owner
        check("da:a1:19:00:00:01", None); // made up by the device, though the prefix is registered
        check("01:00:5e:00:00:fb", None); // a group
        check("00:00:00:00:00:00", None); // nobody
    }

    #[test]
    fn vendors_are_called_what_people_call_them() {
        for (full, short) in [
            ("Apple, Inc.", "Apple"),
            ("Samsung Electronics Co.,Ltd", "Samsung Electronics"),
            (
                "AVM Audiovisuelles Marketing und Computersysteme GmbH",
                "AVM Audiovisuelles Marketing und Computersysteme",
            ),
            ("Raspberry Pi Trading Ltd", "Raspberry Pi Trading"),
            ("Ltd", "Ltd"),
            ("", ""),
        ] {
            assert_eq!(short_vendor(full), short);
        }
    }

    proptest! {
        #[test]
        fn every_address_is_answered(bytes: [u8; 6]) {
            if let Some(name) = vendor(MacAddress(bytes)) {
                prop_assert!(!name.is_empty() && name != "Private" && name != "IEEE Registration Authority");
            }
        }
    }
}
