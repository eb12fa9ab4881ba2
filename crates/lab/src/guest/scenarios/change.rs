//! Changes: none where nothing changes, and none that loses a packet where everything does.

use super::{FIRST, PHONE, SECOND, WARM_UP};
use crate::agent::{Activity, now_ms};
use crate::guest::Trial;
use crate::guest::peer::{Peer, cake, htb_change, sqm};
use crate::guest::scene::{CAPACITY, Scene, owed};
use crate::household::{LAN, WAN};
use crate::report::RoundTrips;
use crate::scenarios::Outcome;
use crate::shell;
use crate::world::{BACKUP, RELEASES};
use anyhow::{Context, Result};
use std::time::{Duration, Instant};
use vocab::BitRate;

/// The kernel's classes at constant demand.
pub(super) fn quiet(trial: &Trial) -> Result<Outcome> {
    const WATCHED_S: u64 = 30;
    // So many of the changed classes are shown.
    const EXAMPLES: usize = 10;
    let mut outcome = Outcome::new("quiet");
    let mut scene = Scene::build(trial, &[owed(FIRST, 3, 0), owed(SECOND, 3, 0)])?;
    let _voice = scene.call(PHONE)?;
    let _hungry =
        [scene.download(FIRST, RELEASES, 2)?, scene.download(SECOND, RELEASES, 2)?, scene.upload(SECOND, BACKUP, 2)?];
    scene.listen(10.0);
    let mut last = classes(&scene)?;
    let mut changes = 0;
    for _ in 0..WATCHED_S * 2 {
        scene.listen(0.5);
        let now = classes(&scene)?;
        let room = EXAMPLES.saturating_sub(outcome.notes.len());
        outcome.notes.extend(now.iter().filter(|line| !last.contains(line)).take(room).cloned());
        changes += now.iter().filter(|line| !last.contains(line)).count();
        changes += last.len().saturating_sub(now.len());
        last = now;
    }
    outcome.figure("class_changes_per_minute", changes as f64 * 60.0 / WATCHED_S as f64);
    outcome.figure("classes", last.len() as f64);
    Ok(scene.end(outcome))
}

/// A line for each class on both sides, with all its settings and none of its counters.
fn classes(scene: &Scene) -> Result<Vec<String>> {
    let gateway = scene.household.gateway().name();
    let mut lines = Vec::new();
    for interface in [LAN, WAN] {
        let text = shell::run("tc", &["-n", gateway, "-d", "class", "show", "dev", interface])?;
        // The word after the parent names the leaf's qdisc, whose number tells nothing.
        lines.extend(
            text.lines().filter(|line| line.starts_with("class htb")).map(|line| format!("{interface} {line}")),
        );
    }
    Ok(lines)
}

/// 600 changes, one each 100 ms.
pub(super) fn storm(trial: &Trial) -> Result<Outcome> {
    const CHANGES: u32 = 600;
    const PERIOD: Duration = Duration::from_millis(100);
    let mut outcome = Outcome::new("storm");
    let mut scene = Scene::build(trial, &[])?;
    let voice = scene.call(PHONE)?;
    let meeting = scene.start("bens-phone", Activity::Meeting)?;
    scene.wait_for(&meeting)?;
    let _hungry = [scene.download(FIRST, RELEASES, 2)?, scene.download(SECOND, RELEASES, 2)?];
    scene.listen(WARM_UP);
    let calm = now_ms();
    scene.listen(15.0);
    let begun = now_ms();
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let mut took_ms = Vec::new();
    let mut next = Instant::now();
    for _ in 0..CHANGES {
        let asked = Instant::now();
        change(&scene, &mut chance)?;
        took_ms.push(asked.elapsed().as_secs_f64() * 1e3);
        next += PERIOD;
        scene.listen(next.saturating_duration_since(Instant::now()).as_secs_f64());
    }
    let ended = now_ms();
    scene.listen(1.5);
    let seconds = (ended - begun) as f64 / 1e3;
    for (name, from, to) in [("before", calm, begun), ("in_storm", begun, ended)] {
        let trips = |agent| RoundTrips::of(&scene.story.trips_between(agent, from, to));
        let (call, meeting) = (trips(voice.number()), trips(meeting.number()));
        outcome.figure(&format!("lost_{name}"), (call.lost + meeting.lost) as f64);
        outcome.figure(&format!("packets_{name}"), (call.samples + meeting.samples) as f64);
        outcome.figure(&format!("voice_p99_{name}_ms"), call.p99);
    }
    outcome.figure("changes_per_second", f64::from(CHANGES) / seconds);
    let took = RoundTrips::of_times(took_ms);
    outcome.figure("answered_p50_ms", took.p50);
    outcome.figure("answered_p99_ms", took.p99);
    Ok(scene.end(outcome))
}

/// One change at random, as the peer's users make it.
fn change(scene: &Scene, chance: &mut Chance) -> Result<()> {
    const DEVICES: [&str; 5] = [FIRST, SECOND, "living-room-tv", "games-console", "attic-nas"];
    let device = DEVICES[chance.below(DEVICES.len() as u64) as usize];
    let gateway = scene.household.gateway();
    // Between half of the link and all of it.
    let part = 50 + chance.below(51);
    let capacity = CAPACITY.map(|rate: BitRate| BitRate::from_bps(rate.as_bps() * part / 100));
    match scene.peer {
        Peer::Cake => gateway.tc(&cake("change", capacity)),
        Peer::Htb => gateway.tc(&htb_change(&scene.household, device, capacity)?),
        // There is no other way: its script takes everything away and builds it anew.
        Peer::Sqm => {
            gateway
                .tc(&format!("qdisc del dev {WAN} root\nqdisc del dev {WAN} ingress\nqdisc del dev ifb4wan0 root\n"))?;
            gateway.tc(&sqm(capacity))
        }
        Peer::Nobody | Peer::WonderShaper => Ok(()),
        Peer::Equalnet | Peer::EqualnetCake | Peer::EqualnetBfifo => {
            let mut change = wire::DeviceChange::default();
            let rate = |mbit: u64| Some(wire::Directed { download: format!("{mbit} Mbit/s"), upload: String::new() });
            match chance.below(4) {
                0 => change.priority = Some(1 + chance.below(5) as u8),
                1 => change.weight = Some((1 + chance.below(8)) as f64 / 2.0),
                2 => change.ceiling = rate(5 + chance.below(15)),
                _ => change.guarantee = rate(1 + chance.below(2)),
            }
            let id = scene.household.mac_of(device)?.to_string();
            let daemon = scene.daemon.as_ref().context("there is no daemon")?;
            daemon.api().put(&format!("policy/devices/{id}"), &change).map(drop)
        }
    }
}

/// Numbers that look random and are the same in every run (Steele, Lea, Flood: SplitMix64, 2014).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}
