use super::backend::Backend;
use super::replica::Replica;
use super::upload::Upload;
use super::{BlobError, ReplicaMode};
use crate::domain::{AttemptId, BlobId, Location};
use crate::seal::{SealedEnd, SealedSegment};
use std::fmt;
use std::sync::Arc;

/// Writes one frame into one new blob. Dropped before [`BlobWriter::finish`] it leaves nothing behind.
#[must_use = "a blob exists only once its writer has finished"]
pub struct BlobWriter {
    upload: Upload,
    replica: Option<Arc<Replica>>,
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
    pub(super) fn new(first: Arc<Backend>, replica: Option<Arc<Replica>>, blob: BlobId) -> Self {
        let both = replica.as_ref().filter(|replica| replica.mode() == ReplicaMode::Before);
        let upload = Upload::both(first, both.map(|replica| Arc::clone(replica.backend())), blob);
        Self { upload, replica, blob, attempt: None }
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
        if self.attempt.is_none() {
            self.check_replica()?;
        }
        self.attempt = Some(segment.attempt());
        let pushed = self.upload.push(segment.into_bytes()).await;
        self.counted(pushed)
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
        let (replica, finished) = (self.replica, self.upload.finish().await);
        let crc = counted(replica.as_deref(), finished)?;
        if let Some(replica) = replica.filter(|replica| replica.mode() == ReplicaMode::Behind) {
            replica.follow(self.blob, crc);
        }
        Ok(Stored {
            location: Location { blob: self.blob, offset: 0, length },
            attempt: end.attempt(),
            plain_length: end.plain_length(),
            stream_length: end.stream_length(),
            manifest_length: end.manifest_length(),
            crc,
        })
    }

    /// Nothing is written to a replica that may be another store's, and nothing is acknowledged without one that is
    /// written before.
    fn check_replica(&self) -> Result<(), BlobError> {
        match self.replica.as_deref() {
            Some(replica) if replica.mode() == ReplicaMode::Before => counted(Some(replica), replica.admitted().map(drop)),
            _ => Ok(()),
        }
    }

    fn counted<T>(&self, done: Result<T, BlobError>) -> Result<T, BlobError> {
        counted(self.replica.as_deref(), done)
    }
}

fn counted<T>(replica: Option<&Replica>, done: Result<T, BlobError>) -> Result<T, BlobError> {
    if let (Err(BlobError::Replica(_)), Some(replica)) = (&done, replica) {
        replica.meters().replica_error();
    }
    done
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
