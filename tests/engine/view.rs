//! A directory as a cache would keep it: filled once, then refreshed with what has changed.

use crate::rows::directory_token;
use hozon::domain::{BucketId, EntryId};
use hozon::engine::{DirectoryChanges, DirectoryRow, Engine, EntryRow};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a listing shows of a directory: its keys, and its directories with whether anything in them is live.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Content {
    pub(crate) entries: BTreeMap<EntryId, EntryRow>,
    pub(crate) directories: BTreeMap<EntryId, (Vec<u8>, bool)>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    pub(crate) content: Content,
    /// The directories' rows as last seen: their counters may be older than those in the database.
    pub(crate) rows: BTreeMap<EntryId, DirectoryRow>,
    pub(crate) mark: u64,
    pub(crate) epoch: Option<u64>,
    pub(crate) reloads: usize,
}

impl View {
    /// Brings the view up to date with pages of at most `limit` rows, by the rules of `DirectoryChanges`.
    pub(crate) async fn refresh(&mut self, engine: &Arc<dyn Engine>, bucket: BucketId, path: &str, limit: usize) {
        let mut begins = true;
        loop {
            let page = engine.directory_changes(bucket, directory_token(path), self.mark, limit).await.unwrap();
            let rows = page.entries.len() + page.directories.len() + page.gone.len();
            // The last page may hold more: what no mark is settled for comes whole.
            assert!(rows <= limit || !page.more, "{rows} rows in a page of {limit}");
            let is_void = self.epoch.is_some_and(|epoch| epoch != page.epoch) || (begins && self.mark > 0 && self.mark < page.horizon);
            begins = false;
            if is_void {
                *self = Self { reloads: self.reloads + 1, ..Self::default() };
                continue;
            }
            for row in page.entries {
                assert!(row.mark > self.mark && (row.mark <= page.mark || !page.more));
                self.content.entries.insert(row.id, row);
            }
            for row in page.directories {
                assert!(row.mark > self.mark && (row.mark <= page.mark || !page.more));
                self.content.directories.insert(row.id, (row.sealed_name.clone(), row.live > 0));
                self.rows.insert(row.id, row);
            }
            for id in page.gone {
                self.content.entries.remove(&id);
                self.content.directories.remove(&id);
                self.rows.remove(&id);
            }
            assert!(page.mark >= self.mark);
            (self.mark, self.epoch) = (page.mark, Some(page.epoch));
            if !page.more {
                return;
            }
            assert!(rows > 0, "a page that is not the last holds something");
        }
    }

    /// The entries of a page that the view does not know as they are.
    pub(crate) fn news<'a>(&self, page: &'a DirectoryChanges) -> Vec<&'a EntryRow> {
        page.entries.iter().filter(|row| self.content.entries.get(&row.id) != Some(row)).collect()
    }

    /// The directory as it is now.
    pub(crate) async fn cold(engine: &Arc<dyn Engine>, bucket: BucketId, path: &str, limit: usize) -> Self {
        let mut view = Self::default();
        view.refresh(engine, bucket, path, limit).await;
        view
    }
}
