//! What a division costs: `cargo bench -p allocate`. The aim: 10,000 aggregates in under 5 ms.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // A bench measures time.

use allocate::{AggregateClaim, DeviceClaim, FloorGate, Settings, allocate};
use std::hint::black_box;
use std::io::Write;
use std::time::Instant;
use vocab::{BitRate, DeviceId, MacAddress, Priority, Timestamp, TrafficClass, Weight};

/// The same household every time: demands, guarantees and weights by a small generator (xorshift64).
fn household(devices: u32) -> Vec<DeviceClaim> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let classes = [
        TrafficClass::Call,
        TrafficClass::Web,
        TrafficClass::Streaming,
        TrafficClass::Download,
        TrafficClass::Unclassified,
    ];
    (0..devices)
        .map(|number| {
            let [_, a, b, c] = number.to_be_bytes();
            DeviceClaim {
                device: DeviceId::Mac(MacAddress([2, 0, 0, a, b, c])),
                priority: Priority::new(1 + next(5) as u8).expect("1 to 5"),
                weight: Weight::from_thousandths(500 + next(3_000) as u32).expect("in range"),
                guarantee: BitRate::from_kbps(next(300)),
                ceiling: if next(4) == 0 { BitRate::from_mbps(1 + next(20)) } else { BitRate::MAX },
                aggregates: classes
                    .into_iter()
                    .map(|class| AggregateClaim {
                        class,
                        demand: BitRate::from_kbps(next(4_000)),
                        guarantee: BitRate::from_kbps(next(20)),
                        ceiling: BitRate::MAX,
                        forecast_floor: Some(BitRate::from_kbps(next(2_000))),
                    })
                    .collect(),
            }
        })
        .collect()
}

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for devices in [20, 200, 2_000, 5_000] {
        let claims = household(devices);
        // Two thirds of what is wanted: the tiers run out.
        let capacity = BitRate::from_kbps(u64::from(devices) * 6_600);
        let mut times: Vec<f64> = Vec::new();
        let mut settle_times: Vec<f64> = Vec::new();
        let mut gate = FloorGate::new();
        for round in 0..50u64 {
            let begin = Instant::now();
            let division = allocate(capacity, black_box(&claims), Settings::default());
            times.push(begin.elapsed().as_secs_f64() * 1e3);
            let begin = Instant::now();
            black_box(gate.settle(&division, Timestamp::from_unix_secs(round)));
            settle_times.push(begin.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        settle_times.sort_by(f64::total_cmp);
        writeln!(
            out,
            "{devices} devices, {} aggregates: allocate {:.3} ms (median of 50; fastest {:.3}), settle {:.3} ms",
            devices * 5,
            times[25],
            times[0],
            settle_times[25],
        )?;
    }
    Ok(())
}
