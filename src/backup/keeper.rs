//! Keeps a backup of a running index: one node at a time, by a lease in the index.

mod state;
mod status;
mod work;

use super::{BackupError, BackupKeys, Plan};
use crate::blob::Archive;
use crate::domain::{Clock, Live, NodeId, causes, limits};
use crate::engine::{Changed, CopyError, Engine, EngineError, Events, JobKind, JobOrder, JobProgress, JobRow, JobSave};
use crate::meters::Meters;
use state::{Place, State};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use work::{Taken, Work};

pub use status::{BackupFailure, BackupStatus, SnapshotFacts};

const KIND: JobKind = JobKind::Backup;
/// How often a node looks whether the work is free, and what is wanted of it.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long it waits after a failure; longer after each further one.
const FAILED_PAUSE: Duration = Duration::from_secs(1);
/// The longest wait.
const FAILED_PAUSE_MAX: Duration = Duration::from_secs(60);

/// What operators set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeeperSettings {
    /// How long after a snapshot the next one is made.
    pub snapshot_every: Duration,
    /// How often changes are shipped; nothing where only snapshots are made.
    pub ship_every: Option<Duration>,
}

/// What it works with.
#[derive(Debug, Clone)]
pub struct KeeperParts {
    /// The index.
    pub engine: Arc<dyn Engine>,
    /// Where the backup is.
    pub archive: Archive,
    /// Its keys.
    pub keys: BackupKeys,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Metrics.
    pub meters: Arc<Meters>,
    /// Which node this is.
    pub node: NodeId,
}

/// Keeps a backup: a snapshot now and then, and what has changed every second.
#[derive(Debug)]
pub struct Keeper {
    parts: KeeperParts,
    settings: Live<KeeperSettings>,
    lease: Duration,
    /// What this node has seen last: newer than what it has written down.
    seen: Mutex<State>,
}

/// Why a node has stopped doing it.
enum Ended {
    /// It stops itself; another may go on at once.
    Stopped,
    /// Another has taken the work over.
    Lost,
    /// Changes are to be noted now, or no longer: it begins again.
    Anew,
}

/// A snapshot under way.
struct Snapshot {
    taking: JoinHandle<Result<Taken, BackupError>>,
    give_up: CancellationToken,
    /// Ends once its moment is fixed.
    stands: oneshot::Receiver<()>,
    /// How often operators had asked for one when it was begun.
    asked: u64,
}

impl Snapshot {
    /// Whether its moment is fixed: a segment that follows it must be of a later one.
    fn stands(&mut self) -> bool {
        !matches!(self.stands.try_recv(), Err(oneshot::error::TryRecvError::Empty))
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.give_up.cancel();
    }
}

impl Keeper {
    /// Does nothing before [`keep`](Self::keep). A node that is not heard of for `lease` loses the work to another.
    #[must_use]
    pub fn new(parts: KeeperParts, settings: Live<KeeperSettings>, lease: Duration) -> Self {
        Self { parts, settings, lease, seen: Mutex::default() }
    }

    /// Keeps the backup, or waits to, until it is told to stop.
    pub async fn keep(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            match self.parts.engine.take_job(KIND, self.parts.node, self.lease).await {
                Ok(Some(row)) => match self.hold(row, &stop).await {
                    Ok(Ended::Stopped) => return,
                    Ok(Ended::Lost) => tracing::warn!("another node keeps the backup now"),
                    Ok(Ended::Anew) => continue,
                    Err(error) => {
                        self.parts.meters.backup_failed();
                        tracing::warn!(error = causes(&error), "the backup cannot go on, will be tried again");
                    }
                },
                Ok(None) => self.show_what_another_does().await,
                Err(error) => tracing::warn!(error = causes(&error), "the index cannot be asked who keeps the backup"),
            }
            rest(LOOK_EVERY, &stop).await;
        }
    }

    /// Asks for a snapshot now. [`Changed::Conflict`] if one was asked for already.
    ///
    /// # Errors
    /// [`EngineError`] when the index cannot be asked.
    pub async fn ask_for_snapshot(&self) -> Result<Changed, EngineError> {
        // The row is there once a node has looked for work.
        self.parts.engine.order_job(KIND, JobOrder::Start).await
    }

    /// How the backup stands, whichever node keeps it.
    ///
    /// # Errors
    /// [`EngineError`] when the index cannot be asked.
    pub async fn status(&self) -> Result<BackupStatus, EngineError> {
        let row = self.parts.engine.job(KIND).await?;
        let is_here = row.as_ref().is_some_and(|row| row.is_held && row.holder == Some(self.parts.node));
        let state = match &row {
            Some(_) if is_here => self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            Some(row) => State::of(row),
            None => State::default(),
        };
        Ok(BackupStatus::of(state, row.as_ref(), self.settings.now().snapshot_every, self.parts.clock.now()))
    }

    async fn show_what_another_does(&self) {
        if let Ok(Some(row)) = self.parts.engine.job(KIND).await {
            self.show(&State::of(&row));
        }
    }

    fn show(&self, state: &State) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = state.clone();
        // One that is to be kept and is not there yet is older than any.
        let at = |time: Option<i64>| time.map_or(1, |micros| micros / 1_000_000);
        self.parts.meters.backup_stands(at(state.report.until), at(state.report.snapshot.as_ref().map(|snapshot| snapshot.at)));
    }

    /// Does the work while this node holds it.
    async fn hold(&self, row: JobRow, stop: &CancellationToken) -> Result<Ended, BackupError> {
        let mut work = Work::begin(self, &row).await?;
        self.show(&work.state);
        let (mut asked, mut looked, mut failures) = (row.asked, Instant::now(), 0);
        let mut snapshot: Option<Snapshot> = None;
        loop {
            if stop.is_cancelled() {
                drop(snapshot);
                let _lost = work.save(None).await?; // whoever has it now does not need this
                return Ok(Ended::Stopped);
            }
            if snapshot.as_ref().is_some_and(|snapshot| snapshot.taking.is_finished())
                && let Some(mut done) = snapshot.take()
            {
                let taken = (&mut done.taking).await.map_err(|_cancelled| BackupError::Stopping).flatten();
                if !work.snapshot_taken(taken, done.asked).await? {
                    return Ok(Ended::Lost);
                }
            }
            if snapshot.is_none() && work.wants_snapshot(asked, self.settings.now().snapshot_every) {
                snapshot = Some(work.take_snapshot(asked));
            }
            let settings = self.settings.now();
            if settings.ship_every.is_some() != work.is_noted {
                drop(snapshot);
                return Ok(if work.save(None).await? { Ended::Anew } else { Ended::Lost });
            }
            let waits = !work.is_noted || snapshot.as_mut().is_some_and(|snapshot| !snapshot.stands());
            let shipped = if waits { Ok(true) } else { work.ship_while_held(stop).await };
            match shipped {
                Ok(true) => failures = 0,
                Ok(false) => return Ok(Ended::Lost),
                Err(_) if stop.is_cancelled() => continue,
                // The index itself fails: whoever comes next begins by looking at it.
                Err(error @ (BackupError::Engine(_) | BackupError::Copy(CopyError::Engine(_)) | BackupError::NotNoted)) => {
                    return Err(error);
                }
                Err(error) => {
                    failures += 1;
                    work.failed(&error).await?;
                }
            }
            self.show(&work.state);
            if looked.elapsed() >= LOOK_EVERY {
                looked = Instant::now();
                match self.parts.engine.job(KIND).await? {
                    Some(row) if row.token == work.token => asked = row.asked,
                    _ => return Ok(Ended::Lost),
                }
                if !work.renew_if_old().await? {
                    return Ok(Ended::Lost);
                }
            }
            rest(pause(settings.ship_every, failures), stop).await;
        }
    }
}

/// How long until it ships again: longer while it fails.
fn pause(ship_every: Option<Duration>, failures: u32) -> Duration {
    if failures == 0 {
        return ship_every.unwrap_or(LOOK_EVERY);
    }
    FAILED_PAUSE.saturating_mul(1 << failures.min(10)).min(FAILED_PAUSE_MAX)
}

async fn rest(pause: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(pause) => {}
        () = stop.cancelled() => {}
    }
}

/// Writes into an index that was filled by `plan` that its next backup goes on from that one.
///
/// # Errors
/// [`BackupError`] when the index cannot be asked.
pub async fn goes_on_from(engine: &dyn Engine, plan: &Plan) -> Result<(), BackupError> {
    let Some(row) = engine.take_job(KIND, NodeId::random(), Duration::ZERO).await? else { return Ok(()) };
    let next = plan.journal.last().map_or(plan.snapshot.number, |last| last.number + 1);
    let cursor = serde_json::to_vec(&Place::at(plan.snapshot.chain, next)).unwrap_or_default(); // texts and numbers
    let progress = JobProgress { cursor, ..row.progress };
    engine.save_job(KIND, JobSave { token: row.token, lease: None, answered: row.answered, progress }, Events::default()).await?;
    Ok(())
}

/// Ends the noting of changes in an index whose backup nobody has kept for a long time: they would grow without end.
///
/// # Errors
/// [`EngineError`] when the index cannot be asked.
pub async fn forget_abandoned(engine: &dyn Engine, clock: &dyn Clock) -> Result<u64, EngineError> {
    let Some(waiting) = engine.changes_waiting().await? else { return Ok(0) };
    let row = engine.job(KIND).await?;
    if row.is_some_and(|row| row.is_held || row.lease_end.plus(limits::BACKUP_ABANDONED_AFTER) > clock.now()) {
        return Ok(0);
    }
    engine.end_notes().await?;
    tracing::warn!(waiting, "nobody keeps a backup of this index any more: its changes are not noted any longer");
    Ok(waiting)
}
