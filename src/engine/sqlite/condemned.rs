//! Blobs that no row names any more. Their bytes are deleted in a later pass than the one that condemns them.

use super::{all, exists, rows_changed};
use crate::domain::{BlobId, UtcTime};
use crate::engine::cells::{Cells, whole};
use crate::engine::{Condemned, EngineError};
use rusqlite::{Connection, params};

/// Condemns a blob in the transaction that takes away its last row.
pub(super) fn condemn(connection: &Connection, blob: &[u8], at: UtcTime) -> Result<(), EngineError> {
    if is_named(connection, blob)? {
        return Ok(());
    }
    rows_changed(connection, "INSERT OR IGNORE INTO condemned (blob, at) VALUES (?, ?)", params![blob, at.micros()]).map(|_rows| ())
}

/// Condemns those of `blobs` that no row names, and says which are condemned now.
pub(super) fn condemn_unnamed(connection: &Connection, blobs: &[BlobId], at: UtcTime) -> Result<Vec<BlobId>, EngineError> {
    let mut condemned = Vec::new();
    for blob in blobs {
        condemn(connection, &blob.to_bytes(), at)?;
        if is_condemned(connection, blob)? {
            condemned.push(*blob);
        }
    }
    Ok(condemned)
}

/// Whether a commit must refuse the blob: its bytes may be gone already.
pub(super) fn is_condemned(connection: &Connection, blob: &BlobId) -> Result<bool, EngineError> {
    exists(connection, "SELECT 1 FROM condemned WHERE blob = ?", [blob.to_bytes()])
}

pub(super) fn before(
    connection: &Connection,
    before: UtcTime,
    after: Option<Condemned>,
    limit: usize,
) -> Result<Vec<Condemned>, EngineError> {
    let (at, blob) = after.map_or((i64::MIN, Vec::new()), |after| (after.at.micros(), after.blob.to_bytes().to_vec()));
    let sql = "SELECT blob, at FROM condemned WHERE at < ? AND (at, blob) > (?, ?) ORDER BY at, blob LIMIT ?";
    all(connection, sql, params![before.micros(), at, blob, whole(limit as u64)], |row| {
        let mut cells = Cells::new(row, "condemned");
        let (bytes, at): (Vec<u8>, _) = (cells.take()?, cells.time()?);
        let blob = BlobId::from_bytes(&bytes).map_err(|_| cells.corrupt())?;
        Ok(Condemned { blob, at, is_named: is_named(connection, &bytes)? })
    })
}

pub(super) fn forget(connection: &Connection, blobs: &[BlobId]) -> Result<(), EngineError> {
    for blob in blobs {
        rows_changed(connection, "DELETE FROM condemned WHERE blob = ?", [blob.to_bytes()])?;
    }
    Ok(())
}

fn is_named(connection: &Connection, blob: &[u8]) -> Result<bool, EngineError> {
    let sql = "SELECT 1 FROM versions WHERE blob = ?1 UNION ALL SELECT 1 FROM parts WHERE blob = ?1
               UNION ALL SELECT 1 FROM upload_parts WHERE blob = ?1 LIMIT 1";
    exists(connection, sql, [blob])
}
