use super::failure;
use crate::domain::limits;
use crate::engine::EngineError;
use rusqlite::Connection;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// What a transaction came to: its answer, and whether what it wrote stays.
pub(super) enum Step<T> {
    /// It stays.
    Keep(T),
    /// It is undone: a conflict that was noticed halfway.
    Undo(T),
}

/// Why a group of transactions is not committed. Told to each of them.
#[derive(Clone, Copy)]
enum GroupFailed {
    Full,
    Unavailable,
    /// The commit itself failed: it may have reached the disk.
    Unclear,
}

type Answer = Box<dyn FnOnce(Result<(), GroupFailed>) + Send>;
type Job = Box<dyn FnOnce(&Connection) -> Answer + Send>;

/// The one thread that writes. Whatever waits when it is free shares one commit (natural group commit), each
/// transaction in a savepoint of its own, so that the failure of one is not the failure of another.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> Result<Self, EngineError> {
        let (jobs, queue) = sync_channel(limits::WRITER_QUEUE_MAX);
        let thread = std::thread::Builder::new()
            .name("index-writer".to_owned())
            .spawn(move || write(&connection, &queue))
            .map_err(|source| EngineError::Failed(Box::new(source)))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Runs `transaction` in the next group and answers once the group is durable.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        transaction: impl FnOnce(&Connection) -> Result<Step<T>, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = in_savepoint(connection, transaction);
            Box::new(move |committed| {
                let result = match committed {
                    Ok(()) => result,
                    Err(GroupFailed::Full) => Err(EngineError::Full),
                    Err(GroupFailed::Unavailable) => Err(EngineError::Unavailable),
                    Err(GroupFailed::Unclear) => Err(EngineError::Unclear),
                };
                let _nobody_waits = answer.send(result); // the caller was cancelled; what is committed stays
            })
        });
        match self.jobs.as_ref().map(|jobs| jobs.try_send(job)) {
            Some(Ok(())) => answered.await.map_err(|_| EngineError::Unclear)?,
            Some(Err(TrySendError::Full(_))) => Err(EngineError::Busy),
            Some(Err(TrySendError::Disconnected(_))) | None => Err(EngineError::Unavailable),
        }
    }

    /// Runs `transaction` in some later group; nobody waits for it, and its failure is only logged.
    pub(super) fn post(&self, transaction: impl FnOnce(&Connection) -> Result<Step<()>, EngineError> + Send + 'static) {
        let job: Job = Box::new(move |connection| {
            if let Err(error) = in_savepoint(connection, transaction) {
                tracing::warn!(%error, "housekeeping of the index failed");
            }
            Box::new(|_committed| ())
        });
        if self.jobs.as_ref().is_none_or(|jobs| jobs.try_send(job).is_err()) {
            tracing::info!("housekeeping of the index was put off");
        }
    }
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

fn write(connection: &Connection, queue: &Receiver<Job>) {
    let mut answers: Vec<Answer> = Vec::with_capacity(limits::WRITER_GROUP_MAX);
    while let Ok(first) = queue.recv() {
        let committed = match begin(connection) {
            Ok(()) => {
                answers.push(first(connection));
                while answers.len() < limits::WRITER_GROUP_MAX {
                    let Ok(job) = queue.try_recv() else { break };
                    answers.push(job(connection));
                }
                commit(connection)
            }
            Err(failed) => {
                // The job runs against no transaction, only to be answered; its savepoint is undone with it.
                answers.push(first(connection));
                Err(failed)
            }
        };
        for answer in answers.drain(..) {
            answer(committed);
        }
    }
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
            // SQLite keeps the transaction open when it could not write; then nothing of it is in the file.
            let open = !connection.is_autocommit();
            let undone = open && statement(connection, "ROLLBACK").is_ok();
            tracing::error!(%error, "the index could not commit");
            Err(match failure(error) {
                EngineError::Full if undone => GroupFailed::Full,
                _ if undone => GroupFailed::Unavailable,
                _ => GroupFailed::Unclear,
            })
        }
    }
}

fn in_savepoint<T>(
    connection: &Connection,
    transaction: impl FnOnce(&Connection) -> Result<Step<T>, EngineError>,
) -> Result<T, EngineError> {
    if connection.is_autocommit() {
        return Err(EngineError::Unavailable);
    }
    statement(connection, "SAVEPOINT one").map_err(failure)?;
    let result = transaction(connection);
    if !matches!(result, Ok(Step::Keep(_))) {
        statement(connection, "ROLLBACK TO one").map_err(failure)?;
    }
    statement(connection, "RELEASE one").map_err(failure)?;
    match result? {
        Step::Keep(answer) | Step::Undo(answer) => Ok(answer),
    }
}

fn statement(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(|_rows| ())
}
