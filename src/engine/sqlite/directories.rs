//! Keys' entries and directories, their change marks and counters. What changed since a mark is `listing`'s.

use super::{one, rows_changed};
use crate::domain::{BucketId, EntryId, UtcTime};
use crate::engine::cells::{Cells, whole};
use crate::engine::{DirectoryRow, EngineError, EntryChange, Token, VersionKind};
use rusqlite::{Connection, params};

/// The next change mark. Only the writer asks, so marks follow commit order.
pub(super) fn next_mark(connection: &Connection) -> Result<i64, EngineError> {
    let sql = "UPDATE counters SET value = value + 1 WHERE name = 'mark' RETURNING value";
    one(connection, sql, [], |row| Cells::new(row, "counters").take())?.ok_or(EngineError::Corrupt { table: "counters" })
}

/// Applies the change of an entry, and counts it in its directory and those above. False if it is not as expected.
pub(super) fn change(connection: &Connection, change: &EntryChange, above: &[DirectoryRow], now: UtcTime) -> Result<bool, EngineError> {
    match change {
        EntryChange::Insert(row) => {
            let sql = "INSERT OR IGNORE INTO entries (id, bucket, key, directory, kek_version, sealed_name, current_version, current_kind,
                         current_size, current_etag, current_parts, current_modified, revision, mac, mark)
                       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
            let mark = next_mark(connection)?;
            let values = params![
                row.id.as_bytes(),
                row.bucket.as_bytes(),
                row.key.0,
                row.directory.0,
                row.kek_version,
                row.sealed_name,
                row.current.version.as_bytes(),
                row.current.kind as u8,
                whole(row.current.size),
                row.current.etag.bits(),
                row.current.etag.parts(),
                row.current.modified.micros(),
                whole(row.revision),
                row.mac.0,
                mark
            ];
            if rows_changed(connection, sql, values)? == 0 {
                return Ok(false);
            }
            make(connection, above)?;
            let live = i64::from(row.current.kind == VersionKind::Content);
            count(connection, row.bucket, row.directory, (live, 1), now)?;
            Ok(true)
        }
        EntryChange::Update { expected, row } => {
            let Some((before, directory)) = as_expected(connection, row.bucket, row.id, *expected)? else { return Ok(false) };
            let sql = "UPDATE entries SET kek_version = ?, sealed_name = ?, current_version = ?, current_kind = ?, current_size = ?,
                       current_etag = ?, current_parts = ?, current_modified = ?, revision = ?, mac = ?, mark = ? WHERE id = ? AND key = ?";
            let values = params![
                row.kek_version,
                row.sealed_name,
                row.current.version.as_bytes(),
                row.current.kind as u8,
                whole(row.current.size),
                row.current.etag.bits(),
                row.current.etag.parts(),
                row.current.modified.micros(),
                whole(row.revision),
                row.mac.0,
                next_mark(connection)?,
                row.id.as_bytes(),
                row.key.0
            ];
            let changed = rows_changed(connection, sql, values)?;
            let live = i64::from(row.current.kind == VersionKind::Content) - i64::from(before == VersionKind::Content);
            count(connection, row.bucket, directory, (live, 0), now)?;
            Ok(changed == 1)
        }
        EntryChange::Remove { id, bucket, expected } => {
            let Some((before, directory)) = as_expected(connection, *bucket, *id, *expected)? else { return Ok(false) };
            rows_changed(connection, "DELETE FROM entries WHERE id = ?", [id.as_bytes()])?;
            bury(connection, *bucket, directory, *id, now)?;
            let live = -i64::from(before == VersionKind::Content);
            count(connection, *bucket, directory, (live, -1), now)?;
            Ok(true)
        }
    }
}

/// The kind of the entry's current version and its directory, if the entry has the expected revision.
fn as_expected(connection: &Connection, bucket: BucketId, id: EntryId, expected: u64) -> Result<Option<(VersionKind, Token)>, EngineError> {
    let sql = "SELECT current_kind, directory FROM entries WHERE id = ? AND bucket = ? AND revision = ?";
    one(connection, sql, params![id.as_bytes(), bucket.as_bytes(), whole(expected)], |row| {
        let mut cells = Cells::new(row, "entries");
        Ok((cells.one_of(VersionKind::from_number)?, cells.token()?))
    })
}

/// Makes the directories that are not there yet, from the root's child down; each counts in its parent.
fn make(connection: &Connection, directories: &[DirectoryRow]) -> Result<(), EngineError> {
    for row in directories {
        let sql = "INSERT OR IGNORE INTO directories (id, bucket, directory, parent, kek_version, sealed_name, live, total, mark)
                   VALUES (?, ?, ?, ?, ?, ?, 0, 0, ?)";
        let values = params![
            row.id.as_bytes(),
            row.bucket.as_bytes(),
            row.directory.0,
            row.parent.0,
            row.kek_version,
            row.sealed_name,
            next_mark(connection)?
        ];
        if rows_changed(connection, sql, values)? == 1 {
            let sql = "UPDATE directories SET total = total + 1 WHERE bucket = ? AND directory = ?";
            rows_changed(connection, sql, params![row.bucket.as_bytes(), row.parent.0])?;
        }
    }
    Ok(())
}

/// Adds to a directory's counters, and to those above only where a counter leaves or reaches zero. The bucket's
/// root has no row, which ends the walk.
fn count(connection: &Connection, bucket: BucketId, directory: Token, by: (i64, i64), now: UtcTime) -> Result<(), EngineError> {
    let (mut directory, mut by) = (directory, by);
    while by != (0, 0) {
        let sql = "UPDATE directories SET live = live + ?, total = total + ? WHERE bucket = ? AND directory = ?
                   RETURNING live, total, parent, id";
        let counted: Option<(i64, i64, Token, EntryId)> =
            one(connection, sql, params![by.0, by.1, bucket.as_bytes(), directory.0], |row| {
                let mut cells = Cells::new(row, "directories");
                Ok((cells.take()?, cells.take()?, cells.token()?, cells.id(EntryId::from_bytes)?))
            })?;
        let Some((live, total, parent, id)) = counted else { return Ok(()) };
        let live_above = i64::from(live > 0) - i64::from(live - by.0 > 0);
        let mut total_above = 0;
        if total <= 0 {
            rows_changed(
                connection,
                "DELETE FROM directories WHERE bucket = ? AND directory = ?",
                params![bucket.as_bytes(), directory.0],
            )?;
            bury(connection, bucket, parent, id, now)?;
            total_above = -1;
        } else if live_above != 0 {
            let sql = "UPDATE directories SET mark = ? WHERE bucket = ? AND directory = ?";
            rows_changed(connection, sql, params![next_mark(connection)?, bucket.as_bytes(), directory.0])?;
        }
        (directory, by) = (parent, (live_above, total_above));
    }
    Ok(())
}

fn bury(connection: &Connection, bucket: BucketId, parent: Token, id: EntryId, now: UtcTime) -> Result<(), EngineError> {
    let sql = "INSERT INTO tombstones (mark, bucket, parent, id, at) VALUES (?, ?, ?, ?, ?)";
    let values = params![next_mark(connection)?, bucket.as_bytes(), parent.0, id.as_bytes(), now.micros()];
    rows_changed(connection, sql, values).map(|_rows| ())
}
