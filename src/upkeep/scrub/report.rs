use super::pace::as_float;
use super::replica::Mirrored;
use crate::domain::{UtcTime, limits};
use crate::engine::{FrameOwner, FrameRow, FrameTotals};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How a stored frame is not as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Damage {
    /// The store has no such blob.
    Missing,
    /// The blob ends before the frame does.
    Truncated,
    /// The bytes have another CRC64NVME than the row says.
    Changed,
    /// The store answers, but cannot read this blob: a bad sector.
    Unreadable,
}

impl Damage {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Missing, Self::Truncated, Self::Changed, Self::Unreadable];

    /// Its name in reports, events and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Truncated => "truncated",
            Self::Changed => "changed",
            Self::Unreadable => "unreadable",
        }
    }
}

/// What became of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingState {
    /// The frame is still damaged.
    Open,
    /// It was put back from the replica, and read again to be sure.
    Repaired,
}

impl FindingState {
    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Repaired => "repaired",
        }
    }
}

/// A stored frame that is not as it was written. It tells where, and of which version; names of records are sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What is wrong.
    pub damage: Damage,
    /// The blob.
    pub blob: String,
    /// Its first byte in the blob.
    pub offset: u64,
    /// Its bytes.
    pub length: u64,
    /// Whose it is, by id.
    pub tenant: String,
    /// The bucket, by id.
    pub bucket: Option<String>,
    /// The version that it belongs to.
    pub version: Option<String>,
    /// The open upload that it belongs to.
    pub upload: Option<String>,
    /// The number of the part that it is.
    pub part: Option<u32>,
    /// When it was found.
    pub at: UtcTime,
    /// What became of it.
    pub state: FindingState,
    /// Whether it stands in the tenant's audit log; not where the tenant's keys were not to be had.
    pub is_recorded: bool,
}

impl Finding {
    /// Whether the frame was put back, and read again to be sure.
    #[must_use]
    pub fn is_repaired(&self) -> bool {
        self.state == FindingState::Repaired
    }

    pub(super) fn of(frame: &FrameRow, damage: Damage, at: UtcTime) -> Self {
        let (upload, part) = match frame.owner {
            FrameOwner::Version(_) => (None, None),
            FrameOwner::Part(_, number) => (None, Some(number)),
            FrameOwner::UploadPart(upload, number) => (Some(upload.to_string()), Some(number)),
        };
        Self {
            damage,
            blob: frame.location.blob.to_string(),
            offset: frame.location.offset,
            length: frame.location.length,
            tenant: frame.location.blob.tenant().to_string(),
            bucket: frame.bucket.map(|bucket| bucket.to_string()),
            version: frame.version.map(|version| version.to_string()),
            upload,
            part,
            at,
            state: FindingState::Open,
            is_recorded: false,
        }
    }
}

/// What one pass has counted and found so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScrubReport {
    /// Frames that rows named when the pass began.
    pub frames_all: u64,
    /// Their bytes.
    pub bytes_all: u64,
    /// Frames that were compared.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Of these, frames whose row was gone by the time that they were not found whole: deleted meanwhile.
    pub vanished: u64,
    /// Blobs that the store listed.
    pub listed: u64,
    /// Old blobs among them that no row names and that are not condemned either; the collector takes them.
    pub orphans: u64,
    /// Their bytes.
    pub orphan_bytes: u64,
    /// Frames that are missing.
    pub missing: u64,
    /// Frames that are cut short.
    pub truncated: u64,
    /// Frames that are others than were written.
    pub changed: u64,
    /// Frames that the store cannot read.
    pub unreadable: u64,
    /// Of all these, frames that were put back.
    pub repaired: u64,
    /// Frames, sound in the store, that the replica lacked.
    pub replica_missing: u64,
    /// Frames, sound in the store, that the replica had cut short, changed or unreadable.
    pub replica_damaged: u64,
    /// Of both, frames that were copied to the replica.
    pub replica_filled: u64,
    /// Frames, sound in the store, for which the replica could not be asked.
    pub replica_unknown: u64,
    /// The first of the findings.
    pub findings: Vec<Finding>,
    /// Milliseconds that nodes have worked on the pass.
    pub worked_millis: u64,
}

impl ScrubReport {
    pub(super) fn of(totals: FrameTotals) -> Self {
        Self { frames_all: totals.frames, bytes_all: totals.bytes, ..Self::default() }
    }

    /// Frames found damaged, whatever the damage.
    #[must_use]
    pub const fn damaged(&self) -> u64 {
        self.missing + self.truncated + self.changed + self.unreadable
    }

    /// The share of all bytes that was compared, from 0 to 1.
    #[must_use]
    pub fn coverage(&self) -> f64 {
        if self.bytes_all == 0 { 1.0 } else { (as_float(self.bytes) / as_float(self.bytes_all)).min(1.0) }
    }

    /// How long the rest takes, at the speed so far; nothing before there is any.
    #[must_use]
    pub fn rest(&self) -> Option<Duration> {
        let left = self.bytes_all.saturating_sub(self.bytes);
        let speed = as_float(self.bytes) / as_float(self.worked_millis);
        Duration::try_from_secs_f64(as_float(left) / speed / 1_000.0).ok()
    }

    pub(super) fn checked(&mut self, frame: &FrameRow) {
        self.frames += 1;
        self.bytes = self.bytes.saturating_add(frame.location.length);
    }

    /// Enters what the replica has of a frame that is sound in the store.
    pub(super) fn mirrored(&mut self, mirrored: Mirrored) {
        match mirrored {
            Mirrored::Same => {}
            Mirrored::Unknown => self.replica_unknown += 1,
            Mirrored::Other(damage, state) => {
                let count = if damage == Damage::Missing { &mut self.replica_missing } else { &mut self.replica_damaged };
                *count += 1;
                self.replica_filled += u64::from(state == FindingState::Repaired);
            }
        }
    }

    pub(super) fn found(&mut self, finding: Finding) {
        match finding.damage {
            Damage::Missing => self.missing += 1,
            Damage::Truncated => self.truncated += 1,
            Damage::Changed => self.changed += 1,
            Damage::Unreadable => self.unreadable += 1,
        }
        self.repaired += u64::from(finding.is_repaired());
        if self.findings.len() < limits::SCRUB_FINDINGS_NAMED_MAX {
            self.findings.push(finding);
        }
    }
}

/// What the job's row keeps: the newest pass, and the full one before it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Reports {
    pub(super) pass: ScrubReport,
    pub(super) last: Option<ScrubReport>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coverage_and_rest_follow_the_bytes() {
        let mut report = ScrubReport::of(FrameTotals { frames: 4, bytes: 400 });
        assert_eq!((report.coverage(), report.rest()), (0.0, None));
        report = ScrubReport { bytes: 100, worked_millis: 2_000, ..report };
        assert_eq!((report.coverage(), report.rest()), (0.25, Some(Duration::from_secs(6))));
        report = ScrubReport { bytes: 500, ..report };
        assert_eq!((report.coverage(), report.rest()), (1.0, Some(Duration::ZERO)), "more was written meanwhile");
        assert_eq!(ScrubReport::default().coverage(), 1.0);
    }

    #[test]
    fn a_report_of_an_earlier_program_is_read_all_the_same() {
        let reports: Reports = serde_json::from_str(r#"{"pass": {"frames": 3}}"#).unwrap();
        assert_eq!((reports.pass.frames, reports.last), (3, None));
    }
}
