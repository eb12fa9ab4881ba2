//! What every aggregate did, second by second: what forecasts are judged by, and learn from.

use super::{Reader, known};
use crate::StoreError;
use crate::block::{Moved, decode, way_bit};
use crate::columns::{integer, natural};
use rusqlite::params;
use std::time::Duration;
use vocab::{Aggregate, ByteCount, Directed, Direction, LinkId, Timestamp, Usage};

/// Read at a time: a question about days must not keep the writer from beginning its log anew.
const CHUNK_S: i64 = 3_600;
const MINUTE_S: i64 = 60;
const SECOND: Duration = Duration::from_secs(1);

/// One aggregate in one second in which it moved something or was held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Second {
    /// Through which link.
    pub link: LinkId,
    /// Who, and what for.
    pub aggregate: Aggregate,
    /// When the second began.
    pub start: Timestamp,
    /// The rate it had, marked where it was held back.
    pub usage: Directed<Usage>,
    /// Packets moved.
    pub packets: Directed<u64>,
    /// Flows that moved something.
    pub flows: u32,
}

impl Reader {
    /// Up to when seconds are kept one by one: the end of the last closed minute. `None` where there are none.
    ///
    /// # Errors
    /// The history cannot be read.
    pub fn seconds_until(&self) -> Result<Option<Timestamp>, StoreError> {
        let newest: Option<i64> =
            self.connection.query_row("SELECT max(start) FROM second_block", [], |row| row.get(0))?;
        Ok(newest.map(|start| Timestamp::from_unix_secs(natural(start + MINUTE_S))))
    }

    /// All seconds from `from` until `to` that are kept one by one, minute by minute, the oldest minute first. The
    /// last minute or so is not among them: it is still open.
    ///
    /// # Errors
    /// The history cannot be read, or holds what nobody wrote.
    pub fn seconds(&self, from: Timestamp, to: Timestamp, take: &mut dyn FnMut(Second)) -> Result<(), StoreError> {
        let devices = self.device_ids()?;
        let (from, to) = (integer(from.as_unix_secs()), integer(to.as_unix_secs()));
        let earliest: Option<i64> =
            self.connection.query_row("SELECT min(start) FROM second_block", [], |row| row.get(0))?;
        let Some(earliest) = earliest else { return Ok(()) };
        let mut select = self.connection.prepare_cached(
            "SELECT start, link, device, block FROM second_block WHERE start >= ?1 AND start < ?2 ORDER BY start, link, device",
        )?;
        let mut begin = from.max(earliest);
        begin -= begin % MINUTE_S;
        while begin < to {
            let end = to.min(begin + CHUNK_S);
            let mut rows = select.query(params![begin, end])?;
            while let Some(row) = rows.next()? {
                let (start, link): (i64, u16) = (row.get(0)?, row.get(1)?);
                // One that was seen for the first time since the names were read: the next question has it.
                let Ok(device) = known(&devices, row.get(2)?) else { continue };
                for (class, seconds) in decode(row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?)? {
                    for (place, moved) in seconds {
                        let at = start + i64::from(place);
                        if (from..to).contains(&at) {
                            let aggregate = Aggregate { device, class };
                            take(second(LinkId(link), aggregate, Timestamp::from_unix_secs(natural(at)), moved));
                        }
                    }
                }
            }
            begin = end;
        }
        Ok(())
    }
}

fn second(link: LinkId, aggregate: Aggregate, start: Timestamp, moved: Moved) -> Second {
    let usage = |bytes: u64, direction: Direction| {
        let rate = ByteCount(bytes).per(SECOND);
        if moved.held_back & way_bit(direction) == 0 { Usage::Free(rate) } else { Usage::Backlogged(rate) }
    };
    let [download, upload] = moved.bytes;
    Second {
        link,
        aggregate,
        start,
        usage: Directed { download: usage(download, Direction::Download), upload: usage(upload, Direction::Upload) },
        packets: Directed { download: moved.packets[0], upload: moved.packets[1] },
        flows: u32::try_from(moved.flows).unwrap_or(u32::MAX),
    }
}
