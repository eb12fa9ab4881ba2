//! How it is: `GET /status`, `PUT /mode`, `GET /interfaces`, the login.

use crate::Directed;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /status`: how everything is, right now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// When this snapshot was taken.
    pub at_ms: u64,
    /// When this run of the daemon began.
    pub started_ms: u64,
    /// `observe`, `suggest` or `control`.
    pub mode: String,
    /// `ebpf`, `af_packet` or `file`.
    pub source: String,
    /// `fine`, `busy`, `strained` or `down`: the four states of the status sentence.
    pub state: String,
    /// The status in one sentence, in English.
    pub sentence: String,
    /// What was counted and what was lost since the start.
    pub capture: Capture,
    /// All links.
    pub links: Vec<LinkStatus>,
    /// Devices known.
    pub devices_known: u32,
    /// Devices that moved something in the last minute.
    pub devices_active: u32,
    /// Devices that get less than they want now.
    pub devices_held: u32,
    /// Share of the forecasts of the last hour that were not exceeded at P90, in thousandths (900 is
    /// perfect); absent while there are too few.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hit_permille: Option<u16>,
}

/// What the capture has counted since the start: nothing is lost without a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Capture {
    /// Packets seen, as they were on the wire.
    pub packets: u64,
    /// Bytes seen.
    pub bytes: u64,
    /// Flows opened.
    pub flows: u64,
    /// Lost by the kernel because a ring was full.
    pub dropped_kernel: u64,
    /// Lost by us because a channel was full.
    pub dropped_channel: u64,
    /// Frames that could not be parsed.
    pub malformed: u64,
    /// Flows evicted while they were open, because the table was full.
    pub flows_evicted: u64,
    /// Times that the classes of flows could not be written for the kernel; what failed is tried again.
    pub verdicts_failed: u64,
}

/// One link now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LinkStatus {
    /// Its place in the configuration.
    pub id: u16,
    /// What people call it.
    pub name: String,
    /// The interfaces, LAN side first (one for a host).
    pub interfaces: Vec<String>,
    /// The line rate, bit/s.
    pub line_rate: Directed<u64>,
    /// What is divided, bit/s.
    pub capacity: Directed<u64>,
    /// What it moved in the last second, bit/s.
    pub usage: Directed<u64>,
    /// What is foreseen for all of it; absent while learning.
    pub forecast: Directed<Option<ForecastCurve>>,
    /// `off`, `on` or `failed`.
    pub shaping: String,
    /// The leaf qdisc in use, or the reason of the failure.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub shaping_detail: String,
    /// Plans put in force since the start.
    pub plans_applied: u64,
    /// Per class, the most protected first.
    pub classes: Vec<ClassStatus>,
    /// How the search for its capacity stands; absent in a direction whose rate is stated.
    #[serde(default)]
    pub search: Directed<Option<CapacitySearch>>,
    /// What it adds to round trips beyond the gateway now, ms; absent while no round trips are seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added_ms: Option<f64>,
    /// The same while it was busy; absent while there was not enough traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grade: Option<Grade>,
}

/// How the search for a capacity that nobody knows stands, in one direction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CapacitySearch {
    /// `waiting`, `rising`, `standing`, `draining`, `resting` or `blind`.
    pub state: String,
    /// Why it is blind: `nothing_measured`, `no_reaction` or `drops_instead`; empty where it is not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub blind: String,
    /// How much is to be believed of it: `none`, `low`, `fair` or `high`.
    pub confidence: String,
    /// The least that is tried, bit/s.
    pub min: u64,
    /// The most that is tried, bit/s.
    pub max: u64,
    /// The whole in one sentence, in English.
    pub sentence: String,
}

/// What queues added to round trips in the busy seconds of the last minutes (with 70 % or more on the link): of a link
/// what lies beyond the gateway, of classes and devices the gateway's own queues and the Wi-Fi too.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Grade {
    /// `A+` below 5 ms, `A` below 30, `B` below 60, `C` below 200, `D` below 400, else `F` (dslreports.com, FAQ 17930).
    pub grade: String,
    /// The mean, ms.
    pub added_ms: f64,
    /// Of so many busy seconds.
    pub seconds: u32,
}

/// One class on a link now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClassStatus {
    /// Which.
    pub class: String,
    /// bit/s in the last second.
    pub usage: Directed<u64>,
    /// What it is foreseen to want; absent while learning.
    pub forecast: Directed<Option<ForecastCurve>>,
    /// The sum of its floors in force, bit/s.
    pub reserved: Directed<u64>,
    /// Bytes waiting in its queues.
    pub backlog: Directed<u64>,
    /// Packets its queues dropped in the last second.
    pub drops: Directed<u64>,
    /// Packets its queues dropped since they were made.
    pub drops_total: Directed<u64>,
    /// Flows that moved something in the last second.
    pub flows: u32,
    /// What queues add to its round trips; absent while there was not enough traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grade: Option<Grade>,
}

/// Demand foreseen, bit/s: a value for 1, 5, 15 and 60 s ahead, and for the mean of the next 15 s.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ForecastCurve {
    /// As likely above as below, at 1, 5, 15, 60 s.
    pub p50: [u64; 4],
    /// Nine times in ten below, at 1, 5, 15, 60 s.
    pub p90: [u64; 4],
    /// Ninety-nine times in a hundred below, at 1, 5, 15, 60 s.
    pub p99: [u64; 4],
    /// P50, P90, P99 of the mean of the next 15 s.
    pub mean15: [u64; 3],
    /// Which model spoke.
    pub model: String,
    /// Whether it has seen too little to be trusted.
    pub learning: bool,
}

/// `PUT /mode`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModeChange {
    /// `observe`, `suggest` or `control`.
    pub mode: String,
}

/// One entry of `GET /interfaces` and of `equalnet interfaces`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its hardware address; empty if it has none.
    pub mac: String,
    /// Its addresses with their prefix lengths.
    pub addresses: Vec<String>,
    /// Whether it is up and has a carrier.
    pub up: bool,
    /// Its speed as the driver states it, bit/s; absent where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<u64>,
    /// What it receives now, bit/s, over one second.
    pub receive: u64,
    /// What it sends now, bit/s, over one second.
    pub send: u64,
}

/// `POST /session`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Login {
    /// Who; `admin` where there is one account.
    #[serde(default = "admin")]
    pub user: String,
    /// The password.
    pub password: String,
}

fn admin() -> String {
    "admin".to_owned()
}

/// `GET /session`, and the answer to a login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionState {
    /// Who is logged in.
    pub user: String,
    /// What every changing request carries in its `X-CSRF-Token` header.
    pub csrf: String,
    /// When the login ends.
    pub expires_ms: u64,
}
