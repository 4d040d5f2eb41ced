use crate::domain::BlobId;
use std::error::Error;
use std::io;
use std::path::PathBuf;

/// The store failed, or does not hold what it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// The blob is not there.
    #[error("blob {blob} is missing")]
    Missing {
        /// Which.
        blob: BlobId,
    },
    /// The blob ends before the bytes that are wanted.
    #[error("blob {blob} ends before byte {wanted}")]
    Truncated {
        /// Which.
        blob: BlobId,
        /// Where the wanted bytes end.
        wanted: u64,
    },
    /// The wanted bytes do not lie within the frame, or are more than one read may have.
    #[error("bytes {start} to {end} are no range of a frame of blob {blob}")]
    Range {
        /// Which.
        blob: BlobId,
        /// The first byte wanted.
        start: u64,
        /// One past the last.
        end: u64,
    },
    /// No space is left.
    #[error("the store has no space left")]
    Full,
    /// The segments written are not those of one frame, in order and to its end.
    #[error("what was written to blob {blob} is not one whole frame")]
    NotAFrame {
        /// Which.
        blob: BlobId,
    },
    /// The store failed on a blob.
    #[error("the store failed on blob {blob}")]
    Store {
        /// Which.
        blob: BlobId,
        /// How.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The store's contents cannot be listed.
    #[error("the store cannot be listed")]
    List(#[source] Box<dyn Error + Send + Sync>),
    /// The replica failed, or cannot be used; what happened there.
    #[error("the replica failed")]
    Replica(#[source] Box<BlobError>),
    /// The replica is not known to be one of this store, or is one of another.
    #[error("the replica is not known to belong to the store")]
    NotAdmitted,
    /// The blob's bytes are not those that were stored.
    #[error("blob {blob} is not as it was stored")]
    Altered {
        /// Which.
        blob: BlobId,
    },
    /// The task that worked on it was cancelled: the process is stopping.
    #[error("the process is stopping")]
    Stopping,
}

impl BlobError {
    pub(super) fn of_store(blob: BlobId, source: object_store::Error) -> Self {
        match source {
            object_store::Error::NotFound { .. } => Self::Missing { blob },
            source if is_full(&source) => Self::Full,
            source => Self::Store { blob, source: Box::new(source) },
        }
    }

    /// Whether another copy may have what was wanted.
    pub(super) const fn may_be_elsewhere(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::Truncated { .. }) || self.is_of_store()
    }

    /// Whether it is about the store and not about one blob.
    pub(super) const fn is_of_store(&self) -> bool {
        matches!(self, Self::Full | Self::Store { .. } | Self::List(_))
    }

    pub(super) fn at_replica(self) -> Self {
        Self::Replica(Box::new(self))
    }

    pub(super) fn of_file(blob: BlobId, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { blob },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Store { blob, source: Box::new(source) },
        }
    }
}

fn is_full(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if matches!(kind, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The store cannot be used as it is configured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenStoreError {
    /// The directory cannot be made or opened.
    #[error("the directory `{path}` cannot be made or opened")]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file that the settings name cannot be read.
    #[error("`{path}` cannot be read")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file with the secret may be opened by others than its owner.
    #[error("`{path}` may be opened by others than its owner, run `chmod 600` on it")]
    OpenToOthers {
        /// Which.
        path: PathBuf,
    },
    /// The file with the secret is empty or no text.
    #[error("`{path}` holds no secret")]
    NoSecret {
        /// Which.
        path: PathBuf,
    },
    /// This program was built without the back end.
    #[error("this program was built without {kind} as a store (feature `{feature}`)")]
    NotBuiltIn {
        /// What kind of store it is.
        kind: &'static str,
        /// What to build it with.
        feature: &'static str,
    },
    /// The settings do not describe a store.
    #[error("the store's settings cannot be used")]
    Store {
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}
