use super::aead::TAG_BYTES;
use super::layout::{self, CHUNK_BYTES, Cut, FrameLengths, HEADER_BYTES, SEALED_CHUNK_BYTES, STREAM_HEADER_BYTES};
use super::stream::StreamKey;
use super::{Aead, Context, OpenError, OpenedDataKey, PlaceOfPart, PlainBuffer, PlainPool, Plaintext};
use crate::domain::AttemptId;
use std::fmt;
use std::iter;

/// Sealed bytes as the store gave them, vouched for by nobody until they are opened.
pub struct SealedChunks<'a>(&'a [u8]);

impl<'a> SealedChunks<'a> {
    /// Bytes that the store gave.
    ///
    /// MINT: only `blob` calls this.
    #[must_use]
    pub const fn from_store(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn within(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// How many bytes there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first `at` bytes and the rest, where a small frame was read in one piece; nothing where it
    /// is shorter.
    #[must_use]
    pub fn split_at(self, at: usize) -> Option<(Self, Self)> {
        self.0.split_at_checked(at).map(|(head, rest)| (Self(head), Self(rest)))
    }

    pub(super) const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }
}

/// Opens the chunks of one frame's body, in any order, from any thread.
pub struct Opener {
    key: StreamKey,
    body_length: u64,
}

impl Opener {
    /// Reads the `start` of the frame that `attempt` sealed (its first [`layout::START_BYTES`]) and
    /// checks that it belongs to this key and place. `stream_length` is what the index says.
    ///
    /// # Errors
    /// [`OpenError`] when the header is unknown or names another place, the commitment is not that of
    /// the key, or no stream has this length.
    pub fn new(
        key: &OpenedDataKey,
        attempt: AttemptId,
        start: &SealedChunks<'_>,
        stream_length: u64,
        aead: Aead,
    ) -> Result<Self, OpenError> {
        let place = key.place.part(attempt);
        if PlaceOfPart::claimed(start)? != place {
            return Err(OpenError::Place);
        }
        let (_, rest) = start.as_bytes().split_first_chunk::<HEADER_BYTES>().ok_or(OpenError::Header)?;
        let header = rest.first_chunk::<STREAM_HEADER_BYTES>().ok_or(OpenError::Header)?;
        let FrameLengths { stream, .. } = FrameLengths::checked(stream_length, 0)?;
        let key = StreamKey::of_header(&key.key, header, &Context::body(place), aead)?;
        Ok(Self { key, body_length: stream.saturating_sub(STREAM_HEADER_BYTES as u64) })
    }

    /// Opens a run of whole `chunks`, of which the first is number `first_chunk`, and adds what they
    /// hold to `out`. Only the body's last chunk may be shorter than the others.
    ///
    /// # Errors
    /// [`OpenError`] when a chunk was altered or moved, or the run is none of this body. Then nothing is
    /// added to `out`, also of the chunks that are whole.
    pub fn open(&self, first_chunk: u64, chunks: &SealedChunks<'_>, out: &mut PlainBuffer) -> Result<(), OpenError> {
        let run = chunks.as_bytes();
        let length = run.len() as u64;
        let no_run = OpenError::Length { bytes: length };
        let end = first_chunk.checked_mul(SEALED_CHUNK_BYTES as u64).and_then(|start| start.checked_add(length));
        let short = run.len() % SEALED_CHUNK_BYTES;
        // A run that is cut in a chunk may only be the one that ends the body.
        let whole = end.is_some_and(|end| if short == 0 { end < self.body_length } else { end == self.body_length });
        if run.is_empty() || !whole {
            return Err(no_run);
        }
        let full = run.len() / SEALED_CHUNK_BYTES;
        let plain = full * CHUNK_BYTES + short.saturating_sub(TAG_BYTES);
        out.append(plain, |slots| {
            // An empty last chunk has no slot, and is checked like any other.
            let slots = slots.chunks_mut(CHUNK_BYTES).chain(iter::once([].as_mut_slice()));
            for ((index, sealed), slot) in (first_chunk..).zip(run.chunks(SEALED_CHUNK_BYTES)).zip(slots) {
                self.key.open_chunk(index, sealed, slot)?;
            }
            Ok(())
        })
    }

    /// Opens `chunks`, read for `cut`, into a buffer of `pool`, and gives exactly the wanted bytes.
    ///
    /// # Errors
    /// As [`Opener::open`], and [`OpenError::Length`] when the store gave less or more than was to be read.
    pub fn open_cut(&self, cut: &Cut, chunks: &SealedChunks<'_>, pool: &PlainPool) -> Result<Plaintext, OpenError> {
        let bytes = chunks.len() as u64;
        if cut.sealed.start.checked_add(bytes) != Some(cut.sealed.end) {
            return Err(OpenError::Length { bytes });
        }
        let mut buffer = pool.take();
        self.open(cut.first_chunk, chunks, &mut buffer)?;
        buffer.keep(cut.skip, cut.take)?;
        Ok(buffer.into_plaintext())
    }

    /// Plaintext bytes of the body.
    #[must_use]
    pub const fn plain_length(&self) -> u64 {
        match layout::plain_length(self.body_length.saturating_add(STREAM_HEADER_BYTES as u64)) {
            Some(length) => length,
            // `new` refused every other length.
            None => 0,
        }
    }
}

impl fmt::Debug for SealedChunks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedChunks({} bytes)", self.len())
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opener({} bytes)", self.plain_length())
    }
}
