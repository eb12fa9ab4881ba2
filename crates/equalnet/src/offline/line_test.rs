//! `equalnet test`: what a line carries, and what it adds to round trips while it is full, by flows of our own.

mod protocol;
pub mod serve;

use anyhow::{Context, Result, bail};
use protocol::{Hello, Kind, PATIENCE, PORT, PROBE_BYTES, PROBE_EVERY, probe, probe_of, read_line};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{BufReader, IsTerminal, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use vocab::{ByteCount, Grade};

/// The idle line is measured for so long.
const IDLE: Duration = Duration::from_secs(3);

/// Of a phase, what is left out at its beginning: senders still grow.
const WARM_UP: Duration = Duration::from_secs(1);

/// A probe that is not back after this is lost.
const LOST_AFTER: Duration = Duration::from_secs(1);

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "The server is a machine of your own beyond the line, with `equalnet serve-test`.\n\n\
    What shaping is worth, without touching traffic that others depend on:\n  \
    equalnet mode observe && equalnet test --server HOST --token T --save before.json\n  \
    equalnet mode control && equalnet test --server HOST --token T --compare before.json\n\n\
    It fills the line: calls suffer for these seconds where nothing is shaped.\n\
    Grades: A+ below 5 ms added, A 30, B 60, C 200, D 400, else F (dslreports.com, FAQ 17930).")]
pub struct Arguments {
    /// The machine with `equalnet serve-test`
    #[arg(long, value_name = "HOST[:PORT]")]
    server: String,
    /// The word that `serve-test` shows
    #[arg(long, value_name = "WORD")]
    token: String,
    /// How long each direction is filled
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(2..=60))]
    seconds: u64,
    /// Flows in each direction
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=16))]
    flows: u64,
    /// Keep the result here, to compare with later
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Show an earlier result beside this one
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// JSON for machines
    #[arg(long)]
    json: bool,
}

/// What a test found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// Of the idle line.
    pub idle: Latency,
    /// What it carried downwards, bit/s, and the round trips meanwhile.
    pub download: Filled,
    /// What it carried upwards.
    pub upload: Filled,
    /// What was added on average, of both directions the mean, ms.
    pub added_ms: Option<f64>,
    /// That as a grade.
    pub grade: Option<String>,
}

/// Round trips of probes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Probes sent, and those that did not come back.
    pub sent: u32,
    /// Did not come back within a second.
    pub lost: u32,
    /// Absent where none came back.
    pub mean_ms: Option<f64>,
    /// Half were shorter.
    pub p50_ms: Option<f64>,
    /// Ninety-nine of a hundred were shorter.
    pub p99_ms: Option<f64>,
}

/// A direction while it was full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Filled {
    /// What it carried, bit/s of data.
    pub rate: u64,
    /// The round trips meanwhile.
    pub latency: Latency,
}

/// Tests, shows, keeps.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    // Before the line is filled for nothing.
    let before = arguments.compare.as_deref().map(read).transpose()?;
    let found = test(arguments, &mut Bar::new())?;
    if let Some(file) = &arguments.save {
        let text = serde_json::to_string_pretty(&found)?;
        std::fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))?;
    }
    if arguments.json {
        println!("{}", serde_json::json!({ "found": found, "before": before }));
    } else {
        print!("{}", text(&found, before.as_ref()));
    }
    Ok(ExitCode::SUCCESS)
}

fn read(file: &Path) -> Result<Found> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no result of `equalnet test --save`", file.display()))
}

fn test(arguments: &Arguments, bar: &mut Bar) -> Result<Found> {
    let far = Far {
        address: resolve(&arguments.server)?,
        token: arguments.token.clone(),
        flows: arguments.flows,
        time: Duration::from_secs(arguments.seconds),
    };
    let idle = far.during(far.probing(IDLE)?, IDLE, || bar.wait("idle", IDLE, &AtomicU64::new(0)))?.0;
    let download = far.filled(Kind::Download, bar)?;
    let upload = far.filled(Kind::Upload, bar)?;
    bar.clear();
    let added = |filled: &Filled| Some((filled.latency.mean_ms? - idle.p50_ms?).max(0.0));
    let added_ms = added(&download).zip(added(&upload)).map(|(down, up)| (down + up) / 2.0);
    let grade = added_ms.map(|ms| Grade::of(Duration::from_secs_f64(ms / 1_000.0)).name().to_owned());
    Ok(Found { idle, download, upload, added_ms, grade })
}

fn resolve(server: &str) -> Result<SocketAddr> {
    let found = server.to_socket_addrs().or_else(|_| (server, PORT).to_socket_addrs());
    let found = found.ok().and_then(|mut addresses| addresses.next());
    found.with_context(|| format!("{server}: no such machine. Write its name or address, with :PORT if not {PORT}"))
}

/// The other end.
struct Far {
    address: SocketAddr,
    token: String,
    flows: u64,
    time: Duration,
}

impl Far {
    fn open(&self, kind: Kind, seconds: u64) -> Result<(BufReader<TcpStream>, String)> {
        let story =
            || format!("{} does not answer. Does `equalnet serve-test` run there, and is its port open?", self.address);
        let flow = TcpStream::connect_timeout(&self.address, PATIENCE).with_context(story)?;
        flow.set_read_timeout(Some(PATIENCE))?;
        flow.set_write_timeout(Some(PATIENCE))?;
        let hello = Hello { token: self.token.clone(), kind, seconds };
        (&flow).write_all(hello.line().as_bytes()).with_context(story)?;
        let mut flow = BufReader::new(flow);
        let answer = read_line(&mut flow, Instant::now() + PATIENCE).with_context(story)?;
        match answer.trim_end().split_once(' ').unwrap_or((answer.trim_end(), "")) {
            ("OK", rest) => Ok((flow, rest.to_owned())),
            ("NO", reason) => bail!("{} refuses: {reason}", self.address),
            _ => bail!("{} is no `equalnet serve-test`", self.address),
        }
    }

    /// The number by which probes are sent back for this time.
    fn probing(&self, time: Duration) -> Result<u64> {
        let (_, number) = self.open(Kind::Probe, (time + PATIENCE).as_secs())?;
        number.parse().context("the server gave no number for probes")
    }

    /// Round trips while `act` runs, for so long.
    fn during<T>(&self, number: u64, time: Duration, act: impl FnOnce() -> T) -> Result<(Latency, T)> {
        let socket = UdpSocket::bind(if self.address.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" })?;
        socket.connect(self.address)?;
        std::thread::scope(|scope| {
            let probes = scope.spawn(move || probes(&socket, number, time));
            let acted = act();
            let latency = probes.join().map_err(|_| anyhow::anyhow!("the probes ended"))?;
            Ok((latency, acted))
        })
    }

    fn filled(&self, kind: Kind, bar: &mut Bar) -> Result<Filled> {
        let (number, seconds) = (self.probing(self.time)?, self.time.as_secs());
        let flows: Vec<BufReader<TcpStream>> =
            (0..self.flows).map(|_| Ok(self.open(kind, seconds)?.0)).collect::<Result<_>>()?;
        let moved = AtomicU64::new(0);
        let (until, name) = (Instant::now() + self.time, if kind == Kind::Download { "download" } else { "upload" });
        let fill = || {
            std::thread::scope(|scope| {
                let threads: Vec<_> = flows
                    .into_iter()
                    .map(|flow| {
                        let moved = &moved;
                        scope.spawn(move || match kind {
                            Kind::Download => receive(flow, until, moved),
                            Kind::Upload | Kind::Probe => send(flow, until, moved),
                        })
                    })
                    .collect();
                bar.wait(name, self.time, &moved);
                threads.into_iter().map(|thread| thread.join().unwrap_or(0)).sum::<u64>()
            })
        };
        let (latency, rate) = self.during(number, self.time, fill)?;
        if rate == 0 {
            bail!("nothing moved in the {name}: the server ended its flows");
        }
        Ok(Filled { rate, latency })
    }
}

/// What one flow received after its warm-up, bit/s.
fn receive(mut flow: BufReader<TcpStream>, until: Instant, moved: &AtomicU64) -> u64 {
    let (mut buffer, begun) = (vec![0; 65_536], Instant::now());
    let (mut bytes, mut since) = (0_u64, None);
    while Instant::now() < until {
        let Ok(read @ 1..) = flow.read(&mut buffer) else { break };
        moved.fetch_add(read as u64, Ordering::Relaxed);
        match since {
            Some(_) => bytes += read as u64,
            None if begun.elapsed() >= WARM_UP => since = Some(Instant::now()),
            None => {}
        }
    }
    since.map_or(0, |since: Instant| ByteCount(bytes).per(since.elapsed()).as_bps())
}

/// What of a flow the other end received, bit/s.
fn send(mut flow: BufReader<TcpStream>, until: Instant, moved: &AtomicU64) -> u64 {
    let chunk = [0x5a; 16_384];
    while Instant::now() < until {
        let Ok(()) = flow.get_mut().write_all(&chunk) else { break };
        moved.fetch_add(chunk.len() as u64, Ordering::Relaxed);
    }
    let _ = flow.get_ref().shutdown(Shutdown::Write);
    // What still waits on the way comes first: with a queue of seconds, its answer takes as long.
    let received = read_line(&mut flow, Instant::now() + 4 * PATIENCE).unwrap_or_default();
    let numbers = received
        .trim_end()
        .split_once(' ')
        .and_then(|(bytes, millis)| Some((bytes.parse().ok()?, Duration::from_millis(millis.parse().ok()?))));
    numbers.map_or(0, |(bytes, time)| ByteCount(bytes).per(time.max(Duration::from_millis(1))).as_bps())
}

/// Sends probes for so long, and says how they came back.
fn probes(socket: &UdpSocket, number: u64, time: Duration) -> Latency {
    let begun = Instant::now();
    let (mut sent, mut back) = (Vec::new(), BTreeMap::new());
    let mut buffer = [0; PROBE_BYTES];
    while begun.elapsed() < time + LOST_AFTER {
        let due = PROBE_EVERY * sent.len() as u32;
        if due <= begun.elapsed() && due < time {
            sent.push(Instant::now());
            // What cannot be sent is lost.
            let _ = socket.send(&probe(number, sent.len() as u32 - 1));
        }
        if sent.len() == back.len() && due >= time {
            break;
        }
        let _ = socket.set_read_timeout(Some(Duration::from_millis(5)));
        if let Ok(bytes) = socket.recv(&mut buffer)
            && let Some((_, place)) = probe_of(&buffer[..bytes]).filter(|(of, _)| *of == number)
            && let Some(at) = sent.get(place as usize)
        {
            back.entry(place).or_insert(at.elapsed());
        }
    }
    latency(sent.len() as u32, back.into_values().filter(|time| *time < LOST_AFTER).collect())
}

fn latency(sent: u32, mut times: Vec<Duration>) -> Latency {
    times.sort();
    let ms = |time: Duration| (time.as_secs_f64() * 100_000.0).round() / 100.0;
    let at =
        |percent: usize| times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied().map(ms);
    let mean = times.iter().sum::<Duration>().checked_div(times.len() as u32).map(ms);
    Latency { sent, lost: sent.saturating_sub(times.len() as u32), mean_ms: mean, p50_ms: at(50), p99_ms: at(99) }
}

/// What is going on, on a terminal.
struct Bar {
    is_shown: bool,
}

impl Bar {
    fn new() -> Bar {
        Bar { is_shown: std::io::stderr().is_terminal() }
    }

    fn wait(&mut self, name: &str, time: Duration, moved: &AtomicU64) {
        let begun = Instant::now();
        let mut before = 0;
        while begun.elapsed() < time {
            let step = Duration::from_millis(250).min(time.saturating_sub(begun.elapsed()));
            std::thread::sleep(step);
            let now = moved.load(Ordering::Relaxed);
            let rate = ByteCount(now - before).per(step.max(Duration::from_millis(1)));
            before = now;
            if self.is_shown {
                let full = (30.0 * begun.elapsed().as_secs_f64() / time.as_secs_f64()).min(30.0) as usize;
                let (done, rest) = ("█".repeat(full), "░".repeat(30 - full));
                let rate = if now > 0 { rate.to_string() } else { String::new() };
                eprint!("\r{name:<9} {done}{rest} {rate:<14}");
            }
        }
    }

    fn clear(&mut self) {
        if self.is_shown {
            eprint!("\r{:60}\r", "");
        }
    }
}

fn text(found: &Found, before: Option<&Found>) -> String {
    let ms = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |ms| format!("{ms:.1} ms"));
    let rate = |filled: &Filled| vocab::BitRate::from_bps(filled.rate).to_string();
    let lost = |latency: &Latency| format!("{:.1} %", f64::from(latency.lost) * 100.0 / f64::from(latency.sent.max(1)));
    let trips = |latency: &Latency| format!("{} median, {} worst of a hundred", ms(latency.p50_ms), ms(latency.p99_ms));
    let grade = |of: &Found| match (&of.grade, of.added_ms) {
        (Some(grade), Some(added)) => format!("{grade}: {added:.1} ms added while it is full"),
        _ => "none: no probe came back. Is the UDP port of the server open?".to_owned(),
    };
    type Row<'a> = (&'a str, &'a dyn Fn(&Found) -> String);
    let rows: [Row<'_>; 7] = [
        ("idle", &|of| trips(&of.idle)),
        ("download", &|of| rate(&of.download)),
        ("  meanwhile", &|of| trips(&of.download.latency)),
        ("upload", &|of| rate(&of.upload)),
        ("  meanwhile", &|of| trips(&of.upload.latency)),
        ("lost probes", &|of| format!("{} down, {} up", lost(&of.download.latency), lost(&of.upload.latency))),
        ("grade", &grade),
    ];
    let mut text = String::new();
    for (word, value) in rows {
        text.push_str(&format!("{word:<12} {}\n", value(found)));
        if let Some(before) = before {
            text.push_str(&format!("{:12} before: {}\n", "", value(before)));
        }
    }
    text
}

#[cfg(test)]
mod tests;
