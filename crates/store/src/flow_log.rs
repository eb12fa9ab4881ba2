//! Ended flows as CSV, in files that roll.

use crate::{FlowLogSettings, StoreError};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use vocab::{FlowSummary, Timestamp};

/// The columns of a flow as CSV: in the flow log, and after the file's name in `equalnet analyze`.
pub const FLOW_COLUMNS: [&str; 15] = [
    "protocol",
    "src_ip",
    "src_port",
    "dst_ip",
    "dst_port",
    "class",
    "application",
    "server_name",
    "confidence",
    "evidence",
    "packets",
    "bytes",
    "first_seen",
    "last_seen",
    "ja4",
];

/// `flows.csv`, and `flows.1.csv` (the newest of the full ones) and so on.
#[derive(Debug)]
pub(crate) struct FlowLog {
    settings: FlowLogSettings,
}

impl FlowLog {
    pub(crate) fn open(settings: FlowLogSettings) -> Result<FlowLog, StoreError> {
        std::fs::create_dir_all(&settings.folder)
            .map_err(|source| StoreError::File { path: settings.folder.clone(), source })?;
        Ok(FlowLog { settings })
    }

    /// Appends flows; rolls first if the current file is full.
    pub(crate) fn append(&self, flows: &[&FlowSummary]) -> Result<(), StoreError> {
        let path = self.path(0);
        let failed = |source| StoreError::File { path: path.clone(), source };
        let mut file = self.current().map_err(failed)?;
        if file.metadata().map_err(failed)?.len() >= self.settings.max_file_bytes {
            self.roll().map_err(failed)?;
            file = self.current().map_err(failed)?;
        }
        let empty = file.metadata().map_err(failed)?.len() == 0;
        // One write for all rows, so that a crash or a full disk cuts at most the last.
        let mut rows = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
        let csv_failed = |error: csv::Error| failed(std::io::Error::other(error));
        if empty {
            rows.write_record(FLOW_COLUMNS).map_err(csv_failed)?;
        }
        for flow in flows {
            rows.write_record(flow_row(flow)).map_err(csv_failed)?;
        }
        let bytes = rows.into_inner().map_err(|error| failed(std::io::Error::other(error.to_string())))?;
        std::io::Write::write_all(&mut file, &bytes).map_err(failed)
    }

    fn current(&self) -> std::io::Result<File> {
        OpenOptions::new().create(true).append(true).mode(0o600).open(self.path(0))
    }

    fn path(&self, age: u32) -> PathBuf {
        let name = if age == 0 { "flows.csv".to_owned() } else { format!("flows.{age}.csv") };
        self.settings.folder.join(name)
    }

    fn roll(&self) -> std::io::Result<()> {
        let oldest = self.settings.max_files.max(1) - 1;
        if oldest == 0 {
            return std::fs::remove_file(self.path(0));
        }
        for age in (0..oldest).rev() {
            match std::fs::rename(self.path(age), self.path(age + 1)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// A flow in the order of [`FLOW_COLUMNS`]: the initiator is the source, times are seconds since 1970-01-01 UTC.
pub fn flow_row(flow: &FlowSummary) -> [String; 15] {
    let source = flow.key.end(flow.initiator);
    let destination = flow.key.end(flow.initiator.opposite());
    let verdict = &flow.verdict;
    [
        flow.key.protocol().to_string(),
        source.address.to_string(),
        source.port.to_string(),
        destination.address.to_string(),
        destination.port.to_string(),
        verdict.class.to_string(),
        verdict.application.clone(),
        verdict.server_name.clone(),
        format!("{:.2}", verdict.confidence),
        verdict.evidence.clone(),
        flow.packets.download.saturating_add(flow.packets.upload).to_string(),
        (flow.bytes.download + flow.bytes.upload).0.to_string(),
        seconds(flow.first_seen),
        seconds(flow.last_seen),
        verdict.ja4.clone(),
    ]
}

/// Seconds since 1970-01-01 UTC, to the microsecond, as in captures.
fn seconds(at: Timestamp) -> String {
    let micros = at.as_unix_nanos() / 1_000;
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::writer::tests::flow;

    #[test]
    fn files_roll_and_stay_few() {
        let folder = tempfile::tempdir().unwrap();
        let settings = FlowLogSettings { folder: folder.path().join("flows"), max_file_bytes: 400, max_files: 3 };
        let log = FlowLog::open(settings.clone()).unwrap();
        let flow = flow(1);
        for _ in 0..40 {
            log.append(&[&flow]).unwrap();
        }
        let mut names: Vec<_> = std::fs::read_dir(&settings.folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["flows.1.csv", "flows.2.csv", "flows.csv"]);
        let text = std::fs::read_to_string(settings.folder.join("flows.1.csv")).unwrap();
        let mut lines = text.lines();
        assert_eq!(lines.next().unwrap(), FLOW_COLUMNS.join(","));
        let row = "tcp,192.168.1.20,50001,9.9.9.9,443,web,TLS,\"a,b.example\",0.90,\"name \"\"x\"\"\",3,1540,100.000000,101.500000,";
        assert_eq!(lines.next().unwrap(), row);
    }
}
