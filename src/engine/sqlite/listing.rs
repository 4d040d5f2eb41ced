//! What has changed in a directory since a mark, for caches of opened listings.

use super::{all, one, rows_changed, runs};
use crate::domain::{BucketId, EntryId, UtcTime};
use crate::engine::cells::{Cells, whole};
use crate::engine::stored::directories::{directory_columns, directory_of, entry_columns, entry_of};
use crate::engine::{DirectoryChanges, EngineError, Token};
use rusqlite::{Connection, params};
use std::collections::HashMap;

/// One page of what changed in a directory after `mark`: entries, directories and tombstones, merged by their marks.
pub(super) fn changes(
    connection: &Connection,
    (bucket, directory): (BucketId, Token),
    mark: u64,
    limit: usize,
) -> Result<DirectoryChanges, EngineError> {
    // One snapshot for all: a commit between two of the lists would be half seen, and its mark passed over.
    let snapshot = connection.unchecked_transaction().map_err(super::failure)?;
    let (newest, horizon, epoch) = counters(&snapshot)?;
    let limit = limit.max(1);
    let since = || params_of(bucket, directory, mark, limit);
    let sql = concat!(
        "SELECT ",
        entry_columns!(),
        " FROM entries e WHERE e.bucket = ? AND e.directory = ? AND e.mark > ? ORDER BY e.mark LIMIT ?"
    );
    let mut entries = all(&snapshot, sql, since(), |row| entry_of(&mut Cells::new(row, "entries")))?;
    let sql = concat!(
        "SELECT ",
        directory_columns!(),
        " FROM directories d WHERE d.bucket = ? AND d.parent = ? AND d.mark > ? ORDER BY d.mark LIMIT ?"
    );
    let mut directories = all(&snapshot, sql, since(), |row| directory_of(&mut Cells::new(row, "directories")))?;
    // A cache that holds nothing has nothing to forget.
    let mut gone = if mark == 0 { Vec::new() } else { buried(&snapshot, since())? };
    let marks = entries.iter().map(|row| row.mark).chain(directories.iter().map(|row| row.mark)).chain(gone.iter().map(|(mark, _)| *mark));
    let end = cut(marks, limit);
    if let Some(end) = end {
        entries.retain(|row| row.mark <= end);
        directories.retain(|row| row.mark <= end);
        gone.retain(|(mark, _)| *mark <= end);
    }
    Ok(DirectoryChanges {
        entries,
        directories,
        gone: gone.into_iter().map(|(_, id)| id).collect(),
        // Nothing else of this directory lies up to the newest mark of all, so a quiet one does not grow old.
        mark: end.unwrap_or(newest),
        more: end.is_some(),
        epoch,
        horizon,
        run: runs::of_directory(&snapshot, (bucket, directory))?,
    })
}

/// Forgets tombstones from before `before`, the oldest first, and moves the horizon over them. Runs that needed one of
/// them end. Returns how many.
pub(super) fn forget_tombstones(connection: &Connection, before: UtcTime, limit: usize) -> Result<usize, EngineError> {
    let sql = "DELETE FROM tombstones WHERE mark IN
                 (SELECT mark FROM (SELECT mark, at FROM tombstones ORDER BY mark LIMIT ?2) WHERE at < ?1) RETURNING mark, bucket, parent";
    let values = params![before.micros(), whole(limit as u64)];
    let forgotten = all(connection, sql, values, |row| {
        let mut cells = Cells::new(row, "tombstones");
        Ok((cells.number::<u64>()?, (cells.id(BucketId::from_bytes)?, cells.token()?)))
    })?;
    // The newest of each directory comes last here, and its mark stays.
    let mut newest: Vec<_> = forgotten.iter().map(|(mark, place)| (*place, *mark)).collect();
    newest.sort_unstable_by_key(|(_, mark)| *mark);
    for (place, mark) in newest.into_iter().collect::<HashMap<_, _>>() {
        runs::end_before(connection, place, mark)?;
    }
    if let Some((last, _)) = forgotten.iter().max_by_key(|(mark, _)| *mark) {
        let sql = "UPDATE counters SET value = max(value, ?) WHERE name = 'horizon'";
        rows_changed(connection, sql, [whole(*last)])?;
    }
    Ok(forgotten.len())
}

/// The newest mark, the horizon, the epoch.
pub(super) fn counters(connection: &Connection) -> Result<(u64, u64, u64), EngineError> {
    let sql = "SELECT m.value, h.value, e.value FROM counters m, counters h, counters e
               WHERE m.name = 'mark' AND h.name = 'horizon' AND e.name = 'epoch'";
    let read = one(connection, sql, [], |row| {
        let mut cells = Cells::new(row, "counters");
        Ok((cells.number()?, cells.number()?, cells.number()?))
    })?;
    read.ok_or(EngineError::Corrupt { table: "counters" })
}

/// Marks and ids of what has gone.
fn buried(connection: &Connection, since: impl rusqlite::Params) -> Result<Vec<(u64, EntryId)>, EngineError> {
    let sql = "SELECT mark, id FROM tombstones WHERE bucket = ? AND parent = ? AND mark > ? ORDER BY mark LIMIT ?";
    all(connection, sql, since, |row| {
        let mut cells = Cells::new(row, "tombstones");
        Ok((cells.number()?, cells.id(EntryId::from_bytes)?))
    })
}

/// Where a page of `limit` rows ends, if there are more rows than that.
///
/// Each list was read one row further than the page, so whatever sorts up to the cut has been read.
fn cut(marks: impl Iterator<Item = u64>, limit: usize) -> Option<u64> {
    let mut marks: Vec<u64> = marks.collect();
    if marks.len() <= limit {
        return None;
    }
    let (_, last, _) = marks.select_nth_unstable(limit - 1);
    Some(*last)
}

fn params_of(bucket: BucketId, directory: Token, mark: u64, limit: usize) -> ([u8; 16], [u8; 32], i64, i64) {
    (*bucket.as_bytes(), directory.0, whole(mark), whole(limit as u64).saturating_add(1))
}
