//! Packs the IEEE tables of prefixes into the blob that `devices::vendor` searches.
//!
//! `cargo run --manifest-path crates/devices/tools/oui/Cargo.toml -- crates/devices/data/vendors.bin`
//!
//! The format is described in `crates/devices/src/oui.rs`, beside the code that reads it.

use std::collections::{BTreeMap, BTreeSet};

/// A name fits behind one byte of length, and behind the 64 characters we show.
const LONGEST_NAME: usize = 64;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: pack-oui OUTPUT")?;
    let mut tables: [BTreeMap<u64, String>; 3] = Default::default();
    for entry in oui_data::OUI_ENTRIES.values() {
        let name = clean(entry.organization());
        // Not makers: blocks that are divided further, and owners who do not want to be named.
        if name.is_empty() || name == "IEEE Registration Authority" || name == "Private" {
            continue;
        }
        let prefix = u64::from_str_radix(entry.oui(), 16)?;
        let table = match entry.oui().len() {
            6 => 0,
            7 => 1,
            9 => 2,
            digits => return Err(format!("{}: {digits} digits", entry.oui()).into()),
        };
        // Company ids carry the bit of locally administered addresses, which have no maker for us.
        let local = (prefix >> [16, 20, 28][table]) & 2 != 0;
        if !local {
            tables[table].insert(prefix, name);
        }
    }

    let mut names = Vec::new();
    let mut offsets = BTreeMap::new();
    for name in tables.iter().flat_map(|table| table.values()).collect::<BTreeSet<_>>() {
        offsets.insert(name.clone(), names.len() as u32);
        names.push(name.len() as u8);
        names.extend_from_slice(name.as_bytes());
    }

    let mut blob = b"OUI1".to_vec();
    for table in &tables {
        blob.extend_from_slice(&(table.len() as u32).to_be_bytes());
    }
    for (table, bytes) in tables.iter().zip([3, 4, 5]) {
        for (prefix, name) in table {
            // Left-aligned in whole bytes, so that a 28-bit prefix is four bytes with a zero nibble at the end.
            let shift = bytes * 8 - [24, 28, 36][bytes - 3];
            blob.extend_from_slice(&(prefix << shift).to_be_bytes()[8 - bytes..]);
            blob.extend_from_slice(&offsets[name].to_be_bytes()[1..]);
        }
    }
    blob.extend_from_slice(&names);
    std::fs::write(&path, &blob)?;
    let counts = tables.map(|table| table.len());
    println!("{path}: {} bytes, {counts:?} prefixes of 24, 28 and 36 bits, {} names", blob.len(), offsets.len());
    Ok(())
}

fn clean(name: &str) -> String {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut end = name.len().min(LONGEST_NAME);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name[..end].trim().to_owned()
}
