//! What people know better of single flows: `/rules`, `POST /flows/{id}/class`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What must hold of a flow; all that are given must, at least one must be given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleConditions {
    /// The server's name: `netflix.com` stands for it and all below it, `ocsp.*` for a first label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The address of either end, or a block: `203.0.113.0/24`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The same of the end that is not the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The port of either end, `443`, or a range: `5000-5100`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// `tcp`, `udp`, another name such as `esp`, or the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// The local device: its id, one of its addresses, or its name; answered with its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// The mark that the device sets: 0 to 63, or a name such as `EF`. Marks are believed nowhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dscp: Option<String>,
    /// The application as EqualNet recognises it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
}

/// A rule. `GET /rules` gives all in the order in which they are asked; the first that fits a flow wins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rule {
    /// `hand-3` for one set by hand, `file-1` for one of the configuration.
    pub id: String,
    /// Whether it was set by hand, so that it can be changed here.
    pub by_hand: bool,
    /// What must hold of a flow.
    pub when: RuleConditions,
    /// What the flow is for.
    pub class: String,
    /// What to call its application; empty for what EqualNet recognises.
    pub label: String,
    /// Why somebody wrote it; may be empty.
    pub comment: String,
    /// The conditions in words.
    pub words: String,
    /// Flows it gave their class since EqualNet started; 0 for one that never matched.
    pub flows: u64,
    /// What those moved.
    pub bytes: u64,
    /// When it last took a flow; absent for one that never matched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_ms: Option<u64>,
}

/// `POST /rules` and `PUT /rules/{id}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleChange {
    /// What must hold of a flow.
    pub when: RuleConditions,
    /// What the flow is for.
    pub class: String,
    /// What to call its application; empty for what EqualNet recognises.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// Why, for those who read it later.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
}

/// `POST /flows/{id}/class`: what the flow, and flows like it, are for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reclassify {
    /// What it is for.
    pub class: String,
    /// `everybody` (as when absent), or `device`: only that of the flow.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
}
