//! Which operator holds an address block, from `addresses.csv`: the longest prefix that fits, in one search.

use super::{Service, lines};
use vocab::{Address, IpProtocol, TrafficClass};

/// The address blocks; its header says how they are written.
const TABLE: &str = include_str!("addresses.csv");

/// The operator's block, and a port that says which of its services.
const WITH_PORT: u8 = 68;
/// The operator's block alone.
const BLOCK: u8 = 58;

/// Blocks in order of their first address, a wider one before those inside it.
#[derive(Default)]
pub(super) struct Addresses {
    blocks: Vec<Block>,
    /// Where each begins: a search that reads nothing else touches a third of the memory.
    firsts: Vec<u128>,
    rows: Vec<Row>,
}

struct Block {
    first: u128,
    last: u128,
    /// Where the narrowest block stands that holds this one.
    parent: Option<u32>,
    row: u32,
}

struct Row {
    service: Service,
    over: Vec<Over>,
}

/// A transport, and the ports of the block's end.
struct Over {
    /// Any where absent.
    protocol: Option<IpProtocol>,
    ports: std::ops::RangeInclusive<u16>,
}

impl Addresses {
    pub(super) fn new() -> Addresses {
        let mut addresses = Addresses::default();
        for line in lines(TABLE) {
            let (row, ranges) = parse(line).unwrap_or_else(|| panic!("a row of addresses.csv: {line}"));
            let place = addresses.rows.len() as u32;
            addresses.blocks.extend(ranges.map(|range| {
                let (first, last) = bounds(range).unwrap_or_else(|| panic!("a range of addresses.csv: {range}"));
                Block { first, last, parent: None, row: place }
            }));
            addresses.rows.push(row);
        }
        // Of equal blocks the row that comes first in the table is the innermost: it is asked first.
        addresses.blocks.sort_by_key(|block| (block.first, u128::MAX - block.last, u32::MAX - block.row));
        addresses.firsts = addresses.blocks.iter().map(|block| block.first).collect();
        let mut open: Vec<u32> = Vec::new();
        for place in 0..addresses.blocks.len() {
            let first = addresses.blocks[place].first;
            while open.last().is_some_and(|&outer| addresses.blocks[outer as usize].last < first) {
                open.pop();
            }
            addresses.blocks[place].parent = open.last().copied();
            open.push(place as u32);
        }
        addresses
    }

    pub(super) fn find(&self, address: Address, protocol: IpProtocol, port: u16) -> Option<Service> {
        let address = u128::from_be_bytes(address.0);
        let after = self.firsts.partition_point(|&first| first <= address);
        let mut place = after.checked_sub(1);
        // Blocks nest: whatever holds the address is the last that begins before it, or around that one.
        while let Some(block) = place.and_then(|place| self.blocks.get(place)) {
            if address <= block.last
                && let Some(row) = self.rows.get(block.row as usize)
                && row.over.iter().any(|over| over.fits(protocol, port))
            {
                return Some(row.service);
            }
            place = block.parent.map(|parent| parent as usize);
        }
        None
    }
}

impl Over {
    fn fits(&self, protocol: IpProtocol, port: u16) -> bool {
        self.protocol.is_none_or(|own| own == protocol) && self.ports.contains(&port)
    }

    fn parse(text: &str) -> Option<Over> {
        let (protocol, ports) = text.split_once(':').unwrap_or((text, "0-65535"));
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        let protocol = match protocol {
            "any" => None,
            "tcp" => Some(IpProtocol::TCP),
            "udp" => Some(IpProtocol::UDP),
            _ => return None,
        };
        Some(Over { protocol, ports: first.parse().ok()?..=last.parse().ok()? })
    }
}

fn parse(line: &'static str) -> Option<(Row, std::str::Split<'static, char>)> {
    let mut fields = line.split(',');
    let (application, class, over, ranges) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let class: TrafficClass = class.parse().ok()?;
    let confidence = if over.contains(':') { WITH_PORT } else { BLOCK };
    let over = over.split(' ').map(Over::parse).collect::<Option<Vec<Over>>>()?;
    Some((Row { service: Service { application, class, confidence }, over }, ranges.split(' ')))
}

/// The first and the last address of `192.0.2.0/24`; none where bits are set beyond the prefix.
fn bounds(range: &str) -> Option<(u128, u128)> {
    let (ip, length) = range.split_once('/')?;
    let ip: std::net::IpAddr = ip.parse().ok()?;
    let length = length.parse::<u32>().ok()? + if ip.is_ipv4() { 96 } else { 0 };
    let first = u128::from_be_bytes(Address::from(ip).0);
    let rest = u128::MAX.checked_shr(length).unwrap_or(0);
    (length <= 128 && first & rest == 0).then_some((first, first | rest))
}

/// The rows, for the test of the sources.
#[cfg(test)]
pub(super) fn rows() -> impl Iterator<Item = &'static str> {
    lines(TABLE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::TrafficClass::{Backup, Call, Gaming, Interactive, Web, Work};

    fn check(address: &str, over: &str, expected: Option<(&str, TrafficClass)>) {
        let (protocol, port) = over.split_once(':').expect("a transport and a port");
        let protocol = if protocol == "tcp" { IpProtocol::TCP } else { IpProtocol::UDP };
        let address: std::net::IpAddr = address.parse().expect("an address");
        let found = Addresses::new().find(address.into(), protocol, port.parse().expect("a port"));
        assert_eq!(found.map(|service| (service.application, service.class)), expected, "{address} {over}");
    }

    #[test]
    fn a_block_and_a_port_name_the_service() {
        check("170.114.52.2", "udp:8801", Some(("Zoom", Call)));
        check("170.114.52.2", "tcp:443", Some(("Zoom", Web)));
        check("52.113.199.4", "udp:3480", Some(("Microsoft Teams", Call)));
        check("2603:1063::1", "udp:3480", Some(("Microsoft Teams", Call)));
        check("149.154.167.51", "tcp:443", Some(("Telegram", Interactive)));
        check("17.57.146.20", "tcp:5223", Some(("Apple push", Interactive)));
        check("17.253.57.203", "tcp:443", Some(("Apple", Web)));
        check("17.253.57.203", "tcp:9999", None);
        check("155.133.246.50", "udp:27020", Some(("Steam Datagram Relay", Gaming)));
        check("162.125.21.3", "tcp:443", Some(("Dropbox", Backup)));
        check("192.0.2.1", "tcp:443", None);
        check("0.0.0.0", "tcp:443", None);
        check("255.255.255.255", "udp:443", None);
        check("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "udp:443", None);
    }

    #[test]
    fn the_longest_prefix_wins_where_its_transport_fits() {
        check("142.250.82.9", "udp:19305", Some(("Google Meet", Call)));
        check("142.250.82.9", "tcp:443", Some(("Google", Web)));
        check("142.250.184.78", "udp:443", Some(("Google", Web)));
        check("142.250.184.78", "udp:5000", None);
        check("162.159.192.9", "udp:2408", Some(("Cloudflare WARP", Work)));
        check("162.159.192.9", "tcp:443", Some(("Cloudflare", Web)));
        check("8.8.8.8", "tcp:443", Some(("DNS over HTTPS", Interactive)));
        check("8.8.8.9", "tcp:443", None);
    }

    #[test]
    fn every_address_of_a_block_is_found_and_blocks_nest() {
        let addresses = Addresses::new();
        for (place, block) in addresses.blocks.iter().enumerate() {
            let over = &addresses.rows[block.row as usize].over[0];
            let protocol = over.protocol.unwrap_or(IpProtocol::TCP);
            for address in [block.first, block.last] {
                let found = addresses.find(Address(address.to_be_bytes()), protocol, *over.ports.start());
                assert!(found.is_some(), "{:?}", Address(address.to_be_bytes()));
            }
            for other in &addresses.blocks[place + 1..] {
                assert!(other.first > block.last || other.last <= block.last, "prefixes nest or are apart");
            }
        }
    }
}
