//! Opening the file: created, migrated, checked.

use crate::{Reader, StoreError, StoreSettings, Writer};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

mod embedded {
    refinery::embed_migrations!("src/migrations");
}

/// What our files say they are (`PRAGMA application_id`): "EqNt".
const APPLICATION_ID: i32 = 0x4571_4e74;

/// A history that is open and of this version.
#[derive(Debug)]
pub struct Store {
    pub(crate) settings: StoreSettings,
    pub(crate) connection: Connection,
}

impl Store {
    /// Opens the history, makes it if it is absent (readable by its owner alone), and brings it to this version.
    pub fn open(settings: StoreSettings) -> Result<Store, StoreError> {
        let path = &settings.path;
        let file_error = |source| StoreError::File { path: path.clone(), source };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(file_error)?;
        }
        // Made here, so that it is never readable by others; SQLite gives its side files the same mode.
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path).map_err(file_error)?;
        let fresh = file.metadata().map_err(file_error)?.len() == 0;
        drop(file);
        let mut connection =
            Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        prepare(&mut connection, path, fresh)?;
        Ok(Store { settings, connection })
    }

    /// A reader of this history, with a connection of its own.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        Reader::open(&self.settings.path)
    }

    /// The one writer of this history.
    pub fn into_writer(self) -> Result<Writer, StoreError> {
        Writer::new(self)
    }
}

fn prepare(connection: &mut Connection, path: &Path, fresh: bool) -> Result<(), StoreError> {
    let damaged = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            StoreError::Damaged { path: path.to_owned(), detail: error.to_string() }
        }
        _ => StoreError::from(error),
    };
    if fresh {
        // Both only take effect before the first table.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL").map_err(damaged)?;
        connection.pragma_update(None, "application_id", APPLICATION_ID).map_err(damaged)?;
    }
    let application_id: i32 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(damaged)?;
    if application_id != APPLICATION_ID {
        return Err(StoreError::Foreign { path: path.to_owned(), application_id });
    }
    // Readers never wait for the writer, nor the writer for readers.
    connection.pragma_update(None, "journal_mode", "WAL").map_err(damaged)?;
    connection.pragma_update(None, "journal_size_limit", 16 << 20).map_err(damaged)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(damaged)?;
    connection.busy_timeout(std::time::Duration::from_millis(250)).map_err(damaged)?;
    embedded::migrations::runner().set_abort_missing(true).run(connection).map_err(|error| {
        let detail = error.to_string();
        if detail.contains("malformed") || detail.contains("not a database") {
            StoreError::Damaged { path: path.to_owned(), detail }
        } else {
            StoreError::Migration { path: path.to_owned(), detail }
        }
    })?;
    Ok(())
}
