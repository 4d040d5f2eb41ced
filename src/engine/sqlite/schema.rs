use super::failure;
use crate::engine::EngineError;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// Frozen steps from one schema to the next; the number of steps taken is the file's `user_version`.
const STEPS: [&str; 5] = [
    include_str!("../migrations/sqlite/0001_first.sql"),
    include_str!("../migrations/sqlite/0002_store.sql"),
    include_str!("../migrations/sqlite/0003_jobs.sql"),
    include_str!("../migrations/sqlite/0004_changes.sql"),
    include_str!("../migrations/sqlite/0005_directives.sql"),
];
/// "hzon": tells `file(1)` and us that this is one of ours.
const APPLICATION_ID: i32 = 0x687a_6f6e;

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The writer's.
    Write,
    /// A reader's: it can change nothing.
    Read,
    /// The checkpointer's.
    Fold,
}

/// Opens the file for its first connection: refuses what is not ours, and brings it to the newest schema.
pub(super) fn open(path: &Path) -> Result<Connection, EngineError> {
    let connection = file(path)?;
    // Before anything is set: some settings write to the file.
    is_ours(&connection)?;
    settle(&connection, Purpose::Write)?;
    migrate(&connection)?;
    Ok(connection)
}

/// Another connection to a file that is open.
pub(super) fn connect(path: &Path, purpose: Purpose) -> Result<Connection, EngineError> {
    let connection = file(path)?;
    settle(&connection, purpose)?;
    Ok(connection)
}

/// Keeps the file from growing beyond `bytes`, by this connection.
pub(super) fn bound(connection: &Connection, bytes: u64) -> Result<(), EngineError> {
    let page: u32 = connection.pragma_query_value(None, "page_size", |row| row.get(0)).map_err(failure)?;
    let pages = i64::try_from(bytes / u64::from(page.max(1))).unwrap_or(i64::MAX);
    connection.pragma_update_and_check(None, "max_page_count", pages, |_row| Ok(())).map_err(failure)
}

fn file(path: &Path) -> Result<Connection, EngineError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failure)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(connection)
}

fn settle(connection: &Connection, purpose: Purpose) -> Result<(), EngineError> {
    // FULL: a commit is on the disk when it returns (promise 3). Checkpoints run elsewhere, never in a commit. What is
    // deleted is overwritten: a wrapped key that was destroyed is not to be found in the file. No memory maps: a failing
    // disk shall give an error, and no signal.
    let settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA secure_delete = ON;
                    PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;";
    connection.execute_batch(settings).map_err(failure)?;
    let own = match purpose {
        Purpose::Write => "PRAGMA cache_size = -16384;",
        Purpose::Read => "PRAGMA cache_size = -4096; PRAGMA query_only = ON;",
        Purpose::Fold => "PRAGMA cache_size = -256;",
    };
    connection.execute_batch(own).map_err(failure)?;
    let patience = match purpose {
        Purpose::Write | Purpose::Read => Duration::from_secs(10),
        // It holds the writer up while it waits for readers.
        Purpose::Fold => Duration::from_millis(100),
    };
    connection.busy_timeout(patience).map_err(failure)
}

fn is_ours(connection: &Connection) -> Result<(), EngineError> {
    let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(failure)?;
    let tables: u32 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failure)?;
    // The first step and the id come in one transaction: without the id only an empty file can be ours.
    if id == APPLICATION_ID || (id == 0 && tables == 0) { Ok(()) } else { Err(EngineError::NotOurs) }
}

/// Brings the file to the newest schema, in one transaction.
fn migrate(connection: &Connection) -> Result<(), EngineError> {
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
