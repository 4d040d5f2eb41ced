use super::directories::purge_tombstones;
use super::writer::{Step, Writer};
use crate::domain::Clock;
use crate::engine::EngineError;
use rusqlite::Connection;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often the log is folded into the file.
const EVERY: Duration = Duration::from_millis(500);
/// A log longer than this many pages is cut, which waits for readers.
const PAGES_MAX: i64 = 65_536;
/// Caches of opened listings are refreshed more often than this.
const TOMBSTONES_LIVE: Duration = Duration::from_secs(24 * 3_600);
/// Turns between two looks for old tombstones: an hour.
const TOMBSTONE_TURNS: u32 = 7_200;
const TOMBSTONES_AT_ONCE: usize = 10_000;

/// Folds the write-ahead log into the database from a thread of its own, so that no commit waits for it.
#[derive(Debug)]
pub(super) struct Checkpointer {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub(super) fn start(connection: Connection, writer: Arc<Writer>, clock: Arc<dyn Clock>) -> Result<Self, EngineError> {
        let (stop, stopped) = channel();
        // Weak, or the writer would wait for this thread and this thread hold the writer.
        let writer = Arc::downgrade(&writer);
        let work = move || {
            let mut turn = 0u32;
            while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                fold(&connection);
                turn = turn.wrapping_add(1);
                if turn % TOMBSTONE_TURNS == 1 {
                    forget(&writer, clock.as_ref());
                }
            }
            fold(&connection);
        };
        let thread = std::thread::Builder::new()
            .name("index-checkpointer".to_owned())
            .spawn(work)
            .map_err(|source| EngineError::Failed(Box::new(source)))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join(); // nothing depends on the last fold
        }
    }
}

fn fold(connection: &Connection) {
    let pages = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get::<_, i64>(1));
    let folded = match pages {
        Ok(pages) if pages > PAGES_MAX => connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_row| Ok(())),
        other => other.map(|_pages| ()),
    };
    if let Err(error) = folded {
        tracing::warn!(%error, "the index's log could not be folded in");
    }
}

fn forget(writer: &Weak<Writer>, clock: &dyn Clock) {
    let Some(writer) = writer.upgrade() else { return };
    let before = clock.now().minus(TOMBSTONES_LIVE);
    writer.post(move |db| purge_tombstones(db, before, TOMBSTONES_AT_ONCE).map(Step::Keep));
}
