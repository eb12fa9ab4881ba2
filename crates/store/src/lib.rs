//! History: SQLite on one box.
//!
//! What goes in: [`vocab::Record`]s and settings, over a bounded channel to one [`Writer`] that owns the file.
//! What comes out: columns and lists through [`Reader`]s, each with a read-only connection of its own. It decides
//! nothing, and losing it stops nothing but the history.
//!
//! There is one engine, so there is no trait: the seam for a second is [`Store`], [`Writer`] and [`Reader`],
//! which say nothing of SQLite beyond [`StoreError`].

mod block;
mod channel;
mod columns;
mod error;
mod flow_log;
mod query;
mod retention;
mod settings;
mod store;
mod writer;

pub use channel::{Message, StoreCounts, StoreReceiver, StoreSender, Unsent, Why, channel};
pub use error::StoreError;
pub use flow_log::{FLOW_COLUMNS, flow_row};
pub use query::{
    DeviceVolume, FlowFilter, Grouping, History, HistoryQuery, LatestIds, MovedInSpan, Reader, Resolution, Second,
    Series, SeriesKey, Setting, SettingChange, StoredForecast, StoredScore,
};
pub use settings::{FlowLogSettings, Retention, StoreSettings};
pub use store::Store;
pub use writer::{StoreEvent, Writer};
