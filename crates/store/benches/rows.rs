//! Rows per second: samples stored and read back. `cargo bench -p store`.

use std::time::{Duration, Instant};
use store::{Grouping, HistoryQuery, Message, Store, StoreSettings};
use vocab::{Aggregate, ByteCount, DeviceId, Directed, LinkId, MacAddress, Record, Sample, Timestamp, TrafficClass};

const DEVICES: u32 = 200;
const CLASSES: usize = 5;
const SECONDS: u64 = 1_200;

#[allow(clippy::print_stdout)] // figures are what a bench is for
fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(StoreSettings::at(folder.path().join("bench.db"))).expect("opens");
    let reader = store.reader().expect("opens");
    let mut writer = store.into_writer().expect("opens");
    let mut slowest = Duration::ZERO;
    let begin = Instant::now();
    for second in 0..SECONDS {
        let record = Record::Samples(window(second));
        let before = Instant::now();
        writer.write(Message::Record(record)).expect("writes");
        slowest = slowest.max(before.elapsed());
    }
    let spent = begin.elapsed();
    let rows = SECONDS * u64::from(DEVICES) * CLASSES as u64;
    let bytes: u64 = ["bench.db", "bench.db-wal"]
        .iter()
        .map(|name| std::fs::metadata(folder.path().join(name)).map_or(0, |meta| meta.len()))
        .sum();
    println!(
        "stored {rows} samples ({DEVICES} devices, {CLASSES} classes) in {spent:.2?}: {:.2} M rows/s, {:.1} B each, slowest second {slowest:.1?}",
        rows as f64 / spent.as_secs_f64() / 1e6,
        bytes as f64 / rows as f64,
    );

    let to = Timestamp::from_unix_secs(SECONDS);
    let read = |what: &str, work: &dyn Fn()| {
        let before = Instant::now();
        (0..10).for_each(|_| work());
        println!("{what}: {:.2?}", before.elapsed() / 10);
    };
    read("top ten devices", &|| drop(reader.top_devices(Timestamp::default(), to, 10).expect("reads")));
    let total = HistoryQuery::total(Timestamp::default(), to);
    read("history by class, 1,200 s", &|| {
        drop(reader.history(&HistoryQuery { grouping: Grouping::Classes, ..total }).expect("reads"))
    });
    read("history by device, 20 of them", &|| {
        drop(reader.history(&HistoryQuery { grouping: Grouping::Devices { most: 20 }, ..total }).expect("reads"))
    });
}

/// Sizes vary as real ones do, without a generator: a multiplicative hash of place and time.
fn window(second: u64) -> Vec<Sample> {
    let mut samples = Vec::with_capacity(DEVICES as usize * CLASSES);
    for device in 0..DEVICES {
        let [a, b, c, d] = device.to_be_bytes();
        for class in &TrafficClass::ALL[..CLASSES] {
            let mixed =
                (second * 31 + u64::from(device) * 7 + class.index() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44;
            samples.push(Sample {
                link: LinkId(0),
                aggregate: Aggregate { device: DeviceId::Mac(MacAddress([2, 0, a, b, c, d])), class: *class },
                start: Timestamp::from_unix_secs(second),
                window: Duration::from_secs(1),
                bytes: Directed { download: ByteCount(mixed), upload: ByteCount(mixed / 20) },
                packets: Directed { download: mixed / 1_200, upload: mixed / 2_400 },
                flows: 3,
            });
        }
    }
    samples
}
