use super::writer::Writer;
use super::{journal, listing, runs};
use crate::domain::{Clock, limits};
use crate::engine::EngineError;
use crate::engine::step::Step;
use rusqlite::Connection;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often the log is folded into the file.
const EVERY: Duration = Duration::from_millis(500);
/// A log longer than this many pages is begun again from its start, which holds the writer up for a moment. A commit
/// that overwrites takes half the time of one that makes the file longer.
const PAGES_BEFORE_RESTART: i64 = 2_048;
/// A log longer than this many pages, because of a reader that took long, is cut to give the space back.
const PAGES_MAX: i64 = 65_536;
/// Turns between two looks for what may be forgotten: an hour.
const FORGET_TURNS: u32 = 7_200;
/// Rows that one transaction forgets: some milliseconds of the writer.
const FORGOTTEN_AT_ONCE: usize = 1_000;

/// Folds the write-ahead log into the database from a thread of its own, so that no commit waits for it, and has
/// forgotten what need not be kept.
#[derive(Debug)]
pub(super) struct Checkpointer {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub(super) fn start(connection: Connection, writer: &Arc<Writer>, clock: Arc<dyn Clock>) -> Result<Self, EngineError> {
        let (stop, stopped) = channel();
        // Weak, or the writer would wait for this thread and this thread hold the writer.
        let writer = Arc::downgrade(writer);
        let work = move || {
            let mut turn = 0u32;
            while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                fold(&connection);
                // A turn that did not forget all that it could is followed by another at once.
                let is_done = turn != 0 || forget(&writer, &clock);
                turn = if is_done { (turn + 1) % FORGET_TURNS } else { 0 };
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

/// Forgets some of what need not be kept. True once there is no more of it.
pub(super) fn forget_some(connection: &Connection, clock: &dyn Clock) -> Result<Step<bool>, EngineError> {
    let before = clock.now().minus(limits::TOMBSTONES_LIFE);
    let tombstones = listing::forget_tombstones(connection, before, FORGOTTEN_AT_ONCE)?;
    let counts = journal::forget_provider_log(connection, limits::PROVIDER_LOG_ROWS_MAX, FORGOTTEN_AT_ONCE)?;
    let are_runs_done = runs::forget_ended(connection, clock.now().minus(limits::RUN_WRITE_MAX))?;
    Ok(Step::Keep(are_runs_done && tombstones < FORGOTTEN_AT_ONCE && counts < FORGOTTEN_AT_ONCE))
}

fn forget(writer: &Weak<Writer>, clock: &Arc<dyn Clock>) -> bool {
    let Some(writer) = writer.upgrade() else { return true };
    let clock = Arc::clone(clock);
    match writer.run_and_wait(move |db| forget_some(db, clock.as_ref())) {
        Ok(is_done) => is_done,
        Err(error) => {
            tracing::warn!(%error, "housekeeping of the index was put off");
            true
        }
    }
}

fn fold(connection: &Connection) {
    let pages = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get::<_, i64>(1));
    let folded = match pages {
        Ok(pages) if pages > PAGES_MAX => connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_row| Ok(())),
        Ok(pages) if pages > PAGES_BEFORE_RESTART => connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_row| Ok(())),
        other => other.map(|_pages| ()),
    };
    if let Err(error) = folded {
        tracing::warn!(%error, "the index's log could not be folded in");
    }
}
