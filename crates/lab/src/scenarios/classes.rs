//! What each flow is taken for, and how early the kernel knows.

use super::{FIRST, Outcome, Stage};
use crate::agent::{Activity, Agent, Naming, Security};
use crate::judge::{judge, key_of_truth};
use crate::report::{TrueFlow, key_of};
use crate::world::{ARCHIVE, BACKUP, RELEASES};
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// How long the masked flows are watched, seconds: a film of 5 Mbit/s needs 20 to move more than any page.
const TIME_S: u32 = 40;
/// A flow has its class in the kernel before its eleventh packet: at most this many passed without.
const MOST_PACKETS: f64 = 10.0;
/// On a wire without distance an answer comes in one burst, within the millisecond that the worker needs to close its
/// window: of twenty flows one may be known only behind it. The kernel shows us 40 packets of a flow.
const MOST_IN_A_BURST: f64 = 40.0;
/// One flow may end between two looks at the daemon and never be listed.
const MOST_UNSEEN: f64 = 0.05;

/// A full house. Every flow of it is classed right, nineteen of twenty in the kernel within their first ten packets;
/// a call of which nothing can be read and a film behind an outer name are found by how they move.
pub(super) fn classes(program: &Path) -> Result<Outcome> {
    let mut outcome = Outcome::new("classes");
    let mut stage = Stage::build(program, &[])?;
    let fetch =
        |server: &str, security| Activity::Fetch { server: server.to_owned(), flows: 2, security, bytes: 20_000_000 };
    let open = [
        ("desk-phone", Activity::Voice),
        ("bens-phone", Activity::Meeting),
        ("bens-phone", Activity::BrowseQuic),
        (FIRST, Activity::Browse),
        (FIRST, Activity::Shell),
        (FIRST, Activity::Clock),
        ("living-room-tv", Activity::Film { rate: 3_000_000, naming: Naming::Said }),
        ("games-console", Activity::Play),
        ("study-pc", Activity::Vpn),
    ];
    let heavy = [
        ("games-console", fetch(ARCHIVE, Security::Clear)),
        ("study-pc", fetch(RELEASES, Security::Tls)),
        ("attic-nas", Activity::Send { server: BACKUP.to_owned(), flows: 1 }),
    ];
    let _open = open.into_iter().map(|(device, what)| stage.start(device, what)).collect::<Result<Vec<Agent>>>()?;
    let heavy = heavy.into_iter().map(|(device, what)| stage.start(device, what)).collect::<Result<Vec<Agent>>>()?;
    let mut said = BTreeMap::new();
    look(&mut stage, 10, &mut said)?;
    // A film that never gets to pause looks like any download.
    drop(heavy);
    let masked = [
        ("study-pc", Activity::MaskedVoice),
        ("living-room-tv", Activity::Film { rate: 5_000_000, naming: Naming::Outer }),
    ];
    let mut masked_keys = BTreeMap::new();
    let mut _masked = Vec::new();
    for (device, what) in masked {
        let before = keys(&stage.story.flows);
        let agent = stage.start(device, what)?;
        look(&mut stage, 3, &mut said)?;
        let name = if matches!(agent.activity(), Activity::MaskedVoice) { "masked_call" } else { "masked_film" };
        let mine = stage.story.flows.iter().filter(|flow| {
            let masks = flow.remote.ends_with(":47112") || (name == "masked_film" && flow.class == "streaming");
            masks && key_of_truth(flow).is_some_and(|key| !before.contains(&key))
        });
        masked_keys.extend(mine.filter_map(key_of_truth).map(|key| (key, name)));
        _masked.push(agent);
    }
    look(&mut stage, TIME_S, &mut said)?;

    let (hidden, usual): (Vec<&TrueFlow>, Vec<&TrueFlow>) =
        stage.story.flows.iter().partition(|flow| key_of_truth(flow).is_some_and(|key| masked_keys.contains_key(&key)));
    let judgement = judge(usual.iter().copied(), &said);
    let flows: u64 = judgement.classes.values().map(|score| score.flows).sum();
    outcome.at_least("flows", flows as f64, 20.0);
    outcome.at_least("classes", judgement.classes.len() as f64, 9.0);
    outcome.at_most("wrong", judgement.wrong.len() as f64, 0.0);
    outcome.at_most("unseen_part", judgement.unseen.len() as f64 / usual.len() as f64, MOST_UNSEEN);
    outcome.notes.extend(judgement.wrong.iter().map(|wrong| format!("{wrong:?}")));
    let listed = usual.iter().filter_map(|flow| said.get(&key_of_truth(flow)?));
    let mut packets: Vec<f64> = Vec::new();
    for flow in listed {
        packets.push(f64::from(flow.classed_after_packets));
        if f64::from(flow.classed_after_packets) > MOST_PACKETS {
            outcome.notes.push(format!(
                "{} {}:{} {}: {} packets before it was {}, {}",
                flow.protocol,
                flow.destination_ip,
                flow.destination_port,
                flow.server_name,
                flow.classed_after_packets,
                flow.class,
                flow.evidence
            ));
        }
    }
    packets.sort_by(f64::total_cmp);
    outcome.figure("classed_after_packets_median", packets.get(packets.len() / 2).copied().unwrap_or(f64::NAN));
    let of_twenty = packets.len() * 19 / 20;
    outcome.at_most("classed_after_packets_p95", packets.get(of_twenty).copied().unwrap_or(f64::NAN), MOST_PACKETS);
    outcome.at_most("classed_after_packets_most", packets.last().copied().unwrap_or(f64::NAN), MOST_IN_A_BURST);
    for flow in &hidden {
        let Some((key, name)) = key_of_truth(flow).and_then(|key| masked_keys.get_key_value(&key)) else { continue };
        match said.get(key) {
            Some(now) => {
                outcome.figure(&format!("{name}_after_packets"), f64::from(now.classed_after_packets));
                outcome.notes.push(format!("{name}: {} {:.2}, {}", now.class, now.confidence, now.evidence));
                if now.class != flow.class {
                    outcome.failures.push(format!("{name} is taken for {}", now.class));
                }
            }
            None => outcome.failures.push(format!("{name} was never listed")),
        }
    }
    if hidden.len() < 2 {
        outcome.failures.push("a masked flow never began".to_owned());
    }
    Ok(stage.end(outcome))
}

fn keys(flows: &[TrueFlow]) -> BTreeSet<String> {
    flows.iter().filter_map(key_of_truth).collect()
}

/// Listens for `seconds` and keeps the daemon's last word on each flow.
fn look(stage: &mut Stage, seconds: u32, said: &mut BTreeMap<String, wire::Flow>) -> Result<()> {
    for _ in 0..seconds {
        stage.listen(1.0);
        let flows: Vec<wire::Flow> = stage.daemon.api().get("flows?limit=1000")?;
        said.extend(flows.into_iter().map(|flow| (key_of(&flow), flow)));
    }
    Ok(())
}
