use super::fault::Fault;
use super::journal;
use super::pool::Pool;
use crate::domain::limits;
use crate::engine::{EngineError, Events};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// Callers for whom a second statement is worth while: the server works on it while the first waits for the disk.
const BESIDE_MIN: usize = 24;
/// A first statement that takes longer than this is held up, and others do not wait for it.
const BESIDE_AFTER: Duration = Duration::from_millis(20);
/// Callers whose events go out in one statement.
const GROUP_MAX: usize = 512;
/// How often a statement whose end is not known is sent again. An event that is there already changes nothing.
const TRIES: u32 = 3;

type Waiting = (Events, oneshot::Sender<Result<(), EngineError>>);

/// Gathers the events of callers that wait anyway, and makes them durable with one statement: group commit for the log.
#[derive(Debug)]
pub(super) struct Appender {
    queue: mpsc::Sender<Waiting>,
}

impl Appender {
    /// Starts it. It stops by itself once nobody can append any more and everything has been answered.
    pub(super) fn start(pool: Pool) -> Self {
        let (queue, waiting) = mpsc::channel(limits::WRITER_QUEUE_MAX);
        tokio::spawn(gather(pool, waiting));
        Self { queue }
    }

    /// Makes events durable.
    pub(super) async fn append(&self, events: Events) -> Result<(), EngineError> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send((events, answer)).map_err(|_full| EngineError::Busy)?;
        answered.await.map_err(|_stopped| EngineError::Unclear)?
    }
}

async fn gather(pool: Pool, mut waiting: mpsc::Receiver<Waiting>) {
    let lanes = Lanes::default();
    let mut group = Vec::new();
    while !group.is_empty() || waiting.recv_many(&mut group, GROUP_MAX).await > 0 {
        let Some(turn) = lanes.turn(&mut waiting, &mut group).await else { return };
        // Callers that were just answered run before this does again, and may come with their next events.
        tokio::task::yield_now().await;
        while group.len() < GROUP_MAX {
            match waiting.try_recv() {
                Ok(more) => group.push(more),
                Err(_none) => break,
            }
        }
        let count = if lanes.is_free() && group.len() >= 2 * BESIDE_MIN { group.len() / 2 } else { group.len() };
        let (events, answers): (Vec<Events>, Vec<_>) = group.drain(..count).unzip();
        let pool = pool.clone();
        tokio::spawn(async move {
            write(&pool, events, answers).await;
            drop(turn);
        });
    }
}

/// The statements that may be under way. The server makes one after the other durable, so few callers are through sooner
/// with one statement for all of them than with two that share them. Of many callers the rows are the work, and not the disk:
/// they go half and half. A second goes beside the first also where the first is held up.
struct Lanes {
    first: Arc<Semaphore>,
    beside: Arc<Semaphore>,
}

impl Default for Lanes {
    fn default() -> Self {
        Self { first: Arc::new(Semaphore::new(1)), beside: Arc::new(Semaphore::new(1)) }
    }
}

impl Lanes {
    /// Whether one more statement could go now.
    fn is_free(&self) -> bool {
        self.first.available_permits() + self.beside.available_permits() > 0
    }

    /// Waits until `group` may go, and lets it grow meanwhile. Nothing once all is over.
    async fn turn(&self, waiting: &mut mpsc::Receiver<Waiting>, group: &mut Vec<Waiting>) -> Option<OwnedSemaphorePermit> {
        if let Ok(turn) = Arc::clone(&self.first).try_acquire_owned() {
            return Some(turn);
        }
        let mut held_up = pin!(tokio::time::sleep(BESIDE_AFTER));
        let (mut is_open, mut is_late) = (true, false);
        loop {
            let room = GROUP_MAX - group.len().min(GROUP_MAX);
            tokio::select! {
                biased;
                turn = Arc::clone(&self.first).acquire_owned() => return turn.ok(),
                turn = Arc::clone(&self.beside).acquire_owned(), if is_late || group.len() >= BESIDE_MIN => return turn.ok(),
                came = waiting.recv_many(group, room), if is_open && room > 0 => is_open = came > 0,
                () = held_up.as_mut(), if !is_late => is_late = true,
            }
        }
    }
}

async fn write(pool: &Pool, events: Vec<Events>, answers: Vec<oneshot::Sender<Result<(), EngineError>>>) {
    match together(pool, &events).await {
        Ok(()) => answer_all(answers, || Ok(())),
        Err(EngineError::Unavailable) => answer_all(answers, || Err(EngineError::Unavailable)),
        Err(EngineError::Unclear) => answer_all(answers, || Err(EngineError::Unclear)),
        Err(EngineError::Busy) => answer_all(answers, || Err(EngineError::Busy)),
        Err(EngineError::Full) => answer_all(answers, || Err(EngineError::Full)),
        // One of them is at fault, and the others are not to suffer for it.
        Err(_) if events.len() > 1 => {
            for (events, answer) in events.into_iter().zip(answers) {
                let _left = answer.send(together(pool, std::slice::from_ref(&events)).await);
            }
        }
        Err(error) => {
            if let Some(answer) = answers.into_iter().next() {
                let _left = answer.send(Err(error));
            }
        }
    }
}

fn answer_all(answers: Vec<oneshot::Sender<Result<(), EngineError>>>, result: impl Fn() -> Result<(), EngineError>) {
    for answer in answers {
        let _left = answer.send(result());
    }
}

async fn together(pool: &Pool, events: &[Events]) -> Result<(), EngineError> {
    // Once a try is lost on the way, no later failure says that nothing was written.
    let mut is_lost = false;
    let known = |is_lost: bool, error| if is_lost { EngineError::Unclear } else { error };
    for _try in 0..TRIES {
        let session = pool.session().await.map_err(|error| known(is_lost, error))?;
        match journal::write_all(&session, events).await {
            Ok(()) => return Ok(()),
            Err(Fault::Engine(error)) => return Err(known(is_lost, error)),
            Err(Fault::Again) => {}
            Err(Fault::Lost) => {
                is_lost = true;
                session.close();
            }
        }
    }
    Err(known(is_lost, EngineError::Busy))
}
