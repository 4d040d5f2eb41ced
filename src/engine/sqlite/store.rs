//! Which store the index belongs to.

use super::people::concluded;
use super::{exists, one, rows_changed};
use crate::domain::StoreId;
use crate::engine::cells::{Cells, whole};
use crate::engine::step::Step;
use crate::engine::{Changed, EngineError, Events, StoreRow};
use rusqlite::{Connection, params};

pub(super) fn row(connection: &Connection) -> Result<Option<StoreRow>, EngineError> {
    one(connection, "SELECT id, generation FROM store", [], |row| {
        let mut cells = Cells::new(row, "store");
        Ok(StoreRow { id: cells.id(StoreId::from_bytes)?, generation: cells.number()? })
    })
}

pub(super) fn set(connection: &Connection, from: Option<StoreRow>, to: StoreRow, events: &Events) -> Result<Step<Changed>, EngineError> {
    let changed = match from {
        None => {
            let sql = "INSERT OR IGNORE INTO store (one, id, generation) VALUES (1, ?, ?)";
            rows_changed(connection, sql, params![to.id.as_bytes(), whole(to.generation)])?
        }
        Some(from) => {
            let sql = "UPDATE store SET id = ?, generation = ? WHERE id = ? AND generation = ?";
            let values = params![to.id.as_bytes(), whole(to.generation), from.id.as_bytes(), whole(from.generation)];
            rows_changed(connection, sql, values)?
        }
    };
    concluded(connection, changed, events)
}

pub(super) fn names_blobs(connection: &Connection) -> Result<bool, EngineError> {
    let sql = "SELECT 1 FROM versions WHERE blob IS NOT NULL UNION ALL SELECT 1 FROM parts UNION ALL SELECT 1 FROM upload_parts LIMIT 1";
    exists(connection, sql, [])
}

pub(super) fn newest_event(connection: &Connection) -> Result<u64, EngineError> {
    let newest = one(connection, "SELECT ifnull(max(row), 0) FROM journal", [], |row| Cells::new(row, "journal").number())?;
    newest.ok_or(EngineError::Corrupt { table: "journal" })
}
