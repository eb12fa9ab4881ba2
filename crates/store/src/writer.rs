//! The one writer: takes messages, keeps them, closes minutes, deletes what is old.
//!
//! One connection, because two writers on one file would wait for each other. How safe a commit is, is set per
//! transaction: decisions, alerts, devices and settings wait for the disk (`synchronous=FULL`); samples, flows and
//! forecasts do not (`NORMAL`: a crash of EqualNet loses nothing, a power cut the last moments; in WAL mode neither
//! can damage the file). The pragma is a flag in memory and costs nothing to change.
//!
//! Samples go to a journal as they come, so that what was taken survives a crash. When a minute is over it becomes
//! blocks and sums and leaves the journal, in one transaction.

use crate::block::{Entry, Minute, Moved, decode, decode_batch, encode, encode_batch, way_bit};
use crate::channel::{Message, StoreCounts, StoreReceiver};
use crate::columns::{
    actor_words, alert_columns, because_json, decision_words, direction_index, integer, parts_json, quantile_rates,
    severity_index, subject_word, time,
};
use crate::flow_log::FlowLog;
use crate::retention::retain;
use crate::{Store, StoreError, StoreSettings};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::{BTreeMap, HashMap, VecDeque};
use vocab::{
    Alert, Decision, DeviceId, DeviceRecord, Direction, FlowSummary, ForecastRecord, Horizon, LinkId, Maturity, Record,
    Sample, ScoreRecord, Timestamp, TrafficClass,
};

/// The most messages of one transaction: what waits for more is more at risk.
const MOST_MESSAGES: usize = 256;
/// The most messages that wait for the disk while it is full; then the oldest is lost, and counted.
const MOST_WAITING: usize = 4_096;
/// How long after its end a minute stays open for late samples, in seconds.
const GRACE_S: i64 = 5;
const MINUTE_S: i64 = 60;
const HOUR_S: i64 = 3_600;

/// Something about the recording that the control loop should hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreEvent {
    /// The history is no longer written. Said once, until it is resumed.
    Stopped {
        /// Why.
        reason: String,
    },
    /// The history is written again.
    Resumed,
}

/// The minutes that are open: by start, by link and row of the device.
type OpenMinutes = BTreeMap<i64, BTreeMap<(u16, i64), Minute>>;

/// The owner of the history.
#[derive(Debug)]
pub struct Writer {
    pub(crate) connection: Connection,
    settings: StoreSettings,
    flow_log: Option<FlowLog>,
    /// Rows of devices that are certainly in the database.
    devices: HashMap<DeviceId, i64>,
    open: OpenMinutes,
    /// When the newest sample began, in seconds.
    newest_s: i64,
    waiting: VecDeque<Message>,
    is_stopped: bool,
}

impl Writer {
    pub(crate) fn new(store: Store) -> Result<Writer, StoreError> {
        let Store { settings, connection } = store;
        connection.set_prepared_statement_cache_capacity(64);
        let open = replay(&connection)?;
        let flow_log = settings.flow_log.clone().map(FlowLog::open).transpose()?;
        let newest_s = open.keys().next_back().copied().unwrap_or(0);
        let (devices, waiting) = Default::default();
        Ok(Writer { connection, settings, flow_log, devices, open, newest_s, waiting, is_stopped: false })
    }

    /// Writes what comes until all senders are gone; blocks its thread. `on_event` is called from this thread and
    /// must not wait.
    pub fn run(mut self, receiver: StoreReceiver, mut on_event: impl FnMut(StoreEvent)) {
        while let Some(first) = receiver.wait() {
            let mut messages = vec![first];
            while messages.len() < MOST_MESSAGES
                && let Some(next) = receiver.next()
            {
                messages.push(next);
            }
            self.take(messages, &receiver.counts, &mut on_event);
        }
        self.take(Vec::new(), &receiver.counts, &mut on_event);
        // What the next start need not read again. Best effort: the log is as good as the file.
        if let Err(error) = checkpoint(&self.connection, "TRUNCATE") {
            tracing::debug!(%error, "the write-ahead log stays");
        }
    }

    /// Writes one message; when this returns, it is in the database (and on the disk, unless it is bulk).
    pub fn write(&mut self, message: Message) -> Result<(), StoreError> {
        if message.is_bulk() {
            self.write_bulk(&[message])?;
            self.close_minutes()
        } else {
            self.write_kept(std::slice::from_ref(&message))
        }
    }

    /// Writes a group, says what went wrong, and keeps what must not be lost for the next time.
    fn take(&mut self, messages: Vec<Message>, counts: &StoreCounts, on_event: &mut impl FnMut(StoreEvent)) {
        let (bulk, kept): (Vec<Message>, Vec<Message>) = messages.into_iter().partition(Message::is_bulk);
        self.waiting.extend(kept);
        if self.is_stopped {
            // What is in the log may fit into the file, and leave the log to be written from its start.
            let _ = checkpoint(&self.connection, "RESTART");
        }
        let mut result = self.write_waiting(counts);
        if !bulk.is_empty() {
            let written = self.write_bulk(&bulk);
            let number = bulk.len() as u64;
            if written.is_ok() {
                counts.add_written(number)
            } else {
                counts.add_lost(number)
            }
            result = result.and(written).and_then(|()| self.close_minutes());
        }
        match result {
            Ok(()) if self.is_stopped => {
                self.is_stopped = false;
                tracing::info!("the history is written again");
                on_event(StoreEvent::Resumed);
            }
            Ok(()) => {}
            Err(error) if !self.is_stopped => {
                self.is_stopped = true;
                tracing::warn!(%error, "the history is no longer written");
                on_event(StoreEvent::Stopped { reason: error.to_string() });
            }
            Err(_) => {}
        }
    }

    /// Writes what must not be lost. What fails for want of room waits, except settings, whose sender hears it.
    fn write_waiting(&mut self, counts: &StoreCounts) -> Result<(), StoreError> {
        let messages: Vec<Message> = std::mem::take(&mut self.waiting).into();
        if messages.is_empty() {
            return Ok(());
        }
        if self.write_kept(&messages).is_ok() {
            counts.add_written(messages.len() as u64);
            for message in messages {
                answer(message, Ok(()));
            }
            return Ok(());
        }
        // One of them spoiled it for all, or the disk is full: one by one.
        let mut result = Ok(());
        for message in messages {
            match self.write_kept(std::slice::from_ref(&message)) {
                Ok(()) => {
                    counts.add_written(1);
                    answer(message, Ok(()));
                }
                Err(error) => {
                    let full = matches!(error, StoreError::Full { .. });
                    let detail = error.to_string();
                    match message {
                        Message::Record(_) if full => self.waiting.push_back(message),
                        Message::Record(_) => counts.add_lost(1),
                        Message::Setting { .. } => answer(message, Err(StoreError::Full { detail: detail.clone() })),
                    }
                    if result.is_ok() {
                        result = Err(error);
                    }
                }
            }
        }
        while self.waiting.len() > MOST_WAITING {
            self.waiting.pop_front();
            counts.add_lost(1);
        }
        result
    }

    /// One transaction that is on the disk when this returns.
    fn write_kept(&mut self, messages: &[Message]) -> Result<(), StoreError> {
        self.transact("FULL", |connection, _| {
            for message in messages {
                match message {
                    Message::Record(record) => match record {
                        Record::PlanApplied { plan, at, changes } => {
                            connection
                                .prepare_cached("INSERT OR REPLACE INTO plan (at, id, changes) VALUES (?1, ?2, ?3)")?
                                .execute(params![time(*at), integer(plan.0), changes])?;
                        }
                        Record::Decision(decision) => insert_decision(connection, decision)?,
                        Record::Alert(alert) => upsert_alert(connection, alert)?,
                        Record::Device(device) => upsert_device(connection, device)?,
                        Record::Samples(_)
                        | Record::HeldBack(_)
                        | Record::Flow(_)
                        | Record::Forecasts(_)
                        | Record::Scores(_) => {
                            unreachable!("bulk is written elsewhere")
                        }
                    },
                    Message::Setting { key, value, by, at, done: _ } => {
                        let (by_kind, by_name) = actor_words(by);
                        let old: Option<String> = connection
                            .prepare_cached("SELECT value FROM setting WHERE key = ?1")?
                            .query_row([key], |row| row.get(0))
                            .optional()?;
                        connection
                            .prepare_cached(
                                "INSERT INTO setting_audit (at, key, old, new, by_kind, by_name) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                            )?
                            .execute(params![time(*at), key, old, value, by_kind, by_name])?;
                        match value {
                            Some(value) => connection
                                .prepare_cached(
                                    "INSERT OR REPLACE INTO setting (key, value, at, by_kind, by_name) VALUES (?1, ?2, ?3, ?4, ?5)",
                                )?
                                .execute(params![key, value, time(*at), by_kind, by_name])?,
                            None => connection.prepare_cached("DELETE FROM setting WHERE key = ?1")?.execute([key])?,
                        };
                    }
                }
            }
            Ok(())
        })
    }

    /// One transaction that survives a crash of ours.
    fn write_bulk(&mut self, messages: &[Message]) -> Result<(), StoreError> {
        let mut batches: BTreeMap<i64, Vec<Entry>> = BTreeMap::new();
        let mut flows = Vec::new();
        self.transact("NORMAL", |connection, devices| {
            for message in messages {
                let Message::Record(record) = message else { continue };
                match record {
                    Record::Samples(samples) => {
                        for sample in samples {
                            let device = device_row(connection, devices, sample.aggregate.device)?;
                            let (link, class) = (sample.link, sample.aggregate.class);
                            let (start, entry) = entry(link, class, sample.start, device, moved(sample));
                            batches.entry(start).or_default().push(entry);
                        }
                    }
                    Record::HeldBack(held_back) => {
                        for one in held_back {
                            let device = device_row(connection, devices, one.aggregate.device)?;
                            let moved = Moved { held_back: way_bit(one.direction), ..Moved::default() };
                            let (start, entry) = entry(one.link, one.aggregate.class, one.start, device, moved);
                            batches.entry(start).or_default().push(entry);
                        }
                    }
                    Record::Flow(flow) => {
                        let device = flow.device.map(|device| device_row(connection, devices, device)).transpose()?;
                        insert_flow(connection, flow, device)?;
                        flows.push(flow);
                    }
                    Record::Forecasts(forecasts) => {
                        for forecast in forecasts {
                            let device = device_row(connection, devices, forecast.aggregate.device)?;
                            insert_forecast(connection, forecast, device)?;
                        }
                    }
                    Record::Scores(scores) => {
                        for score in scores {
                            let device = device_row(connection, devices, score.aggregate.device)?;
                            insert_score(connection, score, device)?;
                        }
                    }
                    Record::PlanApplied { .. } | Record::Decision(_) | Record::Alert(_) | Record::Device(_) => {
                        unreachable!("what must not be lost is written elsewhere")
                    }
                }
            }
            for (start, entries) in &batches {
                connection
                    .prepare_cached("INSERT INTO journal (start, batch) VALUES (?1, ?2)")?
                    .execute(params![start, encode_batch(entries)])?;
            }
            Ok(())
        })?;
        for (start, entries) in batches {
            for entry in entries {
                self.newest_s = self.newest_s.max(start + i64::from(entry.second));
                add(&mut self.open, start, entry);
            }
        }
        match &self.flow_log {
            Some(log) if !flows.is_empty() => log.append(&flows),
            _ => Ok(()),
        }
    }

    /// Makes blocks and sums of the minutes that are over; then deletes what is old.
    fn close_minutes(&mut self) -> Result<(), StoreError> {
        let over = self.newest_s - MINUTE_S - GRACE_S;
        let mut closed = 0;
        while let Some((&start, _)) = self.open.first_key_value()
            && start <= over
        {
            let minute = self.open.remove(&start).unwrap_or_default();
            let written = self.transact("NORMAL", |connection, _| write_minute(connection, start, &minute));
            if let Err(error) = written {
                // It stays open, and in the journal, for the next time.
                self.open.insert(start, minute);
                return Err(error);
            }
            closed += 1;
        }
        if closed > 0 {
            retain(&mut self.connection, &self.settings, self.newest_s)?;
            // By hand and restarting: the automatic one gives way to every reader, and long ones starve it.
            checkpoint(&self.connection, "RESTART")?;
        }
        Ok(())
    }

    /// Runs `work` in a transaction, all or nothing.
    fn transact(
        &mut self,
        synchronous: &str,
        work: impl FnOnce(&Connection, &mut HashMap<DeviceId, i64>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.connection.pragma_update(None, "synchronous", synchronous)?;
        let transaction = self.connection.transaction()?;
        let result =
            work(&transaction, &mut self.devices).and_then(|()| transaction.commit().map_err(StoreError::from));
        if result.is_err() {
            // Rows that were made in the transaction are gone with it.
            self.devices.clear();
        }
        result
    }
}

fn answer(message: Message, result: Result<(), StoreError>) {
    if let Message::Setting { done: Some(done), .. } = message {
        // Whoever asked may have stopped waiting.
        let _ = done.try_send(result);
    }
}

fn checkpoint(connection: &Connection, mode: &str) -> Result<(), StoreError> {
    // The row says whether a reader was in the way; then the next minute tries again.
    connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()))?;
    Ok(())
}

/// The minutes that were open when the last writer ended.
fn replay(connection: &Connection) -> Result<OpenMinutes, StoreError> {
    let mut open = OpenMinutes::new();
    let mut select = connection.prepare("SELECT id, start, batch FROM journal ORDER BY id")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (id, start, batch): (i64, i64, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        match decode_batch(&batch) {
            Ok(entries) => entries.into_iter().for_each(|entry| add(&mut open, start, entry)),
            Err(error) => tracing::warn!(id, %error, "a second of samples is lost"),
        }
    }
    Ok(open)
}

fn add(open: &mut OpenMinutes, start: i64, entry: Entry) {
    let minute = open.entry(start).or_default().entry((entry.link, entry.device)).or_default();
    minute.entry(entry.class).or_default().entry(entry.second).or_default().add(entry.moved);
}

fn moved(sample: &Sample) -> Moved {
    Moved {
        bytes: [sample.bytes.download.0, sample.bytes.upload.0],
        packets: [sample.packets.download, sample.packets.upload],
        flows: u64::from(sample.flows),
        held_back: 0,
    }
}

/// The minute that what moved from `at` on belongs to (seconds), and its entry there.
fn entry(link: LinkId, class: TrafficClass, at: Timestamp, device: i64, moved: Moved) -> (i64, Entry) {
    let second = integer(at.as_unix_secs());
    let entry = Entry { link: link.0, device, class, second: (second % MINUTE_S) as u8, moved };
    (second - second % MINUTE_S, entry)
}

fn write_minute(connection: &Connection, start: i64, devices: &BTreeMap<(u16, i64), Minute>) -> Result<(), StoreError> {
    let hour = start - start % HOUR_S;
    let mut classes: BTreeMap<(u16, TrafficClass), Moved> = BTreeMap::new();
    for ((link, device), minute) in devices {
        let mut all = Moved::default();
        for (class, seconds) in minute {
            let mut sum = Moved::default();
            seconds.values().for_each(|moved| sum.add(*moved));
            for (table, start) in [("minute", start), ("hour", hour)] {
                let insert = format!(
                    "INSERT INTO {table} (start, link, device, class, download, upload, packets_download, packets_upload, flows)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO UPDATE SET download = download + excluded.download,
                     upload = upload + excluded.upload, packets_download = packets_download + excluded.packets_download,
                     packets_upload = packets_upload + excluded.packets_upload, flows = max(flows, excluded.flows)"
                );
                connection.prepare_cached(&insert)?.execute(params![
                    start,
                    link,
                    device,
                    class.index() as i64,
                    integer(sum.bytes[0]),
                    integer(sum.bytes[1]),
                    integer(sum.packets[0]),
                    integer(sum.packets[1]),
                    integer(sum.flows),
                ])?;
            }
            classes.entry((*link, *class)).or_default().add(sum);
            all.add(sum);
        }
        insert_sum(connection, "hour_device", "device", [hour, i64::from(*link), *device], all)?;
        write_block(connection, start, *link, *device, minute)?;
    }
    for ((link, class), sum) in classes {
        insert_sum(connection, "hour_class", "class", [hour, i64::from(link), class.index() as i64], sum)?;
    }
    connection.prepare_cached("DELETE FROM journal WHERE start = ?1")?.execute([start])?;
    Ok(())
}

fn insert_sum(connection: &Connection, table: &str, of: &str, key: [i64; 3], sum: Moved) -> Result<(), StoreError> {
    let insert = format!(
        "INSERT INTO {table} (start, link, {of}, download, upload) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET download = download + excluded.download, upload = upload + excluded.upload"
    );
    let [start, link, of] = key;
    connection.prepare_cached(&insert)?.execute(params![
        start,
        link,
        of,
        integer(sum.bytes[0]),
        integer(sum.bytes[1])
    ])?;
    Ok(())
}

fn write_block(connection: &Connection, start: i64, link: u16, device: i64, minute: &Minute) -> Result<(), StoreError> {
    let former: Option<Vec<u8>> = connection
        .prepare_cached("SELECT block FROM second_block WHERE start = ?1 AND link = ?2 AND device = ?3")?
        .query_row(params![start, link, device], |row| row.get(0))
        .optional()?;
    let block = match former {
        None => encode(minute),
        // Late samples opened the minute again.
        Some(former) => {
            let mut merged = decode(&former)?;
            for (class, seconds) in minute {
                for (second, moved) in seconds {
                    merged.entry(*class).or_default().entry(*second).or_default().add(*moved);
                }
            }
            encode(&merged)
        }
    };
    connection
        .prepare_cached("INSERT OR REPLACE INTO second_block (start, link, device, block) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![start, link, device, block])?;
    Ok(())
}

fn device_row(connection: &Connection, rows: &mut HashMap<DeviceId, i64>, device: DeviceId) -> Result<i64, StoreError> {
    if let Some(row) = rows.get(&device) {
        return Ok(*row);
    }
    let key = device.to_string();
    connection.prepare_cached("INSERT INTO device (key) VALUES (?1) ON CONFLICT DO NOTHING")?.execute([&key])?;
    let row = connection.prepare_cached("SELECT id FROM device WHERE key = ?1")?.query_row([&key], |row| row.get(0))?;
    rows.insert(device, row);
    Ok(row)
}

fn upsert_device(connection: &Connection, device: &DeviceRecord) -> Result<(), StoreError> {
    let addresses =
        serde_json::Value::from_iter(device.addresses.iter().map(|address| address.to_string())).to_string();
    connection
        .prepare_cached(
            "INSERT INTO device (key, name, vendor, addresses, first_seen, last_seen) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (key) DO UPDATE SET name = excluded.name, vendor = excluded.vendor, addresses = excluded.addresses,
             first_seen = iif(first_seen = 0, excluded.first_seen, min(first_seen, excluded.first_seen)),
             last_seen = max(last_seen, excluded.last_seen)",
        )?
        .execute(params![
            device.device.to_string(),
            device.name,
            device.vendor,
            addresses,
            time(device.first_seen),
            time(device.last_seen),
        ])?;
    Ok(())
}

fn insert_flow(connection: &Connection, flow: &FlowSummary, device: Option<i64>) -> Result<(), StoreError> {
    let source = flow.key.end(flow.initiator);
    let destination = flow.key.end(flow.initiator.opposite());
    connection
        .prepare_cached(
            "INSERT INTO flow (last_seen, first_seen, protocol, source, source_port, destination, destination_port, device,
             class, application, server_name, confidence, evidence, download, upload, packets_download, packets_upload, ja4)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
        )?
        .execute(params![
            time(flow.last_seen),
            time(flow.first_seen),
            flow.key.protocol().0,
            source.address.to_string(),
            source.port,
            destination.address.to_string(),
            destination.port,
            device,
            flow.verdict.class.index() as i64,
            flow.verdict.application,
            flow.verdict.server_name,
            // SQLite keeps NaN as NULL.
            if flow.verdict.confidence.is_nan() { 0.0 } else { f64::from(flow.verdict.confidence) },
            flow.verdict.evidence,
            integer(flow.bytes.download.0),
            integer(flow.bytes.upload.0),
            integer(flow.packets.download),
            integer(flow.packets.upload),
            flow.verdict.ja4,
        ])?;
    Ok(())
}

fn insert_forecast(connection: &Connection, record: &ForecastRecord, device: i64) -> Result<(), StoreError> {
    let forecast = &record.forecast;
    let mature = match forecast.maturity {
        Maturity::Learning => 0,
        Maturity::Mature => 1,
    };
    let mut insert = connection.prepare_cached(
        "INSERT INTO forecast (at, device, class, direction, model, mature, h1_p50, h1_p90, h1_p99, h5_p50, h5_p90, h5_p99,
         h15_p50, h15_p90, h15_p99, h60_p50, h60_p90, h60_p99, w15_p50, w15_p90, w15_p99)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)",
    )?;
    insert.raw_bind_parameter(1, time(forecast.at))?;
    insert.raw_bind_parameter(2, device)?;
    insert.raw_bind_parameter(3, record.aggregate.class.index() as i64)?;
    insert.raw_bind_parameter(4, direction_index(record.direction))?;
    insert.raw_bind_parameter(5, forecast.model)?;
    insert.raw_bind_parameter(6, mature)?;
    let rates = Horizon::ALL.into_iter().flat_map(|horizon| quantile_rates(forecast.at(horizon)));
    for (index, rate) in rates.enumerate() {
        insert.raw_bind_parameter(7 + index, integer(rate.as_bps()))?;
    }
    insert.raw_execute()?;
    Ok(())
}

fn insert_score(connection: &Connection, record: &ScoreRecord, device: i64) -> Result<(), StoreError> {
    let [p50, p90, p99] = quantile_rates(record.score.said).map(|rate| integer(rate.as_bps()));
    connection
        .prepare_cached(
            "INSERT INTO score (said_at, device, class, direction, model, horizon, p50, p90, p99, came)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            time(record.score.said_at),
            device,
            record.aggregate.class.index() as i64,
            direction_index(record.direction),
            record.model,
            record.score.horizon.index() as i64,
            p50,
            p90,
            p99,
            integer(record.score.came.as_bps()),
        ])?;
    Ok(())
}

fn insert_decision(connection: &Connection, decision: &Decision) -> Result<(), StoreError> {
    let (kind, kind_from, kind_to) = decision_words(decision.kind);
    let (by_kind, by_name) = actor_words(&decision.by);
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO decision (at, id, kind, kind_from, kind_to, subject, direction, rate_from, rate_to,
             because, parts, by_kind, by_name) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            time(decision.at),
            integer(decision.id),
            kind,
            kind_from,
            kind_to,
            subject_word(decision.subject),
            decision.direction.map(|direction: Direction| direction_index(direction)),
            integer(decision.from.as_bps()),
            integer(decision.to.as_bps()),
            because_json(&decision.because),
            parts_json(&decision.parts),
            by_kind,
            by_name,
        ])?;
    Ok(())
}

fn upsert_alert(connection: &Connection, alert: &Alert) -> Result<(), StoreError> {
    let columns = alert_columns(&alert.kind);
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO alert (at, id, severity, kind, reason, packets, owed, got, subject, count, ended)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            time(alert.at),
            integer(alert.id),
            severity_index(alert.severity),
            columns.kind,
            columns.reason,
            columns.packets,
            columns.owed,
            columns.got,
            subject_word(alert.subject),
            alert.count,
            alert.ended.map(time),
        ])?;
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::channel;
    use std::net::IpAddr;
    use vocab::{
        Actor, Address, Aggregate, BitRate, ByteCount, DecisionKind, Directed, Endpoint, FlowKey, IpProtocol, LinkId,
        MacAddress, Subject, Timestamp, Verdict,
    };

    pub(crate) fn device(last: u8) -> DeviceId {
        DeviceId::Mac(MacAddress([0xa4, 0x5e, 0x60, 0, 0, last]))
    }

    pub(crate) fn flow(last: u8) -> FlowSummary {
        let end = |ip: &str, port| Endpoint { address: Address::from(ip.parse::<IpAddr>().unwrap()), port };
        let source = end("192.168.1.20", 50_000 + u16::from(last));
        let (key, initiator) = FlowKey::new(IpProtocol::TCP, source, end("9.9.9.9", 443));
        FlowSummary {
            key,
            initiator,
            device: Some(device(last)),
            verdict: Verdict {
                class: TrafficClass::Web,
                application: "TLS".into(),
                server_name: "a,b.example".into(),
                confidence: 0.9,
                evidence: "name \"x\"".into(),
                ja4: String::new(),
                given_after: vocab::GivenAfter::default(),
            },
            bytes: Directed { download: ByteCount(1_500), upload: ByteCount(40) },
            packets: Directed { download: 2, upload: 1 },
            first_seen: Timestamp::from_unix_secs(100),
            last_seen: Timestamp::from_unix_millis(101_500),
        }
    }

    fn samples(second: u64, bytes: u64) -> Record {
        Record::Samples(vec![Sample {
            link: LinkId(0),
            aggregate: Aggregate { device: device(1), class: TrafficClass::Web },
            start: Timestamp::from_unix_secs(second),
            window: std::time::Duration::from_secs(1),
            bytes: Directed { download: ByteCount(bytes), upload: ByteCount(1) },
            packets: Directed { download: 1, upload: 1 },
            flows: 1,
        }])
    }

    fn decision(id: u64) -> Record {
        Record::Decision(Decision {
            id,
            at: Timestamp::from_unix_secs(id),
            kind: DecisionKind::Held,
            subject: Subject::Device(device(1)),
            direction: Some(Direction::Download),
            from: BitRate::from_mbps(9),
            to: BitRate::from_mbps(5),
            because: Vec::new(),
            parts: Vec::new(),
            by: Actor::Automatic,
        })
    }

    fn count(writer: &Writer, table: &str) -> i64 {
        writer.connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    }

    /// No room is made by a ceiling on the pages of the file, which SQLite reports as it reports a full disk.
    #[test]
    fn a_full_disk_stops_the_recording_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Store::open(StoreSettings::at(folder.path().join("h.db"))).unwrap().into_writer().unwrap();
        let (_sender, receiver) = channel(8, 8);
        let mut events = Vec::new();
        let pages: i64 = writer.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        let ceiling = |writer: &Writer, pages: i64| {
            writer.connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).unwrap();
        };
        ceiling(&writer, pages);

        let mut id = 0;
        while events.is_empty() {
            id += 1;
            assert!(id < 5_000, "the ceiling was never felt");
            let messages = vec![Message::Record(samples(1_000 + id, 500)), Message::Record(decision(id))];
            writer.take(messages, &receiver.counts, &mut |event| events.push(event));
        }
        assert!(matches!(&events[..], [StoreEvent::Stopped { reason }] if reason.contains("full")), "{events:?}");
        // Still full: nothing is said twice, settings are refused to their sender, decisions wait.
        let (done, answer) = std::sync::mpsc::sync_channel(1);
        let value = Some("x".repeat(100_000));
        let setting = Message::Setting {
            key: "k".into(),
            value,
            by: Actor::Configuration,
            at: Timestamp::default(),
            done: Some(done),
        };
        let more: Vec<Message> = (id + 1..id + 200).map(|id| Message::Record(decision(id))).chain([setting]).collect();
        writer.take(more, &receiver.counts, &mut |event| events.push(event));
        assert!(matches!(answer.try_recv(), Ok(Err(StoreError::Full { .. }))));
        assert_eq!(events.len(), 1);

        ceiling(&writer, i64::from(u32::MAX - 1));
        writer.take(vec![Message::Record(samples(9_000, 500))], &receiver.counts, &mut |event| events.push(event));
        assert_eq!(events[1..], [StoreEvent::Resumed]);
        assert_eq!(count(&writer, "decision"), id as i64 + 199, "every decision that waited is there");
        let intact: String = writer.connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(intact, "ok");
    }

    #[test]
    fn minutes_close_late_samples_join_and_the_journal_empties() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Store::open(StoreSettings::at(folder.path().join("h.db"))).unwrap().into_writer().unwrap();
        let mut put = |second, bytes| {
            writer.write(Message::Record(samples(second, bytes))).unwrap();
            let counts = ["journal", "minute", "second_block", "hour_device"].map(|table| count(&writer, table));
            (counts[0], counts[1], counts[2], counts[3])
        };
        assert_eq!(put(600, 10), (1, 0, 0, 0));
        assert_eq!(put(664, 10), (2, 0, 0, 0)); // the minute is over, its grace is not
        assert_eq!(put(665, 10), (2, 1, 1, 1));
        assert_eq!(put(601, 10), (2, 1, 1, 1)); // late: opened and closed again
        let sum: i64 = writer.connection.query_row("SELECT download FROM hour", [], |row| row.get(0)).unwrap();
        assert_eq!(sum, 20);
        let block: Vec<u8> =
            writer.connection.query_row("SELECT block FROM second_block", [], |row| row.get(0)).unwrap();
        assert_eq!(decode(&block).unwrap()[&TrafficClass::Web].len(), 2);
    }

    #[test]
    fn what_is_old_goes_and_size_takes_the_finest_first() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = StoreSettings::at(folder.path().join("h.db"));
        settings.retention.seconds = std::time::Duration::from_secs(600);
        settings.retention.flows = std::time::Duration::from_secs(3_600);
        let mut writer = Store::open(settings).unwrap().into_writer().unwrap();
        writer.write(Message::Record(Record::Flow(flow(1)))).unwrap();
        for minute in 0..200 {
            writer.write(Message::Record(samples(minute * 60, 10))).unwrap();
        }
        assert_eq!(count(&writer, "second_block"), 9); // ten minutes, less the open ones
        assert_eq!(count(&writer, "minute"), 198);
        assert_eq!(count(&writer, "flow"), 0);
        writer.write(Message::Record(decision(1))).unwrap();
        writer.settings.max_bytes = 1;
        writer.write(Message::Record(samples(20_000, 10))).unwrap();
        assert_eq!(["second_block", "minute", "decision"].map(|table| count(&writer, table)), [0, 0, 1]);
        assert!(count(&writer, "hour") > 0);
    }
}
