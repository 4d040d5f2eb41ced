//! Writes sorted runs in the background: page by page in small transactions, and valid only once the head is there.

use super::directories::Lease;
use super::listing_cache::{DirectoryId, Kept};
use super::run::{self, Run};
use super::run_page::PageWriter;
use super::view::Cursor;
use super::{Index, IndexError};
use crate::domain::{RunId, TenantId, limits};
use crate::engine::{Changed, RunRow};
use crate::seal::RunExtent;
use std::sync::{Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

/// A directory that shall get a run, as it was listed.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) id: DirectoryId,
    pub(super) path: Zeroizing<String>,
    pub(super) generation: u64,
    pub(super) kept: Kept,
}

/// The directories that wait for a run. They serve listings meanwhile: the largest fit in no cache.
#[derive(Default)]
pub(super) struct WantedRuns(Mutex<Vec<Wanted>>);

impl WantedRuns {
    /// Has a run written, unless too much waits already. The first is always taken.
    pub(super) fn add(&self, wanted: Wanted) {
        let mut all = self.all();
        all.retain(|other| other.id != wanted.id);
        let weight: usize = all.iter().map(|other| other.kept.view.weight()).sum();
        if all.is_empty() || weight + wanted.kept.view.weight() <= limits::LISTING_CACHE_BYTES_MAX {
            all.push(wanted);
        }
    }

    pub(super) fn first(&self) -> Option<Wanted> {
        self.all().first().cloned()
    }

    /// What was opened of a directory that waits, under this generation of its tenant's keys.
    pub(super) fn kept(&self, id: DirectoryId, generation: u64) -> Option<Kept> {
        self.all().iter().find(|wanted| wanted.id == id && wanted.generation == generation).map(|wanted| wanted.kept.clone())
    }

    /// Removes what was dealt with; what was asked for meanwhile stays.
    pub(super) fn remove(&self, done: &Wanted) {
        self.all().retain(|wanted| wanted.id != done.id || wanted.kept.mark > done.kept.mark);
    }

    pub(super) fn sweep(&self, generation_of: impl Fn(TenantId) -> u64) {
        self.all().retain(|wanted| wanted.generation == generation_of(wanted.id.tenant));
    }

    fn all(&self) -> MutexGuard<'_, Vec<Wanted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Index {
    /// Writes one run. [`Changed::Conflict`] if somebody else does, or it would no longer help.
    pub(super) async fn write_run(&self, wanted: &Wanted) -> Result<Changed, IndexError> {
        let lease = self.lease(wanted.id.tenant).await?;
        if lease.generation != wanted.generation {
            return Ok(Changed::Conflict);
        }
        let run = RunId::random();
        if self.engine.begin_run(wanted.id.bucket, wanted.id.token, run).await? == Changed::Conflict {
            return Ok(Changed::Conflict);
        }
        let written = self.write_pages(&lease, wanted, run).await;
        if !matches!(written, Ok(Changed::Done)) {
            self.engine.end_run(run).await?;
        }
        if let Err(IndexError::UnfitRun { run: old }) = written {
            // It was written over an older one that turns out to be damaged.
            self.directories.refuse(old).await;
            return Ok(Changed::Conflict);
        }
        written
    }

    /// Writes the run of `row` anew, with what has changed since.
    pub(super) async fn renew_run(&self, tenant: TenantId, row: &RunRow) -> Result<Changed, IndexError> {
        let id = DirectoryId { tenant, bucket: row.bucket, token: row.directory };
        let lease = self.lease(tenant).await?;
        if lease.keys.version(row.kek_version).is_none() {
            return Ok(Changed::Conflict);
        }
        let Some((_, path)) = Run::of(&lease.keys, id, row, &self.directories.settings) else {
            self.directories.refuse(row.id).await;
            return Ok(Changed::Conflict);
        };
        let kept = self.directories.open_kept(&lease, id, &path).await?;
        self.write_run(&Wanted { id, path, generation: lease.generation, kept }).await
    }

    async fn write_pages(&self, lease: &Lease, wanted: &Wanted, run: RunId) -> Result<Changed, IndexError> {
        let key = lease.keys.active();
        let (id, place) = (wanted.id, run::place(wanted.id, run));
        let mut cursor = Cursor::new(wanted.kept.view.clone(), self.directories.source(lease));
        let (mut pages, mut items) = (0, 0);
        loop {
            let mut sealed = Vec::with_capacity(limits::RUN_PAGES_AT_ONCE);
            let first = pages;
            while sealed.len() < limits::RUN_PAGES_AT_ONCE {
                let page = self.next_page(&mut cursor).await?;
                if page.items() == 0 {
                    break;
                }
                sealed.push(run::sealed_page(key, place, pages, page.plain())?);
                pages += 1;
                items += page.items() as u64;
            }
            if sealed.is_empty() {
                break;
            }
            let is_leased = self.leases.generation(id.tenant) == lease.generation;
            if !is_leased || self.engine.put_run_pages(run, first, sealed).await? == Changed::Conflict {
                return Ok(Changed::Conflict);
            }
        }
        let extent = RunExtent { epoch: wanted.kept.epoch, mark: wanted.kept.mark, pages, items };
        Ok(self.engine.complete_run(run::head(key, id, run, (extent, &wanted.path))?).await?)
    }

    async fn next_page(&self, cursor: &mut Cursor) -> Result<PageWriter, IndexError> {
        let mut page = PageWriter::new(self.directories.settings.page_items);
        while page.has_room() {
            let Some(seen) = cursor.peek().await? else { break };
            page.push(seen);
            cursor.advance();
        }
        Ok(page)
    }
}
