use super::journal::write_events;
use super::people::concluded;
use super::{all, buckets, condemned, failure, one, rows_changed};
use crate::domain::{BucketId, ChecksumType, UploadId, UtcTime};
use crate::engine::cells::{Cells, Columns, whole};
use crate::engine::step::Step;
use crate::engine::stored::uploads::{PART, UPLOAD, part_of, upload_of};
use crate::engine::{Changed, Committed, EngineError, Events, UploadPartRow, UploadRow};
use rusqlite::{Connection, params};

pub(super) fn create(connection: &Connection, row: &UploadRow, uploads_max: usize, events: &Events) -> Result<Step<Changed>, EngineError> {
    let counted = "SELECT count(*) FROM uploads WHERE bucket = ?";
    let open = one(connection, counted, [row.bucket.as_bytes()], |row| Cells::new(row, "uploads").number::<u64>())?;
    if !buckets::is_there(connection, row.bucket)? || open.is_none_or(|open| open >= uploads_max as u64) {
        return Ok(Step::Undo(Changed::Conflict));
    }
    let sql = format!("INSERT OR IGNORE INTO uploads ({UPLOAD}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    let values = params![
        row.id.as_bytes(),
        row.bucket.as_bytes(),
        row.tenant.as_bytes(),
        row.key.0,
        row.version.as_bytes(),
        row.initiator.as_bytes(),
        row.created.micros(),
        row.touched.micros(),
        row.state as u8,
        row.checksum.map(|(algorithm, _)| algorithm.name()),
        row.checksum.map(|(_, kind)| kind == ChecksumType::Composite),
        row.kek_version,
        row.sealed_attributes,
        row.sealed_tags,
        row.dek_kek_version,
        row.wrapped_dek,
        whole(row.revision),
        row.mac.0
    ];
    let changed = rows_changed(connection, &sql, values)?;
    concluded(connection, changed, events)
}

pub(super) fn by_id(connection: &Connection, bucket: BucketId, id: UploadId) -> Result<Option<UploadRow>, EngineError> {
    let sql = format!("SELECT {UPLOAD} FROM uploads WHERE id = ? AND bucket = ?");
    one(connection, &sql, params![id.as_bytes(), bucket.as_bytes()], upload_of)
}

pub(super) fn of_bucket(connection: &Connection, bucket: BucketId) -> Result<Vec<UploadRow>, EngineError> {
    let sql = format!("SELECT {UPLOAD} FROM uploads WHERE bucket = ? ORDER BY created, id");
    all(connection, &sql, [bucket.as_bytes()], upload_of)
}

pub(super) fn idle(
    connection: &Connection,
    before: UtcTime,
    after: Option<(UtcTime, UploadId)>,
    limit: usize,
) -> Result<Vec<UploadRow>, EngineError> {
    let (touched, id) = after.map_or((i64::MIN, Vec::new()), |(touched, id)| (touched.micros(), id.as_bytes().to_vec()));
    let sql = format!("SELECT {UPLOAD} FROM uploads WHERE touched < ? AND (touched, id) > (?, ?) ORDER BY touched, id LIMIT ?");
    all(connection, &sql, params![before.micros(), touched, id, whole(limit as u64)], upload_of)
}

pub(super) fn put_part(
    connection: &Connection,
    row: &UploadPartRow,
    touched: UtcTime,
    events: &Events,
) -> Result<Step<Committed>, EngineError> {
    let touch = "UPDATE uploads SET touched = max(touched + 1, ?) WHERE id = ?";
    if rows_changed(connection, touch, params![touched.micros(), row.upload.as_bytes()])? == 0 {
        return Ok(Step::Undo(Committed::UploadChanged));
    }
    if condemned::is_condemned(connection, &row.location.blob)? {
        return Ok(Step::Undo(Committed::Condemned));
    }
    let replaced = "DELETE FROM upload_parts WHERE upload = ? AND number = ? RETURNING blob";
    let replaced = one(connection, replaced, params![row.upload.as_bytes(), row.number], blob_of)?;
    let sql = format!("INSERT INTO upload_parts ({PART}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    let values = params![
        row.upload.as_bytes(),
        row.number,
        row.attempt.as_bytes(),
        row.location.blob.to_bytes(),
        whole(row.location.offset),
        whole(row.location.length),
        whole(row.length),
        whole(row.stream_length),
        row.stored_crc.cast_signed(),
        row.etag.bits(),
        row.etag.parts(),
        row.sealed_checksums,
        row.modified.micros(),
        row.kek_version,
        row.mac.0
    ];
    rows_changed(connection, &sql, values)?;
    if let Some(blob) = replaced {
        condemned::condemn(connection, &blob, touched)?;
    }
    write_events(connection, events).map_err(failure)?;
    Ok(Step::Keep(Committed::Done { seq: 0 }))
}

pub(super) fn parts(connection: &Connection, upload: UploadId, after: u32, limit: usize) -> Result<Vec<UploadPartRow>, EngineError> {
    let sql = format!("SELECT {PART} FROM upload_parts WHERE upload = ? AND number > ? ORDER BY number LIMIT ?");
    all(connection, &sql, params![upload.as_bytes(), after, whole(limit as u64)], part_of)
}

pub(super) fn abort(
    connection: &Connection,
    (bucket, id): (BucketId, UploadId),
    touched: Option<UtcTime>,
    now: UtcTime,
    events: &Events,
) -> Result<Step<Changed>, EngineError> {
    let sql = "DELETE FROM uploads WHERE id = ?1 AND bucket = ?2 AND touched = ifnull(?3, touched)";
    let changed = rows_changed(connection, sql, params![id.as_bytes(), bucket.as_bytes(), touched.map(UtcTime::micros)])?;
    if changed == 1 {
        drop_parts(connection, id, now)?;
    }
    concluded(connection, changed, events)
}

/// Ends an upload whose version is in the transaction under way. False if it has another revision.
pub(super) fn complete(
    connection: &Connection,
    (bucket, id): (BucketId, UploadId),
    revision: u64,
    now: UtcTime,
) -> Result<bool, EngineError> {
    let sql = "DELETE FROM uploads WHERE id = ? AND bucket = ? AND revision = ?";
    if rows_changed(connection, sql, params![id.as_bytes(), bucket.as_bytes(), whole(revision)])? == 0 {
        return Ok(false);
    }
    // The version's own part rows are there already, so only blobs that it does not use become condemned.
    drop_parts(connection, id, now)?;
    Ok(true)
}

fn drop_parts(connection: &Connection, id: UploadId, now: UtcTime) -> Result<(), EngineError> {
    let blobs = all(connection, "DELETE FROM upload_parts WHERE upload = ? RETURNING blob", [id.as_bytes()], blob_of)?;
    for blob in blobs {
        condemned::condemn(connection, &blob, now)?;
    }
    Ok(())
}

fn blob_of(row: &dyn Columns) -> Result<Vec<u8>, EngineError> {
    Cells::new(row, "upload_parts").take()
}
