//! The rules of recognition: one row says where to look, for what, and what it means.

mod model;
mod name;
mod service;
mod vendor;

use crate::Kind;

/// Where a rule looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// What the device calls itself.
    Name,
    /// DHCP option 60.
    VendorClass,
    /// The services it offers.
    Service,
    /// Its model.
    Model,
    /// Its UPnP software and types.
    Upnp,
    /// Its maker.
    Vendor,
}

/// One row.
#[derive(Debug)]
pub(crate) struct Rule {
    /// Where to look.
    pub(crate) place: Place,
    /// What must stand there at the start of a word, in lower case.
    pub(crate) pattern: &'static str,
    /// What it speaks for.
    pub(crate) kind: Kind,
    /// How strongly: 1 is a hint, 10 is nearly certain.
    pub(crate) points: u8,
    /// A text that this rule alone decides; its test.
    #[cfg_attr(not(test), allow(dead_code))]
    pub(crate) example: &'static str,
}

const fn rule(place: Place, pattern: &'static str, kind: Kind, points: u8, example: &'static str) -> Rule {
    Rule { place, pattern, kind, points, example }
}

/// All rules.
pub(crate) static RULES: [&[Rule]; 4] = [name::RULES, service::RULES, model::RULES, vendor::RULES];
