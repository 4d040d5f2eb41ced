use super::layout::{self, CHUNK_BYTES, FrameLengths};
use super::outgoing::Outgoing;
use super::stream::StreamKey;
use super::{Aead, Context, FreshPartKey, ManifestFacts, Plaintext, SealError, SealedEnd, SealedSegment, frame, manifest};
use crate::domain::limits;
use std::fmt;

/// Seals one frame: a body or part comes in pieces of any size, segments of the frame come out.
///
/// Each byte moves once, from the piece into its place in the segment, unless a piece ends within a
/// chunk. It keeps all finished segments until they are taken: take them after each push.
#[must_use]
pub struct Sealer {
    key: FreshPartKey,
    aead: Aead,
    stream: StreamKey,
    chunks: u64,
    plain_length: u64,
    out: Outgoing,
}

impl Sealer {
    /// Begins the frame of a body or part, under a new salt.
    ///
    /// # Errors
    /// [`SealError`] when randomness or the cipher fails.
    pub fn new(key: FreshPartKey, aead: Aead) -> Result<Self, SealError> {
        let (stream, stream_header) = StreamKey::fresh(&key.key, &Context::body(key.place), aead)?;
        let start = [frame::header(key.place).as_slice(), &stream_header].concat();
        let out = Outgoing::new(key.attempt(), start);
        Ok(Self { key, aead, stream, chunks: 0, plain_length: 0, out })
    }

    /// Seals a frame that holds only the manifest of a version whose parts lie in frames of their own.
    ///
    /// # Errors
    /// [`SealError`] when the facts name no part or do not add up, or randomness or the cipher fails.
    pub fn manifest_only(key: FreshPartKey, aead: Aead, facts: &ManifestFacts<'_>) -> Result<(Vec<SealedSegment>, SealedEnd), SealError> {
        let mut out = Outgoing::new(key.attempt(), frame::header(key.place).to_vec());
        let (sealed, lengths) = manifest::seal(&key, aead, facts, 0)?;
        Ok(end(&mut out, &key, sealed, lengths))
    }

    /// Seals the next bytes of the body.
    ///
    /// After an error the frame can only be given up.
    ///
    /// # Errors
    /// [`SealError::TooLong`] beyond the bytes that a part may have, [`SealError::Cipher`] when the cipher fails.
    pub fn push(&mut self, plain: &Plaintext) -> Result<(), SealError> {
        let mut rest = plain.as_bytes();
        let length = self.plain_length.saturating_add(rest.len() as u64);
        if length > limits::PART_BYTES_MAX {
            return Err(SealError::TooLong);
        }
        self.plain_length = length;
        while !rest.is_empty() {
            let wanted = CHUNK_BYTES - self.out.pending();
            let (piece, after) = rest.split_at_checked(wanted).unwrap_or((rest, &[]));
            rest = after;
            if piece.len() == CHUNK_BYTES {
                self.stream.seal_chunk(self.chunks, piece, self.out.chunk(CHUNK_BYTES, after.len()))?;
                self.out.chunk_sealed(CHUNK_BYTES);
                self.chunks += 1;
                continue;
            }
            self.out.hold(piece);
            if self.out.pending() == CHUNK_BYTES {
                self.seal_pending(after.len())?;
            }
        }
        Ok(())
    }

    /// The oldest finished segment, if there is one.
    pub fn take(&mut self) -> Option<SealedSegment> {
        self.out.take()
    }

    /// Ends the frame: with a manifest for the whole body of a version, without one for a part.
    /// Gives all segments not yet taken.
    ///
    /// # Errors
    /// [`SealError`] when the facts do not fit what was sealed, or randomness or the cipher fails.
    pub fn finish(mut self, manifest: Option<&ManifestFacts<'_>>) -> Result<(Vec<SealedSegment>, SealedEnd), SealError> {
        // The last chunk is always shorter than the others; after a full one it is empty.
        self.seal_pending(0)?;
        let stream = layout::stream_length(self.plain_length);
        let (sealed, lengths) = match manifest {
            Some(facts) => manifest::seal(&self.key, self.aead, facts, stream)?,
            None => (Vec::new(), FrameLengths { stream, manifest: 0 }),
        };
        Ok(end(&mut self.out, &self.key, sealed, lengths))
    }

    fn seal_pending(&mut self, more: usize) -> Result<(), SealError> {
        let pending = self.out.pending();
        self.stream.seal_chunk_in_place(self.chunks, self.out.chunk(pending, more))?;
        self.out.chunk_sealed(pending);
        self.chunks += 1;
        Ok(())
    }
}

fn end(out: &mut Outgoing, key: &FreshPartKey, mut tail: Vec<u8>, lengths: FrameLengths) -> (Vec<SealedSegment>, SealedEnd) {
    tail.extend_from_slice(&frame::footer(lengths));
    out.end(tail);
    (out.take_all(), SealedEnd { attempt: key.attempt(), plain_length: lengths.plain(), lengths })
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer({} bytes so far)", self.plain_length)
    }
}
