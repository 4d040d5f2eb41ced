//! The audit log's rows, the keys that sealed them, and the provider's own counts.

use super::fault::Fault;
use super::given::{Given, given};
use super::session::Session;
use crate::domain::{EventKeyId, TenantId};
use crate::engine::cells::whole;
use crate::engine::stored::journal::{EVENT, EVENT_KEY, event_key_of, event_of, provider_log_of};
use crate::engine::{EventKeyRow, Events, JournalRow, ProviderLogRow};

/// Keys and events in one statement, so that many of them cost one round trip. What is there already stays as it is.
const WRITE: &str = "WITH keys AS (
      INSERT INTO event_keys (id, tenant, node, created, kek_version, wrapped)
      SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bytea[]) ON CONFLICT (tenant, id) DO NOTHING)
    INSERT INTO journal (tenant, event, leaf_hash, event_key, sealed, at)
    SELECT * FROM unnest($7::bytea[], $8::bytea[], $9::bytea[], $10::bytea[], $11::bytea[], $12::bigint[]) ON CONFLICT (tenant, event) DO NOTHING";

/// Writes events into the transaction under way. One that is there already stays as it is.
pub(super) async fn write_events(session: &Session, events: &Events) -> Result<(), Fault> {
    write_all(session, std::slice::from_ref(events)).await
}

/// Writes the events of several callers. Without a transaction under way they are durable once this returns.
pub(super) async fn write_all(session: &Session, all: &[Events]) -> Result<(), Fault> {
    let keys = || all.iter().flat_map(|events| &events.keys);
    let rows = || all.iter().flat_map(|events| &events.rows);
    if keys().next().is_none() && rows().next().is_none() {
        return Ok(());
    }
    let values: Vec<Given<'_>> = given![
        keys().map(|key| key.id.as_bytes().as_slice()).collect::<Vec<_>>(),
        keys().map(|key| key.tenant.as_bytes().as_slice()).collect::<Vec<_>>(),
        keys().map(|key| key.node.as_bytes().as_slice()).collect::<Vec<_>>(),
        keys().map(|key| key.created.micros()).collect::<Vec<_>>(),
        keys().map(|key| i64::from(key.kek_version)).collect::<Vec<_>>(),
        keys().map(|key| key.wrapped.as_slice()).collect::<Vec<_>>(),
        rows().map(|row| row.tenant.as_bytes().as_slice()).collect::<Vec<_>>(),
        rows().map(|row| row.event.as_bytes().as_slice()).collect::<Vec<_>>(),
        rows().map(|row| row.leaf_hash.as_slice()).collect::<Vec<_>>(),
        rows().map(|row| row.event_key.as_bytes().as_slice()).collect::<Vec<_>>(),
        rows().map(|row| row.sealed.as_slice()).collect::<Vec<_>>(),
        rows().map(|row| row.at.micros()).collect::<Vec<_>>()
    ];
    session.change(WRITE, values).await.map(|_rows| ())
}

pub(super) async fn events(
    session: &Session,
    tenant: TenantId,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<(u64, JournalRow)>, Fault> {
    let sql = format!("SELECT {EVENT} FROM journal WHERE tenant = $1 AND row < $2 ORDER BY row DESC LIMIT $3");
    session.all(&sql, given![tenant.as_bytes(), before.map_or(i64::MAX, whole), limit], event_of).await
}

pub(super) async fn event_key(session: &Session, tenant: TenantId, id: EventKeyId) -> Result<Option<EventKeyRow>, Fault> {
    let sql = format!("SELECT {EVENT_KEY} FROM event_keys WHERE tenant = $1 AND id = $2");
    session.one(&sql, given![tenant.as_bytes(), id.as_bytes()], event_key_of).await
}

pub(super) async fn add_provider_log(session: &Session, rows: &[ProviderLogRow]) -> Result<(), Fault> {
    // In one order on every node, or two of them would wait for each other.
    let mut rows: Vec<&ProviderLogRow> = rows.iter().collect();
    rows.sort_unstable_by_key(|row| (row.minute, row.reason.as_str(), row.network.as_str()));
    for row in rows {
        let sql = "INSERT INTO provider_log AS l (minute, reason, network, count) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (minute, reason, network) DO UPDATE SET count = l.count + excluded.count";
        session.change(sql, given![row.minute, &row.reason, &row.network, row.count]).await?;
    }
    Ok(())
}

/// Forgets the oldest counts beyond `rows_max`, at most `limit`. Returns how many.
pub(super) async fn forget_provider_log(session: &Session, rows_max: u64, limit: usize) -> Result<u64, Fault> {
    let sql = "DELETE FROM provider_log WHERE (minute, reason, network) IN
                 (SELECT minute, reason, network FROM provider_log ORDER BY minute, reason, network
                  LIMIT least($2, greatest((SELECT count(*) FROM provider_log) - $1, 0)))";
    session.change(sql, given![rows_max, limit]).await
}

pub(super) async fn provider_log(session: &Session, limit: usize) -> Result<Vec<ProviderLogRow>, Fault> {
    let sql = "SELECT minute, reason, network, count FROM provider_log ORDER BY minute DESC, reason, network LIMIT $1";
    session.all(sql, given![limit], provider_log_of).await
}
