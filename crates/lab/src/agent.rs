//! A process of the household: what it is told to do (one JSON argument) and what it tells (JSON lines).
//!
//! An agent works until its standard input ends, then says what it has left to say and ends too: an agent
//! whose owner is gone cannot stay.

use crate::household::Place;
use crate::namespace::{Namespace, Urgency};
use crate::{AGENT_WORD, agents};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What an agent does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Activity {
    /// Asks for an address by DHCP, says it and ends.
    Lease {
        /// On which interface.
        interface: String,
        /// Under which name (DHCP option 12).
        name: String,
    },
    /// Serves pages, files and films: HTTP, HTTPS and HTTP over QUIC, for every name in the world.
    ServeFiles {
        /// Where to put the certificate of the household's own authority.
        authority: PathBuf,
    },
    /// Serves what answers packet by packet: calls, meetings, shells, games, VPN, time.
    ServeLive,
    /// A phone call (SIP, then RTP with G.711, 50 packets/s each way).
    Voice,
    /// A video meeting (STUN, then RTP: sound and ~1.5 Mbit/s of picture each way).
    Meeting,
    /// A film over HTTPS: a segment each 4 s.
    Film {
        /// Rate of the film, bit/s of payload.
        rate: u64,
        /// What it says of where it comes from.
        naming: Naming,
    },
    /// A phone call of which nothing can be read: no SIP, no STUN, every byte encrypted.
    MaskedVoice,
    /// Reads pages over HTTPS, with time to think.
    Browse,
    /// Reads pages over QUIC, with time to think.
    BrowseQuic,
    /// Fetches over HTTPS (or HTTP) as fast as it comes, again and again.
    Fetch {
        /// From whom.
        server: String,
        /// How many flows at once.
        flows: u32,
        /// Over TLS, or in the clear.
        security: Security,
        /// How much each request asks for, bytes; at the end of one the next begins.
        bytes: u64,
    },
    /// Sends over HTTPS as fast as it goes.
    Send {
        /// To whom.
        server: String,
        /// How many flows at once.
        flows: u32,
    },
    /// Gives copies to other devices of the house.
    Give {
        /// How fast, bit/s of payload.
        rate: u64,
    },
    /// Takes a copy from another device of the house.
    Take {
        /// From which.
        from: std::net::Ipv4Addr,
    },
    /// Types in a remote shell (SSH on port 22).
    Shell,
    /// Plays (query, then 30 small packets a second each way, UDP).
    Play,
    /// Works over a VPN (WireGuard's packets, UDP).
    Vpn,
    /// Asks for the time every few seconds (NTP).
    Clock,
    /// Is many devices at once.
    Crowd {
        /// How many.
        devices: u32,
        /// Who serves them.
        server: Ipv4Addr,
    },
    /// Serves many devices at once.
    ServeCrowd {
        /// How many.
        devices: u32,
        /// What all of them are sent together, bit/s, layer 2.
        rate: u64,
    },
    /// Reads the interface's counters again and again.
    Meter {
        /// Of which interface.
        interface: String,
        /// How often, milliseconds.
        every_ms: u64,
    },
}

/// What a flow says of its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Naming {
    /// Its name: asked of DNS, and in the TLS hello.
    Said,
    /// Only the public name of the provider, as with an encrypted hello (ECH); DNS was asked out of sight.
    Outer,
}

/// Whether a flow is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// HTTPS on port 443.
    Tls,
    /// HTTP on port 80.
    Clear,
}

/// What an agent tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "told", rename_all = "snake_case")]
pub enum Event {
    /// It serves, or its flow stands.
    Ready,
    /// It has an address.
    Leased {
        /// The address, with the length of its prefix.
        address: String,
        /// The gateway.
        router: String,
    },
    /// It opened a flow.
    Flow {
        /// `tcp` or `udp`.
        protocol: String,
        /// Its own end.
        local: SocketAddr,
        /// The other end.
        remote: SocketAddr,
        /// What the flow truly is for.
        class: String,
    },
    /// Round trips of a call's packets.
    Rtt {
        /// In order of sending.
        samples: Vec<RttSample>,
    },
    /// Bytes moved since the last such event.
    Moved {
        /// When, milliseconds since 1970.
        at_ms: u64,
        /// Over how long, microseconds.
        over_us: u64,
        /// Towards the device.
        download: u64,
        /// From the device.
        upload: u64,
    },
    /// A piece of a film or a page is there.
    Loaded {
        /// When it was asked for, milliseconds since 1970.
        at_ms: u64,
        /// How long it took, milliseconds.
        took_ms: u64,
    },
    /// What it sent and got back in all, packet by packet.
    Counted {
        /// Packets sent.
        sent: u64,
        /// Packets that came back.
        returned: u64,
    },
    /// Something went wrong, and it goes on.
    Trouble {
        /// What.
        text: String,
    },
}

/// The round trip of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RttSample {
    /// When it was sent, milliseconds since 1970.
    pub at_ms: u64,
    /// How long it took, microseconds; `None` if it never came back.
    pub rtt_us: Option<u32>,
}

/// An event and who told it.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The agent's number: [`Agent::number`].
    pub agent: u32,
    /// Where it lives.
    pub place: Place,
    /// What it told.
    pub event: Event,
}

/// An agent at work; dropping it ends it at once.
#[derive(Debug)]
pub struct Agent {
    child: Child,
    number: u32,
    activity: Activity,
}

impl Agent {
    pub(crate) fn start(
        program: &Path,
        namespace: &Namespace,
        place: Place,
        number: u32,
        activity: Activity,
        authority: &Path,
        reports: Sender<Report>,
    ) -> Result<Agent> {
        let urgency = match activity {
            Activity::ServeLive | Activity::Voice | Activity::Meter { .. } => Urgency::Measuring,
            Activity::Lease { .. }
            | Activity::ServeFiles { .. }
            | Activity::Meeting
            | Activity::Film { .. }
            | Activity::MaskedVoice
            | Activity::Browse
            | Activity::BrowseQuic
            | Activity::Fetch { .. }
            | Activity::Send { .. }
            | Activity::Give { .. }
            | Activity::Take { .. }
            | Activity::Shell
            | Activity::Play
            | Activity::Vpn
            | Activity::Clock
            | Activity::Crowd { .. }
            | Activity::ServeCrowd { .. } => Urgency::Normal,
        };
        let order = Order { activity: activity.clone(), authority: authority.to_owned() };
        let mut child = namespace
            .command(program.as_os_str(), urgency)
            .arg(AGENT_WORD)
            .arg(serde_json::to_string(&order).expect("an order is plain data"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start `nsenter` (package util-linux)")?;
        let stdout = BufReader::new(child.stdout.take().expect("was piped"));
        std::thread::spawn(move || {
            for line in stdout.lines() {
                let Ok(line) = line else { break };
                let event = serde_json::from_str(&line)
                    .unwrap_or_else(|error| Event::Trouble { text: format!("not an event ({error}): {line}") });
                if reports.send(Report { agent: number, place: place.clone(), event }).is_err() {
                    break;
                }
            }
        });
        Ok(Agent { child, number, activity })
    }

    /// Its number in this household.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// What it does.
    pub fn activity(&self) -> &Activity {
        &self.activity
    }

    /// Lets it say what it has left to say, and ends it.
    pub fn finish(mut self) {
        drop(self.child.stdin.take());
        let deadline = Instant::now() + LAST_WORDS * 2;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long an agent may take to end after it was told to: longer than any packet waits in the modem.
const LAST_WORDS: Duration = Duration::from_millis(2_000);

#[derive(Serialize, Deserialize)]
struct Order {
    activity: Activity,
    authority: PathBuf,
}

/// What an agent works with.
#[derive(Clone)]
pub(crate) struct Stage {
    /// Set when it is time to end.
    pub(crate) over: Arc<AtomicBool>,
    /// The certificate of the household's own authority.
    pub(crate) authority: PathBuf,
}

impl Stage {
    /// Whether it is time to end.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Sleeps until `instant` or until it is time to end.
    pub(crate) fn sleep_until(&self, instant: Instant) {
        while !self.is_over() {
            let left = instant.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(Duration::from_millis(100)));
        }
    }

    /// Sleeps for `time` or until it is time to end.
    pub(crate) fn sleep(&self, time: Duration) {
        self.sleep_until(Instant::now() + time);
    }
}

/// The agent's own life.
pub(crate) fn run(order: &str) -> Result<()> {
    let Order { activity, authority } = serde_json::from_str(order).context("an agent's order")?;
    let stage = Stage { over: Arc::new(AtomicBool::new(false)), authority };
    let over = Arc::clone(&stage.over);
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        over.store(true, Ordering::Relaxed);
        // Whoever is stuck in a socket is ended with the process.
        std::thread::sleep(LAST_WORDS);
        std::process::exit(0);
    });
    agents::act(&stage, activity)
}

/// Tells the owner.
pub(crate) fn tell(event: &Event) {
    let mut line = serde_json::to_string(event).expect("an event is plain data");
    line.push('\n');
    // An owner that is gone hears nothing; the end of standard input ends us.
    let _ = std::io::stdout().lock().write_all(line.as_bytes());
}

/// Tells the owner of a new flow.
pub(crate) fn tell_flow(protocol: &str, local: SocketAddr, remote: SocketAddr, class: vocab::TrafficClass) {
    tell(&Event::Flow { protocol: protocol.to_owned(), local, remote, class: class.name().to_owned() });
}

/// Tells the owner that something went wrong.
pub(crate) fn trouble(what: &str, error: &dyn std::fmt::Display) {
    tell(&Event::Trouble { text: format!("{what}: {error}") });
}

/// Writes to standard error.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "lab: {text}");
}

/// Milliseconds since 1970-01-01 UTC.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64)
}
