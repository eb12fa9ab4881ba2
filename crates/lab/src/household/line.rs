//! The line goes and comes back: as with a modem that dials again, the interface at its end is another.

use super::{Household, WAN, without_offloads};
use crate::shell;
use anyhow::{Context, Result, bail};
use std::time::{Duration, Instant};

/// The gateway's end of the line.
pub(crate) struct Line {
    mac: String,
    address: String,
    router: String,
}

impl Household {
    /// Takes the cable to the modem away, with the interface at its end; gives what [`Household::dial`] needs.
    pub(crate) fn hang_up(&self) -> Result<Line> {
        let (gateway, modem) = (self.gateway.name(), format!("{}-modem", self.id));
        let field = |text: &str, before: &str| -> Result<String> {
            let found = text.split_whitespace().skip_while(|word| *word != before).nth(1).map(str::to_owned);
            found.with_context(|| format!("no `{before}` in {text}"))
        };
        let line = Line {
            mac: field(&shell::run("ip", &["-n", gateway, "-o", "link", "show", "dev", WAN])?, "link/ether")?,
            address: field(&shell::run("ip", &["-n", gateway, "-4", "-o", "addr", "show", "dev", WAN])?, "inet")?,
            router: field(&shell::run("ip", &["-n", gateway, "-4", "route", "show", "default"])?, "via")?,
        };
        shell::run("ip", &["-n", gateway, "link", "del", WAN])?;
        // Its other end goes a moment later, with the last packet on it.
        let deadline = Instant::now() + Duration::from_secs(5);
        while shell::run("ip", &["-n", &modem, "-o", "link"])?.contains("cpe") {
            if Instant::now() > deadline {
                bail!("the modem's end of the cable stays");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(line)
    }

    /// Puts another cable in the place of `line`, with another interface of the same name and address at its end.
    pub(crate) fn dial(&self, line: &Line) -> Result<()> {
        let (gateway, modem) = (self.gateway.name(), format!("{}-modem", self.id));
        let cable =
            format!("link add {WAN} netns {gateway} address {} type veth peer name cpe netns {modem}\n", line.mac);
        shell::run_with_input("ip", &["-batch", "-"], &cable)?;
        shell::run("ip", &["-n", &modem, "link", "set", "cpe", "master", "br0", "up"])?;
        let rate = format!("{}bit", self.line_rate.download.as_bps());
        let limit = self.line_rate.download.over(self.modem_queue.download).0.to_string();
        let bucket = ["qdisc", "add", "dev", "cpe", "root", "tbf", "rate", &rate, "burst", "10kb", "limit", &limit];
        shell::run("tc", &[&["-n", &modem], &bucket[..]].concat())?;
        self.gateway.shell(&without_offloads(&[WAN]))?;
        self.gateway.ip(&format!(
            "addr add {} dev {WAN}\nlink set {WAN} up\nroute add default via {}\n",
            line.address, line.router
        ))
    }
}
