//! What a flow is for: evidence is gathered per protocol and weighed in one place, [`weigh`].
//!
//! What goes in: the first bytes of each side of a TCP flow, the datagrams of any other, its ports, its
//! counters, and what its device asked of DNS. What comes out: class, application, server name, confidence
//! and the reason. Marks that a device sets itself (DSCP) are not believed.
//!
//! To recognise a new protocol: one file with a function `inspect(&View) -> Finding`, one line in [`TCP`] or
//! [`DATAGRAM`]. To recognise a new service by its name: one row in `services.csv`.

pub(crate) mod alpn;
pub(crate) mod announced;
pub(crate) mod backups;
pub(crate) mod behavior;
pub(crate) mod bittorrent;
pub(crate) mod blizzard;
pub(crate) mod buildings;
pub(crate) mod bulk;
pub(crate) mod calls;
pub(crate) mod certificate;
pub(crate) mod coap;
pub(crate) mod consoles;
pub(crate) mod cryptocurrency;
pub(crate) mod databases;
#[cfg(test)]
pub(crate) mod dialogue;
pub(crate) mod directory;
pub(crate) mod discovery;
pub(crate) mod dns;
pub(crate) mod dtls;
pub(crate) mod edonkey;
pub(crate) mod energy;
pub(crate) mod fields;
pub(crate) mod file_servers;
pub(crate) mod ftp;
pub(crate) mod game_engines;
pub(crate) mod games;
pub(crate) mod handshake;
pub(crate) mod home;
pub(crate) mod http;
pub(crate) mod http2;
pub(crate) mod industry;
pub(crate) mod infrastructure;
pub(crate) mod ipsec;
pub(crate) mod ja4;
pub(crate) mod mail;
pub(crate) mod management;
pub(crate) mod measurement;
pub(crate) mod memory;
pub(crate) mod messaging;
pub(crate) mod messengers;
pub(crate) mod monitoring;
pub(crate) mod openvpn;
pub(crate) mod peer_to_peer;
pub(crate) mod ports;
pub(crate) mod printing;
pub(crate) mod proxies;
pub(crate) mod quake;
pub(crate) mod quic;
pub(crate) mod raknet;
pub(crate) mod rdp;
pub(crate) mod remote;
pub(crate) mod repositories;
pub(crate) mod routing;
pub(crate) mod rpc;
pub(crate) mod rtp;
pub(crate) mod sdp;
pub(crate) mod services;
pub(crate) mod sip;
#[cfg(test)]
pub(crate) mod specimen;
pub(crate) mod ssh;
pub(crate) mod starttls;
pub(crate) mod steam;
pub(crate) mod streams;
pub(crate) mod stun;
pub(crate) mod talk;
pub(crate) mod tftp;
pub(crate) mod time;
pub(crate) mod tls;
pub(crate) mod tunnels;
pub(crate) mod vehicles;
pub(crate) mod vpn;
pub(crate) mod wireguard;
pub(crate) mod zoom;

use crate::rules::{Place, Ruled};
use behavior::{Moved, Played, Rhythm};
use services::{Service, Services};
use vocab::{Address, Endpoint, IpProtocol, TrafficClass};

/// Which end of the flow sent the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    /// The end that sent the first packet.
    Initiator,
    /// The other.
    Responder,
}

/// What the bytes of a view are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    /// The beginning of one side's TCP stream, contiguous.
    Stream,
    /// One datagram.
    Datagram,
}

/// What an inspector sees.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) layer: Layer,
    pub(crate) bytes: &'a [u8],
    pub(crate) sender: Sender,
    /// Where the end that sent `bytes` stands.
    pub(crate) source: Address,
    pub(crate) destination: Address,
    /// The port of the end that sent `bytes`.
    pub(crate) source_port: u16,
    pub(crate) destination_port: u16,
    /// How many packets with a payload the flow had before this one.
    pub(crate) number: u16,
    /// How the other end's first payload began, [`HEARD`] bytes at most; empty while it has sent none.
    pub(crate) heard: &'a [u8],
}

/// Enough of a first payload to compare an answer with its request.
pub(crate) const HEARD: usize = 32;

impl View<'_> {
    /// Whether either end uses `port`.
    pub(crate) fn port(&self, port: u16) -> bool {
        self.source_port == port || self.destination_port == port
    }

    /// Whether either end uses one of `ports`.
    pub(crate) fn any_port(&self, ports: &[u16]) -> bool {
        ports.iter().any(|&port| self.port(port))
    }

    /// The port of the end that did not begin.
    pub(crate) fn responder_port(&self) -> u16 {
        match self.sender {
            Sender::Initiator => self.destination_port,
            Sender::Responder => self.source_port,
        }
    }
}

/// Whether a server name may say more than the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// The protocol carries anything (TLS, HTTP, QUIC): the service decides the class.
    Refine,
    /// The protocol is what it is for (DNS, SSH): the name is only shown.
    Adorn,
}

/// What a protocol's inspector concluded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Signature {
    pub(crate) application: &'static str,
    pub(crate) class: TrafficClass,
    pub(crate) names: Names,
    /// In hundredths.
    pub(crate) confidence: u8,
    /// Completes "it is …, because of …".
    pub(crate) why: &'static str,
}

/// Where a server name was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameSource {
    TlsHello,
    /// Beside an encrypted hello, which may be real or made up (GREASE): the device may want another name.
    EncryptedHello,
    /// Beside an encrypted hello that is real: the name of the provider that hides the other.
    OuterHello,
    TlsCertificate,
    QuicInitial,
    HttpHost,
    Query,
    DnsAnswer,
    /// An earlier flow of the device to the same address said it.
    EarlierFlow,
}

impl NameSource {
    const fn place(self) -> &'static str {
        match self {
            NameSource::TlsHello | NameSource::EncryptedHello => "in the TLS hello",
            NameSource::OuterHello => "around an encrypted TLS hello",
            NameSource::TlsCertificate => "in the TLS certificate",
            NameSource::QuicInitial => "in the QUIC hello",
            NameSource::HttpHost => "in the HTTP request",
            NameSource::Query => "in the DNS query",
            NameSource::DnsAnswer => "that the device had asked DNS for",
            NameSource::EarlierFlow => "that an earlier flow to this address gave",
        }
    }

    /// How far the name speaks for the flow, in hundredths: an address is shared by many names.
    const fn confidence(self) -> u8 {
        match self {
            NameSource::TlsHello | NameSource::QuicInitial | NameSource::HttpHost | NameSource::Query => 97,
            NameSource::EncryptedHello => 95,
            NameSource::TlsCertificate => 92,
            NameSource::DnsAnswer => 75,
            NameSource::EarlierFlow => 60,
            NameSource::OuterHello => 40,
        }
    }
}

/// Whether more packets could change the conclusion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// No.
    Settle,
    /// Yes: look at some more.
    Watch,
    /// Only for detail: show the rest of this side's message, while the conclusion stands.
    Read,
    /// No, but it announces other flows: show each further payload to [`ANNOUNCERS`].
    Listen,
}

/// Another flow that a flow spoke of (FTP data, the media of a call): whoever talks to this end does it for
/// that purpose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Announced {
    pub(crate) end: Endpoint,
    pub(crate) protocol: IpProtocol,
    pub(crate) signature: Signature,
}

/// A conclusion with what came along.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) signature: Signature,
    pub(crate) name: Option<(Box<str>, NameSource)>,
    pub(crate) next: Next,
    /// Flows that this one spoke of; mostly none.
    pub(crate) announces: Vec<Announced>,
}

/// What an inspector says about a view.
#[derive(Clone, Debug)]
pub(crate) enum Finding {
    /// Not mine.
    No,
    /// Mine so far; I need more bytes of this side's stream.
    More,
    /// Mine.
    Found(Found),
}

/// A conclusion that needs no more packets.
pub(crate) fn found(application: &'static str, class: TrafficClass, why: &'static str) -> Finding {
    Finding::Found(Found {
        signature: Signature { application, class, names: Names::Adorn, confidence: 95, why },
        name: None,
        next: Next::Settle,
        announces: Vec::new(),
    })
}

/// The same with a confidence of its own, in hundredths.
pub(crate) fn likely(application: &'static str, class: TrafficClass, confidence: u8, why: &'static str) -> Finding {
    Finding::Found(Found {
        signature: Signature { application, class, names: Names::Adorn, confidence, why },
        name: None,
        next: Next::Settle,
        announces: Vec::new(),
    })
}

pub(crate) type Inspect = fn(&View<'_>) -> Finding;

/// Who looks at the beginning of TCP streams, in order: exact signatures first.
pub(crate) const TCP: &[Inspect] = &[
    tls::inspect,
    http::inspect,
    starttls::inspect,
    ssh::inspect,
    dns::inspect,
    mail::inspect,
    ftp::inspect,
    file_servers::inspect,
    repositories::inspect,
    backups::inspect,
    proxies::inspect,
    sip::inspect,
    bittorrent::inspect,
    edonkey::inspect,
    peer_to_peer::inspect,
    cryptocurrency::inspect,
    rdp::inspect,
    remote::inspect,
    databases::inspect,
    messengers::inspect,
    streams::inspect,
    calls::inspect,
    zoom::inspect,
    talk::inspect,
    openvpn::inspect,
    ipsec::inspect,
    tunnels::inspect,
    vpn::inspect,
    directory::inspect,
    routing::inspect,
    management::inspect,
    discovery::inspect,
    printing::inspect,
    messaging::inspect,
    rpc::inspect,
    monitoring::inspect,
    industry::inspect,
    energy::inspect,
    buildings::inspect,
    home::inspect,
    vehicles::inspect,
    coap::inspect,
    measurement::inspect,
    games::inspect,
    steam::inspect,
    game_engines::inspect,
    blizzard::inspect,
    consoles::inspect,
    stun::inspect,
    rtp::inspect,
    rpc::json,
    rpc::protobuf,
];

/// Who looks at datagrams (UDP, and what stands on IP itself), in order: exact signatures first.
pub(crate) const DATAGRAM: &[Inspect] = &[
    dns::inspect,
    stun::inspect,
    time::inspect,
    discovery::inspect,
    directory::inspect,
    management::inspect,
    infrastructure::inspect,
    sip::inspect,
    wireguard::inspect,
    ipsec::inspect,
    bittorrent::inspect,
    file_servers::inspect,
    tftp::inspect,
    backups::inspect,
    bulk::inspect,
    edonkey::inspect,
    peer_to_peer::inspect,
    rdp::inspect,
    calls::inspect,
    zoom::inspect,
    talk::inspect,
    raknet::inspect,
    steam::inspect,
    quake::inspect,
    games::inspect,
    game_engines::inspect,
    blizzard::inspect,
    consoles::inspect,
    consoles::streamed,
    remote::inspect,
    openvpn::inspect,
    tunnels::inspect,
    vpn::inspect,
    cryptocurrency::inspect,
    routing::inspect,
    printing::inspect,
    coap::inspect,
    home::inspect,
    messaging::inspect,
    rpc::inspect,
    monitoring::inspect,
    industry::inspect,
    energy::inspect,
    buildings::inspect,
    vehicles::inspect,
    measurement::inspect,
    streams::inspect,
    messengers::inspect,
    http::inspect,
    databases::inspect,
    quic::joined,
    steam::by_port,
    rpc::json,
    rpc::protobuf,
];

/// Looks at one payload of a flow that announces others, and calls `announce` for each that it names.
type Announce = fn(&View<'_>, announce: &mut dyn FnMut(Announced));

/// Who reads announcements, in flows whose finding said [`Next::Listen`].
pub(crate) const ANNOUNCERS: &[Announce] = &[ftp::announce, sdp::announce, streams::announce, calls::announce];

/// All that is known about what one flow is for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    pub(crate) signature: Option<Signature>,
    pub(crate) name: Option<(Box<str>, NameSource)>,
    pub(crate) service: Option<Service>,
    /// The fingerprint of the hello, where it was whole.
    pub(crate) ja4: Option<ja4::Ja4>,
    pub(crate) behavior: Option<Signature>,
    /// What people said: no witness is heard against it.
    pub(crate) rule: Option<Ruled>,
    /// Whose address the server's is.
    pub(crate) address: Option<Service>,
}

impl Evidence {
    /// Whether how it moves may say more than what was read: nothing was, or a port alone, or a carrier of anything.
    pub(crate) fn wants_behavior(&self) -> bool {
        let named = self.name.as_ref().is_some_and(|(_, source)| source.confidence() > behavior::STRONGEST);
        let open = |signature: Signature| signature.names == Names::Refine || signature.confidence <= ports::ONLY_PORT;
        !named && self.signature.is_none_or(open)
    }

    /// Takes in a conclusion; a weaker one never replaces a stronger one.
    pub(crate) fn add(&mut self, found: Found, services: &Services) {
        if self.signature.is_none_or(|known| known.confidence <= found.signature.confidence) {
            self.signature = Some(found.signature);
        }
        if let Some((name, source)) = found.name {
            self.learn_name(name, source, services);
        }
    }

    /// Takes in a server name; what the flow itself says replaces what DNS said.
    pub(crate) fn learn_name(&mut self, name: Box<str>, source: NameSource, services: &Services) {
        let better = self.name.as_ref().is_none_or(|(_, known)| known.confidence() < source.confidence());
        if better && !name.is_empty() {
            // The provider in front of an encrypted hello is not the service behind it, nor is what a resolver is
            // asked for who answers.
            self.service = match source {
                NameSource::OuterHello | NameSource::Query => None,
                NameSource::TlsHello
                | NameSource::EncryptedHello
                | NameSource::TlsCertificate
                | NameSource::QuicInitial
                | NameSource::HttpHost
                | NameSource::DnsAnswer
                | NameSource::EarlierFlow => services.find(&name),
            };
            self.name = Some((name, source));
        }
    }
}

/// Why a verdict is what it is; turned into words when somebody asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    Nothing,
    Signature(&'static str),
    Service(&'static str),
    Name(&'static str),
    Address(&'static str),
    Behavior(&'static str),
    Port(&'static str),
    Elephant(&'static str),
    Rule(Place),
}

/// A verdict without its words.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Weighed {
    pub(crate) class: TrafficClass,
    pub(crate) application: &'static str,
    /// In hundredths.
    pub(crate) confidence: u8,
    pub(crate) why: Why,
}

impl Weighed {
    /// Whether its pace belongs to the reason: what is live shows itself by it, and behaviour is judged by it.
    pub(crate) const fn tells_pace(&self) -> bool {
        is_live(self.class) || matches!(self.why, Why::Behavior(_))
    }

    pub(crate) const UNKNOWN: Weighed =
        Weighed { class: TrafficClass::Unclassified, application: "", confidence: 0, why: Why::Nothing };
}

/// How far a carrier (TLS, HTTP, QUIC) speaks for web when nobody says whose it is, in hundredths.
const NAMELESS_CARRIER: u8 = 60;
/// The same when the name is known and no service stands behind it.
const NAMED_CARRIER: u8 = 80;

/// The same when a service of the web stands behind it.
const WEB_SERVICE: u8 = 90;

/// The one place where evidence becomes a verdict: every witness says a class and how sure it is, and the
/// surest is believed; of two as sure, the one that stands first here.
///
/// A protocol that is its own purpose (DNS, SSH, RTP) is as sure as its signature. A carrier (TLS, HTTP,
/// QUIC) is only a hint of web: the service behind the name decides, else whoever the address belongs to, else
/// how the flow moves. The ports are asked only where nobody surer speaks. What a flow was taken for then has to
/// agree with its volume.
pub(crate) fn weigh(evidence: &Evidence, ports: impl FnOnce() -> Option<Signature>, moved: Moved) -> Weighed {
    let carrier = evidence.signature.filter(|signature| signature.names == Names::Refine);
    // Over the web's own protocols, meetings and games only sign in and signal; their media goes elsewhere.
    let of_service = |service: Service, confidence: u8, why: Why| {
        let signals = carrier.is_some_and(|carrier| carrier.class == TrafficClass::Web) && is_live(service.class);
        let class = if signals { TrafficClass::Web } else { service.class };
        Weighed { class, application: service.application, confidence, why }
    };
    let of = |signature: Signature, confidence: u8, why: Why| Weighed {
        class: signature.class,
        application: signature.application,
        confidence,
        why,
    };
    let told = evidence.signature.map(|signature| of_its_service(signature, evidence.service));
    let own = told.map(|signature| match (signature.names, &evidence.name) {
        (Names::Adorn, _) => of(signature, signature.confidence, Why::Signature(signature.why)),
        (Names::Refine, _) if signature.class != TrafficClass::Web => {
            of(signature, signature.confidence, Why::Signature(signature.why))
        }
        (Names::Refine, Some((_, source))) if *source != NameSource::DnsAnswer => {
            of(signature, signature.confidence.min(NAMED_CARRIER), Why::Name(source.place()))
        }
        (Names::Refine, _) => of(signature, signature.confidence.min(NAMELESS_CARRIER), Why::Signature(signature.why)),
    });
    let by_name = evidence.service.zip(evidence.name.as_ref()).and_then(|(service, (_, source))| {
        // A name inside a protocol that is its own purpose is only shown.
        let only_shown = *source != NameSource::DnsAnswer && carrier.is_none() && own.is_some();
        // That a service is web is no evidence against what its content shows.
        let most = if service.class == TrafficClass::Web { WEB_SERVICE } else { u8::MAX };
        let confidence = source.confidence().min(most).min(service.confidence);
        (!only_shown).then(|| of_service(service, confidence, Why::Service(source.place())))
    });
    let by_behavior = evidence.behavior.map(|behavior| Weighed {
        // What carries it is known better than what it is.
        application: carrier.map_or(behavior.application, |carrier| carrier.application),
        ..of(behavior, behavior.confidence, Why::Behavior(behavior.why))
    });
    // Of an address that carries all sorts, only its owner is known.
    let by_address = evidence
        .address
        .filter(|service| service.class != TrafficClass::Web)
        .map(|service| of_service(service, service.confidence, Why::Address(service.application)));
    let surest = surer(surer(surer(own, by_name), by_address), by_behavior);
    let by_port = match surest {
        Some(known) if known.confidence >= ports::CONFIDENCE => None,
        Some(_) | None => ports().map(|port| of(port, port.confidence, Why::Port(port.why))),
    };
    let surest = surer(surest, by_port);
    let weighed = downgrade_elephant(surest.unwrap_or(Weighed::UNKNOWN), moved);
    match evidence.rule {
        // Whoever wrote it knows better; what the application is called stays as it was recognised.
        Some(Ruled { place, class }) => Weighed { class, confidence: 100, why: Why::Rule(place), ..weighed },
        None => weighed,
    }
}

/// The surer of two witnesses; of two as sure, the first.
fn surer(best: Option<Weighed>, other: Option<Weighed>) -> Option<Weighed> {
    match (best, other) {
        (Some(best), Some(other)) => Some(if other.confidence > best.confidence { other } else { best }),
        (best, other) => best.or(other),
    }
}

/// What carries media of anybody's is for what its service is: a game that runs elsewhere comes as a call does.
fn of_its_service(signature: Signature, service: Option<Service>) -> Signature {
    let anybody = matches!(signature.application, "STUN" | "DTLS" | "RTP" | "RTCP") && is_live(signature.class);
    match service {
        Some(Service { application, class: class @ TrafficClass::Gaming, .. }) if anybody => {
            Signature { application, class, why: "media of a service that streams games", ..signature }
        }
        // Most calls of these are sound; until media shows itself, that is the best guess.
        Some(Service { application, .. })
            if signature.application == "STUN" && matches!(application, "Viber" | "LINE" | "KakaoTalk" | "imo") =>
        {
            Signature { application, class: TrafficClass::Voice, ..signature }
        }
        _ => signature,
    }
}

/// Whether a service's class is media that people share live.
pub(crate) const fn is_live(class: TrafficClass) -> bool {
    matches!(class, TrafficClass::Voice | TrafficClass::Call | TrafficClass::Gaming)
}

/// A flow that has outgrown what it was taken for becomes what moves so. That a game comes as pictures takes more than a
/// port to be believed.
fn downgrade_elephant(weighed: Weighed, moved: Moved) -> Weighed {
    let pictures = weighed.confidence > ports::ONLY_PORT && consoles::comes_as_pictures(weighed.application);
    let played = if pictures { Played::Elsewhere } else { Played::Here };
    match behavior::outgrown(weighed.class, played, moved) {
        Some((class, why)) => {
            Weighed { class, confidence: weighed.confidence.min(80), why: Why::Elephant(why), ..weighed }
        }
        None => weighed,
    }
}

/// The reason in words a person understands.
pub(crate) fn words(weighed: Weighed, name: &str, rhythm: Option<Rhythm>) -> String {
    let why = match weighed.why {
        Why::Nothing => "nothing is known about it yet".to_owned(),
        Why::Signature(why) | Why::Behavior(why) | Why::Port(why) => why.to_owned(),
        Why::Service(place) => format!("server name {name} {place}"),
        Why::Address(owner) => format!("an address of {owner}"),
        Why::Name(place) => format!("{} to {name}, {place}", weighed.application),
        Why::Rule(_) => "your rule".to_owned(),
        Why::Elephant(why) if name.is_empty() => why.to_owned(),
        Why::Elephant(why) => format!("server name {name}, but {why}"),
    };
    match rhythm.filter(|_| weighed.tells_pace()) {
        Some(rhythm) => format!("{why}; then {rhythm}"),
        None => why,
    }
}

/// Entry points for fuzzing; see [`crate::parsers`].
pub mod parsers {
    use super::memory::{Asker, Memory};
    use super::{Layer, Sender, View};
    use vocab::{Address, Timestamp};

    fn view(bytes: &[u8], layer: Layer, sender: Sender, port: u16) -> View<'_> {
        let (source, destination) = (Address::default(), Address::default());
        View {
            layer,
            bytes,
            sender,
            source,
            destination,
            source_port: 40_000,
            destination_port: port,
            number: 0,
            heard: &[],
        }
    }

    /// The inspector at a place of the list of streams or datagrams, on one message; whether it was its own. None
    /// behind the last.
    pub fn inspector(place: usize, is_stream: bool, bytes: &[u8], port: u16) -> Option<bool> {
        let (inspectors, layer) =
            if is_stream { (super::TCP, Layer::Stream) } else { (super::DATAGRAM, Layer::Datagram) };
        let finding = inspectors.get(place)?(&view(bytes, layer, Sender::Initiator, port));
        Some(!matches!(finding, super::Finding::No))
    }

    /// A DNS message over UDP and over TCP, read and remembered; returns how many answers it held.
    pub fn dns(bytes: &[u8]) -> usize {
        let mut answers = 0;
        let (mut memory, asker) = (Memory::new(8), Asker::at(Address::default()));
        let now = Timestamp::from_unix_secs(1_000_000);
        for (layer, message) in [(Layer::Datagram, bytes), (Layer::Stream, bytes)] {
            for port in [53, 5353] {
                super::dns::inspect(&view(message, layer, Sender::Responder, port));
            }
            super::dns::messages(message, layer).for_each(|message| {
                super::dns::answers(message, |_, address, _| {
                    answers += 1;
                    memory.contradicts(asker, address, "www.example.org", now);
                });
            });
            memory.learn(asker, message, layer, now);
        }
        answers
    }

    /// A TLS stream from either end, alone and behind all other stream inspectors; returns the server name.
    pub fn tls(bytes: &[u8]) -> Option<String> {
        for sender in [Sender::Initiator, Sender::Responder] {
            for inspect in super::TCP {
                inspect(&view(bytes, Layer::Stream, sender, 443));
            }
        }
        super::tls::fingerprint(bytes).map(|ja4| ja4.to_string());
        let view = view(bytes, Layer::Stream, Sender::Initiator, 443);
        let finding = match super::tls::inspect(&view) {
            super::Finding::No => super::starttls::inspect(&view),
            finding => finding,
        };
        match finding {
            super::Finding::Found(found) => found.name.map(|(name, _)| name.into()),
            super::Finding::No | super::Finding::More => None,
        }
    }

    /// QUIC datagrams of one flow, split at each `0xff 0xfe 0xfd`; returns the server name.
    pub fn quic(bytes: &[u8]) -> Option<String> {
        handshake(bytes)
    }

    /// The same of DTLS.
    pub fn dtls(bytes: &[u8]) -> Option<String> {
        handshake(bytes)
    }

    fn handshake(bytes: &[u8]) -> Option<String> {
        let mut handshake = super::handshake::Handshake::default();
        let mut name = None;
        let mut rest = bytes;
        loop {
            let end = memchr::memmem::find(rest, &[0xff, 0xfe, 0xfd]);
            let datagram = &rest[..end.unwrap_or(rest.len())];
            let view = view(datagram, Layer::Datagram, Sender::Initiator, 443);
            if let super::Finding::Found(found) = handshake.inspect(&view, 1 << 16) {
                name = found.name.map_or(name, |(text, _)| Some(text.into()));
            }
            assert!(handshake.size() <= 1 << 14, "a handshake keeps little");
            match end {
                Some(end) => rest = &rest[end + 3..],
                None => {
                    handshake.ja4().map(|ja4| ja4.to_string());
                    return name;
                }
            }
        }
    }

    /// HTTP from either end, in a stream and in a datagram; returns whether it was known.
    pub fn http(bytes: &[u8]) -> bool {
        let mut known = false;
        for layer in [Layer::Stream, Layer::Datagram] {
            for sender in [Sender::Initiator, Sender::Responder] {
                for port in [80, 1900] {
                    let finding = super::http::inspect(&view(bytes, layer, sender, port));
                    known |= matches!(finding, super::Finding::Found(_));
                }
            }
        }
        known
    }

    /// A datagram for STUN, DTLS, RTP and all other datagram inspectors; returns whether one knew it.
    pub fn stun_rtp(bytes: &[u8]) -> bool {
        let mut media = super::rtp::Media::default();
        let mut known = false;
        for (at, chunk) in bytes.chunks(200).enumerate() {
            known |= matches!(media.observe(at & 1, chunk), super::rtp::Heard::Clear(_));
        }
        for port in [3478, 5060, 53, 123, 443, 40_001] {
            for inspect in super::DATAGRAM {
                known |=
                    matches!(inspect(&view(bytes, Layer::Datagram, Sender::Initiator, port)), super::Finding::Found(_));
            }
        }
        known
    }
}
