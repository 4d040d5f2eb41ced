use super::{Batch, Checkup, CopyError, Engine, EngineError, Origin, PostgresSettings, SqliteEngine, SqliteSettings};
use crate::domain::Clock;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Which database holds the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexSettings {
    /// A file of this machine, for one gateway.
    Sqlite(SqliteSettings),
    /// A PostgreSQL server, for several. Needs the feature `postgres`.
    Postgres(PostgresSettings),
}

/// Opens the index, makes it if it is not there, and brings it to the newest schema.
///
/// # Errors
/// [`EngineError`] as the engine says, [`EngineError::NotBuiltIn`] for one that this program was built without.
pub async fn open(settings: &IndexSettings, clock: Arc<dyn Clock>) -> Result<Arc<dyn Engine>, EngineError> {
    match settings {
        IndexSettings::Sqlite(settings) => Ok(Arc::new(SqliteEngine::open(settings, clock)?)),
        IndexSettings::Postgres(settings) => open_postgres(settings, clock).await,
    }
}

/// Fills an empty index with a whole copy, or leaves it empty. A copy that ends in an error is none.
///
/// # Errors
/// [`CopyError`], also when the index is not empty.
pub async fn load(
    settings: &IndexSettings,
    (batches, origin): (mpsc::Receiver<Result<Batch, CopyError>>, Origin),
    clock: &dyn Clock,
) -> Result<(), CopyError> {
    match settings {
        IndexSettings::Sqlite(settings) => SqliteEngine::load(settings, (batches, origin), clock).await,
        #[cfg(feature = "postgres")]
        IndexSettings::Postgres(settings) => super::PostgresEngine::load(settings, (batches, origin)).await,
        #[cfg(not(feature = "postgres"))]
        IndexSettings::Postgres(_) => Err(EngineError::NotBuiltIn.into()),
    }
}

#[cfg(feature = "postgres")]
async fn open_postgres(settings: &PostgresSettings, clock: Arc<dyn Clock>) -> Result<Arc<dyn Engine>, EngineError> {
    Ok(Arc::new(super::PostgresEngine::open(settings, clock).await?))
}

#[cfg(not(feature = "postgres"))]
async fn open_postgres(_settings: &PostgresSettings, _clock: Arc<dyn Clock>) -> Result<Arc<dyn Engine>, EngineError> {
    Err(EngineError::NotBuiltIn)
}

/// Looks at a server as far as that changes nothing.
///
/// # Errors
/// [`EngineError`] when it cannot be reached, or this program was built without the feature `postgres`.
#[cfg(feature = "postgres")]
pub async fn look(settings: &PostgresSettings) -> Result<Checkup, EngineError> {
    super::PostgresEngine::look(settings).await
}

/// Looks at a server as far as that changes nothing.
///
/// # Errors
/// [`EngineError::NotBuiltIn`]: this program was built without the feature `postgres`.
#[cfg(not(feature = "postgres"))]
pub async fn look(_settings: &PostgresSettings) -> Result<Checkup, EngineError> {
    Err(EngineError::NotBuiltIn)
}
