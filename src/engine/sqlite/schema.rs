use super::failure;
use crate::engine::EngineError;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// Frozen steps from one schema to the next; the number of steps taken is the file's `user_version`.
const STEPS: [&str; 1] = [include_str!("../migrations/0001_first.sql")];
/// "hzon": tells `file(1)` and us that this is one of ours.
const APPLICATION_ID: i32 = 0x687a_6f6e;

/// A connection with the settings that every one of ours has.
pub(super) fn connect(path: &Path) -> Result<Connection, EngineError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failure)?;
    connection.busy_timeout(Duration::from_secs(10)).map_err(failure)?;
    connection.set_prepared_statement_cache_capacity(128);
    // FULL: a commit is on the disk when it returns (promise 3). Checkpoints run elsewhere, never in a commit.
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -16384;
             PRAGMA mmap_size = 268435456; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;",
        )
        .map_err(failure)?;
    Ok(connection)
}

/// Brings the file to the newest schema, in one transaction.
pub(super) fn migrate(connection: &Connection) -> Result<(), EngineError> {
    let known = u32::try_from(STEPS.len()).unwrap_or(u32::MAX);
    connection.execute_batch("BEGIN IMMEDIATE").map_err(failure)?;
    let migrated = steps(connection, known);
    let end = if migrated.is_ok() { "COMMIT" } else { "ROLLBACK" };
    connection.execute_batch(end).map_err(failure)?;
    migrated
}

fn steps(connection: &Connection, known: u32) -> Result<(), EngineError> {
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failure)?;
    if found > known {
        return Err(EngineError::TooNew { found, known });
    }
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(usize::MAX)) {
        connection.execute_batch(step).map_err(failure)?;
    }
    connection.pragma_update(None, "application_id", APPLICATION_ID).map_err(failure)?;
    connection.pragma_update(None, "user_version", known).map_err(failure)
}
