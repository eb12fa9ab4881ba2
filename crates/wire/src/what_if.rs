//! What another policy would have meant: `POST /what-if`, and what `equalnet replay --json` prints.

use crate::DeviceChange;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// `POST /what-if`: what was recorded, by which other policy. Without `policy` it is the one in force with what
/// `devices` change of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WhatIfQuestion {
    /// The last part of the history, such as `1h`: from a minute to a day, counted back from its newest minute.
    #[schema(max_length = 16)]
    pub since: String,
    /// What is to be other for single devices, by id, address or name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub devices: BTreeMap<String, DeviceChange>,
    /// A whole policy, as a configuration file has it (TOML; only the policy is heeded), instead of the one in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 65536)]
    pub policy: Option<String>,
    /// What the link is to carry towards the devices, such as `20 Mbit/s`, instead of what it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 32)]
    pub download: Option<String>,
    /// What it is to carry from them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 32)]
    pub upload: Option<String>,
}

/// Its answer: the same seconds, divided in several ways.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WhatIf {
    /// From the first second that was replayed to the last.
    pub seconds: u64,
    /// There was more than is replayed at once: this is the beginning of it.
    pub is_cut: bool,
    /// What was divided.
    pub capacity: WhatIfCapacity,
    /// By nobody, by the policy in force, by the other one.
    pub ways: Vec<WhatIfWay>,
}

/// What was divided, layer 2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhatIfCapacity {
    /// Towards the devices, bit/s.
    pub download_bps: u64,
    /// From them, bit/s.
    pub upload_bps: u64,
}

/// One way of dividing, and what everybody would have had.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WhatIfWay {
    /// What it is called.
    pub policy: String,
    /// Plans put in force.
    pub plans: u64,
    /// By device.
    pub devices: Vec<WhatIfDevice>,
    /// By class, of all devices.
    pub classes: Vec<WhatIfClass>,
}

/// What one device would have had.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WhatIfDevice {
    /// Which.
    pub device: String,
    /// Its name.
    pub name: String,
    /// Towards it.
    pub download: WhatIfHad,
    /// From it.
    pub upload: WhatIfHad,
}

/// What one class of all devices would have had.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WhatIfClass {
    /// Which.
    pub class: String,
    /// Towards the devices.
    pub download: WhatIfHad,
    /// From them.
    pub upload: WhatIfHad,
}

/// What somebody would have had, one way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WhatIfHad {
    /// Seconds in which it wanted something.
    pub seconds: u64,
    /// What it got in all, bytes.
    pub moved_bytes: u64,
    /// What it got in these seconds, on average, bit/s.
    pub mean_bps: u64,
    /// Its part of all that was moved this way, in thousandths.
    pub share_permille: u64,
    /// Seconds in which it wanted more than it got.
    pub short_seconds: u64,
    /// Seconds in which a device had less than its guarantee and wanted more; of a class, of its devices, added up.
    pub guarantee_missed_seconds: u64,
    /// What the last bit of a second waited: the mean.
    pub delay_mean_ms: f64,
    /// The same: what 95 of 100 seconds stay below; at most 4 s.
    pub delay_p95_ms: f64,
}
