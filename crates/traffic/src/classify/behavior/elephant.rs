//! When a flow has outgrown what its name said: by volume, rate and direction.

use std::time::Duration;
use vocab::TrafficClass;

/// What a flow moved so far, as seen from the end that began it, and since when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Bytes to the end that began.
    pub to_initiator: u64,
    /// Bytes from it.
    pub from_initiator: u64,
    /// Since its first packet.
    pub age: Duration,
    /// Of that, how long it moved anything, in whole windows; of the first after a pause, half.
    pub active: Duration,
    /// What it does now, bit/s: over the last [`BULK_AGE`] and at least a step of volume; 0 once that is a minute ago.
    pub pace: u64,
}

/// A film comes in segments of 2 to 10 s and pauses between them (RFC 9317, 4.2 and 5.5.1): seen for as long as a few of
/// them take.
const SEGMENTS: Duration = Duration::from_secs(12);
/// A download never pauses; a film that pauses less than this part of the time is not told from one.
const PAUSES: f32 = 0.4;
/// The lowest rate of video that people watch for long is about that of 360p (Netflix, "Internet connection speed
/// recommendations": 1 Mbit/s for 480p); pages read over one flow move less.
const FILM_BPS: u64 = 1_000_000;

/// More than any page: the median page is 2.6 MB over all its flows, its 90th percentile 9 MB (HTTP Archive,
/// Web Almanac 2024, page weight).
const PAGE: u64 = 12_000_000;
/// A photo of a phone is 3 to 5 MB, a form with some of them 12; what sends more is not filling in a form.
const FORM: u64 = 12_000_000;
/// A terminal: 200 kB is 100 full screens of 80 by 25. An hour of it stays below [`SCREENS`].
const SCREENS: u64 = 4_000_000;
/// What moved less has outgrown nothing: the least of the volumes here, and less than a step, between which a pace is taken.
pub(crate) const OUTGROWS: u64 = SCREENS;
/// A remote desktop at 1080p needs up to 5 Mbit/s in office work (Microsoft, "Remote Desktop workloads:
/// network guidelines", 2023: medium 1.5, heavy 5, power user 15); more for [`BULK_AGE`] is a transfer.
const DESKTOP_BPS: u64 = 16_000_000;
/// Opus takes 510 kbit/s at most (RFC 6716, 2.1.1).
const SOUND_BPS: u64 = 1_000_000;
/// Four times what a meeting at 1080p takes (Zoom: 3.8 Mbit/s; Teams: 4).
const CALL_BPS: u64 = 8_000_000;
/// A game tells what changed, mostly tens to hundreds of kbit/s; who plans for homes reckons with 4 Mbit/s (FCC,
/// "Broadband speed guide": online multiplayer). A map that is fetched first is a download while that lasts.
const GAME_BPS: u64 = 4_000_000;
/// A game that runs elsewhere comes as pictures: 45 Mbit/s for 4K at 120 a second (NVIDIA, "GeForce NOW system
/// requirements"); twice that, and some more, for larger screens and what is sent again.
const PICTURES_BPS: u64 = 100_000_000;
/// One way in bulk: the other end only acknowledges. A TCP acknowledgement (66 bytes with its headers) for
/// every second full segment (RFC 5681, 4.2) is 2 % of the volume; with room for requests.
const ONE_WAY: u64 = 15;
/// As long as a verdict on a rate must hold.
pub(crate) const BULK_AGE: Duration = Duration::from_secs(4);

/// How a game comes to whoever plays it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Played {
    /// It runs here; what changes is told.
    Here,
    /// It runs elsewhere and comes as pictures.
    Elsewhere,
}

/// The class of a flow that was taken for `class` and moved too much of another kind for it, and why.
///
/// Where games are concerned, `played` tells how they come. Streaming stays streaming: an hour of it is a gigabyte. What is one way to whoever began is a download, the
/// other way a backup; what moves as much both ways is neither.
pub fn outgrown(class: TrafficClass, played: Played, moved: Moved) -> Option<(TrafficClass, &'static str)> {
    let (down, up) = (moved.to_initiator, moved.from_initiator);
    let takes = down > up.saturating_mul(ONE_WAY);
    let gives = up > down.saturating_mul(ONE_WAY);
    let bps = down.max(up).saturating_mul(8_000) / (moved.age.as_millis() as u64).max(1);
    let pauses = moved.age >= SEGMENTS && moved.active.as_secs_f32() <= moved.age.as_secs_f32() * (1.0 - PAUSES);
    let bps = bps.max(moved.pace);
    let game_bps = match played {
        Played::Here => GAME_BPS,
        Played::Elsewhere => PICTURES_BPS,
    };
    match class {
        TrafficClass::Gaming if moved.pace >= game_bps && down >= up => {
            Some((TrafficClass::Download, "it moves more than any game does"))
        }
        TrafficClass::Gaming if moved.pace >= game_bps => {
            Some((TrafficClass::Backup, "it sends more than any game does"))
        }
        TrafficClass::Voice | TrafficClass::Call if takes && moved.pace >= CALL_BPS => {
            Some((TrafficClass::Download, "it moves more one way than any call does"))
        }
        TrafficClass::Voice | TrafficClass::Call if gives && moved.pace >= CALL_BPS => {
            Some((TrafficClass::Backup, "it sends more than any call does"))
        }
        TrafficClass::Voice if moved.pace >= SOUND_BPS => Some((TrafficClass::Call, "it moves more than sound does")),
        TrafficClass::Web if down >= PAGE && takes && pauses && bps >= FILM_BPS => {
            Some((TrafficClass::Streaming, "it moved more than 12 MB in bursts with pauses between, as films do"))
        }
        TrafficClass::Web if down >= PAGE => {
            Some((TrafficClass::Download, "it moved more than 12 MB one way, more than a page does"))
        }
        TrafficClass::Web if up >= FORM && up > down => {
            Some((TrafficClass::Backup, "it sent more than 12 MB, more than a page does"))
        }
        TrafficClass::Interactive if takes && down >= SCREENS && bps >= DESKTOP_BPS && moved.age >= BULK_AGE => {
            Some((TrafficClass::Download, "it moves more, and faster, one way than anybody can read"))
        }
        TrafficClass::Interactive if gives && up >= SCREENS && bps >= DESKTOP_BPS && moved.age >= BULK_AGE => {
            Some((TrafficClass::Backup, "it sends more, and faster, than anybody can type"))
        }
        TrafficClass::Voice
        | TrafficClass::Call
        | TrafficClass::Gaming
        | TrafficClass::Interactive
        | TrafficClass::Web
        | TrafficClass::Streaming
        | TrafficClass::Work
        | TrafficClass::Download
        | TrafficClass::Backup
        | TrafficClass::Update
        | TrafficClass::Unclassified => None,
    }
}
