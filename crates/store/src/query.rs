//! Reading the history: columns and lists, through a read-only connection.

mod hours;
mod seconds;
mod spans;

pub use seconds::Second;
pub use spans::Span as MovedInSpan;

use crate::StoreError;
use crate::block::{Moved, decode, decode_batch};
use crate::columns::{
    AlertColumns, actor, alert_kind, because, class, decision_kind, direction, integer, natural, parts, rate, severity,
    subject, time, timestamp,
};
use crate::error::unreadable;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;
use vocab::{
    Actor, Aggregate, Alert, BitRate, ByteCount, Decision, DeviceId, DeviceRecord, Directed, Direction, Endpoint,
    FlowKey, FlowSummary, Horizon, IpProtocol, LinkId, Quantiles, Score, Timestamp, TrafficClass, Verdict,
};

/// How fine samples are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resolution {
    /// One second.
    Second,
    /// One minute.
    Minute,
    /// One hour.
    Hour,
}

impl Resolution {
    /// In seconds.
    pub const fn seconds(self) -> u64 {
        match self {
            Resolution::Second => 1,
            Resolution::Minute => 60,
            Resolution::Hour => 3_600,
        }
    }
}

/// What the series of a history are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// One series: everything together.
    Total,
    /// A series for each class that moved something.
    Classes,
    /// A series for each of the devices that moved most, and one for the rest.
    Devices {
        /// How many devices have a series of their own.
        most: usize,
    },
}

/// Which history is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryQuery {
    /// From this instant on.
    pub from: Timestamp,
    /// Up to this instant.
    pub to: Timestamp,
    /// How fine; `None` for the finest that is kept so far back and is read quickly.
    pub resolution: Option<Resolution>,
    /// The most points of a series, 1 to [`Reader::MAX_POINTS`]; more are joined.
    pub points: usize,
    /// What the series are.
    pub grouping: Grouping,
    /// Only this link.
    pub link: Option<LinkId>,
    /// Only this device.
    pub device: Option<DeviceId>,
    /// Only this class.
    pub class: Option<TrafficClass>,
}

impl HistoryQuery {
    /// Everything between two instants, in one series.
    pub fn total(from: Timestamp, to: Timestamp) -> HistoryQuery {
        let (resolution, link, device, class) = (None, None, None, None);
        HistoryQuery {
            from,
            to,
            resolution,
            points: Reader::MAX_POINTS,
            grouping: Grouping::Total,
            link,
            device,
            class,
        }
    }
}

/// Whose series it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SeriesKey {
    /// All that was asked for.
    Total,
    /// One class.
    Class(TrafficClass),
    /// One device.
    Device(DeviceId),
    /// The devices that have no series of their own.
    Rest,
}

/// Rates over time; `None` where nothing was recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series {
    /// The mean rate of each step, layer 2.
    pub mean: Vec<Option<BitRate>>,
    /// The lowest rate in each step, over one second, minute or hour, as the resolution is.
    pub min: Vec<Option<BitRate>>,
    /// The highest rate in each step.
    pub max: Vec<Option<BitRate>>,
}

/// Columns of history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// When the first step begins: not before `from` was asked for and something was recorded, rounded down.
    pub t0: Timestamp,
    /// How long each step is.
    pub step: Duration,
    /// What the steps were made of.
    pub resolution: Resolution,
    /// How many steps each series has.
    pub points: usize,
    /// The series, both ways.
    pub series: BTreeMap<SeriesKey, Directed<Series>>,
}

/// What one device moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceVolume {
    /// Which.
    pub device: DeviceId,
    /// How much, layer 2.
    pub bytes: Directed<ByteCount>,
}

/// Which flows are asked for; nothing set asks for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowFilter {
    /// Whose.
    pub device: Option<DeviceId>,
    /// What for.
    pub class: Option<TrafficClass>,
    /// Between a local end and this address.
    pub address: Option<IpAddr>,
    /// What the application or the server's name contains, in any case.
    pub text: Option<String>,
    /// Whose last packet came at this instant or later.
    pub since: Option<Timestamp>,
    /// Whose last packet came before this instant.
    pub before: Option<Timestamp>,
}

/// A setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its value.
    pub value: String,
    /// When it was set.
    pub at: Timestamp,
    /// By whom.
    pub by: Actor,
}

/// A change of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingChange {
    /// Which.
    pub key: String,
    /// Before, if it was set.
    pub old: Option<String>,
    /// Since, unless it was removed.
    pub new: Option<String>,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Actor,
}

/// A forecast that was used, as it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredForecast {
    /// Of whom.
    pub aggregate: Aggregate,
    /// Which way.
    pub direction: Direction,
    /// When it was made.
    pub at: Timestamp,
    /// Which model spoke.
    pub model: String,
    /// One for each of [`Horizon::ALL`].
    pub quantiles: [Quantiles; Horizon::COUNT],
}

/// A forecast beside what came, as it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredScore {
    /// Of whom.
    pub aggregate: Aggregate,
    /// Which way.
    pub direction: Direction,
    /// Which model spoke.
    pub model: String,
    /// What was said and what came.
    pub score: Score,
}

/// The greatest ids in the history: a new run counts on from here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LatestIds {
    /// Of a plan.
    pub plan: u64,
    /// Of a decision.
    pub decision: u64,
    /// Of an alert.
    pub alert: u64,
}

/// A read-only connection; cheap to open for one request. It sees what was committed, and never waits for the
/// writer nor makes it wait.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
}

/// The longest time of which seconds are read without being asked for.
const SECONDS_FOR_S: u64 = 2 * 3_600;
/// The longest time of which minutes are read without being asked for.
const MINUTES_FOR_S: u64 = 14 * 86_400;
/// The most steps of the resolution that one question may touch; above it, the next coarser answers.
const MOST_STEPS: u64 = 50_000;

impl Reader {
    /// The most points of a series.
    pub const MAX_POINTS: usize = 1_200;

    /// Opens the history at `path` for reading; it must have been opened by a writer before.
    pub fn open(path: &Path) -> Result<Reader, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_secs(1))?;
        Ok(Reader { connection })
    }

    /// Rates over time.
    pub fn history(&self, query: &HistoryQuery) -> Result<History, StoreError> {
        // One transaction, so that a minute that closes meanwhile is neither missing nor twice there.
        let _snapshot = self.connection.unchecked_transaction()?;
        let span = self.span(query)?;
        let mut sums = Sums::new(&span, self.chosen(query, &span)?);
        self.read_rows(query, &span, &mut sums)?;
        self.read_journal(query, &span, &mut sums)?;
        Ok(sums.history(&span))
    }

    /// Who moved most between two instants (rounded to minutes, beyond two days to hours), the most first.
    pub fn top_devices(&self, from: Timestamp, to: Timestamp, limit: usize) -> Result<Vec<DeviceVolume>, StoreError> {
        let _snapshot = self.connection.unchecked_transaction()?;
        self.volumes(from, to, None, None, limit)
    }

    /// The latest decisions made at `since` or later, at most `limit`, oldest first.
    pub fn decisions(&self, since: Timestamp, limit: usize) -> Result<Vec<Decision>, StoreError> {
        self.latest(
            "SELECT id, at, kind, kind_from, kind_to, subject, direction, rate_from, rate_to, because, parts, by_kind, by_name
             FROM decision WHERE at >= ?1 ORDER BY at DESC, id DESC LIMIT ?2",
            since,
            limit,
            |row| {
                Ok(Decision {
                    id: natural(row.get(0)?),
                    at: timestamp(row.get(1)?),
                    kind: decision_kind(&row.get::<_, String>(2)?, row.get(3)?, row.get(4)?)?,
                    subject: subject(&row.get::<_, String>(5)?)?,
                    direction: row.get::<_, Option<i64>>(6)?.map(direction).transpose()?,
                    from: rate(row.get(7)?),
                    to: rate(row.get(8)?),
                    because: because(&row.get::<_, String>(9)?)?,
                    parts: parts(&row.get::<_, String>(10)?)?,
                    by: actor(&row.get::<_, String>(11)?, row.get(12)?)?,
                })
            },
        )
    }

    /// The latest alerts that began at `since` or later, at most `limit`, oldest first.
    pub fn alerts(&self, since: Timestamp, limit: usize) -> Result<Vec<Alert>, StoreError> {
        self.latest(
            "SELECT id, at, severity, kind, reason, packets, owed, got, subject, count, ended
             FROM alert WHERE at >= ?1 ORDER BY at DESC, id DESC LIMIT ?2",
            since,
            limit,
            |row| {
                let (kind, reason, packets) = (row.get(3)?, row.get(4)?, row.get(5)?);
                let columns = AlertColumns { kind, reason, packets, owed: row.get(6)?, got: row.get(7)? };
                Ok(Alert {
                    id: natural(row.get(0)?),
                    at: timestamp(row.get(1)?),
                    severity: severity(row.get(2)?)?,
                    kind: alert_kind(columns)?,
                    subject: subject(&row.get::<_, String>(8)?)?,
                    count: row.get(9)?,
                    ended: row.get::<_, Option<i64>>(10)?.map(timestamp),
                })
            },
        )
    }

    /// The latest flows that ended, at most `limit`, oldest first.
    pub fn flows(&self, filter: &FlowFilter, limit: usize) -> Result<Vec<FlowSummary>, StoreError> {
        let device = match filter.device {
            None => None,
            Some(device) => match self.row_of(device)? {
                Some(row) => Some(row),
                None => return Ok(Vec::new()),
            },
        };
        let address = filter.address.map(|address| address.to_canonical().to_string());
        let text = filter.text.as_deref().map(|text| format!("%{}%", escape_like(text)));
        let devices = self.device_ids()?;
        let mut select = self.connection.prepare_cached(
            "SELECT protocol, source, source_port, destination, destination_port, device, class, application, server_name,
             confidence, evidence, download, upload, packets_download, packets_upload, first_seen, last_seen, ja4 FROM flow
             WHERE (?1 IS NULL OR device = ?1) AND (?2 IS NULL OR class = ?2)
             AND (?3 IS NULL OR source = ?3 OR destination = ?3)
             AND (?4 IS NULL OR application LIKE ?4 ESCAPE '\\' OR server_name LIKE ?4 ESCAPE '\\')
             AND last_seen >= ?5 AND last_seen < ?6 ORDER BY last_seen DESC, id DESC LIMIT ?7",
        )?;
        let mut rows = select.query(params![
            device,
            filter.class.map(|class| class.index() as i64),
            address,
            text,
            filter.since.map_or(0, time),
            filter.before.map_or(i64::MAX, time),
            integer(limit as u64),
        ])?;
        let mut flows = Vec::new();
        while let Some(row) = rows.next()? {
            flows.push(flow(row, &devices)?);
        }
        flows.reverse();
        Ok(flows)
    }

    /// Everybody who was described, the latest seen first.
    pub fn devices(&self) -> Result<Vec<DeviceRecord>, StoreError> {
        let mut select = self.connection.prepare_cached(
            "SELECT key, name, vendor, addresses, first_seen, last_seen FROM device WHERE last_seen > 0 ORDER BY last_seen DESC, id",
        )?;
        let mut rows = select.query([])?;
        let mut devices = Vec::new();
        while let Some(row) = rows.next()? {
            let text: String = row.get(3)?;
            let addresses: Vec<IpAddr> = serde_json::from_str(&text).map_err(|_| unreadable("addresses", text))?;
            devices.push(DeviceRecord {
                device: device_id(&row.get::<_, String>(0)?)?,
                name: row.get(1)?,
                vendor: row.get(2)?,
                addresses,
                first_seen: timestamp(row.get(4)?),
                last_seen: timestamp(row.get(5)?),
            });
        }
        Ok(devices)
    }

    /// The setting called `key`.
    pub fn setting(&self, key: &str) -> Result<Option<Setting>, StoreError> {
        let row = self
            .connection
            .prepare_cached("SELECT value, at, by_kind, by_name FROM setting WHERE key = ?1")?
            .query_row([key], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?, row.get(3)?)))
            .optional()?;
        row.map(|(value, at, kind, name)| Ok(Setting { value, at: timestamp(at), by: actor(&kind, name)? })).transpose()
    }

    /// The latest changes of settings made at `since` or later, at most `limit`, oldest first.
    pub fn setting_changes(&self, since: Timestamp, limit: usize) -> Result<Vec<SettingChange>, StoreError> {
        self.latest(
            "SELECT key, old, new, at, by_kind, by_name FROM setting_audit WHERE at >= ?1 ORDER BY id DESC LIMIT ?2",
            since,
            limit,
            |row| {
                let by = actor(&row.get::<_, String>(4)?, row.get(5)?)?;
                Ok(SettingChange {
                    key: row.get(0)?,
                    old: row.get(1)?,
                    new: row.get(2)?,
                    at: timestamp(row.get(3)?),
                    by,
                })
            },
        )
    }

    /// The latest forecasts made at `since` or later, at most `limit`, oldest first.
    pub fn forecasts(&self, since: Timestamp, limit: usize) -> Result<Vec<StoredForecast>, StoreError> {
        let devices = self.device_ids()?;
        self.latest(
            "SELECT device, class, direction, at, model, h1_p50, h1_p90, h1_p99, h5_p50, h5_p90, h5_p99, h15_p50, h15_p90, h15_p99,
             h60_p50, h60_p90, h60_p99, w15_p50, w15_p90, w15_p99 FROM forecast WHERE at >= ?1 ORDER BY at DESC, id DESC LIMIT ?2",
            since,
            limit,
            |row| {
                let mut quantiles = [Quantiles::ZERO; Horizon::COUNT];
                for (index, quantile) in quantiles.iter_mut().enumerate() {
                    let at = |offset: usize| row.get(5 + index * 3 + offset).map(rate);
                    *quantile = Quantiles::new(at(0)?, at(1)?, at(2)?);
                }
                Ok(StoredForecast {
                    aggregate: Aggregate { device: known(&devices, row.get(0)?)?, class: class(row.get(1)?)? },
                    direction: direction(row.get(2)?)?,
                    at: timestamp(row.get(3)?),
                    model: row.get(4)?,
                    quantiles,
                })
            },
        )
    }

    /// The latest scores of forecasts made at `since` or later, at most `limit`, oldest first.
    pub fn scores(&self, since: Timestamp, limit: usize) -> Result<Vec<StoredScore>, StoreError> {
        let devices = self.device_ids()?;
        self.latest(
            "SELECT device, class, direction, model, horizon, p50, p90, p99, came, said_at FROM score
             WHERE said_at >= ?1 ORDER BY said_at DESC, id DESC LIMIT ?2",
            since,
            limit,
            |row| {
                let horizon: u8 = row.get(4)?;
                let horizon = *Horizon::ALL.get(usize::from(horizon)).ok_or_else(|| unreadable("horizon", horizon))?;
                let said = Quantiles::new(rate(row.get(5)?), rate(row.get(6)?), rate(row.get(7)?));
                let (came, said_at) = (rate(row.get(8)?), timestamp(row.get(9)?));
                Ok(StoredScore {
                    aggregate: Aggregate { device: known(&devices, row.get(0)?)?, class: class(row.get(1)?)? },
                    direction: direction(row.get(2)?)?,
                    model: row.get(3)?,
                    score: Score { said, came, horizon, said_at },
                })
            },
        )
    }

    /// The greatest ids so far: a new run counts on from here, so that ids stay unique over runs.
    pub fn latest_ids(&self) -> Result<LatestIds, StoreError> {
        let latest = |table: &str| {
            let select = format!("SELECT coalesce(max(id), 0) FROM {table}");
            self.connection.query_row(&select, [], |row| row.get(0)).map(natural)
        };
        Ok(LatestIds { plan: latest("plan")?, decision: latest("decision")?, alert: latest("alert")? })
    }

    /// Rows of a question with `since` and `limit` that gives the newest first, turned round.
    fn latest<T>(
        &self,
        sql: &str,
        since: Timestamp,
        limit: usize,
        mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut select = self.connection.prepare_cached(sql)?;
        let mut rows = select.query(params![time(since), integer(limit as u64)])?;
        let mut values = Vec::new();
        while let Some(row) = rows.next()? {
            values.push(read(row)?);
        }
        values.reverse();
        Ok(values)
    }

    fn row_of(&self, device: DeviceId) -> Result<Option<i64>, StoreError> {
        let select = "SELECT id FROM device WHERE key = ?1";
        Ok(self.connection.prepare_cached(select)?.query_row([device.to_string()], |row| row.get(0)).optional()?)
    }

    fn device_ids(&self) -> Result<HashMap<i64, DeviceId>, StoreError> {
        let mut select = self.connection.prepare_cached("SELECT id, key FROM device")?;
        let mut rows = select.query([])?;
        let mut ids = HashMap::new();
        while let Some(row) = rows.next()? {
            ids.insert(row.get(0)?, device_id(&row.get::<_, String>(1)?)?);
        }
        Ok(ids)
    }

    /// When the oldest row of `table` begins, in seconds.
    fn oldest(&self, table: &str) -> Result<Option<u64>, StoreError> {
        let select = format!("SELECT min(start) FROM {table}");
        Ok(self.connection.query_row(&select, [], |row| row.get::<_, Option<i64>>(0))?.map(natural))
    }

    /// When the last recorded second ends.
    fn recorded_until(&self) -> Result<u64, StoreError> {
        let mut until = 0;
        let mut select = self
            .connection
            .prepare_cached("SELECT start, batch FROM journal WHERE start = (SELECT max(start) FROM journal)")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let start = natural(row.get(0)?);
            for entry in decode_batch(&row.get::<_, Vec<u8>>(1)?)? {
                until = until.max(start + u64::from(entry.second) + 1);
            }
        }
        let minute: Option<i64> = self.connection.query_row("SELECT max(start) FROM minute", [], |row| row.get(0))?;
        Ok(until.max(minute.map_or(0, |start| natural(start) + 60)))
    }

    /// The steps of an answer.
    fn span(&self, query: &HistoryQuery) -> Result<Span, StoreError> {
        let until = self.recorded_until()?;
        let oldest = |table| Ok::<u64, StoreError>(self.oldest(table)?.unwrap_or(u64::MAX));
        let open = oldest("journal")?;
        let tables = [oldest("second_block")?.min(open), oldest("minute")?.min(open), oldest("hour")?.min(open)];
        let first = tables.into_iter().min().unwrap_or(0);
        let to = query.to.as_unix_nanos().div_ceil(1_000_000_000);
        let from = query.from.as_unix_secs().max(first.min(to));
        let length = to.saturating_sub(from);

        // Minutes and hours begin before the seconds they are made of: where nothing was pruned yet, the finest
        // has everything, though it seems to begin later.
        let steps = [Resolution::Second, Resolution::Minute, Resolution::Hour].map(Resolution::seconds);
        let has_all = |index: usize| {
            (index + 1..tables.len()).all(|coarser| tables[index] < tables[coarser].saturating_add(steps[coarser]))
        };
        let reaches = |index: usize| tables[index] <= from.max(first) || has_all(index);
        let mut resolution = query.resolution.unwrap_or(if length <= SECONDS_FOR_S && reaches(0) {
            Resolution::Second
        } else if length <= MINUTES_FOR_S && reaches(1) {
            Resolution::Minute
        } else {
            Resolution::Hour
        });
        for coarser in [Resolution::Minute, Resolution::Hour] {
            if length / resolution.seconds() > MOST_STEPS && coarser > resolution {
                resolution = coarser;
            }
        }
        let base = resolution.seconds();
        let points = query.points.clamp(1, Self::MAX_POINTS) as u64;
        let joined = |start: u64, base_steps: u64| (to - start).div_ceil(base * base_steps);
        let mut per_point = (length / base).div_ceil(points).max(1);
        let mut t0 = from - from % (base * per_point);
        // Rounding the start down may add a step; then each takes a little more.
        while to > t0 && joined(t0, per_point) > points {
            per_point += 1;
            t0 = from - from % (base * per_point);
        }
        let points = if to > t0 && length > 0 { joined(t0, per_point) } else { 0 };
        Ok(Span { t0, resolution, per_point: per_point as usize, points: points as usize, until })
    }

    /// Which series there will be, by device row, where devices are asked for.
    fn chosen(&self, query: &HistoryQuery, span: &Span) -> Result<Choice, StoreError> {
        Ok(match query.grouping {
            Grouping::Total => Choice::Total,
            Grouping::Classes => Choice::Classes,
            Grouping::Devices { most } => {
                let from = Timestamp::from_unix_secs(span.t0);
                let to = Timestamp::from_unix_secs(span.end());
                let top = self.volumes(from, to, query.link, query.class, most)?;
                let mut chosen = HashMap::new();
                for volume in top {
                    if let Some(row) = self.row_of(volume.device)? {
                        chosen.insert(row, volume.device);
                    }
                }
                Choice::Devices(chosen)
            }
        })
    }

    fn volumes(
        &self,
        from: Timestamp,
        to: Timestamp,
        link: Option<LinkId>,
        of: Option<TrafficClass>,
        limit: usize,
    ) -> Result<Vec<DeviceVolume>, StoreError> {
        let (from, to) = (from.as_unix_secs(), to.as_unix_nanos().div_ceil(1_000_000_000));
        let long = to.saturating_sub(from) > 2 * 86_400 || self.oldest("minute")?.is_none_or(|oldest| oldest > from);
        let (table, step) = match (long, of) {
            (false, _) => ("minute", 60),
            (true, None) => ("hour_device", 3_600),
            (true, Some(_)) => ("hour", 3_600),
        };
        let only_class = if of.is_some() { "AND class = ?4" } else { "AND ?4 IS NULL" };
        let select = format!(
            "SELECT device, sum(download), sum(upload) FROM {table}
             WHERE start >= ?1 AND start < ?2 AND (?3 IS NULL OR link = ?3) {only_class} GROUP BY device"
        );
        let of_index = of.map(|class| class.index() as i64);
        let mut volumes: HashMap<i64, [u64; 2]> = HashMap::new();
        let mut select = self.connection.prepare_cached(&select)?;
        let mut rows =
            select.query(params![integer(from - from % step), integer(to), link.map(|link| link.0), of_index])?;
        while let Some(row) = rows.next()? {
            volumes.insert(row.get(0)?, [natural(row.get(1)?), natural(row.get(2)?)]);
        }
        self.each_open_sample(from, to, |_, entry| {
            if link.is_none_or(|link| link.0 == entry.link) && of.is_none_or(|class| class == entry.class) {
                let sum = volumes.entry(entry.device).or_default();
                (0..2).for_each(|way| sum[way] += entry.moved.bytes[way]);
            }
        })?;
        let ids = self.device_ids()?;
        let mut top = Vec::with_capacity(volumes.len());
        for (row, [download, upload]) in volumes {
            let bytes = Directed { download: ByteCount(download), upload: ByteCount(upload) };
            top.push(DeviceVolume { device: known(&ids, row)?, bytes });
        }
        top.sort_by_key(|volume| (std::cmp::Reverse(volume.bytes.download + volume.bytes.upload), volume.device));
        top.truncate(limit);
        Ok(top)
    }

    fn each_open_sample(
        &self,
        from: u64,
        to: u64,
        mut each: impl FnMut(u64, &crate::block::Entry),
    ) -> Result<(), StoreError> {
        let mut select =
            self.connection.prepare_cached("SELECT start, batch FROM journal WHERE start > ?1 AND start < ?2")?;
        let mut rows = select.query(params![integer(from) - 60, integer(to)])?;
        while let Some(row) = rows.next()? {
            let start = natural(row.get(0)?);
            for entry in decode_batch(&row.get::<_, Vec<u8>>(1)?)? {
                let second = start + u64::from(entry.second);
                if second >= from && second < to {
                    each(second, &entry);
                }
            }
        }
        Ok(())
    }

    /// Adds closed minutes.
    fn read_rows(&self, query: &HistoryQuery, span: &Span, sums: &mut Sums) -> Result<(), StoreError> {
        let device = query.device.map(|device| self.row_of(device)).transpose()?;
        // A device that nobody knows moved nothing, but whether something was recorded is still said.
        let device = device.map(|row| row.unwrap_or(-1));
        let link = query.link.map(|link| i64::from(link.0));
        let only_class = query.class;
        let range = [integer(span.t0), integer(span.end())];
        match span.resolution {
            Resolution::Second => {
                let mut select = self.connection.prepare_cached(
                    "SELECT start, link, device, block FROM second_block WHERE start > ?1 - 60 AND start < ?2",
                )?;
                let mut rows = select.query(params![range[0], range[1]])?;
                while let Some(row) = rows.next()? {
                    let (start, of_link, of): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
                    sums.cover(span, natural(start), 60);
                    if device.is_some_and(|device| device != of) || link.is_some_and(|link| link != of_link) {
                        continue;
                    }
                    for (class, seconds) in decode(row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?)? {
                        if only_class.is_none_or(|only| only == class) {
                            for (second, moved) in seconds {
                                sums.add(span, natural(start) + u64::from(second), of, class, moved);
                            }
                        }
                    }
                }
            }
            Resolution::Minute | Resolution::Hour => {
                let table = if span.resolution == Resolution::Minute { "minute" } else { "hour" };
                let plain = device.is_none() && only_class.is_none() && table == "hour";
                let select = match sums.choice {
                    Choice::Total | Choice::Classes if plain => {
                        "SELECT start, link, 0, class, download, upload FROM hour_class WHERE start >= ?1 AND start < ?2".to_owned()
                    }
                    Choice::Devices(_) if plain => {
                        "SELECT start, link, device, 0, download, upload FROM hour_device WHERE start >= ?1 AND start < ?2".to_owned()
                    }
                    _ => format!(
                        "SELECT start, link, device, class, download, upload FROM {table} WHERE start >= ?1 AND start < ?2"
                    ),
                };
                let mut select = self.connection.prepare_cached(&select)?;
                let mut rows = select.query(params![range[0], range[1]])?;
                while let Some(row) = rows.next()? {
                    let (start, of_link, of): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
                    sums.cover(span, natural(start), span.resolution.seconds());
                    let class = class(row.get(3)?)?;
                    let wanted = device.is_none_or(|device| device == of)
                        && link.is_none_or(|link| link == of_link)
                        && only_class.is_none_or(|only| only == class);
                    if wanted {
                        let bytes = [natural(row.get(4)?), natural(row.get(5)?)];
                        sums.add(span, natural(start), of, class, Moved { bytes, ..Moved::default() });
                    }
                }
            }
        }
        Ok(())
    }

    /// Adds minutes that are open.
    fn read_journal(&self, query: &HistoryQuery, span: &Span, sums: &mut Sums) -> Result<(), StoreError> {
        let device = query.device.map(|device| self.row_of(device)).transpose()?.map(|row| row.unwrap_or(-1));
        self.each_open_sample(span.t0, span.end(), |second, entry| {
            sums.cover(span, second - second % 60, 60);
            let wanted = device.is_none_or(|device| device == entry.device)
                && query.link.is_none_or(|link| link.0 == entry.link)
                && query.class.is_none_or(|class| class == entry.class);
            if wanted {
                sums.add(span, second, entry.device, entry.class, entry.moved);
            }
        })
    }
}

/// The steps of an answer.
struct Span {
    /// When the first begins, seconds.
    t0: u64,
    resolution: Resolution,
    /// How many steps of the resolution make one point.
    per_point: usize,
    points: usize,
    /// When the last recorded second ends.
    until: u64,
}

impl Span {
    fn steps(&self) -> usize {
        self.points * self.per_point
    }

    fn end(&self) -> u64 {
        self.t0 + self.steps() as u64 * self.resolution.seconds()
    }

    /// In which step of the resolution a second lies.
    fn step_of(&self, second: u64) -> Option<usize> {
        let step = usize::try_from(second.checked_sub(self.t0)? / self.resolution.seconds()).ok()?;
        (step < self.steps()).then_some(step)
    }
}

enum Choice {
    Total,
    Classes,
    Devices(HashMap<i64, DeviceId>),
}

/// Bytes by series and step.
struct Sums {
    choice: Choice,
    /// How many seconds of each step were recorded.
    covered: Vec<u64>,
    moved: BTreeMap<SeriesKey, Vec<[u64; 2]>>,
}

impl Sums {
    fn new(span: &Span, choice: Choice) -> Sums {
        let mut moved = BTreeMap::new();
        if matches!(choice, Choice::Total) {
            moved.insert(SeriesKey::Total, vec![[0; 2]; span.steps()]);
        }
        Sums { choice, covered: vec![0; span.steps()], moved }
    }

    /// Something was recorded in the `seconds` from `start` on: what is not said of them is zero.
    fn cover(&mut self, span: &Span, start: u64, seconds: u64) {
        let base = span.resolution.seconds();
        let first = start.max(span.t0);
        let end = (start + seconds).min(span.until).min(span.end());
        if base >= seconds {
            // A minute inside an hour that is not over: the hour is covered up to now.
            if let Some(step) = span.step_of(first) {
                let begin = span.t0 + step as u64 * base;
                self.covered[step] = self.covered[step].max((begin + base).min(span.until).saturating_sub(begin));
            }
            return;
        }
        for second in (first..end).step_by(base as usize) {
            if let Some(step) = span.step_of(second) {
                self.covered[step] = base;
            }
        }
    }

    fn add(&mut self, span: &Span, second: u64, device: i64, class: TrafficClass, moved: Moved) {
        let Some(step) = span.step_of(second) else { return };
        let key = match &self.choice {
            Choice::Total => SeriesKey::Total,
            Choice::Classes => SeriesKey::Class(class),
            Choice::Devices(chosen) => chosen.get(&device).map_or(SeriesKey::Rest, |device| SeriesKey::Device(*device)),
        };
        let sums = self.moved.entry(key).or_insert_with(|| vec![[0; 2]; span.steps()]);
        let [download, upload] = &mut sums[step];
        *download = download.saturating_add(moved.bytes[0]);
        *upload = upload.saturating_add(moved.bytes[1]);
    }

    fn history(self, span: &Span) -> History {
        let series = self
            .moved
            .iter()
            .map(|(key, moved)| {
                let column = |way: usize| {
                    let mut series = Series::default();
                    for (moved, covered) in moved.chunks(span.per_point).zip(self.covered.chunks(span.per_point)) {
                        let rates = || {
                            let recorded = moved.iter().zip(covered).filter(|(_, seconds)| **seconds > 0);
                            recorded.map(|(bytes, seconds)| ByteCount(bytes[way]).per(Duration::from_secs(*seconds)))
                        };
                        let bytes = ByteCount(moved.iter().map(|bytes| bytes[way]).sum());
                        let seconds = covered.iter().sum();
                        series.mean.push((seconds > 0).then(|| bytes.per(Duration::from_secs(seconds))));
                        series.min.push(rates().min());
                        series.max.push(rates().max());
                    }
                    series
                };
                (*key, Directed { download: column(0), upload: column(1) })
            })
            .collect();
        History {
            t0: Timestamp::from_unix_secs(span.t0),
            step: Duration::from_secs(span.resolution.seconds() * span.per_point as u64),
            resolution: span.resolution,
            points: span.points,
            series,
        }
    }
}

fn device_id(key: &str) -> Result<DeviceId, StoreError> {
    key.parse().map_err(|_| unreadable("device", key))
}

fn known(devices: &HashMap<i64, DeviceId>, row: i64) -> Result<DeviceId, StoreError> {
    devices.get(&row).copied().ok_or_else(|| unreadable("device row", row))
}

fn escape_like(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

fn flow(row: &Row<'_>, devices: &HashMap<i64, DeviceId>) -> Result<FlowSummary, StoreError> {
    let endpoint = |address: usize, port: usize| {
        let text: String = row.get(address)?;
        let ip: IpAddr = text.parse().map_err(|_| unreadable("address", &text))?;
        Ok::<_, StoreError>(Endpoint { address: ip.into(), port: row.get(port)? })
    };
    let (key, initiator) = FlowKey::new(IpProtocol(row.get(0)?), endpoint(1, 2)?, endpoint(3, 4)?);
    Ok(FlowSummary {
        key,
        initiator,
        device: row.get::<_, Option<i64>>(5)?.map(|row| known(devices, row)).transpose()?,
        verdict: Verdict {
            class: class(row.get(6)?)?,
            application: row.get(7)?,
            server_name: row.get(8)?,
            confidence: row.get::<_, f64>(9)? as f32,
            evidence: row.get(10)?,
            ja4: row.get(17)?,
            given_after: vocab::GivenAfter::default(),
        },
        bytes: Directed { download: ByteCount(natural(row.get(11)?)), upload: ByteCount(natural(row.get(12)?)) },
        packets: Directed { download: natural(row.get(13)?), upload: natural(row.get(14)?) },
        first_seen: timestamp(row.get(15)?),
        last_seen: timestamp(row.get(16)?),
    })
}
