use crate::blob::ArchiveError;
use crate::domain::UtcTime;
use crate::engine::{CopyError, EngineError};
use crate::root::RootError;
use crate::seal::{OpenError, SealError};

/// A backup could not be written, read or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// Its store failed, or lacks a piece.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The index failed, or is not empty.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The index failed.
    #[error("the index failed")]
    Engine(#[from] EngineError),
    /// The root cannot be reached, or is another one.
    #[error("the root does not open the backup's key")]
    Root(#[from] RootError),
    /// Sealing failed.
    #[error("a piece of the backup cannot be sealed")]
    Seal(#[from] SealError),
    /// A chunk was altered, moved, or sealed under another key.
    #[error("`{name}` was altered, or is none of this backup")]
    Altered {
        /// Which piece.
        name: String,
        /// How it is known.
        #[source]
        source: OpenError,
    },
    /// A piece is not of the form that hozon writes, is cut off, or is not what its name says.
    #[error("`{name}` is no whole piece of a backup that this program can read")]
    Malformed {
        /// Which piece.
        name: String,
    },
    /// There is no snapshot that was whole by then.
    #[error("the backup holds no snapshot of {} or before", .0.map_or_else(|| "now".to_owned(), |at| at.to_string()))]
    NoSnapshot(Option<UtcTime>),
    /// A segment of the journal is missing while later ones are there.
    #[error("segment {number} of the backup's journal is missing: the journal is whole up to {}", until.map_or_else(|| "its snapshot".to_owned(), |at| at.to_string()))]
    Gap {
        /// Which.
        number: u64,
        /// The moment of the last segment before it; nothing where that is the snapshot.
        until: Option<UtcTime>,
    },
    /// What was loaded is not what the pieces say.
    #[error("the index that was filled holds other rows than the backup says")]
    OtherRows,
    /// The task that worked on it was cancelled: the process is stopping.
    #[error("the process is stopping")]
    Stopping,
}
