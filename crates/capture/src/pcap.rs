//! Capture files: pcap and pcapng, plain or compressed by gzip.
//!
//! Formats: draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng. A file that is damaged gives everything up to the
//! damage, and says where that was.

use crate::filter::Filter;
use crate::{CaptureError, Counting, Frame, Observation, Polled, Source, SourceCounts};
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;
use vocab::{ByteCount, LinkType, SourceKind, Timestamp};

/// Frames one call of `poll` hands over at most.
const FRAMES_PER_POLL: usize = 1_024;
/// No frame is larger (a merged packet has 512 kB at most, BIG TCP); what claims to be is damage.
const FRAME_MAX: usize = 1 << 20;
/// No block is larger; wiretap and libpcap refuse 16 MiB as well (`MAX_BLOCKSIZE` in sf-pcapng.c).
const BLOCK_MAX: usize = 16 << 20;
/// Interfaces of one section we remember; more are damage or malice.
const INTERFACES_MAX: usize = 65_536;

/// What was wrong with a file that could be read in part.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileWarning {
    /// It ends inside a record.
    #[error("the file ends inside the record at byte {at} (of the uncompressed capture)")]
    Truncated {
        /// Where the record begins.
        at: u64,
    },
    /// A record makes no sense; nothing behind it can be read.
    #[error("the record at byte {at} (of the uncompressed capture) is damaged: {reason}")]
    Damaged {
        /// Where the record begins.
        at: u64,
        /// What is wrong.
        reason: String,
    },
    /// Frames of a kind we do not read were left out.
    #[error("frames of link type {0} are not read (see the tcpdump list of link-layer header types)")]
    LinkType(u16),
}

/// How far a file was read, in bytes as they lie on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Read by now; the last buffer may not be used up.
    pub read: u64,
    /// The size of the file.
    pub total: u64,
}

#[derive(Debug)]
struct Counted<R> {
    inner: R,
    read: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read += count as u64;
        Ok(count)
    }
}

#[derive(Debug)]
enum Input {
    Plain(BufReader<Counted<File>>),
    Gzip(Box<BufReader<MultiGzDecoder<BufReader<Counted<File>>>>>),
}

impl Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Input::Plain(reader) => reader.read(buffer),
            Input::Gzip(reader) => reader.read(buffer),
        }
    }

    fn read_from_disk(&self) -> u64 {
        match self {
            Input::Plain(reader) => reader.get_ref().read,
            Input::Gzip(reader) => reader.get_ref().get_ref().get_ref().read,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes = bytes.get(at..)?.first_chunk()?;
        Some(match self {
            ByteOrder::Little => u16::from_le_bytes(*bytes),
            ByteOrder::Big => u16::from_be_bytes(*bytes),
        })
    }

    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = bytes.get(at..)?.first_chunk()?;
        Some(match self {
            ByteOrder::Little => u32::from_le_bytes(*bytes),
            ByteOrder::Big => u32::from_be_bytes(*bytes),
        })
    }

    fn u64(self, bytes: &[u8], at: usize) -> Option<u64> {
        let bytes = bytes.get(at..)?.first_chunk()?;
        Some(match self {
            ByteOrder::Little => u64::from_le_bytes(*bytes),
            ByteOrder::Big => u64::from_be_bytes(*bytes),
        })
    }
}

/// What one tick of an interface's clock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Clock {
    /// `if_tsresol`: the negative exponent, of 2 if the high bit is set, else of 10.
    resolution: u8,
    /// `if_tsoffset`: seconds to add.
    offset_seconds: i64,
}

impl Clock {
    /// Ticks since 1970 as an instant; what does not fit is cut off at both ends.
    fn time(self, ticks: u64) -> Timestamp {
        let ticks = u128::from(ticks);
        let nanos = if self.resolution & 0x80 != 0 {
            // 64 bits of ticks times 30 bits of a billion fit 128.
            (ticks * 1_000_000_000).checked_shr(u32::from(self.resolution & 0x7f)).unwrap_or(0)
        } else if self.resolution <= 9 {
            ticks * 10_u128.pow(9 - u32::from(self.resolution))
        } else {
            10_u128.checked_pow(u32::from(self.resolution) - 9).map_or(0, |divisor| ticks / divisor)
        };
        let nanos = i128::try_from(nanos).unwrap_or(i128::MAX);
        let nanos = nanos.saturating_add(i128::from(self.offset_seconds) * 1_000_000_000);
        Timestamp::from_unix_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
    }
}

#[derive(Clone, Copy, Debug)]
struct Interface {
    link_type: Result<LinkType, u16>,
    snap_len: u32,
    clock: Clock,
}

#[derive(Debug)]
enum Format {
    Pcap { order: ByteOrder, interface: Interface, record_header: usize },
    Pcapng { order: ByteOrder, interfaces: Vec<Interface>, last: Timestamp },
}

/// A capture file as a source.
#[derive(Debug)]
pub struct FileSource {
    path: PathBuf,
    input: Input,
    total: u64,
    format: Format,
    /// The place in the uncompressed capture.
    at: u64,
    record: Vec<u8>,
    counts: SourceCounts,
    warnings: Vec<FileWarning>,
    filter: Option<FileFilter>,
    finished: bool,
}

/// A filter expression, compiled for the link types met by now.
#[derive(Debug)]
struct FileFilter {
    expression: String,
    compiled: Vec<(LinkType, Filter)>,
}

impl FileFilter {
    fn matches(&mut self, link_type: LinkType, bytes: &[u8], wire_len: u32) -> Result<bool, CaptureError> {
        if !self.compiled.iter().any(|(kind, _)| *kind == link_type) {
            self.compiled.push((link_type, Filter::compile(&self.expression, link_type, u32::MAX)?));
        }
        let filter = self.compiled.iter().find(|(kind, _)| *kind == link_type);
        Ok(filter.is_some_and(|(_, filter)| filter.matches(bytes, wire_len)))
    }
}

/// How a link type of the tcpdump list begins its frames; the number itself if we do not read it.
fn link_type(number: u16) -> Result<LinkType, u16> {
    LinkType::from_number(number).ok_or(number)
}

/// A frame inside `FileSource::record`.
struct Found {
    at: Timestamp,
    interface: u32,
    link_type: Result<LinkType, u16>,
    start: usize,
    captured: usize,
    wire_len: u32,
}

/// Why there is no further record.
enum Stop {
    End,
    Damage(FileWarning),
    Failed(CaptureError),
}

impl FileSource {
    /// Opens a capture file; what the expression `filter` (pcap-filter(7)) does not match is left out.
    ///
    /// # Errors
    /// The file cannot be read, or is no capture; the filter is not understood, or libpcap is missing.
    pub fn open(path: &Path, filter: Option<&str>) -> Result<FileSource, CaptureError> {
        let filter = match filter {
            Some(expression) => {
                // For most files that is the link type, and a mistake is found before any work is done.
                let ethernet = Filter::compile(expression, LinkType::Ethernet, u32::MAX)?;
                let compiled = vec![(LinkType::Ethernet, ethernet)];
                Some(FileFilter { expression: expression.to_owned(), compiled })
            }
            None => None,
        };
        let failed = |source| CaptureError::File { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(failed)?;
        let total = file.metadata().map_err(failed)?.len();
        let mut magic = [0; 2];
        let zipped = read_full(|buffer| file.read(buffer), &mut magic).map_err(failed)? == 2 && magic == [0x1f, 0x8b];
        let file = Counted { inner: File::open(path).map_err(failed)?, read: 0 };
        let mut input = if zipped {
            let unzipped = MultiGzDecoder::new(BufReader::with_capacity(1 << 16, file));
            Input::Gzip(Box::new(BufReader::with_capacity(1 << 16, unzipped)))
        } else {
            Input::Plain(BufReader::with_capacity(1 << 18, file))
        };
        let no_capture = || CaptureError::NotACapture { path: path.to_owned() };
        let mut head = [0; 24];
        let got = match read_full(|buffer| input.read(buffer), &mut head) {
            Ok(got) => got,
            Err(error) if is_damage(&error) => return Err(no_capture()),
            Err(error) => return Err(failed(error)),
        };
        let head = &head[..got];
        let (format, at) = recognise(head).ok_or_else(no_capture)?;
        let mut source = FileSource {
            path: path.to_owned(),
            input,
            total,
            format,
            at,
            record: Vec::new(),
            counts: SourceCounts::default(),
            warnings: Vec::new(),
            filter,
            finished: false,
        };
        if let Format::Pcapng { .. } = source.format {
            source.finish_section_header(head)?;
        }
        Ok(source)
    }

    /// How far the file was read.
    pub fn progress(&self) -> Progress {
        Progress { read: self.input.read_from_disk().min(self.total), total: self.total }
    }

    /// What was wrong with what was read by now.
    pub fn warnings(&self) -> &[FileWarning] {
        &self.warnings
    }

    /// The head holds the first 24 bytes of the section header; the rest is options, which tell us nothing.
    fn finish_section_header(&mut self, head: &[u8]) -> Result<(), CaptureError> {
        let Format::Pcapng { order, .. } = self.format else { return Ok(()) };
        let length = order.u32(head, 4).unwrap_or(0) as usize;
        if !(28..=BLOCK_MAX).contains(&length) || !length.is_multiple_of(4) {
            self.end_with(FileWarning::Damaged { at: 0, reason: format!("a section header of {length} bytes") });
            return Ok(());
        }
        match self.fill(length - head.len()) {
            Ok(()) => Ok(()),
            Err(Stop::Failed(error)) => Err(error),
            Err(Stop::Damage(warning)) => {
                self.end_with(warning);
                Ok(())
            }
            Err(Stop::End) => {
                self.end_with(FileWarning::Truncated { at: 0 });
                Ok(())
            }
        }
    }

    fn end_with(&mut self, warning: FileWarning) {
        self.warnings.push(warning);
        self.counts.malformed += 1;
        self.finished = true;
    }

    /// Reads `length` bytes into `record`. `End` if the file ends before the first.
    fn fill(&mut self, length: usize) -> Result<(), Stop> {
        let begin = self.at;
        self.record.resize(length, 0);
        let input = &mut self.input;
        match read_full(|buffer| input.read(buffer), &mut self.record) {
            Ok(got) if got == length => {
                self.at += length as u64;
                Ok(())
            }
            Ok(0) => Err(Stop::End),
            Ok(_) => Err(Stop::Damage(FileWarning::Truncated { at: begin })),
            Err(error) if is_damage(&error) => {
                let reason = format!("decompression fails: {error}");
                Err(Stop::Damage(FileWarning::Damaged { at: begin, reason }))
            }
            Err(source) => Err(Stop::Failed(CaptureError::File { path: self.path.clone(), source })),
        }
    }

    /// Like `fill`, where a record has begun at `begin`.
    fn fill_rest(&mut self, length: usize, begin: u64) -> Result<(), Stop> {
        match self.fill(length) {
            Err(Stop::End | Stop::Damage(FileWarning::Truncated { .. })) => {
                Err(Stop::Damage(FileWarning::Truncated { at: begin }))
            }
            other => other,
        }
    }

    /// The next frame; `None` for a record that holds none.
    fn next(&mut self) -> Result<Option<Found>, Stop> {
        match self.format {
            Format::Pcap { order, interface, record_header } => {
                self.next_pcap(order, interface, record_header).map(Some)
            }
            Format::Pcapng { order, .. } => self.next_block(order),
        }
    }

    fn next_pcap(&mut self, order: ByteOrder, interface: Interface, header: usize) -> Result<Found, Stop> {
        let begin = self.at;
        self.fill(header)?;
        let field = |at| order.u32(&self.record, at).unwrap_or(0);
        let (seconds, fraction, captured, wire_len) = (field(0), field(4), field(8) as usize, field(12));
        if captured > FRAME_MAX {
            let reason = format!("a frame of {captured} bytes");
            return Err(Stop::Damage(FileWarning::Damaged { at: begin, reason }));
        }
        if captured == 0 {
            self.record.clear();
        } else {
            self.fill_rest(captured, begin)?;
        }
        let fraction_nanos = if interface.clock.resolution == 9 { fraction } else { fraction.saturating_mul(1_000) };
        Ok(Found {
            at: Timestamp::from_unix_secs(u64::from(seconds)) + Duration::from_nanos(u64::from(fraction_nanos)),
            interface: 0,
            link_type: interface.link_type,
            start: 0,
            captured,
            wire_len: wire_len.max(captured as u32),
        })
    }

    fn next_block(&mut self, order: ByteOrder) -> Result<Option<Found>, Stop> {
        let begin = self.at;
        let damaged = |reason: String| Stop::Damage(FileWarning::Damaged { at: begin, reason });
        self.fill(8)?;
        let kind = order.u32(&self.record, 0).unwrap_or(0);
        if kind == SECTION_HEADER {
            return self.next_section(begin).map(|()| None);
        }
        let length = order.u32(&self.record, 4).unwrap_or(0) as usize;
        if !(12..=BLOCK_MAX).contains(&length) || !length.is_multiple_of(4) {
            return Err(damaged(format!("a block of {length} bytes")));
        }
        self.fill_rest(length - 8, begin)?;
        let repeated = order.u32(&self.record, length - 12).map(|length| length as usize);
        if repeated != Some(length) {
            return Err(damaged("its two lengths differ".to_owned()));
        }
        self.record.truncate(length - 12);
        let body = &self.record;
        let Format::Pcapng { interfaces, last, .. } = &mut self.format else { return Ok(None) };
        match kind {
            INTERFACE_DESCRIPTION => {
                if interfaces.len() >= INTERFACES_MAX {
                    return Err(damaged("more interfaces than any machine has".to_owned()));
                }
                let interface =
                    read_interface(order, body).ok_or_else(|| damaged("a short interface description".to_owned()))?;
                interfaces.push(interface);
                Ok(None)
            }
            ENHANCED_PACKET | OBSOLETE_PACKET => {
                let number =
                    if kind == ENHANCED_PACKET { order.u32(body, 0) } else { order.u16(body, 0).map(u32::from) };
                let fields = (|| {
                    Some((
                        number?,
                        order.u32(body, 4)?,
                        order.u32(body, 8)?,
                        order.u32(body, 12)?,
                        order.u32(body, 16)?,
                    ))
                })();
                let Some((number, high, low, captured, wire_len)) = fields else {
                    return Err(damaged("a short packet block".to_owned()));
                };
                let captured = captured as usize;
                if captured > FRAME_MAX || body.len() < 20 + captured {
                    return Err(damaged(format!("a frame of {captured} bytes")));
                }
                let Some(interface) = interfaces.get(number as usize) else {
                    return Err(damaged(format!("interface {number} was not described")));
                };
                let at = interface.clock.time(u64::from(high) << 32 | u64::from(low));
                *last = at;
                Ok(Some(Found {
                    at,
                    interface: number,
                    link_type: interface.link_type,
                    start: 20,
                    captured,
                    wire_len: wire_len.max(captured as u32),
                }))
            }
            SIMPLE_PACKET => {
                let (Some(wire_len), Some(interface)) = (order.u32(body, 0), interfaces.first()) else {
                    return Err(damaged("a simple packet without an interface".to_owned()));
                };
                let room = body.len() - 4;
                let snapped = if interface.snap_len == 0 { wire_len } else { wire_len.min(interface.snap_len) };
                let captured = (snapped as usize).min(room);
                if captured > FRAME_MAX {
                    return Err(damaged(format!("a frame of {captured} bytes")));
                }
                Ok(Some(Found {
                    // It has no time of its own; this keeps the order.
                    at: *last,
                    interface: 0,
                    link_type: interface.link_type,
                    start: 4,
                    captured,
                    wire_len: wire_len.max(captured as u32),
                }))
            }
            // Names, statistics, secrets, blocks of other makers.
            _ => Ok(None),
        }
    }

    /// A further section: its own byte order, its own interfaces. `record` holds the first 8 bytes.
    fn next_section(&mut self, begin: u64) -> Result<(), Stop> {
        let damaged = |reason: String| Stop::Damage(FileWarning::Damaged { at: begin, reason });
        let raw_length: [u8; 4] = self.record.get(4..8).and_then(|bytes| bytes.try_into().ok()).unwrap_or_default();
        self.fill_rest(4, begin)?;
        let order = byte_order(&self.record).ok_or_else(|| damaged("a section of no byte order".to_owned()))?;
        let length = order.u32(&raw_length, 0).unwrap_or(0) as usize;
        if !(28..=BLOCK_MAX).contains(&length) || !length.is_multiple_of(4) {
            return Err(damaged(format!("a section header of {length} bytes")));
        }
        self.fill_rest(length - 12, begin)?;
        if let Format::Pcapng { order: of_section, interfaces, .. } = &mut self.format {
            *of_section = order;
            interfaces.clear();
        }
        Ok(())
    }
}

impl Source for FileSource {
    fn kind(&self) -> SourceKind {
        SourceKind::File
    }

    fn counting(&self) -> Counting {
        Counting::ByFrames
    }

    fn poll(&mut self, _timeout: Duration, sink: &mut dyn FnMut(Observation<'_>)) -> Result<Polled, CaptureError> {
        let mut observed = 0;
        for _ in 0..FRAMES_PER_POLL {
            if self.finished {
                break;
            }
            let found = match self.next() {
                Ok(Some(found)) => found,
                Ok(None) => continue,
                Err(Stop::End) => {
                    self.finished = true;
                    break;
                }
                Err(Stop::Damage(warning)) => {
                    self.end_with(warning);
                    break;
                }
                Err(Stop::Failed(error)) => return Err(error),
            };
            let link_type = match found.link_type {
                Ok(link_type) => link_type,
                Err(number) => {
                    self.counts.malformed += 1;
                    let warning = FileWarning::LinkType(number);
                    if !self.warnings.contains(&warning) {
                        self.warnings.push(warning);
                    }
                    continue;
                }
            };
            let bytes = &self.record[found.start..found.start + found.captured];
            if let Some(filter) = &mut self.filter
                && !filter.matches(link_type, bytes, found.wire_len)?
            {
                continue;
            }
            self.counts.packets += 1;
            self.counts.frames += 1;
            self.counts.bytes += ByteCount(u64::from(found.wire_len));
            observed += 1;
            sink(Observation::Frame(Frame {
                at: found.at,
                interface: found.interface,
                link_type,
                direction: None,
                vlan: None,
                wire_len: found.wire_len,
                packets: 1,
                bytes,
            }));
        }
        Ok(if self.finished && observed == 0 { Polled::Finished } else { Polled::Observed(observed) })
    }

    fn read_counts(&mut self, _sink: &mut dyn FnMut(Observation<'_>)) -> Result<(), CaptureError> {
        Ok(())
    }

    fn counts(&mut self) -> Result<SourceCounts, CaptureError> {
        Ok(self.counts)
    }
}

// Block types of pcapng, sections 4.1 to 4.4 and appendix A.
const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// What the decoder says of bytes that are not what they should be.
fn is_damage(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof)
}

/// Reads until `buffer` is full or the end; how much.
fn read_full(mut read: impl FnMut(&mut [u8]) -> io::Result<usize>, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// The byte order of a pcapng section, from its magic number.
fn byte_order(magic: &[u8]) -> Option<ByteOrder> {
    [ByteOrder::Little, ByteOrder::Big].into_iter().find(|order| order.u32(magic, 0) == Some(0x1a2b_3c4d))
}

/// The format that begins so, and how much of it was read.
fn recognise(head: &[u8]) -> Option<(Format, u64)> {
    // Its type reads the same in both orders.
    if ByteOrder::Little.u32(head, 0) == Some(SECTION_HEADER) {
        let order = byte_order(head.get(8..)?)?;
        (head.len() == 24).then_some(())?;
        return Some((Format::Pcapng { order, interfaces: Vec::new(), last: Timestamp::default() }, 24));
    }
    if head.len() < 24 {
        return None;
    }
    [ByteOrder::Little, ByteOrder::Big].into_iter().find_map(|order| {
        let (resolution, record_header) = match order.u32(head, 0)? {
            0xa1b2_c3d4 => (6, 16),
            0xa1b2_3c4d => (9, 16),
            // Written by a patched libpcap of old Linux systems: eight bytes more per record.
            0xa1b2_cd34 => (6, 24),
            _ => return None,
        };
        let interface = Interface {
            // The upper half tells of check sequences.
            link_type: link_type(order.u32(head, 20)? as u16),
            snap_len: order.u32(head, 16)?,
            clock: Clock { resolution, offset_seconds: 0 },
        };
        Some((Format::Pcap { order, interface, record_header }, 24))
    })
}

fn read_interface(order: ByteOrder, body: &[u8]) -> Option<Interface> {
    let mut clock = Clock { resolution: 6, offset_seconds: 0 };
    let mut options = body.get(8..)?;
    while let (Some(code), Some(length)) = (order.u16(options, 0), order.u16(options, 2)) {
        let length = usize::from(length);
        let Some(value) = options.get(4..4 + length) else { break };
        match (code, value) {
            (0, _) => break,
            (9, [resolution]) => clock.resolution = *resolution,
            (14, value) => clock.offset_seconds = order.u64(value, 0).unwrap_or(0) as i64,
            _ => {}
        }
        options = options.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
    }
    Some(Interface { link_type: link_type(order.u16(body, 0)?), snap_len: order.u32(body, 4)?, clock })
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;
    use std::io::Write;

    const FRAME: [u8; 14] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 8, 0];

    #[derive(Debug, PartialEq, Eq)]
    struct Seen {
        frames: Vec<(u64, u32, LinkType, u32, Vec<u8>)>,
        warnings: Vec<FileWarning>,
    }

    fn read_all(bytes: &[u8]) -> Result<Seen, CaptureError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let mut source = FileSource::open(file.path(), None)?;
        let mut frames = Vec::new();
        loop {
            let polled = source.poll(Duration::ZERO, &mut |observation| {
                let Observation::Frame(frame) = observation else { panic!("a file gives frames") };
                let nanos = frame.at.as_unix_nanos();
                frames.push((nanos, frame.interface, frame.link_type, frame.wire_len, frame.bytes.to_vec()));
            })?;
            if polled == Polled::Finished {
                break;
            }
        }
        assert_eq!(source.counts().unwrap().frames, frames.len() as u64);
        assert!(source.progress().read <= source.progress().total);
        Ok(Seen { frames, warnings: source.warnings().to_vec() })
    }

    fn check(bytes: &[u8], frames: &[(u64, u32, LinkType, u32, &[u8])], warnings: &[FileWarning]) {
        let frames =
            frames.iter().map(|&(at, interface, kind, wire, bytes)| (at, interface, kind, wire, bytes.to_vec()));
        let expected = Seen { frames: frames.collect(), warnings: warnings.to_vec() };
        assert_eq!(read_all(bytes).unwrap(), expected);
        let mut zipped = GzEncoder::new(Vec::new(), Compression::fast());
        zipped.write_all(bytes).unwrap();
        assert_eq!(read_all(&zipped.finish().unwrap()).unwrap(), expected, "compressed");
    }

    #[derive(Clone, Copy)]
    struct Numbers(ByteOrder);

    impl Numbers {
        fn u16(self, value: u16) -> Vec<u8> {
            match self.0 {
                ByteOrder::Little => value.to_le_bytes().to_vec(),
                ByteOrder::Big => value.to_be_bytes().to_vec(),
            }
        }

        fn u32(self, value: u32) -> Vec<u8> {
            match self.0 {
                ByteOrder::Little => value.to_le_bytes().to_vec(),
                ByteOrder::Big => value.to_be_bytes().to_vec(),
            }
        }

        fn pcap(self, magic: u32, link_type: u32) -> Vec<u8> {
            [self.u32(magic), self.u16(2), self.u16(4), vec![0; 8], self.u32(65_535), self.u32(link_type)].concat()
        }

        fn record(self, seconds: u32, fraction: u32, wire: u32, bytes: &[u8]) -> Vec<u8> {
            let head = [seconds, fraction, bytes.len() as u32, wire].map(|value| self.u32(value)).concat();
            [head, bytes.to_vec()].concat()
        }

        fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
            let padding = vec![0; body.len().next_multiple_of(4) - body.len()];
            let length = self.u32((12 + body.len() + padding.len()) as u32);
            [self.u32(kind), length.clone(), body.to_vec(), padding, length].concat()
        }

        fn section(self) -> Vec<u8> {
            self.block(SECTION_HEADER, &[self.u32(0x1a2b_3c4d), self.u16(1), self.u16(0), vec![0xff; 8]].concat())
        }

        fn interface(self, link_type: u16, options: &[u8]) -> Vec<u8> {
            let body = [self.u16(link_type), self.u16(0), self.u32(65_535), options.to_vec()].concat();
            self.block(INTERFACE_DESCRIPTION, &body)
        }

        fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
            let padding = vec![0; value.len().next_multiple_of(4) - value.len()];
            [self.u16(code), self.u16(value.len() as u16), value.to_vec(), padding].concat()
        }

        fn packet(self, interface: u32, ticks: u64, wire: u32, bytes: &[u8]) -> Vec<u8> {
            let numbers = [interface, (ticks >> 32) as u32, ticks as u32, bytes.len() as u32, wire];
            self.block(ENHANCED_PACKET, &[numbers.map(|value| self.u32(value)).concat(), bytes.to_vec()].concat())
        }
    }

    const ORDERS: [Numbers; 2] = [Numbers(ByteOrder::Little), Numbers(ByteOrder::Big)];

    #[test]
    fn pcap_is_read_in_every_order_and_resolution() {
        for n in ORDERS {
            for (magic, at) in [(0xa1b2_c3d4, 5_000_007_000), (0xa1b2_3c4d, 5_000_000_007)] {
                let file = [n.pcap(magic, 1), n.record(5, 7, 1_500, &FRAME), n.record(6, 0, 14, &FRAME)].concat();
                check(
                    &file,
                    &[(at, 0, LinkType::Ethernet, 1_500, &FRAME), (6_000_000_000, 0, LinkType::Ethernet, 14, &FRAME)],
                    &[],
                );
            }
            // Check sequences are announced in the upper half; times after 2038 are unsigned.
            let file = [n.pcap(0xa1b2_c3d4, 0x2400_0065), n.record(u32::MAX, 0, 3, &[0x45, 0, 0])].concat();
            check(&file, &[(4_294_967_295_000_000_000, 0, LinkType::RawIp, 3, &[0x45, 0, 0])], &[]);
            check(&n.pcap(0xa1b2_c3d4, 1), &[], &[]);
        }
    }

    #[test]
    fn the_old_patched_format_is_read() {
        let n = ORDERS[0];
        let mut record = n.record(5, 7, 14, &[]);
        record.extend([0; 8]);
        record[8] = 14;
        let file = [n.pcap(0xa1b2_cd34, 1), record, FRAME.to_vec()].concat();
        check(&file, &[(5_000_007_000, 0, LinkType::Ethernet, 14, &FRAME)], &[]);
    }

    #[test]
    fn pcapng_is_read_with_its_interfaces_clocks_and_sections() {
        for n in ORDERS {
            let nanos = n.option(9, &[9]);
            let binary = [n.option(2, b"wan0"), n.option(9, &[0x80 | 10])].concat();
            let shifted = n.option(
                14,
                &match n.0 {
                    ByteOrder::Little => 100_i64.to_le_bytes(),
                    ByteOrder::Big => 100_i64.to_be_bytes(),
                },
            );
            let simple = n.block(SIMPLE_PACKET, &[n.u32(20), FRAME.to_vec()].concat());
            let file = [
                n.section(),
                n.interface(1, &[]),
                n.interface(101, &nanos),
                n.interface(113, &binary),
                n.interface(276, &shifted),
                n.block(0x0bad_cafe, &[1, 2, 3]),
                n.packet(0, 5_000_007, 1_500, &FRAME),
                n.packet(1, 5_000_000_007, 14, &FRAME),
                n.packet(2, 1_536, 14, &FRAME),
                n.packet(3, 1, 14, &FRAME[..13]),
                simple,
                Numbers(ByteOrder::Big).section(),
                Numbers(ByteOrder::Big).interface(108, &[]),
                Numbers(ByteOrder::Big).packet(0, 9_000_000, 14, &FRAME),
            ]
            .concat();
            check(
                &file,
                &[
                    (5_000_007_000, 0, LinkType::Ethernet, 1_500, &FRAME),
                    (5_000_000_007, 1, LinkType::RawIp, 14, &FRAME),
                    (1_500_000_000, 2, LinkType::LinuxCooked, 14, &FRAME),
                    (100_000_001_000, 3, LinkType::LinuxCooked2, 14, &FRAME[..13]),
                    // Two bytes of padding cannot be told from two bytes of the frame.
                    (100_000_001_000, 0, LinkType::Ethernet, 20, &[&FRAME[..], &[0, 0]].concat()),
                    (9_000_000_000, 0, LinkType::Loopback, 14, &FRAME),
                ],
                &[],
            );
        }
    }

    #[test]
    fn what_can_be_read_of_a_damaged_file_is_read() {
        let n = ORDERS[0];
        let good = [n.pcap(0xa1b2_c3d4, 1), n.record(5, 0, 14, &FRAME)].concat();
        let seen: (u64, u32, LinkType, u32, &[u8]) = (5_000_000_000, 0, LinkType::Ethernet, 14, &FRAME);
        let cut = [good.clone(), n.record(6, 0, 14, &FRAME)[..20].to_vec()].concat();
        check(&cut, &[seen], &[FileWarning::Truncated { at: 54 }]);
        let cut = [good.clone(), vec![0; 3]].concat();
        check(&cut, &[seen], &[FileWarning::Truncated { at: 54 }]);
        let huge = [good.clone(), n.u32(0), n.u32(0), n.u32(0xffff_ffff), n.u32(0)].concat();
        let reason = "a frame of 4294967295 bytes".to_owned();
        check(&huge, &[seen], &[FileWarning::Damaged { at: 54, reason }]);

        let good = [n.section(), n.interface(1, &[]), n.packet(0, 5_000_000, 14, &FRAME)].concat();
        let at = good.len() as u64;
        let odd = [good.clone(), n.u32(6), n.u32(33), vec![0; 40]].concat();
        check(&odd, &[seen], &[FileWarning::Damaged { at, reason: "a block of 33 bytes".to_owned() }]);
        let huge = [good.clone(), n.u32(6), n.u32(0x7fff_fffc), vec![0; 40]].concat();
        check(&huge, &[seen], &[FileWarning::Damaged { at, reason: "a block of 2147483644 bytes".to_owned() }]);
        let unknown = [good.clone(), n.packet(7, 0, 14, &FRAME)].concat();
        check(&unknown, &[seen], &[FileWarning::Damaged { at, reason: "interface 7 was not described".to_owned() }]);
        let mut lie = n.packet(0, 0, 14, &FRAME);
        lie[20] = 0xff;
        let lie = [good, lie].concat();
        check(&lie, &[seen], &[FileWarning::Damaged { at, reason: "a frame of 255 bytes".to_owned() }]);

        let radio = [n.pcap(0xa1b2_c3d4, 147), n.record(5, 0, 14, &FRAME), n.record(5, 0, 14, &FRAME)].concat();
        check(&radio, &[], &[FileWarning::LinkType(147)]);
    }

    #[test]
    fn a_cut_gzip_gives_its_front() {
        let n = ORDERS[0];
        let mut file = n.pcap(0xa1b2_c3d4, 1);
        for number in 0..5_000_u32 {
            file.extend(n.record(
                number,
                0,
                14,
                &(0..200).map(|at| (number.wrapping_mul(at * at) >> 3) as u8).collect::<Vec<_>>(),
            ));
        }
        let mut zipped = GzEncoder::new(Vec::new(), Compression::fast());
        zipped.write_all(&file).unwrap();
        let zipped = zipped.finish().unwrap();
        let seen = read_all(&zipped[..zipped.len() / 2]).unwrap();
        assert!((1_000..4_000).contains(&seen.frames.len()), "{}", seen.frames.len());
        assert_eq!(seen.warnings.len(), 1);
    }

    #[test]
    fn a_file_that_is_no_capture_says_so() {
        let n = ORDERS[0];
        for bytes in [
            &b""[..],
            b"x",
            b"\x1f\x8b",
            b"\x1f\x8b\x08 no gzip at all, I fear",
            b"a text, and a long one at that",
            &n.pcap(0xa1b2_c3d4, 1)[..20],
            &n.section()[..12],
        ] {
            assert!(matches!(read_all(bytes), Err(CaptureError::NotACapture { .. })), "{bytes:?}");
        }
        let missing = FileSource::open(Path::new("/no/such/file.pcap"), None);
        assert!(matches!(missing, Err(CaptureError::File { .. })));
    }

    proptest! {
        #[test]
        fn no_bytes_crash_the_reader(
            format in 0..4_usize,
            tail in proptest::collection::vec(any::<u8>(), 0..400),
            damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        ) {
            let n = ORDERS[format % 2];
            let mut file = match format {
                0 | 1 => [n.pcap(0xa1b2_c3d4, 1), n.record(5, 0, 14, &FRAME), tail].concat(),
                _ => [n.section(), n.interface(1, &n.option(9, &[9])), n.packet(0, 1, 14, &FRAME), n.section(), tail].concat(),
            };
            for (index, byte) in damage {
                let at = index.index(file.len());
                file[at] = byte;
            }
            match read_all(&file) {
                Ok(_) | Err(CaptureError::NotACapture { .. }) => {}
                Err(error) => prop_assert!(false, "{error}"),
            }
        }

        #[test]
        fn every_clock_gives_some_time(resolution: u8, offset_seconds: i64, ticks: u64) {
            Clock { resolution, offset_seconds }.time(ticks);
        }
    }
}
