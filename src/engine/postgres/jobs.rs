//! Long jobs: one row for each kind, held by one node at a time.
//!
//! Leases run on the database's clock: it is the one clock that all nodes ask.

use super::fault::Fault;
use super::given::given;
use super::journal::write_events;
use super::session::Session;
use crate::domain::NodeId;
use crate::engine::step::Step;
use crate::engine::stored::jobs::{job_columns, job_of};
use crate::engine::{Changed, Events, JobKind, JobOrder, JobRow, JobSave};
use std::time::Duration;

/// Now, in microseconds since 1970.
macro_rules! now {
    () => {
        "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
    };
}

pub(super) async fn row(session: &Session, kind: JobKind) -> Result<Option<JobRow>, Fault> {
    let sql =
        concat!("SELECT ", job_columns!(), ", (holder IS NOT NULL AND lease_end > ", now!(), ")::int::bigint FROM jobs WHERE kind = $1");
    session.one(sql, given![kind as u8], job_of).await
}

pub(super) async fn take(session: &Session, kind: JobKind, node: NodeId, lease: Duration) -> Result<Step<Option<JobRow>>, Fault> {
    make(session, kind).await?;
    let sql = concat!(
        "UPDATE jobs SET holder = $1, token = token + 1, lease_end = $2 + ",
        now!(),
        " WHERE kind = $3 AND (holder IS NULL OR lease_end <= ",
        now!(),
        ")"
    );
    if session.change(sql, given![node.as_bytes(), micros(lease), kind as u8]).await? == 0 {
        return Ok(Step::Undo(None));
    }
    row(session, kind).await.map(Step::Keep)
}

pub(super) async fn save(session: &Session, kind: JobKind, save: &JobSave, events: &Events) -> Result<Step<Option<JobRow>>, Fault> {
    let JobSave { token, lease, answered, progress } = save;
    let sql = concat!(
        "UPDATE jobs SET holder = CASE WHEN $1::bigint = 1 THEN holder END, lease_end = $2 + ",
        now!(),
        ", answered = $3, cursor = $4, report = $5, started = $6, finished = $7, last_full = $8
         WHERE kind = $9 AND token = $10 AND holder IS NOT NULL"
    );
    let values = given![
        u8::from(lease.is_some()),
        micros(lease.unwrap_or_default()),
        *answered,
        &progress.cursor,
        &progress.report,
        progress.started,
        progress.finished,
        progress.last_full,
        kind as u8,
        *token,
    ];
    if session.change(sql, values).await? == 0 {
        return Ok(Step::Undo(None));
    }
    write_events(session, events).await?;
    row(session, kind).await.map(Step::Keep)
}

pub(super) async fn order(session: &Session, kind: JobKind, order: JobOrder) -> Result<Step<Changed>, Fault> {
    make(session, kind).await?;
    let sql = match order {
        // A job that rests begins nothing, and one that is asked twice before it begins does it once.
        JobOrder::Start => "UPDATE jobs SET asked = answered + 1 WHERE kind = $1 AND paused = 0 AND asked <= answered",
        JobOrder::Pause => "UPDATE jobs SET paused = 1 WHERE kind = $1 AND paused = 0",
        JobOrder::Resume => "UPDATE jobs SET paused = 0 WHERE kind = $1 AND paused = 1",
    };
    let changed = session.change(sql, given![kind as u8]).await?;
    Ok(if changed == 1 { Step::Keep(Changed::Done) } else { Step::Undo(Changed::Conflict) })
}

async fn make(session: &Session, kind: JobKind) -> Result<(), Fault> {
    let sql = "INSERT INTO jobs (kind, token, lease_end, paused, asked, answered, cursor, report)
               VALUES ($1, 0, 0, 0, 0, 0, '', '') ON CONFLICT DO NOTHING";
    session.change(sql, given![kind as u8]).await.map(|_rows| ())
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX / 2).min(i64::MAX / 2)
}
