use crate::domain::{BucketId, ETag, EntryId, VersionId};
use crate::engine::cells::Cells;
use crate::engine::{CurrentRow, DirectoryRow, EngineError, EntryRow, VersionKind};

/// The columns of an entry `e`, in the order that [`entry_of`] takes them.
macro_rules! entry_columns {
    () => {
        "e.id, e.bucket, e.key, e.directory, e.kek_version, e.sealed_name, e.current_version, e.current_kind, e.current_size, \
         e.current_etag, e.current_parts, e.current_modified, e.revision, e.mac, e.mark"
    };
}
pub(in crate::engine) use entry_columns;

/// The columns of a directory `d`, in the order that [`directory_of`] takes them.
macro_rules! directory_columns {
    () => {
        "d.id, d.bucket, d.directory, d.parent, d.kek_version, d.sealed_name, d.live, d.total, d.mark"
    };
}
pub(in crate::engine) use directory_columns;

pub(in crate::engine) fn entry_of(cells: &mut Cells<'_>) -> Result<EntryRow, EngineError> {
    Ok(EntryRow {
        id: cells.id(EntryId::from_bytes)?,
        bucket: cells.id(BucketId::from_bytes)?,
        key: cells.token()?,
        directory: cells.token()?,
        kek_version: cells.number()?,
        sealed_name: cells.take()?,
        current: CurrentRow {
            version: cells.id(VersionId::from_bytes)?,
            kind: cells.one_of(VersionKind::from_number)?,
            size: cells.number()?,
            etag: ETag::new(cells.take()?, cells.number()?),
            modified: cells.time()?,
        },
        revision: cells.number()?,
        mac: cells.mac()?,
        mark: cells.number()?,
    })
}

pub(in crate::engine) fn directory_of(cells: &mut Cells<'_>) -> Result<DirectoryRow, EngineError> {
    Ok(DirectoryRow {
        id: cells.id(EntryId::from_bytes)?,
        bucket: cells.id(BucketId::from_bytes)?,
        directory: cells.token()?,
        parent: cells.token()?,
        kek_version: cells.number()?,
        sealed_name: cells.take()?,
        live: cells.number()?,
        total: cells.number()?,
        mark: cells.number()?,
    })
}
