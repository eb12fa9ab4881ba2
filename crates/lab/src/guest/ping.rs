//! Round trips of ICMP, measured by the kernel's own timestamps: traffic that nobody knows to be urgent.

use crate::namespace::{Namespace, Urgency};
use crate::report::RoundTrips;
use anyhow::{Context, Result};
use std::ffi::OsStr;
use std::net::Ipv4Addr;
use std::process::{Child, Stdio};
use std::time::Duration;

/// Fifty a second, as a call.
const INTERVAL: Duration = Duration::from_millis(20);

/// A ping under way.
pub(super) struct Ping(Child);

impl Ping {
    /// Pings `address` from inside `namespace` for `time`.
    pub(super) fn start(namespace: &Namespace, address: Ipv4Addr, time: Duration) -> Result<Ping> {
        let count = time.as_millis() / INTERVAL.as_millis();
        let child = namespace
            .command(OsStr::new("ping"), Urgency::Measuring)
            .args(["-n", "-W", "2", "-i", &INTERVAL.as_secs_f64().to_string(), "-c", &count.to_string()])
            .arg(address.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start `ping` (package iputils-ping)")?;
        Ok(Ping(child))
    }

    /// Waits for the last one.
    pub(super) fn finish(self) -> Result<RoundTrips> {
        let output = self.0.wait_with_output()?;
        Ok(read(&String::from_utf8_lossy(&output.stdout)))
    }
}

fn read(text: &str) -> RoundTrips {
    let times =
        text.lines().filter_map(|line| line.split_once("time=")?.1.split_whitespace().next()?.parse().ok()).collect();
    let sent = text.lines().find_map(|line| line.split_once(" packets transmitted")?.0.trim().parse().ok());
    let trips = RoundTrips::of_times(times);
    RoundTrips { lost: sent.unwrap_or(0u64).saturating_sub(trips.samples), ..trips }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pings_are_read_as_they_are_written() {
        let text = "PING 203.0.113.30 (203.0.113.30) 56(84) bytes of data.\n\
                    64 bytes from 203.0.113.30: icmp_seq=1 ttl=63 time=20.4 ms\n\
                    64 bytes from 203.0.113.30: icmp_seq=3 ttl=63 time=121 ms\n\
                    \n--- 203.0.113.30 ping statistics ---\n\
                    3 packets transmitted, 2 received, 33% packet loss, time 41ms\n\
                    rtt min/avg/max/mdev = 20.4/70.7/121.0/50.3 ms\n";
        assert_eq!(read(text), RoundTrips { p50: 20.4, p99: 121.0, samples: 2, lost: 1 });
    }
}
