//! What outlives a flow, a device and a run.

use crate::kernel::*;
use datapath::{
    Adopted, DOWNLOAD_MAJOR, Datapath, DatapathError, DatapathSettings, Hook, Leaf, Setting, Slot, SteeringMode,
};
use vocab::{DeviceId, Direction, IpProtocol, MacAddress, TrafficClass};

#[test]
fn a_flow_that_made_room_for_others_regains_its_class() {
    let Some(mut kernel) = Kernel::new("evicted") else { return };
    kernel.classes.assign(DeviceId::Mac(PHONE)).unwrap();
    kernel.upload(&up(video(), 100));
    kernel.flows.set_verdicts(&[(video().key(), TrafficClass::Call, true)]).unwrap();
    for port in 0..20_000 {
        kernel.upload(&up(ends(IpProtocol::TCP, ("192.168.1.20", port), ("198.51.100.1", 80)), 0));
    }
    assert!(!kernel.flows().iter().any(|flow| flow.key == video().key()), "the table holds 4,096");
    kernel.upload(&up(video(), 100));
    let flow = kernel.flows().into_iter().find(|flow| flow.key == video().key()).unwrap();
    assert_eq!((flow.class, flow.settled), (TrafficClass::Call, true));
}

#[test]
fn what_opens_a_flow_inherits_nothing() {
    let Some(mut kernel) = Kernel::new("opens") else { return };
    for (number, tags) in [vec![], vec![[0x81, 0, 0, 7]]].into_iter().enumerate() {
        let flow = ends(IpProtocol::TCP, ("192.168.1.20", 50_000 + number as u16), ("203.0.113.9", 443));
        let key = flow.key();
        kernel.flows.set_verdicts(&[(key, TrafficClass::Call, true)]).unwrap();
        let mut syn = [ethernet(PHONE, GATEWAY, &tags, 0x0800), packet(flow, 0, 0)].concat();
        let flags = syn.len() - 20 + 13;
        syn[flags] = 0x02;
        kernel.upload(&syn);
        kernel.upload(&syn);
        let read = |kernel: &Kernel| kernel.flows().into_iter().find(|flow| flow.key == key).unwrap();
        // The verdict was of another flow that had the same ports; it is sent again, and is the same flow.
        let opened = read(&kernel);
        assert_eq!((opened.class, opened.settled), (TrafficClass::Unclassified, false));
        assert_eq!(opened.from_low.packets + opened.from_high.packets, 2);
        kernel.flows.set_verdicts(&[(key, TrafficClass::Web, true)]).unwrap();
        kernel.upload(&syn);
        assert_eq!(read(&kernel).class, TrafficClass::Web);
    }
    assert_eq!(kernel.datapath.stats().unwrap().flows, 2);
}

#[test]
fn a_restart_adopts_devices_counters_and_steering() {
    let Some(mut kernel) = Kernel::new("adopt") else { return };
    let slot = kernel.classes.assign(DeviceId::Mac(PHONE)).unwrap();
    kernel.steering.set_steering(SteeringMode::On).unwrap();
    kernel.steering.set_leaf(slot, TrafficClass::Web, Direction::Download, Leaf::Present).unwrap();
    kernel.flows.set_verdicts(&[(video().key(), TrafficClass::Web, true)]).unwrap();
    kernel.upload(&up(video(), 100));
    let settings = DatapathSettings {
        pin_dir: kernel.pin_dir.clone(),
        max_flows: 4_096,
        ring_bytes: 1 << 20,
        sample_limit: 3,
        ..Default::default()
    };
    let mut next = Datapath::load_or_adopt(&settings).unwrap();
    assert_eq!(next.adopted(), Adopted::Maps);
    let classes = next.classes().unwrap();
    assert_eq!(classes.devices(), [(DeviceId::Mac(PHONE), slot)]);
    assert_eq!(next.steering().steering(), SteeringMode::On);
    let setting = Setting { ingress_interface: 1, ..Setting::default() };
    let out = next.trial(Hook::LanEgress, &down(video().back(), 100), setting, 1).unwrap();
    assert_eq!(out.priority, u32::from(DOWNLOAD_MAJOR) << 16 | u32::from(slot.class_minor(TrafficClass::Web)));
    let mut totals = Vec::new();
    classes.read_counters(|count| totals.push((count.direction, count.total))).unwrap();
    assert_eq!(totals, [(Direction::Download, counted(154, 1)), (Direction::Upload, counted(154, 1))]);

    let larger = DatapathSettings { max_flows: 8_192, ..settings };
    let next = Datapath::load_or_adopt(&larger).unwrap();
    assert_eq!(next.adopted(), Adopted::Replaced, "maps of another size cannot be adopted");
    assert_eq!(next.classes().unwrap().devices(), []);
}

#[test]
fn all_slots_can_be_given() {
    let Some(mut kernel) = Kernel::new("full") else { return };
    for number in 0..u32::from(Slot::MAX.number()) {
        let [_, _, a, b] = number.to_be_bytes();
        kernel.classes.assign(DeviceId::Mac(MacAddress([2, 0, 0, 0, a, b]))).unwrap();
    }
    let refused = kernel.classes.assign(DeviceId::Mac(PHONE));
    assert!(matches!(refused, Err(DatapathError::NoSlot(4_094))), "{refused:?}");
}
