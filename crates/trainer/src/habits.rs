//! How applications move: one parametric generator per family, drawn wide enough that unseen ones lie inside.
//!
//! Figures come from specifications and published measurements, named where they are used and listed in
//! docs/behavior-model.md. Nothing here was fitted to a capture.

mod bulk;
mod live;
mod talk;
mod turns;

pub use talk::Talk;

use crate::chance::Chance;
use crate::trace::Trace;
use vocab::TrafficClass::{self, *};

/// Fills a talk.
pub type Habit = fn(&mut Talk<'_>);

/// A family of applications that move alike.
#[derive(Clone, Copy)]
pub struct Family {
    pub class: TrafficClass,
    pub name: &'static str,
    /// How often among its class.
    pub weight: f64,
    pub habit: Habit,
}

const fn family(class: TrafficClass, name: &'static str, weight: f64, habit: Habit) -> Family {
    Family { class, name, weight, habit }
}

/// All families.
pub const FAMILIES: &[Family] = &[
    family(Voice, "rtp-voice", 3.0, live::rtp_voice),
    family(Voice, "messenger-voice", 2.0, live::messenger_voice),
    family(Voice, "game-chat", 1.0, live::group_voice),
    family(Voice, "sip", 0.4, turns::sip),
    family(Call, "webrtc-call", 3.0, live::bundled_call),
    family(Call, "media-alone", 1.5, live::video_alone),
    family(Call, "screen-share", 0.7, live::screen_share),
    family(Call, "proprietary-call", 1.5, live::proprietary_call),
    family(Gaming, "shooter", 3.0, live::shooter),
    family(Gaming, "lockstep", 1.0, live::lockstep),
    family(Gaming, "world", 1.2, live::world_game),
    family(Gaming, "peer-pings", 0.8, live::peer_pings),
    family(Gaming, "tcp-game", 1.5, live::stream_game),
    family(Gaming, "cloud-game", 0.8, live::cloud_game),
    family(Interactive, "terminal", 2.0, turns::terminal),
    family(Interactive, "desktop", 1.5, turns::desktop),
    family(Interactive, "queries", 2.0, turns::queries),
    family(Interactive, "chat", 2.0, turns::chat),
    family(Interactive, "lookups", 1.5, turns::lookups),
    family(Interactive, "beacons", 1.6, turns::beacons),
    family(Interactive, "directory", 1.5, turns::directory),
    family(Interactive, "transfer-dialogue", 0.6, turns::transfer_dialogue),
    family(Web, "tls-pages", 3.0, turns::tls_pages),
    family(Web, "plain-pages", 1.5, turns::plain_pages),
    family(Web, "quic-pages", 2.0, turns::quic_pages),
    family(Web, "quic-calls", 1.2, turns::quic_calls),
    family(Web, "api-calls", 1.5, turns::api_calls),
    family(Streaming, "segments-tcp", 2.5, bulk::segments_stream),
    family(Streaming, "segments-quic", 1.5, bulk::segments_quic),
    family(Streaming, "paced-video", 1.5, bulk::paced_video),
    family(Streaming, "one-way-media", 1.5, bulk::one_way_media),
    family(Streaming, "radio", 1.0, bulk::radio),
    family(Work, "tunnel-blocks", 2.0, bulk::tunnel_blocks),
    family(Work, "tunnel-mixed", 1.2, bulk::tunnel_mixed),
    family(Work, "cells", 0.8, bulk::cells),
    family(Work, "mail-dialogue", 2.0, turns::mail),
    family(Work, "key-exchange", 0.7, turns::key_exchange),
    family(Download, "bulk-tcp", 2.5, bulk::download_stream),
    family(Download, "bulk-quic", 1.0, bulk::download_quic),
    family(Download, "file-server", 2.0, bulk::file_server),
    family(Download, "swarm-tcp", 1.5, bulk::swarm_stream),
    family(Download, "swarm-udp", 1.2, bulk::swarm_datagram),
    family(Download, "blocks-udp", 0.5, bulk::blocks_datagram),
    family(Backup, "upload-tcp", 2.5, bulk::upload_stream),
    family(Backup, "upload-quic", 1.0, bulk::upload_quic),
    family(Backup, "sync", 1.5, bulk::sync),
    family(Backup, "gossip", 0.8, turns::gossip),
    family(Update, "polling", 2.5, turns::polling),
    family(Update, "publishing", 2.0, turns::publishing),
    family(Update, "readings", 0.8, turns::readings),
    family(Unclassified, "noise", 1.0, bulk::noise),
];

/// A flow of this family.
pub fn trace(family: &Family, chance: &mut Chance) -> Trace {
    let mut talk = Talk::new(chance);
    (family.habit)(&mut talk);
    let (stream, steps) = talk.finish();
    Trace { class: family.class, family: family.name, stream, steps }
}
