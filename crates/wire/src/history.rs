//! What was: `GET /history?from=&to=&step=&fields=`.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Columns of history. `fields` chooses among `link` (default), `classes`, `devices` and `device:<id>`.
///
/// Series are named `link.download`, `class.voice.upload`, `device.<id>.download`; a value is the mean
/// rate of its step in bit/s, `null` where nothing was recorded. Never more than 1,200 points a series.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct History {
    /// When the first step began.
    pub t0_ms: u64,
    /// How long each step is.
    pub step_ms: u64,
    /// One value a step.
    pub series: BTreeMap<String, Vec<Option<u64>>>,
}
