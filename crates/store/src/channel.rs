//! The way to the writer: bounded, never waited for.

use crate::StoreError;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use vocab::{Actor, Record, Timestamp};

/// What the writer is told.
#[derive(Debug)]
pub enum Message {
    /// Keep a fact.
    Record(Record),
    /// Change a setting; `None` removes it. The answer comes when it is safe on disk.
    Setting {
        /// Which.
        key: String,
        /// Its value.
        value: Option<String>,
        /// By whom.
        by: Actor,
        /// When.
        at: Timestamp,
        /// Where the answer goes, if anybody waits: a channel with room for one.
        done: Option<SyncSender<Result<(), StoreError>>>,
    },
}

impl Message {
    /// Measured facts in bulk, of which there will be more in a second; all others must not be lost.
    pub(crate) fn is_bulk(&self) -> bool {
        match self {
            Message::Record(record) => match record {
                Record::Samples(_)
                | Record::HeldBack(_)
                | Record::Flow(_)
                | Record::Forecasts(_)
                | Record::Scores(_) => true,
                Record::PlanApplied { .. } | Record::Decision(_) | Record::Alert(_) | Record::Device(_) => false,
            },
            Message::Setting { .. } => false,
        }
    }
}

/// What the history has taken and lost since the start: nothing is lost without a number.
#[derive(Debug, Default)]
pub struct StoreCounts {
    written: AtomicU64,
    dropped: AtomicU64,
    lost: AtomicU64,
}

impl StoreCounts {
    /// Messages that are in the database.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Messages that found the channel full and went back to their sender.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Messages that could not be written, for want of room on the disk as a rule.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    pub(crate) fn add_written(&self, messages: u64) {
        self.written.fetch_add(messages, Ordering::Relaxed);
    }

    pub(crate) fn add_lost(&self, messages: u64) {
        self.lost.fetch_add(messages, Ordering::Relaxed);
    }
}

/// A message that was not taken, handed back.
#[derive(Debug, thiserror::Error)]
#[error("the history did not take a message: {why}")]
pub struct Unsent {
    /// The message.
    pub message: Box<Message>,
    /// Why not.
    pub why: Why,
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// The writer is behind.
    #[error("the channel is full")]
    Full,
    /// The writer has ended.
    #[error("the writer has ended")]
    Closed,
}

/// The end of the channel that the control loop and the API hold.
#[derive(Clone, Debug)]
pub struct StoreSender {
    sender: SyncSender<Message>,
    waiting_bulk: Arc<AtomicUsize>,
    bulk_capacity: usize,
    counts: Arc<StoreCounts>,
}

/// The end of the channel that the writer reads.
#[derive(Debug)]
pub struct StoreReceiver {
    receiver: Receiver<Message>,
    waiting_bulk: Arc<AtomicUsize>,
    pub(crate) counts: Arc<StoreCounts>,
}

/// A channel to the writer.
///
/// `bulk` is how many messages of samples, flows, forecasts and scores may wait; the next one is dropped (the
/// newest, so that what is recorded has no holes in the middle) and counted. `kept` is the room on top that bulk
/// cannot take: decisions, alerts, plans, devices and settings.
pub fn channel(bulk: usize, kept: usize) -> (StoreSender, StoreReceiver) {
    let (sender, receiver) = sync_channel(bulk + kept);
    let waiting_bulk = Arc::new(AtomicUsize::new(0));
    let counts = Arc::new(StoreCounts::default());
    (
        StoreSender { sender, waiting_bulk: waiting_bulk.clone(), bulk_capacity: bulk, counts: counts.clone() },
        StoreReceiver { receiver, waiting_bulk, counts },
    )
}

impl StoreSender {
    /// Hands a fact to the writer, and never waits. What is not taken is counted and comes back: bulk may be let
    /// go, all else must be sent again or told to a person.
    pub fn record(&self, record: Record) -> Result<(), Unsent> {
        self.send(Message::Record(record))
    }

    /// Hands a message to the writer, like [`StoreSender::record`].
    pub fn send(&self, message: Message) -> Result<(), Unsent> {
        let bulk = message.is_bulk();
        if bulk && self.waiting_bulk.fetch_add(1, Ordering::AcqRel) >= self.bulk_capacity {
            self.waiting_bulk.fetch_sub(1, Ordering::AcqRel);
            return Err(self.unsent(message, Why::Full));
        }
        self.sender.try_send(message).map_err(|error| {
            if bulk {
                self.waiting_bulk.fetch_sub(1, Ordering::AcqRel);
            }
            match error {
                TrySendError::Full(message) => self.unsent(message, Why::Full),
                TrySendError::Disconnected(message) => self.unsent(message, Why::Closed),
            }
        })
    }

    /// Changes a setting and waits until it is safe on disk. Not for the control loop: it waits for a disk.
    pub fn set(&self, key: &str, value: Option<&str>, by: Actor, at: Timestamp) -> Result<(), StoreError> {
        let (done, answer) = sync_channel(1);
        let (key, value) = (key.to_owned(), value.map(str::to_owned));
        match self.send(Message::Setting { key, value, by, at, done: Some(done) }) {
            Ok(()) => answer.recv().unwrap_or(Err(StoreError::Closed)),
            Err(unsent) => match unsent.why {
                Why::Full => Err(StoreError::Full { detail: unsent.why.to_string() }),
                Why::Closed => Err(StoreError::Closed),
            },
        }
    }

    /// What was taken and lost.
    pub fn counts(&self) -> &StoreCounts {
        &self.counts
    }

    fn unsent(&self, message: Message, why: Why) -> Unsent {
        self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        Unsent { message: Box::new(message), why }
    }
}

impl StoreReceiver {
    /// The next message, waited for; `None` when all senders are gone.
    pub(crate) fn wait(&self) -> Option<Message> {
        self.receiver.recv().ok().inspect(|message| self.taken(message))
    }

    /// A message that waits already.
    pub(crate) fn next(&self) -> Option<Message> {
        match self.receiver.try_recv() {
            Ok(message) => {
                self.taken(&message);
                Some(message)
            }
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => None,
        }
    }

    fn taken(&self, message: &Message) {
        if message.is_bulk() {
            self.waiting_bulk.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::PlanId;

    fn samples() -> Record {
        Record::Samples(Vec::new())
    }

    fn plan(id: u64) -> Record {
        Record::PlanApplied { plan: PlanId(id), at: Timestamp::default(), changes: 0 }
    }

    #[test]
    fn bulk_gives_way_before_decisions_do() {
        let (sender, receiver) = channel(2, 1);
        assert!(sender.record(samples()).is_ok() && sender.record(samples()).is_ok());
        assert_eq!(sender.record(samples()).unwrap_err().why, Why::Full);
        assert!(sender.record(plan(1)).is_ok());
        let unsent = sender.record(plan(2)).unwrap_err();
        assert!(matches!(*unsent.message, Message::Record(Record::PlanApplied { plan: PlanId(2), .. })));
        assert_eq!(sender.counts().dropped(), 2);

        assert!(receiver.wait().is_some());
        assert!(sender.record(samples()).is_ok());
        drop(receiver);
        assert_eq!(sender.record(plan(3)).unwrap_err().why, Why::Closed);
    }
}
