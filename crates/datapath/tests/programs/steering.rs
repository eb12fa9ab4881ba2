//! Where packets are put, and how they are marked.

use crate::kernel::*;
use datapath::{DOWNLOAD_MAJOR, Hook, Leaf, MARK, Setting, SteeringMode, UPLOAD_MAJOR};
use std::net::IpAddr;
use vocab::{DeviceId, Direction, IpProtocol, MacAddress, TrafficClass};

#[test]
fn packets_are_steered_into_the_leaf_that_is_there() {
    let Some(mut kernel) = Kernel::new("steer") else { return };
    let slot = kernel.classes.assign(DeviceId::Mac(PHONE)).unwrap();
    assert_eq!(kernel.steering.slot_of(DeviceId::Mac(PHONE)).unwrap(), Some(slot));
    kernel.flows.set_verdicts(&[(video().key(), TrafficClass::Streaming, true)]).unwrap();
    let towards = |major: u16, minor: u16| u32::from(major) << 16 | u32::from(minor);
    assert_eq!(kernel.download(&down(video().back(), 9)).priority, 0, "off: nothing is touched");
    assert_eq!(kernel.upload(&up(video(), 9)).mark, 0);

    kernel.steering.set_steering(SteeringMode::On).unwrap();
    let frame = down(video().back(), 9);
    assert_eq!(kernel.download(&frame).priority, towards(DOWNLOAD_MAJOR, datapath::DEFAULT_MINOR));
    kernel.steering.set_leaf(slot, TrafficClass::Unclassified, Direction::Download, Leaf::Present).unwrap();
    let unclassified = slot.class_minor(TrafficClass::Unclassified);
    assert_eq!(kernel.download(&frame).priority, towards(DOWNLOAD_MAJOR, unclassified));
    kernel.steering.set_leaf(slot, TrafficClass::Streaming, Direction::Download, Leaf::Present).unwrap();
    let streaming = slot.class_minor(TrafficClass::Streaming);
    assert_eq!(kernel.download(&frame).priority, towards(DOWNLOAD_MAJOR, streaming));
    assert_eq!(
        kernel.upload(&up(video(), 9)).mark,
        MARK | u32::from(datapath::DEFAULT_MINOR),
        "uploads have a tree of their own"
    );

    kernel.steering.set_leaf(slot, TrafficClass::Streaming, Direction::Upload, Leaf::Present).unwrap();
    let marked = kernel.upload(&up(video(), 9));
    assert_eq!((marked.mark, marked.priority), (MARK | u32::from(streaming), 0));
    let out = kernel.run(Hook::WanEgress, &up(video(), 9), Setting { mark: marked.mark, ..Setting::default() });
    assert_eq!((out.mark, out.priority), (0, towards(UPLOAD_MAJOR, streaming)));

    let theirs = Setting { mark: 0x42, priority: 7, ..Setting::default() };
    assert_eq!(kernel.run(Hook::LanIngress, &up(video(), 9), theirs).mark, 0x42, "a mark of others is theirs");
    let out = kernel.run(Hook::WanEgress, &up(video(), 9), theirs);
    assert_eq!((out.mark, out.priority), (0x42, 7));

    kernel.steering.set_steering(SteeringMode::Off).unwrap();
    assert_eq!(kernel.download(&frame).priority, 0);
}

#[test]
fn marks_keep_ecn_and_the_checksum_right() {
    let Some(mut kernel) = Kernel::new("mark") else { return };
    kernel.steering.set_dscp(Some(TrafficClass::ALL.map(TrafficClass::dscp))).unwrap();
    let video_v6 = ends(IpProtocol::TCP, ("fd00::20", 50_000), ("2001:db8::9", 443));
    for (class, flow) in TrafficClass::ALL.into_iter().flat_map(|class| [(class, video()), (class, video_v6)]) {
        kernel.flows.set_verdicts(&[(flow.key(), class, true)]).unwrap();
        for before in [0, 3, 0xb9, 0xfe] {
            let frame = [ethernet(PHONE, GATEWAY, &[], ethertype(flow)), packet(flow, before, 100)].concat();
            let after = kernel.upload(&frame).frame;
            let is = match flow.from.address.ip() {
                IpAddr::V4(_) => {
                    assert_eq!(checksum(&after[14..34]), 0, "{class} {before:#x}");
                    after[15]
                }
                IpAddr::V6(_) => after[14] << 4 | after[15] >> 4,
            };
            assert_eq!(is, class.dscp() << 2 | before & 3, "{class} {before:#x}");
            assert_eq!(after.len(), frame.len());
            assert_eq!(after[36..], frame[36..], "nothing else is touched");
        }
    }
    kernel.steering.set_dscp(None).unwrap();
    let frame = [ethernet(PHONE, GATEWAY, &[], 0x0800), packet(video(), 0xb9, 100)].concat();
    assert_eq!(kernel.upload(&frame).frame, frame);
}

#[test]
fn devices_get_their_slot_with_the_next_packet() {
    let Some(mut kernel) = Kernel::new("slots") else { return };
    kernel.upload(&up(video(), 100));
    assert_eq!(kernel.datapath.stats().unwrap().unknown, counted(154, 1));
    let behind_router = DeviceId::Ip("192.168.1.20".parse().unwrap());
    let by_address = kernel.classes.assign(behind_router).unwrap();
    kernel.upload(&up(video(), 100));
    assert_eq!(kernel.flows()[0].slot, Some(by_address));
    let by_mac = kernel.classes.assign(DeviceId::Mac(PHONE)).unwrap();
    assert_eq!(kernel.classes.assign(DeviceId::Mac(PHONE)).unwrap(), by_mac, "once given, kept");
    kernel.upload(&up(video(), 100));
    assert_eq!(kernel.flows()[0].slot, Some(by_mac), "a MAC address comes before an IP address");
    let slots: Vec<_> = kernel.counters().into_iter().map(|count| (count.slot, count.total)).collect();
    assert_eq!(slots, [None, Some(by_address), Some(by_mac)].map(|slot| (slot, counted(154, 1))));

    kernel.steering.set_leaf(by_mac, TrafficClass::Voice, Direction::Download, Leaf::Present).unwrap();
    kernel.classes.release(DeviceId::Mac(PHONE)).unwrap();
    assert_eq!(kernel.steering.leaf(by_mac, TrafficClass::Voice, Direction::Download).unwrap(), Leaf::Absent);
    kernel.upload(&up(video(), 100));
    assert_eq!(kernel.flows()[0].slot, Some(by_address));
    let laptop = DeviceId::Mac(MacAddress([0xa4, 0x5e, 0x60, 0, 0, 2]));
    assert_eq!(kernel.classes.assign(laptop).unwrap(), by_mac, "the first free one");
    assert!(!kernel.counters().iter().any(|count| count.slot == Some(by_mac)), "counts are not inherited");
}

#[test]
fn unknown_devices_wait_in_the_default_leaf() {
    let Some(mut kernel) = Kernel::new("unknown") else { return };
    kernel.steering.set_steering(SteeringMode::On).unwrap();
    let default = u32::from(datapath::DEFAULT_MINOR);
    kernel.flows.set_verdicts(&[(video().key(), TrafficClass::Streaming, true)]).unwrap();
    assert_eq!(kernel.upload(&up(video(), 9)).mark, MARK | default);
    let to_nobody = kernel.download(&down(video().back(), 9));
    assert_eq!(to_nobody.priority, u32::from(DOWNLOAD_MAJOR) << 16 | default);
    assert_eq!(kernel.datapath.stats().unwrap().steered_default, 2);
}

#[test]
fn a_flow_moves_to_another_leaf_with_the_packet_after_its_verdict() {
    let Some(mut kernel) = Kernel::new("moves") else { return };
    let slot = kernel.classes.assign(DeviceId::Mac(PHONE)).unwrap();
    kernel.steering.set_steering(SteeringMode::On).unwrap();
    for class in TrafficClass::ALL {
        for direction in Direction::ALL {
            kernel.steering.set_leaf(slot, class, direction, Leaf::Present).unwrap();
        }
    }
    for class in TrafficClass::ALL.into_iter().rev() {
        kernel.flows.set_verdicts(&[(video().key(), class, false)]).unwrap();
        let minor = u32::from(slot.class_minor(class));
        assert_eq!(kernel.upload(&up(video(), 9)).mark, MARK | minor, "{class}");
        let out = kernel.download(&down(video().back(), 9));
        assert_eq!(out.priority, u32::from(DOWNLOAD_MAJOR) << 16 | minor, "{class}");
    }
}

#[test]
fn marks_are_written_behind_tags_too() {
    let Some(mut kernel) = Kernel::new("mark_tags") else { return };
    kernel.steering.set_dscp(Some(TrafficClass::ALL.map(TrafficClass::dscp))).unwrap();
    let video_v6 = ends(IpProtocol::TCP, ("fd00::20", 50_000), ("2001:db8::9", 443));
    for flow in [video(), video_v6] {
        kernel.flows.set_verdicts(&[(flow.key(), TrafficClass::Voice, true)]).unwrap();
        let tagged = ethernet(PHONE, GATEWAY, &[[0x88, 0xa8, 0, 7], [0x81, 0, 0, 7]], ethertype(flow));
        let mut pppoe = ethernet(PHONE, GATEWAY, &[], 0x8864);
        let protocol = if ethertype(flow) == 0x0800 { 0x21 } else { 0x57 };
        pppoe.extend([0x11, 0, 0, 1, 0, 0, 0, protocol]);
        for front in [tagged, pppoe] {
            let frame = [front.clone(), packet(flow, 3, 100)].concat();
            let after = kernel.upload(&frame).frame;
            let ip = &after[front.len()..];
            let is = if ip[0] >> 4 == 4 { ip[1] } else { ip[0] << 4 | ip[1] >> 4 };
            assert_eq!(is, TrafficClass::Voice.dscp() << 2 | 3);
            if ip[0] >> 4 == 4 {
                assert_eq!(checksum(&ip[..20]), 0);
            }
            assert_eq!((&after[..front.len()], &ip[12..]), (&front[..], &frame[front.len() + 12..]));
        }
    }
}
