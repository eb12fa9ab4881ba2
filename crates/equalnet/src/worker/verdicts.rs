//! Verdicts on their way to the kernel: what could not be written is tried again while its flow lasts.

use std::collections::{BTreeSet, VecDeque};
use vocab::{FlowKey, TrafficClass};

/// A flow, its class, and whether more packets can change that.
pub(super) type Verdict = (FlowKey, TrafficClass, bool);

/// Verdicts kept that could not be written; the oldest make room. More than change in a second of a busy household.
const WAITING_KEPT: usize = 4_096;

/// Verdicts that the kernel has not got yet.
#[derive(Default)]
pub(super) struct Verdicts {
    due: Vec<Verdict>,
    /// In the order in which they came.
    waiting: VecDeque<Verdict>,
    failed: u64,
}

impl Verdicts {
    /// A flow's verdict to be written.
    pub(super) fn push(&mut self, verdict: Verdict) {
        self.due.push(verdict);
    }

    /// Writes what came since the last time.
    pub(super) fn hand_over<E>(&mut self, write: impl FnOnce(&[Verdict]) -> Result<(), E>) -> Result<(), E> {
        if self.due.is_empty() {
            return Ok(());
        }
        let due = std::mem::take(&mut self.due);
        // What comes later for a flow stands, whether it can be written now or not.
        if !self.waiting.is_empty() {
            let later: BTreeSet<FlowKey> = due.iter().map(|(key, ..)| *key).collect();
            self.waiting.retain(|(key, ..)| !later.contains(key));
        }
        let written = write(&due);
        if written.is_err() {
            self.failed += 1;
            self.waiting.extend(due);
            self.waiting.drain(..self.waiting.len().saturating_sub(WAITING_KEPT));
        }
        written
    }

    /// Writes what could not be written before; which of it was is not known, and writing it twice does no harm.
    pub(super) fn try_again<E>(&mut self, write: impl FnOnce(&[Verdict]) -> Result<(), E>) -> Result<(), E> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let written = write(self.waiting.make_contiguous());
        match written {
            Ok(()) => self.waiting.clear(),
            Err(_) => self.failed += 1,
        }
        written
    }

    /// These flows ended: nobody asks for their verdicts any more.
    pub(super) fn forget(&mut self, ended: impl Fn(&FlowKey) -> bool) {
        self.waiting.retain(|(key, ..)| !ended(key));
    }

    /// Whether some wait to be tried again.
    pub(super) fn are_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// What is to be written next.
    #[cfg(test)]
    pub(super) fn take_due(&mut self) -> Vec<Verdict> {
        std::mem::take(&mut self.due)
    }

    /// How often writing failed.
    pub(super) fn failed(&self) -> u64 {
        self.failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TrafficClass::{Call, Download, Voice, Web};
    use vocab::{Address, Endpoint, IpProtocol};

    fn flow(port: u16) -> FlowKey {
        let end = |last, port| Endpoint { address: Address::from_v4([192, 0, 2, last]), port };
        FlowKey::new(IpProtocol::UDP, end(1, port), end(2, 443)).0
    }

    /// What the kernel was given by one call; it refuses if `works` says so.
    fn given(
        works: Result<(), ()>,
        call: impl FnOnce(&mut dyn FnMut(&[Verdict]) -> Result<(), ()>) -> Result<(), ()>,
    ) -> Vec<Verdict> {
        let mut given = Vec::new();
        let outcome = call(&mut |verdicts| {
            given.extend_from_slice(verdicts);
            works
        });
        assert_eq!(outcome, if given.is_empty() { Ok(()) } else { works });
        given
    }

    #[test]
    fn what_fails_is_tried_again_as_it_stands_then() {
        let mut verdicts = Verdicts::default();
        for (port, class) in [(1, Web), (2, Voice), (3, Web)] {
            verdicts.push((flow(port), class, false));
        }
        given(Err(()), |write| verdicts.hand_over(write));
        assert_eq!((verdicts.failed(), verdicts.are_waiting()), (1, true));
        // One has another verdict by now, which is written; one has ended.
        verdicts.push((flow(1), Call, true));
        let now = given(Ok(()), |write| verdicts.hand_over(write));
        assert_eq!(now, [(flow(1), Call, true)]);
        verdicts.forget(|key| *key == flow(3));
        let again = given(Err(()), |write| verdicts.try_again(write));
        assert_eq!(again, [(flow(2), Voice, false)]);
        let again = given(Ok(()), |write| verdicts.try_again(write));
        assert_eq!(again, [(flow(2), Voice, false)]);
        assert_eq!(given(Ok(()), |write| verdicts.try_again(write)), []);
        assert_eq!((verdicts.failed(), verdicts.are_waiting()), (2, false));
    }

    #[test]
    fn the_oldest_make_room() {
        let mut verdicts = Verdicts::default();
        for port in 0..WAITING_KEPT as u16 + 10 {
            verdicts.push((flow(port), Download, true));
        }
        given(Err(()), |write| verdicts.hand_over(write));
        let again = given(Ok(()), |write| verdicts.try_again(write));
        assert_eq!((again.len(), again[0].0), (WAITING_KEPT, flow(10)));
    }
}
