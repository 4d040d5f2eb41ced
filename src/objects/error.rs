use super::BodyFault;
use super::attempt::{Failure, of_index};
use crate::audit::OutcomeResult;
use crate::blob::BlobError;
use crate::engine::EngineError;
use crate::index::IndexError;
use crate::keys::KeyError;
use crate::policy::Refused;
use crate::seal::{OpenError, SealError};

/// A get failed after it was decided. No byte that was not authenticated has left.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GetError {
    /// The decision could not be put on record.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The data key cannot be had.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The store failed.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// Stored bytes are not what was sealed (promise 6).
    #[error("stored bytes are not what was sealed")]
    Damaged(#[from] OpenError),
    /// The manifest says something else than the index.
    #[error("the sealed manifest and the index differ in {what}")]
    Contradiction {
        /// In what.
        what: &'static str,
    },
}

impl GetError {
    /// What the audit log says became of the access.
    pub(super) const fn outcome(&self) -> OutcomeResult {
        match self {
            Self::Damaged(_)
            | Self::Contradiction { .. }
            | Self::Key(KeyError::Unwrap(_))
            | Self::Blob(BlobError::Missing { .. } | BlobError::Truncated { .. } | BlobError::NotAFrame { .. }) => OutcomeResult::Damaged,
            Self::Index(error) => of_index(error),
            Self::Refused(_) | Self::Key(_) | Self::Blob(_) => OutcomeResult::Failed,
        }
    }
}

/// A change of versions could not be committed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The key has changed meanwhile, and the new decision is a refusal.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The bucket was deleted meanwhile.
    #[error("the bucket was deleted meanwhile")]
    BucketGone,
    /// The upload was completed or aborted meanwhile.
    #[error("the upload was completed or aborted meanwhile")]
    UploadGone,
    /// The stored bytes were collected meanwhile: the client must send them again.
    #[error("the stored bytes were collected before the commit")]
    Collected,
    /// The key changes faster than it can be decided.
    #[error("the key is changing too fast")]
    Contended,
}

/// A put failed after it was decided. Nothing is visible then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PutError {
    /// The body could not be taken in.
    #[error(transparent)]
    Body(#[from] BodyFault),
    /// The data key cannot be had.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The store failed.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The body could not be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// It could not be committed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// A source could not be read.
    #[error(transparent)]
    Source(#[from] GetError),
    /// The list of parts is empty, out of order, or names a part that is not there.
    #[error("part {number} is not in the upload, or not with that tag")]
    InvalidPart {
        /// Which.
        number: u32,
    },
    /// The parts are not named in ascending order.
    #[error("the parts are not in ascending order")]
    PartOrder,
    /// A part other than the last is too small.
    #[error("part {number} is smaller than 5 MiB and not the last")]
    PartTooSmall {
        /// Which.
        number: u32,
    },
    /// The whole is larger than a version may be.
    #[error("the parts make {bytes} bytes, more than a version may have")]
    TooLong {
        /// How many.
        bytes: u64,
    },
    /// The checksum stated for the whole is not that of the parts.
    #[error("the parts do not have the checksum stated for the whole")]
    WholeChecksum,
}

impl From<IndexError> for PutError {
    fn from(error: IndexError) -> Self {
        Self::Commit(CommitError::Index(error))
    }
}

impl From<EngineError> for PutError {
    fn from(error: EngineError) -> Self {
        Self::Commit(CommitError::Index(IndexError::Engine(error)))
    }
}

impl From<Refused> for PutError {
    fn from(error: Refused) -> Self {
        Self::Commit(CommitError::Refused(error))
    }
}

impl Failure for CommitError {
    fn is_verdict(&self) -> bool {
        matches!(self, Self::Refused(refused) if refused.is_verdict())
    }

    fn outcome(&self) -> OutcomeResult {
        match self {
            Self::Index(error) => of_index(error),
            _ => OutcomeResult::Failed,
        }
    }
}

impl Failure for PutError {
    fn is_verdict(&self) -> bool {
        matches!(self, Self::Commit(error) if error.is_verdict())
    }

    fn outcome(&self) -> OutcomeResult {
        match self {
            Self::Commit(error) => error.outcome(),
            _ => OutcomeResult::Failed,
        }
    }
}
