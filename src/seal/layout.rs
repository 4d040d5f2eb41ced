//! Where things lie in a frame: pure arithmetic between a body's bytes and its stored bytes.
//!
//! FORMAT: a frame is header, stream, sealed manifest, footer, without gaps. Stream and manifest are
//! C2SP chunked-encryption streams; a part's frame has no manifest, a completing frame no stream.

use super::OpenError;
use crate::domain::{ByteRange, limits};
use std::iter;
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
    /// Reading to the body's end, or nothing of it, includes its last chunk, also where that is empty:
    /// only that chunk proves that the body ends there.
    #[must_use]
    pub fn cut(&self, range: ByteRange) -> Option<Cut> {
        let plain = plain_length(self.stream)?;
        if range.start > range.end || range.end > plain {
            return None;
        }
        let chunk = CHUNK_BYTES as u64;
        let beyond_last = plain / chunk + 1;
        let (first, end) = match (range.is_empty(), range.end == plain) {
            (true, _) => (beyond_last - 1, beyond_last),
            (false, true) => (range.start / chunk, beyond_last),
            (false, false) => (range.start / chunk, range.end.div_ceil(chunk)),
        };
        let chunks = self.chunks();
        let at = |index: u64| (chunks.start + index * SEALED_CHUNK_BYTES as u64).min(chunks.end);
        let skip = if range.is_empty() { 0 } else { range.start - first * chunk };
        Some(Cut { first_chunk: first, sealed: at(first)..at(end), skip, take: range.len() })
    }
}

impl Cut {
    /// The same in runs of at most `chunks` chunks, each to be read and opened in one go.
    ///
    /// A last chunk that is empty goes with the run before it.
    pub fn runs(&self, chunks: u64) -> impl Iterator<Item = Self> + use<> {
        let mut rest = Some(self.clone());
        let chunks = chunks.max(1);
        iter::from_fn(move || {
            let cut = rest.take()?;
            let at = cut.sealed.start.saturating_add(chunks.saturating_mul(SEALED_CHUNK_BYTES as u64));
            if cut.sealed.end.saturating_sub(at) <= TAG_BYTES as u64 {
                return Some(cut);
            }
            let take = (chunks.saturating_mul(CHUNK_BYTES as u64) - cut.skip).min(cut.take);
            rest = Some(Self { first_chunk: cut.first_chunk + chunks, sealed: at..cut.sealed.end, skip: 0, take: cut.take - take });
            Some(Self { sealed: cut.sealed.start..at, take, ..cut })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{Strategy, prop_assert, prop_assert_eq, proptest};

    fn lengths(plain: u64) -> FrameLengths {
        FrameLengths::checked(stream_length(plain), 0).unwrap()
    }

    #[test]
    fn the_last_chunk_is_always_shorter_than_the_others() {
        assert_eq!(stream_length(0), 56 + 16);
        assert_eq!(stream_length(16_383), 56 + 16_399);
        assert_eq!(stream_length(16_384), 56 + 16_400 + 16);
        assert_eq!(stream_length(16_385), 56 + 16_400 + 17);
        assert_eq!(stream_length(u64::MAX), u64::MAX);
    }

    #[test]
    fn lengths_that_no_stream_has_are_refused() {
        for none in [0, 55, 56, 71, 56 + 16_400, 56 + 16_400 + 15, u64::MAX] {
            assert_eq!(plain_length(none), None, "{none}");
        }
        for (stream, manifest) in [(0, 0), (71, 0), (0, 71), (72, 56), (u64::MAX, 72)] {
            assert!(FrameLengths::checked(stream, manifest).is_err());
        }
        assert_eq!(lengths(0).frame(), 80 + 72 + 24);
    }

    fn body_and_range() -> impl Strategy<Value = (u64, ByteRange)> {
        // Around chunk edges as often as anywhere else.
        let edge = (0u64..6, -2i64..3).prop_map(|(chunks, off)| (chunks * CHUNK_BYTES as u64).saturating_add_signed(off));
        let length = proptest::prop_oneof![edge.clone(), 0u64..100_000];
        (length, edge.clone(), edge).prop_map(|(plain, a, b)| {
            let (a, b) = (a.min(plain), b.min(plain));
            (plain, ByteRange { start: a.min(b), end: a.max(b) })
        })
    }

    proptest! {
        #[test]
        fn a_length_comes_back_from_its_stream(plain in 0u64..1 << 52) {
            prop_assert_eq!(plain_length(stream_length(plain)), Some(plain));
        }

        #[test]
        fn a_cut_covers_the_range_with_whole_chunks_and_no_more((plain, range) in body_and_range()) {
            let frame = lengths(plain);
            let cut = frame.cut(range).unwrap();
            let chunks = frame.chunks();
            prop_assert_eq!((cut.sealed.start - chunks.start) % SEALED_CHUNK_BYTES as u64, 0);
            prop_assert_eq!(cut.first_chunk, (cut.sealed.start - chunks.start) / SEALED_CHUNK_BYTES as u64);
            let to_an_edge = (cut.sealed.end - chunks.start).is_multiple_of(SEALED_CHUNK_BYTES as u64);
            prop_assert!(to_an_edge || cut.sealed.end == chunks.end);
            prop_assert!(cut.sealed.end <= chunks.end && !cut.sealed.is_empty());
            prop_assert_eq!(cut.take, range.len());
            if !range.is_empty() {
                prop_assert_eq!(cut.first_chunk * CHUNK_BYTES as u64 + cut.skip, range.start);
                prop_assert!(cut.skip < CHUNK_BYTES as u64);
                prop_assert!((cut.sealed.end - cut.sealed.start) < range.len() + cut.skip + 2 * SEALED_CHUNK_BYTES as u64);
            }
        }

        #[test]
        fn runs_are_the_cut_in_pieces((plain, range) in body_and_range(), chunks in 1u64..5) {
            let cut = lengths(plain).cut(range).unwrap();
            let runs: Vec<_> = cut.runs(chunks).collect();
            prop_assert_eq!(runs.iter().map(|run| run.take).sum::<u64>(), cut.take);
            prop_assert_eq!(runs[0].skip, cut.skip);
            let (mut at, mut chunk) = (cut.sealed.start, cut.first_chunk);
            for run in &runs {
                prop_assert_eq!((run.sealed.start, run.first_chunk), (at, chunk));
                prop_assert!(run.sealed.end - run.sealed.start <= chunks * SEALED_CHUNK_BYTES as u64 + 16);
                (at, chunk) = (run.sealed.end, chunk + chunks);
            }
            prop_assert_eq!(at, cut.sealed.end);
        }
    }

    #[test]
    fn a_range_beyond_the_body_has_no_cut() {
        assert_eq!(lengths(10).cut(ByteRange { start: 0, end: 11 }), None);
        assert_eq!(FrameLengths { stream: 0, manifest: 72 }.cut(ByteRange::whole(0)), None);
    }
}
