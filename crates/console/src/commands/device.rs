//! `equalnet device <name>`

use super::devices::class_text;
use super::{Finding, Talk, View, read};
use crate::find::find;
use crate::paint::Paint;
use crate::text::{ago, count, maybe_rate, plain, rate, volume};
use wire::{Device, Directed, Fare, ForecastCurve, Grade};

#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Its name, the beginning of it, its IP or its MAC address
    device: String,
    #[command(flatten)]
    view: View,
}

pub(super) fn run(talk: &mut Talk, args: &Args) -> anyhow::Result<Finding> {
    let one = |client: &crate::client::Client| {
        let devices: Vec<Device> = read(client, "devices")?;
        Ok(find(&devices, &args.device)?.clone())
    };
    talk.show(args.view, one, text, |_| Finding::Fine)
}

fn text(device: &Device, paint: Paint, now_ms: u64) -> String {
    let mut lines = vec![paint.head(&plain(&device.name))];
    let mut line = |word: &str, value: String| {
        if !value.is_empty() {
            lines.push(format!("{word:<11}{value}"));
        }
    };
    line("is", plain([device.vendor.as_str(), device.kind.as_str()].join(" ").trim()));
    line("id", device.id.clone());
    line("addresses", device.addresses.join(", "));
    line("seen", format!("{}, first {}", ago(device.last_seen_ms, now_ms), ago(device.first_seen_ms, now_ms)));
    line("priority", format!("{} (1 is served first), weight {}", device.priority, device.weight));
    let none = |text: &String| if text.is_empty() { "none".to_owned() } else { text.clone() };
    line("guarantee", both(none(&device.guarantee.download), none(&device.guarantee.upload)));
    let ceiling = |rate: Option<u64>| rate.map_or_else(|| "none".to_owned(), crate::text::rate);
    line("ceiling", both(ceiling(device.ceiling.download), ceiling(device.ceiling.upload)));
    line("moves", both_rates(device.usage));
    line("predicted", both(predicted(&device.forecast.download), predicted(&device.forecast.upload)));
    line("gets", both(maybe_rate(device.gets.download), maybe_rate(device.gets.upload)));
    line("today", both(volume(device.volume_today.download), volume(device.volume_today.upload)));
    line(
        "habits",
        match device.habits.as_str() {
            "kept" => "as usual at such a time".to_owned(),
            "broken" => "never seen at such a time".to_owned(),
            "learning" => "learning what is usual, a week or two".to_owned(),
            _ => String::new(),
        },
    );
    line("round trip", fares(&device.fare));
    line("under load", device.fare.grade.as_ref().map(graded).unwrap_or_default());
    line("flows", device.flows.to_string());
    for class in &device.classes {
        let word = class_text(&class.class);
        lines.push(format!("  {}{}", paint.class(&class.class, &format!("{word:<16}")), both_rates(class.usage)));
    }
    for hold in [&device.hold.download, &device.hold.upload].into_iter().flatten() {
        lines.push(paint.state("held", &plain(&hold.sentence)));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// What was measured, in words; empty where nothing was.
fn fares(fare: &Fare) -> String {
    let parts = [
        fare.rtt_lan_ms.map(|ms| format!("{ms:.1} ms to the device")),
        fare.rtt_wan_ms.map(|ms| format!("{ms:.1} ms beyond the gateway")),
        fare.retransmitted_percent.map(|percent| format!("{percent:.1} % sent again")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// What queues add, in words.
pub(super) fn graded(grade: &Grade) -> String {
    format!(
        "{}: {:.0} ms more in {} busy seconds",
        plain(&grade.grade),
        grade.added_ms,
        count(u64::from(grade.seconds))
    )
}

fn both(down: String, up: String) -> String {
    format!("↓ {down:<12}  ↑ {up}")
}

fn both_rates(rates: Directed<u64>) -> String {
    both(rate(rates.download), rate(rates.upload))
}

fn predicted(forecast: &Option<ForecastCurve>) -> String {
    match forecast {
        None => "–".to_owned(),
        Some(curve) if curve.learning => "learning".to_owned(),
        Some(curve) => format!("{}, at most {}", rate(curve.mean15[0]), rate(curve.mean15[1])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{ClassUsage, Hold};

    #[test]
    fn one_device_in_full() {
        let device = Device {
            id: "a4:5e:60:00:00:01".to_owned(),
            name: "NAS".to_owned(),
            vendor: "Synology".to_owned(),
            addresses: vec!["192.168.1.9".to_owned()],
            last_seen_ms: 999_000,
            priority: 5,
            weight: 1.0,
            guarantee: Directed { download: "10 %".to_owned(), upload: String::new() },
            ceiling: Directed { download: None, upload: Some(15_000_000) },
            usage: Directed { download: 9_900_000, upload: 100_000 },
            classes: vec![ClassUsage {
                class: "backup".to_owned(),
                usage: Directed { download: 9_900_000, upload: 100_000 },
                ..ClassUsage::default()
            }],
            gets: Directed { download: Some(10_000_000), upload: None },
            hold: Directed {
                download: Some(Hold { sentence: "It waits.".to_owned(), ..Hold::default() }),
                upload: None,
            },
            habits: "learning".to_owned(),
            fare: Fare {
                rtt_lan_ms: Some(3.04),
                rtt_wan_ms: Some(21.5),
                retransmitted_percent: None,
                grade: Some(Grade { grade: "A".to_owned(), added_ms: 12.4, seconds: 34 }),
            },
            flows: 3,
            ..Device::default()
        };
        assert_eq!(
            text(&device, Paint::Plain, 1_000_000),
            "NAS\n\
             is         Synology\n\
             id         a4:5e:60:00:00:01\n\
             addresses  192.168.1.9\n\
             seen       1 s ago, first 16 min ago\n\
             priority   5 (1 is served first), weight 1\n\
             guarantee  ↓ 10 %          ↑ none\n\
             ceiling    ↓ none          ↑ 15.0 Mbit/s\n\
             moves      ↓ 9.90 Mbit/s   ↑ 100 kbit/s\n\
             predicted  ↓ –             ↑ –\n\
             gets       ↓ 10.0 Mbit/s   ↑ –\n\
             today      ↓ 0 B           ↑ 0 B\n\
             habits     learning what is usual, a week or two\n\
             round trip 3.0 ms to the device, 21.5 ms beyond the gateway\n\
             under load A: 12 ms more in 34 busy seconds\n\
             flows      3\n  \
             B backup        ↓ 9.90 Mbit/s   ↑ 100 kbit/s\n\
             It waits.\n"
        );
    }
}
