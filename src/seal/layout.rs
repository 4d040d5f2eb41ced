//! Where things lie in a frame: pure arithmetic between a body's bytes and its stored bytes.
//!
//! FORMAT: a frame is header, stream, sealed manifest, footer, without gaps. Stream and manifest are
//! C2SP chunked-encryption streams; a part's frame has no manifest, a completing frame no stream.

use super::OpenError;
use crate::domain::{ByteRange, limits};
use std::ops::Range;

/// Bytes of the header that leads a frame.
pub const HEADER_BYTES: usize = 80;
/// Bytes of the salt and commitment that lead a stream.
pub const STREAM_HEADER_BYTES: usize = 56;
/// Bytes from a frame's first to its stream's first chunk: what opening a body reads first.
pub const START_BYTES: usize = HEADER_BYTES + STREAM_HEADER_BYTES;
/// Bytes of the footer that ends a frame.
pub const FOOTER_BYTES: usize = 24;
/// Plaintext bytes of every chunk but the last, which has fewer.
pub const CHUNK_BYTES: usize = limits::CHUNK_BYTES;
/// Bytes of every sealed chunk but the last.
pub const SEALED_CHUNK_BYTES: usize = CHUNK_BYTES + TAG_BYTES;

const TAG_BYTES: usize = 16;
/// Chunks of one stream (C2SP: 2^38, 4 PiB).
const CHUNKS_MAX: u64 = 1 << 38;

/// Bytes of the stream that seals `plain` bytes, without end where no stream may be so long.
#[must_use]
pub const fn stream_length(plain: u64) -> u64 {
    let chunks = plain / CHUNK_BYTES as u64 + 1;
    if chunks > CHUNKS_MAX {
        return u64::MAX;
    }
    STREAM_HEADER_BYTES as u64 + plain + chunks * TAG_BYTES as u64
}

/// Plaintext bytes of a stream of `sealed` bytes; nothing where no stream has this length.
#[must_use]
pub const fn plain_length(sealed: u64) -> Option<u64> {
    let Some(body) = sealed.checked_sub(STREAM_HEADER_BYTES as u64) else { return None };
    let (full, last) = (body / SEALED_CHUNK_BYTES as u64, body % SEALED_CHUNK_BYTES as u64);
    if last < TAG_BYTES as u64 || full >= CHUNKS_MAX {
        return None;
    }
    Some(full * CHUNK_BYTES as u64 + last - TAG_BYTES as u64)
}

/// The two lengths that say where everything in a frame lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameLengths {
    /// Bytes of the stream; 0 where the frame has none.
    pub stream: u64,
    /// Bytes of the sealed manifest; 0 where the frame has none.
    pub manifest: u64,
}

/// Which bytes of a frame to read for some bytes of its body, and what to keep of what they open to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Number of the first chunk.
    pub first_chunk: u64,
    /// The stored bytes, counted from the frame's first: whole chunks.
    pub sealed: Range<u64>,
    /// Opened bytes before the wanted ones.
    pub skip: u64,
    /// The wanted bytes.
    pub take: u64,
}

impl FrameLengths {
    /// The lengths of a frame, checked.
    ///
    /// # Errors
    /// [`OpenError::Length`] when no frame has them.
    pub fn checked(stream: u64, manifest: u64) -> Result<Self, OpenError> {
        let empty = stream == 0 && manifest == 0;
        for length in [stream, manifest] {
            if empty || (length != 0 && plain_length(length).is_none()) {
                return Err(OpenError::Length { bytes: length });
            }
        }
        Ok(Self { stream, manifest })
    }

    /// Bytes of the whole frame.
    #[must_use]
    pub const fn frame(&self) -> u64 {
        (HEADER_BYTES as u64).saturating_add(self.stream).saturating_add(self.manifest).saturating_add(FOOTER_BYTES as u64)
    }

    /// Bytes of the body in it.
    #[must_use]
    pub fn plain(&self) -> u64 {
        plain_length(self.stream).unwrap_or(0)
    }

    /// The frame's bytes that [`super::Opener::new`] wants.
    #[must_use]
    pub const fn start(&self) -> Range<u64> {
        0..START_BYTES as u64
    }

    /// All sealed chunks of the body.
    #[must_use]
    pub const fn chunks(&self) -> Range<u64> {
        let end = (HEADER_BYTES as u64).saturating_add(self.stream);
        // A frame without a stream has no chunks.
        if end < START_BYTES as u64 { end..end } else { START_BYTES as u64..end }
    }

    /// The sealed manifest and the footer: the frame's bytes that [`super::Manifest::open`] wants.
    #[must_use]
    pub const fn tail(&self) -> Range<u64> {
        (HEADER_BYTES as u64).saturating_add(self.stream)..self.frame()
    }

    /// What to read for the bytes `range` of the body; nothing where they do not lie within it.
    ///
    /// An empty range of any body reads its last chunk, so that an empty body is authenticated too.
    #[must_use]
    pub fn cut(&self, range: ByteRange) -> Option<Cut> {
        let plain = plain_length(self.stream)?;
        if range.start > range.end || range.end > plain {
            return None;
        }
        let chunk = CHUNK_BYTES as u64;
        let last = plain / chunk;
        let (first, end) = if range.is_empty() { (last, last + 1) } else { (range.start / chunk, range.end.div_ceil(chunk)) };
        let chunks = self.chunks();
        let at = |index: u64| chunks.start.saturating_add(index.saturating_mul(SEALED_CHUNK_BYTES as u64)).min(chunks.end);
        // The range may end where an empty last chunk begins; that chunk is then not read.
        let sealed = at(first)..at(end);
        Some(Cut {
            first_chunk: first,
            sealed,
            skip: range.start.saturating_sub(first * chunk).min(plain - first * chunk),
            take: range.len(),
        })
    }
}
