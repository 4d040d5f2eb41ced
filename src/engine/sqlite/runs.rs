//! Sorted runs of huge directories: written page by page, whole at once, gone page by page.

use super::{all, buckets, listing, one, rows_changed};
use crate::domain::{BucketId, RunId, TenantId, UtcTime, limits};
use crate::engine::cells::{Cells, whole};
use crate::engine::step::Step;
use crate::engine::stored::runs::{run_columns, run_of};
use crate::engine::{Changed, EngineError, RunRow, Token};
use rusqlite::{Connection, Params, params};

pub(super) fn begin(
    connection: &Connection,
    (bucket, directory): (BucketId, Token),
    run: RunId,
    now: UtcTime,
) -> Result<Step<Changed>, EngineError> {
    if !buckets::is_there(connection, bucket)? {
        return Ok(Step::Undo(Changed::Conflict));
    }
    // One whose maker has gone stands in nobody's way.
    let sql = "UPDATE runs SET state = 3 WHERE bucket = ? AND directory = ? AND state = 1 AND begun < ?";
    let given_up = now.minus(limits::RUN_WRITE_MAX).micros();
    rows_changed(connection, sql, params![bucket.as_bytes(), directory.0, given_up])?;
    let sql = "INSERT OR IGNORE INTO runs (run, bucket, directory, state, begun) VALUES (?, ?, ?, 1, ?)";
    let values = params![run.as_bytes(), bucket.as_bytes(), directory.0, now.micros()];
    change_of_one(connection, sql, values)
}

pub(super) fn put_pages(connection: &Connection, run: RunId, first: u32, pages: &[Vec<u8>]) -> Result<Step<Changed>, EngineError> {
    let sql = "INSERT OR IGNORE INTO run_pages (run, page, sealed) SELECT run, ?2, ?3 FROM runs WHERE run = ?1 AND state = 1";
    for (number, sealed) in (first..).zip(pages) {
        if rows_changed(connection, sql, params![run.as_bytes(), number, sealed])? == 0 {
            return Ok(Step::Undo(Changed::Conflict));
        }
    }
    Ok(Step::Keep(Changed::Done))
}

pub(super) fn complete(connection: &Connection, row: &RunRow) -> Result<Step<Changed>, EngineError> {
    let (_, horizon, epoch) = listing::counters(connection)?;
    let sql = "SELECT count(*), ifnull(max(page) + 1, 0) FROM run_pages WHERE run = ?";
    let there: Option<(u32, u32)> = one(connection, sql, [row.id.as_bytes()], |row| {
        let mut cells = Cells::new(row, "run_pages");
        Ok((cells.number()?, cells.number()?))
    })?;
    let before = of_directory(connection, (row.bucket, row.directory))?;
    let is_newest = before.is_none_or(|before| before.epoch != epoch || before.mark <= row.mark);
    if there != Some((row.pages, row.pages)) || row.epoch != epoch || row.mark < horizon || !is_newest {
        return Ok(Step::Undo(Changed::Conflict));
    }
    let sql = "UPDATE runs SET state = 3 WHERE bucket = ? AND directory = ? AND state = 2";
    rows_changed(connection, sql, params![row.bucket.as_bytes(), row.directory.0])?;
    let sql = "UPDATE runs SET state = 2, epoch = ?, mark = ?, pages = ?, items = ?, kek_version = ?, sealed_path = ?
               WHERE run = ? AND bucket = ? AND directory = ? AND state = 1";
    let values = params![
        whole(row.epoch),
        whole(row.mark),
        row.pages,
        whole(row.items),
        row.kek_version,
        row.sealed_path,
        row.id.as_bytes(),
        row.bucket.as_bytes(),
        row.directory.0
    ];
    change_of_one(connection, sql, values)
}

pub(super) fn end(connection: &Connection, run: RunId) -> Result<(), EngineError> {
    rows_changed(connection, "UPDATE runs SET state = 3 WHERE run = ?", [run.as_bytes()]).map(|_rows| ())
}

/// Ends the run of a directory of which something that went at `mark` is forgotten.
pub(super) fn end_before(connection: &Connection, (bucket, directory): (BucketId, Token), mark: u64) -> Result<(), EngineError> {
    let sql = "UPDATE runs SET state = 3 WHERE bucket = ? AND directory = ? AND state = 2 AND mark < ?";
    rows_changed(connection, sql, params![bucket.as_bytes(), directory.0, whole(mark)]).map(|_rows| ())
}

pub(super) fn of_directory(connection: &Connection, (bucket, directory): (BucketId, Token)) -> Result<Option<RunRow>, EngineError> {
    let sql = concat!("SELECT ", run_columns!(), " FROM runs r WHERE r.bucket = ? AND r.directory = ? AND r.state = 2");
    one(connection, sql, params![bucket.as_bytes(), directory.0], |row| run_of(&mut Cells::new(row, "runs")))
}

pub(super) fn pages(connection: &Connection, run: RunId, first: u32, limit: usize) -> Result<Vec<Vec<u8>>, EngineError> {
    let sql = "SELECT page, sealed FROM run_pages WHERE run = ? AND page >= ? ORDER BY page LIMIT ?";
    let found = all(connection, sql, params![run.as_bytes(), first, whole(limit as u64)], |row| {
        let mut cells = Cells::new(row, "run_pages");
        Ok((cells.number::<u32>()?, cells.take()?))
    })?;
    // A page that is not there ends what can be read.
    Ok((first..).zip(found).take_while(|(expected, (page, _))| expected == page).map(|(_, (_, sealed))| sealed).collect())
}

pub(super) fn aging(
    connection: &Connection,
    before: UtcTime,
    after: Option<RunId>,
    limit: usize,
) -> Result<Vec<(TenantId, RunRow)>, EngineError> {
    // The first that went after the mark is the first to be forgotten.
    let sql = concat!(
        "SELECT ",
        run_columns!(),
        ", b.tenant FROM runs r JOIN buckets b ON b.id = r.bucket WHERE r.state = 2 AND r.run > ? AND (SELECT t.at FROM tombstones t
            WHERE t.bucket = r.bucket AND t.parent = r.directory AND t.mark > r.mark ORDER BY t.mark LIMIT 1) < ? ORDER BY r.run LIMIT ?"
    );
    let after = after.map_or(Vec::new(), |run| run.as_bytes().to_vec());
    all(connection, sql, params![after, before.micros(), whole(limit as u64)], |row| {
        let mut cells = Cells::new(row, "runs");
        let run = run_of(&mut cells)?;
        Ok((cells.id(TenantId::from_bytes)?, run))
    })
}

/// Removes some pages of a run that has ended or was begun before `given_up` and never became whole. True if there is
/// no such run any more.
pub(super) fn forget_ended(connection: &Connection, given_up: UtcTime) -> Result<bool, EngineError> {
    let sql = "UPDATE runs SET state = 3 WHERE state = 1 AND begun < ?";
    rows_changed(connection, sql, [given_up.micros()])?;
    let ended = one(connection, "SELECT run FROM runs WHERE state = 3 LIMIT 1", [], |row| Cells::new(row, "runs").id(RunId::from_bytes))?;
    let Some(ended) = ended else { return Ok(true) };
    let sql = "DELETE FROM run_pages WHERE rowid IN (SELECT rowid FROM run_pages WHERE run = ? LIMIT ?)";
    let removed = rows_changed(connection, sql, params![ended.as_bytes(), whole(limits::RUN_PAGES_AT_ONCE as u64)])?;
    if removed < limits::RUN_PAGES_AT_ONCE {
        rows_changed(connection, "DELETE FROM runs WHERE run = ?", [ended.as_bytes()])?;
    }
    Ok(false)
}

/// Runs what changes one row, if all is as expected.
fn change_of_one(connection: &Connection, sql: &str, values: impl Params) -> Result<Step<Changed>, EngineError> {
    let is_done = rows_changed(connection, sql, values)? == 1;
    Ok(if is_done { Step::Keep(Changed::Done) } else { Step::Undo(Changed::Conflict) })
}
