use super::directories::entry_of;
use crate::domain::{AttemptId, BucketId, ETag, EntryId, Hold, Location, PrincipalId, RecordClass, RecordState, Retention, VersionId};
use crate::engine::cells::{Cells, Columns};
use crate::engine::{DekRow, EngineError, FoundEntry, FoundVersion, Nullness, PartRow, Token, VersionKind, VersionRow};

/// The columns of a version `v`, in the order that [`version_of`] takes them.
macro_rules! version_columns {
    () => {
        "v.id, v.bucket, v.entry, v.kind, v.nullness, v.created, v.size, v.etag, v.etag_parts, v.state, v.class, \
         v.retention_rule, v.retention_event, v.retention_started, v.retention_until, v.hold, v.patient, v.enterer, v.parent, \
         v.kek_version, v.sealed_attributes, v.sealed_tags, v.attempt, v.blob, v.offset, v.length, v.stream_length, \
         v.manifest_length, v.stored_crc, v.parts, v.revision, v.mac, v.seq"
    };
}
pub(in crate::engine) use version_columns;

/// The columns of a part, in the order that [`part_of`] takes them.
macro_rules! part_columns {
    () => {
        "version, number, attempt, blob, blob_offset, blob_length, \"offset\", length, stream_length, stored_crc, sealed_checksums, \
         kek_version, mac"
    };
}
pub(in crate::engine) use part_columns;

fn found_of(cells: &mut Cells<'_>) -> Result<FoundVersion, EngineError> {
    let version = version_of(cells)?;
    cells.of_table("deks");
    let dek = if cells.is_null() {
        None
    } else {
        Some(DekRow { version: cells.id(VersionId::from_bytes)?, kek_version: cells.number()?, wrapped: cells.take()? })
    };
    Ok(FoundVersion { version, dek })
}

pub(in crate::engine) fn version_of(cells: &mut Cells<'_>) -> Result<VersionRow, EngineError> {
    Ok(VersionRow {
        id: cells.id(VersionId::from_bytes)?,
        bucket: cells.id(BucketId::from_bytes)?,
        entry: cells.id(EntryId::from_bytes)?,
        kind: cells.one_of(VersionKind::from_number)?,
        null: cells.one_of(Nullness::from_number)?,
        created: cells.time()?,
        size: cells.number()?,
        etag: ETag::new(cells.take()?, cells.number()?),
        state: cells.one_of(RecordState::from_number)?,
        class: cells.some_parsed(RecordClass::parse)?,
        retention: retention_of(cells)?,
        patient: cells.take::<Option<[u8; 32]>>()?.map(Token),
        enterer: cells.id(PrincipalId::from_bytes)?,
        parent: cells.some_id(VersionId::from_bytes)?,
        kek_version: cells.number()?,
        sealed_attributes: cells.take()?,
        sealed_tags: cells.take()?,
        attempt: cells.id(AttemptId::from_bytes)?,
        location: some_location(cells)?,
        stream_length: cells.number()?,
        manifest_length: cells.number()?,
        stored_crc: cells.bits()?,
        parts: cells.number()?,
        revision: cells.number()?,
        mac: cells.mac()?,
        seq: cells.number()?,
    })
}

fn some_location(cells: &mut Cells<'_>) -> Result<Option<Location>, EngineError> {
    if cells.is_null() {
        cells.skip(3);
        return Ok(None);
    }
    cells.location().map(Some)
}

fn retention_of(cells: &mut Cells<'_>) -> Result<Option<Retention>, EngineError> {
    if cells.is_null() {
        cells.skip(5);
        return Ok(None);
    }
    Ok(Some(Retention {
        rule: cells.take()?,
        start_event: cells.take()?,
        started: cells.some_time()?,
        until: cells.some_time()?,
        hold: cells.one_of(Hold::from_number)?,
    }))
}

pub(in crate::engine) fn part_of(row: &dyn Columns) -> Result<PartRow, EngineError> {
    let mut cells = Cells::new(row, "parts");
    Ok(PartRow {
        version: cells.id(VersionId::from_bytes)?,
        number: cells.number()?,
        attempt: cells.id(AttemptId::from_bytes)?,
        location: cells.location()?,
        offset: cells.number()?,
        length: cells.number()?,
        stream_length: cells.number()?,
        stored_crc: cells.bits()?,
        sealed_checksums: cells.take()?,
        kek_version: cells.number()?,
        mac: cells.mac()?,
    })
}

/// An entry, and the version that was asked for where there is one.
pub(in crate::engine) fn found_entry_of(row: &dyn Columns) -> Result<FoundEntry, EngineError> {
    let mut cells = Cells::new(row, "entries");
    let entry = entry_of(&mut cells)?;
    cells.of_table("versions");
    let version = if cells.is_null() { None } else { Some(found_of(&mut cells)?) };
    Ok(FoundEntry { entry, version })
}
