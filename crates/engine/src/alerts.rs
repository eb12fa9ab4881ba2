//! What a person should know: raised once, counted while it lasts, ended when it is over.

use std::collections::VecDeque;
use std::mem::discriminant;
use vocab::{Alert, AlertKind, Severity, Subject, Timestamp};

/// Alerts kept for the snapshot.
const KEPT: usize = 100;

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
    pub fn raise(&mut self, kind: AlertKind, subject: Subject, now: Timestamp) -> Option<Alert> {
        if let Some(open) = self.open(&kind, subject) {
            open.count = open.count.saturating_add(1);
            open.kind = kind;
            return None;
        }
        self.next_id += 1;
        let alert =
            Alert { id: self.next_id, at: now, severity: severity(&kind), kind, subject, count: 1, ended: None };
        if self.alerts.len() == KEPT {
            let over = self.alerts.iter().position(|alert| alert.ended.is_some()).unwrap_or(0);
            self.alerts.remove(over);
        }
        self.alerts.push_back(alert.clone());
        Some(alert)
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

fn severity(kind: &AlertKind) -> Severity {
    match kind {
        AlertKind::PlanFailed { .. } | AlertKind::RecordingStopped { .. } => Severity::Critical,
        AlertKind::CaptureLoss { .. }
        | AlertKind::GuaranteeMissed { .. }
        | AlertKind::Unusual { .. }
        | AlertKind::FlowTableFull => Severity::Warning,
        AlertKind::NewDevice => Severity::Info,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
