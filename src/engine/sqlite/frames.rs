//! Every stored frame that a row names, whichever table the row stands in.

use super::{all, exists, one};
use crate::domain::{BlobId, Location};
use crate::engine::cells::{Cells, whole};
use crate::engine::stored::frames::frame_of;
use crate::engine::{EngineError, FrameKey, FrameRow, FrameTotals};
use rusqlite::{Connection, params};

/// Each table is walked along its index by blob; the rows of one blob, few as they are, are sorted.
const AFTER: &str = "SELECT * FROM (
    SELECT * FROM (SELECT blob, offset, length, stored_crc, 1, id, 0, bucket, id FROM versions
      WHERE blob >= ?1 AND (blob, offset, 1, id, 0) > (?1, ?2, ?3, ?4, ?5) ORDER BY blob, offset, id LIMIT ?6)
    UNION ALL
    SELECT * FROM (SELECT blob, blob_offset, blob_length, stored_crc, 2, version, number,
        (SELECT v.bucket FROM versions v WHERE v.id = p.version), version FROM parts p
      WHERE blob >= ?1 AND (blob, blob_offset, 2, version, number) > (?1, ?2, ?3, ?4, ?5)
      ORDER BY blob, blob_offset, version, number LIMIT ?6)
    UNION ALL
    SELECT * FROM (SELECT blob, blob_offset, blob_length, stored_crc, 3, upload, number,
        (SELECT u.bucket FROM uploads u WHERE u.id = p.upload), (SELECT u.version FROM uploads u WHERE u.id = p.upload) FROM upload_parts p
      WHERE blob >= ?1 AND (blob, blob_offset, 3, upload, number) > (?1, ?2, ?3, ?4, ?5)
      ORDER BY blob, blob_offset, upload, number LIMIT ?6))
  ORDER BY 1, 2, 5, 6, 7 LIMIT ?6";

pub(super) fn after(connection: &Connection, after: Option<FrameKey>, limit: usize) -> Result<Vec<FrameRow>, EngineError> {
    let limit = whole(limit as u64);
    let Some(FrameKey { blob, offset, owner }) = after else {
        let none: &[u8] = &[];
        return all(connection, AFTER, params![none, -1, 0, none, 0, limit], frame_of);
    };
    let (kind, id, number) = owner.parts();
    all(connection, AFTER, params![blob.to_bytes(), whole(offset), kind, id, number, limit], frame_of)
}

pub(super) fn totals(connection: &Connection) -> Result<FrameTotals, EngineError> {
    let mut totals = FrameTotals::default();
    // One statement for each table: the writer's log cannot be folded back while one runs.
    for sql in [
        "SELECT count(*), ifnull(sum(length), 0) FROM versions WHERE blob IS NOT NULL",
        "SELECT count(*), ifnull(sum(blob_length), 0) FROM parts",
        "SELECT count(*), ifnull(sum(blob_length), 0) FROM upload_parts",
    ] {
        let counted = one(connection, sql, [], |row| {
            let mut cells = Cells::new(row, "versions, parts, upload_parts");
            Ok((cells.number::<u64>()?, cells.number::<u64>()?))
        })?;
        let (frames, bytes) = counted.unwrap_or_default();
        totals = FrameTotals { frames: totals.frames + frames, bytes: totals.bytes + bytes };
    }
    Ok(totals)
}

pub(super) fn is_named(connection: &Connection, location: &Location, stored_crc: u64) -> Result<bool, EngineError> {
    let sql = "SELECT 1 FROM versions WHERE blob = ?1 AND offset = ?2 AND length = ?3 AND stored_crc = ?4
               UNION ALL SELECT 1 FROM parts WHERE blob = ?1 AND blob_offset = ?2 AND blob_length = ?3 AND stored_crc = ?4
               UNION ALL SELECT 1 FROM upload_parts WHERE blob = ?1 AND blob_offset = ?2 AND blob_length = ?3 AND stored_crc = ?4 LIMIT 1";
    let values = params![location.blob.to_bytes(), whole(location.offset), whole(location.length), stored_crc.cast_signed()];
    exists(connection, sql, values)
}

pub(super) fn unknown(connection: &Connection, blobs: &[BlobId]) -> Result<Vec<BlobId>, EngineError> {
    let sql = "SELECT 1 FROM versions WHERE blob = ?1 UNION ALL SELECT 1 FROM parts WHERE blob = ?1
               UNION ALL SELECT 1 FROM upload_parts WHERE blob = ?1 UNION ALL SELECT 1 FROM condemned WHERE blob = ?1 LIMIT 1";
    let mut unknown = Vec::new();
    for blob in blobs {
        if !exists(connection, sql, [blob.to_bytes()])? {
            unknown.push(*blob);
        }
    }
    Ok(unknown)
}
