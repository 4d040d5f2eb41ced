use crate::blob::{BlobError, BlobStore, Scope};
use crate::domain::{BlobId, Clock, limits};
use crate::engine::{Engine, EngineError};
use futures::{StreamExt, TryStreamExt, stream};
use std::sync::Arc;

/// Deletions that are on their way to the store at a time.
const DELETIONS_MAX: usize = 8;

/// Collects blobs that no row names: of uploads cut off by a crash, of replaced and deleted versions.
///
/// A blob is condemned in the index first, and a commit refuses a condemned blob; its bytes go in a later
/// pass. So a write that is still on its way to its commit never loses its bytes unnoticed.
/// Must not run while an index is being restored or recovered: rows may be missing then.
#[derive(Debug)]
pub struct Orphans {
    engine: Arc<dyn Engine>,
    blobs: BlobStore,
    clock: Arc<dyn Clock>,
}

/// What one pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OrphanReport {
    /// Blobs that the store listed.
    pub listed: u64,
    /// Of these, blobs too young to be judged.
    pub young: u64,
    /// Of these, blobs that no row names: they are condemned now.
    pub condemned: u64,
    /// Blobs condemned in an earlier pass whose bytes are gone now.
    pub deleted: u64,
    /// Blobs condemned in an earlier pass that the store did not delete; the next pass tries again.
    pub kept: u64,
    /// Files of writes that were cut off, removed.
    pub unfinished: u64,
}

/// A pass ended early. What it did before stays done, and the next pass goes on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OrphansError {
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
    pub fn new(engine: Arc<dyn Engine>, blobs: BlobStore, clock: Arc<dyn Clock>) -> Self {
        Self { engine, blobs, clock }
    }

    /// Runs one pass. It may be killed at any point and run again.
    ///
    /// # Errors
    /// [`OrphansError`] when index or store fail.
    pub async fn run(&self) -> Result<OrphanReport, OrphansError> {
        let mut report = OrphanReport::default();
        // Before anything is condemned, so that only what an earlier pass condemned is deleted.
        self.delete(&mut report).await?;
        self.condemn(&mut report).await?;
        report.unfinished = self.blobs.remove_unfinished(self.clock.now().minus(limits::ORPHAN_AGE_MIN)).await?;
        Ok(report)
    }

    async fn delete(&self, report: &mut OrphanReport) -> Result<(), OrphansError> {
        let before = self.clock.now().minus(limits::CONDEMNED_AGE_MIN);
        loop {
            let batch = self.engine.condemned(before, limits::ORPHAN_BATCH).await?;
            let gone: Vec<BlobId> = stream::iter(batch.iter().copied())
                .map(|blob| self.delete_one(blob))
                .buffer_unordered(DELETIONS_MAX)
                .filter_map(std::future::ready)
                .collect()
                .await;
            let (asked, deleted) = (batch.len() as u64, gone.len() as u64);
            report.deleted += deleted;
            report.kept += asked - deleted;
            // A crash before this leaves condemned names without bytes, which the next pass deletes again.
            self.engine.forget_condemned(gone).await?;
            // What was kept would come again at once: the rest of the work is for the next pass then.
            if asked < limits::ORPHAN_BATCH as u64 || deleted < asked {
                return Ok(());
            }
        }
    }

    async fn delete_one(&self, blob: BlobId) -> Option<BlobId> {
        match self.blobs.delete(blob).await {
            Ok(()) => Some(blob),
            Err(error) => {
                tracing::warn!(%blob, %error, "a condemned blob could not be deleted yet");
                None
            }
        }
    }

    async fn condemn(&self, report: &mut OrphanReport) -> Result<(), OrphansError> {
        let now = self.clock.now();
        let before = now.minus(limits::ORPHAN_AGE_MIN);
        let mut old = Vec::with_capacity(limits::ORPHAN_BATCH);
        let mut listed = self.blobs.list(Scope::All);
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
