//! The demo: a household, first without EqualNet and then with it, measured by its own programs.

use crate::agent::{Activity, Agent, Naming, Security, now_ms};
use crate::daemon::{Daemon, DaemonOptions, Foresight};
use crate::household::{Household, HouseholdOptions, PORT, missing_programs};
use crate::judge::judge;
use crate::report::{DemoReport, DeviceRate, FoundDevice, Phases, Rate, RoundTrips, key_of};
use crate::show::{Show, interrupted, listen, open_browser, password, way_in};
use crate::story::{Story, mean_rates};
use crate::world::{ARCHIVE, BACKUP, RELEASES};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use vocab::{BitRate, ByteCount, Directed, Mode};

/// How the demo is to run.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// How long the story takes; 30 s at least.
    pub duration: Duration,
    /// Where to write the report, as JSON.
    pub report: Option<PathBuf>,
    /// Whether to show the dashboard in a browser.
    pub browser: Browser,
    /// The port of the dashboard on 127.0.0.1; another free one if it is taken.
    pub port: u16,
    /// The program under test, which also knows the lab's hidden words.
    pub program: PathBuf,
}

/// Whether a browser is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Browser {
    /// If there is a desktop.
    Open,
    /// By the reader.
    Leave,
}

/// The shortest story that still means something.
const SHORTEST: Duration = Duration::from_secs(30);
/// How long the modem's queue may take to drain once EqualNet holds packets back: it was filled at leisure and
/// drains only by the difference of line rate and capacity.
const SETTLING: Duration = Duration::from_secs(12);
/// What may wait in a modem that has drained: a few packets that come together.
const DRAINED: u64 = 12_000;

/// Runs the demo, in words on standard output. Needs root.
///
/// Fails where the household cannot be built (the error names what is missing), where the daemon does not
/// start, and where it is interrupted; in every case nothing is left behind.
pub fn demo(options: &DemoOptions) -> Result<DemoReport> {
    let interrupted = interrupted()?;
    if !is_root() {
        bail!("the household with real packets needs root: run this with sudo");
    }
    let missing = missing_programs();
    if !missing.is_empty() {
        bail!("the household needs {}: install it first", missing.join(", "));
    }
    let duration = options.duration.max(SHORTEST);
    let mut show = Show::new(duration, interrupted);
    show.say("Building a household: a gateway, seven devices, a modem with a deep queue, and the net behind it.");
    let begun = Instant::now();
    let mut household = Household::prepare(&HouseholdOptions::usual(options.program.clone()))?;
    show.say(&format!("It stands after {:.1} s.", begun.elapsed().as_secs_f64()));

    let listener = listen(options.port)?;
    let address = listener.local_addr()?;
    let password = password();
    let daemon = Daemon::start(
        &household,
        DaemonOptions {
            program: options.program.clone(),
            mode: Mode::Observe,
            capacity: capacity(),
            minimum: "10 %",
            devices: Vec::new(),
            foresight: Foresight::Forecasts,
            listener: Some(listener),
            password: password.clone(),
        },
    )?;
    show.say(&format!("EqualNet runs in the gateway and only observes. Its dashboard: http://{address}/"));
    way_in(&show, address, &password);
    if options.browser == Browser::Open {
        open_browser(address);
    }

    household.move_in()?;
    let names: Vec<&str> = household.devices().iter().map(|device| device.name.as_str()).collect();
    show.say(&format!("Its devices moved in and asked for their addresses: {}.", names.join(", ")));

    let report = tell(&mut household, &daemon, duration, &mut show)?;
    show.end();
    if report.plans_applied == 0 {
        show.say(&format!("EqualNet put no plan in force. Its last words:\n{}", daemon.log_tail()));
    }
    show.say(&table(&report));
    if let Some(path) = &options.report {
        let text = serde_json::to_string_pretty(&report).expect("a report is plain data");
        std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))?;
        show.say(&format!("The report is in {}.", path.display()));
    }
    drop(daemon);
    drop(household);
    Ok(report)
}

/// What EqualNet divides: a little less than the modem lets through.
fn capacity() -> Directed<BitRate> {
    Directed { download: BitRate::from_mbps(20), upload: BitRate::from_mbps(5) }
}

/// When each part of the story begins, milliseconds since 1970.
struct Chapters {
    idle: u64,
    unshaped: u64,
    settling: u64,
    shaped: u64,
    end: u64,
}

/// Everybody who takes part.
struct Cast {
    voice: Agent,
    shell: Agent,
    film: Agent,
    readers: Vec<Agent>,
    meters: BTreeMap<String, Agent>,
    _others: Vec<Agent>,
}

/// Lets the story happen and measures it.
fn tell(household: &mut Household, daemon: &Daemon, duration: Duration, show: &mut Show) -> Result<DemoReport> {
    let seconds = duration.as_secs_f64();
    // Of a minute: 6 s of the call alone, the first 20 s without EqualNet, the rest with it.
    let (alone, before) = ((seconds / 10.0).clamp(4.0, 10.0), (seconds / 3.0).clamp(12.0, 30.0));
    let mut watch = Watch::default();
    let mut story = Story::default();
    let begun = Instant::now();
    let at = |seconds: f64| begun + Duration::from_secs_f64(seconds);

    show.chapter("1  A phone call, alone on the line");
    let mut meters = BTreeMap::new();
    let names: Vec<String> = household.devices().iter().map(|device| device.name.clone()).collect();
    for name in names {
        let activity = Activity::Meter { interface: PORT.to_owned(), every_ms: 1_000 };
        meters.insert(name.clone(), household.start_on(&name, activity)?);
    }
    let voice = household.start_on("desk-phone", Activity::Voice)?;
    story.listen_until(household, at(alone), |story| story.ready.contains(&voice.number()));
    let idle = now_ms();
    watch.until(household, daemon, &mut story, at(alone), show)?;

    show.chapter("2  Everybody comes home: films, updates, a backup, a meeting. EqualNet only looks on");
    let unshaped = now_ms();
    let cast = bring_everybody(household, voice, meters)?;
    watch.until(household, daemon, &mut story, at(before), show)?;

    show.chapter("3  The same, and EqualNet divides the line");
    let settling = now_ms();
    daemon.set_mode(Mode::Control)?;
    let latest = at(before) + SETTLING;
    while Instant::now() < latest {
        watch.until(household, daemon, &mut story, Instant::now() + Duration::from_millis(500), show)?;
        let waiting = household.modem_backlog()?;
        if waiting.download.0.max(waiting.upload.0) < DRAINED {
            break;
        }
    }
    let shaped = now_ms();
    watch.planned.clear();
    watch.until(household, daemon, &mut story, at(seconds), show)?;
    let end = now_ms();

    let chapters = Chapters { idle, unshaped, settling, shaped, end };
    // The call's last packets may still be on their way.
    story.listen(household, Duration::from_millis(2_500));
    watch.look(household, daemon, end)?;
    report(household, daemon, &story, &watch, &cast, &chapters)
}

/// Starts all that makes a full house.
fn bring_everybody(household: &mut Household, voice: Agent, meters: BTreeMap<String, Agent>) -> Result<Cast> {
    let fetch = |server: &str, flows, security| Activity::Fetch {
        server: server.to_owned(),
        flows,
        security,
        bytes: 400_000_000,
    };
    let shell = household.start_on("annas-laptop", Activity::Shell)?;
    let film = household.start_on("living-room-tv", Activity::Film { rate: 4_000_000, naming: Naming::Said })?;
    let readers = vec![
        household.start_on("annas-laptop", Activity::Browse)?,
        household.start_on("bens-phone", Activity::BrowseQuic)?,
    ];
    let others = [
        ("annas-laptop", Activity::Meeting),
        ("annas-laptop", Activity::Clock),
        ("games-console", Activity::Play),
        ("games-console", fetch(ARCHIVE, 2, Security::Clear)),
        ("study-pc", Activity::Vpn),
        ("study-pc", fetch(RELEASES, 4, Security::Tls)),
        ("attic-nas", Activity::Send { server: BACKUP.to_owned(), flows: 2 }),
    ];
    let others = others
        .into_iter()
        .map(|(device, activity)| household.start_on(device, activity))
        .collect::<Result<Vec<Agent>>>()?;
    Ok(Cast { voice, shell, film, readers, meters, _others: others })
}

/// What the daemon and the modem said while the story went on.
#[derive(Default)]
struct Watch {
    /// The latest verdict on each flow, by its key.
    flows: BTreeMap<String, wire::Flow>,
    /// Per aggregate and direction: planned and achieved, summed over looks, and the number of looks.
    planned: BTreeMap<(String, String, &'static str), (u64, u64, u64)>,
    /// What waited in the modem: when, bytes both ways.
    modem: Vec<(u64, Directed<ByteCount>)>,
    looks: u32,
}

impl Watch {
    /// Listens to the household until `until`, and looks at the daemon once a second.
    fn until(
        &mut self,
        household: &Household,
        daemon: &Daemon,
        story: &mut Story,
        until: Instant,
        show: &mut Show,
    ) -> Result<()> {
        while Instant::now() < until {
            let next = (Instant::now() + Duration::from_secs(1)).min(until);
            story.listen_until(household, next, |_| false);
            self.look(household, daemon, now_ms())?;
            show.tick()?;
        }
        Ok(())
    }

    fn look(&mut self, household: &Household, daemon: &Daemon, at_ms: u64) -> Result<()> {
        self.looks += 1;
        self.modem.push((at_ms, household.modem_backlog()?));
        let flows: Vec<wire::Flow> = daemon.api().get("flows?limit=1000")?;
        for flow in flows {
            self.flows.insert(key_of(&flow), flow);
        }
        // Without a plan there is nothing to compare.
        let Ok(plan) = daemon.api().get::<wire::PlanView>("plan") else { return Ok(()) };
        let devices: Vec<wire::Device> = daemon.api().get("devices")?;
        for device in &devices {
            for (direction, division) in [("download", &plan.directions.download), ("upload", &plan.directions.upload)]
            {
                let allocation = division.devices.iter().find(|allocation| allocation.device == device.id);
                for aggregate in allocation.into_iter().flat_map(|allocation| &allocation.aggregates) {
                    let usage = device.classes.iter().find(|usage| usage.class == aggregate.class);
                    let achieved = usage.map_or(0, |usage| match direction {
                        "download" => usage.usage.download,
                        _ => usage.usage.upload,
                    });
                    let key = (device.name.clone(), aggregate.class.clone(), direction);
                    let sums = self.planned.entry(key).or_default();
                    *sums = (sums.0 + aggregate.rate, sums.1 + achieved, sums.2 + 1);
                }
            }
        }
        Ok(())
    }

    fn modem_mean(&self, from_ms: u64, to_ms: u64, of: impl Fn(&Directed<ByteCount>) -> ByteCount) -> u64 {
        let readings = self.modem.iter().filter(|(at, _)| (from_ms..to_ms).contains(at));
        let readings: Vec<u64> = readings.map(|(_, waiting)| of(waiting).0).collect();
        readings.iter().sum::<u64>().checked_div(readings.len() as u64).unwrap_or(0)
    }
}

fn report(
    household: &Household,
    daemon: &Daemon,
    story: &Story,
    watch: &Watch,
    cast: &Cast,
    chapters: &Chapters,
) -> Result<DemoReport> {
    let status: wire::Status = daemon.api().get("status")?;
    let found: Vec<wire::Device> = daemon.api().get("devices")?;
    let Chapters { idle, unshaped, settling, shaped, end } = *chapters;
    let spans = Phases {
        idle: (idle, unshaped),
        unshaped: (unshaped, settling),
        settling: (settling, shaped),
        shaped: (shaped, end),
    };
    let trips = |agent: &Agent, (from, to)| RoundTrips::of(&story.trips_between(agent.number(), from, to));
    let loads = |agents: &[u32], (from, to)| RoundTrips::of_times(story.loads_between(agents, from, to));
    let readers: Vec<u32> = cast.readers.iter().map(Agent::number).collect();
    let film = [cast.film.number()];

    let judgement = judge(&story.flows, &watch.flows);
    let mut report = DemoReport {
        mode: status.mode.clone(),
        source: status.source.clone(),
        packets: status.capture.packets,
        bytes: status.capture.bytes,
        flows: status.capture.flows,
        capture_dropped: status.capture.dropped_kernel + status.capture.dropped_channel,
        plans_applied: status.links.iter().map(|link| link.plans_applied).sum(),
        voice_rtt_ms: spans.each(|span| trips(&cast.voice, span)),
        keystroke_rtt_ms: spans.each(|span| trips(&cast.shell, span)),
        page_load_ms: spans.each(|span| loads(&readers, span)),
        segment_load_ms: spans.each(|span| loads(&film, span)),
        modem_queue_bytes: wire::Directed {
            download: spans.each(|(from, to)| watch.modem_mean(from, to, |waiting| waiting.download)),
            upload: spans.each(|(from, to)| watch.modem_mean(from, to, |waiting| waiting.upload)),
        },
        seconds: spans.each(|(from, to)| (to - from) as f64 / 1e3),
        classes: judgement.classes,
        wrong_flows: judgement.wrong,
        unseen_flows: judgement.unseen,
        troubles: story.troubles.clone(),
        ..DemoReport::default()
    };
    for device in household.devices() {
        let is_found = found.iter().any(|found| found.name == device.name && found.mac == device.mac.to_string());
        if !is_found {
            report.devices_missing.push(device.name.clone());
        }
    }
    report.devices = found
        .into_iter()
        .map(|device| FoundDevice { name: device.name, mac: device.mac, addresses: device.addresses })
        .collect();
    for ((device, class, direction), (planned, achieved, looks)) in &watch.planned {
        let mean = |sum: u64| sum.checked_div(*looks).unwrap_or(0);
        let rate = Rate {
            device: device.clone(),
            class: class.clone(),
            direction: (*direction).to_owned(),
            planned_bps: mean(*planned),
            achieved_bps: mean(*achieved),
        };
        if rate.planned_bps > 0 || rate.achieved_bps > 0 {
            report.rates.push(rate);
        }
    }
    for (name, meter) in &cast.meters {
        let (download_bps, upload_bps) = mean_rates(&story.windows_between(meter.number(), shaped, end));
        let before = mean_rates(&story.windows_between(meter.number(), unshaped, settling));
        report.device_rates.push(DeviceRate {
            device: name.clone(),
            download_bps,
            upload_bps,
            unshaped_download_bps: before.0,
            unshaped_upload_bps: before.1,
        });
    }
    Ok(report)
}

impl Phases<(u64, u64)> {
    fn each<T>(&self, of: impl Fn((u64, u64)) -> T) -> Phases<T> {
        Phases {
            idle: of(self.idle),
            unshaped: of(self.unshaped),
            settling: of(self.settling),
            shaped: of(self.shaped),
        }
    }
}

/// Before and after, side by side.
fn table(report: &DemoReport) -> String {
    let mut text = format!("\n{:<34}{:>14}{:>18}{:>18}\n", "", "call alone", "without EqualNet", "with EqualNet");
    let mut row = |name: &str, cells: [String; 3]| {
        text.push_str(&format!("{name:<34}{:>14}{:>18}{:>18}\n", cells[0], cells[1], cells[2]));
    };
    let both = |phases: &Phases<RoundTrips>, of: fn(&RoundTrips) -> f64| {
        let cell = |trips: &RoundTrips| match trips.samples {
            0 => "–".to_owned(),
            _ => format!("{:.1} ms", of(trips)),
        };
        [cell(&phases.idle), cell(&phases.unshaped), cell(&phases.shaped)]
    };
    row("call: round trip, median", both(&report.voice_rtt_ms, |trips| trips.p50));
    row("call: round trip, 99 in 100", both(&report.voice_rtt_ms, |trips| trips.p99));
    let voice = &report.voice_rtt_ms;
    row("call: packets lost", [voice.idle.lost, voice.unshaped.lost, voice.shaped.lost].map(|lost| lost.to_string()));
    row("remote shell: keystroke, median", both(&report.keystroke_rtt_ms, |trips| trips.p50));
    row("pages: load, median", both(&report.page_load_ms, |trips| trips.p50));
    row("film: 4 s of it load in, median", both(&report.segment_load_ms, |trips| trips.p50));
    let queue = &report.modem_queue_bytes;
    let waiting = |of: fn(&Phases<u64>) -> u64| {
        format!("{:.0} / {:.0} kB", of(&queue.download) as f64 / 1e3, of(&queue.upload) as f64 / 1e3)
    };
    row(
        "waiting in the modem down/up, mean",
        [waiting(|phases| phases.idle), waiting(|phases| phases.unshaped), waiting(|phases| phases.shaped)],
    );
    for rate in &report.device_rates {
        let cell = |down: u64, up: u64| format!("{:.2} / {:.2}", down as f64 / 1e6, up as f64 / 1e6);
        row(
            &format!("{} down/up, Mbit/s", rate.device),
            [
                String::new(),
                cell(rate.unshaped_download_bps, rate.unshaped_upload_bps),
                cell(rate.download_bps, rate.upload_bps),
            ],
        );
    }
    let (flows, right) = report.classes.values().fold((0, 0), |sum, score| (sum.0 + score.flows, sum.1 + score.right));
    text.push_str(&format!(
        "\n{} packets, {} flows, {} lost by the capture ({}); {right} of {flows} flows of the household in their \
         right class, {} classes; {} of {} devices by name; {} plans in force.",
        report.packets,
        report.flows,
        report.capture_dropped,
        report.source,
        report.classes.values().filter(|score| score.right > 0).count(),
        report.device_rates.len() - report.devices_missing.len(),
        report.device_rates.len(),
        report.plans_applied,
    ));
    text
}

/// Whether this process runs as root.
pub fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    // Uid: real, effective, saved, of the file system (proc_pid_status(5)).
    status.lines().any(|line| line.strip_prefix("Uid:").and_then(|ids| ids.split_whitespace().nth(1)) == Some("0"))
}
