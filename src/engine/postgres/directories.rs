//! Keys' entries and directories, their change marks and counters.
//!
//! Locks go from the entry to its directory and upwards, in every transaction: nobody waits in a ring.

use super::fault::Fault;
use super::given::{Given, given};
use super::session::Session;
use crate::domain::{BucketId, EntryId, UtcTime};
use crate::engine::cells::{Cells, Columns};
use crate::engine::{DirectoryRow, EngineError, EntryChange, EntryRow, Token, VersionKind};

/// What a change of an entry does to its directory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    directory: Token,
    live: i64,
    total: i64,
}

/// What it means that a directory has no row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rowless {
    /// It is the bucket's root, which never has one.
    Root,
    /// It was there when a key was put into it: it has gone with its last key in the meantime.
    JustGone,
}

pub(super) const INSERT: &str = "INSERT INTO entries (id, bucket, key, directory, kek_version, sealed_name, current_version, current_kind,
      current_size, current_etag, current_parts, current_modified, revision, mac, mark)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, next_mark()) ON CONFLICT DO NOTHING RETURNING current_kind, directory";
/// What was there is read from a locked row, in the same statement and so in the same round trip.
pub(super) const UPDATE: &str = "WITH was AS
      (SELECT id, current_kind, directory FROM entries WHERE id = $11 AND bucket = $12 AND revision = $13 AND key = $14 FOR UPDATE)
    UPDATE entries e SET kek_version = $1, sealed_name = $2, current_version = $3, current_kind = $4, current_size = $5, current_etag = $6,
      current_parts = $7, current_modified = $8, revision = $9, mac = $10, mark = next_mark()
    FROM was WHERE e.id = was.id RETURNING was.current_kind, was.directory";
pub(super) const REMOVE: &str = "DELETE FROM entries WHERE id = $1 AND bucket = $2 AND revision = $3 RETURNING current_kind, directory";

/// The statement of a change of an entry, and its values. It answers a row with the kind that was current (for a new
/// entry: that is) and the directory; none if the entry is not as expected.
pub(super) fn statement(change: &EntryChange) -> (&'static str, Vec<Given<'_>>) {
    match change {
        EntryChange::Insert(row) => (INSERT, inserted(row)),
        EntryChange::Update { expected, row } => (UPDATE, updated(row, *expected)),
        EntryChange::Remove { id, bucket, expected } => (REMOVE, given![id.as_bytes(), bucket.as_bytes(), *expected]),
    }
}

fn inserted(row: &EntryRow) -> Vec<Given<'_>> {
    given![
        row.id.as_bytes(),
        row.bucket.as_bytes(),
        &row.key.0,
        &row.directory.0,
        row.kek_version,
        &row.sealed_name,
        row.current.version.as_bytes(),
        row.current.kind as u8,
        row.current.size,
        row.current.etag.bits(),
        row.current.etag.parts(),
        row.current.modified,
        row.revision,
        &row.mac.0
    ]
}

fn updated(row: &EntryRow, expected: u64) -> Vec<Given<'_>> {
    given![
        row.kek_version,
        &row.sealed_name,
        row.current.version.as_bytes(),
        row.current.kind as u8,
        row.current.size,
        row.current.etag.bits(),
        row.current.etag.parts(),
        row.current.modified,
        row.revision,
        &row.mac.0,
        row.id.as_bytes(),
        row.bucket.as_bytes(),
        expected,
        &row.key.0
    ]
}

/// What the row that a [`statement`] answered means for the directory.
pub(super) fn counted(change: &EntryChange, row: &dyn Columns) -> Result<Counted, EngineError> {
    let mut cells = Cells::new(row, "entries");
    let (was, directory) = (cells.one_of(VersionKind::from_number)?, cells.token()?);
    let live = |kind: VersionKind| i64::from(kind == VersionKind::Content);
    let (live, total) = match change {
        EntryChange::Insert(row) => (live(row.current.kind), 1),
        EntryChange::Update { row, .. } => (live(row.current.kind) - live(was), 0),
        EntryChange::Remove { .. } => (-live(was), -1),
    };
    Ok(Counted { directory, live, total })
}

/// Counts the change of an entry in its directory and those above, and buries the entry if it went.
pub(super) async fn change(
    session: &Session,
    (bucket, change): (BucketId, &EntryChange),
    counted: Counted,
    above: &[DirectoryRow],
    now: UtcTime,
) -> Result<(), Fault> {
    let rowless = match change {
        EntryChange::Insert(_) => {
            make(session, above).await?;
            if above.is_empty() { Rowless::Root } else { Rowless::JustGone }
        }
        EntryChange::Update { .. } => Rowless::Root,
        EntryChange::Remove { id, .. } => {
            bury(session, bucket, counted.directory, *id, now).await?;
            Rowless::Root
        }
    };
    count(session, bucket, counted, rowless, now).await
}

/// Makes the directories that are not there yet, from the root's child down; each counts in its parent.
async fn make(session: &Session, directories: &[DirectoryRow]) -> Result<(), Fault> {
    for (level, row) in directories.iter().enumerate() {
        let sql = "INSERT INTO directories (id, bucket, directory, parent, kek_version, sealed_name, live, total, mark)
                   VALUES ($1, $2, $3, $4, $5, $6, 0, 0, next_mark()) ON CONFLICT DO NOTHING";
        let values = given![row.id.as_bytes(), row.bucket.as_bytes(), &row.directory.0, &row.parent.0, row.kek_version, &row.sealed_name];
        if session.change(sql, values).await? == 1 && level > 0 {
            let sql = "UPDATE directories SET total = total + 1 WHERE bucket = $1 AND directory = $2";
            if session.change(sql, given![row.bucket.as_bytes(), &row.parent.0]).await? == 0 {
                // Somebody has just taken the last thing out of the parent, and with it the parent.
                return Err(Fault::Again);
            }
        }
    }
    Ok(())
}

/// Adds to a directory's counters, and to those above only where a counter leaves or reaches zero. The bucket's
/// root has no row, which ends the walk.
async fn count(session: &Session, bucket: BucketId, counted: Counted, rowless: Rowless, now: UtcTime) -> Result<(), Fault> {
    let (mut directory, mut by, mut rowless) = (counted.directory, (counted.live, counted.total), rowless);
    while by != (0, 0) {
        let sql = "UPDATE directories SET live = live + $1, total = total + $2,
                     mark = CASE WHEN (live + $1 > 0) IS DISTINCT FROM (live > 0) THEN next_mark() ELSE mark END
                   WHERE bucket = $3 AND directory = $4 RETURNING live, total, parent, id";
        let values = given![by.0, by.1, bucket.as_bytes(), &directory.0];
        let read = |row: &dyn Columns| {
            let mut cells = Cells::new(row, "directories");
            Ok((cells.take::<i64>()?, cells.take::<i64>()?, cells.token()?, cells.id(EntryId::from_bytes)?))
        };
        let Some((live, total, parent, id)) = session.one(sql, values, read).await? else {
            return if rowless == Rowless::JustGone { Err(Fault::Again) } else { Ok(()) };
        };
        let live_above = i64::from(live > 0) - i64::from(live - by.0 > 0);
        let mut total_above = 0;
        if total <= 0 {
            let sql = "DELETE FROM directories WHERE bucket = $1 AND directory = $2";
            session.change(sql, given![bucket.as_bytes(), &directory.0]).await?;
            bury(session, bucket, parent, id, now).await?;
            total_above = -1;
        }
        (directory, by, rowless) = (parent, (live_above, total_above), Rowless::Root);
    }
    Ok(())
}

async fn bury(session: &Session, bucket: BucketId, parent: Token, id: EntryId, now: UtcTime) -> Result<(), Fault> {
    let sql = "INSERT INTO tombstones (mark, bucket, parent, id, at) VALUES (next_mark(), $1, $2, $3, $4)";
    session.change(sql, given![bucket.as_bytes(), &parent.0, id.as_bytes(), now]).await.map(|_rows| ())
}
