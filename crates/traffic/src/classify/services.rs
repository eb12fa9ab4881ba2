//! Which service stands behind a server name: a table of names, compiled in from `services.csv`.

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use vocab::TrafficClass;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) application: &'static str,
    pub(crate) class: TrafficClass,
}

/// One row per service: `application,class,names,source`. A name is a domain with all below it
/// (`netflix.com`), a first label with anything behind it (`ocsp.*`), or a brand under any top-level domain
/// (`google.tld`).
const TABLE: &str = include_str!("services.csv");

/// The table, ready for lookups.
pub(crate) struct Services {
    domains: HashMap<&'static str, Service, RandomState>,
    labels: HashMap<&'static str, Service, RandomState>,
    brands: HashMap<&'static str, Service, RandomState>,
}

impl Services {
    pub(crate) fn new() -> Services {
        let mut services =
            Services { domains: HashMap::default(), labels: HashMap::default(), brands: HashMap::default() };
        for (application, class, names) in rows() {
            for name in names.split(' ').filter(|name| !name.is_empty()) {
                let service = Service { application, class };
                match (name.strip_suffix(".*"), name.strip_suffix(".tld")) {
                    (Some(label), _) => services.labels.insert(label, service),
                    (_, Some(brand)) => services.brands.insert(brand, service),
                    (None, None) => services.domains.insert(name, service),
                };
            }
        }
        services
    }

    /// The service of `name` (lower case): the longest domain of the table that holds it, else its first label.
    pub(crate) fn find(&self, name: &str) -> Option<Service> {
        let mut rest = name.trim_end_matches('.');
        let first = rest.split('.').next().unwrap_or(rest);
        loop {
            let known = self.domains.get(rest).or_else(|| self.brands.get(brand(rest)?));
            if let Some(&service) = known {
                return Some(service);
            }
            match rest.split_once('.') {
                Some((_, parent)) => rest = parent,
                None => return self.labels.get(first).copied(),
            }
        }
    }
}

/// A name without its top-level domain: `google` of `google.de` and of `google.co.uk`.
fn brand(name: &str) -> Option<&str> {
    let (rest, top) = name.rsplit_once('.')?;
    if top.len() > 3 {
        return None;
    }
    match rest.rsplit_once('.') {
        Some((brand, second)) if second.len() <= 3 => Some(brand),
        _ => Some(rest),
    }
}

fn rows() -> impl Iterator<Item = (&'static str, TrafficClass, &'static str)> {
    TABLE.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).skip(1).map(|line| {
        let mut fields = line.splitn(4, ',');
        let mut field = || fields.next().expect("a row of services.csv has four fields");
        let (application, class, names) = (field(), field(), field());
        (application, class.parse().expect("a row of services.csv names a class"), names)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, expected: Option<(&str, TrafficClass)>) {
        let found = Services::new().find(name).map(|service| (service.application, service.class));
        assert_eq!(found, expected, "{name}");
    }

    #[test]
    fn the_longest_domain_wins() {
        check("rr3---sn-4g5e6nsz.googlevideo.com", Some(("YouTube", TrafficClass::Streaming)));
        check("www.google.com", Some(("Google", TrafficClass::Web)));
        check("meet.google.com", Some(("Google Meet", TrafficClass::Call)));
        check("ocsp.example.org", Some(("OCSP", TrafficClass::Interactive)));
        check("notnetflix.com", None);
        check("", None);
        check(".", None);
    }

    #[test]
    fn the_household_of_the_lab_is_known() {
        for (name, class) in [
            ("ipv4-c001-fra001-ix.1.oca.nflxvideo.net", TrafficClass::Streaming),
            ("releases.ubuntu.com", TrafficClass::Download),
            ("f001.backblazeb2.com", TrafficClass::Backup),
            ("archive.ubuntu.com", TrafficClass::Update),
        ] {
            assert_eq!(Services::new().find(name).map(|service| service.class), Some(class), "{name}");
        }
    }

    #[test]
    fn no_name_stands_in_two_rows_and_every_row_has_a_source() {
        let mut seen = std::collections::BTreeSet::new();
        for (application, _, names) in rows() {
            for name in names.split(' ') {
                assert!(seen.insert(name), "{application}: {name} stands twice");
                assert_eq!(name, name.to_ascii_lowercase());
            }
        }
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            assert!(line.splitn(4, ',').nth(3).is_some_and(|source| !source.is_empty()), "{line}");
        }
    }
}
