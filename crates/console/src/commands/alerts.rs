//! `equalnet alerts`

use super::{Finding, Talk, View, read};
use crate::paint::{Paint, sign};
use crate::text::{ago, plain};
use serde::Serialize;
use wire::{Alert, Device};

#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Args {
    /// Also those that have ended
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    view: View,
}

/// What is wrong, and where nobody can say yet. As JSON the alerts alone.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
struct Found {
    alerts: Vec<Alert>,
    /// Of how many devices it is not known yet what is usual.
    #[serde(skip)]
    learning: usize,
}

pub(super) fn run(talk: &mut Talk, args: &Args) -> anyhow::Result<Finding> {
    let all = args.all;
    let wanted = move |client: &crate::client::Client| {
        let mut alerts: Vec<Alert> = read(client, "alerts")?;
        alerts.retain(|alert| all || alert.ended_ms.is_none());
        let devices: Vec<Device> = read(client, "devices")?;
        let learning = devices.iter().filter(|device| device.habits == "learning").count();
        Ok(Found { alerts, learning })
    };
    talk.show(args.view, wanted, text, |found| finding(&found.alerts))
}

fn finding(alerts: &[Alert]) -> Finding {
    let needs_somebody = |alert: &Alert| alert.ended_ms.is_none() && alert.severity != "info";
    if alerts.iter().any(needs_somebody) { Finding::Problem } else { Finding::Fine }
}

fn text(Found { alerts, learning }: &Found, paint: Paint, now_ms: u64) -> String {
    let mut text = String::new();
    if alerts.is_empty() {
        text.push_str("Nothing needs you.\n");
    }
    for alert in alerts {
        let severity = format!("{} {:<8}", sign(&alert.severity), alert.severity);
        let times = if alert.count > 1 { format!(" ({} times)", alert.count) } else { String::new() };
        let ended = alert.ended_ms.map(|at| format!("  ended {}", ago(at, now_ms))).unwrap_or_default();
        text.push_str(&format!(
            "{}  {:>10}  {}{times}{}\n",
            paint.state(&alert.severity, &severity),
            ago(alert.at_ms, now_ms),
            plain(&alert.sentence),
            paint.dim(&ended)
        ));
    }
    if *learning > 0 {
        let devices = if *learning == 1 { "1 device".to_owned() } else { format!("{learning} devices") };
        let line = format!("Learning what is usual of {devices}: before a week nothing is called unusual.");
        text.push_str(&format!("{}\n", paint.dim(&line)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_say_how_bad_since_when_and_what() {
        let open = Alert {
            at_ms: 940_000,
            severity: "warning".to_owned(),
            count: 37,
            sentence: "NAS gets 3 of the 4 Mbit/s it is guaranteed.".to_owned(),
            ..Alert::default()
        };
        let ended = Alert {
            severity: "info".to_owned(),
            count: 1,
            ended_ms: Some(990_000),
            sentence: "ESP-3F21 is here for the first time.".to_owned(),
            ..Alert::default()
        };
        let shown =
            |alerts: &[Alert], learning| text(&Found { alerts: alerts.to_vec(), learning }, Paint::Plain, 1_000_000);
        assert_eq!(
            shown(&[open.clone(), ended.clone()], 0),
            "⚠ warning    1 min ago  NAS gets 3 of the 4 Mbit/s it is guaranteed. (37 times)\n\
             ⓘ info      16 min ago  ESP-3F21 is here for the first time.  ended 10 s ago\n"
        );
        assert_eq!(finding(&[open, ended.clone()]), Finding::Problem);
        assert_eq!(finding(&[ended]), Finding::Fine);
        assert_eq!(shown(&[], 0), "Nothing needs you.\n");
        assert_eq!(
            shown(&[], 3),
            "Nothing needs you.\nLearning what is usual of 3 devices: before a week nothing is called unusual.\n"
        );
    }
}
