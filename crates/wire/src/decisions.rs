//! What was changed, and why: `GET /decisions`, `GET /why/{id}`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One decision. Sentences are made by the reader from the parts; `sentence` is the English one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Decision {
    /// Which; grows.
    pub id: u64,
    /// When.
    pub at_ms: u64,
    /// `held`, `released`, `reserved`, `early_yield`, `priority`, `policy`, `mode` or `capacity`.
    pub kind: String,
    /// About whom.
    pub subject: Subject,
    /// `download` or `upload`; empty where it is about both.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub direction: String,
    /// What it got or wanted before, bit/s (for `priority`: the level before).
    pub from: u64,
    /// What it gets now, bit/s (for `priority`: the level now).
    pub to: u64,
    /// The grounds, the strongest first.
    pub because: Vec<Because>,
    /// What `to` is made of: `guarantee` and `share`, bit/s.
    pub parts: Vec<(String, u64)>,
    /// `auto`, `configuration`, or who asked for it.
    pub by: String,
    /// The whole in one sentence, in English, at most 140 characters.
    pub sentence: String,
}

/// Who or what something is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Subject {
    /// `service`, `link`, `class`, `device` or `aggregate`.
    pub kind: String,
    /// The device's id, for `device` and `aggregate`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub device: String,
    /// Its name or the link's name, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The class, for `class` and `aggregate`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub class: String,
}

/// One ground.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "k", rename_all = "snake_case")]
pub enum Because {
    /// All together want more than there is.
    DemandOverCapacity {
        /// bit/s.
        demand: u64,
        /// bit/s.
        capacity: u64,
    },
    /// A protected class is foreseen to need this.
    Protect {
        /// Which.
        class: String,
        /// bit/s.
        p50: u64,
        /// bit/s.
        p90: u64,
    },
    /// Its own ceiling.
    OwnCeiling {
        /// bit/s.
        ceiling: u64,
    },
    /// An earlier tier left nothing beyond the floors.
    EarlierTier {
        /// The subject's tier.
        own: u8,
        /// The tier in which the capacity ran out.
        exhausted: u8,
    },
    /// Everybody of the tier gets up to this.
    FairShare {
        /// The tier.
        tier: u8,
        /// bit/s for a weight of 1.
        level: u64,
    },
    /// The forecast moved.
    ForecastMoved {
        /// bit/s.
        p50: u64,
        /// bit/s.
        p90: u64,
    },
    /// The subject wants less now, or others do.
    DemandFell,
    /// Somebody asked for it.
    Asked,
}

/// `GET /why/{device id or name, or class}`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Why {
    /// About whom.
    pub subject: Subject,
    /// What it gets, in one sentence.
    pub what: String,
    /// Why, a sentence for each ground.
    pub why: Vec<String>,
    /// What it gets is made of, bit/s: `guarantee`, `share`.
    pub parts: Vec<(String, u64)>,
    /// The latest decisions about it, newest first.
    pub decisions: Vec<Decision>,
}
