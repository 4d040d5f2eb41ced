//! What has changed in a directory since a mark, for caches of opened listings.
//!
//! A mark is the number of the transaction that set it, and transactions commit in another order than they were numbered
//! in. A cache therefore asks again from the newest mark below which nothing can come any more: that of the oldest
//! transaction which ran when it looked. What it has seen beyond that it is told once more.

use super::fault::Fault;
use super::given::given;
use super::runs;
use super::session::Session;
use crate::domain::{BucketId, EntryId, UtcTime};
use crate::engine::cells::{Cells, Columns, whole};
use crate::engine::stored::directories::{directory_columns, directory_of, entry_columns, entry_of};
use crate::engine::stored::runs::run_of;
use crate::engine::{DirectoryChanges, EngineError, Token};
use std::collections::HashMap;
use tokio_postgres::Row;

const NOW: &str = "SELECT settled_mark(), h.value, e.value FROM counters h, counters e WHERE h.name = 'horizon' AND e.name = 'epoch'";
// A transaction gives all that it changes in a directory one mark: a page never ends between rows of one mark.
const ENTRIES: &str = concat!(
    "SELECT ",
    entry_columns!(),
    " FROM entries e WHERE e.bucket = $1 AND e.directory = $2 AND e.mark > $3 ORDER BY e.mark FETCH FIRST $4 ROWS WITH TIES"
);
const DIRECTORIES: &str = concat!(
    "SELECT ",
    directory_columns!(),
    " FROM directories d WHERE d.bucket = $1 AND d.parent = $2 AND d.mark > $3 ORDER BY d.mark FETCH FIRST $4 ROWS WITH TIES"
);
const GONE: &str = "SELECT mark, id FROM tombstones WHERE bucket = $1 AND parent = $2 AND mark > $3 ORDER BY mark
                    FETCH FIRST $4 ROWS WITH TIES";

/// Rows beyond the settled mark that are told at once: some 30 MiB.
const UNSETTLED_MAX: usize = 100_000;

/// One page of what changed in a directory after `mark`: entries, directories and tombstones, merged by their marks.
pub(super) async fn changes(
    session: &Session,
    (bucket, directory): (BucketId, Token),
    mark: u64,
    limit: usize,
) -> Result<DirectoryChanges, Fault> {
    let limit = limit.max(1);
    if let Some(page) = page(session, (bucket, directory), mark, limit).await? {
        return Ok(page);
    }
    // What lies beyond the settled mark is told whole: from inside it nobody could ask on. How much that is depends on how
    // long the oldest transaction of the whole cluster runs, so it is bounded.
    page(session, (bucket, directory), mark, UNSETTLED_MAX).await?.ok_or_else(|| {
        tracing::warn!("a transaction runs for so long that listings cannot be told in pages: see pg_stat_activity.backend_xmin");
        EngineError::Busy.into()
    })
}

/// A page that ends where a cache may ask on; nothing if all of it lies beyond that.
async fn page(
    session: &Session,
    (bucket, directory): (BucketId, Token),
    mark: u64,
    limit: usize,
) -> Result<Option<DirectoryChanges>, Fault> {
    let [now, entries, directories, gone, run] = session.prepared([NOW, ENTRIES, DIRECTORIES, GONE, runs::OF_DIRECTORY]).await?;
    let since = || given![bucket.as_bytes(), &directory.0, mark, whole(limit as u64).saturating_add(1)];
    // One snapshot for all, and one round trip: sent in this order.
    let (_begun, now, entries, directories, gone, run, _ended) = futures::try_join!(
        session.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
        session.send(&now, given![]),
        session.send(&entries, since()),
        session.send(&directories, since()),
        // A cache that holds nothing has nothing to forget.
        async { if mark == 0 { Ok(Vec::new()) } else { session.send(&gone, since()).await } },
        session.send(&run, given![bucket.as_bytes(), &directory.0]),
        session.run("COMMIT"),
    )?;
    let (settled, horizon, epoch) = now.first().map(|row| counts_of(row)).transpose()?.ok_or(EngineError::Corrupt { table: "counters" })?;
    let mut entries = read(&entries, |row| entry_of(&mut Cells::new(row, "entries")))?;
    let mut directories = read(&directories, |row| directory_of(&mut Cells::new(row, "directories")))?;
    let mut gone = read(&gone, |row| {
        let mut cells = Cells::new(row, "tombstones");
        Ok((cells.number::<u64>()?, cells.id(EntryId::from_bytes)?))
    })?;
    let marks =
        || entries.iter().map(|row| row.mark).chain(directories.iter().map(|row| row.mark)).chain(gone.iter().map(|(mark, _)| *mark));
    let cut = match cut(marks(), limit) {
        Some(cut) if cut > settled => match marks().filter(|mark| *mark <= settled).max() {
            Some(last) => Some(last),
            None => return Ok(None),
        },
        cut => cut,
    };
    if let Some(cut) = cut {
        entries.retain(|row| row.mark <= cut);
        directories.retain(|row| row.mark <= cut);
        gone.retain(|(mark, _)| *mark <= cut);
    }
    Ok(Some(DirectoryChanges {
        entries,
        directories,
        gone: gone.into_iter().map(|(_, id)| id).collect(),
        // Never back: a cache that was told more than what is settled now has seen it settled.
        mark: cut.unwrap_or(settled.max(mark)),
        more: cut.is_some(),
        epoch,
        horizon,
        run: run.first().map(|row| run_of(&mut Cells::new(row, "runs"))).transpose()?,
    }))
}

fn read<T>(rows: &[Row], read: impl Fn(&dyn Columns) -> Result<T, EngineError>) -> Result<Vec<T>, EngineError> {
    rows.iter().map(|row| read(row)).collect()
}

fn counts_of(row: &dyn Columns) -> Result<(u64, u64, u64), EngineError> {
    let mut cells = Cells::new(row, "counters");
    Ok((cells.number()?, cells.number()?, cells.number()?))
}

/// The horizon and the epoch.
pub(super) async fn counters(session: &Session) -> Result<(u64, u64), Fault> {
    let (_, horizon, epoch) = session.one(NOW, given![], counts_of).await?.ok_or(EngineError::Corrupt { table: "counters" })?;
    Ok((horizon, epoch))
}

/// Forgets tombstones from before `before`, the oldest first, and moves the horizon over them. Runs that needed one of
/// them end. Returns how many.
pub(super) async fn forget_tombstones(session: &Session, before: UtcTime, limit: usize) -> Result<usize, Fault> {
    // Only those that every running transaction comes after: no older mark is added behind the horizon.
    let sql = "DELETE FROM tombstones WHERE mark IN
                 (SELECT mark FROM (SELECT mark, at FROM tombstones WHERE mark <= settled_mark() ORDER BY mark FETCH FIRST $2 ROWS WITH TIES) t
                  WHERE at < $1) RETURNING mark, bucket, parent";
    let forgotten = session
        .all(sql, given![before, limit], |row| {
            let mut cells = Cells::new(row, "tombstones");
            Ok((cells.number::<u64>()?, (cells.id(BucketId::from_bytes)?, cells.token()?)))
        })
        .await?;
    // The newest of each directory comes last here, and its mark stays.
    let mut newest: Vec<_> = forgotten.iter().map(|(mark, place)| (*place, *mark)).collect();
    newest.sort_unstable_by_key(|(_, mark)| *mark);
    for (place, mark) in newest.into_iter().collect::<HashMap<_, _>>() {
        runs::end_before(session, place, mark).await?;
    }
    if let Some((last, _)) = forgotten.iter().max_by_key(|(mark, _)| *mark) {
        session.change("UPDATE counters SET value = greatest(value, $1) WHERE name = 'horizon'", given![*last]).await?;
    }
    Ok(forgotten.len())
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
