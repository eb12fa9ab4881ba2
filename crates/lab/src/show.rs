//! What a demo shows its reader beside the dashboard: lines, a bar, the way in.

use crate::shell;
use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What the reader sees while it goes on.
pub(crate) struct Show {
    bar: ProgressBar,
    begun: Option<Instant>,
    interrupted: Arc<AtomicBool>,
}

impl Show {
    /// A story of `duration`, which ends early once `interrupted` is set.
    pub(crate) fn new(duration: Duration, interrupted: Arc<AtomicBool>) -> Show {
        let bar = ProgressBar::new(duration.as_secs());
        let style = ProgressStyle::with_template("  {bar:40} {pos:>3}/{len} s  {msg}").expect("a fixed template");
        bar.set_style(style);
        Show { bar, begun: None, interrupted }
    }

    /// A line for the reader.
    pub(crate) fn say(&self, text: &str) {
        // A terminal that is gone is no reason to stop halfway.
        self.bar.suspend(|| drop(writeln!(std::io::stdout(), "{text}")));
    }

    /// The next part of the story; the first one sets the time going.
    pub(crate) fn chapter(&mut self, text: &str) {
        self.begun.get_or_insert_with(Instant::now);
        self.say(text);
        self.bar.set_message(text.to_owned());
    }

    /// Moves the bar; an error if somebody asked to stop.
    pub(crate) fn tick(&self) -> Result<()> {
        if self.interrupted.load(Ordering::Relaxed) {
            self.bar.finish_and_clear();
            bail!("interrupted; everything is taken away");
        }
        self.bar.set_position(self.begun.map_or(0, |begun| begun.elapsed().as_secs()));
        Ok(())
    }

    /// Takes the bar away.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// A socket on 127.0.0.1, at `port` or, where that is taken, at any.
pub(crate) fn listen(port: u16) -> Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .context("cannot listen on 127.0.0.1")
}

/// A password for as long as the demo runs: 80 bits of the system's chance.
pub(crate) fn password() -> String {
    let chance = || RandomState::new().build_hasher().finish();
    let text = format!("{:016x}{:04x}", chance(), chance() & 0xffff);
    let words: Vec<&str> = [0, 5, 10, 15].iter().map(|from| &text[*from..from + 5]).collect();
    words.join("-")
}

/// Shows the dashboard, where there is a desktop.
pub(crate) fn open_browser(address: SocketAddr) {
    let has_desktop = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some());
    if has_desktop && shell::is_installed("xdg-open") {
        // A browser that does not open is no failure: the address stands above.
        let _ = shell::run("xdg-open", &[&format!("http://{address}/")]);
    }
}

/// Says where the dashboard is and how to log in.
pub(crate) fn way_in(show: &Show, address: SocketAddr, password: &str) {
    show.say(&format!("  log in as `admin` with the password `{password}`"));
    show.say(&format!(
        "  from another machine: ssh -L {port}:127.0.0.1:{port} <this machine>, then the same address",
        port = address.port()
    ));
}

/// A flag that Ctrl-C and SIGTERM set.
pub(crate) fn interrupted() -> Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&interrupted))?;
    }
    Ok(interrupted)
}
