use super::row_mac::{key_version, stamped};
use super::{Found, IndexError, tokens};
use crate::domain::{BucketId, EntryId, TenantId};
use crate::engine::{CurrentRow, DirectoryRow, EntryChange, EntryRow, RowMac, VersionRow};
use crate::leases::IndexKeys;

/// A key's entry at the moment it was looked up, its MAC checked.
#[derive(Debug)]
pub struct EntrySnapshot {
    pub(super) row: EntryRow,
}

impl EntrySnapshot {
    /// What its newest version is.
    #[must_use]
    pub const fn current(&self) -> &CurrentRow {
        &self.row.current
    }

    /// Grows with each change of the key's versions.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.row.revision
    }
}

/// The entry of a key that has a new newest version, and is as `snapshot` says until then.
///
/// The name stays as it was sealed, and the row therefore with the key version that sealed it.
pub(super) fn updated(
    keys: &IndexKeys,
    tenant: TenantId,
    snapshot: &EntrySnapshot,
    current: CurrentRow,
) -> Result<EntryChange, IndexError> {
    let was = &snapshot.row;
    let row = EntryRow { current, revision: was.revision.saturating_add(1), ..was.clone() };
    let key = key_version(keys, row.kek_version)?;
    Ok(EntryChange::Update { expected: was.revision, row: stamped(key, tenant, row) })
}

/// The entry of a key that has had no version, and the directories on the way to it.
pub(super) fn inserted(
    keys: &IndexKeys,
    was: &Found,
    id: EntryId,
    current: CurrentRow,
) -> Result<(EntryChange, Vec<DirectoryRow>), IndexError> {
    let (bucket, key) = (&was.bucket, keys.active());
    let path = was.key.directory();
    let directory = tokens::of_directory(keys, bucket.id, path);
    let sealed_name = key.name_key(bucket.id, &directory).seal_name(bucket.id, &directory.0, id, was.key.segment())?;
    let row = EntryRow {
        id,
        bucket: bucket.id,
        key: tokens::of_key(keys, bucket.id, &was.key),
        directory,
        kek_version: key.version,
        sealed_name,
        current,
        revision: 1,
        mac: RowMac([0; 32]),
        mark: 0,
    };
    Ok((EntryChange::Insert(stamped(key, bucket.tenant, row)), directories(keys, bucket.id, path)?))
}

/// The directories of `path`, from the root's child down. Sealed anew each time: the index keeps those it has.
fn directories(keys: &IndexKeys, bucket: BucketId, path: &str) -> Result<Vec<DirectoryRow>, IndexError> {
    let key = keys.active();
    let mut parent = tokens::of_directory(keys, bucket, "");
    let mut rows = Vec::new();
    let mut end = 0;
    for segment in path.split_inclusive('/') {
        end += segment.len();
        let name = segment.strip_suffix('/').unwrap_or(segment);
        let directory = tokens::of_directory(keys, bucket, path.get(..end).unwrap_or(path));
        let id = EntryId::random();
        rows.push(DirectoryRow {
            id,
            bucket,
            directory,
            parent,
            kek_version: key.version,
            sealed_name: key.name_key(bucket, &parent).seal_name(bucket, &parent.0, id, name)?,
            live: 0,
            total: 0,
            mark: 0,
        });
        parent = directory;
    }
    Ok(rows)
}

/// What an entry says of its newest version.
pub(super) const fn current_of(row: &VersionRow) -> CurrentRow {
    CurrentRow { version: row.id, kind: row.kind, size: row.size, etag: row.etag, modified: row.created }
}
