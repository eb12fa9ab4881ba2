//! What the programs cost per packet, in this machine's kernel. Needs root: `cargo bench -p datapath`.

#![allow(clippy::print_stdout)]

use datapath::{Datapath, DatapathSettings, Hook, Leaf, Setting, SteeringMode};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use vocab::{DeviceId, Direction, Endpoint, FlowKey, IpProtocol, MacAddress, TrafficClass};

/// So many that they take more than the half second in which flows are looked at once.
const LOOKED_AT: u32 = 6_200_000;

const DEVICE: MacAddress = MacAddress([0xa4, 0x5e, 0x60, 0, 0, 1]);

/// A TCP segment of 1,460 bytes from one server of many to the device.
fn frame(server: u32) -> Vec<u8> {
    let mut frame = DEVICE.0.to_vec();
    frame.extend([2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 5, 0xdc, 0, 1, 0, 0, 64, 6, 0, 0]);
    frame.extend(server.to_be_bytes());
    frame.extend([192, 168, 1, 20, 0x01, 0xbb, 0xc3, 0x50]);
    frame.extend([0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x10, 0, 0, 0, 0, 0, 0]);
    frame.resize(1_514, 0x78);
    frame
}

/// What opens a TCP flow: 74 bytes.
fn syn(server: u32) -> Vec<u8> {
    let mut frame = frame(server);
    frame.truncate(74);
    frame[17] = 60;
    frame[16] = 0;
    frame[46..48].copy_from_slice(&[0xa0, 0x02]);
    frame
}

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() * percent / 100).min(times.len() - 1)]
}

fn main() {
    let settings = DatapathSettings {
        pin_dir: PathBuf::from(format!("/sys/fs/bpf/datapath_bench_{}", std::process::id())),
        ..DatapathSettings::default()
    };
    let mut datapath = Datapath::load_or_adopt(&settings).expect("root, and a kernel with eBPF");
    let mut classes = datapath.classes().unwrap();
    let slot = classes.assign(DeviceId::Mac(DEVICE)).unwrap();
    let steering = datapath.steering();
    steering.set_leaf(slot, TrafficClass::Streaming, Direction::Download, Leaf::Present).unwrap();
    steering.set_steering(SteeringMode::On).unwrap();
    let flows = datapath.flows();
    let arrives = Setting { ingress_interface: 1, ..Setting::default() };

    let server = |number: u32| 0x0b00_0000 + number;
    let end = |ip: u32, port| Endpoint { address: std::net::IpAddr::V4(Ipv4Addr::from(ip)).into(), port };
    let (key, _) = FlowKey::new(IpProtocol::TCP, end(server(0), 443), end(0xc0a8_0114, 50_000));
    flows.set_verdicts(&[(key, TrafficClass::Streaming, true)]).unwrap();
    let run = |datapath: &mut Datapath, hook, frame: &[u8], repeat| {
        datapath.trial(hook, frame, arrives, repeat).unwrap().duration
    };
    println!("lan_egress, hot flow, settled, steered: {:?}", run(&mut datapath, Hook::LanEgress, &frame(0), LOOKED_AT));
    println!(
        "lan_ingress, hot flow:                  {:?}",
        run(&mut datapath, Hook::LanIngress, &frame(0), LOOKED_AT)
    );
    println!(
        "shared_egress, hot flow:                {:?}",
        run(&mut datapath, Hook::SharedEgress, &frame(0), LOOKED_AT)
    );
    println!("wan_egress:                             {:?}", run(&mut datapath, Hook::WanEgress, &frame(0), LOOKED_AT));
    // It looks at one number and goes: what is left is the trial's own, in a row and alone.
    let mut alone: Vec<_> = (0..50_000).map(|_| run(&mut datapath, Hook::WanEgress, &frame(0), 1)).collect();
    println!("single run, wan_egress (fixed cost):    p50 {:?}", percentile(&mut alone, 50));
    let mut alone: Vec<_> = (0..50_000).map(|_| run(&mut datapath, Hook::LanEgress, &frame(0), 1)).collect();
    println!("single run, hot flow:                   p50 {:?}", percentile(&mut alone, 50));
    let mut events = datapath.take_events().unwrap();
    for (name, frame) in [("TCP SYN", syn as fn(u32) -> Vec<u8>), ("1,514 bytes", frame)] {
        let mut fresh = Vec::new();
        let first = server(1) + if name == "TCP SYN" { 0 } else { 1 << 20 };
        for number in 0..100_000 {
            fresh.push(run(&mut datapath, Hook::LanEgress, &frame(first + number), 1));
            if number % 512 == 0 {
                events.poll(Duration::ZERO, usize::MAX, |_| {}).unwrap();
            }
        }
        let (half, most) = (percentile(&mut fresh, 50), percentile(&mut fresh, 99));
        println!("single run, new flow, {name}, sent up: p50 {half:?} p99 {most:?}");
    }
    let stats = datapath.stats().unwrap();
    assert_eq!((stats.ring_full, stats.flows_refused), (0, 0));

    let began = Instant::now();
    let mut count = 0;
    flows.read_flows(|_| count += 1).unwrap();
    println!("reading {count} flows in batches:       {:?}", began.elapsed());
    let began = Instant::now();
    for number in 2..=200_u8 {
        classes.assign(DeviceId::Mac(MacAddress([2, 0, 0, 0, 1, number]))).unwrap();
    }
    println!("giving out 199 slots:                   {:?}", began.elapsed());
    let began = Instant::now();
    let mut rows = 0;
    classes.read_counters(|_| rows += 1).unwrap();
    println!("reading the counters of 200 devices:    {:?} ({rows} in use)", began.elapsed());
    Datapath::clear(&settings.pin_dir).unwrap();
    std::fs::remove_dir(&settings.pin_dir).unwrap();
}
