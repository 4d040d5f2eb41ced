use super::BlobError;
use super::backend::Backend;
use super::upload::Upload;
use crate::domain::{AttemptId, BlobId, Location};
use crate::seal::{SealedEnd, SealedSegment};
use std::fmt;
use std::sync::Arc;

/// Writes one frame into one new blob. Dropped before [`BlobWriter::finish`] it leaves nothing behind.
#[must_use = "a blob exists only once its writer has finished"]
pub struct BlobWriter {
    upload: Upload,
    blob: BlobId,
    attempt: Option<AttemptId>,
}

/// Proof that a whole frame is durable. Only [`BlobWriter::finish`] makes it.
#[must_use = "bytes that no version names are an orphan"]
#[derive(Debug, PartialEq, Eq)]
pub struct Stored {
    location: Location,
    attempt: AttemptId,
    plain_length: u64,
    stream_length: u64,
    manifest_length: u64,
    crc: u64,
}

impl BlobWriter {
    pub(super) fn new(backend: Arc<Backend>, blob: BlobId) -> Self {
        Self { upload: Upload::new(backend, blob), blob, attempt: None }
    }

    /// Takes the next segment of the frame. Waits where the store, or the memory of all writes, is full.
    ///
    /// # Errors
    /// [`BlobError::NotAFrame`] when it is not the next segment of the same frame, otherwise when the store
    /// fails. After an error the writer can only be dropped.
    pub async fn write(&mut self, segment: SealedSegment) -> Result<(), BlobError> {
        let is_next = segment.offset() == self.upload.written() && self.attempt.is_none_or(|attempt| attempt == segment.attempt());
        if !is_next {
            return Err(BlobError::NotAFrame { blob: self.blob });
        }
        self.attempt = Some(segment.attempt());
        self.upload.push(segment.into_bytes()).await
    }

    /// Makes the frame durable: content, name and directories.
    ///
    /// After a time-out or a lost answer the blob may be there all the same; the collector finds it.
    ///
    /// # Errors
    /// [`BlobError::NotAFrame`] when not all of the frame was written, otherwise when the store fails.
    pub async fn finish(self, end: SealedEnd) -> Result<Stored, BlobError> {
        let length = self.upload.written();
        if self.attempt != Some(end.attempt()) || length != end.frame_length() {
            return Err(BlobError::NotAFrame { blob: self.blob });
        }
        let crc = self.upload.finish().await?;
        Ok(Stored {
            location: Location { blob: self.blob, offset: 0, length },
            attempt: end.attempt(),
            plain_length: end.plain_length(),
            stream_length: end.stream_length(),
            manifest_length: end.manifest_length(),
            crc,
        })
    }
}

impl fmt::Debug for BlobWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobWriter({:?}, {} bytes)", self.blob, self.upload.written())
    }
}

impl Stored {
    /// Where the frame lies.
    #[must_use]
    pub const fn location(&self) -> &Location {
        &self.location
    }

    /// The attempt that sealed it.
    #[must_use]
    pub const fn attempt(&self) -> AttemptId {
        self.attempt
    }

    /// Bytes of the body in it.
    #[must_use]
    pub const fn plain_length(&self) -> u64 {
        self.plain_length
    }

    /// Bytes of the sealed stream in it.
    #[must_use]
    pub const fn stream_length(&self) -> u64 {
        self.stream_length
    }

    /// Bytes of the sealed manifest in it.
    #[must_use]
    pub const fn manifest_length(&self) -> u64 {
        self.manifest_length
    }

    /// CRC64NVME over the frame as stored.
    #[must_use]
    pub const fn crc(&self) -> u64 {
        self.crc
    }
}
