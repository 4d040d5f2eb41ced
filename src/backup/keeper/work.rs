use super::state::{Place, State};
use super::status::{BackupFailure, Report, SnapshotFacts};
use super::{KIND, Keeper, KeeperParts, Snapshot};
use crate::backup::key::BackupKey;
use crate::backup::piece::{self, Counts};
use crate::backup::{BackupError, Follows, PieceFacts, PieceKind, PieceName, PieceReader};
use crate::domain::{ChainId, UtcTime, causes, limits};
use crate::engine::{Batch, Changed, CopyError, Engine, Events, JobProgress, JobRow, JobSave};
use std::future::Future;
use std::pin::pin;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Batches, and sealed chunks, that are on their way.
const ON_THE_WAY: usize = 4;
/// How long after a snapshot that failed the next one is tried.
const SNAPSHOT_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// The work in the hands of this node.
pub(super) struct Work<'a> {
    keeper: &'a Keeper,
    pub(super) token: u64,
    answered: u64,
    pub(super) state: State,
    chain: ChainId,
    /// Seals segments: the newest snapshot's, or one of their own before there is one.
    key: BackupKey,
    attempts: u64,
    saved: Instant,
    snapshot_failed: Option<Instant>,
    /// Whether changes are noted, to be shipped.
    pub(super) is_noted: bool,
}

/// A snapshot that is whole.
pub(super) struct Taken {
    facts: SnapshotFacts,
    key: BackupKey,
}

impl<'a> Work<'a> {
    /// Goes on with the backup that the job's row tells of, or begins a new one where changes went unnoted.
    pub(super) async fn begin(keeper: &'a Keeper, row: &JobRow) -> Result<Self, BackupError> {
        let parts = &keeper.parts;
        let is_noted = keeper.settings.now().ship_every.is_some();
        let noted = if is_noted {
            parts.engine.note_changes().await?
        } else {
            // They would grow without end. Snapshots alone need none, and go on where they were.
            if parts.engine.changes_waiting().await?.is_some() {
                parts.engine.end_notes().await?;
            }
            Changed::Conflict
        };
        let mut state = State::of(row);
        let known = state.chain.as_ref().and_then(|place| place.chain().map(|chain| (chain, place.number)));
        let later = match known {
            Some((chain, number)) => Some((chain, number, later(parts, chain, (number, row.token)).await?)),
            None => None,
        };
        let going_on = match later {
            Some((chain, _, Later::Nothing | Later::Leftover)) if noted == Changed::Conflict => Some(chain),
            _ => None,
        };
        let chain = going_on.unwrap_or_else(ChainId::random);
        if going_on.is_none() {
            tracing::info!(%chain, "a new backup begins");
            // Until its first snapshot is whole, a recovery has only what the one before it holds.
            let Report { until, failure, .. } = state.report;
            let follows = later.map(|(chain, number, later)| Follows {
                chain: chain.to_string(),
                number: if later == Later::Leftover { number + 1 } else { number },
            });
            state = State { chain: Some(Place::new(chain, follows)), report: Report { until, failure, ..Report::default() } };
        }
        state.report.snapshot_begun = None;
        let key = parts.keys.generate(chain).await?;
        let (token, answered) = (row.token, row.answered);
        let (saved, snapshot_failed) = (Instant::now(), None);
        Ok(Self { keeper, token, answered, state, chain, key, attempts: 0, saved, snapshot_failed, is_noted })
    }

    fn parts(&self) -> &'a KeeperParts {
        &self.keeper.parts
    }

    fn place(&mut self) -> &mut Place {
        let chain = self.chain;
        self.state.chain.get_or_insert_with(|| Place::new(chain, None))
    }

    /// Writes the state down, and holds the work for `lease`. False if another has it.
    pub(super) async fn save(&mut self, lease: Option<Duration>) -> Result<bool, BackupError> {
        let time = |micros: Option<i64>| micros.map(UtcTime::from_micros);
        let report = &self.state.report;
        let progress = JobProgress {
            // Texts and numbers always have a JSON form.
            cursor: serde_json::to_vec(&self.state.chain).unwrap_or_default(),
            report: serde_json::to_vec(report).unwrap_or_default(),
            started: time(report.snapshot_begun),
            finished: None,
            last_full: time(report.snapshot.as_ref().map(|snapshot| snapshot.at)),
        };
        let save = JobSave { token: self.token, lease, answered: self.answered, progress };
        let saved = self.parts().engine.save_job(KIND, save, Events::default()).await?;
        self.saved = Instant::now();
        Ok(saved.is_some())
    }

    pub(super) async fn renew_if_old(&mut self) -> Result<bool, BackupError> {
        if self.saved.elapsed() < self.keeper.lease / 3 { Ok(true) } else { self.save(Some(self.keeper.lease)).await }
    }

    pub(super) async fn failed(&mut self, error: &BackupError) -> Result<(), BackupError> {
        tracing::warn!(error = causes(error), "the backup's store did not take what has changed, will be tried again");
        self.note_failure(error);
        let waiting = self.parts().engine.changes_waiting().await?.unwrap_or(0);
        if waiting > limits::BACKUP_CHANGES_MAX {
            tracing::error!(waiting, "too many changes wait for the backup: they are forgotten, and a new backup begins with a snapshot");
            self.parts().engine.end_notes().await?;
            return Err(BackupError::Engine(crate::engine::EngineError::Full));
        }
        Ok(())
    }

    fn note_failure(&mut self, error: &BackupError) {
        self.parts().meters.backup_failed();
        self.state.report.failure = Some(BackupFailure { at: self.parts().clock.now().micros(), what: causes(error) });
    }

    pub(super) fn wants_snapshot(&self, asked: u64, every: Duration) -> bool {
        if self.snapshot_failed.is_some_and(|failed| failed.elapsed() < SNAPSHOT_AGAIN_AFTER) {
            return false;
        }
        let is_due = |snapshot: &SnapshotFacts| UtcTime::from_micros(snapshot.at).plus(every) <= self.parts().clock.now();
        asked > self.answered || self.state.report.snapshot.as_ref().is_none_or(is_due)
    }

    fn name(&mut self, kind: PieceKind, at: UtcTime) -> PieceName {
        self.attempts += 1;
        let (chain, number, token, attempt) = (self.chain, self.place().number, self.token, self.attempts);
        PieceName { chain, kind, number, at, token, attempt }
    }

    /// Begins a snapshot, beside the journal.
    pub(super) fn take_snapshot(&mut self, asked: u64) -> Snapshot {
        let at = self.parts().clock.now();
        self.state.report.snapshot_begun = Some(at.micros());
        let (name, parts, give_up) = (self.name(PieceKind::Snapshot, at), self.parts().clone(), CancellationToken::new());
        let (stop, follows) = (give_up.clone(), self.place().follows.clone());
        let (fixed, stands) = oneshot::channel();
        let taking = tokio::spawn(async move { snapshot(&parts, (name, follows), fixed, &stop).await });
        Snapshot { taking, give_up, stands, asked }
    }

    /// Writes down what became of it. False if another has the work.
    pub(super) async fn snapshot_taken(&mut self, taken: Result<Taken, BackupError>, asked: u64) -> Result<bool, BackupError> {
        self.state.report.snapshot_begun = None;
        match taken {
            Ok(Taken { facts, key }) => {
                tracing::info!(rows = facts.rows, bytes = facts.bytes, millis = facts.write_millis, "a snapshot of the index is whole");
                (self.answered, self.key, self.snapshot_failed) = (asked, key, None);
                self.state.report.failure = None;
                self.state.report.until = self.state.report.until.max(Some(facts.at));
                self.state.report.snapshot = Some(facts);
            }
            Err(error) => {
                tracing::warn!(error = causes(&error), "no snapshot of the index, will be tried again");
                self.note_failure(&error);
                self.snapshot_failed = Some(Instant::now());
            }
        }
        self.save(Some(self.keeper.lease)).await
    }

    /// Ships what has changed, and keeps the lease while that takes. False if another has the work.
    pub(super) async fn ship_while_held(&mut self, stop: &CancellationToken) -> Result<bool, BackupError> {
        let at = self.parts().clock.now();
        match self.parts().engine.changes_waiting().await? {
            Some(0) => {
                self.holds_all(at);
                return Ok(true);
            }
            Some(_) => {}
            None => return Err(BackupError::NotNoted),
        }
        let (name, key, parts) = (self.name(PieceKind::Journal, at), self.key.clone(), self.parts());
        let written = {
            let named = (name, self.place().follows.clone());
            let mut shipping = pin!(write(parts, named, &key, stop, |out| async move { parts.engine.dump_changes(out).await }));
            loop {
                tokio::select! {
                    written = &mut shipping => break written?,
                    () = tokio::time::sleep(self.keeper.lease / 3) => if !self.save(Some(self.keeper.lease)).await? { return Ok(false) },
                }
            }
        };
        self.holds_all(at);
        let report = &mut self.state.report;
        report.failure = None;
        let Some((written, noted)) = written else { return Ok(true) };
        report.segments += 1;
        report.segment_bytes += written.bytes;
        self.place().number += 1;
        // Only now is the segment a part of the journal: whoever took the work over meanwhile ships all of it again.
        if !self.save(Some(self.keeper.lease)).await? {
            return Ok(false);
        }
        parts.engine.forget_changes(noted).await?;
        Ok(true)
    }
}

impl Work<'_> {
    /// Every change up to `at` is in the backup, as far as it can be used: without a snapshot no segment can.
    fn holds_all(&mut self, at: UtcTime) {
        if self.state.report.snapshot.is_some() {
            self.state.report.until = Some(at.micros());
        }
    }
}

/// What a backup holds from the segment on that an index would write next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Later {
    Nothing,
    /// That segment, written by a node that died before it could say so. Nothing in it is unknown to the index.
    Leftover,
    /// More than the index knows of: it is an older copy, and its journal would contradict what is kept.
    Newer,
}

async fn later(parts: &KeeperParts, chain: ChainId, (number, token): (u64, u64)) -> Result<Later, BackupError> {
    let listed = parts.archive.list_after(&format!("{chain}/journal"), &format!("{chain}/journal/{number:012}")).await?;
    let later: Vec<PieceName> = listed.iter().filter_map(|found| PieceName::parse(&found.name)).collect();
    if later.iter().any(|name| name.number > number || name.token >= token) {
        tracing::error!(%chain, number, "the backup holds later changes than this index has: it is an older copy");
        return Ok(Later::Newer);
    }
    Ok(if later.is_empty() { Later::Nothing } else { Later::Leftover })
}

/// A piece that is stored.
struct Written {
    counts: Counts,
    bytes: u64,
}

/// Writes a snapshot and reads it again.
async fn snapshot(
    parts: &KeeperParts,
    (name, follows): (PieceName, Option<Follows>),
    fixed: oneshot::Sender<()>,
    stop: &CancellationToken,
) -> Result<Taken, BackupError> {
    let key = parts.keys.generate(name.chain).await?;
    let (name, begun) = (PieceName { at: parts.clock.now(), ..name }, Instant::now());
    let written = write(parts, (name, follows), &key, stop, |out| dump(parts.engine.as_ref(), out, fixed)).await?;
    let Some((Written { counts, bytes }, ())) = written else { return Err(BackupError::Stopping) };
    let write_millis = millis(begun);
    let begun = Instant::now();
    let reading = async { PieceReader::open(&parts.archive, name, &parts.keys).await?.check().await };
    let found = tokio::select! {
        found = reading => found?,
        () = stop.cancelled() => return Err(BackupError::Stopping),
    };
    if found != counts {
        return Err(BackupError::OtherRows);
    }
    let versions = counts.tables.iter().find(|(table, _)| table == "versions").map_or(0, |(_, rows)| *rows);
    let facts = SnapshotFacts { at: name.at.micros(), rows: counts.rows, versions, bytes, write_millis, check_millis: millis(begun) };
    Ok(Taken { facts, key })
}

/// Sends all rows, and says when they are those of one moment: once the first have come.
async fn dump(engine: &dyn Engine, out: mpsc::Sender<Batch>, fixed: oneshot::Sender<()>) -> Result<Option<()>, CopyError> {
    let (give, mut given) = mpsc::channel(ON_THE_WAY);
    let passing = async move {
        let mut fixed = Some(fixed);
        while let Some(batch) = given.recv().await {
            if let Some(fixed) = fixed.take() {
                let _nobody_waits = fixed.send(());
            }
            if out.send(batch).await.is_err() {
                return;
            }
        }
    };
    let (dumped, ()) = tokio::join!(engine.dump(give), passing);
    dumped.map(Some)
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Writes what `dump` sends as one piece. Nothing is stored where it says that there is nothing.
async fn write<R, D, F>(
    parts: &KeeperParts,
    (name, follows): (PieceName, Option<Follows>),
    key: &BackupKey,
    stop: &CancellationToken,
    dump: D,
) -> Result<Option<(Written, R)>, BackupError>
where
    D: FnOnce(mpsc::Sender<Batch>) -> F,
    F: Future<Output = Result<Option<R>, CopyError>>,
{
    let store = parts.engine.store().await?.map(|row| row.id);
    let (out, mut batches) = mpsc::channel(ON_THE_WAY);
    let (sealed, mut chunks) = mpsc::channel(ON_THE_WAY);
    let (key, facts) = (key.clone(), PieceFacts { name, store, follows });
    let sealing = tokio::task::spawn_blocking(move || piece::seal(facts, &key, &mut batches, &sealed));
    let mut writer = parts.archive.writer(&name.to_string());
    let storing = async {
        while let Some(bytes) = chunks.recv().await {
            writer.push(bytes).await?;
        }
        Ok::<_, BackupError>(())
    };
    let both = async { tokio::try_join!(async { Ok(dump(out).await?) }, storing) };
    let dumped = tokio::select! {
        both = both => both.map(|(dumped, ())| dumped),
        () = stop.cancelled() => Err(BackupError::Stopping),
    };
    // Whoever seals must not wait for someone who has left.
    drop(chunks);
    let counts = sealing.await.map_err(|_stopping| BackupError::Stopping).flatten();
    match (dumped, counts) {
        (Ok(Some(result)), Ok(counts)) => {
            let bytes = writer.finish().await?;
            Ok(Some((Written { counts, bytes }, result)))
        }
        (dumped, counts) => {
            writer.abort().await;
            match (dumped, counts) {
                (Ok(None), _) => Ok(None),
                (Err(BackupError::Copy(CopyError::BrokenOff)) | Ok(Some(_)), Err(error)) | (Err(error), _) => Err(error),
                (Ok(Some(_)), Ok(_)) => Err(BackupError::Stopping),
            }
        }
    }
}
