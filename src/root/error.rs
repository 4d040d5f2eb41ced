use super::{PassphraseError, SecretFileError};
use crate::seal::{OpenError, SealError};
use std::path::PathBuf;

/// The root could not be made, reached or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootError {
    /// The file that holds it cannot be read or written.
    #[error(transparent)]
    File(#[from] SecretFileError),
    /// The file holds something else.
    #[error("`{path}` is not a root key file of a known form")]
    Malformed {
        /// Which file.
        path: PathBuf,
    },
    /// The file is sealed under a passphrase, and none was given.
    #[error("the root in `{path}` is sealed under a passphrase, and none is set")]
    PassphraseWanted {
        /// Which file.
        path: PathBuf,
    },
    /// A passphrase was given, and the file is not sealed.
    #[error("the root in `{path}` is not sealed under a passphrase, although one is set")]
    NotSealed {
        /// Which file.
        path: PathBuf,
    },
    /// The passphrase cannot be had.
    #[error("the root's passphrase cannot be had")]
    Passphrase(#[from] PassphraseError),
    /// The passphrase does not open the file, or the file was altered.
    #[error("the passphrase does not open the root in `{path}`, or the file was altered")]
    WrongPassphrase {
        /// Which file.
        path: PathBuf,
    },
    /// The file holds another root than at the start of this process.
    #[error("`{path}` now holds another root than when this process started")]
    Replaced {
        /// Which file.
        path: PathBuf,
    },
    /// Root and data lie together.
    #[error("the root in `{path}` lies within the data directory `{data}`: whoever copies one has both")]
    InDataDirectory {
        /// Which file.
        path: PathBuf,
        /// The data directory.
        data: PathBuf,
    },
    /// Something could not be wrapped.
    #[error("the root could not wrap a key")]
    Seal(#[from] SealError),
    /// Something could not be unwrapped: it belongs to another tenant or place, or was altered.
    #[error("the root does not open a wrapped key")]
    Open(#[from] OpenError),
    /// The task that read the file was cancelled: the process is stopping.
    #[error("the process is stopping")]
    Stopping,
}
