//! Names on the segment: mDNS (RFC 6762, RFC 6763), LLMNR (RFC 4795), NetBIOS (RFC 1002).
//!
//! Walked by hand, because devices put odd records into good messages: what comes before an odd record still
//! counts. Nothing is allocated for a count in a header, only for a name that is there.

use super::{Clue, Sighting, Witness, take, usable};
use crate::identity::NameSource;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use vocab::{MacAddress, Timestamp};

// Types of records: RFC 1035, RFC 3596, RFC 2782, RFC 1002.
const A: u16 = 1;
const PTR: u16 = 12;
const TXT: u16 = 16;
const AAAA: u16 = 28;
const NB: u16 = 32;
const SRV: u16 = 33;

/// The most questions and records that we read of one message; real announcements have some twenty.
const MOST_RECORDS: usize = 64;
/// The most pointers that one name may follow.
const MOST_JUMPS: usize = 8;
/// RFC 1035, 2.3.4: the longest name.
const LONGEST_NAME: usize = 255;

type Labels<'a> = Vec<&'a [u8]>;

struct Record<'a> {
    owner: Labels<'a>,
    kind: u16,
    data: &'a [u8],
    /// Where `data` begins in the message: names in it point into the whole.
    data_at: usize,
}

struct Message<'a> {
    bytes: &'a [u8],
    flags: u16,
    first_question: Option<Labels<'a>>,
    records: Vec<Record<'a>>,
}

impl<'a> Message<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Message<'a>> {
        let header = take::<12>(bytes, 0)?;
        let number = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        let mut message = Message { bytes, flags: number(2), first_question: None, records: Vec::new() };
        let mut at = 12;
        for _ in 0..usize::from(number(4)).min(MOST_RECORDS) {
            let Some((name, next)) = name(bytes, at) else { return Some(message) };
            message.first_question.get_or_insert(name);
            at = next + 4;
        }
        let count = [6, 8, 10].map(|at| usize::from(number(at))).iter().sum::<usize>();
        for _ in 0..count.min(MOST_RECORDS) {
            let Some((record, next)) = record(bytes, at) else { break };
            message.records.push(record);
            at = next;
        }
        Some(message)
    }

    fn is_response(&self) -> bool {
        self.flags & 0x8000 != 0
    }

    fn opcode(&self) -> u16 {
        self.flags >> 11 & 15
    }
}

fn record(bytes: &[u8], at: usize) -> Option<(Record<'_>, usize)> {
    let (owner, at) = name(bytes, at)?;
    let kind = u16::from_be_bytes(take(bytes, at)?);
    let length = usize::from(u16::from_be_bytes(take(bytes, at + 8)?));
    let data_at = at + 10;
    let data = bytes.get(data_at..data_at + length)?;
    Some((Record { owner, kind, data, data_at }, data_at + length))
}

/// The labels of the name at `at`, and where it ends there.
fn name(bytes: &[u8], mut at: usize) -> Option<(Labels<'_>, usize)> {
    let mut labels = Vec::new();
    let mut length = 0;
    let mut jumps = 0;
    let mut end = None;
    loop {
        let byte = *bytes.get(at)?;
        match byte >> 6 {
            0 if byte == 0 => return Some((labels, end.unwrap_or(at + 1))),
            0 => {
                let label = bytes.get(at + 1..at + 1 + usize::from(byte))?;
                length += label.len() + 1;
                if length > LONGEST_NAME {
                    return None;
                }
                labels.push(label);
                at += 1 + label.len();
            }
            3 => {
                let target = usize::from(u16::from_be_bytes(take(bytes, at)?) & 0x3fff);
                end.get_or_insert(at + 2);
                jumps += 1;
                if target >= at || jumps > MOST_JUMPS {
                    return None;
                }
                at = target;
            }
            _ => return None,
        }
    }
}

fn address(record: &Record<'_>) -> Option<IpAddr> {
    match record.kind {
        A if record.data.len() == 4 => take::<4>(record.data, 0).map(|octets| Ipv4Addr::from(octets).into()),
        AAAA if record.data.len() == 16 => take::<16>(record.data, 0).map(|octets| Ipv6Addr::from(octets).into()),
        _ => None,
    }
}

pub(super) fn parse_mdns(mac: MacAddress, source: IpAddr, payload: &[u8], at: Timestamp) -> Option<Sighting> {
    let mut sighting = Sighting::of_station(Witness::Mdns, mac, Some(source), at)?;
    let Some(message) = Message::parse(payload).filter(Message::is_response) else { return Some(sighting) };
    match own_name(&message.records, source) {
        Own::Named(labels) => sighting.add_name(NameSource::MdnsHost, labels[0]),
        Own::Unnamed => {}
        // A reflector or a sleep proxy speaks for others: nothing of it is about the sender.
        Own::Foreign => return Some(sighting),
    }
    for record in &message.records {
        let labels = match record.kind {
            PTR => name(message.bytes, record.data_at).map(|(target, _)| target).unwrap_or_default(),
            SRV | TXT => record.owner.clone(),
            _ => continue,
        };
        let Some((instance, service)) = service(&labels) else { continue };
        sighting.add_text(Clue::Service, service.as_bytes());
        if let Some(instance) = instance
            && names_its_device(&service)
        {
            // `AABBCCDDEEFF@Living Room` names the same speaker as `Living Room`.
            let name = instance.split(|byte| *byte == b'@').next_back().unwrap_or(instance);
            sighting.add_name(NameSource::MdnsFriendly, name);
        }
        if record.kind == TXT {
            for (key, value) in entries(record.data) {
                match key.to_ascii_lowercase().as_slice() {
                    b"md" | b"model" | b"am" | b"ty" | b"usb_mdl" | b"product" => {
                        sighting.add_text(Clue::Model, value.trim_ascii());
                    }
                    b"fn" => sighting.add_name(NameSource::MdnsFriendly, value),
                    _ => {}
                }
            }
        }
    }
    Some(sighting)
}

enum Own<'a> {
    Named(Labels<'a>),
    Unnamed,
    Foreign,
}

/// Which of the names in a message is its sender's: the one that has the sender's address.
fn own_name<'a>(records: &[Record<'a>], source: IpAddr) -> Own<'a> {
    let addressed = || records.iter().filter_map(|record| Some((&record.owner, address(record)?)));
    let Some((first, _)) = addressed().next() else { return Own::Unnamed };
    let own = addressed().find(|(_, ip)| *ip == source).map(|(owner, _)| owner).or_else(|| {
        // IPv6 says it over link-local, and of IPv4 only the other family: believed if it is the only name.
        let comparable = addressed().any(|(_, ip)| ip.is_ipv4() == source.is_ipv4() && source.is_ipv4());
        let single = addressed().all(|(owner, _)| owner == first);
        (single && !comparable).then_some(first)
    });
    match own {
        Some(labels) if !labels.is_empty() => Own::Named(labels.clone()),
        _ => Own::Foreign,
    }
}

/// The instance and the service (`_ipp._tcp`) of a name like `Printer._ipp._tcp.local`.
fn service<'a>(labels: &[&'a [u8]]) -> Option<(Option<&'a [u8]>, String)> {
    let at = labels.windows(2).position(|pair| {
        pair[0].first() == Some(&b'_')
            && (pair[1].eq_ignore_ascii_case(b"_tcp") || pair[1].eq_ignore_ascii_case(b"_udp"))
    })?;
    let text = |label: &[u8]| String::from_utf8_lossy(label).to_ascii_lowercase();
    let service = format!("{}.{}", text(labels[at]), text(labels[at + 1]));
    let instance = if at == 1 { Some(labels[0]) } else { None };
    if service == "_dns-sd._udp" { None } else { Some((instance, service)) }
}

/// Services whose instances are named as people name the device; others use serial numbers.
fn names_its_device(service: &str) -> bool {
    matches!(
        service,
        "_airplay._tcp"
            | "_raop._tcp"
            | "_device-info._tcp"
            | "_companion-link._tcp"
            | "_smb._tcp"
            | "_ipp._tcp"
            | "_ipps._tcp"
            | "_hap._tcp"
            | "_workstation._tcp"
            | "_spotify-connect._tcp"
    )
}

/// The entries `key=value` of a TXT record (RFC 6763, 6).
fn entries(mut data: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(*data.first()?);
        let entry = data.get(1..1 + length)?;
        data = &data[1 + length..];
        Some(entry)
    })
    .take(MOST_RECORDS)
    .filter_map(|entry| {
        let at = entry.iter().position(|byte| *byte == b'=')?;
        Some((&entry[..at], &entry[at + 1..]))
    })
}

pub(super) fn parse_llmnr(mac: MacAddress, source: IpAddr, payload: &[u8], at: Timestamp) -> Option<Sighting> {
    let message = Message::parse(payload).filter(Message::is_response)?;
    let mut sighting = Sighting::of_station(Witness::Llmnr, mac, Some(source), at)?;
    // Who answers has the name that was asked for; forward lookups only.
    if let [label] = message.first_question.as_deref()? {
        sighting.add_name(NameSource::Netbios, label);
    }
    Some(sighting)
}

pub(super) fn parse_netbios(mac: MacAddress, source: IpAddr, payload: &[u8], at: Timestamp) -> Option<Sighting> {
    // RFC 1002, 4.2.1.1: registration and the two codes of refresh.
    let message = Message::parse(payload).filter(|message| matches!(message.opcode(), 5 | 8 | 9))?;
    let mut sighting = Sighting::of_station(Witness::Netbios, mac, Some(source), at)?;
    let claim = message.records.iter().find(|record| record.kind == NB)?;
    let claimed = take::<4>(claim.data, 2).map(|octets| IpAddr::from(Ipv4Addr::from(octets)));
    let group = claim.data.first()? & 0x80 != 0;
    if !group
        && claimed.and_then(usable) == usable(source)
        && let [encoded] = message.first_question.as_deref()?
        && let Some((name, suffix @ (0x00 | 0x20))) = netbios_name(encoded)
        && suffix <= 0x20
    {
        sighting.add_name(NameSource::Netbios, &name);
    }
    Some(sighting)
}

/// Fifteen characters and the suffix, each in two letters (RFC 1001, 14.1).
fn netbios_name(encoded: &[u8]) -> Option<(Vec<u8>, u8)> {
    let letters: &[u8; 32] = encoded.try_into().ok()?;
    let mut bytes = Vec::with_capacity(16);
    for pair in letters.chunks_exact(2) {
        let half = |letter: u8| letter.checked_sub(b'A').filter(|half| *half < 16);
        bytes.push(half(pair[0])? << 4 | half(pair[1])?);
    }
    let suffix = bytes.pop()?;
    Some((bytes.trim_ascii_end().to_vec(), suffix))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;
    use simple_dns::rdata::{A as ARecord, PTR as PtrRecord, RData, SRV as SrvRecord, TXT as TxtRecord};
    use simple_dns::{CLASS, Name, Packet, Question, ResourceRecord};

    const MAC: MacAddress = MacAddress([0xa4, 0x5e, 0x60, 0, 0, 1]);

    fn add<'a>(packet: &mut Packet<'a>, owner: &'a str, data: RData<'a>) {
        packet.answers.push(ResourceRecord::new(Name::new_unchecked(owner), CLASS::IN, 120, data));
    }

    fn a(ip: &str) -> RData<'static> {
        RData::A(ARecord { address: ip.parse::<Ipv4Addr>().unwrap().into() })
    }

    pub(in crate::sighting) fn chromecast() -> Vec<u8> {
        let mut packet = Packet::new_reply(0);
        let txt = TxtRecord::new().with_string("md=Chromecast").unwrap().with_string("fn=Living Room TV").unwrap();
        let instance = "Chromecast-1234._googlecast._tcp.local";
        add(&mut packet, "_googlecast._tcp.local", RData::PTR(PtrRecord(Name::new_unchecked(instance))));
        add(&mut packet, instance, RData::TXT(txt));
        let target = Name::new_unchecked("3fc7.local");
        add(&mut packet, instance, RData::SRV(SrvRecord { priority: 0, weight: 0, port: 8009, target }));
        add(&mut packet, "3fc7.local", a("192.168.1.20"));
        packet.build_bytes_vec_compressed().unwrap()
    }

    pub(in crate::sighting) fn printer() -> Vec<u8> {
        let mut packet = Packet::new_reply(0);
        let txt = TxtRecord::new().with_string("ty=HP LaserJet 400").unwrap();
        add(&mut packet, "Office Printer._ipp._tcp.local", RData::TXT(txt));
        packet.build_bytes_vec().unwrap()
    }

    fn question(name: &str) -> Question<'_> {
        Question::new(Name::new_unchecked(name), simple_dns::TYPE::A.into(), CLASS::IN.into(), false)
    }

    pub(in crate::sighting) fn llmnr() -> Vec<u8> {
        let mut packet = Packet::new_reply(7);
        packet.questions.push(question("DESKTOP-7"));
        add(&mut packet, "DESKTOP-7", a("192.168.1.20"));
        packet.build_bytes_vec().unwrap()
    }

    /// A registration of `NAS` as a file server, in the bytes of RFC 1002, 4.2.2.
    pub(in crate::sighting) fn netbios() -> Vec<u8> {
        let mut name = b"NAS            ".to_vec();
        name.push(0x20);
        let encoded: Vec<u8> = name.iter().flat_map(|byte| [b'A' + (byte >> 4), b'A' + (byte & 15)]).collect();
        let head = [0, 1, 0x29, 0x10, 0, 1, 0, 0, 0, 0, 0, 1, 32];
        let record = [0xc0, 12, 0, 32, 0, 1, 0, 4, 0x93, 0xe0, 0, 6, 0, 0, 192, 168, 1, 20];
        [&head[..], &encoded, &[0, 0, 32, 0, 1], &record].concat()
    }

    #[track_caller]
    fn check(port: u16, source: &str, payload: &[u8], clues: &[Clue]) {
        let sighting = Sighting::from_udp(MAC, source.parse().unwrap(), port, port, payload, Timestamp::default());
        assert_eq!(sighting.unwrap().clues, clues);
    }

    fn named(source: NameSource, name: &str) -> Clue {
        Clue::Name(source, name.to_owned())
    }

    #[test]
    fn a_device_announces_its_name_its_services_and_its_model() {
        let clues = [
            named(NameSource::MdnsHost, "3fc7"),
            Clue::Service("_googlecast._tcp".into()),
            Clue::Model("Chromecast".into()),
            named(NameSource::MdnsFriendly, "Living Room TV"),
        ];
        check(5353, "192.168.1.20", &chromecast(), &clues);
        let clues = [
            Clue::Service("_ipp._tcp".into()),
            named(NameSource::MdnsFriendly, "Office Printer"),
            Clue::Model("HP LaserJet 400".into()),
        ];
        check(5353, "192.168.1.9", &printer(), &clues);
    }

    #[test]
    fn what_a_proxy_says_of_others_is_not_about_itself() {
        check(5353, "192.168.1.1", &chromecast(), &[]);
        // The same over IPv6, where the IPv4 address cannot be compared.
        let sighting =
            Sighting::from_udp(MAC, "fe80::1".parse().unwrap(), 5353, 5353, &chromecast(), Timestamp::default());
        assert_eq!(sighting.unwrap().clues.len(), 4);
    }

    #[test]
    fn what_comes_before_an_odd_record_counts() {
        let mut odd = chromecast();
        odd[7] += 1; // one more answer than there is
        odd.extend([0xc0, 0xff, 0, 1]);
        let sighting = Sighting::from_udp(MAC, "192.168.1.20".parse().unwrap(), 5353, 5353, &odd, Timestamp::default());
        assert_eq!(sighting.unwrap().clues.len(), 4);
    }

    #[test]
    fn questions_are_presence_only() {
        let mut packet = Packet::new_query(0);
        packet.questions.push(question("other.local"));
        check(5353, "192.168.1.20", &packet.build_bytes_vec().unwrap(), &[]);
    }

    #[test]
    fn windows_names_are_heard() {
        check(5355, "192.168.1.20", &llmnr(), &[named(NameSource::Netbios, "DESKTOP-7")]);
        check(137, "192.168.1.20", &netbios(), &[named(NameSource::Netbios, "NAS")]);
        check(137, "192.168.1.21", &netbios(), &[]); // claimed for another address
        let mut workgroup = netbios();
        let at = workgroup.len() - 6;
        workgroup[at] = 0x80;
        check(137, "192.168.1.20", &workgroup, &[]);
    }

    #[test]
    fn names_that_point_at_themselves_end() {
        assert!(name(&[0xc0, 0], 0).is_none());
        assert!(name(&[1, b'a', 0xc0, 0], 0).is_none());
        assert_eq!(name(&[1, b'a', 0, 0xc0, 0], 3), Some((vec![&b"a"[..]], 5)));
    }

    proptest! {
        /// What a library reads, we read the same.
        #[test]
        fn names_are_read_as_simple_dns_reads_them(labels in proptest::collection::vec("[a-z]{1,20}", 1..5)) {
            let text = labels.join(".");
            let mut packet = Packet::new_reply(0);
            add(&mut packet, "first.local", a("192.168.1.2"));
            add(&mut packet, &text, a("192.168.1.3"));
            add(&mut packet, &text, a("192.168.1.4"));
            let bytes = packet.build_bytes_vec_compressed().unwrap();
            let message = Message::parse(&bytes).unwrap();
            prop_assert_eq!(message.records.len(), 3);
            let owner: Vec<_> = message.records[2].owner.iter().map(|label| String::from_utf8_lossy(label)).collect();
            prop_assert_eq!(owner.join("."), text);
        }
    }
}
