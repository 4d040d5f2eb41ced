//! Whole copies of the index: out of it at one moment, and into an empty one as one transaction.

use super::schema::{self, Purpose};
use super::{SqliteSettings, claim, failure, one};
use crate::engine::EngineError;
use crate::engine::cells::{Cell, Cells};
use crate::engine::copy::{Batch, CopyError, Holds, Origin};
use crate::engine::tables::TABLES;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, params_from_iter};
use std::path::Path;
use tokio::sync::mpsc;

impl ToSql for Cell<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Cell::Null => ValueRef::Null,
            Cell::Number(number) => ValueRef::Integer(number),
            Cell::Bytes(bytes) => ValueRef::Blob(bytes),
            Cell::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

/// Sends every row, all as they were at one moment. Writers go on; what they write is not in the copy.
pub(super) fn dump(path: &Path, out: &mpsc::Sender<Batch>) -> Result<(), CopyError> {
    let mut connection = schema::connect(path, Purpose::Read)?;
    let moment = connection.transaction().map_err(failure)?;
    for (at, table) in TABLES.iter().enumerate() {
        send(&moment, &format!("SELECT {} FROM {}", table.column_list(), table.name), Batch::of(at), out)?;
    }
    Ok(())
}

/// Sends what `sql` finds in batches like `first`, which is empty.
pub(super) fn send(moment: &Connection, sql: &str, first: Batch, out: &mpsc::Sender<Batch>) -> Result<(), CopyError> {
    let table = first.table()?;
    let mut statement = moment.prepare(sql).map_err(failure)?;
    let mut rows = statement.query([]).map_err(failure)?;
    let mut batch = first.clone();
    while let Some(row) = rows.next().map_err(failure)? {
        batch.push(row, table)?;
        if batch.is_full() {
            out.blocking_send(std::mem::replace(&mut batch, first.clone())).map_err(|_| CopyError::BrokenOff)?;
        }
    }
    if batch.rows() > 0 {
        out.blocking_send(batch).map_err(|_| CopyError::BrokenOff)?;
    }
    Ok(())
}

/// Fills an empty index with all batches that come, or leaves it empty. `epoch` must be one that no copy has had.
pub(super) fn load(
    settings: &SqliteSettings,
    (batches, origin): (&mut mpsc::Receiver<Result<Batch, CopyError>>, Origin),
    epoch: i64,
) -> Result<(), CopyError> {
    let _lock = claim(&settings.path)?;
    let mut connection = schema::open(&settings.path)?;
    let all = connection.transaction().map_err(failure)?;
    if !is_empty(&all)? {
        return Err(CopyError::NotEmpty);
    }
    while let Some(batch) = batches.blocking_recv() {
        let batch = batch?;
        match batch.holds() {
            Holds::Rows => insert(&all, &batch)?,
            Holds::Keys => remove(&all, &batch)?,
        }
    }
    // Marks and orders of versions go on from the largest; whatever went before is known to no cache of this epoch.
    let sql = "UPDATE counters SET value = (SELECT max(m) FROM (SELECT ifnull(max(mark), 0) AS m FROM entries
                 UNION ALL SELECT ifnull(max(mark), 0) FROM directories UNION ALL SELECT ifnull(max(seq), 0) FROM versions))
               WHERE name IN ('mark', 'horizon')";
    all.execute(sql, []).map_err(failure)?;
    all.execute("UPDATE counters SET value = max(value + 1, ?) WHERE name = 'epoch'", [epoch]).map_err(failure)?;
    match origin {
        Origin::Backup => drop(all.execute("UPDATE store SET generation = 0", []).map_err(failure)?),
        Origin::Moved => drop(all.execute("DELETE FROM store", []).map_err(failure)?),
        Origin::Looked => {}
    }
    all.commit().map_err(failure)?;
    Ok(())
}

fn insert(connection: &Connection, batch: &Batch) -> Result<(), CopyError> {
    let table = batch.table()?;
    let places = vec!["?"; table.columns.len()].join(", ");
    let sql = format!("INSERT INTO {} ({}) VALUES ({places})", table.name, table.column_list());
    let mut statement = connection.prepare_cached(&sql).map_err(failure)?;
    batch.each_row(|row| {
        statement.execute(params_from_iter(row)).map_err(failure)?;
        Ok(())
    })
}

/// Removes the rows with these keys: what there is of them now follows.
fn remove(connection: &Connection, batch: &Batch) -> Result<(), CopyError> {
    let table = batch.table()?;
    let matches: Vec<String> = table.key_columns().map(|column| format!("\"{}\" = ?", column.name)).collect();
    let sql = format!("DELETE FROM {} WHERE {}", table.name, matches.join(" AND "));
    let mut statement = connection.prepare_cached(&sql).map_err(failure)?;
    batch.each_row(|key| {
        statement.execute(params_from_iter(key)).map_err(failure)?;
        Ok(())
    })
}

fn is_empty(connection: &Connection) -> Result<bool, EngineError> {
    for table in TABLES {
        let sql = format!("SELECT count(*) FROM (SELECT 1 FROM {} LIMIT 1)", table.name);
        if one(connection, &sql, [], |row| Cells::new(row, table.name).number::<u8>())? != Some(0) {
            return Ok(false);
        }
    }
    Ok(true)
}
