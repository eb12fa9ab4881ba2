//! Reports of machines about themselves: Zabbix, Munin, Checkmk, collectd, StatsD, Graphite, Ganglia, Beats…

use super::fields::{begins_with, is_text};
use super::ports::ONLY_PORT;
use super::{Finding, Layer, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::Update;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    if view.bytes.is_empty() {
        return Finding::No;
    }
    match view.layer {
        Layer::Stream => stream(view),
        Layer::Datagram => datagram(view),
    }
}

fn stream(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    match bytes {
        [b'Z', b'B', b'X', b'D', 0..=7, ..] => return found("Zabbix", Update, "a monitoring report"),
        [b'<', b'<', b'<', ..] if bytes.starts_with(b"<<<check_mk") || view.port(6556) => {
            return found("Checkmk", Update, "a monitoring report");
        }
        [b'#', ..] if bytes.starts_with(b"# munin node at") => return found("Munin", Update, "a monitoring report"),
        [b'-', b'-', b's', ..] if bytes.starts_with(b"--splunk-cooked-mode") => {
            return found("Splunk", Update, "logs for Splunk");
        }
        // Lumberjack (Elastic's Beats): a version, a window of that many records.
        [b'1' | b'2', b'W', ..] if be32(bytes, 2).is_some_and(|window| (1..100_000).contains(&window)) => {
            return found("Beats", Update, "logs for Logstash");
        }
        // Gearman (its protocol): a magic, a type, a length.
        [0, b'R', b'E', b'Q' | b'S', 0, 0, 0, 1..=42, ..] => return found("Gearman", Update, "a job for workers"),
        _ => {}
    }
    view.at_ports(|port| match port {
        10_050 | 10_051 => likely("Zabbix", Update, ONLY_PORT, "a message on the port of Zabbix"),
        4949 if begins_with(bytes, &[b"cap ", b"list", b"nodes", b"config ", b"fetch ", b"version", b"quit"]) => {
            found("Munin", Update, "a monitoring question")
        }
        6556 => likely("Checkmk", Update, ONLY_PORT, "a message on the port of Checkmk"),
        2003 if graphite(bytes) => found("Graphite", Update, "measurements for Graphite"),
        8125 | 8126 if statsd(bytes) => found("StatsD", Update, "measurements for StatsD"),
        5667 | 5668 if bytes.len() >= 4 => likely("NSCA", Update, ONLY_PORT, "a monitoring report"),
        8649 | 8651 if begins_with(bytes, &[b"<?xml", b"<GANGLIA"]) => found("Ganglia", Update, "a monitoring report"),
        1514 if bytes[0] == b'!' || bytes.get(4) == Some(&b'!') => found("Wazuh", Update, "a report of an agent"),
        24_224 | 24_284 if matches!(bytes[0], 0x92..=0x94) => found("Fluentd", Update, "logs for Fluentd"),
        _ => Finding::No,
    })
}

fn datagram(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    match bytes {
        // collectd (its binary protocol): a host's name first, then typed parts to the end.
        [0, 0, 0, 5..=0xff, b'!'..=b'~', ..] if collectd(bytes) => {
            return found("collectd", Update, "a monitoring report");
        }
        // GELF's chunks: a magic, an id, a number and a count.
        [0x1e, 0x0f, _, _, _, _, _, _, _, _, number, count, ..] if number < count && *count <= 128 => {
            return found("GELF", Update, "logs for Graylog");
        }
        [b'A'..=b'Z' | b'a'..=b'z' | b'_', ..] if statsd(bytes) => {
            let confidence = if view.any_port(&[8125, 8126]) { 95 } else { 82 };
            return likely("StatsD", Update, confidence, "measurements for StatsD");
        }
        [b'!', b'0'..=b'9', ..] if view.port(1514) => return found("Wazuh", Update, "a report of an agent"),
        _ => {}
    }
    view.at_ports(|port| match port {
        25_826 if be16(bytes, 0).is_some_and(|kind| kind <= 9 || kind >= 0x100) => {
            likely("collectd", Update, 85, "a monitoring report")
        }
        12_201 if matches!(bytes, [0x1f, 0x8b, ..] | [0x78, ..] | [b'{', ..]) => {
            found("GELF", Update, "logs for Graylog")
        }
        // Ganglia (gmond, protocol 3.1): formats 128 to 135.
        8649 if be32(bytes, 0).is_some_and(|format| (128..=136).contains(&format)) => {
            found("Ganglia", Update, "a monitoring report")
        }
        2003 if graphite(bytes) => found("Graphite", Update, "measurements for Graphite"),
        8089 | 8094 if is_text(bytes) && bytes.contains(&b'=') => {
            likely("InfluxDB", Update, 85, "measurements for InfluxDB")
        }
        6831 | 6832 if matches!(bytes[0], 0x82 | 0x80) => likely("Jaeger", Update, 85, "traces of programs"),
        _ => Finding::No,
    })
}

/// Parts of a type and a length that counts itself, to the end.
fn collectd(bytes: &[u8]) -> bool {
    let mut at = 0;
    for part in 0..100 {
        let (Some(kind), Some(length)) = (be16(bytes, at), be16(bytes, at + 2)) else {
            return part >= 2 && at == bytes.len();
        };
        if length < 4 || !matches!(kind, 0..=9 | 0x100 | 0x101 | 0x200 | 0x210) {
            return false;
        }
        at += usize::from(length);
    }
    false
}

/// "name:value|type" with one of the known types (StatsD, metric types; DogStatsD's d and tags).
fn statsd(bytes: &[u8]) -> bool {
    let line = &bytes[..bytes.len().min(200)];
    if !line.iter().take(3).all(|byte| byte.is_ascii_graphic()) {
        return false;
    }
    let line = line.split(|&byte| byte == b'\n').next().unwrap_or(line);
    let Some(colon) = line.iter().position(|&byte| byte == b':') else { return false };
    let Some(bar) = line[colon..].iter().position(|&byte| byte == b'|') else { return false };
    let (name, value, rest) = (&line[..colon], &line[colon + 1..colon + bar], &line[colon + bar + 1..]);
    let kind = rest.split(|&byte| matches!(byte, b'|' | b'\r')).next().unwrap_or(rest);
    name.len() >= 2
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/'))
        && !value.is_empty()
        && value.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e'))
        && matches!(kind, b"c" | b"g" | b"ms" | b"h" | b"s" | b"d" | b"m")
}

/// "path value time" in text.
fn graphite(bytes: &[u8]) -> bool {
    let line = &bytes[..bytes.len().min(200)];
    let line = line.split(|&byte| byte == b'\n').next().unwrap_or(line);
    let mut words = line.split(|&byte| byte == b' ');
    let (Some(path), Some(value), Some(_), None) = (words.next(), words.next(), words.next(), words.next()) else {
        return false;
    };
    path.contains(&b'.') && value.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'e' | b'+'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::specimen::check;
    use Layer::{Datagram, Stream};

    #[test]
    fn monitoring_is_known() {
        check(
            inspect,
            &[
                (Stream, 20_051, "'ZBXD' 01 0a 00*7 'agent.ping'", "Zabbix update"),
                (Stream, 6556, "'<<<check_mk>>>' 0a", "Checkmk update"),
                (Stream, 4949, "'# munin node at host' 0a", "Munin update"),
                (Stream, 4949, "'cap multigraph' 0a", "Munin update"),
                (Stream, 5044, "'2W' 00 00 00 02 '2J'", "Beats update"),
                (Stream, 9997, "'--splunk-cooked-mode-v3--' 00*20", "Splunk update"),
                (Stream, 4730, "00 'REQ' 00 00 00 01 00 00 00 04 'work'", "Gearman update"),
                (Stream, 2003, "'servers.a.load 1.5 1700000000' 0a", "Graphite update"),
                (Datagram, 25_826, "00 00 00 09 'host' 00 00 08 00 0c 00*8 00 02 00 08 'cpu' 00", "collectd update"),
                (Datagram, 8125, "'api.hits:1|c' 0a", "StatsD update"),
                (Datagram, 9125, "'api.time:12.5|ms|@0.1'", "StatsD update"),
                (Datagram, 9125, "'api.time:hello|x'", ""),
                (Datagram, 12_201, "1e 0f 00*8 00 02 'data'", "GELF update"),
                (Datagram, 8649, "00 00 00 85 00*20", "Ganglia update"),
            ],
        );
    }
}
