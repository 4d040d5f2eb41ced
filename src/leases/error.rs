use crate::domain::{KekPurpose, TenantId};
use crate::engine::EngineError;
use crate::root::RootError;
use crate::seal::{OpenError, SealError};
use std::sync::Arc;

/// A tenant's keys cannot be had now. Clones share their source: one answer may fail many callers.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LeaseError {
    /// The root cannot be reached, or no longer serves.
    #[error("the root key cannot be reached")]
    Unavailable {
        /// Why.
        #[source]
        source: Arc<RootError>,
    },
    /// The wrapped keys cannot be read.
    #[error("the tenant's wrapped keys cannot be read")]
    Engine(#[source] Arc<EngineError>),
    /// There is no such tenant.
    #[error("tenant {tenant} has no keys")]
    NoTenant {
        /// Which.
        tenant: TenantId,
    },
    /// Not exactly one version of a key is active.
    #[error("not exactly one version of tenant {tenant}'s {} key is active", purpose.name())]
    NotOneActive {
        /// Whose.
        tenant: TenantId,
        /// What for.
        purpose: KekPurpose,
    },
    /// Another provider wrapped the key.
    #[error("tenant {tenant}'s keys are wrapped by the root provider `{provider}`, which is not configured")]
    OtherProvider {
        /// Whose.
        tenant: TenantId,
        /// Which.
        provider: String,
    },
    /// A wrapped key was altered, or belongs elsewhere.
    #[error("version {version} of tenant {tenant}'s {} key does not open", purpose.name())]
    Damaged {
        /// Whose.
        tenant: TenantId,
        /// What for.
        purpose: KekPurpose,
        /// Which version.
        version: u32,
        /// How it was noticed.
        #[source]
        source: Arc<OpenError>,
    },
    /// There is no token secret, or the key that wraps it is gone.
    #[error("tenant {tenant} has no token secret that can be opened")]
    NoTokenSecret {
        /// Whose.
        tenant: TenantId,
    },
    /// The token secret was altered, or belongs elsewhere.
    #[error("epoch {epoch} of tenant {tenant}'s token secret does not open")]
    DamagedSecret {
        /// Whose.
        tenant: TenantId,
        /// Which epoch.
        epoch: u32,
        /// How it was noticed.
        #[source]
        source: Arc<OpenError>,
    },
    /// The keys were taken away in this moment.
    #[error("tenant {tenant}'s keys were withdrawn")]
    Withdrawn {
        /// Whose.
        tenant: TenantId,
    },
}

/// A tenant was not made. Nothing of it is left.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateTenantError {
    /// The name is none.
    #[error("a tenant's name has 1 to 64 characters of a-z, 0-9, `.`, `_` and `-`, and begins with a letter or digit")]
    InvalidName,
    /// The facility code is none.
    #[error("a facility code has ten digits")]
    InvalidFacility,
    /// The name is taken.
    #[error("there is a tenant `{name}` already")]
    NameTaken {
        /// Which.
        name: String,
    },
    /// The root did not wrap its keys.
    #[error("the root key did not wrap the tenant's keys")]
    Root(#[from] RootError),
    /// Its keys could not be made.
    #[error("the tenant's keys could not be made")]
    Seal(#[from] SealError),
    /// The index failed.
    #[error("the tenant could not be written")]
    Engine(#[from] EngineError),
}
