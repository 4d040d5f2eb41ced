use super::BlobError;
use super::reader::{BlobReader, SealedBytes};
use crate::domain::limits;
use bytes::{Buf, Bytes, BytesMut};
use futures::stream::{BoxStream, StreamExt};
use std::fmt;
use std::ops::Range;

/// Bytes of the frame that one request brings. A request for each segment would cost more than its bytes; one for all of a
/// body would be held open for as long as a slow client takes.
const REQUEST_BYTES: u64 = limits::READ_BYTES_MAX;

/// The bytes of one frame in a remote store, one range after the other, with few requests.
///
/// A request that fails, ends early or is late costs no more than itself: what it did not bring is read anew, as
/// [`BlobReader::read`] reads, with its errors and from the replica where there is one.
#[must_use]
pub struct BlobStream {
    reader: BlobReader,
    /// The frame's bytes that are still to be given out.
    left: Range<u64>,
    /// Where requests are tried again after one has failed.
    single_until: u64,
    answer: Option<Answer>,
}

/// What a request brings.
pub(super) type Pieces = BoxStream<'static, Result<Bytes, object_store::Error>>;

/// A request that was answered, and what has come of its bytes and was not yet given out.
struct Answer {
    pieces: Pieces,
    came: Bytes,
    /// Bytes that are to come still, those that came included.
    left: u64,
}

impl BlobStream {
    pub(super) const fn new(reader: BlobReader, range: Range<u64>) -> Self {
        Self { reader, left: range, single_until: 0, answer: None }
    }

    /// The bytes `range` of the frame, counted from its first. Ranges are asked for in their order.
    ///
    /// # Errors
    /// [`BlobError`] when they are not all there, or the store fails.
    pub async fn next(&mut self, range: Range<u64>) -> Result<SealedBytes, BlobError> {
        if range.start != self.left.start {
            self.answer = None;
        }
        self.left.start = range.end;
        if range.start >= self.single_until && range.end <= self.left.end {
            if let Some(bytes) = self.streamed(range.clone()).await {
                return Ok(SealedBytes::new(bytes));
            }
            self.answer = None;
            self.single_until = range.start.saturating_add(REQUEST_BYTES);
        }
        self.reader.read(range).await
    }

    /// The bytes of `range` from the request under way, and the next one where that ends. None where one fails.
    async fn streamed(&mut self, range: Range<u64>) -> Option<Bytes> {
        let wanted = usize::try_from(range.end.checked_sub(range.start)?).ok()?;
        let mut gathered = BytesMut::new();
        while gathered.len() < wanted {
            let missing = wanted - gathered.len();
            let answer = match &mut self.answer {
                Some(answer) if answer.left > 0 => answer,
                _ => {
                    let at = range.end - missing as u64;
                    let asked = at..self.left.end.min(at.saturating_add(REQUEST_BYTES));
                    let left = asked.end - asked.start;
                    self.answer.insert(Answer { pieces: self.reader.begin(asked).await?, came: Bytes::new(), left })
                }
            };
            if answer.came.is_empty() {
                answer.came = self.reader.awaited(answer.pieces.next()).await??.ok()?;
            }
            let here = answer.came.len().min(missing).min(usize::try_from(answer.left).unwrap_or(usize::MAX));
            answer.left -= here as u64;
            if here == wanted {
                // All of it came in one piece, as from a store in memory.
                return Some(answer.came.split_to(here));
            }
            if gathered.is_empty() {
                gathered.reserve(wanted);
            }
            gathered.extend_from_slice(answer.came.get(..here)?);
            answer.came.advance(here);
        }
        Some(gathered.freeze())
    }
}

impl fmt::Debug for BlobStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobStream({:?}, {} bytes left)", self.reader, self.left.end.saturating_sub(self.left.start))
    }
}
