//! What kind of thing a device is, from what it says about itself.
//!
//! Every rule that matches adds its points to a kind; the kind with the most wins, if it has enough. The rules
//! are rows in `rules/`. Any clue can be forged, so a kind is for display and for suggestions, never for trust.

use crate::rules::{Place, RULES};
use crate::{Clue, NameSource};

/// What kind of thing a device is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A telephone that people carry.
    Phone,
    /// A tablet.
    Tablet,
    /// A computer that people carry.
    Laptop,
    /// A computer that stays, or one of which only the system is known.
    Computer,
    /// A television, or a stick or box that plays on one.
    Tv,
    /// A loudspeaker, with or without an assistant.
    Speaker,
    /// A printer or scanner.
    Printer,
    /// A camera or door bell.
    Camera,
    /// A game console.
    Console,
    /// A file server.
    Nas,
    /// A server, or a small computer used as one.
    Server,
    /// A router, access point or switch.
    Network,
    /// A thing of the house: light, plug, thermostat, appliance, hub, toy.
    Iot,
    /// Not (yet) known.
    #[default]
    Unknown,
}

impl Kind {
    /// All, unknown last.
    pub const ALL: [Kind; 14] = [
        Kind::Phone,
        Kind::Tablet,
        Kind::Laptop,
        Kind::Computer,
        Kind::Tv,
        Kind::Speaker,
        Kind::Printer,
        Kind::Camera,
        Kind::Console,
        Kind::Nas,
        Kind::Server,
        Kind::Network,
        Kind::Iot,
        Kind::Unknown,
    ];

    /// Its word in the API and in files; empty if unknown.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Phone => "phone",
            Kind::Tablet => "tablet",
            Kind::Laptop => "laptop",
            Kind::Computer => "computer",
            Kind::Tv => "tv",
            Kind::Speaker => "speaker",
            Kind::Printer => "printer",
            Kind::Camera => "camera",
            Kind::Console => "console",
            Kind::Nas => "nas",
            Kind::Server => "server",
            Kind::Network => "network",
            Kind::Iot => "iot",
            Kind::Unknown => "",
        }
    }

    /// The kind called `word`.
    pub fn from_name(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == word)
    }
}

/// A kind, and how it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recognition {
    /// What kind.
    pub kind: Kind,
    /// The points of that kind: 1 is a hint, 10 is nearly certain.
    pub points: u16,
    /// The patterns that spoke for it, the strongest first: `_ipp.`, `router advertisement`.
    pub evidence: Vec<&'static str>,
}

/// Below this nothing is said: a vendor alone that makes mostly one thing has 2.
const ENOUGH: u16 = 2;

/// What kind of thing a device of `vendor` (empty if unknown) is that gave these clues.
pub fn recognise(vendor: &str, clues: &[Clue]) -> Recognition {
    let vendor = vendor.to_lowercase();
    let said: Vec<(Place, String)> = clues.iter().filter_map(place).collect();
    let is_router = clues.contains(&Clue::Router);
    let mut points = [0u16; Kind::ALL.len()];
    let mut matched = Vec::new();
    for rule in RULES.iter().flat_map(|rules| rules.iter()) {
        let hit = match rule.place {
            Place::Vendor => found(&vendor, rule.pattern),
            place => said.iter().any(|(said, text)| *said == place && found(text, rule.pattern)),
        };
        if hit {
            points[rule.kind as usize] += u16::from(rule.points);
            matched.push(rule);
        }
    }
    if is_router {
        points[Kind::Network as usize] += 8;
    }
    // The earlier kind wins a tie: the personal one, which people mind most.
    let best = Kind::ALL.into_iter().rev().max_by_key(|kind| points[*kind as usize]).unwrap_or_default();
    if points[best as usize] < ENOUGH {
        return Recognition::default();
    }
    matched.retain(|rule| rule.kind == best);
    matched.sort_by_key(|rule| std::cmp::Reverse(rule.points));
    let mut evidence: Vec<&str> = matched.iter().map(|rule| rule.pattern).collect();
    if is_router && best == Kind::Network {
        evidence.insert(0, "router advertisement");
    }
    Recognition { kind: best, points: points[best as usize], evidence }
}

fn place(clue: &Clue) -> Option<(Place, String)> {
    let (place, text) = match clue {
        Clue::Name(NameSource::Operator | NameSource::Maker | NameSource::Address, _) => return None,
        Clue::Name(_, text) => (Place::Name, text),
        Clue::VendorClass(text) => (Place::VendorClass, text),
        Clue::Service(text) => (Place::Service, text),
        Clue::Model(text) => (Place::Model, text),
        Clue::Server(text) | Clue::UpnpType(text) => (Place::Upnp, text),
        Clue::RequestedOptions(_) | Clue::Router => return None,
    };
    Some((place, text.to_lowercase()))
}

/// Whether `text` has `pattern` at the start of a word: `tv` is in `lg-tv` and not in `activity`.
fn found(text: &str, pattern: &str) -> bool {
    text.match_indices(pattern)
        .any(|(at, _)| !text[..at].chars().next_back().is_some_and(|before| before.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(vendor: &str, clues: &[(Place, &str)], kind: Kind) {
        let clues: Vec<Clue> = clues.iter().map(|(place, text)| clue(*place, text)).collect();
        let recognition = recognise(vendor, &clues);
        assert_eq!(recognition.kind, kind, "{vendor} {clues:?}: {recognition:?}");
    }

    fn clue(place: Place, text: &str) -> Clue {
        let text = text.to_owned();
        match place {
            Place::Name => Clue::Name(NameSource::Dhcp, text),
            Place::VendorClass => Clue::VendorClass(text),
            Place::Service => Clue::Service(text),
            Place::Model => Clue::Model(text),
            Place::Upnp => Clue::Server(text),
            Place::Vendor => unreachable!("a vendor is no clue"),
        }
    }

    #[test]
    fn every_rule_has_an_example_that_it_decides() {
        for rule in RULES.iter().flat_map(|rules| rules.iter()) {
            assert_eq!(rule.pattern, rule.pattern.to_lowercase(), "patterns are compared in lower case");
            let recognition = match rule.place {
                Place::Vendor => recognise(rule.example, &[]),
                place => recognise("", &[clue(place, rule.example)]),
            };
            assert!(recognition.evidence.contains(&rule.pattern), "{rule:?} does not match its example");
            assert_eq!(recognition.kind, rule.kind, "{rule:?}");
        }
    }

    #[test]
    fn clues_add_up() {
        check("", &[], Kind::Unknown);
        check("Apple, Inc.", &[], Kind::Unknown);
        check("", &[(Place::Name, "Annas-iPhone")], Kind::Phone);
        check("Apple, Inc.", &[(Place::Name, "Bens-MBP"), (Place::Service, "_airplay._tcp")], Kind::Laptop);
        check(
            "Google, Inc.",
            &[(Place::Service, "_googlecast._tcp"), (Place::Model, "Google Home Mini")],
            Kind::Speaker,
        );
        check("Google, Inc.", &[(Place::Service, "_googlecast._tcp"), (Place::Model, "Chromecast")], Kind::Tv);
        check("Synology Incorporated", &[(Place::Service, "_smb._tcp")], Kind::Nas);
        check("Samsung Electronics Co.,Ltd", &[(Place::Name, "Galaxy-S23")], Kind::Phone);
        check(
            "Samsung Electronics Co.,Ltd",
            &[(Place::Upnp, "SHP, UPnP/1.0, Samsung UPnP SDK/1.0"), (Place::Upnp, "MediaRenderer")],
            Kind::Tv,
        );
        check("", &[(Place::Name, "activity-tracker")], Kind::Unknown);
    }

    #[test]
    fn kinds_are_found_by_their_words() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(Kind::from_name("toaster"), None);
    }
}
