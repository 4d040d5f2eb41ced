//! Long jobs: one row for each kind, held by one node at a time.
//!
//! Leases run on this host's clock: one process has the file, so there is no other. A job that was held when the file
//! was last closed is free when it is opened.

use super::journal::write_events;
use super::{failure, one, rows_changed};
use crate::domain::{NodeId, UtcTime};
use crate::engine::cells::whole;
use crate::engine::step::Step;
use crate::engine::stored::jobs::{job_columns, job_of};
use crate::engine::{Changed, EngineError, Events, JobKind, JobOrder, JobRow, JobSave};
use rusqlite::{Connection, params};
use std::time::Duration;

pub(super) fn row(connection: &Connection, kind: JobKind, now: UtcTime) -> Result<Option<JobRow>, EngineError> {
    let sql = concat!("SELECT ", job_columns!(), ", holder IS NOT NULL AND lease_end > ? FROM jobs WHERE kind = ?");
    one(connection, sql, params![now.micros(), kind as u8], job_of)
}

pub(super) fn take(
    connection: &Connection,
    kind: JobKind,
    (node, lease): (NodeId, Duration),
    now: UtcTime,
) -> Result<Step<Option<JobRow>>, EngineError> {
    make(connection, kind)?;
    let sql = "UPDATE jobs SET holder = ?, token = token + 1, lease_end = ? WHERE kind = ? AND (holder IS NULL OR lease_end <= ?)";
    let values = params![node.as_bytes(), now.plus(lease).micros(), kind as u8, now.micros()];
    if rows_changed(connection, sql, values)? == 0 {
        return Ok(Step::Undo(None));
    }
    row(connection, kind, now).map(Step::Keep)
}

pub(super) fn save(
    connection: &Connection,
    kind: JobKind,
    save: &JobSave,
    now: UtcTime,
    events: &Events,
) -> Result<Step<Option<JobRow>>, EngineError> {
    let JobSave { token, lease, answered, progress } = save;
    let sql = "UPDATE jobs SET holder = iif(?1, holder, NULL), lease_end = ?2, answered = ?3, cursor = ?4, report = ?5, started = ?6,
                 finished = ?7, last_full = ?8
               WHERE kind = ?9 AND token = ?10 AND holder IS NOT NULL";
    let values = params![
        lease.is_some(),
        now.plus(lease.unwrap_or_default()).micros(),
        whole(*answered),
        progress.cursor,
        progress.report,
        progress.started.map(UtcTime::micros),
        progress.finished.map(UtcTime::micros),
        progress.last_full.map(UtcTime::micros),
        kind as u8,
        whole(*token)
    ];
    if rows_changed(connection, sql, values)? == 0 {
        return Ok(Step::Undo(None));
    }
    write_events(connection, events).map_err(failure)?;
    row(connection, kind, now).map(Step::Keep)
}

pub(super) fn order(connection: &Connection, kind: JobKind, order: JobOrder) -> Result<Step<Changed>, EngineError> {
    make(connection, kind)?;
    let sql = match order {
        // A job that rests begins nothing, and one that is asked twice before it begins does it once.
        JobOrder::Start => "UPDATE jobs SET asked = answered + 1 WHERE kind = ? AND paused = 0 AND asked <= answered",
        JobOrder::Pause => "UPDATE jobs SET paused = 1 WHERE kind = ? AND paused = 0",
        JobOrder::Resume => "UPDATE jobs SET paused = 0 WHERE kind = ? AND paused = 1",
    };
    let changed = rows_changed(connection, sql, [kind as u8])?;
    Ok(if changed == 1 { Step::Keep(Changed::Done) } else { Step::Undo(Changed::Conflict) })
}

/// Frees every job: whoever held one had the file, and has it no longer.
pub(super) fn free_all(connection: &Connection) -> Result<(), EngineError> {
    rows_changed(connection, "UPDATE jobs SET holder = NULL WHERE holder IS NOT NULL", []).map(|_rows| ())
}

fn make(connection: &Connection, kind: JobKind) -> Result<(), EngineError> {
    let sql = "INSERT OR IGNORE INTO jobs (kind, token, lease_end, paused, asked, answered, cursor, report)
               VALUES (?, 0, 0, 0, 0, 0, x'', x'')";
    rows_changed(connection, sql, [kind as u8]).map(|_rows| ())
}
