use super::state::State;
use crate::domain::{ChainId, NodeId, UtcTime};
use crate::engine::JobRow;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a keeper writes about its work.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Report {
    /// Up to when every change is in the backup, in microseconds since 1970.
    pub(super) until: Option<i64>,
    /// Segments of the journal of this chain, and their bytes.
    pub(super) segments: u64,
    pub(super) segment_bytes: u64,
    /// The newest whole snapshot.
    pub(super) snapshot: Option<SnapshotFacts>,
    /// When a snapshot was begun that is not whole yet, or has failed.
    pub(super) snapshot_begun: Option<i64>,
    pub(super) failure: Option<BackupFailure>,
}

/// A snapshot that was read again and found whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotFacts {
    /// Its moment, in microseconds since 1970.
    pub at: i64,
    /// Its rows.
    pub rows: u64,
    /// Its versions.
    pub versions: u64,
    /// Its bytes.
    pub bytes: u64,
    /// How long it took to write, in milliseconds.
    pub write_millis: u64,
    /// How long it took to read again.
    pub check_millis: u64,
}

/// What has failed last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupFailure {
    /// When, in microseconds since 1970.
    pub at: i64,
    /// What.
    pub what: String,
}

/// How a backup stands.
#[derive(Debug, Clone)]
pub struct BackupStatus {
    /// The node that keeps it.
    pub node: Option<NodeId>,
    /// Which unbroken backup it is; nothing before the first has begun.
    pub chain: Option<ChainId>,
    /// Up to when every change of the index is in it. What came later would be lost with the index.
    pub until: Option<UtcTime>,
    /// Segments of its journal.
    pub segments: u64,
    /// Their bytes.
    pub segment_bytes: u64,
    /// The newest whole snapshot.
    pub snapshot: Option<SnapshotFacts>,
    /// When the snapshot was begun that is under way.
    pub snapshot_begun: Option<UtcTime>,
    /// When the next one is due.
    pub next: Option<UtcTime>,
    /// What has failed last; nothing once it has gone well since.
    pub failure: Option<BackupFailure>,
}

impl BackupStatus {
    pub(super) fn of(state: State, row: Option<&JobRow>, snapshot_every: Duration, now: UtcTime) -> Self {
        let Report { until, segments, segment_bytes, snapshot, snapshot_begun, failure } = state.report;
        let next = snapshot.as_ref().map_or(now, |snapshot| UtcTime::from_micros(snapshot.at).plus(snapshot_every));
        Self {
            node: row.filter(|row| row.is_held).and_then(|row| row.holder),
            chain: state.chain.and_then(|place| place.chain()),
            until: until.map(UtcTime::from_micros),
            segments,
            segment_bytes,
            snapshot,
            snapshot_begun: snapshot_begun.map(UtcTime::from_micros),
            next: Some(next),
            failure,
        }
    }
}
