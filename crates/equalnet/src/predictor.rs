//! Another program that foresees, asked class by class; its answers are inputs of the engine like any other.
//!
//! It has a thread of its own and waits for nobody: it looks at the latest snapshot, so that there is no queue that
//! could fill. Without it, or without the program, nothing is different but what is known of the program.

mod exchange;

use crate::clock::Clock;
use crate::config::Predictor;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use engine::Input;
use exchange::Fault;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use vocab::{BitRate, Direction, OutsideCounts, Snapshot, Timestamp, TrafficClass};

/// At most eight questions a second: every class in both directions within three.
const PACE: Duration = Duration::from_millis(125);

/// A class is asked for once a second while it moves, and so long after.
const ASKED_EVERY: Duration = Duration::from_secs(1);
const ASKED_AFTER: Duration = Duration::from_secs(60);

/// A snapshot that is older is of a control loop that hangs.
const FRESH: Duration = Duration::from_secs(3);

/// A program that does not answer is asked again after a second, two, four… and at most so much later.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A class that the program refuses to speak of is asked for again so much later.
const REFUSED_FOR: Duration = Duration::from_secs(600);

/// Up to 1 Tbit/s is believed to be a rate.
const LARGEST_MBPS: f64 = 1e6;

/// What can be asked for.
type Key = (TrafficClass, Direction);

/// Asks until `stop` is closed.
pub fn ask(
    predictor: &Predictor,
    snapshots: &watch::Receiver<Arc<Snapshot>>,
    inputs: &Sender<Input>,
    clock: &Clock,
    stop: &Receiver<()>,
) {
    tracing::info!(place = %predictor.place, "another predictor is asked");
    let mut round = Round::default();
    let mut health = Health::default();
    while stop.recv_timeout(PACE) == Err(RecvTimeoutError::Timeout) {
        let now = clock.now();
        if now < health.pause_until {
            continue;
        }
        let snapshot = snapshots.borrow().clone();
        let Some(key) = round.next(&snapshot, now) else { continue };
        let body = serde_json::to_string(&question(&snapshot, key)).expect("a question of plain values is JSON");
        let answer = exchange::post(&predictor.place, &body, predictor.timeout).and_then(|body| rate_in(&body));
        match answer {
            Ok(rate) => {
                health.answered();
                let (class, direction) = key;
                // Full: the loop has more urgent things, and the next answer comes soon.
                let _ = inputs.try_send(Input::Outside { class, direction, rate, at: snapshot.at });
            }
            Err(fault) => {
                // 4xx is about the question, everything else about the program.
                if let Fault::Refused(400..=499) = fault {
                    round.refused(key, clock.now());
                }
                health.failed(&fault, clock.now());
            }
        }
        let _ = inputs.try_send(Input::OutsideCounts(health.counts.clone()));
    }
}

/// Who is asked for when.
#[derive(Debug, Default)]
struct Round {
    /// When it moved last.
    active: BTreeMap<Key, Timestamp>,
    /// Not before this.
    due: BTreeMap<Key, Timestamp>,
}

impl Round {
    /// What is asked for now: of the classes that move, the one that waited longest.
    fn next(&mut self, snapshot: &Snapshot, now: Timestamp) -> Option<Key> {
        if now.since(snapshot.at) > FRESH {
            return None;
        }
        for class in snapshot.links.iter().flat_map(|link| &link.classes) {
            for direction in Direction::ALL.into_iter().filter(|direction| class.usage[*direction] > BitRate::ZERO) {
                self.active.insert((class.class, direction), now);
            }
        }
        self.active.retain(|_, last| now.since(*last) < ASKED_AFTER);
        let due = self.active.keys().map(|key| (self.due.get(key).copied().unwrap_or_default(), *key));
        let (_, key) = due.filter(|(due, _)| *due <= now).min()?;
        self.due.insert(key, now + ASKED_EVERY);
        Some(key)
    }

    fn refused(&mut self, key: Key, now: Timestamp) {
        self.due.insert(key, now + REFUSED_FOR);
    }
}

/// How the program does: what is counted, told and waited.
#[derive(Debug, Default)]
struct Health {
    counts: OutsideCounts,
    pause: Duration,
    pause_until: Timestamp,
}

impl Health {
    fn answered(&mut self) {
        self.counts.asked += 1;
        self.pause = Duration::ZERO;
        if self.counts.fault.take().is_some() {
            tracing::info!("the other predictor answers again");
        }
    }

    /// Told once, until it answers again.
    fn failed(&mut self, fault: &Fault, now: Timestamp) {
        self.counts.asked += 1;
        self.counts.failed += 1;
        if let Fault::Refused(400..=499) = fault {
            tracing::debug!(%fault, "a question to the other predictor");
        } else {
            self.pause = (self.pause * 2).clamp(Duration::from_secs(1), LONGEST_PAUSE);
            self.pause_until = now + self.pause;
        }
        if self.counts.fault.replace(fault.to_string()).is_none() {
            tracing::warn!(%fault, "the other predictor gives no answer that could be used");
        }
    }
}

/// The contract's question about what moves now.
fn question(snapshot: &Snapshot, (class, direction): Key) -> wire::PredictQuestion {
    let of_class = || snapshot.links.iter().flat_map(|link| &link.classes).filter(|known| known.class == class);
    let usage: BitRate = of_class().map(|known| known.usage[direction]).sum();
    let backlog: u64 = of_class().map(|known| known.queue[direction].backlog.0).sum();
    let flows = snapshot.flows.iter().filter(|flow| flow.verdict.class == class);
    let (bytes, packets) = flows.fold((0u64, 0u64), |(bytes, packets), flow| {
        (bytes.saturating_add(flow.bytes[direction].0), packets.saturating_add(flow.packets[direction]))
    });
    let packet_size = bytes.checked_div(packets);
    wire::PredictQuestion {
        traffic_type: api::traffic_type_of(class).to_owned(),
        packet_size: packet_size.map(|size| size as f64),
        queue_length: Some(backlog.div_ceil(packet_size.unwrap_or(FULL_PACKET).max(1)) as f64),
        recent_throughput: Some(usage.as_bps() as f64 / 1e6),
        direction: Some(direction.to_string()),
    }
}

/// Where nothing is known of a class's packets, those that wait are taken to be full Ethernet frames.
const FULL_PACKET: u64 = 1_514;

/// What of the contract's answer is of use; the quantiles are ours to add.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    predicted_bandwidth: f64,
    unit: Option<String>,
    p50: Option<f64>,
}

/// What `body` foresees: its median where it says one, else its one number.
fn rate_in(body: &[u8]) -> Result<BitRate, Fault> {
    let answer: Answer = serde_json::from_slice(body).map_err(|_| Fault::Nonsense("it has no predictedBandwidth"))?;
    let in_mbps = match answer.unit.as_deref() {
        None | Some("Mbps" | "Mbit/s") => 1.0,
        Some("Kbps" | "kbps" | "kbit/s") => 1e-3,
        Some("Gbps" | "Gbit/s") => 1e3,
        Some("bps" | "bit/s") => 1e-6,
        Some(_) => return Err(Fault::Nonsense("its unit is not known")),
    };
    let mbps = answer.p50.unwrap_or(answer.predicted_bandwidth) * in_mbps;
    if !(0.0..=LARGEST_MBPS).contains(&mbps) {
        return Err(Fault::Nonsense("it is no rate"));
    }
    Ok(BitRate::from_bps((mbps * 1e6) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PredictorPlace;
    use proptest::prelude::*;
    use std::io::{self, Read, Write};
    use std::net::TcpListener;
    use vocab::{
        ByteCount, ClassSnapshot, Directed, InterfaceName, Link, LinkId, LinkSnapshot, QueueState, Shaping, Topology,
    };

    const NOW: Timestamp = Timestamp::from_unix_secs(1_800_000_000);

    /// A link on which these classes download at that many Mbit/s.
    fn snapshot(at: Timestamp, moving: &[(TrafficClass, u64)]) -> Snapshot {
        let rate = BitRate::from_mbps(100);
        let classes = moving.iter().map(|&(class, mbps)| ClassSnapshot {
            class,
            usage: Directed { download: BitRate::from_mbps(mbps), upload: BitRate::ZERO },
            forecast: Directed::default(),
            models: Directed::default(),
            reserved: Directed::default(),
            queue: Directed {
                download: QueueState { backlog: ByteCount(15_141), ..QueueState::default() },
                ..Directed::default()
            },
            flows: 1,
            graded: None,
        });
        let link = LinkSnapshot {
            link: Link {
                id: LinkId(0),
                name: "internet".to_owned(),
                topology: Topology::Host { interface: InterfaceName::new("eth0").unwrap() },
                line_rate: Directed { download: rate, upload: rate },
                margin_permille: 0,
                framing: vocab::Framing::default(),
                sought: vocab::Directed::default(),
            },
            usage: Directed::default(),
            forecast: Directed::default(),
            models: Directed::default(),
            classes: classes.collect(),
            plan: None,
            plans_applied: 0,
            shaping: Shaping::Off,
            findings: Directed::default(),
            added: None,
            graded: None,
        };
        Snapshot { at, links: vec![link], ..Snapshot::default() }
    }

    #[test]
    fn who_moves_is_asked_for_in_turn() {
        let (voice, web, call) = (TrafficClass::Voice, TrafficClass::Web, TrafficClass::Call);
        let mut round = Round::default();
        let mut asked = |ms: u64, moving: &[(TrafficClass, u64)]| {
            let now = NOW + Duration::from_millis(ms);
            round.next(&snapshot(now, moving), now).map(|(class, _)| class)
        };
        let both = [(voice, 1), (web, 5), (call, 0)];
        assert_eq!([0, 125, 250].map(|ms| asked(ms, &both)), [Some(voice), Some(web), None]);
        assert_eq!([1_000, 1_125, 1_250].map(|ms| asked(ms, &both)), [Some(voice), Some(web), None]);
        // Who falls silent is asked for a while longer: what follows a burst is worth knowing.
        assert_eq!(asked(60_000, &[(voice, 0), (web, 0)]), Some(voice));
        assert_eq!(asked(61_250, &[(voice, 0), (web, 0)]), None);
        round.refused((voice, Direction::Download), NOW + Duration::from_secs(70));
        let mut asked = |seconds: u64| {
            let now = NOW + Duration::from_secs(seconds);
            round.next(&snapshot(now, &[(voice, 1)]), now)
        };
        assert_eq!((asked(600), asked(670)), (None, Some((voice, Direction::Download))));
        let stale = snapshot(NOW + Duration::from_secs(700), &both);
        assert_eq!(round.next(&stale, NOW + Duration::from_secs(704)), None);
    }

    #[test]
    fn the_question_is_the_contracts() {
        let snapshot = snapshot(NOW, &[(TrafficClass::Streaming, 4), (TrafficClass::Call, 2)]);
        let asked = |class| serde_json::to_value(question(&snapshot, (class, Direction::Download))).unwrap();
        let expected = serde_json::json!({
            "trafficType": "video", "queueLength": 11.0, "recentThroughput": 4.0, "direction": "download",
        });
        assert_eq!(asked(TrafficClass::Streaming), expected);
        assert_eq!(asked(TrafficClass::Call)["trafficType"], "call");
    }

    #[test]
    fn answers_are_rates_or_nothing() {
        let check = |body: &str, expected: Option<u64>| {
            assert_eq!(rate_in(body.as_bytes()).ok().map(BitRate::as_bps), expected, "{body}");
        };
        check(r#"{"trafficType": "video", "predictedBandwidth": 4.2, "unit": "Mbps"}"#, Some(4_200_000));
        check(r#"{"predictedBandwidth": 4.2, "p50": 3.9, "p90": 4.2, "more": []}"#, Some(3_900_000));
        check(r#"{"predictedBandwidth": 250, "unit": "Kbps"}"#, Some(250_000));
        check(r#"{"predictedBandwidth": 0}"#, Some(0));
        for nonsense in [
            "",
            "[]",
            "NaN",
            r#"{"predictedBandwidth": null}"#,
            r#"{"predictedBandwidth": "4"}"#,
            r#"{"predictedBandwidth": -0.1}"#,
            r#"{"predictedBandwidth": 1e300}"#,
            r#"{"predictedBandwidth": 1e999}"#,
            r#"{"predictedBandwidth": 4, "unit": "furlong"}"#,
            r#"{"predictedBandwidth": 4, "p50": -3}"#,
        ] {
            check(nonsense, None);
        }
    }

    #[test]
    fn what_it_answers_comes_to_the_control_loop() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let place = PredictorPlace { host: "127.0.0.1".to_owned(), port, path: "/predict".to_owned() };
        let predictor = Predictor { place, timeout: Duration::from_secs(2) };
        let clock = Clock::new();
        // Never too old, however slow the machine that tests.
        let at = clock.now() + Duration::from_secs(3_600);
        let (_snapshots_in, snapshots) = watch::channel(Arc::new(snapshot(at, &[(TrafficClass::Streaming, 4)])));
        let (inputs, heard) = crossbeam_channel::bounded(16);
        let (stop, stopped) = crossbeam_channel::bounded(0);
        let thread = std::thread::spawn(move || ask(&predictor, &snapshots, &inputs, &clock, &stopped));
        let (mut stream, _) = listener.accept().unwrap();
        let (mut asked, mut piece) = (Vec::new(), [0; 1_024]);
        while !asked.ends_with(b"}") {
            let length = stream.read(&mut piece).unwrap();
            asked.extend_from_slice(&piece[..length]);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"predictedBandwidth\": 3.5}").unwrap();
        drop((stream, listener));
        let said = heard.recv().unwrap();
        assert!(
            matches!(
                said,
                Input::Outside { class: TrafficClass::Streaming, direction: Direction::Download, rate, at: of }
                    if rate == BitRate::from_kbps(3_500) && of == at
            ),
            "{said:?}"
        );
        let Input::OutsideCounts(counts) = heard.recv().unwrap() else { panic!("what was counted follows") };
        assert_eq!(counts, OutsideCounts { asked: 1, failed: 0, fault: None });
        // Asked again, nobody is there; and what is over is over.
        let Input::OutsideCounts(counts) = heard.recv().unwrap() else { panic!("there is no answer") };
        assert_eq!((counts.asked, counts.failed), (2, 1));
        drop(stop);
        thread.join().unwrap();
    }

    proptest! {
        #[test]
        fn no_answer_is_more_than_is_believed(body in proptest::collection::vec(any::<u8>(), 0..60), number in any::<f64>()) {
            prop_assert!(rate_in(&body).is_err());
            let body = serde_json::json!({ "predictedBandwidth": number }).to_string();
            prop_assert!(rate_in(body.as_bytes()).map_or(true, |rate| rate <= BitRate::from_mbps(1_000_000)));
        }
    }

    #[test]
    fn a_program_that_is_away_costs_less_and_less() {
        let mut health = Health::default();
        let away = Fault::Unreachable(io::Error::from(io::ErrorKind::ConnectionRefused));
        let pauses = [1, 2, 4, 8, 16, 30, 30].map(|expected| {
            health.failed(&away, NOW);
            (health.pause_until.since(NOW).as_secs(), expected)
        });
        assert!(pauses.iter().all(|(pause, expected)| pause == expected), "{pauses:?}");
        assert_eq!((health.counts.asked, health.counts.failed), (7, 7));
        assert!(health.counts.fault.as_ref().is_some_and(|fault| fault.starts_with("it cannot be reached")));
        health.answered();
        assert_eq!(health.counts, OutsideCounts { asked: 8, failed: 7, fault: None });
        // What it refuses to speak of says nothing of how it does.
        health.failed(&Fault::Refused(400), NOW + Duration::from_secs(100));
        assert!(health.pause_until <= NOW + Duration::from_secs(30));
    }
}
