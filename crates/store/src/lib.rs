//! History: SQLite on one box
