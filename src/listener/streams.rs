use hyper::rt::Executor;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};
use std::time::Duration;
use tokio::task::{AbortHandle, Id};
use tokio::time::{Instant, sleep};

/// The streams of one HTTP/2 connection. Each runs as a task of its own, which is ended when its client takes nothing
/// of the answer for too long.
///
/// What the socket shows is not enough: a client that opens no window to a stream takes nothing of it while pings and
/// other streams keep the connection busy, and a body that nobody polls cannot keep a clock itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Streams(Arc<Mutex<HashMap<Id, Stream>>>);

#[derive(Debug)]
struct Stream {
    task: AbortHandle,
    taking: Arc<Taking>,
}

impl<F> Executor<F> for Streams
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, stream: F) {
        let streams = self.clone();
        // Locked until the task is known, since it looks for itself as soon as it runs.
        let mut running = self.running();
        let task = tokio::spawn(async move {
            let _known = Known { streams, id: tokio::task::id() };
            stream.await;
        });
        running.insert(task.id(), Stream { task: task.abort_handle(), taking: Arc::default() });
    }
}

impl Streams {
    fn running(&self) -> MutexGuard<'_, HashMap<Id, Stream>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the answer of the stream that this is called in is taken. None on HTTP/1, whose one answer is watched with
    /// its socket.
    pub(super) fn taking(&self) -> Option<Arc<Taking>> {
        let id = tokio::task::try_id()?;
        self.running().get(&id).map(|stream| Arc::clone(&stream.taking))
    }

    /// Ends every stream whose client has taken nothing for `stall_max`. Goes on for ever.
    pub(super) async fn end_stalled(&self, stall_max: Duration) -> Infallible {
        loop {
            sleep(stall_max / 4).await;
            let mut running = self.running();
            // One that was ended before it ran could not take itself off.
            running.retain(|_, stream| !stream.task.is_finished());
            let stalled = running.values().filter(|stream| stream.taking.lasts_longer_than(stall_max));
            let stalled: Vec<AbortHandle> = stalled.map(|stream| stream.task.clone()).collect();
            drop(running);
            stalled.iter().for_each(AbortHandle::abort);
        }
    }
}

/// A stream that is in the table until this is dropped.
struct Known {
    streams: Streams,
    id: Id,
}

impl Drop for Known {
    fn drop(&mut self) {
        self.streams.running().remove(&self.id);
    }
}

/// Since when it has been the client's turn to take something of an answer; nothing while it is ours to make more.
#[derive(Debug, Default)]
pub(super) struct Taking(Mutex<Option<Instant>>);

impl Taking {
    fn since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There is something to take.
    pub(super) fn begin(&self) {
        *self.since() = Some(Instant::now());
    }

    /// There is nothing to take, until the waker that this gives is woken.
    pub(super) fn pause(self: &Arc<Self>, waker: &Waker) -> Waker {
        *self.since() = None;
        Waker::from(Arc::new(MoreCame { waker: waker.clone(), taking: Arc::clone(self) }))
    }

    fn lasts_longer_than(&self, most: Duration) -> bool {
        self.since().is_some_and(|since| since.elapsed() > most)
    }
}

/// Wakes whoever sends the answer. From then on it is the client's turn again: without a window nobody asks for the
/// piece that has come.
struct MoreCame {
    waker: Waker,
    taking: Arc<Taking>,
}

impl Wake for MoreCame {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.taking.begin();
        self.waker.wake_by_ref();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    const STALL_MAX: Duration = Duration::from_millis(600);

    /// Runs a stream that does `first` with its own account and then hangs; whether it still runs after `wait`.
    async fn runs_after(wait: Duration, first: impl FnOnce(Arc<Taking>) + Send + 'static) -> bool {
        let streams = Streams::default();
        let own = streams.clone();
        streams.execute(async move {
            first(own.taking().unwrap());
            pending::<()>().await;
        });
        let _still_looking = tokio::time::timeout(wait, streams.end_stalled(STALL_MAX)).await;
        let left = streams.running().len();
        left == 1
    }

    #[tokio::test]
    async fn a_stream_ends_when_nothing_of_its_answer_is_taken_for_too_long() {
        let waits = |taking: Arc<Taking>| {
            taking.begin();
            drop(taking.pause(Waker::noop()));
        };
        let woken = |taking: Arc<Taking>| taking.pause(Waker::noop()).wake();
        let (in_time, too_late, unanswered, waiting, woken) = tokio::join!(
            runs_after(STALL_MAX / 2, |taking| taking.begin()),
            runs_after(STALL_MAX * 3, |taking| taking.begin()),
            runs_after(STALL_MAX * 3, |_| ()),
            runs_after(STALL_MAX * 3, waits),
            runs_after(STALL_MAX * 3, woken),
        );
        assert!(in_time && !too_late);
        assert!(unanswered && waiting, "it is our turn");
        assert!(!woken, "what has come is not taken either");
    }

    #[tokio::test]
    async fn a_stream_that_ends_leaves_nothing_behind() {
        let streams = Streams::default();
        for _ in 0..100 {
            streams.execute(async {});
        }
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        assert!(streams.running().is_empty());
        assert!(streams.taking().is_none());
    }
}
