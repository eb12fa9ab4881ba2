//! Who is there: `GET /devices`, `GET /devices/{id}`.

use crate::{Directed, ForecastCurve, Grade};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Device {
    /// Its MAC address, or its IP address where it stands behind a router.
    pub id: String,
    /// Its number on the live socket, for as long as the daemon runs.
    pub number: u32,
    /// Its name: given by people, else by itself, else its address.
    pub name: String,
    /// Its MAC address; empty if not known.
    pub mac: String,
    /// Its IP addresses, newest last.
    pub addresses: Vec<String>,
    /// Its maker; empty if not known.
    pub vendor: String,
    /// What it is (`phone`, `tv`…); empty if not known.
    pub kind: String,
    /// When it was first seen.
    pub first_seen_ms: u64,
    /// When it last moved something.
    pub last_seen_ms: u64,
    /// 1 is served first.
    pub priority: u8,
    /// Its part inside its priority, 1.0 by default.
    pub weight: f64,
    /// What it gets whenever it asks, in words of the configuration (`10 %`, `4 Mbit/s`); empty for none.
    pub guarantee: Directed<String>,
    /// What it never exceeds, bit/s; absent for no ceiling.
    pub ceiling: Directed<Option<u64>>,
    /// bit/s in the last second.
    pub usage: Directed<u64>,
    /// bit/s in the last second, per class that moved something.
    pub classes: Vec<ClassUsage>,
    /// The class that moves most now; empty while nothing moves.
    pub main_class: String,
    /// What it is foreseen to want; absent while learning.
    pub forecast: Directed<Option<ForecastCurve>>,
    /// What the plan gives it with the headroom it could take, bit/s; absent without a plan.
    pub gets: Directed<Option<u64>>,
    /// Whether and why it gets less than it wants.
    pub hold: Directed<Option<Hold>>,
    /// Moved today, bytes.
    pub volume_today: Directed<u64>,
    /// Whether it does what it usually does at such a time: `kept`, `broken` (there is an alert), `learning` (the first
    /// days) or `unwatched`.
    #[serde(default)]
    pub habits: String,
    /// How its flows fare.
    #[serde(default)]
    pub fare: Fare,
    /// Open flows.
    pub flows: u32,
}

/// What one class of a device moves.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClassUsage {
    /// Which.
    pub class: String,
    /// bit/s in the last second.
    pub usage: Directed<u64>,
    /// How its flows fare.
    #[serde(default)]
    pub fare: Fare,
}

/// How flows fare, by what passed in the last half minute. Absent is what nothing told of: round trips are seen in TCP and
/// QUIC, by eBPF.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Fare {
    /// The median round trip between the gateway and the device, ms: its cable or Wi-Fi, and our queue towards it.
    pub rtt_lan_ms: Option<f64>,
    /// The median round trip between the gateway and the other end, ms.
    pub rtt_wan_ms: Option<f64>,
    /// TCP segments sent again or out of order, of a hundred.
    pub retransmitted_percent: Option<f64>,
    /// What queues add to its round trips while the link is busy; absent while there was not enough traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grade: Option<Grade>,
}

/// Why a device gets less than it wants.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Hold {
    /// What it would want, bit/s.
    pub demand: u64,
    /// What it gets, bit/s.
    pub rate: u64,
    /// `ceiling`, `device_ceiling`, `protected_ceiling`, `guarantee` or `share`.
    pub limited_by: String,
    /// The same in one sentence, in English.
    pub sentence: String,
}
