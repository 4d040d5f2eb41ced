//! Which store the index belongs to.

use super::fault::Fault;
use super::given::given;
use super::people::concluded;
use super::session::Session;
use crate::domain::StoreId;
use crate::engine::cells::Cells;
use crate::engine::step::Step;
use crate::engine::{Changed, EngineError, Events, StoreRow};

pub(super) async fn row(session: &Session) -> Result<Option<StoreRow>, Fault> {
    session
        .one("SELECT id, generation FROM store", given![], |row| {
            let mut cells = Cells::new(row, "store");
            Ok(StoreRow { id: cells.id(StoreId::from_bytes)?, generation: cells.number()? })
        })
        .await
}

pub(super) async fn set(session: &Session, from: Option<StoreRow>, to: StoreRow, events: &Events) -> Result<Step<Changed>, Fault> {
    let changed = match from {
        None => {
            let sql = "INSERT INTO store (one, id, generation) VALUES (1, $1, $2) ON CONFLICT DO NOTHING";
            session.change(sql, given![to.id.as_bytes(), to.generation]).await?
        }
        Some(from) => {
            let sql = "UPDATE store SET id = $1, generation = $2 WHERE id = $3 AND generation = $4";
            session.change(sql, given![to.id.as_bytes(), to.generation, from.id.as_bytes(), from.generation]).await?
        }
    };
    concluded(session, changed, events).await
}

pub(super) async fn other_connections(session: &Session) -> Result<u64, Fault> {
    let sql = "SELECT count(*) FROM pg_stat_activity o, pg_stat_activity own
               WHERE own.pid = pg_backend_pid() AND o.datid = own.datid AND o.application_name LIKE 'hozon-________-%'
                 AND substr(o.application_name, 16) = substr(own.application_name, 16) AND o.application_name <> own.application_name";
    let others = session.one(sql, given![], |row| Cells::new(row, "pg_stat_activity").number()).await?;
    others.ok_or_else(|| EngineError::Unavailable.into())
}

pub(super) async fn names_blobs(session: &Session) -> Result<bool, Fault> {
    let sql = "SELECT 1 FROM versions WHERE blob IS NOT NULL UNION ALL SELECT 1 FROM parts UNION ALL SELECT 1 FROM upload_parts LIMIT 1";
    session.exists(sql, given![]).await
}

pub(super) async fn newest_event(session: &Session) -> Result<u64, Fault> {
    let newest = session.one("SELECT coalesce(max(row), 0) FROM journal", given![], |row| Cells::new(row, "journal").number()).await?;
    newest.ok_or_else(|| EngineError::Corrupt { table: "journal" }.into())
}

pub(super) async fn probe(session: &Session) -> Result<(), Fault> {
    // A value that stays the same would be written all the same here, so one statement is enough.
    session.change("UPDATE probe SET asked = asked + 1 WHERE one = 1", given![]).await.map(|_rows| ())
}
