//! The scrub: reads every stored frame in a configured cycle and compares it with its row.
//!
//! One node at a time does it, by a lease in the index. It goes on where it stood after a restart, or on another node, and
//! reads at most one batch twice. It needs no key, and opens nothing.

mod pace;
mod pass;
mod replica;
mod report;
mod status;

use super::{Pairing, PairingError};
use crate::audit::{Event, Journal, Operator, OperatorAction, Subject};
use crate::blob::{BlobError, BlobStore, ListedBlob, Scope};
use crate::domain::{BucketId, Clock, Live, Location, NodeId, TenantId, causes, limits};
use crate::engine::{Engine, EngineError, Events, FrameRow, JobKind, JobSave, JobWanted};
use crate::meters::Meters;
use futures::{StreamExt, TryStreamExt, stream};
use pace::Pace;
use pass::{Pass, Place};
use replica::{Mirrored, Rest};
use std::collections::{HashMap, VecDeque};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

pub use report::{Damage, Finding, FindingState, ScrubReport};
pub use status::{ScrubStanding, ScrubStatus};

const KIND: JobKind = JobKind::Scrub;
/// How often a node looks whether there is something to do.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// How long it waits after a failure.
const FAILED_PAUSE: Duration = Duration::from_secs(60);

/// How finely the rate is kept where frames are small.
const MOMENTS_PER_SECOND: u64 = 50;

/// What operators set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScrubSettings {
    /// How long after the beginning of a pass the next one begins; nothing where none begins by itself.
    pub cycle: Option<Duration>,
    /// Bytes a second that are read, at most.
    pub bytes_per_second: u64,
}

/// How finely it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScrubBounds {
    /// How long this node holds the job without a sign of life.
    pub lease: Duration,
    /// Frames of one batch.
    pub batch_frames: usize,
    /// Bytes of one batch, but for its last frame.
    pub batch_bytes: u64,
}

impl Default for ScrubBounds {
    fn default() -> Self {
        Self { lease: limits::JOB_LEASE, batch_frames: limits::SCRUB_BATCH_FRAMES, batch_bytes: limits::SCRUB_BATCH_BYTES }
    }
}

/// What the scrub works with.
#[derive(Debug, Clone)]
pub struct ScrubParts {
    /// Rows.
    pub engine: Arc<dyn Engine>,
    /// Bytes, and those of the replica, from which damaged frames are put back.
    pub blobs: BlobStore,
    /// Where findings are put on record.
    pub journal: Arc<Journal>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Whether bytes and rows belong together.
    pub pairing: Arc<Pairing>,
    /// Metrics.
    pub meters: Arc<Meters>,
    /// Which node this is.
    pub node: NodeId,
}

/// Reads every stored frame and compares it with its row.
#[derive(Debug)]
pub struct Scrub {
    parts: ScrubParts,
    settings: Live<ScrubSettings>,
    bounds: ScrubBounds,
    pace: Pace,
    replica_rest: Rest,
}

/// What was seen of a frame.
#[derive(Debug, Clone, Copy)]
enum Seen {
    Sound(Mirrored),
    Damaged(Damage),
}

/// What a look at the job came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// There was nothing to do.
    Idle,
    /// Another node does it.
    Elsewhere,
    /// A pass is full.
    Full,
    /// An operator wants it to rest.
    Paused,
    /// This node stops; another may go on at once.
    Stopped,
    /// Another node has taken the pass over, because this one was not heard of for too long.
    Lost,
}

/// A pass was broken off. It goes on later where it stood.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScrubError {
    /// The index failed.
    #[error("the scrub cannot go on without the index")]
    Engine(#[from] EngineError),
    /// The store failed, and not on one frame alone.
    #[error("the scrub cannot go on without the store")]
    Blob(#[from] BlobError),
    /// Bytes are missing or wrong, but the store is not known to be that of the index.
    #[error("the scrub finds damage, but in a store of which it is not certain that it is that of the index")]
    Pairing(#[from] PairingError),
}

/// Why a pass goes no further.
enum Halt {
    Turn(Turn),
    Failed(ScrubError),
}

impl<E: Into<ScrubError>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Scrub {
    /// The job over `parts`.
    #[must_use]
    pub fn new(parts: ScrubParts, settings: Live<ScrubSettings>, bounds: ScrubBounds) -> Self {
        // So that an alarm on a rise has something to rise from.
        Damage::ALL.iter().for_each(|damage| parts.meters.scrub_found(damage.name(), 0));
        Damage::ALL.iter().for_each(|damage| parts.meters.scrub_replica_found(damage.name(), 0));
        Self { parts, settings, bounds, pace: Pace::default(), replica_rest: Rest::default() }
    }

    /// Does the job whenever it is due and nobody else does it, until `stop`.
    pub async fn keep(&self, stop: CancellationToken) {
        let mut pause = limits::CHORES_AFTER;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            pause = LOOK_EVERY;
            match self.turn(&stop).await {
                Ok(Turn::Idle | Turn::Elsewhere) => {}
                Ok(turn) => tracing::info!(?turn, "scrub"),
                Err(error) => {
                    tracing::warn!(error = causes(&error), "the scrub goes on later");
                    pause = FAILED_PAUSE;
                }
            }
        }
    }

    /// Looks whether the job is due, and does it to its end if nobody else does.
    ///
    /// # Errors
    /// [`ScrubError`] when index or store fail. What was done before stays done.
    pub async fn turn(&self, stop: &CancellationToken) -> Result<Turn, ScrubError> {
        let row = self.parts.engine.job(KIND).await?;
        self.show(row.as_ref());
        if row.as_ref().is_some_and(|row| row.is_held) {
            return Ok(Turn::Elsewhere);
        }
        if !self.is_due(row.as_ref()) {
            return Ok(Turn::Idle);
        }
        let Some(row) = self.parts.engine.take_job(KIND, self.parts.node, self.bounds.lease).await? else {
            return Ok(Turn::Elsewhere);
        };
        let mut pass = Pass::taken(&row, self.parts.clock.now());
        // Another may have ended it between the two looks.
        let done = if self.is_due(Some(&row)) { self.pass(&mut pass, stop).await } else { Err(Halt::Turn(Turn::Idle)) };
        match done {
            Ok(()) => Ok(Turn::Full),
            Err(Halt::Turn(Turn::Lost)) => Ok(Turn::Lost),
            Err(Halt::Turn(Turn::Idle)) => {
                let untouched = JobSave { token: row.token, lease: None, answered: row.answered, progress: row.progress };
                self.parts.engine.save_job(KIND, untouched, Events::default()).await?;
                Ok(Turn::Idle)
            }
            Err(Halt::Turn(turn)) => {
                self.give_back(&pass).await?;
                Ok(turn)
            }
            // How its row stands is not known, so the lease is left to end.
            Err(Halt::Failed(error @ ScrubError::Engine(_))) => Err(error),
            Err(Halt::Failed(error)) => {
                self.give_back(&pass).await?;
                Err(error)
            }
        }
    }

    async fn give_back(&self, pass: &Pass) -> Result<(), EngineError> {
        self.parts.engine.save_job(KIND, pass.save(None), Events::default()).await.map(|_row| ())
    }

    async fn pass(&self, pass: &mut Pass, stop: &CancellationToken) -> Result<(), Halt> {
        if pass.place == Place::Frames(None) {
            let totals = self.holding(pass, stop, self.parts.engine.frame_totals()).await??;
            pass.reports.pass = ScrubReport::of(totals);
            self.save(pass, Events::default()).await?;
            tracing::info!(frames = totals.frames, bytes = totals.bytes, "a pass of the scrub begins");
        }
        while let Place::Frames(after) = pass.place {
            let page = self.parts.engine.frames(after, self.bounds.batch_frames).await?;
            if page.is_empty() {
                pass.place = Place::Listing;
                self.save(pass, Events::default()).await?;
            }
            let mut left = VecDeque::from(page);
            while let Some((batch, last)) = self.next_batch(&mut left) {
                let compared = self.holding(pass, stop, self.compare(batch)).await??;
                // Taken over only once it is durable: what follows goes on from what the row says.
                let mut next = pass.clone();
                let events = self.enter(&mut next, compared).await?;
                next.place = Place::Frames(Some(last.key()));
                self.save(&next, events).await?;
                *pass = next;
            }
        }
        let (listed, orphans, orphan_bytes) = self.holding(pass, stop, self.orphans()).await??;
        pass.reports.pass = ScrubReport { listed, orphans, orphan_bytes, ..std::mem::take(&mut pass.reports.pass) };
        let row = self.parts.engine.save_job(KIND, pass.full(self.parts.clock.now()), Events::default()).await?;
        self.show(row.as_ref());
        row.map(|_row| ()).ok_or(Halt::Turn(Turn::Lost))
    }

    /// The next frames that are compared together, and the last of them.
    fn next_batch(&self, left: &mut VecDeque<FrameRow>) -> Option<(Vec<FrameRow>, FrameRow)> {
        let (mut batch, mut bytes, mut last) = (Vec::new(), 0_u64, None);
        while bytes < self.bounds.batch_bytes {
            let Some(frame) = left.pop_front() else { break };
            bytes = bytes.saturating_add(frame.location.length);
            batch.push(frame);
            last = Some(frame);
        }
        last.map(|last| (batch, last))
    }

    /// Does `work`, and gives a sign of life meanwhile.
    async fn holding<T>(&self, pass: &Pass, stop: &CancellationToken, work: impl Future<Output = T>) -> Result<T, Halt> {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Err(Halt::Turn(Turn::Stopped)),
                done = work.as_mut() => return Ok(done),
                () = tokio::time::sleep(self.bounds.lease / 3) => self.save(pass, Events::default()).await?,
            }
        }
    }

    async fn save(&self, pass: &Pass, events: Events) -> Result<(), Halt> {
        match self.parts.engine.save_job(KIND, pass.save(Some(self.bounds.lease)), events).await? {
            None => Err(Halt::Turn(Turn::Lost)),
            Some(row) => {
                self.show(Some(&row));
                if row.wanted == JobWanted::Rest { Err(Halt::Turn(Turn::Paused)) } else { Ok(()) }
            }
        }
    }

    async fn compare(&self, batch: Vec<FrameRow>) -> Result<Vec<(FrameRow, Seen)>, ScrubError> {
        // At a slow rate no more than that of a moment, or it would come in bursts.
        let moment = self.settings.now().bytes_per_second / MOMENTS_PER_SECOND;
        stream::iter(small_ones_together(batch, moment.min(limits::SCRUB_TOGETHER_BYTES)))
            .map(|frames| self.look_at(frames))
            .buffered(limits::SCRUB_READS_MAX)
            .try_concat()
            .await
    }

    /// How frames stand here, and those that are sound, in the replica.
    async fn look_at(&self, frames: Vec<FrameRow>) -> Result<Vec<(FrameRow, Seen)>, ScrubError> {
        let locations: Vec<Location> = frames.iter().map(|frame| frame.location).collect();
        let sums = self.parts.blobs.examine_each(&locations, |bytes| self.turn_for(bytes)).await;
        let mut looked = Vec::with_capacity(frames.len());
        for (frame, sum) in frames.into_iter().zip(sums) {
            let seen = match damage(sum, &frame)? {
                None => Seen::Sound(self.mirror(&frame).await),
                Some(damage) => Seen::Damaged(damage),
            };
            looked.push((frame, seen));
        }
        Ok(looked)
    }

    async fn seen_again(&self, frame: &FrameRow) -> Result<Seen, ScrubError> {
        let first = self.parts.blobs.from_first();
        Ok(match damage(self.crc(&first, &frame.location).await, frame)? {
            None => Seen::Sound(self.mirror(frame).await),
            Some(damage) => Seen::Damaged(damage),
        })
    }

    async fn crc(&self, store: &BlobStore, location: &Location) -> Result<u64, BlobError> {
        store.examine(location, |bytes| self.turn_for(bytes)).await
    }

    /// Waits until `bytes` may be read.
    async fn turn_for(&self, bytes: u64) {
        self.pace.turn(bytes, self.settings.now().bytes_per_second).await;
        self.parts.meters.scrub_read(bytes);
    }

    /// Enters what came of a batch in the report, and gives the events that go with it.
    async fn enter(&self, pass: &mut Pass, compared: Vec<(FrameRow, Seen)>) -> Result<Events, ScrubError> {
        let mut events = Events::default();
        let mut names = HashMap::new();
        if compared.iter().any(|(_, seen)| matches!(seen, Seen::Damaged(_))) {
            // A store that is not mounted, or does not answer, has lost nothing.
            self.parts.pairing.look().await?;
        }
        let report = &mut pass.reports.pass;
        for (frame, seen) in compared {
            report.checked(&frame);
            let seen = match seen {
                // The store may have been away for a moment, and it is there now.
                Seen::Damaged(Damage::Unreadable) => self.seen_again(&frame).await?,
                seen => seen,
            };
            let damage = match seen {
                Seen::Damaged(damage) => damage,
                Seen::Sound(mirrored) => {
                    self.enter_mirrored(report, mirrored);
                    continue;
                }
            };
            // Deleted meanwhile: its bytes may go.
            if !self.parts.engine.names_frame(frame.location, frame.stored_crc).await? {
                report.vanished += 1;
                continue;
            }
            let mut finding = Finding::of(&frame, damage, self.parts.clock.now());
            if self.repaired(&frame).await {
                finding.state = FindingState::Repaired;
            }
            finding.is_recorded = self.record(&frame, &finding, &mut names, &mut events).await?;
            self.tell(&finding);
            report.found(finding);
        }
        Ok(events)
    }

    fn enter_mirrored(&self, report: &mut ScrubReport, mirrored: Mirrored) {
        report.mirrored(mirrored);
        if let Mirrored::Other(damage, state) = mirrored {
            self.parts.meters.scrub_replica_found(damage.name(), 1);
            if state == FindingState::Repaired {
                self.parts.meters.scrub_replica_filled();
            }
        }
    }

    /// Adds the events of a finding. Whether the tenant's log takes them.
    async fn record(
        &self,
        frame: &FrameRow,
        finding: &Finding,
        names: &mut HashMap<BucketId, String>,
        events: &mut Events,
    ) -> Result<bool, EngineError> {
        let tenant = frame.location.blob.tenant();
        let subject = Subject {
            bucket: self.bucket_name(tenant, frame.bucket, names).await?,
            version: finding.version.clone(),
            upload: finding.upload.clone(),
            ..Subject::default()
        };
        let actions = [Some(OperatorAction::FindDamage), finding.is_repaired().then_some(OperatorAction::RepairDamage)];
        for action in actions.into_iter().flatten() {
            let event = Operator::process().event(action, subject.clone(), finding.at);
            let event = Event { reason: Some(finding.damage.name().to_owned()), ..event };
            match self.parts.journal.seal(tenant, event).await {
                Ok(pending) => {
                    let Events { rows, keys } = pending.into_events();
                    events.rows.extend(rows);
                    events.keys.extend(keys);
                }
                // The keys of a tenant may be withdrawn; damage to others is found all the same.
                Err(error) => {
                    tracing::warn!(%tenant, error = causes(&error), "damage does not stand in this tenant's log");
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    async fn bucket_name(
        &self,
        tenant: TenantId,
        bucket: Option<BucketId>,
        names: &mut HashMap<BucketId, String>,
    ) -> Result<Option<String>, EngineError> {
        let Some(bucket) = bucket else { return Ok(None) };
        if !names.contains_key(&bucket) {
            let rows = self.parts.engine.buckets(tenant).await?;
            names.extend(rows.into_iter().map(|row| (row.id, row.name.to_string())));
        }
        Ok(names.get(&bucket).cloned())
    }

    fn tell(&self, finding: &Finding) {
        let Finding { damage, blob, tenant, .. } = finding;
        self.parts.meters.scrub_found(damage.name(), 1);
        if finding.is_repaired() {
            self.parts.meters.scrub_repaired();
        }
        tracing::error!(damage = damage.name(), blob, tenant, repaired = finding.is_repaired(), "a stored frame is damaged");
    }

    /// How many blobs the store lists, how many old ones nobody knows, and their bytes.
    async fn orphans(&self) -> Result<(u64, u64, u64), ScrubError> {
        let before = self.parts.clock.now().minus(limits::ORPHAN_AGE_MIN);
        let (mut listed, mut orphans, mut bytes) = (0_u64, 0_u64, 0_u64);
        let mut chunks = self.parts.blobs.list(Scope::All).chunks(limits::ORPHAN_BATCH);
        while let Some(chunk) = chunks.next().await {
            let found: Vec<ListedBlob> = chunk.into_iter().collect::<Result<_, _>>()?;
            listed += found.len() as u64;
            // Both must be old: a copied store has new times, and a store's clock may be wrong.
            let is_old = |found: &&ListedBlob| found.modified < before && found.blob.day() <= before.day();
            let old: HashMap<_, _> = found.iter().filter(is_old).map(|found| (found.blob, found.bytes)).collect();
            for blob in self.parts.engine.unknown_blobs(old.keys().copied().collect()).await? {
                orphans += 1;
                bytes = bytes.saturating_add(old.get(&blob).copied().unwrap_or_default());
            }
        }
        Ok((listed, orphans, bytes))
    }
}

/// What is wrong with a frame, by what came of reading it. A store that cannot read one blob has damaged it.
fn damage(read: Result<u64, BlobError>, frame: &FrameRow) -> Result<Option<Damage>, BlobError> {
    match read {
        Ok(crc) if crc == frame.stored_crc => Ok(None),
        Ok(_other) => Ok(Some(Damage::Changed)),
        Err(BlobError::Missing { .. }) => Ok(Some(Damage::Missing)),
        Err(BlobError::Truncated { .. } | BlobError::Range { .. }) => Ok(Some(Damage::Truncated)),
        Err(error @ BlobError::Store { .. }) => {
            tracing::warn!(error = causes(&error), "a stored frame cannot be read");
            Ok(Some(Damage::Unreadable))
        }
        Err(error) => Err(error),
    }
}

/// The frames in their order, those next to each other that are read together in one group. One of more than `bytes_max` is
/// alone.
fn small_ones_together(batch: Vec<FrameRow>, bytes_max: u64) -> Vec<Vec<FrameRow>> {
    let (mut groups, mut bytes) = (Vec::<Vec<FrameRow>>::new(), 0_u64);
    for frame in batch {
        bytes = bytes.saturating_add(frame.location.length);
        match groups.last_mut() {
            Some(group) if bytes <= bytes_max && group.len() < limits::SCRUB_TOGETHER_FRAMES => group.push(frame),
            _ => {
                bytes = frame.location.length;
                groups.push(vec![frame]);
            }
        }
    }
    groups
}
