use super::chunks::{ChunkFault, Chunks};
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

/// A request's body as it arrives. Watches the framing of chunks, checks the digests of documents, which the protocol
/// crate reads whole, and notes when the connection fails, so that this is not taken for a wrong signature.
pub(super) struct WireBody {
    inner: s3s::Body,
    exchange: Arc<Exchange>,
    chunks: Option<Chunks>,
    digests: Option<Digests>,
    is_done: bool,
}

/// The body is not what its headers say.
#[derive(Debug, thiserror::Error)]
#[error("the body is not what its headers say")]
struct NotAsStated;

impl WireBody {
    /// The body `inner` of the request that `exchange` follows.
    pub(super) const fn new(inner: s3s::Body, exchange: Arc<Exchange>, chunks: Option<Chunks>) -> Self {
        Self { inner, exchange, chunks, digests: None, is_done: false }
    }

    fn take_in(&mut self, bytes: &[u8]) {
        let expected = self.exchange.document().filter(|expected| !expected.is_empty());
        if let Some(expected) = expected {
            self.digests.get_or_insert_with(|| expected.digests(ChecksumAlgorithm::Crc64Nvme)).update(bytes);
        }
    }

    fn finish(&mut self) -> Option<Result<Frame<Bytes>, StdError>> {
        self.is_done = true;
        if let Some(Err(fault)) = self.chunks.as_ref().map(Chunks::finish) {
            return Some(Err(self.badly_framed(fault)));
        }
        self.take_in(&[]);
        let (expected, digests) = (self.exchange.document()?, self.digests.take()?);
        let fault = expected.verify(&digests.finish(), None).err()?;
        self.exchange.fail(errors::of_body(&fault));
        Some(Err(Box::new(NotAsStated)))
    }

    fn badly_framed(&mut self, fault: ChunkFault) -> StdError {
        self.is_done = true;
        self.exchange.fail(errors::of_chunks(fault));
        Box::new(fault)
    }
}

impl Body for WireBody {
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        loop {
            if let Some(bytes) = self.chunks.as_mut().and_then(Chunks::next) {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            if self.is_done {
                return Poll::Ready(None);
            }
            let frame = match ready!(Pin::new(&mut self.inner).poll_frame(context)) {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => {
                    self.is_done = true;
                    self.exchange.note_broken();
                    return Poll::Ready(Some(Err(error)));
                }
                None => return Poll::Ready(self.finish()),
            };
            let Ok(bytes) = frame.into_data() else { continue };
            self.take_in(&bytes);
            match self.chunks.as_mut().map(|chunks| chunks.take(bytes.clone())) {
                None => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Some(Ok(())) => {}
                Some(Err(fault)) => return Poll::Ready(Some(Err(self.badly_framed(fault)))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        // Digests and framing are checked by the poll that finds the end.
        self.is_done || (self.exchange.document().is_none() && self.chunks.is_none() && self.inner.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        if self.chunks.is_some() { SizeHint::default() } else { self.inner.size_hint() }
    }
}
