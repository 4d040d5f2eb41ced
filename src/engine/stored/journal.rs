use crate::domain::{EventId, EventKeyId, NodeId, TenantId};
use crate::engine::cells::{Cells, Columns};
use crate::engine::{EngineError, EventKeyRow, JournalRow, ProviderLogRow};

/// The columns of an event, in the order that [`event_of`] takes them.
pub(in crate::engine) const EVENT: &str = "row, tenant, event, leaf_hash, event_key, sealed, at, position";
/// The columns of an event key, in the order that [`event_key_of`] takes them.
pub(in crate::engine) const EVENT_KEY: &str = "id, tenant, node, created, kek_version, wrapped";

/// An event with its row number.
pub(in crate::engine) fn event_of(row: &dyn Columns) -> Result<(u64, JournalRow), EngineError> {
    let mut cells = Cells::new(row, "journal");
    let number = cells.number()?;
    let event = JournalRow {
        tenant: cells.id(TenantId::from_bytes)?,
        event: cells.id(EventId::from_bytes)?,
        leaf_hash: cells.take()?,
        event_key: cells.id(EventKeyId::from_bytes)?,
        sealed: cells.take()?,
        at: cells.time()?,
        position: cells.some_number()?,
    };
    Ok((number, event))
}

pub(in crate::engine) fn event_key_of(row: &dyn Columns) -> Result<EventKeyRow, EngineError> {
    let mut cells = Cells::new(row, "event_keys");
    Ok(EventKeyRow {
        id: cells.id(EventKeyId::from_bytes)?,
        tenant: cells.id(TenantId::from_bytes)?,
        node: cells.id(NodeId::from_bytes)?,
        created: cells.time()?,
        kek_version: cells.number()?,
        wrapped: cells.take()?,
    })
}

/// A count of strangers: minute, reason, network, count.
pub(in crate::engine) fn provider_log_of(row: &dyn Columns) -> Result<ProviderLogRow, EngineError> {
    let mut cells = Cells::new(row, "provider_log");
    Ok(ProviderLogRow { minute: cells.time()?, reason: cells.take()?, network: cells.take()?, count: cells.number()? })
}
