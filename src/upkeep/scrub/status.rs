use super::pass::under_way;
use super::report::{Reports, ScrubReport};
use super::{KIND, Scrub};
use crate::domain::{NodeId, UtcTime};
use crate::engine::{Changed, EngineError, JobOrder, JobRow, JobWanted};

/// What the scrub does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScrubStanding {
    /// No pass begins by itself, and none is under way.
    Off,
    /// The next pass begins later.
    Waiting,
    /// A pass begins or goes on within seconds.
    Due,
    /// A node does it.
    Running,
    /// An operator wants it to rest.
    Paused,
}

/// How the scrub stands.
#[derive(Debug, Clone)]
pub struct ScrubStatus {
    /// What it does now.
    pub standing: ScrubStanding,
    /// The node that does it.
    pub node: Option<NodeId>,
    /// When its newest pass began.
    pub started: Option<UtcTime>,
    /// When that pass ended; nothing while it is under way.
    pub finished: Option<UtcTime>,
    /// When the pass under way ends, if it goes on as fast as so far.
    pub ends: Option<UtcTime>,
    /// When the last full pass ended.
    pub last_full: Option<UtcTime>,
    /// When the next pass begins by itself.
    pub next: Option<UtcTime>,
    /// What the newest pass has counted and found.
    pub pass: ScrubReport,
    /// What the full one before has.
    pub last: Option<ScrubReport>,
}

impl Scrub {
    /// How it stands, whichever node does it.
    ///
    /// # Errors
    /// [`EngineError`] when the index cannot be asked.
    pub async fn status(&self) -> Result<ScrubStatus, EngineError> {
        let row = self.parts.engine.job(KIND).await?;
        let progress = row.as_ref().map(|row| row.progress.clone()).unwrap_or_default();
        let reports: Reports = serde_json::from_slice(&progress.report).unwrap_or_default();
        let cycle = self.settings.now().cycle;
        let standing = match &row {
            Some(row) if row.wanted == JobWanted::Rest => ScrubStanding::Paused,
            Some(row) if row.is_held => ScrubStanding::Running,
            row if self.is_due(row.as_ref()) => ScrubStanding::Due,
            _ if cycle.is_none() => ScrubStanding::Off,
            _ => ScrubStanding::Waiting,
        };
        let rest = if standing == ScrubStanding::Running { reports.pass.rest() } else { None };
        Ok(ScrubStatus {
            standing,
            node: row.as_ref().filter(|row| row.is_held).and_then(|row| row.holder),
            started: progress.started,
            finished: progress.finished,
            ends: rest.map(|rest| self.parts.clock.now().plus(rest)),
            last_full: progress.last_full,
            next: progress.started.zip(cycle).filter(|_| progress.finished.is_some()).map(|(started, cycle)| started.plus(cycle)),
            pass: reports.pass,
            last: reports.last,
        })
    }

    /// Does what an operator wants. [`Changed::Conflict`] if it is so already, or it is to start while it rests.
    ///
    /// # Errors
    /// [`EngineError`] when the index cannot be written.
    pub async fn order(&self, order: JobOrder) -> Result<Changed, EngineError> {
        self.parts.engine.order_job(KIND, order).await
    }

    /// Whether there is something to do now.
    pub(super) fn is_due(&self, row: Option<&JobRow>) -> bool {
        let cycle = self.settings.now().cycle;
        let Some(row) = row else { return cycle.is_some() };
        if row.wanted == JobWanted::Rest {
            return false;
        }
        if under_way(&row.progress).is_some() || row.asked > row.answered {
            return true;
        }
        let Some(cycle) = cycle else { return false };
        row.progress.started.is_none_or(|started| started.plus(cycle) <= self.parts.clock.now())
    }

    /// Shows metrics of the job, whichever node does it.
    pub(super) fn show(&self, row: Option<&JobRow>) {
        let Some(row) = row else { return };
        let reports: Reports = serde_json::from_slice(&row.progress.report).unwrap_or_default();
        let coverage = if row.progress.started.is_some() { reports.pass.coverage() } else { 0.0 };
        let is_full = row.progress.finished.is_some();
        let last = if is_full { Some(&reports.pass) } else { reports.last.as_ref() };
        let orphans = last.map_or(0, |report| report.orphans);
        self.parts.meters.scrub_stands(coverage, row.progress.last_full.map_or(0, UtcTime::seconds), orphans);
    }
}
