//! The public contract: every JSON body of REST and WebSocket under `/api/v1`.
//!
//! One type per body, nothing else. Rates are bit/s and volumes bytes, layer 2, as integers; times are
//! milliseconds since 1970-01-01 UTC (`_ms`); durations name their unit. Devices are named by their id:
//! a MAC address (`a4:5e:60:00:00:01`), or an IP address where they stand behind a router. Classes are the
//! words `voice call gaming interactive web streaming work download backup update unclassified`.

mod alerts;
mod decisions;
mod devices;
mod flows;
mod forecast;
mod history;
pub mod live;
mod outlook;
mod policy;
mod rules;
mod status;
mod what_if;

pub use alerts::*;
pub use decisions::*;
pub use devices::*;
pub use flows::*;
pub use forecast::*;
pub use history::*;
pub use outlook::*;
pub use policy::*;
pub use rules::*;
pub use status::*;
pub use what_if::*;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One value for each direction, as seen from the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Directed<T> {
    /// Towards the device.
    pub download: T,
    /// From the device.
    pub upload: T,
}

/// An error body (RFC 9457, `application/problem+json`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// A stable word for programs: `unauthenticated`, `forbidden`, `not_found`, `invalid`, `refused`, `busy`, `internal`.
    pub code: String,
    /// What is wrong, for people.
    pub title: String,
    /// What would be right, or what to do.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}
