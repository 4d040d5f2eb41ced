use super::fault::Fault;
use super::pool::Pool;
use super::session::{Alone, Session};
use crate::engine::EngineError;
use crate::engine::step::Step;
use futures::future::BoxFuture;
use std::time::Duration;
use tokio::time::Instant;

/// How often a transaction that others were in the way of is tried.
const TRIES: u32 = 12;
/// How often one is tried on a new connection: after a restart of the server a pool is full of dead ones.
const CONNECTIONS: u32 = 3;
/// The first pause between two tries; each is twice as long, and drawn at random from nothing to that.
const PAUSE: Duration = Duration::from_millis(4);
/// How long others may be in the way until the next try is the last.
const WAIT_MAX: Duration = Duration::from_secs(15);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_millis(250);
/// The end of a transaction. No time-out of the server runs there: one that struck while a standby is waited for would
/// have the commit answered as done before the standby has it.
const COMMIT: &str = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; COMMIT";

/// Runs `steps` over `input` in a transaction until it has gone through, been undone by itself, or failed for good. It goes on when
/// nobody waits any more: a caller that leaves leaves nothing half done.
pub(super) async fn write<I, T, F>(pool: &Pool, input: I, steps: F) -> Result<T, EngineError>
where
    I: Send + Sync + 'static,
    T: Send + 'static,
    F: for<'a> Fn(&'a Session, &'a I) -> BoxFuture<'a, Result<Step<T>, Fault>> + Send + Sync + 'static,
{
    let pool = pool.clone();
    tokio::spawn(async move { until_done(&pool, &input, &steps).await }).await.unwrap_or(Err(EngineError::Panicked))
}

async fn until_done<I, T, F>(pool: &Pool, input: &I, steps: &F) -> Result<T, EngineError>
where
    F: for<'a> Fn(&'a Session, &'a I) -> BoxFuture<'a, Result<Step<T>, Fault>>,
{
    let (mut lost, begun) = (0, Instant::now());
    for turn in 0..TRIES {
        if begun.elapsed() > WAIT_MAX {
            break;
        }
        let session = pool.session().await?;
        match once(session, input, steps).await {
            Ok(done) => return Ok(done),
            Err(Fault::Engine(error)) => return Err(error),
            Err(Fault::Again) => pause(turn).await,
            Err(Fault::Lost) => {
                lost += 1;
                if lost == CONNECTIONS {
                    return Err(EngineError::Unavailable);
                }
            }
        }
    }
    Err(EngineError::Busy)
}

async fn once<I, T, F>(session: Session, input: &I, steps: &F) -> Result<T, Fault>
where
    F: for<'a> Fn(&'a Session, &'a I) -> BoxFuture<'a, Result<Step<T>, Fault>>,
{
    // Whatever is left open ends with the connection, also where a step panics.
    let alone = session.alone();
    let session = alone.get()?;
    let stepped = match session.run("BEGIN").await {
        Ok(()) => steps(session, input).await,
        Err(fault) => Err(fault),
    };
    match stepped {
        Ok(Step::Keep(done)) => match session.run(COMMIT).await {
            Ok(()) => {
                alone.keep();
                Ok(done)
            }
            // Whether it arrived is not known, and nobody may guess.
            Err(Fault::Lost) => Err(EngineError::Unclear.into()),
            Err(fault) => Err(fault),
        },
        Ok(Step::Undo(done)) => {
            undo(alone).await;
            Ok(done)
        }
        Err(Fault::Lost) => Err(Fault::Lost),
        Err(fault) => {
            undo(alone).await;
            Err(fault)
        }
    }
}

async fn undo(alone: Alone) {
    let Ok(session) = alone.get() else { return };
    if session.run("ROLLBACK").await.is_ok() {
        alone.keep();
    }
}

/// Asks `question` on a connection of its own; once more on another where that one was dead.
pub(super) async fn read<T, F>(pool: &Pool, question: F) -> Result<T, EngineError>
where
    F: for<'a> Fn(&'a Session) -> BoxFuture<'a, Result<T, Fault>> + Send + Sync,
{
    for _connection in 0..CONNECTIONS {
        let alone = pool.session().await?.alone();
        match question(alone.get()?).await {
            Ok(answer) => {
                alone.keep();
                return Ok(answer);
            }
            Err(Fault::Engine(error)) => return Err(error),
            Err(Fault::Again | Fault::Lost) => {}
        }
    }
    Err(EngineError::Unavailable)
}

async fn pause(turn: u32) {
    let longest = PAUSE.saturating_mul(1 << turn.min(16)).min(PAUSE_MAX);
    let mut random = [0; 2];
    // Without random numbers nothing else of this program works either.
    let drawn = if getrandom::fill(&mut random).is_ok() { u16::from_le_bytes(random) } else { u16::MAX };
    tokio::time::sleep(longest.mul_f64(f64::from(drawn) / f64::from(u16::MAX))).await;
}
