use super::{Agreement, Pairing, PairingError};
use crate::blob::{BlobError, BlobStore, Scope};
use crate::domain::{BlobId, Clock, causes, limits};
use crate::engine::{Condemned, Engine, EngineError};
use futures::{StreamExt, TryStreamExt, stream};
use std::sync::Arc;

/// Deletions that are on their way to the store at a time.
const DELETIONS_MAX: usize = 8;

/// Collects blobs that no row names: of uploads cut off by a crash, of replaced and deleted versions.
///
/// A blob is condemned in the index first, and a commit refuses a condemned blob; its bytes go in a later
/// pass. So a write that is still on its way to its commit never loses its bytes unnoticed.
/// With an index that is not that of the store, or an older copy of it, a pass does nothing: rows may be missing.
#[derive(Debug)]
pub struct Orphans {
    engine: Arc<dyn Engine>,
    blobs: BlobStore,
    clock: Arc<dyn Clock>,
    pairing: Arc<Pairing>,
}

/// What one pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OrphanReport {
    /// Blobs that the store listed, and its replica.
    pub listed: u64,
    /// Of these, blobs too young to be judged.
    pub young: u64,
    /// Of these, blobs that no row names: they are condemned now.
    pub condemned: u64,
    /// Blobs condemned in an earlier pass whose bytes are gone now.
    pub deleted: u64,
    /// Blobs condemned in an earlier pass that the store did not delete; the next pass tries again.
    pub kept: u64,
    /// Blobs found condemned though a row names them. They stay, and are condemned no longer.
    pub spared: u64,
    /// Files of writes that were cut off, removed.
    pub unfinished: u64,
}

/// A pass ended early. What it did before stays done, and the next pass goes on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OrphansError {
    /// The index is older than one that the store has seen.
    #[error(
        "nothing is collected: the index is at generation {index}, the store has seen {seen}. It is an older copy, or was \
         adopted; `hozon store accept` once it is known to be the right one"
    )]
    Behind {
        /// The index's generation.
        index: u64,
        /// The store's.
        seen: u64,
    },
    /// Index and store do not belong together, or cannot be asked.
    #[error(transparent)]
    Pairing(#[from] PairingError),
    /// The index failed.
    #[error("orphans cannot be told from named blobs")]
    Engine(#[from] EngineError),
    /// The store failed.
    #[error("the store cannot be searched for orphans")]
    Blob(#[from] BlobError),
}

impl Orphans {
    /// The job over the rows of `engine` and the bytes of `blobs`.
    #[must_use]
    pub fn new(engine: Arc<dyn Engine>, blobs: BlobStore, clock: Arc<dyn Clock>, pairing: Arc<Pairing>) -> Self {
        Self { engine, blobs, clock, pairing }
    }

    /// Runs one pass. It may be killed at any point and run again.
    ///
    /// # Errors
    /// [`OrphansError`] when index or store fail, or are not those that belong together.
    pub async fn run(&self) -> Result<OrphanReport, OrphansError> {
        // A newer generation first: a copy of the index from before this pass can be told from it.
        if let Agreement::Behind { index, seen } = self.pairing.advance().await? {
            return Err(OrphansError::Behind { index: index.generation, seen });
        }
        let mut report = OrphanReport::default();
        // Before anything is condemned, so that only what an earlier pass condemned is deleted.
        self.delete(&mut report).await?;
        self.condemn(&mut report).await?;
        let before = self.clock.now().minus(limits::ORPHAN_AGE_MIN);
        report.unfinished = self.blobs.remove_unfinished(before).await?;
        if let Some(replica) = self.blobs.admitted_replica() {
            match replica.remove_unfinished(before).await {
                Ok(removed) => report.unfinished += removed,
                Err(error) => tracing::warn!(error = causes(&error), "the replica was not searched for writes that were cut off"),
            }
        }
        Ok(report)
    }

    async fn delete(&self, report: &mut OrphanReport) -> Result<(), OrphansError> {
        let before = self.clock.now().minus(limits::CONDEMNED_AGE_MIN);
        let mut after = None;
        loop {
            let batch = self.engine.condemned(before, after, limits::ORPHAN_BATCH).await?;
            let (spared, doomed): (Vec<Condemned>, Vec<Condemned>) = batch.iter().partition(|condemned| condemned.is_named);
            for Condemned { blob, .. } in &spared {
                tracing::error!(%blob, "a blob that a row names is condemned, which hozon never does: it stays");
            }
            let asked = doomed.len() as u64;
            let gone: Vec<BlobId> = stream::iter(doomed)
                .map(|condemned| self.delete_one(condemned.blob))
                .buffer_unordered(DELETIONS_MAX)
                .filter_map(std::future::ready)
                .collect()
                .await;
            let deleted = gone.len() as u64;
            report.spared += spared.len() as u64;
            report.deleted += deleted;
            report.kept += asked - deleted;
            // A crash before this leaves condemned names without bytes, which the next pass deletes again.
            self.engine.forget_condemned(spared.iter().map(|condemned| condemned.blob).chain(gone).collect()).await?;
            after = batch.last().copied();
            if batch.len() < limits::ORPHAN_BATCH {
                return Ok(());
            }
        }
    }

    async fn delete_one(&self, blob: BlobId) -> Option<BlobId> {
        match self.blobs.delete(blob).await {
            Ok(()) => Some(blob),
            Err(error) => {
                tracing::warn!(%blob, error = causes(&error), "a condemned blob could not be deleted yet");
                None
            }
        }
    }

    /// Looks at each store alone: what one has and the other lacks is an orphan all the same.
    async fn condemn(&self, report: &mut OrphanReport) -> Result<(), OrphansError> {
        self.condemn_in(&self.blobs.from_first(), report).await?;
        if let Some(replica) = self.blobs.admitted_replica()
            && let Err(error) = self.condemn_in(&replica, report).await
        {
            match error {
                // The store's own orphans need not wait for a replica that is away.
                OrphansError::Blob(error) => tracing::warn!(error = causes(&error), "the replica was not searched for orphans"),
                error => return Err(error),
            }
        }
        Ok(())
    }

    async fn condemn_in(&self, store: &BlobStore, report: &mut OrphanReport) -> Result<(), OrphansError> {
        let now = self.clock.now();
        let before = now.minus(limits::ORPHAN_AGE_MIN);
        let mut old = Vec::with_capacity(limits::ORPHAN_BATCH);
        let mut listed = store.list(Scope::All);
        while let Some(found) = listed.try_next().await? {
            report.listed += 1;
            // Both must be old: a copied store has new times, and a store's clock may be wrong.
            if found.modified >= before || found.blob.day() > before.day() {
                report.young += 1;
                continue;
            }
            old.push(found.blob);
            if old.len() == limits::ORPHAN_BATCH {
                report.condemned += self.engine.condemn(std::mem::take(&mut old), now).await?.len() as u64;
            }
        }
        if !old.is_empty() {
            report.condemned += self.engine.condemn(old, now).await?.len() as u64;
        }
        Ok(())
    }
}
