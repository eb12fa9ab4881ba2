//! What a person should know: `GET /alerts`.

use crate::Subject;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One alert.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Alert {
    /// Which; grows.
    pub id: u64,
    /// When it began.
    pub at_ms: u64,
    /// `info`, `warning` or `critical`.
    pub severity: String,
    /// `plan_failed`, `recording_stopped`, `capture_loss`, `new_device`, `guarantee_missed`, `unusual`,
    /// `queues_disturbed`, `capacity_blind` or `flow_table_full`.
    pub kind: String,
    /// About whom.
    pub subject: Subject,
    /// How often it was raised since it began.
    pub count: u32,
    /// When it ended; absent while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<u64>,
    /// The whole in one sentence, in English.
    pub sentence: String,
}
