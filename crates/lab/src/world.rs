//! The world outside the household: which names there are, where they answer and what their traffic is for.

use std::net::{Ipv4Addr, Ipv6Addr};
use vocab::TrafficClass;

/// A name in the household's DNS and the address at which the lab's own server answers for it.
///
/// Addresses are from the blocks for documentation (RFC 5737, RFC 3849): nothing on them can be mistaken for
/// the real service, and no list of address ranges can give the answer away.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    /// Its name.
    pub name: &'static str,
    /// Its IPv4 address.
    pub ipv4: Ipv4Addr,
    /// Its IPv6 address, where it has one.
    pub ipv6: Option<Ipv6Addr>,
    /// What its traffic is for.
    pub class: TrafficClass,
}

const fn service(name: &'static str, block: u8, host: u8, class: TrafficClass) -> Service {
    let ipv4 = match block {
        0 => Ipv4Addr::new(198, 51, 100, host),
        _ => Ipv4Addr::new(203, 0, 113, host),
    };
    Service { name, ipv4, ipv6: None, class }
}

const fn dual(name: &'static str, block: u8, host: u8, class: TrafficClass) -> Service {
    let ipv6 = Some(Ipv6Addr::new(0x2001, 0xdb8, block as u16, 0, 0, 0, 0, host as u16));
    let Service { ipv4, .. } = service(name, block, host, class);
    Service { name, ipv4, ipv6, class }
}

/// A server whose name nobody asks for.
pub(crate) const NAMELESS: &str = "nameless.example.net";
/// The public name that encrypted hellos to the film's server show; it has no address of its own in DNS.
pub(crate) const OUTER_NAME: &str = "cloudflare-ech.com";
/// Where segments of films come from.
pub(crate) const VIDEO_CDN: &str = "rr3---sn-4g5e6nsz.googlevideo.com";
/// Where images of installation media come from.
pub(crate) const RELEASES: &str = "releases.ubuntu.com";
/// Where packages of an operating system come from, by plain HTTP.
pub(crate) const ARCHIVE: &str = "archive.ubuntu.com";
/// Where another operating system gets its updates.
pub(crate) const DELIVERY: &str = "dl.delivery.mp.microsoft.com";
/// Where backups go.
pub(crate) const BACKUP: &str = "f004.backblazeb2.com";
/// Who sets up phone calls.
pub(crate) const PHONE: &str = "sip.linphone.org";
/// Who carries video meetings.
pub(crate) const MEETING: &str = "meet-jit-si-eu.jitsi.net";
/// A machine one logs in to.
pub(crate) const SHELL: &str = "bastion.example.net";
/// A machine one plays on.
pub(crate) const GAME: &str = "eu1.gameserver.example.net";
/// The office.
pub(crate) const VPN: &str = "vpn.example.com";
/// The time.
pub(crate) const TIME: &str = "0.debian.pool.ntp.org";
/// Pages by TLS over TCP.
pub(crate) const SITES: [&str; 4] = ["en.wikipedia.org", "www.nytimes.com", "www.theguardian.com", "stackoverflow.com"];
/// Pages by QUIC.
pub(crate) const QUIC_SITES: [&str; 2] = ["www.google.com", "www.cloudflare.com"];

/// All names.
pub const SERVICES: [Service; 18] = [
    dual(SITES[0], 0, 10, TrafficClass::Web),
    service(SITES[1], 0, 11, TrafficClass::Web),
    service(SITES[2], 0, 12, TrafficClass::Web),
    dual(SITES[3], 0, 13, TrafficClass::Web),
    dual(QUIC_SITES[0], 1, 10, TrafficClass::Web),
    service(QUIC_SITES[1], 1, 11, TrafficClass::Web),
    service(VIDEO_CDN, 1, 20, TrafficClass::Streaming),
    service(RELEASES, 1, 30, TrafficClass::Download),
    service(ARCHIVE, 1, 31, TrafficClass::Update),
    service(DELIVERY, 1, 32, TrafficClass::Update),
    service(BACKUP, 1, 40, TrafficClass::Backup),
    service(PHONE, 1, 50, TrafficClass::Voice),
    service(MEETING, 1, 60, TrafficClass::Call),
    service(SHELL, 1, 70, TrafficClass::Interactive),
    service(GAME, 1, 80, TrafficClass::Gaming),
    service(VPN, 1, 90, TrafficClass::Work),
    service(NAMELESS, 1, 99, TrafficClass::Voice),
    service(TIME, 1, 91, TrafficClass::Interactive),
];

/// The service named `name`.
pub(crate) fn service_named(name: &str) -> Option<&'static Service> {
    SERVICES.iter().find(|service| service.name == name)
}
