//! What has changed since a backup last looked.

use super::schema::{self, Purpose};
use super::{copy, failure, one, rows_changed};
use crate::engine::cells::Cells;
use crate::engine::changes::{KeyText, Noted};
use crate::engine::copy::{Batch, CopyError};
use crate::engine::step::Step;
use crate::engine::tables::{TABLES, form};
use crate::engine::{Changed, EngineError};
use rusqlite::Connection;
use std::path::Path;
use tokio::sync::mpsc;

/// Triggers for all tables, unless they are there.
pub(super) fn note(connection: &Connection) -> Result<Step<Changed>, EngineError> {
    if noted_form(connection)? == form() {
        return Ok(Step::Undo(Changed::Conflict));
    }
    end(connection)?;
    for table in TABLES {
        let (name, columns) = (table.name, KeyText::of(table).noted);
        for (when, of) in [("insert", "new"), ("update", "new"), ("delete", "old")] {
            let values = KeyText::values(table, of);
            let sql = format!(
                "CREATE TRIGGER noted_{name}_{when} AFTER {when} ON {name} BEGIN
                   INSERT INTO changes (place, {columns}) VALUES ('{name}', {values}); END"
            );
            connection.execute_batch(&sql).map_err(failure)?;
        }
    }
    rows_changed(connection, "UPDATE counters SET value = ? WHERE name = 'noted'", [form()])?;
    Ok(Step::Keep(Changed::Done))
}

/// Takes all triggers away, and forgets what they have noted.
pub(super) fn end(connection: &Connection) -> Result<(), EngineError> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name LIKE 'noted\\_%' ESCAPE '\\'";
    let triggers = super::all(connection, sql, [], |row| Cells::new(row, "sqlite_schema").take::<String>())?;
    for trigger in triggers {
        connection.execute_batch(&format!("DROP TRIGGER \"{trigger}\"")).map_err(failure)?;
    }
    rows_changed(connection, "UPDATE counters SET value = 0 WHERE name = 'noted'", [])?;
    rows_changed(connection, "DELETE FROM changes", [])?;
    Ok(())
}

fn noted_form(connection: &Connection) -> Result<i64, EngineError> {
    let form = one(connection, "SELECT value FROM counters WHERE name = 'noted'", [], |row| Cells::new(row, "counters").take())?;
    form.ok_or(EngineError::Corrupt { table: "counters" })
}

/// How many changes wait: for who sees that they do not grow without end.
pub(super) fn waiting(connection: &Connection) -> Result<Option<u64>, EngineError> {
    if noted_form(connection)? != form() {
        return Ok(None);
    }
    let sql = "SELECT ifnull(max(id) - min(id) + 1, 0) FROM changes";
    one(connection, sql, [], |row| Cells::new(row, "changes").number())
}

/// Sends the keys that were noted and the rows that now have them, table by table, all as they were at one moment.
pub(super) fn dump(path: &Path, out: &mpsc::Sender<Batch>) -> Result<Option<Noted>, CopyError> {
    let mut connection = schema::connect(path, Purpose::Read)?;
    let moment = connection.transaction().map_err(failure)?;
    let newest = one(&moment, "SELECT ifnull(max(id), 0) FROM changes", [], |row| Cells::new(row, "changes").take::<i64>())?;
    let newest = newest.ok_or(EngineError::Corrupt { table: "changes" })?;
    if newest == 0 {
        return Ok(None);
    }
    for (at, table) in TABLES.iter().enumerate() {
        let KeyText { noted, matches } = KeyText::of(table);
        let keys = format!("SELECT DISTINCT {noted} FROM changes WHERE place = '{}'", table.name);
        copy::send(&moment, &keys, Batch::of_keys(at), out)?;
        let names: Vec<String> = table.columns.iter().map(|column| format!("t.\"{}\"", column.name)).collect();
        let rows = format!("SELECT {} FROM ({keys}) c JOIN {} t ON {matches}", names.join(", "), table.name);
        copy::send(&moment, &rows, Batch::of(at), out)?;
    }
    Ok(Some(Noted(newest.to_string())))
}

/// Forgets what was sent. Numbers grow in the order of commits, so nothing later is among it.
pub(super) fn forget(connection: &Connection, noted: &Noted) -> Result<(), EngineError> {
    let newest: i64 = noted.0.parse().map_err(|_| EngineError::Corrupt { table: "changes" })?;
    rows_changed(connection, "DELETE FROM changes WHERE id <= ?", [newest]).map(|_rows| ())
}
