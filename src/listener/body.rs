use super::activity::Activity;
use crate::domain::limits;
use crate::meters::{Direction, Meters};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

/// The body of a request did not come whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenerBodyError {
    /// Nothing came for too long.
    #[error("the request body paused for more than {pause_max:?}")]
    Paused {
        /// How long it may pause.
        pause_max: Duration,
    },
    /// It came, but too slowly.
    #[error("the request body is slower than {} bytes a second", limits::BODY_RATE_BYTES_MIN)]
    TooSlow,
    /// The connection or its protocol broke.
    #[error("the request body broke off")]
    Broken(#[source] hyper::Error),
}

/// How a request came, as far as its body is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// On a connection of its own; the body must be read or the connection closed.
    Single,
    /// The same, but the client waits for leave before it sends the body.
    SingleAfterLeave,
    /// On one stream of many; the stream alone is reset.
    Multiplexed,
}

/// What became of a body that its reader let go of.
#[derive(Debug, Default)]
pub(super) struct Fate {
    closes_connection: AtomicBool,
}

impl Fate {
    /// Whether the connection cannot be used again because the rest of the body is in its way.
    pub(super) fn closes_connection(&self) -> bool {
        self.closes_connection.load(Ordering::Acquire)
    }
}

/// The body of a request, read at the client's pace but not at any pace.
///
/// May be dropped before its end, to refuse early: a short rest is read and dropped so that the connection
/// can be used again, for a long one the connection is closed (the stream reset, with HTTP/2) after the answer, in
/// a way that lets the client read it. A client that waits for `100 Continue` is told to continue only when this is first polled.
#[derive(Debug)]
pub struct ListenerBody {
    incoming: Option<Incoming>,
    framing: Framing,
    touched: bool,
    pause_max: Duration,
    pause: Option<Pin<Box<Sleep>>>,
    began: Instant,
    came: u64,
    fate: Arc<Fate>,
    activity: Arc<Activity>,
    meters: Arc<Meters>,
}

impl ListenerBody {
    pub(super) fn new(incoming: Incoming, framing: Framing, pause_max: Duration, activity: Arc<Activity>, meters: Arc<Meters>) -> Self {
        Self {
            incoming: Some(incoming),
            framing,
            touched: false,
            pause_max,
            pause: None,
            began: Instant::now(),
            came: 0,
            fate: Arc::default(),
            activity,
            meters,
        }
    }

    pub(super) fn fate(&self) -> Arc<Fate> {
        Arc::clone(&self.fate)
    }

    fn arrived(&mut self, count: usize) -> Result<(), ListenerBodyError> {
        self.pause = None;
        self.came = self.came.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        self.meters.bytes(Direction::In, count);
        let beyond_grace = self.began.elapsed().saturating_sub(limits::BODY_RATE_GRACE).as_secs();
        if self.came < beyond_grace.saturating_mul(limits::BODY_RATE_BYTES_MIN) {
            return Err(ListenerBodyError::TooSlow);
        }
        Ok(())
    }
}

impl Body for ListenerBody {
    type Data = Bytes;
    type Error = ListenerBodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ListenerBodyError>>> {
        let this = &mut *self;
        let Some(incoming) = this.incoming.as_mut() else { return Poll::Ready(None) };
        if !this.touched {
            this.touched = true;
            this.began = Instant::now();
        }
        match Pin::new(incoming).poll_frame(cx) {
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Ready(Some(Err(source))) => Poll::Ready(Some(Err(ListenerBodyError::Broken(source)))),
            Poll::Ready(Some(Ok(frame))) => {
                let arrived = this.arrived(frame.data_ref().map_or(0, Bytes::len));
                Poll::Ready(Some(arrived.map(|()| frame)))
            }
            Poll::Pending => {
                let pause = this.pause.get_or_insert_with(|| Box::pin(sleep(this.pause_max)));
                pause.as_mut().poll(cx).map(|()| Some(Err(ListenerBodyError::Paused { pause_max: this.pause_max })))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}

impl Drop for ListenerBody {
    fn drop(&mut self) {
        let Some(incoming) = self.incoming.take() else { return };
        if incoming.is_end_stream() {
            return;
        }
        let runtime = tokio::runtime::Handle::try_current();
        // Polling the body of a client that waits would tell it to send what is not wanted.
        let waits = self.framing == Framing::SingleAfterLeave && !self.touched;
        let is_short = incoming.size_hint().exact().is_some_and(|rest| rest <= limits::DISCARD_BYTES_MAX);
        match (self.framing, runtime) {
            (Framing::Multiplexed, Ok(runtime)) => {
                runtime.spawn(hold(incoming));
            }
            (Framing::Single | Framing::SingleAfterLeave, Ok(runtime)) if is_short && !waits => {
                runtime.spawn(discard(incoming, Arc::clone(&self.activity)));
            }
            _ => {
                self.fate.closes_connection.store(true, Ordering::Release);
                self.activity.leave_body_unwanted();
            }
        }
    }
}

/// Reads and drops the rest of a body. If it takes too long, letting go of it closes the connection.
async fn discard(mut incoming: Incoming, activity: Arc<Activity>) {
    let to_end = async { while let Some(Ok(_dropped)) = incoming.frame().await {} };
    if tokio::time::timeout(limits::DISCARD_TIME_MAX, to_end).await.is_err() {
        activity.leave_body_unwanted();
    }
}

/// Reads and drops some of a body, then stops reading, and lets go of it a little later, which resets the stream.
/// A client that is still sending runs into its window, reads its answer and stops by itself; some versions of curl
/// lose an answer that the reset comes right after.
async fn hold(mut incoming: Incoming) {
    let until = Instant::now() + limits::DISCARD_TIME_MAX;
    let mut left = limits::DISCARD_BYTES_MAX;
    let to_end = async {
        while left > 0 {
            let Some(Ok(dropped)) = incoming.frame().await else { return };
            left = left.saturating_sub(dropped.data_ref().map_or(0, |data| u64::try_from(data.len()).unwrap_or(u64::MAX)));
        }
        sleep_until(until).await;
    };
    let _ended_or_cut = tokio::time::timeout_at(until, to_end).await;
}
