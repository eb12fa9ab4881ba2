//! Which service stands behind a server name or an address: tables in CSV, compiled in.
//!
//! `services.csv` says how names are written there; `services/addresses.csv` holds the address blocks of
//! operators, `services/sources.csv` where each row comes from.

mod addresses;

use addresses::Addresses;
use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashSet};
use std::sync::Arc;
use vocab::{Address, IpProtocol, TrafficClass};

/// What a name or an address stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) application: &'static str,
    pub(crate) class: TrafficClass,
    /// How far the table itself can be trusted, in hundredths; where the name was read counts besides.
    pub(crate) confidence: u8,
}

/// A domain that the table lists belongs to the service, whatever stands before it.
const DOMAIN: u8 = 100;
/// A first label is custom, not law.
const LABEL: u8 = 92;
/// The name of a service inside a content network's name: whose content it is, as its customer wrote it.
const TENANT: u8 = 85;
/// A word somewhere in a name that nobody listed.
const TOKEN: u8 = 70;

/// A shorter main label stands in names by chance.
const TENANT_LENGTH: usize = 5;

/// Main labels of listed domains that are ordinary words; its header says why.
const ORDINARY: &str = include_str!("services/ordinary.txt");

/// How many words of a name are tried as tokens: a name of 255 bytes must not cost a hundred lookups.
const TOKENS_TRIED: usize = 12;

/// A row of the table: application and class. Names point to rows, so that the six thousand of them stay small.
type Row = (&'static str, TrafficClass);

/// Which row.
type Place = u16;

/// A listed domain.
#[derive(Clone, Copy, Debug)]
struct Domain {
    row: Place,
    holds: Holds,
}

/// Whose names stand below a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    /// The service's own.
    Own,
    /// Anybody's: a content network or a cloud.
    Others,
}

/// The tables, ready for lookups. Clones share them: build once, give a clone to each worker.
#[derive(Clone)]
pub(crate) struct Services(Arc<Tables>);

#[derive(Default)]
struct Tables {
    rows: Vec<Row>,
    domains: HashMap<&'static str, Domain, RandomState>,
    brands: HashMap<&'static str, Place, RandomState>,
    labels: HashMap<&'static str, Place, RandomState>,
    tokens: HashMap<&'static str, Place, RandomState>,
    /// Main labels of listed domains.
    tenants: HashMap<&'static str, Place, RandomState>,
    addresses: Addresses,
}

impl Services {
    pub(crate) fn new() -> Services {
        let mut tables = Tables { addresses: Addresses::new(), ..Tables::default() };
        tables.domains.reserve(TABLE.len() / 25); // bytes per name, with its share of the row
        let ordinary: HashSet<&str, RandomState> = ORDINARY.lines().skip(1).flat_map(str::split_whitespace).collect();
        let is_tenant = |label: &str| label.len() >= TENANT_LENGTH && !ordinary.contains(label);
        for (application, class, names) in rows() {
            let row = Place::try_from(tables.rows.len()).expect("the table has fewer than 65,536 rows");
            tables.rows.push((application, class));
            for name in names.split(' ') {
                match Name::parse(name) {
                    Name::Domain(domain, holds) => {
                        tables.domains.insert(domain, Domain { row, holds });
                        let label = domain.split('.').next().unwrap_or(domain);
                        if holds == Holds::Own && registered(domain) == 0 && is_tenant(label) {
                            // The table begins with what people use: of equal labels the first is meant.
                            tables.tenants.entry(label).or_insert(row);
                        }
                    }
                    Name::Brand(brand) => {
                        tables.brands.insert(brand, row);
                        if is_tenant(brand) {
                            tables.tenants.entry(brand).or_insert(row);
                        }
                    }
                    Name::Label(label) => {
                        tables.labels.insert(label, row);
                    }
                    Name::Token(token) => {
                        tables.tokens.insert(token, row);
                    }
                }
            }
        }
        Services(Arc::new(tables))
    }

    /// The service of `name` (lower case).
    ///
    /// The longest listed domain decides. Where there is none, or it is only web (the operator's, for anything),
    /// the first label may say more; where there is none, or it holds other people's names, tokens may, and the main
    /// label of another's domain before them.
    pub(crate) fn find(&self, name: &str) -> Option<Service> {
        let tables = &self.0;
        let name = name.trim_end_matches('.');
        let domain = tables.domain(name);
        let listed = domain.and_then(|(domain, _)| tables.service(domain.row, DOMAIN));
        if listed.is_some_and(|service| service.class != TrafficClass::Web) {
            return listed;
        }
        let length = domain.map_or(0, |(_, length)| length);
        let tenant = tables.tenant(name, domain);
        let telling = tenant.filter(|service| service.class != TrafficClass::Web);
        let token = || tables.token(name, domain);
        tables.label(name, length).or(telling).or_else(token).or(tenant).or(listed)
    }

    /// The service at an address of a flow, as its address block says, for that end's `port`: weaker than any
    /// name, stronger than the port alone.
    #[allow(dead_code, reason = "until evidence asks for it")]
    pub(crate) fn by_address(&self, address: Address, protocol: IpProtocol, port: u16) -> Option<Service> {
        self.0.addresses.find(address, protocol, port)
    }
}

impl Tables {
    fn service(&self, row: Place, confidence: u8) -> Option<Service> {
        let &(application, class) = self.rows.get(usize::from(row))?;
        Some(Service { application, class, confidence })
    }

    /// The longest listed domain that holds `name`, and how much of its end it is.
    fn domain(&self, name: &str) -> Option<(Domain, usize)> {
        let dots = Dots::of(name);
        let mut from = 0;
        loop {
            let rest = name.get(from..)?;
            if let Some(&domain) = self.domains.get(rest) {
                return Some((domain, rest.len()));
            }
            if let Some(&row) = dots.brand(name, from).and_then(|brand| self.brands.get(brand)) {
                return Some((Domain { row, holds: Holds::Own }, rest.len()));
            }
            from += memchr::memchr(b'.', rest.as_bytes())? + 1;
        }
    }

    /// What the first label says, in a name of three labels or more (`time.com` is a magazine) of which not all,
    /// `listed` bytes from its end, is listed.
    fn label(&self, name: &str, listed: usize) -> Option<Service> {
        let mut dots = memchr::memchr_iter(b'.', name.as_bytes());
        let first = dots.next()?;
        if name.len() == listed || dots.next().is_none() {
            return None;
        }
        self.service(*self.labels.get(unnumbered(name.get(..first)?))?, LABEL)
    }

    /// The service whose content a content network carries, where its name says so: a label, or a word of one, is
    /// the main label of a listed domain.
    fn tenant(&self, name: &str, domain: Option<(Domain, usize)>) -> Option<Service> {
        let Some((Domain { holds: Holds::Others, .. }, length)) = domain else { return None };
        let before = &name[..name.len() - length];
        let labels = before.split('.').filter(|label| label.len() >= TENANT_LENGTH).take(TOKENS_TRIED);
        let words = words(before).filter(|word| word.len() >= TENANT_LENGTH).take(TOKENS_TRIED);
        self.service(*labels.chain(words).find_map(|word| self.tenants.get(unnumbered(word)))?, TENANT)
    }

    /// What a word of the name says, left of the domain that was registered or rented.
    fn token(&self, name: &str, domain: Option<(Domain, usize)>) -> Option<Service> {
        let end = match domain {
            Some((Domain { holds: Holds::Own, .. }, _)) => return None,
            Some((Domain { holds: Holds::Others, .. }, length)) => name.len() - length,
            None => registered(name),
        };
        let mut words = words(name.get(..end)?).filter(|word| !word.is_empty()).take(TOKENS_TRIED);
        self.service(*words.find_map(|word| self.tokens.get(unnumbered(word)))?, TOKEN)
    }
}

/// What stands between dots, hyphens and underscores.
fn words(name: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(name);
    std::iter::from_fn(move || {
        let name = rest?;
        let end = name.bytes().position(|byte| matches!(byte, b'.' | b'-' | b'_'));
        rest = end.and_then(|end| name.get(end + 1..));
        name.get(..end.unwrap_or(name.len()))
    })
}

/// A label without its number: `ocsp` of `ocsp07`, `doh` of `doh-2`.
fn unnumbered(label: &str) -> &str {
    let end = label.bytes().rposition(|byte| !byte.is_ascii_digit() && byte != b'-').map_or(0, |at| at + 1);
    label.get(..end).unwrap_or(label)
}

/// Where the last dots of a name stand.
struct Dots {
    last: Option<usize>,
    second: Option<usize>,
}

impl Dots {
    fn of(name: &str) -> Dots {
        let mut dots = memchr::memrchr_iter(b'.', name.as_bytes());
        Dots { last: dots.next(), second: dots.next() }
    }

    /// What follows the first byte at `from` without its top-level domain: `google` of `google.de` and of
    /// `google.co.uk`.
    fn brand<'a>(&self, name: &'a str, from: usize) -> Option<&'a str> {
        let last = self.last.filter(|&last| last >= from && name.len() - last <= 4)?;
        let second = self.second.filter(|&second| second >= from && last - second <= 4);
        name.get(from..second.unwrap_or(last))
    }
}

/// Where the domain begins that somebody registered: `example.com`, `example.co.uk`. A guess from lengths does,
/// because tokens are a weak witness anyway.
fn registered(name: &str) -> usize {
    let mut dots = memchr::memrchr_iter(b'.', name.as_bytes());
    let Some(last) = dots.next() else { return 0 };
    let second = dots.next();
    let short = last - second.map_or(0, |second| second + 1) <= 3;
    let before = if name.len() - last == 3 && short { dots.next() } else { second };
    before.unwrap_or(0)
}

/// The names of the services; its header says how they are written.
const TABLE: &str = include_str!("services.csv");

/// A name as the table writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Domain(&'static str, Holds),
    Brand(&'static str),
    Label(&'static str),
    Token(&'static str),
}

impl Name {
    fn parse(name: &'static str) -> Name {
        if let Some(token) = name.strip_prefix('~') {
            Name::Token(token)
        } else if let Some(domain) = name.strip_prefix("*.") {
            Name::Domain(domain, Holds::Others)
        } else if let Some(label) = name.strip_suffix(".*") {
            Name::Label(label)
        } else if let Some(brand) = name.strip_suffix(".tld") {
            Name::Brand(brand)
        } else {
            Name::Domain(name, Holds::Own)
        }
    }
}

/// The lines of a table that are rows: no comments, no header.
fn lines(table: &'static str) -> impl Iterator<Item = &'static str> {
    table.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).skip(1)
}

fn rows() -> impl Iterator<Item = (&'static str, TrafficClass, &'static str)> {
    lines(TABLE).map(|line| {
        let mut fields = line.split(',');
        let mut field = || fields.next().expect("a row of services.csv has four fields");
        let (application, class, names) = (field(), field(), field());
        (application, class.parse().expect("a row of services.csv names a class"), names)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use vocab::TrafficClass::{Backup, Call, Download, Gaming, Interactive, Streaming, Update, Voice, Web, Work};

    const SOURCES: &str = include_str!("services/sources.csv");

    fn check(name: &str, expected: Option<(&str, TrafficClass)>) {
        let found = Services::new().find(name).map(|service| (service.application, service.class));
        assert_eq!(found, expected, "{name}");
    }

    fn check_class(cases: &[(&str, TrafficClass)]) {
        let services = Services::new();
        for &(name, class) in cases {
            assert_eq!(services.find(name).map(|service| service.class), Some(class), "{name}");
        }
    }

    #[test]
    fn the_longest_domain_wins() {
        check("rr3---sn-4g5e6nsz.googlevideo.com", Some(("YouTube", Streaming)));
        check("www.google.com", Some(("Google", Web)));
        check("www.google.co.uk", Some(("Google", Web)));
        check("meet.google.com", Some(("Google Meet", Call)));
        check("music.yandex.kz", Some(("Yandex Music", Streaming)));
        check("notnetflix.com", None);
        check("example.org", None);
        check("", None);
        check(".", None);
        check("...", None);
        check("localhost", None);
        check("192.168.1.70", None);
    }

    #[test]
    fn a_first_label_speaks_where_nobody_is_listed_or_only_the_operator() {
        check("ocsp.example.org", Some(("OCSP", Interactive)));
        check("ocsp07.actalis.it", Some(("OCSP", Interactive)));
        check("imap.example.co.uk", Some(("Mail servers", Work)));
        check("download.microsoft.com", Some(("Download servers", Download)));
        check("doh-2.example.org", Some(("DNS over HTTPS", Interactive)));
        check("vpn3.example.edu", Some(("VPN gateways", Work)));
        check("mqtt.example.net", Some(("IoT platforms", Update)));
        // Listed for another purpose, listed itself, and too short to be a host of its domain.
        check("update.netflix.com", Some(("Netflix", Streaming)));
        check("dns.google", Some(("DNS over HTTPS", Interactive)));
        check("time.com", None);
        check("update.io", None);
    }

    #[test]
    fn a_brand_speaks_inside_content_networks() {
        check("pluralsight.imgix.net", Some(("Pluralsight", Streaming)));
        check("netflix.akamaized.net", Some(("Netflix", Streaming)));
        check("audio5-ak-spotify-com.akamaized.net", Some(("Spotify", Streaming)));
        check("spotify.map.fastly.net", Some(("Spotify", Streaming)));
        check("twitchcdn-eu.akamaized.net", Some(("Twitch", Streaming)));
        check("disney-plus.example.cloudfront.net", Some(("Disney+", Streaming)));
        check("dropbox2.b-cdn.net", Some(("Dropbox", Backup)));
        check("guardian-vod.akamaized.net", Some(("Video", Streaming)));
        check("wikipedia-images.akamaized.net", Some(("Wikipedia", Web)));
        // An ordinary word, a part of a word, a short one, and the content network itself.
        check("signal-weather.akamaized.net", Some(("Akamai", Web)));
        check("notnetflixatall.akamaized.net", Some(("Akamai", Web)));
        check("max.akamaized.net", Some(("Akamai", Web)));
        check("netflix.com.example.org", None);
        // What is listed is believed first.
        check("netflix.spotify.map.fastly.net", Some(("Spotify", Streaming)));
        check("netflix.youtube.com", Some(("YouTube", Streaming)));
    }

    #[test]
    fn a_token_speaks_inside_content_networks_and_of_nobody_s_names() {
        check("vod-progressive.akamaized.net", Some(("Video", Streaming)));
        check("channel4-hls-live01.akamaized.net", Some(("Video", Streaming)));
        check("backup-eu.s3.amazonaws.com", Some(("Backup", Backup)));
        check("eu-turn12.example.com", Some(("Calls", Call)));
        check("sip-lb.example.co.uk", Some(("Telephony", Voice)));
        check("a1234.dscb.akamai.net", Some(("Akamai", Web)));
        // Not of the registered domain itself, not a part of a word, and never against a listed domain.
        check("video.com", None);
        check("backup.co.uk", None);
        check("evoded.example.com", None);
        let services = Services::new();
        for (application, class, names) in rows() {
            for name in names.split(' ') {
                if let Name::Domain(domain, Holds::Own) = Name::parse(name) {
                    let below = services.find(&format!("eu-vod-backup-sip.{domain}"));
                    assert_eq!(below.map(|service| (service.application, service.class)), Some((application, class)));
                }
            }
        }
        assert!(services.find("x-vod.example.com").is_some_and(|service| service.confidence < 75));
    }

    #[test]
    fn the_household_of_the_lab_is_known() {
        check_class(&[
            ("ipv4-c001-fra001-ix.1.oca.nflxvideo.net", Streaming),
            ("releases.ubuntu.com", Download),
            ("f001.backblazeb2.com", Backup),
            ("archive.ubuntu.com", Update),
        ]);
    }

    #[test]
    fn what_crosses_a_name_decides_not_whose_it_is() {
        check_class(&[
            ("www.apple.com", Web),
            ("swcdn.apple.com", Update),
            ("1-courier.push.apple.com", Interactive),
            ("p42-content.icloud.com", Backup),
            ("mask-h2.icloud.com", Work),
            ("imap.mail.me.com", Work),
            ("hls.itunes.apple.com", Streaming),
            ("www.microsoft.com", Web),
            ("2.tlu.dl.delivery.mp.microsoft.com", Update),
            ("contoso-my.sharepoint.com", Backup),
            ("outlook.office365.com", Work),
            ("teams.microsoft.com", Call),
            ("web.whatsapp.com", Interactive),
            ("media-fra3-1.cdn.whatsapp.net", Download),
            ("scontent.xx.fbcdn.net", Web),
            ("rupload.facebook.com", Backup),
            ("store.steampowered.com", Web),
            ("cache1-fra2.steamcontent.com", Download),
            ("www.amazon.co.jp", Web),
            ("atv-ps-eu.amazon.com", Streaming),
            ("s3.eu-west-1.amazonaws.com", Web),
            ("a2xyz-ats.iot.eu-west-1.amazonaws.com", Update),
            ("github.com", Web),
            ("objects.githubusercontent.com", Download),
            ("eu-west.ds.on.epicgames.com", Gaming),
            ("sip.twilio.com", Voice),
        ]);
    }

    #[test]
    fn no_name_stands_in_two_rows_and_every_row_has_a_known_source() {
        let sources: BTreeSet<&str> = lines(SOURCES).filter_map(|line| Some(line.split_once(',')?.0)).collect();
        let mut seen = BTreeSet::new();
        for (application, _, names) in rows() {
            for name in names.split(' ') {
                assert!(seen.insert(name.trim_start_matches("*.")), "{application}: {name} stands twice");
                assert_eq!(name, name.to_ascii_lowercase());
                assert!(!name.is_empty() && !name.starts_with('.'), "{application}: {name:?}");
            }
        }
        let mut used: BTreeSet<&str> = BTreeSet::new();
        for line in lines(TABLE) {
            let fields: Vec<&str> = line.split(',').collect();
            let &[.., source] = fields.as_slice() else { panic!("{line}") };
            assert!(fields.len() == 4 && sources.contains(source), "{line}");
            used.insert(source);
        }
        for line in addresses::rows() {
            let source = line.rsplit(',').next().unwrap_or_default();
            let numbered = source.strip_prefix("AS").is_some_and(|number| number.parse::<u32>().is_ok());
            assert!(numbered || sources.contains(source), "{line}");
            used.insert(source);
        }
        assert!(sources.is_subset(&used), "{:?} stand in no row", sources.difference(&used).collect::<Vec<_>>());
    }
}
