use super::fault::Fault;
use super::journal;
use super::pool::Pool;
use crate::domain::limits;
use crate::engine::{EngineError, Events};
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc, oneshot};

/// Statements under way at a time: while one waits for the disk the next gathers.
const AT_ONCE: usize = 2;
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
    let free = Arc::new(Semaphore::new(AT_ONCE));
    let mut group = Vec::new();
    while waiting.recv_many(&mut group, 1).await > 0 {
        let Ok(turn) = Arc::clone(&free).acquire_owned().await else { return };
        // Whoever has come while all statements were under way goes along.
        while group.len() < GROUP_MAX {
            match waiting.try_recv() {
                Ok(more) => group.push(more),
                Err(_none) => break,
            }
        }
        let (events, answers): (Vec<Events>, Vec<_>) = group.drain(..).unzip();
        let pool = pool.clone();
        tokio::spawn(async move {
            write(&pool, events, answers).await;
            drop(turn);
        });
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
    let mut sent = false;
    for _try in 0..TRIES {
        let session = match pool.session().await {
            Ok(session) => session,
            Err(EngineError::Unavailable) if sent => return Err(EngineError::Unclear),
            Err(error) => return Err(error),
        };
        sent = true;
        match journal::write_all(&session, events).await {
            Ok(()) => return Ok(()),
            Err(Fault::Engine(error)) => return Err(error),
            Err(Fault::Again) => {}
            Err(Fault::Lost) => session.close(),
        }
    }
    Err(EngineError::Unclear)
}
