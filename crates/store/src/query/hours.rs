//! What was moved hour by hour, and how much of each hour was recorded: what the outlook is made of.

use super::Reader;
use crate::StoreError;
use crate::columns::{integer, natural};
use rusqlite::params;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use vocab::{ByteCount, DeviceId, Directed, HourVolume, HourlyVolumes, LinkId, Timestamp};

const HOUR: u64 = 3_600;
/// No question reaches further back.
const MOST_HOURS: u64 = 366 * 24;

/// Bytes of one hour; `None` where it was recorded and what was asked about moved nothing.
type Hours = BTreeMap<u64, Option<[u64; 2]>>;

impl Reader {
    /// Each hour from `from` (rounded down) until `to` of a link, or of all of them, or of one device: from the first
    /// in which it moved something. An hour in which the link moved something and the device nothing is an hour of
    /// zero; one in which nothing moved at all was not recorded.
    pub fn hours(
        &self,
        from: Timestamp,
        to: Timestamp,
        link: Option<LinkId>,
        device: Option<DeviceId>,
    ) -> Result<HourlyVolumes, StoreError> {
        // One transaction, so that a minute that closes meanwhile is neither missing nor twice there.
        let _snapshot = self.connection.unchecked_transaction()?;
        let to = to.as_unix_nanos().div_ceil(1_000_000_000);
        let from = from.as_unix_secs().max(to.saturating_sub(MOST_HOURS * HOUR));
        let from = from - from % HOUR;
        let device = device.map(|device| self.row_of(device)).transpose()?.map(|row| row.unwrap_or(-1));

        let mut hours = Hours::new();
        let mut closed = |of: Option<i64>| {
            let (table, only) = match of {
                None => ("hour_class", "AND ?4 IS NULL"),
                Some(_) => ("hour_device", "AND device = ?4"),
            };
            let select = format!(
                "SELECT start, sum(download), sum(upload) FROM {table} WHERE start >= ?1 AND start < ?2
                 AND (?3 IS NULL OR link = ?3) {only} GROUP BY start"
            );
            let mut select = self.connection.prepare_cached(&select)?;
            let link = link.map(|link| i64::from(link.0));
            let mut rows = select.query(params![integer(from), integer(to), link, of])?;
            while let Some(row) = rows.next()? {
                let bytes = (of == device).then_some([natural(row.get(1)?), natural(row.get(2)?)]);
                let hour = hours.entry(natural(row.get(0)?)).or_default();
                *hour = bytes.or(*hour);
            }
            Ok::<_, StoreError>(())
        };
        closed(None)?;
        if device.is_some() {
            closed(device)?;
        }
        let mut open_minutes = BTreeSet::new();
        self.each_open_sample(from, to, |second, entry| {
            if link.is_some_and(|link| link.0 != entry.link) {
                return;
            }
            open_minutes.insert(second - second % 60);
            let hour = hours.entry(second - second % HOUR).or_default();
            if device.is_none_or(|device| device == entry.device) {
                let [download, upload] = hour.unwrap_or_default();
                let [more_download, more_upload] = entry.moved.bytes;
                *hour = Some([download.saturating_add(more_download), upload.saturating_add(more_upload)]);
            }
        })?;
        self.volumes_of(hours, &open_minutes)
    }

    fn volumes_of(&self, hours: Hours, open_minutes: &BTreeSet<u64>) -> Result<HourlyVolumes, StoreError> {
        let begin = hours.iter().find(|(_, bytes)| bytes.is_some()).map(|(start, _)| *start);
        let (Some(begin), Some((last, _))) = (begin, hours.last_key_value()) else {
            return Ok(HourlyVolumes::default());
        };
        let mut volumes = Vec::new();
        for start in (begin..=*last).step_by(HOUR as usize) {
            let Some(bytes) = hours.get(&start) else {
                volumes.push(None);
                continue;
            };
            let [download, upload] = bytes.unwrap_or_default();
            // What begins or ends inside an hour is seen at the edges of what was recorded. A restart of minutes
            // inside an hour is not.
            let is_inner = hours.contains_key(&start.wrapping_sub(HOUR)) && hours.contains_key(&(start + HOUR));
            let recorded = if is_inner { HOUR } else { self.recorded_of(start, open_minutes)? };
            volumes.push(Some(HourVolume {
                bytes: Directed { download: ByteCount(download), upload: ByteCount(upload) },
                recorded: Duration::from_secs(recorded),
            }));
        }
        Ok(HourlyVolumes { first: Timestamp::from_unix_secs(begin), hours: volumes })
    }

    /// From the first minute recorded in an hour to the end of the last, seconds; nothing where minutes are no longer
    /// kept.
    fn recorded_of(&self, hour: u64, open_minutes: &BTreeSet<u64>) -> Result<u64, StoreError> {
        let mut select = self
            .connection
            .prepare_cached("SELECT min(start), max(start) FROM minute WHERE start >= ?1 AND start < ?2")?;
        let range = [integer(hour), integer(hour + HOUR)];
        let closed = select.query_row(range, |row| Ok([row.get::<_, Option<i64>>(0)?, row.get(1)?]))?;
        let open = open_minutes.range(hour..hour + HOUR);
        let minutes = closed
            .into_iter()
            .flatten()
            .map(natural)
            .chain([open.clone().next(), open.last()].into_iter().flatten().copied());
        let (first, last) =
            minutes.fold((u64::MAX, 0), |(first, last), minute| (first.min(minute), last.max(minute + 60)));
        Ok(last.saturating_sub(first))
    }
}
