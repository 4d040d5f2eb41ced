//! The audit log's rows, the keys that sealed them, and the provider's own counts.

use super::{all, one, rows_changed};
use crate::domain::{EventKeyId, TenantId};
use crate::engine::cells::{Cells, whole};
use crate::engine::stored::journal::{EVENT, EVENT_KEY, event_key_of, event_of, provider_log_of};
use crate::engine::{EngineError, EventKeyRow, Events, JournalRow, ProviderLogRow};
use rusqlite::{Connection, params};

/// Writes events into the transaction under way. One that is there already stays as it is.
pub(super) fn write_events(connection: &Connection, events: &Events) -> rusqlite::Result<()> {
    for key in &events.keys {
        let sql = "INSERT OR IGNORE INTO event_keys (tenant, id, node, created, kek_version, wrapped) VALUES (?, ?, ?, ?, ?, ?)";
        connection.prepare_cached(sql)?.execute(params![
            key.tenant.as_bytes(),
            key.id.as_bytes(),
            key.node.as_bytes(),
            key.created.micros(),
            key.kek_version,
            key.wrapped
        ])?;
    }
    for row in &events.rows {
        let sql = "INSERT OR IGNORE INTO journal (tenant, event, leaf_hash, event_key, sealed, at) VALUES (?, ?, ?, ?, ?, ?)";
        connection.prepare_cached(sql)?.execute(params![
            row.tenant.as_bytes(),
            row.event.as_bytes(),
            row.leaf_hash,
            row.event_key.as_bytes(),
            row.sealed,
            row.at.micros()
        ])?;
    }
    Ok(())
}

pub(super) fn events(
    connection: &Connection,
    tenant: TenantId,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<(u64, JournalRow)>, EngineError> {
    let sql = format!("SELECT {EVENT} FROM journal WHERE tenant = ? AND row < ? ORDER BY row DESC LIMIT ?");
    let values = params![tenant.as_bytes(), before.map_or(i64::MAX, whole), whole(limit as u64)];
    all(connection, &sql, values, event_of)
}

pub(super) fn event_key(connection: &Connection, tenant: TenantId, id: EventKeyId) -> Result<Option<EventKeyRow>, EngineError> {
    let sql = format!("SELECT {EVENT_KEY} FROM event_keys WHERE tenant = ? AND id = ?");
    one(connection, &sql, params![tenant.as_bytes(), id.as_bytes()], event_key_of)
}

pub(super) fn add_provider_log(connection: &Connection, rows: &[ProviderLogRow]) -> Result<(), EngineError> {
    for row in rows {
        let sql = "INSERT INTO provider_log (minute, reason, network, count) VALUES (?, ?, ?, ?)
                   ON CONFLICT (minute, reason, network) DO UPDATE SET count = count + excluded.count";
        rows_changed(connection, sql, params![row.minute.micros(), row.reason, row.network, whole(row.count)])?;
    }
    Ok(())
}

/// Forgets the oldest counts beyond `rows_max`, at most `limit`. Returns how many. Whoever proves no tenant can make
/// as many rows as there are networks and minutes.
pub(super) fn forget_provider_log(connection: &Connection, rows_max: u64, limit: usize) -> Result<usize, EngineError> {
    let counted = one(connection, "SELECT count(*) FROM provider_log", [], |row| Cells::new(row, "provider_log").number::<u64>())?;
    let over = counted.unwrap_or(0).saturating_sub(rows_max).min(limit as u64);
    if over == 0 {
        return Ok(0);
    }
    let sql = "DELETE FROM provider_log WHERE (minute, reason, network) IN
                 (SELECT minute, reason, network FROM provider_log ORDER BY minute, reason, network LIMIT ?)";
    rows_changed(connection, sql, [whole(over)])
}

pub(super) fn provider_log(connection: &Connection, limit: usize) -> Result<Vec<ProviderLogRow>, EngineError> {
    let sql = "SELECT minute, reason, network, count FROM provider_log ORDER BY minute DESC, reason, network LIMIT ?";
    all(connection, sql, [whole(limit as u64)], provider_log_of)
}
