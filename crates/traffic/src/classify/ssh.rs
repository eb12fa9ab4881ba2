//! SSH (RFC 4253, 4.2): the banner that both ends begin with.

use super::{Finding, Layer, View, found};
use vocab::TrafficClass;

pub(crate) fn inspect(view: &View<'_>) -> Finding {
    match view.layer {
        Layer::Stream if view.bytes.starts_with(b"SSH-2.0") || view.bytes.starts_with(b"SSH-1.") => {
            found("SSH", TrafficClass::Interactive, "an SSH banner")
        }
        Layer::Stream | Layer::Datagram => Finding::No,
    }
}
