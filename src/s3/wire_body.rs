use super::errors;
use super::exchange::Exchange;
use crate::digest::Digests;
use crate::domain::ChecksumAlgorithm;
use bytes::Bytes;
use http::HeaderMap;
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
    chunks: Option<ChunkTail>,
    is_done: bool,
}

/// The last bytes of a body in chunks. The protocol crate takes a body whose end is cut off for whole, as long as
/// no byte of content is missing; then its last signature and its trailers were never seen.
#[derive(Default)]
struct ChunkTail(Vec<u8>);

/// More than the longest last chunk with its signature and trailers.
const TAIL_BYTES: usize = 2_048;

impl ChunkTail {
    fn take_in(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes.get(bytes.len().saturating_sub(TAIL_BYTES)..).unwrap_or_default());
        let excess = self.0.len().saturating_sub(TAIL_BYTES);
        self.0.drain(..excess);
    }

    fn has_last_chunk(&self) -> bool {
        let last = |start: &[u8]| start.starts_with(b"0;") || start.starts_with(b"0\r\n");
        last(&self.0) || self.0.windows(5).any(|window| window.strip_prefix(b"\r\n").is_some_and(last))
    }
}

/// The body is not what its headers say.
#[derive(Debug, thiserror::Error)]
#[error("the body is not what its headers say")]
struct NotAsStated;

impl WireBody {
    /// The body `inner` of the request that `exchange` follows.
    pub(super) fn new(inner: s3s::Body, exchange: Arc<Exchange>, headers: &HeaderMap) -> Self {
        let hash = headers.get("x-amz-content-sha256").map_or(&b""[..], |value| value.as_bytes());
        let chunks = hash.starts_with(b"STREAMING-").then(ChunkTail::default);
        Self { inner, exchange, digests: None, chunks, is_done: false }
    }

    fn take_in(&mut self, bytes: &[u8]) {
        if let Some(chunks) = &mut self.chunks {
            chunks.take_in(bytes);
        }
        let expected = self.exchange.document().filter(|expected| !expected.is_empty());
        if let Some(expected) = expected {
            self.digests.get_or_insert_with(|| expected.digests(ChecksumAlgorithm::Crc64Nvme)).update(bytes);
        }
    }

    fn finish(&mut self) -> Option<Result<Frame<Bytes>, StdError>> {
        self.is_done = true;
        if self.chunks.as_ref().is_some_and(|chunks| !chunks.has_last_chunk()) {
            self.exchange.note_cut();
        }
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
