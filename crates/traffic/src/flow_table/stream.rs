//! The beginning of one side of a TCP flow, put together from segments in any order.

/// More than the largest hello or request header that a verdict needs.
pub(super) const MOST: usize = 16_384;
const MOST_GAPS: usize = 32;

/// What a segment made readable.
pub(super) enum Readable<'a> {
    /// Nothing new: a repetition, or a later part with a gap before it.
    Nothing,
    /// The stream from its first byte, without a gap.
    Prefix(&'a [u8]),
}

/// One side's beginning. Keeps nothing while segments come in order and nobody asks it to.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// The sequence number of the first byte; from SYN, else from the first segment seen.
    base: Option<u32>,
    /// Whether `base` came from SYN, so that nothing can stand before it.
    anchored: bool,
    bytes: Vec<u8>,
    /// Ranges of `bytes` that are filled, ordered, disjoint, never adjacent.
    have: Vec<(u32, u32)>,
    /// What the side began with told nothing, and was passed over.
    restarted: bool,
    /// Nobody wants more of this side.
    done: bool,
}

impl Stream {
    /// The side said where it begins.
    pub(super) fn begin(&mut self, first: u32) {
        if self.base.is_none() && !self.restarted {
            self.base = Some(first);
            self.anchored = true;
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// Bytes of memory it holds.
    pub(super) fn size(&self) -> usize {
        self.bytes.capacity() + self.have.capacity() * 8
    }

    /// Nobody wants more: gives its memory back.
    pub(super) fn finish(&mut self) {
        self.done = true;
        self.bytes = Vec::new();
        self.have = Vec::new();
    }

    /// What came so far told nothing: whatever comes next is a beginning.
    pub(super) fn restart(&mut self) {
        *self = Stream { restarted: true, ..Stream::default() };
    }

    /// Takes in a segment. With `room` for it, bytes out of order are kept until their gap is filled.
    pub(super) fn push<'a>(&'a mut self, seq: u32, payload: &'a [u8], room: usize) -> Readable<'a> {
        if self.done || payload.is_empty() {
            return Readable::Nothing;
        }
        let base = *self.base.get_or_insert(seq);
        let offset = seq.wrapping_sub(base).cast_signed();
        let (start, payload) = if offset >= 0 {
            (offset.unsigned_abs() as usize, payload)
        } else if self.anchored {
            // A repetition that began before what we count, as a probe of a keep-alive does.
            match payload.get(offset.unsigned_abs() as usize..) {
                Some(rest) if !rest.is_empty() => (0, rest),
                _ => return Readable::Nothing,
            }
        } else {
            let before = offset.unsigned_abs() as usize;
            if before > MOST || self.bytes.len() + before > MOST.min(self.bytes.len() + room) {
                return Readable::Nothing;
            }
            self.move_up(before);
            self.base = Some(seq);
            (0, payload)
        };
        if start == 0 && self.have.is_empty() {
            return Readable::Prefix(payload);
        }
        self.keep(start, payload, room);
        self.prefix()
    }

    /// Keeps the beginning that [`Stream::push`] showed without keeping.
    pub(super) fn hold(&mut self, payload: &[u8], room: usize) {
        if self.have.is_empty() {
            self.keep(0, payload, room);
        }
    }

    fn prefix(&self) -> Readable<'_> {
        match self.have.first() {
            Some(&(0, end)) => Readable::Prefix(&self.bytes[..end as usize]),
            _ => Readable::Nothing,
        }
    }

    fn keep(&mut self, start: usize, payload: &[u8], room: usize) {
        if start >= MOST || self.have.len() >= MOST_GAPS {
            return;
        }
        let end = (start + payload.len()).min(MOST);
        if end > self.bytes.len() {
            if end - self.bytes.len() > room {
                return;
            }
            self.bytes.resize(end, 0);
        }
        self.bytes[start..end].copy_from_slice(&payload[..end - start]);
        let (mut low, mut high) = (start as u32, end as u32);
        self.have.retain(|&(from, to)| {
            let apart = to < low || high < from;
            if !apart {
                low = low.min(from);
                high = high.max(to);
            }
            apart
        });
        let place = self.have.partition_point(|&(from, _)| from < low);
        self.have.insert(place, (low, high));
    }

    fn move_up(&mut self, by: usize) {
        if !self.bytes.is_empty() {
            self.bytes.splice(0..0, std::iter::repeat_n(0, by));
            for range in &mut self.have {
                range.0 += by as u32;
                range.1 += by as u32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Segments in any order, repeated and overlapping, give the stream and never anything else.
        #[test]
        fn any_order_gives_the_stream(
            stream in proptest::collection::vec(any::<u8>(), 1..600),
            cuts in proptest::collection::vec((0usize..600, 1usize..200), 1..40),
            first in any::<u32>(),
        ) {
            let mut side = Stream::default();
            side.begin(first);
            let mut pieces: Vec<(usize, usize)> = cuts;
            pieces.push((0, 600));
            let mut longest = 0;
            for (start, length) in pieces {
                let start = start.min(stream.len() - 1);
                let end = (start + length).min(stream.len());
                let segment = &stream[start..end];
                let shown = match side.push(first.wrapping_add(start as u32), segment, usize::MAX) {
                    Readable::Prefix(bytes) => {
                        prop_assert_eq!(bytes, &stream[..bytes.len()]);
                        bytes.to_vec()
                    }
                    Readable::Nothing => Vec::new(),
                };
                longest = longest.max(shown.len());
                side.hold(&shown, usize::MAX);
            }
            prop_assert_eq!(longest, stream.len());
        }
    }

    #[test]
    fn without_syn_an_earlier_segment_still_finds_its_place() {
        let mut side = Stream::default();
        let Readable::Prefix(shown) = side.push(1_005, b"world", 9_999) else { panic!("the first is a prefix") };
        let shown = shown.to_vec();
        side.hold(&shown, 9_999);
        match side.push(1_000, b"hello", 9_999) {
            Readable::Prefix(bytes) => assert_eq!(bytes, b"helloworld"),
            Readable::Nothing => panic!("both parts are here"),
        }
    }

    #[test]
    fn without_room_nothing_is_kept() {
        let mut side = Stream::default();
        side.begin(0);
        assert!(matches!(side.push(10, b"later", 0), Readable::Nothing));
        assert_eq!(side.bytes.len(), 0);
    }
}
