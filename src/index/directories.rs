//! Opened directories, as fresh as the index.

use super::IndexError;
use super::directory::{Live, Opened, What};
use super::listing_cache::{Cell, DirectoryId, Kept, ListingCache};
use super::row_mac::{check, key_version};
use super::run::{Run, RunSettings, Source};
use super::run_writer::{Wanted, WantedRuns};
use super::tokens;
use super::view::View;
use crate::domain::{EntryId, RunId, TenantId, limits};
use crate::engine::{DirectoryChanges, DirectoryRow, Engine, EntryRow, RunRow};
use crate::leases::IndexKeys;
use crate::seal::NameKey;
use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

/// Opens directories and keeps them opened while they are listed.
pub(super) struct Directories {
    pub(super) engine: Arc<dyn Engine>,
    pub(super) settings: RunSettings,
    pub(super) wanted: WantedRuns,
    cache: Mutex<ListingCache>,
    /// Runs that could not be read, the newest last.
    unfit: Mutex<VecDeque<RunId>>,
}

/// How many runs are remembered as unfit. Each has also been ended, so this is for those that could not be.
const UNFIT_MAX: usize = 1_024;

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
    pub(super) fn new(engine: Arc<dyn Engine>, settings: RunSettings) -> Self {
        Self { engine, settings, wanted: WantedRuns::default(), cache: Mutex::default(), unfit: Mutex::default() }
    }

    /// The directory `id`, whose whole path is `path`, with everything that was committed before this call.
    pub(super) async fn open(&self, lease: &Lease, id: DirectoryId, path: &str) -> Result<View, IndexError> {
        Ok(self.open_kept(lease, id, path).await?.view)
    }

    /// The same, with the mark that it stands at.
    pub(super) async fn open_kept(&self, lease: &Lease, id: DirectoryId, path: &str) -> Result<Kept, IndexError> {
        let cell = self.cache().cell(id, lease.generation);
        let kept = self.refreshed(lease, id, path, &cell).await?;
        self.cache().weigh(id, &cell, kept.view.weight());
        Ok(kept)
    }

    /// What reads and opens rows under `lease`.
    pub(super) fn source(&self, lease: &Lease) -> Source {
        Source { engine: Arc::clone(&self.engine), keys: Arc::clone(&lease.keys) }
    }

    /// Forgets what was opened under another generation of a tenant's keys than `generation_of` tells; the names are
    /// wiped once the listings under way are done.
    pub(super) fn sweep(&self, generation_of: impl Fn(TenantId) -> u64) {
        self.wanted.sweep(&generation_of);
        self.cache().sweep(generation_of);
    }

    /// Goes on without a run: no listing uses it again, and its directory gets another one.
    pub(super) async fn refuse(&self, run: RunId) {
        {
            let mut unfit = self.unfit();
            if unfit.len() == UNFIT_MAX {
                unfit.pop_front();
            }
            unfit.push_back(run);
        }
        let ended = self.engine.end_run(run).await;
        tracing::warn!(%run, is_ended = ended.is_ok(), "a sorted run cannot be read, its directory is opened name by name");
    }

    async fn refreshed(&self, lease: &Lease, id: DirectoryId, path: &str, cell: &Cell) -> Result<Kept, IndexError> {
        let mut kept = cell.lock().await;
        let begun = kept.clone().or_else(|| self.wanted.kept(id, lease.generation));
        let mut load = begun.map_or_else(Load::default, Load::go_on);
        let mut page = self.page(id, load.mark, limits::LISTING_REFRESH_ROWS).await?;
        loop {
            if load.is_void(&page) {
                // Marks of another epoch, or from before what has gone is known, say nothing: begin again.
                load = Load::default();
                page = self.page(id, 0, limits::LISTING_REFRESH_ROWS).await?;
                continue;
            }
            if load.is_empty()
                && let Some(run) = page.run.take().filter(|run| run.epoch == page.epoch)
                && let Some(run) = self.usable(lease, id, path, &run).await
            {
                load = Load::on_run(run);
                page = self.page(id, load.mark, limits::LISTING_LOAD_ROWS).await?;
                continue;
            }
            load.take(&page);
            let more = page.more;
            let opening = opened(lease, id, path, page);
            if !more {
                load.changes.add(opening.await?);
                break;
            }
            // The next rows are read while these are opened.
            let (opened, next) = tokio::join!(opening, self.page(id, load.mark, limits::LISTING_LOAD_ROWS));
            load.changes.add(opened?);
            page = next?;
        }
        let mut now = load.done().await?;
        if self.settings.are_enough(now.view.items(), now.beside_run) {
            now.beside_run = 0;
            self.wanted.add(Wanted { id, path: Zeroizing::new(path.to_owned()), generation: lease.generation, kept: now.clone() });
        }
        *kept = Some(now.clone());
        Ok(now)
    }

    async fn page(&self, id: DirectoryId, mark: u64, rows_max: usize) -> Result<DirectoryChanges, IndexError> {
        let mut page = self.engine.directory_changes(id.bucket, id.token, mark, rows_max).await?;
        page.run = page.run.filter(|run| !self.unfit().contains(&run.id));
        Ok(page)
    }

    /// The run, if it may be used: of this directory, under a key that is held here.
    async fn usable(&self, lease: &Lease, id: DirectoryId, path: &str, row: &RunRow) -> Option<Run> {
        // Of a key version that is not known here others may know more.
        lease.keys.version(row.kek_version)?;
        let run = Run::of(&lease.keys, id, row, &self.settings).filter(|(_, its_path)| its_path.as_str() == path);
        if run.is_none() {
            self.refuse(row.id).await;
        }
        run.map(|(run, _)| run)
    }

    fn cache(&self) -> MutexGuard<'_, ListingCache> {
        // A panic in between leaves the bookkeeping of a cache, nothing that is believed.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unfit(&self) -> MutexGuard<'_, VecDeque<RunId>> {
        self.unfit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A directory that is being brought up to date.
#[derive(Default)]
struct Load {
    view: View,
    mark: u64,
    epoch: Option<u64>,
    /// How many rows no run holds.
    beside_run: usize,
    changes: Changes,
    /// Whether `mark` is from an earlier listing: what has gone since may be forgotten already.
    is_old: bool,
}

impl Load {
    fn go_on(kept: Kept) -> Self {
        let Kept { view, mark, epoch, beside_run } = kept;
        Self { view, mark, epoch: Some(epoch), beside_run, is_old: true, ..Self::default() }
    }

    fn on_run(run: Run) -> Self {
        let extent = run.extent();
        Self { mark: extent.mark, epoch: Some(extent.epoch), view: View::of_run(run), ..Self::default() }
    }

    const fn is_empty(&self) -> bool {
        self.epoch.is_none()
    }

    /// Whether `page` does not go on from here.
    fn is_void(&self, page: &DirectoryChanges) -> bool {
        let is_other_epoch = self.epoch.is_some_and(|epoch| epoch != page.epoch);
        // While the run is there, so is what has gone since it was made.
        let has_lost_its_run = self.view.run().is_some() && self.view.run() != page.run.as_ref().map(|run| run.id);
        is_other_epoch || has_lost_its_run || (self.is_old && self.mark < page.horizon)
    }

    fn take(&mut self, page: &DirectoryChanges) {
        (self.mark, self.epoch, self.is_old) = (page.mark, Some(page.epoch), false);
        self.beside_run += page.entries.len() + page.directories.len() + page.gone.len();
    }

    async fn done(self) -> Result<Kept, IndexError> {
        let view = self.view.with(self.changes.changed, self.changes.gone).await?;
        Ok(Kept { view, mark: self.mark, epoch: self.epoch.unwrap_or(0), beside_run: self.beside_run })
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
}

async fn opened(lease: &Lease, id: DirectoryId, path: &str, mut page: DirectoryChanges) -> Result<Changes, IndexError> {
    let opening = || Opening { keys: Arc::clone(&lease.keys), id, path: Zeroizing::new(path.to_owned()), name_keys: Vec::new() };
    if page.entries.len() + page.directories.len() <= limits::OPENED_INLINE_MAX {
        return opening().all(&page);
    }
    // Opening takes longer than reading, so two threads open while one reads.
    let later = DirectoryChanges { entries: page.entries.split_off(page.entries.len() / 2), ..DirectoryChanges::default() };
    let open = |page: DirectoryChanges| {
        let opening = opening();
        tokio::task::spawn_blocking(move || opening.all(&page))
    };
    let (first, second) = tokio::join!(open(page), open(later));
    let mut changes = first.map_err(|_stopped| IndexError::Stopping)??;
    changes.add(second.map_err(|_stopped| IndexError::Stopping)??);
    Ok(changes)
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
        // What is in order piece by piece is soon in order as a whole. Of one name the later row stays the later.
        changed.sort_by(|one, other| one.text.as_bytes().cmp(other.text.as_bytes()));
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
