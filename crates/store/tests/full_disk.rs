//! A disk that is really full: `EQUALNET_SMALL_DISK` names a folder on a small file system of its own, for example
//! `mount -t tmpfs -o size=2m none FOLDER`. Skipped, saying so, where it is not set.

use std::sync::mpsc::sync_channel;
use std::time::Duration;
use store::{Store, StoreEvent, StoreSettings, channel};
use vocab::{
    Aggregate, ByteCount, DeviceId, Directed, LinkId, MacAddress, PlanId, Record, Sample, Timestamp, TrafficClass,
};

fn samples(second: u64) -> Record {
    let sample = |last: u8| Sample {
        link: LinkId(0),
        aggregate: Aggregate { device: DeviceId::Mac(MacAddress([2, 0, 0, 0, 0, last])), class: TrafficClass::Web },
        start: Timestamp::from_unix_secs(second),
        window: Duration::from_secs(1),
        bytes: Directed { download: ByteCount(second * 977 % 90_000), upload: ByteCount(77) },
        packets: Directed { download: 60, upload: 1 },
        flows: 1,
    };
    Record::Samples((0..200).map(sample).collect())
}

#[test]
#[allow(clippy::print_stderr)] // a test that is skipped says so
fn recording_stops_on_a_full_disk_and_goes_on_when_there_is_room() {
    let Some(folder) = std::env::var_os("EQUALNET_SMALL_DISK") else {
        eprintln!("skipped: EQUALNET_SMALL_DISK names no folder");
        return;
    };
    let folder = std::path::PathBuf::from(folder);
    let ballast = folder.join("ballast");
    std::fs::write(&ballast, vec![0; 500_000]).expect("a small disk has room for 500 kB");
    let store = Store::open(StoreSettings::at(folder.join("history.db"))).unwrap();
    let path = folder.join("history.db");
    let writer = store.into_writer().unwrap();
    let (sender, receiver) = channel(64, 64);
    let (events, heard) = sync_channel(16);
    let thread = std::thread::spawn(move || writer.run(receiver, |event| events.send(event).unwrap()));

    let mut second = 0;
    let stopped = loop {
        second += 1;
        assert!(second < 100_000, "the disk never filled");
        let _ = sender.record(samples(second));
        if let Ok(event) = heard.try_recv() {
            break event;
        }
    };
    assert!(matches!(stopped, StoreEvent::Stopped { .. }), "{stopped:?}");
    while sender.counts().written() + sender.counts().lost() + sender.counts().dropped() < second {
        std::thread::yield_now();
    }
    // Kept while there is no room, written when there is.
    sender.record(Record::PlanApplied { plan: PlanId(77), at: Timestamp::from_unix_secs(second), changes: 1 }).unwrap();
    std::fs::remove_file(&ballast).unwrap();
    // One at a time, as in life: the room is for a little more, not for all that a loop can send.
    let resumed = loop {
        second += 1;
        assert!(second < 200_000, "it never went on");
        let settled = || sender.counts().written() + sender.counts().lost();
        let before = settled();
        sender.record(samples(second)).unwrap();
        while settled() == before {
            std::thread::yield_now();
        }
        if let Ok(event) = heard.try_recv() {
            break event;
        }
    };
    assert_eq!(resumed, StoreEvent::Resumed);
    assert!(sender.counts().lost() > 0);
    drop(sender);
    thread.join().unwrap();
    let reader = store::Reader::open(&path).unwrap();
    assert_eq!(reader.latest_ids().unwrap().plan, 77);
}
