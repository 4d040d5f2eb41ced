use super::errors;
use super::exchange::Exchange;
use crate::digest::Digests;
use crate::domain::ChecksumAlgorithm;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use s3s::StdError;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// A request's body as it arrives. Checks the digests of documents, which the protocol crate reads whole, and
/// notes when the connection fails, so that this is not taken for a wrong signature.
pub(super) struct WireBody {
    inner: s3s::Body,
    exchange: Arc<Exchange>,
    digests: Option<Digests>,
    is_done: bool,
}

/// The body is not what its headers say.
#[derive(Debug, thiserror::Error)]
#[error("the body is not what its headers say")]
struct NotAsStated;

impl WireBody {
    /// The body `inner` of the request that `exchange` follows.
    pub(super) const fn new(inner: s3s::Body, exchange: Arc<Exchange>) -> Self {
        Self { inner, exchange, digests: None, is_done: false }
    }

    fn take_in(&mut self, bytes: &[u8]) {
        let expected = self.exchange.document().filter(|expected| !expected.is_empty());
        if let Some(expected) = expected {
            self.digests.get_or_insert_with(|| expected.digests(ChecksumAlgorithm::Crc64Nvme)).update(bytes);
        }
    }

    fn finish(&mut self) -> Option<Result<Frame<Bytes>, StdError>> {
        self.is_done = true;
        self.take_in(&[]);
        let (expected, digests) = (self.exchange.document()?, self.digests.take()?);
        let fault = expected.verify(&digests.finish(), None).err()?;
        self.exchange.fail(errors::of_body(&fault));
        Some(Err(Box::new(NotAsStated)))
    }
}

impl Body for WireBody {
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        if self.is_done {
            return Poll::Ready(None);
        }
        Poll::Ready(match ready!(Pin::new(&mut self.inner).poll_frame(context)) {
            Some(Ok(frame)) => {
                if let Some(bytes) = frame.data_ref() {
                    self.take_in(bytes);
                }
                Some(Ok(frame))
            }
            Some(Err(error)) => {
                self.is_done = true;
                self.exchange.note_broken();
                Some(Err(error))
            }
            None => self.finish(),
        })
    }

    fn is_end_stream(&self) -> bool {
        // A document's digests are checked by the poll that finds its end.
        self.is_done || (self.exchange.document().is_none() && self.inner.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
