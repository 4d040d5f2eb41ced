use crate::domain::{RunId, Undeletable};
use crate::engine::EngineError;
use crate::leases::LeaseError;
use crate::seal::SealError;

/// The index could not answer. Nothing was changed, unless the engine's error says that this is not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The database failed.
    #[error("the index's database failed")]
    Engine(#[from] EngineError),
    /// The tenant's index keys are not to be had now.
    #[error("the tenant's index keys are not available")]
    Lease(#[from] LeaseError),
    /// A row is not what hozon wrote: changed, swapped, taken from elsewhere or damaged.
    #[error("a row of table `{table}` is not as it was written")]
    Tampered {
        /// Where.
        table: &'static str,
    },
    /// A row was made under a key version that this node does not hold.
    #[error("index key version {version} is not known here")]
    UnknownKey {
        /// Which.
        version: u32,
    },
    /// A directory's sorted run is damaged, or was replaced meanwhile. Listings go on without it.
    #[error("a sorted run of a directory cannot be read")]
    UnfitRun {
        /// Which.
        run: RunId,
    },
    /// Sealing failed.
    #[error("the index could not seal")]
    Seal(#[from] SealError),
    /// What was to be sealed has no JSON form.
    #[error("what was to be sealed has no json form")]
    Form(#[source] serde_json::Error),
    /// A version that must stay stands in the way of a write.
    #[error("a version that must stay would be replaced")]
    Retained(#[from] Undeletable),
    /// The caller's proofs are of different things: a mistake in hozon.
    #[error("the change does not fit what was looked up")]
    Misfit,
    /// Work on another thread was given up: the program is stopping.
    #[error("the index is stopping")]
    Stopping,
}
