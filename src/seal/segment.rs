use super::layout::FrameLengths;
use super::shelf::Shelf;
use crate::domain::AttemptId;
use bytes::Bytes;
use std::fmt;
use std::mem;
use std::sync::Arc;

/// Sealed bytes of a frame, in order. Only a [`super::Sealer`] makes them.
#[must_use]
pub struct SealedSegment {
    pub(super) attempt: AttemptId,
    pub(super) offset: u64,
    pub(super) bytes: Bytes,
}

impl SealedSegment {
    /// The attempt whose frame it is a piece of.
    #[must_use]
    pub const fn attempt(&self) -> AttemptId {
        self.attempt
    }

    /// Its first byte's place in the frame.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes, to be stored. Their buffer is used again when the last clone is dropped.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }
}

impl fmt::Debug for SealedSegment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedSegment({} bytes at {})", self.len(), self.offset)
    }
}

/// Proof that a frame was sealed to its end, and how long it is. Only [`super::Sealer`] makes it.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub struct SealedEnd {
    pub(super) attempt: AttemptId,
    pub(super) plain_length: u64,
    pub(super) lengths: FrameLengths,
}

impl SealedEnd {
    /// The attempt that the frame belongs to.
    #[must_use]
    pub const fn attempt(&self) -> AttemptId {
        self.attempt
    }

    /// Bytes of the body in the frame; 0 where it holds only a manifest.
    #[must_use]
    pub const fn plain_length(&self) -> u64 {
        self.plain_length
    }

    /// Bytes of the stream in the frame; 0 where it holds only a manifest.
    #[must_use]
    pub const fn stream_length(&self) -> u64 {
        self.lengths.stream
    }

    /// Bytes of the sealed manifest; 0 where the frame holds a part.
    #[must_use]
    pub const fn manifest_length(&self) -> u64 {
        self.lengths.manifest
    }

    /// Bytes of the whole frame: what all its segments have together.
    #[must_use]
    pub const fn frame_length(&self) -> u64 {
        self.lengths.frame()
    }
}

/// A filled buffer that goes back to its shelf. Holds ciphertext only, so it is not wiped.
pub(super) struct Filled {
    pub(super) buffer: Vec<u8>,
    pub(super) length: usize,
    pub(super) home: Arc<Shelf>,
}

impl AsRef<[u8]> for Filled {
    fn as_ref(&self) -> &[u8] {
        self.buffer.split_at(self.length).0
    }
}

impl Drop for Filled {
    fn drop(&mut self) {
        self.home.put(mem::take(&mut self.buffer));
    }
}
