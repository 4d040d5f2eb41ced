use super::failure;
use crate::domain::limits;
use crate::engine::EngineError;
use crate::engine::step::Step;
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::oneshot;

/// Why a group of transactions is not committed. Told to each of them.
#[derive(Clone, Copy)]
enum GroupFailed {
    /// Nothing of it is in the file, for want of space.
    Full,
    /// Nothing of it is in the file.
    Unavailable,
    /// The commit itself failed: it may have reached the disk.
    Unclear,
}

/// One transaction that waits, runs, and is answered once its group has been committed.
trait Job: Send {
    /// Runs it within the transaction under way. May be called again when nothing is left of the first run.
    fn run(&mut self, connection: &Connection, undo: Undo) -> Left;
    /// What the whole group has failed with, should this job have taken it down.
    fn took_down(&self) -> GroupFailed;
    /// Tells who waits.
    fn answer(self: Box<Self>, committed: Result<(), GroupFailed>);
}

/// How what a job wrote can be undone.
#[derive(Clone, Copy)]
enum Undo {
    /// With the whole group.
    Together,
    /// Alone, back to its savepoint.
    Alone,
}

/// What a job left behind in the transaction under way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    /// Only what may stay.
    Good,
    /// Something that must not stay.
    Debris,
}

struct Transaction<T, F> {
    run: F,
    result: Result<T, EngineError>,
    answer: oneshot::Sender<Result<T, EngineError>>,
}

impl<T: Send, F: Fn(&Connection) -> Result<Step<T>, EngineError> + Send> Job for Transaction<T, F> {
    fn run(&mut self, connection: &Connection, undo: Undo) -> Left {
        let (result, left) = match undo {
            Undo::Together => in_the_open(connection, &self.run),
            Undo::Alone => (in_savepoint(connection, &self.run), Left::Good),
        };
        self.result = result;
        left
    }

    fn took_down(&self) -> GroupFailed {
        if matches!(self.result, Err(EngineError::Full)) { GroupFailed::Full } else { GroupFailed::Unavailable }
    }

    fn answer(self: Box<Self>, committed: Result<(), GroupFailed>) {
        let result = match committed {
            Ok(()) => self.result,
            Err(GroupFailed::Full) => Err(EngineError::Full),
            Err(GroupFailed::Unavailable) => Err(EngineError::Unavailable),
            Err(GroupFailed::Unclear) => Err(EngineError::Unclear),
        };
        let _nobody_waits = self.answer.send(result); // the caller was cancelled; what is committed stays
    }
}

/// The one connection that writes, and a thread that commits whatever waits when it is free as one group (natural
/// group commit). The failure of one transaction is not the failure of another.
///
/// A caller that is alone commits on its own thread: waking another and being woken by it cost a third of a commit.
#[derive(Debug)]
pub(super) struct Writer {
    desk: Arc<Desk>,
    jobs: Option<SyncSender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

/// The connection, and how busy it is.
#[derive(Debug)]
struct Desk {
    connection: Mutex<Connection>,
    /// Jobs that are in the queue, or taken from it and not yet answered.
    waiting: AtomicUsize,
    /// Jobs of the last group.
    last: AtomicUsize,
}

impl Desk {
    fn take(&self) -> MutexGuard<'_, Connection> {
        // Jobs that panic are caught within their transaction: who holds this does not panic.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection, for a caller that finds nobody else. Where the last group had several jobs, their callers are
    /// about to come again, and share a commit.
    fn take_alone(&self) -> Option<MutexGuard<'_, Connection>> {
        if self.waiting.load(Ordering::Relaxed) > 0 || self.last.load(Ordering::Relaxed) > 1 {
            return None;
        }
        match self.connection.try_lock() {
            Ok(free) => Some(free),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl Writer {
    pub(super) fn start(connection: Connection) -> Result<Self, EngineError> {
        let (jobs, queue) = sync_channel(limits::WRITER_QUEUE_MAX);
        let desk = Arc::new(Desk { connection: Mutex::new(connection), waiting: AtomicUsize::new(0), last: AtomicUsize::new(1) });
        let thread = std::thread::Builder::new()
            .name("index-writer".to_owned())
            .spawn({
                let desk = Arc::clone(&desk);
                move || write(&desk, &queue)
            })
            .map_err(|source| EngineError::Failed(Box::new(source)))?;
        Ok(Self { desk, jobs: Some(jobs), thread: Some(thread) })
    }

    /// Runs `transaction` at once if nobody else writes, else in the next group, and answers once it is durable.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        transaction: impl Fn(&Connection) -> Result<Step<T>, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let (job, answered) = waiting_job(transaction);
        if let Some(job) = self.run_alone(job) {
            self.queue(job)?;
        }
        answered.await.map_err(|_stopped| EngineError::Unclear)?
    }

    /// Runs `job` on this thread, if it finds nobody else and the runtime can do without the thread for a moment.
    /// Gives it back otherwise.
    fn run_alone(&self, mut job: Box<dyn Job>) -> Option<Box<dyn Job>> {
        if !Handle::try_current().is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread) {
            return Some(job);
        }
        let Some(connection) = self.desk.take_alone() else { return Some(job) };
        tokio::task::block_in_place(|| {
            let committed = together(&connection, std::slice::from_mut(&mut job));
            drop(connection);
            job.answer(committed);
        });
        None
    }

    /// The same, for a thread that may wait.
    pub(super) fn run_and_wait<T: Send + 'static>(
        &self,
        transaction: impl Fn(&Connection) -> Result<Step<T>, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        self.submit(transaction)?.blocking_recv().map_err(|_stopped| EngineError::Unclear)?
    }

    fn submit<T: Send + 'static>(
        &self,
        transaction: impl Fn(&Connection) -> Result<Step<T>, EngineError> + Send + 'static,
    ) -> Result<Answered<T>, EngineError> {
        let (job, answered) = waiting_job(transaction);
        self.queue(job)?;
        Ok(answered)
    }

    fn queue(&self, job: Box<dyn Job>) -> Result<(), EngineError> {
        self.desk.waiting.fetch_add(1, Ordering::Relaxed);
        let refused = match self.jobs.as_ref().map(|jobs| jobs.try_send(job)) {
            Some(Ok(())) => return Ok(()),
            Some(Err(TrySendError::Full(_))) => EngineError::Busy,
            Some(Err(TrySendError::Disconnected(_))) | None => EngineError::Unavailable,
        };
        self.desk.waiting.fetch_sub(1, Ordering::Relaxed);
        Err(refused)
    }
}

/// What a caller of a transaction waits for.
type Answered<T> = oneshot::Receiver<Result<T, EngineError>>;

fn waiting_job<T: Send + 'static>(
    transaction: impl Fn(&Connection) -> Result<Step<T>, EngineError> + Send + 'static,
) -> (Box<dyn Job>, Answered<T>) {
    let (answer, answered) = oneshot::channel();
    (Box::new(Transaction { run: transaction, result: Err(EngineError::Unavailable), answer }), answered)
}

impl Drop for Writer {
    /// Lets the thread finish what was asked for.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join(); // a writer that panicked has answered nobody: they saw `Unclear`
        }
    }
}

fn write(desk: &Desk, queue: &Receiver<Box<dyn Job>>) {
    let mut jobs: Vec<Box<dyn Job>> = Vec::with_capacity(limits::WRITER_GROUP_MAX);
    let mut last = Pace { jobs: 1, took: Duration::ZERO };
    while let Ok(first) = queue.recv() {
        // Those who come while another writes alone share the group.
        let connection = desk.take();
        jobs.push(first);
        gather(queue, &mut jobs, last);
        let begun = Instant::now();
        let committed = together(&connection, &mut jobs);
        last = Pace { jobs: jobs.len(), took: begun.elapsed() };
        desk.last.store(jobs.len(), Ordering::Relaxed);
        desk.waiting.fetch_sub(jobs.len(), Ordering::Relaxed);
        match committed {
            // One that finds no space takes the group down: each on its own, the others may find some.
            Err(GroupFailed::Full) if jobs.len() > 1 => {
                for mut job in jobs.drain(..) {
                    let committed = together(&connection, std::slice::from_mut(&mut job));
                    job.answer(committed);
                }
            }
            committed => jobs.drain(..).for_each(|job| job.answer(committed)),
        }
    }
}

/// How many jobs the last group had, and how long it took.
#[derive(Clone, Copy)]
struct Pace {
    jobs: usize,
    took: Duration,
}

/// Takes what waits, and waits a little for as many as the last group had.
///
/// Those who were answered a moment ago often come again at once. Without the pause the first of them would get a
/// commit of its own while all others wait for the next one. One client alone is never made to wait.
fn gather(queue: &Receiver<Box<dyn Job>>, jobs: &mut Vec<Box<dyn Job>>, last: Pace) {
    let until = Instant::now() + (last.took / 4).min(limits::WRITER_PAUSE_MAX);
    while jobs.len() < limits::WRITER_GROUP_MAX {
        let next = match queue.try_recv() {
            Ok(job) => Ok(job),
            Err(_empty) if jobs.len() < last.jobs => queue.recv_timeout(until.saturating_duration_since(Instant::now())),
            Err(_empty) => return,
        };
        match next {
            Ok(job) => jobs.push(job),
            Err(_late) => return,
        }
    }
}

/// Runs and commits the jobs as one transaction.
///
/// Nearly all leave what may stay, so they run without savepoints at first: these make SQLite keep a copy of each page
/// that two of them write, which costs more than the writing.
fn together(connection: &Connection, jobs: &mut [Box<dyn Job>]) -> Result<(), GroupFailed> {
    if all_run(connection, jobs, Undo::Together)? == Left::Debris {
        statement(connection, "ROLLBACK").map_err(|_error| GroupFailed::Unavailable)?;
        let _good = all_run(connection, jobs, Undo::Alone)?;
    }
    commit(connection)
}

/// Runs the jobs in a transaction that stays open, up to the first that leaves something that must not stay.
fn all_run(connection: &Connection, jobs: &mut [Box<dyn Job>], undo: Undo) -> Result<Left, GroupFailed> {
    begin(connection)?;
    for job in jobs {
        let left = job.run(connection, undo);
        if connection.is_autocommit() {
            // SQLite gave the whole transaction up: nothing of the group is left.
            return Err(job.took_down());
        }
        if left == Left::Debris {
            return Ok(left);
        }
    }
    Ok(Left::Good)
}

fn begin(connection: &Connection) -> Result<(), GroupFailed> {
    statement(connection, "BEGIN IMMEDIATE").map_err(|error| match failure(error) {
        EngineError::Full => GroupFailed::Full,
        _ => GroupFailed::Unavailable,
    })
}

fn commit(connection: &Connection) -> Result<(), GroupFailed> {
    match statement(connection, "COMMIT") {
        Ok(()) => Ok(()),
        Err(error) => {
            let open = !connection.is_autocommit();
            let undone = open && statement(connection, "ROLLBACK").is_ok();
            tracing::error!(%error, "the index could not commit");
            Err(match failure(error) {
                // The frame that ends a transaction is the last one written, so it is not there.
                EngineError::Full if undone => GroupFailed::Full,
                // Written and not synced: it may be found after a crash.
                _ => GroupFailed::Unclear,
            })
        }
    }
}

/// Without a savepoint: what it wrote goes only with the whole group.
fn in_the_open<T>(
    connection: &Connection,
    transaction: &impl Fn(&Connection) -> Result<Step<T>, EngineError>,
) -> (Result<T, EngineError>, Left) {
    let before = connection.total_changes();
    let result = caught(connection, transaction);
    let is_untouched = connection.total_changes() == before && !matches!(result, Err(EngineError::Panicked));
    let left = if is_untouched || matches!(result, Ok(Step::Keep(_))) { Left::Good } else { Left::Debris };
    (result.map(Step::answer), left)
}

fn in_savepoint<T>(connection: &Connection, transaction: &impl Fn(&Connection) -> Result<Step<T>, EngineError>) -> Result<T, EngineError> {
    statement(connection, "SAVEPOINT one").map_err(failure)?;
    let result = caught(connection, transaction);
    if connection.is_autocommit() {
        return Err(result.err().unwrap_or(EngineError::Unavailable));
    }
    if !matches!(result, Ok(Step::Keep(_))) {
        statement(connection, "ROLLBACK TO one").map_err(failure)?;
    }
    statement(connection, "RELEASE one").map_err(failure)?;
    result.map(Step::answer)
}

/// Whatever it was doing is undone, alone or with the group, so nothing half done is seen after a panic.
fn caught<T>(connection: &Connection, transaction: &impl Fn(&Connection) -> Result<Step<T>, EngineError>) -> Result<Step<T>, EngineError> {
    catch_unwind(AssertUnwindSafe(|| transaction(connection))).unwrap_or_else(|_panic| {
        // The panic's text may hold anything that was in memory, so it is not repeated.
        tracing::error!("a transaction of the index panicked; nothing of it is kept");
        Err(EngineError::Panicked)
    })
}

fn statement(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(|_rows| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn insert(connection: &Connection, number: i64) -> Result<Step<i64>, EngineError> {
        connection.execute("INSERT INTO t VALUES (?)", [number]).map_err(failure)?;
        Ok(Step::Keep(number))
    }

    #[test]
    fn a_transaction_that_panics_is_undone_alone_and_the_writer_goes_on() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (n INTEGER)").unwrap();
        let writer = Writer::start(connection).unwrap();
        // Holds the writer until the others wait, so that they share one group.
        let (release, held) = mpsc::channel::<()>();
        let held = std::sync::Mutex::new(held);
        let first = writer.submit(move |_| Ok(Step::Keep(held.lock().unwrap().recv().is_ok()))).unwrap();
        let before = writer.submit(|db| insert(db, 1)).unwrap();
        let broken = writer
            .submit(|db| {
                insert(db, 2)?;
                let mut rows = db.prepare_cached("SELECT n FROM t").unwrap();
                let mut open = rows.query([]).unwrap();
                assert!(open.next().unwrap().is_none(), "planted");
                Ok(Step::Keep(0))
            })
            .unwrap();
        let after = writer.submit(|db| insert(db, 3)).unwrap();
        // It runs twice where it shares the group with the one that panics.
        release.send(()).unwrap();
        let _may_be_gone = release.send(());
        assert!(first.blocking_recv().unwrap().unwrap());
        assert_eq!(before.blocking_recv().unwrap().unwrap(), 1);
        assert!(matches!(broken.blocking_recv().unwrap(), Err(EngineError::Panicked)));
        assert_eq!(after.blocking_recv().unwrap().unwrap(), 3);
        let sum =
            writer.run_and_wait(|db| db.query_row("SELECT sum(n) FROM t", [], |row| row.get::<_, i64>(0)).map(Step::Keep).map_err(failure));
        assert_eq!(sum.unwrap(), 4);
    }
}
