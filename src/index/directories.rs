//! Opened directories, as fresh as the index.

use super::IndexError;
use super::directory::{Directory, Live, Opened, What};
use super::listing_cache::{Cell, DirectoryId, Kept, ListingCache};
use super::row_mac::{check, key_version};
use super::tokens;
use crate::domain::{EntryId, TenantId, limits};
use crate::engine::{DirectoryChanges, DirectoryRow, Engine, EntryRow};
use crate::leases::IndexKeys;
use crate::seal::NameKey;
use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

/// Opens directories and keeps them opened while they are listed.
pub(super) struct Directories {
    engine: Arc<dyn Engine>,
    cache: Mutex<ListingCache>,
}

impl fmt::Debug for Directories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Directories")
    }
}

/// Whose keys open a directory, and since when they have been leased without a break.
#[derive(Clone)]
pub(super) struct Lease {
    pub(super) keys: Arc<IndexKeys>,
    pub(super) generation: u64,
}

impl Directories {
    pub(super) fn new(engine: Arc<dyn Engine>) -> Self {
        Self { engine, cache: Mutex::new(ListingCache::default()) }
    }

    /// The directory `id`, whose whole path is `path`, with everything that was committed before this call.
    pub(super) async fn open(&self, lease: &Lease, id: DirectoryId, path: &str) -> Result<Arc<Directory>, IndexError> {
        let cell = self.cache().cell(id, lease.generation);
        let directory = self.refreshed(lease, id, path, &cell).await?;
        self.cache().weigh(id, &cell, directory.len());
        Ok(directory)
    }

    /// Forgets what was opened under another generation of a tenant's keys than `generation_of` tells; the names are
    /// wiped once the listings under way are done.
    pub(super) fn sweep(&self, generation_of: impl Fn(TenantId) -> u64) {
        self.cache().sweep(generation_of);
    }

    async fn refreshed(&self, lease: &Lease, id: DirectoryId, path: &str, cell: &Cell) -> Result<Arc<Directory>, IndexError> {
        let mut kept = cell.lock().await;
        let (mut base, mut mark, mut epoch) = match kept.as_ref() {
            Some(kept) => (Arc::clone(&kept.directory), kept.mark, Some(kept.epoch)),
            None => (Arc::default(), 0, None),
        };
        let first_max = if epoch.is_some() { limits::LISTING_REFRESH_ROWS } else { limits::LISTING_LOAD_ROWS };
        let mut changes = Changes::default();
        let mut page = self.page(id, mark, first_max).await?;
        let mut is_too_old = mark < page.horizon && epoch.is_some();
        loop {
            if is_too_old || epoch.is_some_and(|epoch| epoch != page.epoch) {
                // Marks of another epoch, or from before what has gone is known, say nothing: begin again.
                is_too_old = false;
                (base, epoch, changes) = (Arc::default(), None, Changes::default());
                page = self.page(id, 0, limits::LISTING_LOAD_ROWS).await?;
                continue;
            }
            (mark, epoch) = (page.mark, Some(page.epoch));
            let more = page.more;
            let opening = opened(lease, id, path, page);
            if !more {
                changes.add(opening.await?);
                break;
            }
            // The next rows are read while these are opened.
            let (opened, next) = tokio::join!(opening, self.page(id, mark, limits::LISTING_LOAD_ROWS));
            changes.add(opened?);
            page = next?;
        }
        let directory = changes.applied_to(base).await?;
        *kept = Some(Kept { directory: Arc::clone(&directory), mark, epoch: epoch.unwrap_or(0) });
        Ok(directory)
    }

    async fn page(&self, id: DirectoryId, mark: u64, rows_max: usize) -> Result<DirectoryChanges, IndexError> {
        Ok(self.engine.directory_changes(id.bucket, id.token, mark, rows_max).await?)
    }

    fn cache(&self) -> MutexGuard<'_, ListingCache> {
        // A panic in between leaves the bookkeeping of a cache, nothing that is believed.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Changes of a directory, opened.
#[derive(Default)]
struct Changes {
    changed: Vec<Opened>,
    gone: HashSet<EntryId>,
}

impl Changes {
    fn add(&mut self, later: Self) {
        self.changed.extend(later.changed);
        // An id that has gone never comes back, so what is gone may be taken out at the end.
        self.gone.extend(later.gone);
    }

    async fn applied_to(self, base: Arc<Directory>) -> Result<Arc<Directory>, IndexError> {
        match self.changed.len() + self.gone.len() {
            0 => Ok(base),
            1..=limits::OPENED_INLINE_MAX => Ok(Arc::new(base.with(self.changed, &self.gone))),
            _ => tokio::task::spawn_blocking(move || Arc::new(base.with(self.changed, &self.gone)))
                .await
                .map_err(|_stopped| IndexError::Stopping),
        }
    }
}

async fn opened(lease: &Lease, id: DirectoryId, path: &str, page: DirectoryChanges) -> Result<Changes, IndexError> {
    let opening = Opening { keys: Arc::clone(&lease.keys), id, path: Zeroizing::new(path.to_owned()), name_keys: Vec::new() };
    if page.entries.len() + page.directories.len() <= limits::OPENED_INLINE_MAX {
        return opening.all(&page);
    }
    tokio::task::spawn_blocking(move || opening.all(&page)).await.map_err(|_stopped| IndexError::Stopping)?
}

/// Opens the rows of one directory.
struct Opening {
    keys: Arc<IndexKeys>,
    id: DirectoryId,
    path: Zeroizing<String>,
    name_keys: Vec<(u32, NameKey)>,
}

impl Opening {
    fn all(mut self, page: &DirectoryChanges) -> Result<Changes, IndexError> {
        let mut changed = Vec::with_capacity(page.entries.len() + page.directories.len());
        for row in &page.entries {
            changed.push(self.entry(row)?);
        }
        for row in &page.directories {
            changed.push(self.directory(row)?);
        }
        Ok(Changes { changed, gone: page.gone.iter().copied().collect() })
    }

    fn entry(&mut self, row: &EntryRow) -> Result<Opened, IndexError> {
        check(&self.keys, self.id.tenant, row)?;
        let text = self.name(row.kek_version, row.id, &row.sealed_name).map_err(or_tampered("entries"))?;
        let is_here = row.bucket == self.id.bucket && row.directory == self.id.token;
        if !is_here || text.contains('/') {
            return Err(IndexError::Tampered { table: "entries" });
        }
        Ok(Opened { text, id: row.id, what: What::Key(row.current) })
    }

    /// A directory's row has no MAC: what it says is its name, which opens only here, and its token, which must be
    /// that of its path. Counters and mark steer only what a listing shows.
    fn directory(&mut self, row: &DirectoryRow) -> Result<Opened, IndexError> {
        let name = self.name(row.kek_version, row.id, &row.sealed_name).map_err(or_tampered("directories"))?;
        // The capacity is exact: a text that grew would leave unwiped copies behind.
        let mut path = Zeroizing::new(String::with_capacity(self.path.len() + name.len() + 1));
        [self.path.as_str(), name.as_str(), "/"].into_iter().for_each(|part| path.push_str(part));
        let token = tokens::of_directory(&self.keys, self.id.bucket, &path);
        let is_here = row.bucket == self.id.bucket && row.parent == self.id.token && row.directory == token;
        if !is_here || name.contains('/') {
            return Err(IndexError::Tampered { table: "directories" });
        }
        let text = Zeroizing::new(path.get(self.path.len()..).unwrap_or_default().to_owned());
        let live = if row.live > 0 { Live::Yes } else { Live::No };
        Ok(Opened { text, id: row.id, what: What::Directory { token, live } })
    }

    fn name(&mut self, version: u32, entry: EntryId, sealed: &[u8]) -> Result<Zeroizing<String>, NotOpened> {
        let (bucket, token) = (self.id.bucket, &self.id.token);
        if !self.name_keys.iter().any(|(known, _)| *known == version) {
            let key = key_version(&self.keys, version).map_err(NotOpened::Key)?.name_key(bucket, token);
            self.name_keys.push((version, key));
        }
        let key = self.name_keys.iter().find(|(known, _)| *known == version).map(|(_, key)| key);
        let name = key.and_then(|key| key.open_name(bucket, &token.0, entry, sealed).ok());
        name.ok_or(NotOpened::Tampered)
    }
}

enum NotOpened {
    Key(IndexError),
    Tampered,
}

fn or_tampered(table: &'static str) -> impl FnOnce(NotOpened) -> IndexError {
    move |error| match error {
        NotOpened::Key(error) => error,
        NotOpened::Tampered => IndexError::Tampered { table },
    }
}
