//! Video and music outside HTTP: RTMP, RTSP, MPEG-TS, SRT, Spotify, Icecast, Sonos.

use super::{Finding, Layer, View, found, likely};
use crate::packet::{be16, be32};
use vocab::TrafficClass::Streaming;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    let bytes = view.bytes;
    let line = &bytes[..bytes.len().min(300)];
    let rtsp = [&b"OPTIONS "[..], b"DESCRIBE ", b"SETUP ", b"PLAY ", b"ANNOUNCE ", b"GET_PARAMETER ", b"TEARDOWN "]
        .iter()
        .any(|word| bytes.starts_with(word))
        && memchr::memmem::find(line, b"RTSP/1").is_some();
    if rtsp || bytes.starts_with(b"RTSP/1.0 ") {
        return found("RTSP", Streaming, "an RTSP message");
    }
    match view.layer {
        Layer::Stream => {
            // RTMP: version 3, then a time and zeros or a version; the first part is 1537 bytes.
            if bytes.first() == Some(&3)
                && bytes.len() >= 9
                && (be32(bytes, 5) == Some(0) && bytes.len() >= 500 || view.port(1935))
                && !bytes.starts_with(&[3, 0, 0])
            {
                return found("RTMP", Streaming, "an RTMP handshake");
            }
            if view.port(1935) && bytes.first() == Some(&3) {
                return found("RTMP", Streaming, "an RTMP handshake");
            }
            // RTP inside RTSP (RFC 2326, 10.12): "$", a channel, a length, then RTP.
            if matches!(bytes, [b'$', 0..=7, _, _, 0x80..=0x9f, ..]) {
                return likely("RTSP", Streaming, 85, "media inside RTSP");
            }
            // Spotify's access point: 0x0004, a length, a fixed field.
            if bytes.starts_with(&[0, 4, 0, 0]) && bytes.get(6) == Some(&0x52) {
                return found("Spotify", Streaming, "a greeting to Spotify");
            }
            if bytes.starts_with(b"ICY 200 OK") || bytes.starts_with(b"SOURCE /") {
                return found("Icecast", Streaming, "internet radio");
            }
            Finding::No
        }
        Layer::Datagram => {
            // MPEG-TS: packets of 188 bytes, each with its sync byte.
            if bytes.len() >= 188
                && bytes.len().is_multiple_of(188)
                && bytes.chunks(188).all(|packet| packet[0] == 0x47)
            {
                return found("MPEG-TS", Streaming, "an MPEG transport stream");
            }
            if bytes.starts_with(b"SpotUdp") {
                return found("Spotify", Streaming, "Spotify looks for others on the local network");
            }
            // SRT: a handshake control packet of version 4 or 5.
            if bytes.len() >= 64 && be32(bytes, 0) == Some(0x8000_0000) && matches!(be32(bytes, 16), Some(4 | 5)) {
                return found("SRT", Streaming, "an SRT handshake");
            }
            if view.port(6969) && be16(bytes, 0) == Some(0) && bytes.len() == 8 {
                return likely("Sonos", Streaming, 60, "a message between loudspeakers");
            }
            Finding::No
        }
    }
}
