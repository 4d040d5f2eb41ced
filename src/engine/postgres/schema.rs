//! Makes the tables, brings them up to date, and notices when they have come to another cluster.

use super::fault::Fault;
use super::given::given;
use super::pool::Pool;
use super::session::Session;
use super::transaction;
use crate::engine::EngineError;
use crate::engine::cells::Cells;
use crate::engine::step::Step;
use futures::FutureExt;

/// Frozen steps from one schema to the next; how many were taken stands in `hozon_schema`.
const STEPS: [&str; KNOWN as usize] = [
    include_str!("../migrations/postgres/0001_first.sql"),
    include_str!("../migrations/postgres/0002_jobs.sql"),
    include_str!("../migrations/postgres/0003_changes.sql"),
    include_str!("../migrations/postgres/0004_directives.sql"),
];
/// The form of the tables that this program knows best.
pub(super) const KNOWN: u32 = 4;
/// Names our advisory locks apart from those of others: "hzon".
pub(super) const OURS: i64 = 0x687a_6f6e;

/// Brings the schema to its newest form. Several nodes may do so at once: one does, the others find it done.
pub(super) async fn migrate(pool: &Pool, schema: &str) -> Result<(), EngineError> {
    let name = schema.to_owned();
    transaction::write(pool, name, |session, name| steps(session, name).boxed()).await
}

/// What is as it should be is not committed: where a synchronous standby is away, a commit waits for it.
async fn steps(session: &Session, schema: &str) -> Result<Step<()>, Fault> {
    // However long another node takes, or a step does on large tables.
    session.run("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0").await?;
    session.run(&format!("SELECT pg_advisory_xact_lock({OURS})")).await?;
    let there = session.exists("SELECT 1 FROM pg_namespace WHERE nspname = $1::text", given![schema]).await?;
    if !there {
        session.run(&format!("CREATE SCHEMA {schema}")).await?;
    }
    let tables = "SELECT count(*), count(*) FILTER (WHERE c.relname = 'hozon_schema') FROM pg_class c
                  JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1::text AND c.relkind IN ('r', 'p', 'v', 'm')";
    let (tables, ours): (i64, i64) = session
        .one(tables, given![schema], |row| {
            let mut cells = Cells::new(row, "hozon_schema");
            Ok((cells.take()?, cells.take()?))
        })
        .await?
        .unwrap_or_default();
    if ours == 0 {
        if tables > 0 {
            return Err(EngineError::NotOurs.into());
        }
        session.run("CREATE TABLE hozon_schema (one BIGINT PRIMARY KEY CHECK (one = 1), steps BIGINT NOT NULL); INSERT INTO hozon_schema VALUES (1, 0)").await?;
    }
    let taken = session.one("SELECT steps FROM hozon_schema", given![], |row| Cells::new(row, "hozon_schema").number::<u32>()).await?;
    let (found, known) = (taken.ok_or(EngineError::Corrupt { table: "hozon_schema" })?, KNOWN);
    if found > known {
        return Err(EngineError::TooNew { found, known }.into());
    }
    if found == known {
        return Ok(Step::Undo(()));
    }
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(usize::MAX)) {
        session.run(step).await?;
    }
    session.change("UPDATE hozon_schema SET steps = $1", given![known]).await?;
    Ok(Step::Keep(()))
}

/// Begins a new epoch if the tables lie in another cluster, or on another timeline, than when they were last written:
/// after a restore or a failover. Marks go on from the largest that is there.
pub(super) async fn follow(pool: &Pool) -> Result<(), EngineError> {
    let now = pool.seen().get();
    transaction::write(pool, now, |session, now| async move { begin_epoch(session, *now).await.map(Step::Keep) }.boxed()).await
}

/// One that no copy of this database has had.
pub(super) const BEGIN_EPOCH: &str =
    "UPDATE counters SET value = greatest(value + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) WHERE name = 'epoch'";

async fn begin_epoch(session: &Session, now: (i64, i64)) -> Result<(), Fault> {
    let sql = "SELECT s.value, t.value FROM counters s, counters t WHERE s.name = 'system' AND t.name = 'timeline' FOR UPDATE";
    let read = |row: &dyn crate::engine::cells::Columns| {
        let mut cells = Cells::new(row, "counters");
        Ok((cells.take::<i64>()?, cells.take::<i64>()?))
    };
    let written = session.one(sql, given![], read).await?.ok_or(EngineError::Corrupt { table: "counters" })?;
    if written == now {
        return Ok(());
    }
    // The first cluster of all begins nothing anew: there is no cache yet that could be wrong.
    if written != (0, 0) {
        tracing::warn!("the index has come to another cluster or timeline: every cache of listings begins anew");
        session.change(BEGIN_EPOCH, given![]).await?;
    }
    if written.0 != now.0 {
        // Numbers of transactions begin anew in another cluster.
        let sql = "UPDATE counters SET value = greatest(value, (SELECT greatest(
                     (SELECT coalesce(max(mark), 0) FROM entries), (SELECT coalesce(max(mark), 0) FROM directories),
                     (SELECT coalesce(max(mark), 0) FROM tombstones)))) WHERE name = 'base'";
        session.change(sql, given![]).await?;
    }
    session.change("UPDATE counters SET value = $1 WHERE name = 'system'", given![now.0]).await?;
    session.change("UPDATE counters SET value = $1 WHERE name = 'timeline'", given![now.1]).await?;
    Ok(())
}
