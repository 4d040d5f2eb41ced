use super::report::Reports;
use crate::domain::UtcTime;
use crate::engine::{FrameKey, JobProgress, JobRow, JobSave};
use std::time::{Duration, Instant};

/// Where a pass goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// With the frames behind this one; with the first where there is none.
    Frames(Option<FrameKey>),
    /// With the store's listing, from its beginning: stores list in no promised order.
    Listing,
}

impl Place {
    const FRAMES: u8 = 1;
    const LISTING: u8 = 2;

    pub(super) fn to_bytes(self) -> Vec<u8> {
        match self {
            Self::Frames(None) => vec![Self::FRAMES],
            Self::Frames(Some(key)) => [vec![Self::FRAMES], key.to_bytes()].concat(),
            Self::Listing => vec![Self::LISTING],
        }
    }

    /// The place from its bytes; nothing if they are none, as before the first pass.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (&Self::FRAMES, []) => Some(Self::Frames(None)),
            (&Self::FRAMES, key) => FrameKey::from_bytes(key).map(|key| Self::Frames(Some(key))),
            (&Self::LISTING, []) => Some(Self::Listing),
            _ => None,
        }
    }
}

/// A pass in the hands of this node.
#[derive(Debug, Clone)]
pub(super) struct Pass {
    token: u64,
    answered: u64,
    started: UtcTime,
    last_full: Option<UtcTime>,
    worked_before: u64,
    since: Instant,
    pub(super) place: Place,
    pub(super) reports: Reports,
}

impl Pass {
    /// The pass that a job that was just taken stands in, or the next one.
    pub(super) fn taken(row: &JobRow, now: UtcTime) -> Self {
        let reports: Reports = serde_json::from_slice(&row.progress.report).unwrap_or_default();
        let pass = |answered, started, place, reports: Reports| Self {
            token: row.token,
            answered,
            started,
            last_full: row.progress.last_full,
            worked_before: reports.pass.worked_millis,
            since: Instant::now(),
            place,
            reports,
        };
        // What cannot be read was written by a newer program: its pass is begun anew.
        match (under_way(&row.progress), Place::from_bytes(&row.progress.cursor)) {
            (Some(started), Some(place)) => pass(row.answered, started, place, reports),
            _ => {
                let last = if row.progress.finished.is_some() { Some(reports.pass) } else { reports.last };
                pass(row.asked, now, Place::Frames(None), Reports { last, ..Reports::default() })
            }
        }
    }

    /// What the row is to say, for a holder that goes on for `lease` or gives the job back.
    pub(super) fn save(&self, lease: Option<Duration>) -> JobSave {
        self.as_of(lease, None, self.last_full)
    }

    /// What the row is to say once the pass is full.
    pub(super) fn full(&self, now: UtcTime) -> JobSave {
        self.as_of(None, Some(now), Some(now))
    }

    fn as_of(&self, lease: Option<Duration>, finished: Option<UtcTime>, last_full: Option<UtcTime>) -> JobSave {
        let mut reports = self.reports.clone();
        let here = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        reports.pass.worked_millis = self.worked_before.saturating_add(here);
        let progress = JobProgress {
            cursor: self.place.to_bytes(),
            // Plain numbers and texts always have a JSON form.
            report: serde_json::to_vec(&reports).unwrap_or_default(),
            started: Some(self.started),
            finished,
            last_full,
        };
        JobSave { token: self.token, lease, answered: self.answered, progress }
    }
}

/// When the pass began that is under way; nothing where none is.
pub(super) fn under_way(progress: &JobProgress) -> Option<UtcTime> {
    progress.started.filter(|_| progress.finished.is_none())
}
