use crate::blob::ArchiveError;
use crate::domain::{ChainId, UtcTime};
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
    /// A piece has rows with other columns than this program's.
    #[error("`{name}` was written by a version of hozon with other tables: use the program of that version")]
    OtherForm {
        /// Which piece.
        name: String,
    },
    /// A piece of the journal cannot be used, and all before it can.
    #[error("the backup's journal is whole up to {until}")]
    Broken {
        /// The moment of the piece before it.
        until: UtcTime,
        /// What is wrong with the piece.
        #[source]
        source: Box<Self>,
    },
    /// Two backups could be meant, and neither holds all that the other does.
    #[error("backup {other} holds changes up to {until} that backup {newest} does not go on from")]
    Several {
        /// The one with the newest snapshot.
        newest: ChainId,
        /// The other.
        other: ChainId,
        /// The other's last moment.
        until: UtcTime,
    },
    /// The triggers that note changes are not there.
    #[error("changes of the index are not noted any more: a new backup has to begin")]
    NotNoted,
    /// There is no snapshot that was whole by then.
    #[error("the backup holds no snapshot of {} or before", .0.map_or_else(|| "now".to_owned(), |at| at.to_string()))]
    NoSnapshot(Option<UtcTime>),
    /// A segment of the journal is missing while later ones are there.
    #[error("segment {number} of the backup's journal is missing, and `{next}` is there: the journal is whole up to {until}")]
    Gap {
        /// Which.
        number: u64,
        /// The moment of the last piece before it.
        until: UtcTime,
        /// The first piece behind it.
        next: String,
    },
    /// What was loaded is not what the pieces say.
    #[error("the index that was filled holds other rows than the backup says")]
    OtherRows,
    /// The task that worked on it was cancelled: the process is stopping.
    #[error("the process is stopping")]
    Stopping,
}

impl BackupError {
    /// Whether it is one piece that cannot be used, and not its store or the index that fails.
    pub(super) const fn is_of_piece(&self) -> bool {
        matches!(
            self,
            Self::Altered { .. }
                | Self::Malformed { .. }
                | Self::OtherForm { .. }
                | Self::Root(_)
                | Self::Archive(ArchiveError::Missing { .. })
        )
    }
}
