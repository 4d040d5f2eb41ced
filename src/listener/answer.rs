use super::activity::RequestRuns;
use super::streams::Taking;
use crate::domain::EventId;
use crate::meters::{Direction, Meters, Observed, Running};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;
use tokio::sync::OwnedSemaphorePermit;

/// The body of an answer, with the account that is closed when it ends.
#[derive(Debug)]
pub struct AnswerBody<B> {
    source: Source<B>,
    account: Account,
    /// How the client takes it, where its socket does not show that.
    taking: Option<Arc<Taking>>,
}

#[derive(Debug)]
pub(super) enum Source<B> {
    /// From the service.
    Service(B),
    /// From the listener itself.
    Own(Option<Bytes>),
}

/// What is counted and held for one request until its answer has ended.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) request: EventId,
    pub(super) observed: Observed,
    pub(super) status: u16,
    pub(super) began: Instant,
    pub(super) meters: Arc<Meters>,
    pub(super) _held: Held,
    pub(super) sent: u64,
    /// Bytes that the answer will have, where that is known.
    pub(super) expected: Option<u64>,
    pub(super) has_ended: bool,
}

/// What a request occupies.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) _runs: RequestRuns,
    pub(super) _counted: Running,
    pub(super) _turn: Option<OwnedSemaphorePermit>,
}

impl<B: Body> AnswerBody<B> {
    pub(super) fn new(source: Source<B>, mut account: Account, taking: Option<Arc<Taking>>) -> Self {
        account.expected = match &source {
            Source::Service(body) => body.size_hint().exact(),
            Source::Own(body) => u64::try_from(body.as_ref().map_or(0, Bytes::len)).ok(),
        };
        taking.iter().for_each(|taking| taking.begin());
        Self { source, account, taking }
    }
}

impl<B> Body for AnswerBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        let frame = match (&mut this.source, &this.taking) {
            (Source::Service(body), None) => ready!(Pin::new(body).poll_frame(cx)),
            (Source::Service(body), Some(taking)) => {
                let waker = taking.pause(cx.waker());
                let frame = ready!(Pin::new(body).poll_frame(&mut Context::from_waker(&waker)));
                taking.begin();
                frame
            }
            (Source::Own(body), _) => body.take().map(|body| Ok(Frame::data(body))),
        };
        match &frame {
            Some(Ok(frame)) => this.account.sent(frame.data_ref().map_or(0, Bytes::len)),
            Some(Err(_)) => {}
            None => this.account.has_ended = true,
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Service(body) => body.is_end_stream(),
            Source::Own(body) => body.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Service(body) => body.size_hint(),
            Source::Own(body) => SizeHint::with_exact(body.as_ref().and_then(|body| u64::try_from(body.len()).ok()).unwrap_or(0)),
        }
    }
}

impl Account {
    fn sent(&mut self, count: usize) {
        self.sent = self.sent.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        self.meters.bytes(Direction::Out, count);
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        self.meters.request_ended(self.observed, self.status, took);
        // Neither target nor caller stands here: a key may name a patient.
        tracing::info!(
            request = %self.request,
            operation = self.observed.operation,
            status = self.status,
            refusal = self.observed.refusal,
            sent = self.sent,
            is_whole = self.has_ended || self.expected == Some(self.sent),
            micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            "answered",
        );
    }
}
