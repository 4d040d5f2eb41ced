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
        while let Some(step) = walk.next().await? {
            let common = rollup.common(step.text()).map(str::to_owned);
            let room = query.limit - page.items.len();
            match (common, step) {
                (Some(_), _) if room == 0 => page.more = true,
                (Some(common), _) => {
                    walk.pass(&common).await?;
                    page.items.push(VersionItem::Prefix(common));
                }
                (None, Step::Directory(path, token)) => walk.enter(path, token).await?,
                (None, Step::Key { key, id, .. }) => {
                    let before = inside.filter(|_| query.key_marker.as_deref() == Some(key.as_str()));
                    let rows = self.versions_of(&keys, (bucket, id), before, room + 1).await?;
                    page.more = rows.len() > room;
                    let newest = rows.first().filter(|_| before.is_none()).map(|row| row.id);
                    page.items.extend(rows.into_iter().take(room).map(|row| item(&key, row, newest)));
                }
            }
            if page.more {
                break;
            }
        }
        page.last = page.items.last().map(VersionItem::marker);
        Ok(page)
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

    async fn versions_of(
        &self,
        keys: &IndexKeys,
        (bucket, entry): (&Bucket, EntryId),
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<VersionRow>, IndexError> {
        let rows = self.engine().versions(entry, before, limit).await?;
        for row in &rows {
            check(keys, self.tenant, row)?;
            if row.entry != entry || row.bucket != bucket.id {
                return Err(IndexError::Tampered { table: "versions" });
            }
        }
        Ok(rows)
    }
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
