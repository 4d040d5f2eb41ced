use std::path::{Path, PathBuf};

/// The configuration cannot be used. Nothing of it has taken effect.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file says something that it must not.
    #[error("{}:{line}:{column}: {reason}", path.display())]
    Wrong {
        /// Which file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The character in the line, counted from 1.
        column: usize,
        /// What is wrong.
        reason: String,
    },
    /// An environment variable says something that it must not.
    #[error("environment variable {name}: {reason}")]
    Environment {
        /// Which.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// Settings that are right one by one do not go together.
    #[error("{}: {conflict}", path.display())]
    Conflict {
        /// Which file.
        path: PathBuf,
        /// What does not go together.
        conflict: Conflict,
    },
}

/// Settings that do not go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Conflict {
    /// Plain HTTP in the profile for hospitals.
    #[error("listener.tls = \"off\" is not possible with profile = \"strict-jp\"")]
    PlainInStrict,
    /// A database elsewhere, without a way to know it.
    #[error("index.postgres.ca is missing: a database on another machine is reached over TLS, verified by its authority")]
    DatabaseInClear,
    /// No database.
    #[error("index.postgres.hosts names no server")]
    NoDatabase,
    /// Plain HTTP where others can listen.
    #[error("listener.tls = \"off\" is only possible where listener.address is on loopback")]
    PlainBeyondLoopback,
    /// More than one remote store where one is meant.
    #[error("store names more than one remote store: there can be one of s3, azure and gcs")]
    SeveralStores,
    /// No place for the replica, or more than one.
    #[error("replica names no place, or more than one: there must be one of directory, s3, azure and gcs")]
    ReplicaPlace,
    /// No place for the backup, or more than one.
    #[error("backup names no place, or more than one: there must be one of directory, s3, azure and gcs")]
    BackupPlace,
    /// The backup is where the bodies are.
    #[error("backup is the same place as store or replica, or within it: it would be lost with it")]
    BackupIsStore,
    /// The replica is where the store is.
    #[error("replica is the same place as store, or within it: it would be lost with it")]
    ReplicaIsStore,
}

impl ConfigError {
    /// What TOML found wrong in `text`, by line and column.
    pub(super) fn in_text(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let start = error.span().map_or(0, |span| span.start);
        let before = text.get(..start).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
        // The reason is one line of its own; what TOML would draw around it is in the file.
        let reason = error.message().trim().replace('\n', ", ");
        Self::Wrong { path: path.to_owned(), line, column, reason }
    }
}
