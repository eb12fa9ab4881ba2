//! The live socket, `GET /api/v1/live`, sub-protocol `equalnet.v1`: JSON text frames.
//!
//! The server sends a [`Hello`], and for each subscription a [`Snap`]; then a [`Delta`] at the rate asked
//! for (1 or 2 Hz). `q` grows by one a frame: on a gap the client asks for a new snap. A slow client skips
//! frames, never events. Values are integers: kbit/s for rates, bytes for backlogs, microseconds for times.

use crate::{Alert, Decision, Device, Status};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The sub-protocol both sides must name.
pub const PROTOCOL: &str = "equalnet.v1";

/// A frame from the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "t")]
pub enum ServerFrame {
    /// First of all.
    #[serde(rename = "hello")]
    Hello(Hello),
    /// Everything, with the order of the columns.
    #[serde(rename = "snap")]
    Snap(Box<Snap>),
    /// What changed.
    #[serde(rename = "d")]
    Delta(Box<Delta>),
    /// Something happened; never skipped.
    #[serde(rename = "ev")]
    Event(Box<Event>),
}

/// A frame from the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum ClientFrame {
    /// Send these channels (`link`, `classes`, `devices`), at this rate.
    Sub {
        /// Which.
        ch: Vec<String>,
        /// 1 or 2 frames a second.
        #[serde(default = "two")]
        hz: u8,
    },
    /// Send these no more.
    Unsub {
        /// Which.
        ch: Vec<String>,
    },
    /// Another rate.
    Hz {
        /// 1 or 2 frames a second.
        hz: u8,
    },
    /// Send everything again.
    Snap,
}

fn two() -> u8 {
    2
}

/// First of all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hello {
    /// Version of this protocol: 1.
    pub v: u8,
    /// Version of the program; when it differs after a reconnect, the page reloads.
    pub build: String,
    /// This socket.
    pub session: String,
    /// Frames a second.
    pub hz: u8,
}

/// Everything the subscribed channels hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Snap {
    /// Number of the frame.
    pub q: u64,
    /// Milliseconds since 1970-01-01 UTC, of the snapshot.
    pub ts: u64,
    /// The columns of `l`, `c` and `dv` in this frame and all deltas.
    pub cols: Columns,
    /// The status, for the sentence, mode and links.
    pub status: Status,
    /// The static part of each device (its `number` is the id in `dv`).
    pub devices: Vec<Device>,
    /// As in a delta, all of it.
    pub l: Vec<i64>,
    /// As in a delta, all of it.
    pub c: Vec<Vec<i64>>,
    /// As in a delta, all of it.
    pub dv: Vec<Vec<i64>>,
    /// The latest decisions, newest first.
    pub decisions: Vec<Decision>,
    /// Open alerts, newest first.
    pub alerts: Vec<Alert>,
}

/// The order of the columns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Columns {
    /// Of `l`: see [`LINK_COLUMNS`].
    pub l: Vec<String>,
    /// Of `c`, each an array of eleven, in class order: see [`CLASS_COLUMNS`].
    pub c: Vec<String>,
    /// Of `dv`, each an array as long as the first, which holds the devices' numbers: see [`DEVICE_COLUMNS`].
    pub dv: Vec<String>,
}

/// What `l` holds, for the first link. Rates in kbit/s; -1 stands for "not known".
/// `state`: 0 fine, 1 busy, 2 strained, 3 down. `mode`: 0 observe, 1 suggest, 2 control.
pub const LINK_COLUMNS: [&str; 21] = [
    "down",
    "up",
    "cap_down",
    "cap_up",
    "p50_down_5",
    "p50_down_15",
    "p50_down_60",
    "p90_down_5",
    "p90_down_15",
    "p90_down_60",
    "p50_up_5",
    "p50_up_15",
    "p50_up_60",
    "p90_up_5",
    "p90_up_15",
    "p90_up_60",
    "active",
    "held",
    "state",
    "mode",
    "hit_permille",
];

/// What `c` holds per class. Rates in kbit/s, backlogs in bytes, drops in packets of the last second.
pub const CLASS_COLUMNS: [&str; 22] = [
    "down",
    "up",
    "p50_down_5",
    "p50_down_15",
    "p50_down_60",
    "p90_down_5",
    "p90_down_15",
    "p90_down_60",
    "p50_up_5",
    "p50_up_15",
    "p50_up_60",
    "p90_up_5",
    "p90_up_15",
    "p90_up_60",
    "reserved_down",
    "reserved_up",
    "backlog_down",
    "backlog_up",
    "drops_down",
    "drops_up",
    "drops_total",
    "flows",
];

/// What `dv` holds per device. Rates in kbit/s; `class` is the index of its main class, -1 for none;
/// `flags`: 1 held down, 2 held up, 4 new in the last hour. `p50`/`p90` are of the mean of the next 15 s.
pub const DEVICE_COLUMNS: [&str; 12] = [
    "n",
    "down",
    "up",
    "p50_down",
    "p90_down",
    "p50_up",
    "p90_up",
    "gets_down",
    "gets_up",
    "class",
    "priority",
    "flags",
];

/// What changed since the frame before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Delta {
    /// Number of the frame.
    pub q: u64,
    /// Milliseconds since 1970-01-01 UTC.
    pub ts: u64,
    /// All of [`LINK_COLUMNS`]; absent if not subscribed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub l: Vec<i64>,
    /// A column for each of [`CLASS_COLUMNS`]; empty where it is as before; absent if not subscribed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub c: Vec<Vec<i64>>,
    /// A column for each of [`DEVICE_COLUMNS`], with a row for each device that changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dv: Vec<Vec<i64>>,
    /// Devices that are gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rm: Vec<u32>,
}

/// Something happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "k", rename_all = "snake_case")]
pub enum Event {
    /// A decision was made.
    Decision {
        /// Which.
        decision: Decision,
    },
    /// An alert was raised, counted or ended.
    Alert {
        /// Which.
        alert: Alert,
    },
    /// A device is new or has another name, address or share.
    Device {
        /// Which, whole.
        device: Box<Device>,
    },
}
