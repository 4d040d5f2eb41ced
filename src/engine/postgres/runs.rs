//! Sorted runs of huge directories: written page by page, whole at once, gone page by page.

use super::buckets;
use super::fault::Fault;
use super::given::{Given, given};
use super::listing;
use super::session::Session;
use crate::domain::{BucketId, RunId, TenantId, UtcTime, limits};
use crate::engine::cells::{Cells, whole};
use crate::engine::step::Step;
use crate::engine::stored::runs::{run_columns, run_of};
use crate::engine::{Changed, RunRow, Token};

/// The whole run of a directory.
pub(super) const OF_DIRECTORY: &str =
    concat!("SELECT ", run_columns!(), " FROM runs r WHERE r.bucket = $1 AND r.directory = $2 AND r.state = 2");

pub(super) async fn begin(
    session: &Session,
    (bucket, directory): (BucketId, Token),
    run: RunId,
    now: UtcTime,
) -> Result<Step<Changed>, Fault> {
    if !buckets::hold(session, bucket).await? {
        return Ok(Step::Undo(Changed::Conflict));
    }
    // One whose maker has gone stands in nobody's way.
    let sql = "UPDATE runs SET state = 3 WHERE bucket = $1 AND directory = $2 AND state = 1 AND begun < $3";
    session.change(sql, given![bucket.as_bytes(), &directory.0, now.minus(limits::RUN_WRITE_MAX)]).await?;
    let sql = "INSERT INTO runs (run, bucket, directory, state, begun) VALUES ($1, $2, $3, 1, $4) ON CONFLICT DO NOTHING";
    change_of_one(session, sql, given![run.as_bytes(), bucket.as_bytes(), &directory.0, now]).await
}

pub(super) async fn put_pages(session: &Session, run: RunId, first: u32, pages: &[Vec<u8>]) -> Result<Step<Changed>, Fault> {
    // Locked, so that nobody ends or completes it before these pages are there.
    if !session.exists("SELECT 1 FROM runs WHERE run = $1 AND state = 1 FOR UPDATE", given![run.as_bytes()]).await? {
        return Ok(Step::Undo(Changed::Conflict));
    }
    let sql = "INSERT INTO run_pages (run, page, sealed) SELECT $1, * FROM unnest($2::bigint[], $3::bytea[]) ON CONFLICT DO NOTHING";
    let numbers: Vec<i64> = (first..).zip(pages).map(|(number, _)| number.into()).collect();
    let inserted = session.change(sql, given![run.as_bytes(), numbers, pages.iter().map(Vec::as_slice).collect::<Vec<_>>()]).await?;
    Ok(if inserted == pages.len() as u64 { Step::Keep(Changed::Done) } else { Step::Undo(Changed::Conflict) })
}

pub(super) async fn complete(session: &Session, row: &RunRow) -> Result<Step<Changed>, Fault> {
    let (horizon, epoch) = listing::counters(session).await?;
    session
        .rows(
            "SELECT 1 FROM runs WHERE bucket = $1 AND directory = $2 AND state < 3 FOR UPDATE",
            given![row.bucket.as_bytes(), &row.directory.0],
        )
        .await?;
    let sql = "SELECT count(*), coalesce(max(page) + 1, 0) FROM run_pages WHERE run = $1";
    let there: Option<(u32, u32)> = session
        .one(sql, given![row.id.as_bytes()], |row| {
            let mut cells = Cells::new(row, "run_pages");
            Ok((cells.number()?, cells.number()?))
        })
        .await?;
    let before =
        session.one(OF_DIRECTORY, given![row.bucket.as_bytes(), &row.directory.0], |row| run_of(&mut Cells::new(row, "runs"))).await?;
    let is_newest = before.is_none_or(|before| before.epoch != epoch || before.mark <= row.mark);
    if there != Some((row.pages, row.pages)) || row.epoch != epoch || row.mark < horizon || !is_newest {
        return Ok(Step::Undo(Changed::Conflict));
    }
    let sql = "UPDATE runs SET state = 3 WHERE bucket = $1 AND directory = $2 AND state = 2";
    session.change(sql, given![row.bucket.as_bytes(), &row.directory.0]).await?;
    let sql = "UPDATE runs SET state = 2, epoch = $1, mark = $2, pages = $3, items = $4, kek_version = $5, sealed_path = $6
               WHERE run = $7 AND bucket = $8 AND directory = $9 AND state = 1";
    let values = given![
        row.epoch,
        row.mark,
        row.pages,
        row.items,
        row.kek_version,
        &row.sealed_path,
        row.id.as_bytes(),
        row.bucket.as_bytes(),
        &row.directory.0
    ];
    change_of_one(session, sql, values).await
}

pub(super) async fn end(session: &Session, run: RunId) -> Result<(), Fault> {
    session.change("UPDATE runs SET state = 3 WHERE run = $1", given![run.as_bytes()]).await.map(|_rows| ())
}

pub(super) async fn pages(session: &Session, run: RunId, first: u32, limit: usize) -> Result<Vec<Vec<u8>>, Fault> {
    let sql = "SELECT page, sealed FROM run_pages WHERE run = $1 AND page >= $2 ORDER BY page LIMIT $3";
    let found = session
        .all(sql, given![run.as_bytes(), first, limit], |row| {
            let mut cells = Cells::new(row, "run_pages");
            Ok((cells.number::<u32>()?, cells.take()?))
        })
        .await?;
    // A page that is not there ends what can be read.
    Ok((first..).zip(found).take_while(|(expected, (page, _))| expected == page).map(|(_, (_, sealed))| sealed).collect())
}

pub(super) async fn aging(
    session: &Session,
    before: UtcTime,
    after: Option<RunId>,
    limit: usize,
) -> Result<Vec<(TenantId, RunRow)>, Fault> {
    // The first that went after the mark is the first to be forgotten.
    let sql = concat!(
        "SELECT ",
        run_columns!(),
        ", b.tenant FROM runs r JOIN buckets b ON b.id = r.bucket WHERE r.state = 2 AND r.run > $1 AND (SELECT t.at FROM tombstones t
            WHERE t.bucket = r.bucket AND t.parent = r.directory AND t.mark > r.mark ORDER BY t.mark LIMIT 1) < $2 ORDER BY r.run LIMIT $3"
    );
    let after = after.map_or(Vec::new(), |run| run.as_bytes().to_vec());
    session
        .all(sql, given![&after, before, limit], |row| {
            let mut cells = Cells::new(row, "runs");
            let run = run_of(&mut cells)?;
            Ok((cells.id(TenantId::from_bytes)?, run))
        })
        .await
}

/// Removes some pages of a run that has ended or was begun before `given_up` and never became whole. True if there is
/// no such run any more.
pub(super) async fn forget_ended(session: &Session, given_up: UtcTime) -> Result<bool, Fault> {
    session.change("UPDATE runs SET state = 3 WHERE state = 1 AND begun < $1", given![given_up]).await?;
    let sql = "SELECT run FROM runs WHERE state = 3 LIMIT 1 FOR UPDATE SKIP LOCKED";
    let Some(ended) = session.one(sql, given![], |row| Cells::new(row, "runs").id(RunId::from_bytes)).await? else { return Ok(true) };
    let sql = "DELETE FROM run_pages WHERE run = $1 AND page IN (SELECT page FROM run_pages WHERE run = $1 LIMIT $2)";
    let removed = session.change(sql, given![ended.as_bytes(), limits::RUN_PAGES_AT_ONCE]).await?;
    if removed < limits::RUN_PAGES_AT_ONCE as u64 {
        session.change("DELETE FROM runs WHERE run = $1", given![ended.as_bytes()]).await?;
    }
    Ok(false)
}

/// Ends the run of a directory of which something that went at `mark` is forgotten.
pub(super) async fn end_before(session: &Session, (bucket, directory): (BucketId, Token), mark: u64) -> Result<(), Fault> {
    let sql = "UPDATE runs SET state = 3 WHERE bucket = $1 AND directory = $2 AND state = 2 AND mark < $3";
    session.change(sql, given![bucket.as_bytes(), &directory.0, whole(mark)]).await.map(|_rows| ())
}

/// Runs what changes one row, if all is as expected.
async fn change_of_one(session: &Session, sql: &str, values: Vec<Given<'_>>) -> Result<Step<Changed>, Fault> {
    let is_done = session.change(sql, values).await? == 1;
    Ok(if is_done { Step::Keep(Changed::Done) } else { Step::Undo(Changed::Conflict) })
}
