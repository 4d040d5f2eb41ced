//! Which records exist, for one tenant at a time: names sealed, tokens, row MACs, listing.
//!
//! It turns rows into meaning and back. Every row is checked against its MAC before anything in it counts,
//! names and attributes are opened under the tenant's index key, and nothing here ever sees a record's body
//! or a data key. A version enters only with [`Stored`](crate::blob::Stored), the proof that its bytes are
//! durable. Way in: [`Index::of`].

mod bucket;
mod cursor;
mod directories;
mod directory;
mod entry;
mod error;
mod facts;
mod find;
mod list;
mod listing_cache;
mod new_version;
mod part;
mod part_checksums;
mod put;
mod query;
mod remove;
mod rollup;
mod row_mac;
mod run;
mod run_page;
mod run_writer;
mod sealed_json;
mod tags;
mod tokens;
mod upload;
mod upload_part;
mod uploads;
mod version;
mod versions;
mod view;
mod walk;

use crate::domain::{TenantId, UtcTime, causes, limits};
use crate::engine::{Changed, Engine};
use crate::leases::{IndexKeys, Leases};
use directories::{Directories, Lease};
use std::sync::Arc;

pub use bucket::{Bucket, NewBucket};
pub use entry::EntrySnapshot;
pub use error::IndexError;
pub use facts::{Depth, EntryFacts};
pub use find::Found;
pub use new_version::{NewContent, NewVersion};
pub use part::Part;
pub use query::{
    ListItem, ListPage, ListQuery, UploadItem, UploadsPage, UploadsQuery, VersionItem, VersionMarker, VersionsPage, VersionsQuery,
};
pub use run::RunSettings;
pub use upload::{NewUpload, Upload};
pub use upload_part::{NewUploadPart, UploadedPart};
pub use version::Version;

/// The index of all tenants; every question goes through [`Index::of`].
#[derive(Debug)]
pub struct Index {
    engine: Arc<dyn Engine>,
    leases: Arc<Leases>,
    directories: Directories,
}

impl Index {
    /// The index over `engine`, with the keys that `leases` give.
    #[must_use]
    pub fn new(engine: Arc<dyn Engine>, leases: Arc<Leases>) -> Self {
        Self::with_runs(engine, leases, RunSettings::default())
    }

    /// The same, with other bounds for sorted runs.
    #[must_use]
    pub fn with_runs(engine: Arc<dyn Engine>, leases: Arc<Leases>, runs: RunSettings) -> Self {
        let directories = Directories::new(Arc::clone(&engine), runs);
        Self { engine, leases, directories }
    }

    /// What belongs to `tenant`.
    #[must_use]
    pub const fn of(&self, tenant: TenantId) -> TenantIndex<'_> {
        TenantIndex { index: self, tenant }
    }

    /// The database below.
    #[must_use]
    pub const fn engine(&self) -> &Arc<dyn Engine> {
        &self.engine
    }

    /// Wipes the opened names of tenants whose keys were taken away. One task of the process calls it every few
    /// seconds, so that names go also where nobody lists; a listing never shows what was opened before.
    pub fn sweep(&self) {
        self.directories.sweep(|tenant| self.leases.generation(tenant));
    }

    /// Writes the sorted runs that listings have asked for since the last time, and says how many. One task of the
    /// process calls it every few seconds: until it has, a huge directory that was opened name by name stays in memory.
    ///
    /// # Errors
    /// [`IndexError`]; the listings that come ask again.
    pub async fn write_runs(&self) -> Result<u64, IndexError> {
        let mut written = 0;
        while let Some(wanted) = self.directories.wanted.first() {
            let done = self.write_run(&wanted).await;
            self.directories.wanted.remove(&wanted);
            written += u64::from(done? == Changed::Done);
        }
        Ok(written)
    }

    /// Writes runs anew that would end soon, because what has gone from their directories is about to be forgotten.
    ///
    /// # Errors
    /// [`IndexError`]; what was written stays.
    pub async fn renew_runs(&self, now: UtcTime) -> Result<u64, IndexError> {
        let before = now.minus(limits::TOMBSTONES_LIFE / 2);
        let (mut renewed, mut after) = (0, None);
        loop {
            let batch = self.engine.aging_runs(before, after, limits::RUNS_RENEWED_AT_ONCE).await?;
            for (tenant, row) in &batch {
                match self.renew_run(*tenant, row).await {
                    Ok(done) => renewed += u64::from(done == Changed::Done),
                    // The keys of one tenant may be withdrawn, or one of its rows be damaged: the others go on.
                    Err(error @ IndexError::Engine(_)) => return Err(error),
                    Err(error) => tracing::warn!(%tenant, run = %row.id, error = causes(&error), "a sorted run is not renewed yet"),
                }
            }
            if batch.len() < limits::RUNS_RENEWED_AT_ONCE {
                return Ok(renewed);
            }
            after = batch.last().map(|(_, row)| row.id);
        }
    }

    async fn lease(&self, tenant: TenantId) -> Result<Lease, IndexError> {
        // Before the keys: a lease that ends in between has then another number, and what is opened is not kept.
        let generation = self.leases.generation(tenant);
        Ok(Lease { keys: self.leases.index(tenant).await?, generation })
    }
}

/// One tenant's part of the index. There is no query without a tenant.
#[derive(Debug, Clone, Copy)]
pub struct TenantIndex<'a> {
    index: &'a Index,
    tenant: TenantId,
}

impl TenantIndex<'_> {
    async fn keys(&self) -> Result<Arc<IndexKeys>, IndexError> {
        Ok(self.index.leases.index(self.tenant).await?)
    }

    async fn lease(&self) -> Result<Lease, IndexError> {
        self.index.lease(self.tenant).await
    }

    fn engine(&self) -> &dyn Engine {
        self.index.engine.as_ref()
    }
}
