//! A directory's sealed sorted run, opened page by page.

use super::IndexError;
use super::directory::{Leaf, Seen};
use super::listing_cache::DirectoryId;
use super::run_page;
use crate::domain::{RunId, limits};
use crate::engine::{Engine, RunRow};
use crate::leases::{IndexKey, IndexKeys};
use crate::seal::{Context, PlaceOfRun, RunExtent, SealError};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

/// When a directory gets a run, and how large its pages are.
#[derive(Debug, Clone, Copy)]
pub struct RunSettings {
    /// Items from which on a directory gets one.
    pub items_min: usize,
    /// Items of one page.
    pub page_items: usize,
    /// Opened pages of one run that are kept.
    pub pages_kept: usize,
    /// Changes beside a run before it is written anew, at least.
    pub changes_min: usize,
}

impl Default for RunSettings {
    fn default() -> Self {
        Self {
            items_min: limits::RUN_ITEMS_MIN,
            page_items: limits::RUN_PAGE_ITEMS,
            pages_kept: limits::RUN_PAGES_KEPT,
            changes_min: limits::RUN_CHANGES_MIN,
        }
    }
}

impl RunSettings {
    /// Whether a directory of `items` gets a run, or another one, after `changes` that no run holds.
    pub(super) fn are_enough(&self, items: usize, changes: usize) -> bool {
        items >= self.items_min && changes >= self.changes_min.max(items / limits::RUN_CHANGES_SHARE).min(items.max(1))
    }
}

/// Where rows come from and what opens them. A walk has it; nothing that is kept does.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) engine: Arc<dyn Engine>,
    pub(super) keys: Arc<IndexKeys>,
}

/// A whole run, its head opened. It keeps the pages that were read last, opened.
pub(super) struct Run {
    place: PlaceOfRun,
    extent: RunExtent,
    kek_version: u32,
    pages_kept: usize,
    kept: Mutex<Pages>,
}

#[derive(Default)]
struct Pages {
    leaves: HashMap<u32, (u64, Arc<Leaf>)>,
    tick: u64,
}

impl Run {
    /// The run with this head, and the path of its directory; nothing if the head is not as it was sealed.
    pub(super) fn of(keys: &IndexKeys, id: DirectoryId, row: &RunRow, settings: &RunSettings) -> Option<(Self, Zeroizing<String>)> {
        let place = place(id, row.id);
        let extent = RunExtent { epoch: row.epoch, mark: row.mark, pages: row.pages, items: row.items };
        let plain = keys.version(row.kek_version)?.runs.open(&Context::run(place, extent), &row.sealed_path).ok()?;
        let path = Zeroizing::new(std::str::from_utf8(&plain).ok()?.to_owned());
        let pages_kept = settings.pages_kept.max(1);
        Some((Self { place, extent, kek_version: row.kek_version, pages_kept, kept: Mutex::default() }, path))
    }

    pub(super) const fn id(&self) -> RunId {
        self.place.run
    }

    pub(super) const fn extent(&self) -> RunExtent {
        self.extent
    }

    pub(super) const fn pages(&self) -> u32 {
        self.extent.pages
    }

    pub(super) fn items(&self) -> usize {
        usize::try_from(self.extent.items).unwrap_or(usize::MAX)
    }

    /// How many bytes of opened pages it may come to keep.
    pub(super) fn kept_max(&self) -> usize {
        let pages = self.pages_kept.min(usize::try_from(self.pages()).unwrap_or(usize::MAX));
        pages.saturating_mul(limits::RUN_PAGE_BYTES_MAX + Leaf::bytes_beside_text(limits::RUN_PAGE_ITEMS))
    }

    /// The items of one page.
    pub(super) async fn page(&self, source: &Source, number: u32) -> Result<Arc<Leaf>, IndexError> {
        if let Some(leaf) = self.kept().get(number) {
            return Ok(leaf);
        }
        let unfit = IndexError::UnfitRun { run: self.place.run };
        let key = source.keys.version(self.kek_version).ok_or(IndexError::UnknownKey { version: self.kek_version })?;
        let pages = source.engine.run_pages(self.place.run, number, 1).await?;
        let Some(sealed) = pages.first() else { return Err(unfit) };
        let plain = key.runs.open(&Context::run_page(self.place, number), sealed).ok();
        let Some(leaf) = plain.and_then(|plain| run_page::read(&plain)).map(Arc::new) else { return Err(unfit) };
        self.kept().keep(number, Arc::clone(&leaf), self.pages_kept);
        Ok(leaf)
    }

    /// The first page whose last item is not `before`, which must be true of all items up to some place, and of none
    /// after; the number of pages if there is none.
    pub(super) async fn seek(&self, source: &Source, before: impl Fn(&str) -> bool) -> Result<u32, IndexError> {
        let (mut low, mut high) = (0, self.pages());
        while low < high {
            let middle = low + (high - low) / 2;
            let leaf = self.page(source, middle).await?;
            if leaf.last().is_some_and(|last: Seen<'_>| before(last.text)) { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Pages> {
        // A panic in between leaves opened pages, each whole.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    fn get(&mut self, number: u32) -> Option<Arc<Leaf>> {
        self.tick += 1;
        let (tick, leaf) = self.leaves.get_mut(&number)?;
        *tick = self.tick;
        Some(Arc::clone(leaf))
    }

    fn keep(&mut self, number: u32, leaf: Arc<Leaf>, pages_max: usize) {
        self.tick += 1;
        self.leaves.insert(number, (self.tick, leaf));
        while self.leaves.len() > pages_max {
            let oldest = self.leaves.iter().min_by_key(|(_, (tick, _))| *tick).map(|(number, _)| *number);
            let Some(oldest) = oldest else { return };
            self.leaves.remove(&oldest);
        }
    }
}

/// One page, sealed.
pub(super) fn sealed_page(key: &IndexKey, place: PlaceOfRun, number: u32, plain: &[u8]) -> Result<Vec<u8>, SealError> {
    key.runs.seal(&Context::run_page(place, number), plain)
}

/// The head of a run that has been written whole.
pub(super) fn head(key: &IndexKey, id: DirectoryId, run: RunId, (extent, path): (RunExtent, &str)) -> Result<RunRow, SealError> {
    let sealed_path = key.runs.seal(&Context::run(place(id, run), extent), path.as_bytes())?;
    let RunExtent { epoch, mark, pages, items } = extent;
    Ok(RunRow { id: run, bucket: id.bucket, directory: id.token, epoch, mark, pages, items, kek_version: key.version, sealed_path })
}

pub(super) const fn place(id: DirectoryId, run: RunId) -> PlaceOfRun {
    PlaceOfRun { tenant: id.tenant, bucket: id.bucket, directory: id.token.0, run }
}
