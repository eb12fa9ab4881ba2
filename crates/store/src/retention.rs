//! What is old goes; when there is too much, the finest and oldest goes first.

use crate::{Retention, StoreError, StoreSettings};
use rusqlite::Connection;
use std::time::Duration;

/// Pages given back to the file system at a time: 8 MB, some 20 ms.
const VACUUM_PAGES: u32 = 2_000;
/// The most hours deleted for size at one time; the next minute goes on.
const MOST_HOURS: usize = 48;

/// Deletes what is older than it is kept, counted back from `now_s` (the newest sample, seconds), then the oldest
/// of what takes the most room until the database is below its ceiling.
pub(crate) fn retain(connection: &mut Connection, settings: &StoreSettings, now_s: i64) -> Result<(), StoreError> {
    by_age(connection, &settings.retention, now_s)?;
    by_size(connection, settings.max_bytes)?;
    let free: u32 = connection.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
    if free > VACUUM_PAGES / 10 {
        // A pragma that returns a row for each page it frees.
        let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({VACUUM_PAGES})"))?;
        let mut rows = vacuum.query([])?;
        while rows.next()?.is_some() {}
    }
    Ok(())
}

fn by_age(connection: &mut Connection, retention: &Retention, now_s: i64) -> Result<(), StoreError> {
    let before_s = |age: Duration| now_s.saturating_sub(i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
    let before_ns = |age: Duration| before_s(age).saturating_mul(1_000_000_000);
    let transaction = connection.transaction()?;
    for (delete, before) in [
        ("DELETE FROM second_block WHERE start < ?1", before_s(retention.seconds)),
        ("DELETE FROM minute WHERE start < ?1", before_s(retention.minutes)),
        ("DELETE FROM hour WHERE start < ?1", before_s(retention.hours)),
        ("DELETE FROM hour_device WHERE start < ?1", before_s(retention.hours)),
        ("DELETE FROM hour_class WHERE start < ?1", before_s(retention.hours)),
        ("DELETE FROM flow WHERE last_seen < ?1", before_ns(retention.flows)),
        ("DELETE FROM forecast WHERE at < ?1", before_ns(retention.forecasts)),
        ("DELETE FROM score WHERE said_at < ?1", before_ns(retention.forecasts)),
        ("DELETE FROM plan WHERE at < ?1", before_ns(retention.forecasts)),
        ("DELETE FROM decision WHERE at < ?1", before_ns(retention.audit)),
        ("DELETE FROM alert WHERE at < ?1 AND ended IS NOT NULL", before_ns(retention.audit)),
        ("DELETE FROM setting_audit WHERE at < ?1", before_ns(retention.audit)),
    ] {
        transaction.prepare_cached(delete)?.execute([before])?;
    }
    transaction.commit()?;
    Ok(())
}

fn by_size(connection: &mut Connection, max_bytes: u64) -> Result<(), StoreError> {
    // An hour of the oldest at a time, in the order in which it is missed least. Decisions, alerts and settings
    // are never deleted for size.
    const OLDEST: [(&str, &str, i64); 5] = [
        ("second_block", "start", 3_600),
        ("forecast", "at", 3_600_000_000_000),
        ("score", "said_at", 3_600_000_000_000),
        ("flow", "last_seen", 3_600_000_000_000),
        ("minute", "start", 86_400),
    ];
    let mut left = MOST_HOURS;
    for (table, column, step) in OLDEST {
        while left > 0 && used_bytes(connection)? > max_bytes {
            let delete = format!("DELETE FROM {table} WHERE {column} < (SELECT min({column}) FROM {table}) + ?1");
            if connection.prepare_cached(&delete)?.execute([step])? == 0 {
                break;
            }
            left -= 1;
        }
    }
    Ok(())
}

/// Bytes of the database that hold something.
pub(crate) fn used_bytes(connection: &Connection) -> Result<u64, StoreError> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let pages = pragma("page_count")? - pragma("freelist_count")?;
    Ok(u64::try_from(pages * pragma("page_size")?).unwrap_or(0))
}
