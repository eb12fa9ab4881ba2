//! What was changed, and why: decisions, numbered and bounded.

use std::collections::VecDeque;
use vocab::{Actor, Because, BitRate, Decision, DecisionKind, Direction, Part, Subject, Timestamp};

/// Decisions kept for the snapshot; the store keeps all.
const KEPT: usize = 200;

/// The latest decisions.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    decisions: VecDeque<Decision>,
    next_id: u64,
}

/// A decision before it has a number and a time.
pub(crate) struct Entry {
    pub kind: DecisionKind,
    pub subject: Subject,
    pub direction: Option<Direction>,
    pub from: BitRate,
    pub to: BitRate,
    pub because: Vec<Because>,
    pub parts: Vec<(Part, BitRate)>,
    pub by: Actor,
}

impl Entry {
    /// Somebody asked for it; no rates are told.
    pub fn asked(kind: DecisionKind, subject: Subject, by: Actor) -> Entry {
        Entry {
            kind,
            subject,
            direction: None,
            from: BitRate::ZERO,
            to: BitRate::ZERO,
            because: vec![Because::Asked],
            parts: Vec::new(),
            by,
        }
    }
}

impl Journal {
    /// Numbers go on from those of earlier runs.
    pub fn continue_after(&mut self, last: u64) {
        self.next_id = self.next_id.max(last);
    }

    /// Numbers the entry, keeps it and gives it back.
    pub fn add(&mut self, entry: Entry, at: Timestamp) -> Decision {
        self.next_id += 1;
        let Entry { kind, subject, direction, from, to, because, parts, by } = entry;
        let decision = Decision { id: self.next_id, at, kind, subject, direction, from, to, because, parts, by };
        if self.decisions.len() == KEPT {
            self.decisions.pop_front();
        }
        self.decisions.push_back(decision.clone());
        decision
    }

    /// All kept, the newest last.
    pub fn iter(&self) -> impl Iterator<Item = &Decision> {
        self.decisions.iter()
    }
}
