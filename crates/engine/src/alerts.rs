//! What a person should know: raised once, counted while it lasts, ended when it is over.

use std::collections::VecDeque;
use std::mem::discriminant;
use vocab::{Alert, AlertKind, BitRate, Severity, Subject, Timestamp};

/// Alerts kept for the snapshot.
const KEPT: usize = 100;

/// What became of raising one that was not open.
#[derive(Debug)]
pub(crate) struct Raised {
    pub alert: Alert,
    /// One that was open and had to make room: it is ended, for nobody will hear of it again.
    pub made_room: Option<Alert>,
}

/// The alerts that are open, and the latest that ended.
#[derive(Debug, Default)]
pub(crate) struct Alerts {
    alerts: VecDeque<Alert>,
    next_id: u64,
}

impl Alerts {
    /// Numbers go on from those of earlier runs.
    pub fn continue_after(&mut self, last: u64) {
        self.next_id = self.next_id.max(last);
    }

    /// Raises an alert, or counts it where the same kind is open for the same subject. A new alert comes back.
    pub fn raise(&mut self, kind: AlertKind, subject: Subject, now: Timestamp) -> Option<Raised> {
        if let Some(open) = self.open(&kind, subject) {
            open.count = open.count.saturating_add(1);
            open.kind = kind;
            return None;
        }
        self.next_id += 1;
        let alert =
            Alert { id: self.next_id, at: now, severity: severity(&kind), kind, subject, count: 1, ended: None };
        let made_room = if self.alerts.len() == KEPT { self.make_room(now) } else { None };
        self.alerts.push_back(alert.clone());
        Some(Raised { alert, made_room })
    }

    /// Counts an alert that is open, and opens none. It keeps telling of the largest rate.
    pub fn goes_on(&mut self, kind: AlertKind, subject: Subject) {
        let Some(open) = self.open(&kind, subject) else { return };
        open.count = open.count.saturating_add(1);
        if rate(&kind) > rate(&open.kind) {
            open.kind = kind;
        }
    }

    /// Forgets the oldest that ended, else of those that matter least the oldest, which comes back as ended.
    fn make_room(&mut self, now: Timestamp) -> Option<Alert> {
        let matters = |alert: &Alert| alert.ended.is_none().then_some(alert.severity);
        let (place, _) = self.alerts.iter().enumerate().min_by_key(|(_, alert)| matters(alert))?;
        let gone = self.alerts.remove(place).filter(|gone| gone.ended.is_none())?;
        Some(Alert { ended: Some(now), ..gone })
    }

    /// Ends an alert of this kind about this subject; it comes back where one was open.
    pub fn end(&mut self, kind: &AlertKind, subject: Subject, now: Timestamp) -> Option<Alert> {
        let open = self.open(kind, subject)?;
        open.ended = Some(now);
        Some(open.clone())
    }

    /// Ends all alerts of this kind, whatever they are about; they come back.
    pub fn end_all(&mut self, kind: &AlertKind, now: Timestamp) -> Vec<Alert> {
        let same = |alert: &&mut Alert| alert.ended.is_none() && discriminant(&alert.kind) == discriminant(kind);
        let ended = self.alerts.iter_mut().filter(same).map(|open| {
            open.ended = Some(now);
            open.clone()
        });
        ended.collect()
    }

    fn open(&mut self, kind: &AlertKind, subject: Subject) -> Option<&mut Alert> {
        let same = discriminant(kind);
        self.alerts
            .iter_mut()
            .rev()
            .find(|alert| alert.ended.is_none() && alert.subject == subject && discriminant(&alert.kind) == same)
    }

    /// All kept, the newest last.
    pub fn iter(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.iter()
    }
}

/// The rate that an alert is about, of those that go on.
fn rate(kind: &AlertKind) -> Option<BitRate> {
    match kind {
        AlertKind::Unusual { rate, .. } => Some(*rate),
        AlertKind::PlanFailed { .. }
        | AlertKind::RecordingStopped { .. }
        | AlertKind::CaptureLoss { .. }
        | AlertKind::QueuesDisturbed { .. }
        | AlertKind::NewDevice
        | AlertKind::GuaranteeMissed { .. }
        | AlertKind::CapacityBlind { .. }
        | AlertKind::FlowTableFull => None,
    }
}

fn severity(kind: &AlertKind) -> Severity {
    match kind {
        AlertKind::PlanFailed { .. } | AlertKind::RecordingStopped { .. } => Severity::Critical,
        AlertKind::CaptureLoss { .. }
        | AlertKind::QueuesDisturbed { .. }
        | AlertKind::GuaranteeMissed { .. }
        | AlertKind::Unusual { .. }
        | AlertKind::CapacityBlind { .. }
        | AlertKind::FlowTableFull => Severity::Warning,
        AlertKind::NewDevice => Severity::Info,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::{DeviceId, Direction, MacAddress};

    #[test]
    fn the_same_fault_is_one_alert_until_it_ends() {
        let mut alerts = Alerts::default();
        let fault = || AlertKind::PlanFailed { reason: "no such device".to_owned() };
        let at = Timestamp::from_unix_secs;
        assert!(alerts.raise(fault(), Subject::Service, at(1)).is_some());
        assert!(alerts.raise(fault(), Subject::Service, at(2)).is_none());
        let ended = alerts.end(&fault(), Subject::Service, at(3)).expect("it was open");
        assert_eq!((ended.count, ended.ended), (2, Some(at(3))));
        assert!(alerts.end(&fault(), Subject::Service, at(4)).is_none());
        assert!(alerts.raise(fault(), Subject::Service, at(5)).is_some());
    }

    #[test]
    fn they_are_bounded_and_open_ones_stay() {
        let mut alerts = Alerts::default();
        alerts.raise(AlertKind::FlowTableFull, Subject::Service, Timestamp::from_unix_secs(0));
        for n in 1..500 {
            let kind = AlertKind::PlanFailed { reason: String::new() };
            alerts.raise(kind.clone(), Subject::Service, Timestamp::from_unix_secs(n));
            alerts.end(&kind, Subject::Service, Timestamp::from_unix_secs(n));
        }
        assert_eq!(alerts.iter().count(), KEPT);
        assert!(alerts.iter().any(|alert| alert.kind == AlertKind::FlowTableFull));
    }

    fn device(number: usize) -> Subject {
        let [.., high, low] = number.to_be_bytes();
        Subject::Device(DeviceId::Mac(MacAddress([2, 0, 0, 0, high, low])))
    }

    fn unusual(mbps: u64) -> AlertKind {
        let rate = BitRate::from_mbps(mbps);
        AlertKind::Unusual { direction: Direction::Upload, rate, usual: BitRate::ZERO, minute: 0 }
    }

    #[test]
    fn one_that_makes_room_is_ended_and_does_not_come_back_as_new() {
        let mut alerts = Alerts::default();
        let now = Timestamp::from_unix_secs(1);
        alerts.raise(AlertKind::NewDevice, device(KEPT), now);
        let made_room: Vec<Alert> = (0..2 * KEPT)
            .filter_map(|number| alerts.raise(unusual(1), device(number), now).expect("it is new").made_room)
            .collect();
        assert!(made_room.iter().all(|alert| alert.ended == Some(now)));
        // What matters least first, then the oldest.
        let subjects: Vec<Subject> = made_room.iter().map(|alert| alert.subject).collect();
        let expected: Vec<Subject> = std::iter::once(device(KEPT)).chain((0..KEPT).map(device)).collect();
        assert_eq!(subjects, expected);
        let ids: Vec<u64> = alerts.iter().map(|alert| alert.id).collect();
        for number in 0..2 * KEPT {
            alerts.goes_on(unusual(1), device(number));
        }
        assert_eq!(alerts.iter().map(|alert| alert.id).collect::<Vec<_>>(), ids);
        assert!(alerts.iter().all(|alert| alert.count == 2));
        assert!(alerts.end(&unusual(0), device(0), now).is_none(), "it was ended");
    }

    #[test]
    fn what_goes_on_keeps_telling_of_the_largest_rate() {
        let mut alerts = Alerts::default();
        let now = Timestamp::from_unix_secs(1);
        alerts.raise(unusual(20), device(1), now);
        for mbps in [10, 40, 30] {
            alerts.goes_on(unusual(mbps), device(1));
        }
        let ended = alerts.end(&unusual(0), device(1), now).expect("it was open");
        assert_eq!((ended.kind, ended.count), (unusual(40), 4));
    }
}
