//! The hello of one flow of datagrams (QUIC, DTLS), put together from its packets, within a bound.

use super::{Finding, View, dtls, ja4::Ja4, quic};

/// What is kept of a handshake while its flow's verdict is open.
#[derive(Default)]
pub(crate) struct Handshake {
    quic: quic::Assembly,
    dtls: dtls::Assembly,
    ja4: Option<Ja4>,
}

impl Handshake {
    /// Looks at the next datagram of the flow, from either side; keeps at most `room` bytes more of it.
    pub(crate) fn inspect(&mut self, view: &View<'_>, room: usize) -> Finding {
        match self.quic.inspect(view, room, &mut self.ja4) {
            Finding::No => self.dtls.inspect(view, room, &mut self.ja4),
            finding => finding,
        }
    }

    /// The fingerprint of the hello, once that was whole.
    pub(crate) fn ja4(&self) -> Option<Ja4> {
        self.ja4
    }

    /// Bytes kept for this flow.
    pub(crate) fn size(&self) -> usize {
        self.quic.size() + self.dtls.size()
    }
}
