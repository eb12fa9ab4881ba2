//! What the engine wants done.

use std::sync::Arc;
use vocab::{Alert, LinkId, Plan, Record, Snapshot};

/// What the engine wants done.
#[derive(Clone, Debug)]
pub enum Output {
    /// To the shaper: put this in force, then say `PlanApplied` or `PlanFailed`.
    Apply(Arc<Plan>),
    /// To the shaper: take the queues of this link away and put back what stood there.
    Release(LinkId),
    /// To the store.
    Record(Record),
    /// To the API and consoles.
    Publish(Arc<Snapshot>),
    /// To people.
    Notify(Alert),
}
