//! What can go wrong, as an operator must hear it.

use rusqlite::ErrorCode;
use std::path::PathBuf;

/// Why the history could not be opened, written or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file belongs to another program.
    #[error("{}: this is not a history of EqualNet (SQLite application id {application_id:#x}); name another file", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Whose it says it is.
        application_id: i32,
    },
    /// The file is not what was written.
    #[error("{}: the history is damaged ({detail}); move it away and EqualNet begins a new one", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// The file was written by a later EqualNet, or a migration failed.
    #[error("{}: the history cannot be brought to this version: {detail}", path.display())]
    Migration {
        /// The file.
        path: PathBuf,
        /// What the migration said.
        detail: String,
    },
    /// No room, on the disk or under the ceiling of the file.
    #[error("the disk takes no more of the history: {detail}")]
    Full {
        /// What SQLite said.
        detail: String,
    },
    /// The folder or file cannot be created or opened.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A stored value that this version cannot read.
    #[error("the history holds a value that cannot be read: {what} `{value}`")]
    Unreadable {
        /// Of which kind.
        what: &'static str,
        /// What stands there.
        value: String,
    },
    /// The writer has ended.
    #[error("the history is closed")]
    Closed,
    /// Anything else the database says.
    #[error("the history's database: {0}")]
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        match error.sqlite_error_code() {
            // A disk without room also shows as a failed write or a failed extension of the shared memory.
            Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => StoreError::Full { detail: error.to_string() },
            _ => StoreError::Database(error),
        }
    }
}

/// A stored word or blob that means nothing.
pub(crate) fn unreadable(what: &'static str, value: impl ToString) -> StoreError {
    StoreError::Unreadable { what, value: value.to_string() }
}
