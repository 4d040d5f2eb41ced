//! A directory as a walk reads it: its run, if it has one, and beside it what no run holds.

use super::IndexError;
use super::directory::{Directory, Leaf, Opened, Position, Seen};
use super::run::{Run, Source};
use crate::domain::{EntryId, RunId, limits};
use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

/// A directory at one moment. A small one lies in `beside` alone.
#[derive(Clone, Default)]
pub(super) struct View {
    run: Option<Arc<Run>>,
    beside: Arc<Directory>,
    /// What of the run has gone.
    gone: Arc<HashSet<EntryId>>,
}

impl View {
    /// What a run holds.
    pub(super) fn of_run(run: Run) -> Self {
        Self { run: Some(Arc::new(run)), ..Self::default() }
    }

    /// The run it rests on.
    pub(super) fn run(&self) -> Option<RunId> {
        self.run.as_deref().map(Run::id)
    }

    /// How many items it has; a few more than that where there is a run.
    pub(super) fn items(&self) -> usize {
        self.run.as_deref().map_or(0, Run::items) + self.beside.len()
    }

    /// How many bytes it may come to keep in memory.
    pub(super) fn weight(&self) -> usize {
        // A set of ids keeps up to half of its places free.
        let gone = 2 * self.gone.len() * size_of::<EntryId>();
        self.run.as_deref().map_or(0, Run::kept_max) + self.beside.bytes() + gone
    }

    /// The directory after some changes.
    pub(super) async fn with(self, changed: Vec<Opened>, gone: HashSet<EntryId>) -> Result<Self, IndexError> {
        match changed.len() + gone.len() {
            0 => Ok(self),
            1..=limits::OPENED_INLINE_MAX => Ok(self.changed(changed, gone)),
            _ => tokio::task::spawn_blocking(move || self.changed(changed, gone)).await.map_err(|_stopped| IndexError::Stopping),
        }
    }

    fn changed(self, changed: Vec<Opened>, gone: HashSet<EntryId>) -> Self {
        let beside = Arc::new(self.beside.with(changed, &gone));
        // Without a run nothing that has gone is looked at again.
        let gone = if self.run.is_none() || gone.is_empty() { self.gone } else { Arc::new(self.gone.union(&gone).copied().collect()) };
        Self { run: self.run, beside, gone }
    }
}

/// A place in a [`View`], between two items.
pub(super) struct Cursor {
    view: View,
    source: Source,
    page: u32,
    leaf: Option<Arc<Leaf>>,
    item: usize,
    beside: Position,
}

impl Cursor {
    /// The place before the first item.
    pub(super) fn new(view: View, source: Source) -> Self {
        Self { view, source, page: 0, leaf: None, item: 0, beside: Position::default() }
    }

    /// Goes before the first item that is not `before`, which must be true of all items up to some place, and of none
    /// after.
    pub(super) async fn seek(&mut self, before: impl Fn(&str) -> bool) -> Result<(), IndexError> {
        self.beside = self.view.beside.seek(&before);
        if let Some(run) = self.view.run.clone() {
            let page = run.seek(&self.source, &before).await?;
            self.turn_to(&run, page).await?;
            self.item = self.leaf.as_deref().map_or(0, |leaf| leaf.seek(before));
        }
        Ok(())
    }

    /// The next item.
    pub(super) async fn peek(&mut self) -> Result<Option<Seen<'_>>, IndexError> {
        self.settle().await?;
        Ok(self.next().map(|(seen, _)| seen))
    }

    /// Goes past the item that [`Cursor::peek`] showed.
    pub(super) fn advance(&mut self) {
        let Some((_, from)) = self.next() else { return };
        if from != From::Run {
            self.beside = self.view.beside.after(self.beside);
        }
        if from != From::Beside {
            self.item += 1;
        }
    }

    /// Goes to a page that has items left, past what has gone.
    async fn settle(&mut self) -> Result<(), IndexError> {
        let Some(run) = self.view.run.clone() else { return Ok(()) };
        loop {
            match &self.leaf {
                None if self.page >= run.pages() => return Ok(()),
                None => self.turn_to(&run, self.page).await?,
                Some(leaf) => match leaf.seen(self.item) {
                    None => self.turn_to(&run, self.page + 1).await?,
                    Some(seen) if self.view.gone.contains(&seen.id) => self.item += 1,
                    Some(_) => return Ok(()),
                },
            }
        }
    }

    async fn turn_to(&mut self, run: &Run, page: u32) -> Result<(), IndexError> {
        let leaf = if page < run.pages() { Some(run.page(&self.source, page).await?) } else { None };
        (self.page, self.leaf, self.item) = (page, leaf, 0);
        Ok(())
    }

    /// What comes next, and from where. What lies beside the run is newer than what has the same name in it.
    fn next(&self) -> Option<(Seen<'_>, From)> {
        let run = self.leaf.as_deref().and_then(|leaf| leaf.seen(self.item));
        match (run, self.view.beside.at(self.beside)) {
            (None, None) => None,
            (Some(run), None) => Some((run, From::Run)),
            (None, Some(beside)) => Some((beside, From::Beside)),
            (Some(run), Some(beside)) => Some(match run.text.cmp(beside.text) {
                Ordering::Less => (run, From::Run),
                Ordering::Equal => (beside, From::Both),
                Ordering::Greater => (beside, From::Beside),
            }),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Run,
    Beside,
    Both,
}
