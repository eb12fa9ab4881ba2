//! `equalnet devices`

use super::{Finding, Talk, View, read};
use crate::paint::{Paint, letter};
use crate::table::{Align, Cell, Table};
use crate::text::{maybe_rate, moving, plain, rate, volume};
use wire::Device;

#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Args {
    /// Only those that get less than they want
    #[arg(long)]
    held: bool,
    #[command(flatten)]
    view: View,
}

pub(super) fn run(talk: &mut Talk, args: &Args) -> anyhow::Result<Finding> {
    let held = args.held;
    let wanted = move |client: &crate::client::Client| {
        let mut devices: Vec<Device> = read(client, "devices")?;
        devices.retain(|device| !held || is_held(device));
        devices.sort_by_key(|device| std::cmp::Reverse(device.usage.download.saturating_add(device.usage.upload)));
        Ok(devices)
    };
    talk.show(args.view, wanted, |devices, paint, _| text(devices, paint), |_| Finding::Fine)
}

fn is_held(device: &Device) -> bool {
    device.hold.download.is_some() || device.hold.upload.is_some()
}

fn text(devices: &[Device], paint: Paint) -> String {
    if devices.is_empty() {
        return "Nobody.\n".to_owned();
    }
    let mut table = Table::new(&[
        ("P", Align::Right),
        ("NAME", Align::Left),
        ("CLASS", Align::Left),
        ("↓ NOW", Align::Right),
        ("↑ NOW", Align::Right),
        ("↓ PREDICTED", Align::Right),
        ("↓ GETS", Align::Right),
        ("TODAY", Align::Right),
        ("", Align::Left),
    ]);
    for device in devices {
        let class = class_text(&device.main_class);
        let note = if is_held(device) { "held" } else { "" };
        table.row(vec![
            device.priority.to_string().into(),
            plain(&device.name).into(),
            Cell::painted(&class, paint.class(&device.main_class, &class)),
            moving(device.usage.download).into(),
            moving(device.usage.upload).into(),
            device.forecast.download.as_ref().map_or("–".to_owned(), |curve| rate(curve.mean15[0])).into(),
            maybe_rate(device.gets.download).into(),
            volume(device.volume_today.download.saturating_add(device.volume_today.upload)).into(),
            Cell::painted(note, paint.state(note, note)),
        ]);
    }
    table.render(paint)
}

/// Letter and word; a dot where nothing moves.
pub(super) fn class_text(class: &str) -> String {
    if class.is_empty() { "·".to_owned() } else { format!("{} {class}", letter(class)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{Directed, ForecastCurve, Hold};

    #[test]
    fn devices_stand_in_columns() {
        let laptop = Device {
            name: "Anna's laptop".to_owned(),
            priority: 1,
            main_class: "call".to_owned(),
            usage: Directed { download: 31_200_000, upload: 4_100_000 },
            forecast: Directed {
                download: Some(ForecastCurve { mean15: [33_000_000, 0, 0], ..ForecastCurve::default() }),
                upload: None,
            },
            gets: Directed { download: Some(40_000_000), upload: None },
            volume_today: Directed { download: 8_000_000_000, upload: 200_000_000 },
            ..Device::default()
        };
        let nas = Device {
            name: "NAS".to_owned(),
            priority: 5,
            hold: Directed { download: Some(Hold::default()), upload: None },
            ..Device::default()
        };
        assert_eq!(
            text(&[laptop, nas], Paint::Plain),
            "P  NAME           CLASS         ↓ NOW        ↑ NOW  ↓ PREDICTED       ↓ GETS    TODAY\n\
             1  Anna's laptop  C call  31.2 Mbit/s  4.10 Mbit/s  33.0 Mbit/s  40.0 Mbit/s  8.20 GB\n\
             5  NAS            ·                 ·            ·            –            –      0 B  held\n"
        );
        assert_eq!(text(&[], Paint::Plain), "Nobody.\n");
    }
}
