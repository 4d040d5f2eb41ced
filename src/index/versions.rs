use super::rollup::{Begin, Rollup};
use super::row_mac::check;
use super::walk::{Meets, Step, Walk};
use super::{Bucket, IndexError, TenantIndex, VersionItem, VersionMarker, VersionsPage, VersionsQuery, tokens};
use crate::domain::{EntryId, ObjectKey, VersionId};
use crate::engine::{Nullness, VersionRow, Which};
use crate::leases::IndexKeys;

impl TenantIndex<'_> {
    /// One page of all versions and delete markers: keys in S3's order, the versions of a key newest first.
    ///
    /// # Errors
    /// [`IndexError`]
    pub async fn list_versions(&self, bucket: &Bucket, query: &VersionsQuery) -> Result<VersionsPage, IndexError> {
        self.fits(bucket)?;
        loop {
            match self.list_versions_once(bucket, query).await {
                Err(IndexError::UnfitRun { run }) => self.index.directories.refuse(run).await,
                done => return done,
            }
        }
    }

    async fn list_versions_once(&self, bucket: &Bucket, query: &VersionsQuery) -> Result<VersionsPage, IndexError> {
        let lease = self.lease().await?;
        let keys = std::sync::Arc::clone(&lease.keys);
        let mut page = VersionsPage::default();
        if query.limit == 0 {
            return Ok(page);
        }
        let rollup = Rollup::new(&query.prefix, query.delimiter.as_deref());
        let (begin, inside) = self.begin(&keys, bucket, query, rollup).await?;
        let mut walk = Walk::start(&self.index.directories, (lease, bucket), Meets::All, &query.prefix, &begin).await?;
        while !page.more {
            // One more than fits: each shows something, unless its last version goes at this moment.
            let room = query.limit - page.items.len();
            let met = gathered(&mut walk, rollup, room + 1).await?;
            if met.is_empty() {
                break;
            }
            self.show(&keys, bucket, (met, marked(query, inside)), (&mut page, query.limit)).await?;
        }
        page.last = page.items.last().map(VersionItem::marker);
        Ok(page)
    }

    /// Adds to the page what was met, until it is full.
    async fn show(
        &self,
        keys: &IndexKeys,
        bucket: &Bucket,
        (met, marked): (Vec<Met>, Option<(&str, u64)>),
        (page, limit): (&mut VersionsPage, usize),
    ) -> Result<(), IndexError> {
        let before_of = |key: &str| marked.filter(|(marked, _)| *marked == key).map(|(_, before)| before);
        let whole = met.iter().filter_map(|met| match met {
            Met::Key(key, id) => before_of(key).is_none().then_some(*id),
            Met::Prefix(_) => None,
        });
        let rows = self.engine().versions_of(whole.collect(), limit - page.items.len() + 1).await?;
        let mut rows = rows.into_iter().peekable();
        for met in met {
            let room = limit - page.items.len();
            match met {
                Met::Prefix(_) if room == 0 => page.more = true,
                Met::Prefix(prefix) => page.items.push(VersionItem::Prefix(prefix)),
                Met::Key(key, id) => {
                    let before = before_of(&key);
                    let mut own = Vec::new();
                    match before {
                        Some(_) => own = self.engine().versions(id, before, room + 1).await?,
                        None => own.extend(std::iter::from_fn(|| rows.next_if(|row| row.entry == id))),
                    }
                    self.are_of(keys, (bucket, id), &own)?;
                    page.more = own.len() > room;
                    let newest = own.first().filter(|_| before.is_none()).map(|row| row.id);
                    page.items.extend(own.into_iter().take(room).map(|row| item(&key, row, newest)));
                }
            }
            if page.more {
                return Ok(());
            }
        }
        // All that was asked for has been shown, so this belongs to nothing.
        if rows.next().is_some() { Err(IndexError::Tampered { table: "versions" }) } else { Ok(()) }
    }

    /// Where the walk begins, and before which of the marked key's versions.
    async fn begin(
        &self,
        keys: &IndexKeys,
        bucket: &Bucket,
        query: &VersionsQuery,
        rollup: Rollup<'_>,
    ) -> Result<(Begin, Option<u64>), IndexError> {
        let begin = rollup.after(query.key_marker.as_deref());
        let (Begin::After(marker), Some(version)) = (&begin, query.version_marker) else {
            return Ok((begin, None));
        };
        let Ok(key) = ObjectKey::parse(marker) else {
            return Ok((begin, None));
        };
        let which = match version {
            VersionMarker::Id(id) => Which::Id(id),
            VersionMarker::Null => Which::Null,
        };
        let found = self.engine().find(bucket.id, tokens::of_key(keys, bucket.id, &key), which).await?;
        // A client that deletes page by page brings back a marker that it has deleted. All that the key still has is
        // then after the marker, or was shown before and can only be shown again.
        let seq = found.and_then(|found| found.version).map(|found| found.version.seq);
        Ok((Begin::At(key.as_str().to_owned()), seq))
    }

    fn are_of(&self, keys: &IndexKeys, (bucket, entry): (&Bucket, EntryId), rows: &[VersionRow]) -> Result<(), IndexError> {
        for row in rows {
            check(keys, self.tenant, row)?;
            if row.entry != entry || row.bucket != bucket.id {
                return Err(IndexError::Tampered { table: "versions" });
            }
        }
        Ok(())
    }
}

/// What a walk has come to, to be shown.
enum Met {
    Prefix(String),
    Key(String, EntryId),
}

/// The next things that a listing shows, at most `count`.
async fn gathered(walk: &mut Walk<'_>, rollup: Rollup<'_>, count: usize) -> Result<Vec<Met>, IndexError> {
    let mut met = Vec::new();
    while met.len() < count
        && let Some(step) = walk.next().await?
    {
        match (rollup.common(step.text()).map(str::to_owned), step) {
            (Some(common), _) => {
                walk.pass(&common).await?;
                met.push(Met::Prefix(common));
            }
            (None, Step::Directory(path, token)) => walk.enter(path, token).await?,
            (None, Step::Key { key, id, .. }) => met.push(Met::Key(key, id)),
        }
    }
    Ok(met)
}

/// The key of which only the versions before one are shown, and that one's order.
fn marked(query: &VersionsQuery, inside: Option<u64>) -> Option<(&str, u64)> {
    query.key_marker.as_deref().zip(inside)
}

fn item(key: &str, row: VersionRow, newest: Option<VersionId>) -> VersionItem {
    VersionItem::Version {
        key: key.to_owned(),
        version: row.id,
        null: row.null,
        kind: row.kind,
        is_latest: newest == Some(row.id),
        etag: row.etag,
        size: row.size,
        modified: row.created,
    }
}

impl VersionItem {
    fn marker(&self) -> (String, Option<VersionMarker>) {
        match self {
            Self::Prefix(prefix) => (prefix.clone(), None),
            Self::Version { key, null: Nullness::Null, .. } => (key.clone(), Some(VersionMarker::Null)),
            Self::Version { key, version, .. } => (key.clone(), Some(VersionMarker::Id(*version))),
        }
    }
}
