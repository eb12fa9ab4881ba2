//! What every device moved in spans of some minutes: what its habits are learnt from.

use super::Reader;
use crate::StoreError;
use crate::columns::{integer, natural};
use rusqlite::params;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use vocab::{ByteCount, DeviceId, Directed, Timestamp};

/// Read at a time: a question about weeks must not keep the writer from beginning its log anew.
const CHUNK: Duration = Duration::from_secs(86_400);

/// What devices moved in one span of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// When it began.
    pub begins: Timestamp,
    /// Those that moved something, layer 2.
    pub moved: BTreeMap<DeviceId, Directed<ByteCount>>,
}

impl Reader {
    /// Whole spans of `length` (minutes; not more than a day) from `from` until `to`, the oldest first, as far as
    /// minutes are kept: those of which every minute was recorded, or all but one, for there may be a minute in which
    /// nothing moves. Of more than `most_rows` minutes of aggregates the newest days are given.
    ///
    /// # Errors
    /// The history cannot be read.
    pub fn spans(
        &self,
        from: Timestamp,
        to: Timestamp,
        length: Duration,
        most_rows: u64,
    ) -> Result<Vec<Span>, StoreError> {
        let devices = self.device_ids()?;
        let mut count =
            self.connection.prepare_cached("SELECT count(*) FROM minute WHERE start >= ?1 AND start < ?2")?;
        let mut select = self.connection.prepare_cached(
            "SELECT start, device, sum(download), sum(upload) FROM minute WHERE start >= ?1 AND start < ?2
             GROUP BY start, device",
        )?;
        let needed = (length.as_secs() / 60).saturating_sub(1).max(1) as usize;
        let (mut end, mut rows_left) = (to.floor(length), most_rows);
        let mut chunks: Vec<Vec<Span>> = Vec::new();
        let from = from.max(self.oldest("minute")?.map_or(to, Timestamp::from_unix_secs));
        while end > from {
            let begin = from.max(end - CHUNK).floor(length);
            let range = params![integer(begin.as_unix_secs()), integer(end.as_unix_secs())];
            let rows: i64 = count.query_row(range, |row| row.get(0))?;
            let Some(left) = rows_left.checked_sub(natural(rows)) else { break };
            rows_left = left;
            let mut spans = BTreeMap::<Timestamp, (BTreeSet<u64>, BTreeMap<DeviceId, Directed<ByteCount>>)>::new();
            let mut rows = select.query(range)?;
            while let Some(row) = rows.next()? {
                let start = natural(row.get(0)?);
                let (minutes, moved) = spans.entry(Timestamp::from_unix_secs(start).floor(length)).or_default();
                minutes.insert(start);
                // One that was seen for the first time since the names were read moved nothing yet.
                let Some(&device) = devices.get(&row.get(1)?) else { continue };
                let bytes = Directed { download: natural(row.get(2)?), upload: natural(row.get(3)?) }.map(ByteCount);
                *moved.entry(device).or_default() += bytes;
            }
            let whole = spans.into_iter().filter(|(_, (minutes, _))| minutes.len() >= needed);
            chunks.push(whole.map(|(begins, (_, moved))| Span { begins, moved }).collect());
            end = begin;
        }
        Ok(chunks.into_iter().rev().flatten().collect())
    }
}
