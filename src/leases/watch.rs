use super::keys::DataKeys;
use super::{LeaseError, Shared, TenantLeases};
use crate::domain::TenantId;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Tells an open stream whether it may go on with the keys that it began with.
///
/// While it lives the tenant's leases are renewed, so that a long stream outlives a lease if the root agrees.
#[must_use]
pub struct LeaseWatch {
    shared: Arc<Shared>,
    held: Arc<TenantLeases>,
    tenant: TenantId,
    generation: u64,
}

impl LeaseWatch {
    pub(super) fn new(shared: Arc<Shared>, tenant: TenantId) -> Self {
        let held = shared.held(tenant);
        held.watches.fetch_add(1, Ordering::AcqRel);
        let generation = held.generation.load(Ordering::Acquire);
        Self { shared, held, tenant, generation }
    }

    /// Whether the keys were taken away since the watch began, without asking anyone.
    #[must_use]
    pub fn is_withdrawn(&self) -> bool {
        self.held.generation.load(Ordering::Acquire) != self.generation
    }

    /// Does nothing while the tenant's keys are there as they were. For a stream to ask before each piece:
    /// it costs well under a microsecond unless a lease has just ended.
    ///
    /// # Errors
    /// [`LeaseError::Withdrawn`] when they were taken away in between, even if new ones can be had;
    /// another [`LeaseError`] when the lease has ended and none can be had.
    pub async fn check(&self) -> Result<(), LeaseError> {
        if !self.is_withdrawn() {
            self.shared.keys::<DataKeys>(self.tenant).await?;
        }
        if self.is_withdrawn() { Err(LeaseError::Withdrawn { tenant: self.tenant }) } else { Ok(()) }
    }
}

impl Drop for LeaseWatch {
    fn drop(&mut self) {
        self.held.watches.fetch_sub(1, Ordering::AcqRel);
    }
}

impl fmt::Debug for LeaseWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LeaseWatch({:?})", self.tenant)
    }
}
