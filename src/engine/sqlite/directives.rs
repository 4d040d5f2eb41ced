//! What a tenant has laid down about access.

use super::people::concluded;
use super::{all, rows_changed};
use crate::domain::TenantId;
use crate::engine::cells::whole;
use crate::engine::step::Step;
use crate::engine::stored::directives::{DIRECTIVE, directive_of};
use crate::engine::{Changed, DirectiveRow, EngineError, Events};
use rusqlite::{Connection, params};

pub(super) fn after(connection: &Connection, tenant: TenantId, mark: u64, limit: usize) -> Result<Vec<DirectiveRow>, EngineError> {
    let sql = format!("SELECT {DIRECTIVE} FROM directives WHERE tenant = ? AND mark > ? ORDER BY mark LIMIT ?");
    all(connection, &sql, params![tenant.as_bytes(), whole(mark), whole(limit as u64)], directive_of)
}

pub(super) fn put(connection: &Connection, rows: &[DirectiveRow], events: &Events) -> Result<Step<Changed>, EngineError> {
    for row in rows {
        if put_one(connection, row)? == 0 {
            return Ok(Step::Undo(Changed::Conflict));
        }
    }
    concluded(connection, 1, events)
}

/// The mark is the next of the tenant: there is one writer.
fn put_one(connection: &Connection, row: &DirectiveRow) -> Result<usize, EngineError> {
    let (tenant, kind) = (row.tenant.as_bytes(), row.kind as u8);
    if row.revision == 1 {
        let sql = "INSERT OR IGNORE INTO directives (tenant, kind, name, kek_version, sealed, mark, revision, mac)
                   VALUES (?1, ?2, ?3, ?4, ?5, (SELECT coalesce(max(mark), 0) + 1 FROM directives WHERE tenant = ?1), ?6, ?7)";
        let values = params![tenant, kind, row.name.0, row.kek_version, row.sealed, whole(row.revision), row.mac.0];
        return rows_changed(connection, sql, values);
    }
    let sql = "UPDATE directives SET kek_version = ?4, sealed = ?5, revision = ?6, mac = ?7,
                 mark = (SELECT max(mark) + 1 FROM directives WHERE tenant = ?1)
               WHERE tenant = ?1 AND kind = ?2 AND name = ?3 AND revision + 1 = ?6";
    let values = params![tenant, kind, row.name.0, row.kek_version, row.sealed, whole(row.revision), row.mac.0];
    rows_changed(connection, sql, values)
}
