//! What the operator wants: `GET /policy`, `PUT /policy/devices/{id}`, `POST /policy/devices/{id}/preview`.

use crate::Directed;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `PUT /policy/devices/{id}` and its preview: what to change; what is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceChange {
    /// The name people give it; empty for the name it gives itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// 1 is served first; up to the levels in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
    /// Its part inside its priority, 0.001 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// What it gets whenever it asks: `4 Mbit/s`, `10 %`; empty for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guarantee: Option<Directed<String>>,
    /// What it never exceeds: `20 Mbit/s`; empty for no ceiling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<Directed<String>>,
}

/// The answer to a change or its preview: whom it gives what, at the demand foreseen now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChangeEffect {
    /// Whether it is in force (false for a preview).
    pub applied: bool,
    /// Devices whose rate it changes, the largest change first.
    pub devices: Vec<DeviceEffect>,
    /// What would undo it; absent for a preview.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<DeviceChange>,
}

/// What a change means for one device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeviceEffect {
    /// Which.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What the plan gave it, bit/s.
    pub before: Directed<u64>,
    /// What the plan gives it, bit/s.
    pub after: Directed<u64>,
}

/// `GET /policy`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PolicyView {
    /// `observe`, `suggest` or `control`.
    pub mode: String,
    /// How many priorities there are: 5 or 10.
    pub levels: u8,
    /// The priority of a device nobody spoke of.
    pub default_priority: u8,
    /// What every device gets whenever it asks (`10 %`); empty for none.
    pub minimum: Directed<String>,
    /// How much protected traffic may take beyond its floors, in thousandths of the capacity.
    pub protected_permille: u16,
    /// The part of the capacity above which background classes yield early, in thousandths.
    pub early_yield_permille: u16,
}

/// `GET /plan`: the plan in force (in `suggest`: the one that would be).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanView {
    /// Which.
    pub id: u64,
    /// Of which link.
    pub link: u16,
    /// When it was made.
    pub at_ms: u64,
    /// Both ways.
    pub directions: Directed<DivisionView>,
}

/// How one direction is divided.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DivisionView {
    /// What there was to divide, bit/s.
    pub capacity: u64,
    /// The tier in which it ran out; absent if it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exhausted_tier: Option<u8>,
    /// Whether background classes yield because the link is foreseen to be full.
    pub early_yielding: bool,
    /// Everybody's part.
    pub devices: Vec<DeviceAllocationView>,
}

/// One device's part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeviceAllocationView {
    /// Which.
    pub device: String,
    /// What it is foreseen to want, bit/s.
    pub demand: u64,
    /// What it gets at that demand, bit/s.
    pub rate: u64,
    /// What is served before anybody borrows, bit/s.
    pub floor: u64,
    /// What it never exceeds, bit/s.
    pub ceiling: u64,
    /// What nobody asked for and it could take, bit/s.
    pub headroom: u64,
    /// Its classes.
    pub aggregates: Vec<AllocationView>,
}

/// One aggregate's part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AllocationView {
    /// Which class.
    pub class: String,
    /// 0 is protected, then the device's priority.
    pub tier: u8,
    /// What it is foreseen to want, bit/s.
    pub demand: u64,
    /// What it gets at that demand, bit/s.
    pub rate: u64,
    /// What is served before anybody borrows, bit/s.
    pub floor: u64,
    /// What it never exceeds, bit/s.
    pub ceiling: u64,
    /// `demand`, `ceiling`, `device_ceiling`, `protected_ceiling`, `guarantee` or `share`.
    pub limited_by: String,
}
