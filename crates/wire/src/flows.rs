//! Who talks to whom: `GET /flows`.

use crate::Directed;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One flow. `GET /flows?device=&class=&limit=` gives the busiest and the latest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Flow {
    /// What to call it in `POST /flows/{id}/class`, while it is shown.
    pub id: String,
    /// `tcp`, `udp`, `icmp`, … or the number.
    pub protocol: String,
    /// The end that sent the first packet.
    pub source_ip: String,
    /// Its port, 0 where the protocol has none.
    pub source_port: u16,
    /// The other end.
    pub destination_ip: String,
    /// Its port, 0 where the protocol has none.
    pub destination_port: u16,
    /// The local device; empty if none is local.
    pub device: String,
    /// What it is for.
    pub class: String,
    /// The usual name of the protocol or service; empty if not known.
    pub application: String,
    /// The name of the server; empty if not known.
    pub server_name: String,
    /// From 0 (a guess) to 1 (certain).
    pub confidence: f32,
    /// Why, in words.
    pub evidence: String,
    /// How many of its packets had passed when it got this class.
    pub classed_after_packets: u32,
    /// The fingerprint of the TLS library that began it (JA4); empty where there is none.
    pub ja4: String,
    /// Bytes moved.
    pub bytes: Directed<u64>,
    /// Packets moved.
    pub packets: Directed<u64>,
    /// When its first packet came.
    pub first_seen_ms: u64,
    /// When its last packet came.
    pub last_seen_ms: u64,
}
