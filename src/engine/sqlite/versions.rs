use super::directories;
use super::journal::write_events;
use super::people::concluded;
use super::{all, buckets, condemned, failure, one, rows_changed, uploads};
use crate::domain::{BucketId, ByteRange, EntryId, RecordClass, UtcTime, VersionId};
use crate::engine::cells::{Cells, whole};
use crate::engine::step::Step;
use crate::engine::stored::directories::entry_columns;
use crate::engine::stored::versions::{found_entry_of, part_columns, part_of, version_columns, version_of};
use crate::engine::{
    Changed, Committed, DekRow, EngineError, EntryChange, Events, FoundEntry, PartRow, Token, VersionChange, VersionRow, Which,
};
use rusqlite::{Connection, params};

/// The query of an entry by bucket and token, with the version that the join picks.
macro_rules! find_by {
    ($join:literal) => {
        concat!(
            "SELECT ",
            entry_columns!(),
            ", ",
            version_columns!(),
            ", d.version, d.kek_version, d.wrapped FROM entries e LEFT JOIN versions v ON ",
            $join,
            " LEFT JOIN deks d ON d.seq = v.seq WHERE e.bucket = ?1 AND e.key = ?2"
        )
    };
}

/// A key's entry and the version asked for, in one statement and so at one moment.
pub(super) fn find(connection: &Connection, bucket: BucketId, key: Token, which: Which) -> Result<Option<FoundEntry>, EngineError> {
    match which {
        Which::Current => {
            // The newest there is, rather than the one that the entry names: who looks sees whether the two agree.
            let sql = find_by!("v.seq = (SELECT max(seq) FROM versions WHERE entry = e.id)");
            one(connection, sql, params![bucket.as_bytes(), key.0], found_entry_of)
        }
        Which::Id(id) => {
            let sql = find_by!("v.id = ?3 AND v.entry = e.id");
            one(connection, sql, params![bucket.as_bytes(), key.0, id.as_bytes()], found_entry_of)
        }
        Which::Null => {
            let sql = find_by!("v.entry = e.id AND v.nullness = 1");
            one(connection, sql, params![bucket.as_bytes(), key.0], found_entry_of)
        }
    }
}

pub(super) fn of_entry(connection: &Connection, entry: EntryId, before: Option<u64>, limit: usize) -> Result<Vec<VersionRow>, EngineError> {
    let sql = concat!("SELECT ", version_columns!(), " FROM versions v WHERE v.entry = ? AND v.seq < ? ORDER BY v.seq DESC LIMIT ?");
    let values = params![entry.as_bytes(), before.map_or(i64::MAX, whole), whole(limit as u64)];
    all(connection, sql, values, |row| version_of(&mut Cells::new(row, "versions")))
}

/// Versions of several entries at one moment, until there are `limit`.
pub(super) fn of_entries(connection: &Connection, entries: &[EntryId], limit: usize) -> Result<Vec<VersionRow>, EngineError> {
    let snapshot = connection.unchecked_transaction().map_err(failure)?;
    let mut found = Vec::new();
    for entry in entries {
        if found.len() >= limit {
            break;
        }
        found.extend(of_entry(&snapshot, *entry, None, limit - found.len())?);
    }
    Ok(found)
}

/// The versions with these ids, at one moment.
pub(super) fn named(connection: &Connection, versions: &[VersionId]) -> Result<Vec<VersionRow>, EngineError> {
    let snapshot = connection.unchecked_transaction().map_err(failure)?;
    let sql = concat!("SELECT ", version_columns!(), " FROM versions v WHERE v.id = ?");
    let mut found = Vec::with_capacity(versions.len());
    for version in versions {
        found.extend(one(&snapshot, sql, params![version.as_bytes()], |row| version_of(&mut Cells::new(row, "versions")))?);
    }
    Ok(found)
}

pub(super) fn parts(connection: &Connection, version: VersionId, range: ByteRange) -> Result<Vec<PartRow>, EngineError> {
    if range.is_empty() {
        return Ok(Vec::new());
    }
    // Parts lie one after another, so the search begins at the last one that starts no later than the range.
    let sql = concat!(
        "SELECT ",
        part_columns!(),
        " FROM parts WHERE version = ?1 AND offset < ?3 AND offset + length > ?2
            AND offset >= (SELECT max(offset) FROM parts WHERE version = ?1 AND offset <= ?2) ORDER BY number"
    );
    all(connection, sql, params![version.as_bytes(), whole(range.start), whole(range.end)], part_of)
}

pub(super) fn part(connection: &Connection, version: VersionId, number: u32) -> Result<Option<PartRow>, EngineError> {
    let sql = concat!("SELECT ", part_columns!(), " FROM parts WHERE version = ? AND number = ?");
    one(connection, sql, params![version.as_bytes(), number], part_of)
}

pub(super) fn parts_after(connection: &Connection, version: VersionId, after: u32, limit: usize) -> Result<Vec<PartRow>, EngineError> {
    let sql = concat!("SELECT ", part_columns!(), " FROM parts WHERE version = ? AND number > ? ORDER BY number LIMIT ?");
    all(connection, sql, params![version.as_bytes(), after, whole(limit as u64)], part_of)
}

/// One transaction on the versions of one key, as [`VersionChange`] says.
pub(super) fn commit(connection: &Connection, change: &VersionChange, now: UtcTime) -> Result<Step<Committed>, EngineError> {
    match buckets::revision(connection, change.bucket)? {
        None => return Ok(Step::Undo(Committed::BucketGone)),
        Some(revision) if revision != change.bucket_revision => return Ok(Step::Undo(Committed::EntryChanged)),
        Some(_) => {}
    }
    let mut seq = 0;
    if let Some((version, dek, parts)) = &change.version {
        let blobs = version.location.iter().chain(parts.iter().map(|part| &part.location)).map(|location| &location.blob);
        for blob in blobs {
            if condemned::is_condemned(connection, blob)? {
                return Ok(Step::Undo(Committed::Condemned));
            }
        }
        seq = insert(connection, version, dek.as_ref(), parts)?;
    }
    let entry = match &change.entry {
        EntryChange::Insert(row) | EntryChange::Update { row, .. } => row.id,
        EntryChange::Remove { id, .. } => *id,
    };
    for (version, revision) in &change.remove {
        if !remove(connection, entry, *version, *revision, now)? {
            return Ok(Step::Undo(Committed::EntryChanged));
        }
    }
    if !directories::change(connection, &change.entry, &change.directories, now)? {
        return Ok(Step::Undo(Committed::EntryChanged));
    }
    if let Some((upload, revision)) = change.upload
        && !uploads::complete(connection, (change.bucket, upload), revision, now)?
    {
        return Ok(Step::Undo(Committed::UploadChanged));
    }
    write_events(connection, &change.events).map_err(failure)?;
    Ok(Step::Keep(Committed::Done { seq }))
}

pub(super) fn update(connection: &Connection, row: &VersionRow, events: &Events) -> Result<Step<Changed>, EngineError> {
    let retention = row.retention.as_ref();
    let sql =
        "UPDATE versions SET state = ?, retention_rule = ?, retention_event = ?, retention_started = ?, retention_until = ?, hold = ?,
               kek_version = ?, sealed_attributes = ?, sealed_tags = ?, revision = ?, mac = ? WHERE id = ? AND bucket = ? AND revision = ?";
    let values = params![
        row.state as u8,
        retention.map(|retention| &retention.rule),
        retention.map(|retention| &retention.start_event),
        retention.and_then(|retention| retention.started).map(UtcTime::micros),
        retention.and_then(|retention| retention.until).map(UtcTime::micros),
        retention.map(|retention| retention.hold as u8),
        row.kek_version,
        row.sealed_attributes,
        row.sealed_tags,
        whole(row.revision),
        row.mac.0,
        row.id.as_bytes(),
        row.bucket.as_bytes(),
        whole(row.revision) - 1
    ];
    let changed = rows_changed(connection, sql, values)?;
    concluded(connection, changed, events)
}

pub(super) fn count(connection: &Connection) -> Result<u64, EngineError> {
    let counted = one(connection, "SELECT count(*) FROM versions", [], |row| Cells::new(row, "versions").number())?;
    counted.ok_or(EngineError::Corrupt { table: "versions" })
}

/// Adds the rows of a new version; its `seq` is the order among all.
fn insert(connection: &Connection, row: &VersionRow, dek: Option<&DekRow>, parts: &[PartRow]) -> Result<u64, EngineError> {
    let seq = directories::next_mark(connection)?;
    let sql = "INSERT INTO versions (id, bucket, entry, kind, nullness, created, size, etag, etag_parts, state, class, retention_rule,
                 retention_event, retention_started, retention_until, hold, patient, enterer, parent, kek_version, sealed_attributes,
                 sealed_tags, attempt, blob, offset, length, stream_length, manifest_length, stored_crc, parts, revision, mac, seq)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let retention = row.retention.as_ref();
    let values = params![
        row.id.as_bytes(),
        row.bucket.as_bytes(),
        row.entry.as_bytes(),
        row.kind as u8,
        row.null as u8,
        row.created.micros(),
        whole(row.size),
        row.etag.bits(),
        row.etag.parts(),
        row.state as u8,
        row.class.as_ref().map(RecordClass::as_str),
        retention.map(|retention| &retention.rule),
        retention.map(|retention| &retention.start_event),
        retention.and_then(|retention| retention.started).map(UtcTime::micros),
        retention.and_then(|retention| retention.until).map(UtcTime::micros),
        retention.map(|retention| retention.hold as u8),
        row.patient.map(|token| token.0),
        row.enterer.as_bytes(),
        row.parent.as_ref().map(VersionId::as_bytes),
        row.kek_version,
        row.sealed_attributes,
        row.sealed_tags,
        row.attempt.as_bytes(),
        row.location.map(|location| location.blob.to_bytes()),
        row.location.map(|location| whole(location.offset)),
        row.location.map(|location| whole(location.length)),
        whole(row.stream_length),
        whole(row.manifest_length),
        row.stored_crc.cast_signed(),
        row.parts,
        whole(row.revision),
        row.mac.0,
        seq
    ];
    rows_changed(connection, sql, values)?;
    if let Some(dek) = dek {
        let sql = "INSERT INTO deks (seq, version, kek_version, wrapped) VALUES (?, ?, ?, ?)";
        rows_changed(connection, sql, params![seq, dek.version.as_bytes(), dek.kek_version, dek.wrapped])?;
    }
    insert_parts(connection, parts)?;
    u64::try_from(seq).map_err(|_| EngineError::Corrupt { table: "counters" })
}

fn insert_parts(connection: &Connection, parts: &[PartRow]) -> Result<(), EngineError> {
    for part in parts {
        let sql = concat!("INSERT INTO parts (", part_columns!(), ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
        let values = params![
            part.version.as_bytes(),
            part.number,
            part.attempt.as_bytes(),
            part.location.blob.to_bytes(),
            whole(part.location.offset),
            whole(part.location.length),
            whole(part.offset),
            whole(part.length),
            whole(part.stream_length),
            part.stored_crc.cast_signed(),
            part.sealed_checksums,
            part.kek_version,
            part.mac.0
        ];
        rows_changed(connection, sql, values)?;
    }
    Ok(())
}

/// Removes a version of this entry and revision with its key and parts. False if it is another.
fn remove(connection: &Connection, entry: EntryId, version: VersionId, revision: u64, now: UtcTime) -> Result<bool, EngineError> {
    let sql = "DELETE FROM versions WHERE id = ? AND entry = ? AND revision = ? RETURNING seq, blob";
    let values = params![version.as_bytes(), entry.as_bytes(), whole(revision)];
    let own = one(connection, sql, values, |row| {
        let mut cells = Cells::new(row, "versions");
        Ok((cells.take::<i64>()?, cells.take::<Option<Vec<u8>>>()?))
    })?;
    let Some((seq, own)) = own else { return Ok(false) };
    rows_changed(connection, "DELETE FROM deks WHERE seq = ?", [seq])?;
    let sql = "DELETE FROM parts WHERE version = ? RETURNING blob";
    let mut blobs = all(connection, sql, [version.as_bytes()], |row| Cells::new(row, "parts").take::<Vec<u8>>())?;
    blobs.extend(own);
    for blob in blobs {
        condemned::condemn(connection, &blob, now)?;
    }
    Ok(true)
}
