//! `kill -9`, again and again: nothing that was acknowledged is lost, and the file stays whole.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;
use store::{HistoryQuery, Message, Resolution, SeriesKey, Store, StoreSettings};
use vocab::{
    Actor, Aggregate, BitRate, ByteCount, Decision, DecisionKind, DeviceId, Directed, LinkId, MacAddress, Record,
    Sample, Subject, Timestamp, TrafficClass,
};

const FOLDER: &str = "EQUALNET_KILL_TEST_FOLDER";
const ROUNDS: u64 = 12;
const BYTES: u64 = 1_000;

/// Not a test of its own: the process that is killed. It says each number when both facts of it are written.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let store = Store::open(StoreSettings::at(std::path::Path::new(&folder).join("history.db"))).unwrap();
    let mut next = store.reader().unwrap().latest_ids().unwrap().decision + 1;
    let mut writer = store.into_writer().unwrap();
    let mut stdout = std::io::stdout();
    loop {
        writer.write(Message::Record(samples(next))).unwrap();
        writer.write(Message::Record(decision(next))).unwrap();
        writeln!(stdout, "ack {next}").unwrap();
        next += 1;
    }
}

fn samples(second: u64) -> Record {
    let device = DeviceId::Mac(MacAddress([2, 0, 0, 0, 0, 1]));
    Record::Samples(vec![Sample {
        link: LinkId(0),
        aggregate: Aggregate { device, class: TrafficClass::Web },
        start: Timestamp::from_unix_secs(second),
        window: Duration::from_secs(1),
        bytes: Directed { download: ByteCount(BYTES), upload: ByteCount(0) },
        packets: Directed { download: 1, upload: 0 },
        flows: 1,
    }])
}

fn decision(id: u64) -> Record {
    Record::Decision(Decision {
        id,
        at: Timestamp::from_unix_secs(id),
        kind: DecisionKind::PolicyChanged,
        subject: Subject::Service,
        direction: None,
        from: BitRate::ZERO,
        to: BitRate::ZERO,
        because: Vec::new(),
        parts: Vec::new(),
        by: Actor::Automatic,
    })
}

#[test]
fn nothing_acknowledged_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child", "--exact", "--nocapture", "--quiet"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // A different number each round, so that kills meet journals and closing minutes.
        let until = acknowledged + 17 + round * 23 % 71;
        while acknowledged < until {
            let line = lines.next().expect("it writes until it is killed").unwrap();
            if let Some(number) = line.split("ack ").nth(1) {
                acknowledged = number.trim().parse().unwrap();
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said before it died and we had not read yet.
        for line in lines.map_while(Result::ok) {
            if let Some(number) = line.split("ack ").nth(1).and_then(|number| number.trim().parse().ok()) {
                acknowledged = number;
            }
        }
    }

    let store = Store::open(StoreSettings::at(folder.path().join("history.db"))).unwrap();
    let reader = store.reader().unwrap();
    let ids: Vec<u64> =
        reader.decisions(Timestamp::default(), usize::MAX).unwrap().iter().map(|decision| decision.id).collect();
    assert!(
        ids.len() as u64 >= acknowledged && ids.iter().copied().eq(1..=ids.len() as u64),
        "{acknowledged} of {ids:?}"
    );
    let query = HistoryQuery::total(Timestamp::from_unix_secs(1), Timestamp::from_unix_secs(acknowledged + 1));
    let query = HistoryQuery { resolution: Some(Resolution::Second), ..query };
    let rates = &reader.history(&query).unwrap().series[&SeriesKey::Total].download;
    // A second may have been written twice, once before the kill and again after it, and never not at all.
    assert_eq!(rates.mean.len() as u64, acknowledged.div_ceil(acknowledged.div_ceil(1_200)));
    assert!(rates.min.iter().all(|rate| *rate >= Some(BitRate::from_bps(BYTES * 8))), "{rates:?}");
}
