//! Flows that keep their class whatever comes.

use crate::kernel::*;
use datapath::{
    Counted, DOWNLOAD_MAJOR, Datapath, DatapathSettings, FlowReading, Hook, Leaf, MARK, ProtectedFlows, Slot,
    SteeringMode,
};
use vocab::{Address, ByteCount, DeviceId, Direction, Endpoint, FlowKey, IpProtocol, Sides, TrafficClass};

const SECOND: u64 = 1_000_000_000;

fn call() -> Ends {
    ends(IpProtocol::UDP, ("192.168.1.20", 40_000), ("203.0.113.9", 3_478))
}

impl Kernel {
    /// Ten packets of a flow each way.
    fn talk(&mut self, ends: Ends) {
        for _ in 0..10 {
            self.upload(&up(ends, 160));
            self.download(&down(ends.back(), 160));
        }
    }

    /// What the source does with each reading.
    fn read(&mut self, protected: &mut ProtectedFlows) {
        self.flows().iter().for_each(|flow| protected.observe(flow));
        protected.turn(datapath::sys::clocks().monotonic_ns).unwrap();
    }

    fn class_of(&self, ends: Ends) -> TrafficClass {
        self.flows().into_iter().find(|flow| flow.key == ends.key()).expect("it has just sent").class
    }
}

/// The number of a flow from the phone to somebody else each time.
fn sprayed(number: u32) -> Ends {
    let [a, b, c, d] = number.to_be_bytes();
    let to = Endpoint { address: Address::from_v4([20 + a, b, c, d]), port: 443 };
    Ends { to, ..ends(IpProtocol::TCP, ("192.168.1.20", 50_000), ("0.0.0.0", 0)) }
}

#[test]
fn a_spray_of_a_million_flows_takes_no_class_from_a_call() {
    let settings = DatapathSettings { max_flows: 65_536, ring_bytes: 1 << 20, ..DatapathSettings::default() };
    let Some(mut kernel) = Kernel::sized("spray", settings) else { return };
    let slot = kernel.classes.assign(DeviceId::Mac(PHONE)).unwrap();
    kernel.steering.set_steering(SteeringMode::On).unwrap();
    for direction in Direction::ALL {
        kernel.steering.set_leaf(slot, TrafficClass::Call, direction, Leaf::Present).unwrap();
    }
    let mut protected = kernel.datapath.protected().unwrap();
    kernel.talk(call());
    let videos = || (1..=100).map(|number| ends(IpProtocol::TCP, ("192.168.1.20", number), ("203.0.113.9", 443)));
    let mut verdicts = vec![(call().key(), TrafficClass::Call, true)];
    verdicts.extend(videos().map(|video| (video.key(), TrafficClass::Streaming, true)));
    kernel.flows.set_verdicts(&verdicts).unwrap();
    videos().for_each(|video| kernel.talk(video));
    kernel.talk(call());
    kernel.read(&mut protected);
    assert_eq!(protected.len(), 1, "the call; videos are not protected");

    let mut frame = up(sprayed(0), 0);
    let mut send = |kernel: &mut Kernel, numbers: std::ops::Range<u32>| {
        for number in numbers {
            // The address alone changes: that is quicker than making the frame anew.
            frame[30..34].copy_from_slice(&sprayed(number).to.address.0[12..]);
            kernel.upload(&frame);
        }
    };
    for batch in 0..20 {
        let numbers = batch * 50_000..(batch + 1) * 50_000;
        send(&mut kernel, numbers.clone());
        // The tables let go of passers-by first. So the last of them, more than any table holds, stay a while: they get
        // a verdict, and send again, which looks it up.
        if batch >= 14 {
            let verdicts = numbers.clone().map(|number| (sprayed(number).key(), TrafficClass::Web, true));
            kernel.flows.set_verdicts(&verdicts.collect::<Vec<_>>()).unwrap();
            send(&mut kernel, numbers);
        }
        if batch % 5 == 4 {
            kernel.read(&mut protected);
        }
    }
    let stats = kernel.datapath.stats().unwrap();
    assert!(stats.flows >= 1_000_101 && stats.flows_refused == 0, "{stats:?}");
    let open = kernel.flows();
    assert!(open.len() <= 65_536, "{} flows in the table", open.len());
    assert!(!open.iter().any(|flow| flow.key == call().key()), "the call itself made room");
    assert_eq!(protected.len(), 1, "what has no answers is not established");

    let minor = u32::from(slot.class_minor(TrafficClass::Call));
    assert_eq!(kernel.upload(&up(call(), 160)).mark, MARK | minor, "its first packet after that");
    assert_eq!(kernel.download(&down(call().back(), 160)).priority, u32::from(DOWNLOAD_MAJOR) << 16 | minor);
    // So the spray was one: of what is not protected, much has lost its class. The kernel makes room by lists of its own,
    // one for each processor: which of them this ran on decides when a video's turn comes.
    let mut streaming = 100;
    for round in 0..8 {
        videos().for_each(|video| drop(kernel.upload(&up(video, 100))));
        let flows = kernel.flows();
        streaming = flows.iter().filter(|flow| flow.class == TrafficClass::Streaming).count();
        if streaming < 50 {
            break;
        }
        let numbers = (20 + round) * 50_000..(21 + round) * 50_000;
        let verdicts = numbers.clone().map(|number| (sprayed(number).key(), TrafficClass::Web, true));
        kernel.flows.set_verdicts(&verdicts.collect::<Vec<_>>()).unwrap();
        send(&mut kernel, numbers);
    }
    assert!(streaming < 50, "{streaming} of 100 videos");
}

#[test]
fn a_protected_flow_follows_its_verdicts() {
    let Some(mut kernel) = Kernel::new("revised") else { return };
    let mut protected = kernel.datapath.protected().unwrap();
    kernel.flows.set_verdicts(&[(call().key(), TrafficClass::Call, false)]).unwrap();
    kernel.talk(call());
    kernel.read(&mut protected);
    assert_eq!(protected.len(), 1);
    for class in [TrafficClass::Voice, TrafficClass::Download, TrafficClass::Gaming] {
        kernel.flows.set_verdicts(&[(call().key(), class, true)]).unwrap();
        kernel.talk(call());
        assert_eq!(kernel.class_of(call()), class);
        kernel.read(&mut protected);
        assert_eq!(protected.len(), usize::from(class.is_protected()), "{class}");
    }
    // A verdict that the flow's entry does not know yet, as it has sent nothing since.
    let mut fresh = kernel.datapath.protected().unwrap();
    assert_eq!(fresh.len(), 1, "adopted");
    let flow = kernel.flows()[0];
    kernel.flows.set_verdicts(&[(call().key(), TrafficClass::Web, true)]).unwrap();
    fresh.observe(&flow);
    fresh.turn(flow.last_ns).unwrap();
    kernel.upload(&up(call(), 160));
    assert_eq!(kernel.class_of(call()), TrafficClass::Web);
}

/// As the kernel would say it of a flow that was seen at `last_ns`.
fn reading(number: u32, slot: u16, packets: u64, last_ns: u64) -> FlowReading {
    let moved = Counted { bytes: ByteCount(packets * 200), packets };
    FlowReading {
        key: FlowKey::new(IpProtocol::UDP, sprayed(number).from, sprayed(number).to).0,
        slot: Slot::new(slot),
        class: TrafficClass::Voice,
        classed_after: 0,
        settled: true,
        local: false,
        from_low: moved,
        from_high: moved,
        first_ns: 0,
        last_ns,
        round_trip: Sides::default(),
    }
}

#[test]
fn who_is_let_in_and_who_goes() {
    let Some(kernel) = Kernel::new("room") else { return };
    let mut protected = kernel.datapath.protected().unwrap();
    let mut turn = |flows: &mut dyn Iterator<Item = FlowReading>, now: u64, expected: usize| {
        flows.for_each(|flow| protected.observe(&flow));
        protected.turn(now).unwrap();
        assert_eq!(protected.len(), expected);
    };
    let now = 1_000 * SECOND;
    turn(&mut (0..5_000).map(|number| reading(number, 1, 7, now)), now, 0);
    turn(&mut (0..5_000).map(|number| reading(number, 1, 8, now)), now, 2_048);
    // Others find room, until there is none.
    let others = |slots: std::ops::RangeInclusive<u16>, now: u64| {
        slots.flat_map(move |slot| (0..2_048).map(move |n| reading(u32::from(slot) * 10_000 + n, slot, 8, now)))
    };
    turn(&mut others(2..=8, now), now, 16_384);
    turn(&mut others(9..=9, now), now, 16_384);
    // What is quiet makes room; what is idle goes.
    let later = now + 11 * SECOND;
    turn(&mut others(2..=7, later), later, 16_384);
    turn(&mut others(9..=9, later), later, 7 * 2_048);
    let much_later = later + 120 * SECOND;
    turn(&mut others(9..=9, much_later), much_later, 2_048);
    assert_eq!(kernel.datapath.protected().unwrap().len(), 2_048, "as the map has it");
}

#[test]
fn a_restart_keeps_protected_flows() {
    let Some(mut kernel) = Kernel::new("protected_adopt") else { return };
    let mut protected = kernel.datapath.protected().unwrap();
    kernel.flows.set_verdicts(&[(call().key(), TrafficClass::Call, true)]).unwrap();
    kernel.talk(call());
    kernel.read(&mut protected);
    let settings = DatapathSettings {
        pin_dir: kernel.pin_dir.clone(),
        max_flows: 4_096,
        ring_bytes: 1 << 20,
        ..DatapathSettings::default()
    };
    let mut next = Datapath::load_or_adopt(&settings).unwrap();
    let mut adopted = next.protected().unwrap();
    assert_eq!(adopted.len(), 1);
    next.trial(Hook::LanIngress, &up(call(), 9), datapath::Setting::default(), 1).unwrap();
    // Since when it is quiet is not known: its time begins with the restart.
    adopted.turn(1_000 * SECOND).unwrap();
    assert_eq!(adopted.len(), 1);
    adopted.turn(1_120 * SECOND).unwrap();
    assert_eq!(adopted.len(), 0);
}
