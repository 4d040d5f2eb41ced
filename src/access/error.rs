use crate::engine::EngineError;
use crate::leases::LeaseError;
use crate::seal::SealError;

/// What a tenant has laid down cannot be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// The index failed.
    #[error("what was laid down about access cannot be read")]
    Engine(#[from] EngineError),
    /// The tenant's key cannot be had.
    #[error("the tenant's key cannot be had")]
    Lease(#[from] LeaseError),
    /// A row is not what was written.
    #[error("a row of `directives` is damaged")]
    Damaged,
    /// It cannot be sealed.
    #[error("it cannot be sealed")]
    Seal(#[from] SealError),
    /// It cannot be written down.
    #[error("it cannot be written down")]
    Form(#[from] serde_json::Error),
    /// Somebody else has changed it meanwhile.
    #[error("it was changed by somebody else meanwhile")]
    Changed,
}
