//! What has changed since a backup last looked.

use super::copy;
use super::fault::Fault;
use super::given::given;
use super::session::{Session, UNHURRIED};
use crate::engine::cells::Cells;
use crate::engine::changes::{KeyText, Noted};
use crate::engine::copy::{Batch, CopyError};
use crate::engine::step::Step;
use crate::engine::tables::{TABLES, form};
use crate::engine::{Changed, EngineError};
use tokio::sync::mpsc;

/// Triggers for all tables, unless they are there. Each statement notes all its rows at once.
pub(super) async fn note(session: &Session) -> Result<Step<Changed>, Fault> {
    // One node makes them, the others find them made.
    session.run("SELECT value FROM counters WHERE name = 'noted' FOR UPDATE").await?;
    if noted_form(session).await? == form() {
        return Ok(Step::Undo(Changed::Conflict));
    }
    for table in TABLES {
        let (name, columns, values) = (table.name, KeyText::of(table).noted, KeyText::values(table, "r"));
        let sql = format!(
            "CREATE OR REPLACE FUNCTION noted_{name}() RETURNS trigger LANGUAGE plpgsql AS
               $$ BEGIN INSERT INTO changes (place, {columns}) SELECT '{name}', {values} FROM changed r; RETURN NULL; END $$"
        );
        session.run(&sql).await?;
        for (when, of) in [("insert", "NEW"), ("update", "NEW"), ("delete", "OLD")] {
            let sql = format!(
                "CREATE OR REPLACE TRIGGER noted_{name}_{when} AFTER {when} ON {name} REFERENCING {of} TABLE AS changed
                   FOR EACH STATEMENT EXECUTE FUNCTION noted_{name}()"
            );
            session.run(&sql).await?;
        }
    }
    session.change("DELETE FROM changes", given![]).await?;
    session.change("UPDATE counters SET value = $1 WHERE name = 'noted'", given![form()]).await?;
    Ok(Step::Keep(Changed::Done))
}

/// Takes all triggers away, and forgets what they have noted.
pub(super) async fn end(session: &Session) -> Result<(), Fault> {
    session.run("SELECT value FROM counters WHERE name = 'noted' FOR UPDATE").await?;
    for table in TABLES {
        session.run(&format!("DROP FUNCTION IF EXISTS noted_{}() CASCADE", table.name)).await?;
    }
    session.change("UPDATE counters SET value = 0 WHERE name = 'noted'", given![]).await?;
    session.change("DELETE FROM changes", given![]).await?;
    Ok(())
}

async fn noted_form(session: &Session) -> Result<i64, Fault> {
    let sql = "SELECT value FROM counters WHERE name = 'noted'";
    let form = session.one(sql, given![], |row| Cells::new(row, "counters").take()).await?;
    form.ok_or_else(|| EngineError::Corrupt { table: "counters" }.into())
}

/// How many changes wait: for who sees that they do not grow without end.
pub(super) async fn waiting(session: &Session) -> Result<Option<u64>, Fault> {
    if noted_form(session).await? != form() {
        return Ok(None);
    }
    let sql = "SELECT coalesce(max(id) - min(id) + 1, 0) FROM changes";
    session.one(sql, given![], |row| Cells::new(row, "changes").number()).await
}

/// Sends the keys that were noted and the rows that now have them, table by table, all as they were at one moment.
pub(super) async fn dump(session: &Session, out: &mpsc::Sender<Batch>) -> Result<Option<Noted>, CopyError> {
    session.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    session.run(UNHURRIED).await?;
    let moment = session.one("SELECT pg_current_snapshot()::text", given![], |row| Cells::new(row, "changes").take::<String>()).await?;
    if !session.exists("SELECT 1 FROM changes LIMIT 1", given![]).await? {
        session.run("COMMIT").await?;
        return Ok(None);
    }
    for (at, table) in TABLES.iter().enumerate() {
        let KeyText { noted, matches } = KeyText::of(table);
        let keys = format!("SELECT DISTINCT {noted} FROM changes WHERE place = '{}'", table.name);
        copy::send(session, &keys, Batch::of_keys(at), out).await?;
        let names: Vec<String> = table.columns.iter().map(|column| format!("t.\"{}\"", column.name)).collect();
        let rows = format!("SELECT {} FROM ({keys}) c JOIN {} t ON {matches}", names.join(", "), table.name);
        copy::send(session, &rows, Batch::of(at), out).await?;
    }
    session.run("COMMIT").await?;
    Ok(moment.map(Noted))
}

/// Forgets what was sent: exactly what was committed at that moment, whatever its number.
pub(super) async fn forget(session: &Session, noted: &Noted) -> Result<(), Fault> {
    let sql = "DELETE FROM changes WHERE pg_visible_in_snapshot(by, $1::text::pg_snapshot)";
    session.change(sql, given![&noted.0]).await.map(|_rows| ())
}
