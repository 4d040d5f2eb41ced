use crate::objects::{GetError, ObjectBody};
use bytes::Bytes;
use futures::Stream;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A version's bytes as the body of an answer. An error in it aborts the connection, so that a client cannot
/// take what it has for the whole (promise 6).
#[derive(Debug)]
pub(super) struct ResponseBody {
    inner: ObjectBody,
    left: u64,
}

impl ResponseBody {
    /// The body of an answer that sends `inner`.
    pub(super) const fn new(inner: ObjectBody) -> Self {
        let left = inner.length();
        Self { inner, left }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = GetError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, GetError>>> {
        Pin::new(&mut self.inner).poll_next(context).map(|piece| {
            let piece = piece?;
            Some(piece.map(|bytes| {
                self.left = self.left.saturating_sub(bytes.len() as u64);
                Frame::data(bytes)
            }))
        })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
