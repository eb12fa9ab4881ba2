//! `equalnet flows`

use super::devices::class_text;
use super::{Finding, Talk, View, read};
use crate::paint::Paint;
use crate::table::{Align, Cell, Table};
use crate::text::{ago, plain, volume};
use wire::Flow;

#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Only of this device
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// Only of this class
    #[arg(long, value_parser = CLASSES)]
    class: Option<String>,
    /// How many, those that moved most
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    limit: u16,
    #[command(flatten)]
    view: View,
}

/// All classes, the most protected first.
pub(super) const CLASSES: [&str; 11] = [
    "voice",
    "call",
    "gaming",
    "interactive",
    "web",
    "streaming",
    "work",
    "download",
    "backup",
    "update",
    "unclassified",
];

pub(super) fn run(talk: &mut Talk, args: &Args) -> anyhow::Result<Finding> {
    let mut path = format!("flows?limit={}", args.limit);
    if let Some(text) = &args.device {
        path.push_str(&format!("&device={}", talk.find_device(text)?.id));
    }
    if let Some(class) = &args.class {
        path.push_str(&format!("&class={class}"));
    }
    talk.show(
        args.view,
        |client| read::<Vec<Flow>>(client, &path),
        |flows, paint, now_ms| text(flows, paint, now_ms),
        |_| Finding::Fine,
    )
}

fn text(flows: &[Flow], paint: Paint, now_ms: u64) -> String {
    if flows.is_empty() {
        return "Nobody talks.\n".to_owned();
    }
    let mut table = Table::new(&[
        ("CLASS", Align::Left),
        ("FROM", Align::Left),
        ("TO", Align::Left),
        ("WHAT", Align::Left),
        ("↓", Align::Right),
        ("↑", Align::Right),
        ("LAST", Align::Right),
        ("SURE", Align::Right),
    ]);
    for flow in flows {
        let word = class_text(&flow.class);
        let what = if flow.application.is_empty() { flow.protocol.clone() } else { plain(&flow.application) };
        table.row(vec![
            Cell::painted(&word, paint.class(&flow.class, &word)),
            from(flow).into(),
            to(flow).into(),
            what.into(),
            volume(flow.bytes.download).into(),
            volume(flow.bytes.upload).into(),
            ago(flow.last_seen_ms, now_ms).into(),
            format!("{:.0} %", flow.confidence * 100.0).into(),
        ]);
    }
    table.render(paint)
}

/// The end that sent the first packet.
pub(super) fn from(flow: &Flow) -> String {
    end(&flow.source_ip, flow.source_port)
}

/// The other end, by its name where that is known.
pub(super) fn to(flow: &Flow) -> String {
    if flow.server_name.is_empty() {
        end(&flow.destination_ip, flow.destination_port)
    } else {
        format!("{}:{}", plain(&flow.server_name), flow.destination_port)
    }
}

pub(super) fn end(ip: &str, port: u16) -> String {
    match (ip.contains(':'), port) {
        (_, 0) => ip.to_owned(),
        (true, port) => format!("[{ip}]:{port}"),
        (false, port) => format!("{ip}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::Directed;

    #[test]
    fn flows_name_the_server_where_it_is_known() {
        let zoom = Flow {
            protocol: "udp".to_owned(),
            source_ip: "192.168.1.20".to_owned(),
            source_port: 50_000,
            destination_ip: "198.51.100.7".to_owned(),
            destination_port: 8801,
            class: "call".to_owned(),
            application: "Zoom".to_owned(),
            server_name: "zoom.us".to_owned(),
            confidence: 0.95,
            bytes: Directed { download: 1_000_000, upload: 20 },
            last_seen_ms: 1_000,
            ..Flow::default()
        };
        let ping = Flow {
            protocol: "icmpv6".to_owned(),
            source_ip: "fd00::1".to_owned(),
            destination_ip: "fd00::2".to_owned(),
            class: "unclassified".to_owned(),
            ..Flow::default()
        };
        assert_eq!(
            text(&[zoom, ping], Paint::Plain, 1_000),
            "CLASS           FROM                TO            WHAT          ↓     ↑     LAST  SURE\n\
             C call          192.168.1.20:50000  zoom.us:8801  Zoom    1.00 MB  20 B      now  95 %\n\
             ? unclassified  fd00::1             fd00::2       icmpv6      0 B   0 B  1 s ago   0 %\n"
        );
        assert_eq!(end("fd00::1", 53), "[fd00::1]:53");
    }
}
