//! Programs with maps of their own, and the frames that are made for them.

use datapath::{
    Adopted, ClassCount, ClassMap, Counted, Datapath, DatapathError, DatapathSettings, Events, FlowMap, FlowReading,
    Hook, Setting, Steering,
};
use std::io::Write;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use vocab::{ByteCount, Endpoint, FlowKey, IpProtocol, MacAddress};

pub(crate) const PHONE: MacAddress = MacAddress([0xa4, 0x5e, 0x60, 0, 0, 1]);
pub(crate) const GATEWAY: MacAddress = MacAddress([0x02, 0, 0, 0, 0, 0xfe]);

/// Programs with maps of their own, taken away at the end.
pub(crate) struct Kernel {
    pub(crate) datapath: Datapath,
    pub(crate) classes: ClassMap,
    pub(crate) flows: FlowMap,
    pub(crate) steering: Steering,
    pub(crate) events: Events,
    pub(crate) pin_dir: PathBuf,
}

impl Kernel {
    /// Small enough that a test can fill it; `None` without the right to load programs.
    pub(crate) fn new(name: &str) -> Option<Kernel> {
        let small = DatapathSettings { max_flows: 4_096, ring_bytes: 1 << 20, sample_limit: 3, ..Default::default() };
        Kernel::sized(name, small)
    }

    pub(crate) fn sized(name: &str, settings: DatapathSettings) -> Option<Kernel> {
        let pin_dir = PathBuf::from(format!("/sys/fs/bpf/datapath_{name}_{}", std::process::id()));
        let settings = DatapathSettings { pin_dir: pin_dir.clone(), ..settings };
        let mut datapath = match Datapath::load_or_adopt(&settings) {
            Ok(datapath) => datapath,
            Err(error @ (DatapathError::Permission { .. } | DatapathError::NoBpf)) => {
                // Past the capture of the test harness: a skipped test must be seen.
                std::io::stderr().write_all(format!("SKIPPED: {error}\n").as_bytes()).unwrap();
                return None;
            }
            Err(error) => panic!("{error}"),
        };
        assert_eq!(datapath.adopted(), Adopted::Nothing);
        Some(Kernel {
            classes: datapath.classes().unwrap(),
            flows: datapath.flows(),
            steering: datapath.steering(),
            events: datapath.take_events().unwrap(),
            datapath,
            pin_dir,
        })
    }

    pub(crate) fn run(&mut self, hook: Hook, frame: &[u8], setting: Setting) -> datapath::Trial {
        let trial = self.datapath.trial(hook, frame, setting, 1).unwrap();
        assert_eq!(trial.verdict, -1, "the next program and the queue decide, never we");
        trial
    }

    pub(crate) fn upload(&mut self, frame: &[u8]) -> datapath::Trial {
        self.run(Hook::LanIngress, frame, Setting::default())
    }

    pub(crate) fn download(&mut self, frame: &[u8]) -> datapath::Trial {
        self.run(Hook::LanEgress, frame, Setting { ingress_interface: 1, ..Setting::default() })
    }

    pub(crate) fn counters(&self) -> Vec<ClassCount> {
        let mut counts = Vec::new();
        self.classes.read_counters(|count| counts.push(count)).unwrap();
        counts
    }

    pub(crate) fn flows(&self) -> Vec<FlowReading> {
        let mut flows = Vec::new();
        self.flows.read_flows(|flow| flows.push(flow)).unwrap();
        flows
    }

    /// Lengths of the frames that came up.
    pub(crate) fn came_up(&mut self) -> Vec<usize> {
        let mut lengths = Vec::new();
        self.events.poll(Duration::ZERO, usize::MAX, |event| lengths.push(event.bytes.len())).unwrap();
        lengths
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        Datapath::clear(&self.pin_dir).unwrap();
        std::fs::remove_dir(&self.pin_dir).unwrap();
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub(crate) from: Endpoint,
    pub(crate) to: Endpoint,
    pub(crate) protocol: IpProtocol,
}

pub(crate) fn end(ip: &str, port: u16) -> Endpoint {
    Endpoint { address: ip.parse::<IpAddr>().unwrap().into(), port }
}

pub(crate) fn ends(protocol: IpProtocol, from: (&str, u16), to: (&str, u16)) -> Ends {
    Ends { from: end(from.0, from.1), to: end(to.0, to.1), protocol }
}

impl Ends {
    pub(crate) fn key(self) -> FlowKey {
        FlowKey::new(self.protocol, self.from, self.to).0
    }

    pub(crate) fn back(self) -> Ends {
        Ends { from: self.to, to: self.from, protocol: self.protocol }
    }
}

pub(crate) fn transport(ends: Ends, payload: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(ends.from.port.to_be_bytes());
    bytes.extend(ends.to.port.to_be_bytes());
    match ends.protocol {
        IpProtocol::TCP => bytes.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]),
        _ => {
            bytes.extend(((8 + payload) as u16).to_be_bytes());
            bytes.extend([0, 0]);
        }
    }
    bytes.resize(bytes.len() + payload, 0x78);
    bytes
}

/// The Internet checksum (RFC 1071) of `bytes`; 0 over a header that holds a right one.
pub(crate) fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 =
        bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

pub(crate) fn ethernet(source: MacAddress, destination: MacAddress, tags: &[[u8; 4]], protocol: u16) -> Vec<u8> {
    let mut frame = [destination.0, source.0].concat();
    tags.iter().for_each(|tag| frame.extend(tag));
    frame.extend(protocol.to_be_bytes());
    frame
}

/// An IP packet with this DS field.
pub(crate) fn packet(ends: Ends, traffic_class: u8, payload: usize) -> Vec<u8> {
    let above = transport(ends, payload);
    let (IpAddr::V4(from), IpAddr::V4(to)) = (ends.from.address.ip(), ends.to.address.ip()) else {
        return packet_v6(ends, traffic_class, ends.protocol.0, &above);
    };
    let mut ip = vec![0x45, traffic_class];
    ip.extend(((20 + above.len()) as u16).to_be_bytes());
    ip.extend([0, 1, 0x40, 0, 64, ends.protocol.0, 0, 0]);
    ip.extend(from.octets());
    ip.extend(to.octets());
    let sum = checksum(&ip).to_be_bytes();
    ip[10..12].copy_from_slice(&sum);
    ip.extend(above);
    ip
}

pub(crate) fn packet_v6(ends: Ends, traffic_class: u8, next_header: u8, above: &[u8]) -> Vec<u8> {
    let mut ip = vec![0x60 | traffic_class >> 4, traffic_class << 4, 0, 0];
    ip.extend((above.len() as u16).to_be_bytes());
    ip.extend([next_header, 64]);
    ip.extend(ends.from.address.0);
    ip.extend(ends.to.address.0);
    ip.extend(above);
    ip
}

pub(crate) fn ethertype(ends: Ends) -> u16 {
    if ends.from.address.ip().is_ipv4() { 0x0800 } else { 0x86dd }
}

/// A frame from the phone through the gateway.
pub(crate) fn up(ends: Ends, payload: usize) -> Vec<u8> {
    [ethernet(PHONE, GATEWAY, &[], ethertype(ends)), packet(ends, 0, payload)].concat()
}

/// A frame from the gateway to the phone.
pub(crate) fn down(ends: Ends, payload: usize) -> Vec<u8> {
    [ethernet(GATEWAY, PHONE, &[], ethertype(ends)), packet(ends, 0, payload)].concat()
}

pub(crate) fn video() -> Ends {
    ends(IpProtocol::TCP, ("192.168.1.20", 50_000), ("203.0.113.9", 443))
}

pub(crate) fn counted(bytes: u64, packets: u64) -> Counted {
    Counted { bytes: ByteCount(bytes), packets }
}
