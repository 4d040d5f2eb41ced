use crate::blob::{BlobError, BlobStore, Scope};
use crate::domain::{BlobId, Day, TenantId, causes};
use crate::engine::{Engine, EngineError, FrameRow};
use futures::{StreamExt, TryStreamExt};
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::pin::pin;

/// Frames that are compared at a time.
const BATCH: usize = 1_000;
/// Frames that are named in a report; the others are only counted.
const NAMED_MAX: usize = 100;

/// What an index and its store have of each other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reconciliation {
    /// Stored frames that rows name.
    pub frames: u64,
    /// Their bytes.
    pub frame_bytes: u64,
    /// Of these, frames whose blob is not there.
    pub missing: u64,
    /// Frames that their blob is too short for.
    pub truncated: u64,
    /// Of both, frames that the replica has.
    pub in_replica: u64,
    /// Blobs that are there.
    pub blobs: u64,
    /// Their bytes.
    pub blob_bytes: u64,
    /// Blobs that no row names, and that do not wait for their deletion either. Without its row a body opens no more.
    pub unknown: u64,
    /// Their bytes.
    pub unknown_bytes: u64,
    /// The first frames that are missing or truncated.
    pub findings: Vec<ReconciledFrame>,
}

/// A frame that is not there as its row says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReconciledFrame {
    /// `missing` or `truncated`.
    pub damage: &'static str,
    /// Its blob.
    pub blob: String,
    /// The bucket of its version.
    pub bucket: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Whether the replica has it.
    pub in_replica: bool,
}

/// Index and store cannot be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReconcileError {
    /// The index failed.
    #[error("the index cannot be compared with the store")]
    Engine(#[from] EngineError),
    /// The store failed.
    #[error("the store cannot be compared with the index")]
    Blob(#[from] BlobError),
}

/// Compares every frame that a row names with the blobs that are there. Changes nothing and reads no body; what is in
/// memory at a time are the names of one tenant's blobs of one day. `told` hears of each step.
///
/// # Errors
/// [`ReconcileError`].
pub async fn reconcile(
    engine: &dyn Engine,
    blobs: &BlobStore,
    told: &(dyn Fn(&Reconciliation) + Send + Sync),
) -> Result<Reconciliation, ReconcileError> {
    let mut found = Reconciliation::default();
    let mut days: HashSet<(TenantId, Day)> = HashSet::new();
    let (mut after, mut shelf) = (None, Shelf::default());
    loop {
        let frames = engine.frames(after, BATCH).await?;
        let Some(last) = frames.last() else { break };
        after = Some(last.key());
        for frame in &frames {
            let day = (frame.location.blob.tenant(), frame.location.blob.day());
            if shelf.day != Some(day) {
                shelf.close(engine, &mut found).await?;
                shelf = Shelf::of(blobs, day).await?;
                days.insert(day);
            }
            shelf.compare(frame, blobs, &mut found).await;
        }
        told(&found);
    }
    shelf.close(engine, &mut found).await?;
    others(engine, blobs, &days, &mut found).await?;
    told(&found);
    Ok(found)
}

/// Blobs of days of which no row names any.
async fn others(
    engine: &dyn Engine,
    blobs: &BlobStore,
    days: &HashSet<(TenantId, Day)>,
    found: &mut Reconciliation,
) -> Result<(), ReconcileError> {
    let listed = blobs.list(Scope::All).try_filter(|listed| std::future::ready(!days.contains(&(listed.blob.tenant(), listed.blob.day()))));
    let mut batches = pin!(listed.try_chunks(BATCH));
    while let Some(batch) = batches.next().await {
        let batch: HashMap<BlobId, u64> = batch.map_err(|broken| broken.1)?.into_iter().map(|listed| (listed.blob, listed.bytes)).collect();
        found.count(&batch);
        found.count_unknown(engine, &batch).await?;
    }
    Ok(())
}

impl Reconciliation {
    /// Whether every frame that a row names is there.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.missing + self.truncated == 0
    }

    fn count(&mut self, blobs: &HashMap<BlobId, u64>) {
        self.blobs += blobs.len() as u64;
        self.blob_bytes += blobs.values().sum::<u64>();
    }

    async fn count_unknown(&mut self, engine: &dyn Engine, blobs: &HashMap<BlobId, u64>) -> Result<(), ReconcileError> {
        let names: Vec<BlobId> = blobs.keys().copied().collect();
        for batch in names.chunks(BATCH) {
            for unknown in engine.unknown_blobs(batch.to_vec()).await? {
                self.unknown += 1;
                self.unknown_bytes += blobs.get(&unknown).copied().unwrap_or_default();
            }
        }
        Ok(())
    }
}

/// The blobs of one tenant and day.
#[derive(Default)]
struct Shelf {
    day: Option<(TenantId, Day)>,
    blobs: HashMap<BlobId, u64>,
    named: HashSet<BlobId>,
}

impl Shelf {
    async fn of(blobs: &BlobStore, (tenant, day): (TenantId, Day)) -> Result<Self, ReconcileError> {
        let listed = blobs.list(Scope::Day(tenant, day)).map_ok(|listed| (listed.blob, listed.bytes));
        Ok(Self { day: Some((tenant, day)), blobs: listed.try_collect().await?, named: HashSet::new() })
    }

    async fn compare(&mut self, frame: &FrameRow, blobs: &BlobStore, found: &mut Reconciliation) {
        let location = &frame.location;
        found.frames += 1;
        found.frame_bytes += location.length;
        self.named.insert(location.blob);
        let damage = match self.blobs.get(&location.blob) {
            Some(bytes) if location.offset.saturating_add(location.length) <= *bytes => return,
            Some(_) => "truncated",
            None => "missing",
        };
        let in_replica = is_in_replica(blobs, frame).await;
        found.missing += u64::from(damage == "missing");
        found.truncated += u64::from(damage == "truncated");
        found.in_replica += u64::from(in_replica);
        if found.findings.len() < NAMED_MAX {
            let (bucket, version) = (frame.bucket.map(|id| id.to_string()), frame.version.map(|id| id.to_string()));
            found.findings.push(ReconciledFrame { damage, blob: location.blob.to_string(), bucket, version, in_replica });
        }
    }

    /// Counts what is left once all frames of the day were compared.
    async fn close(&mut self, engine: &dyn Engine, found: &mut Reconciliation) -> Result<(), ReconcileError> {
        found.count(&self.blobs);
        self.blobs.retain(|blob, _| !self.named.contains(blob));
        found.count_unknown(engine, &self.blobs).await
    }
}

async fn is_in_replica(blobs: &BlobStore, frame: &FrameRow) -> bool {
    let Some(replica) = blobs.from_replica() else { return false };
    match replica.checksum(&frame.location).await {
        Ok(crc) => crc == frame.stored_crc,
        Err(error) => {
            tracing::debug!(error = causes(&error), "the replica has it not either");
            false
        }
    }
}
