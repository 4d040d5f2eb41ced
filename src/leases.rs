//! Tenant keys, held in memory for a time only.
//!
//! A lease is a tenant's unwrapped keys for one purpose, on the monotonic clock. While it lives nobody
//! asks the root; when it ends without the root's answer, or is purged, the keys are wiped and
//! everything that needs them fails. `data` keys are for `keys` alone, which wants an admission.
//! Way in: [`Leases`].

mod error;
mod keys;
mod load;
mod monotonic;
mod slot;
mod tenant;
mod watch;

use crate::domain::TenantId;
use crate::engine::Engine;
use crate::root::Root;
use load::Leased;
use slot::{Found, Slot};
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

pub use error::{CreateTenantError, LeaseError};
pub use keys::{AuditKey, AuditKeys, DataKey, DataKeys, IndexKey, IndexKeys};
pub use monotonic::{ManualMonotonic, Monotonic, SystemMonotonic};
pub use tenant::NewTenant;
pub use watch::LeaseWatch;

/// How long keys are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseSettings {
    /// From when the root was asked until the keys are wiped. Renewed in the last third, if used.
    pub life: Duration,
}

impl Default for LeaseSettings {
    fn default() -> Self {
        Self { life: Duration::from_secs(15 * 60) }
    }
}

/// The tenants' keys. Cheap to clone; clones share the keys.
#[derive(Clone)]
pub struct Leases(Arc<Shared>);

struct Shared {
    engine: Arc<dyn Engine>,
    root: Arc<Root>,
    monotonic: Arc<dyn Monotonic>,
    life: Duration,
    // Grows with the tenants that were served, each a few hundred bytes without its keys.
    tenants: RwLock<HashMap<TenantId, Arc<TenantLeases>>>,
}

/// What one tenant's keys are held in.
#[derive(Default)]
struct TenantLeases {
    /// Counts the times that keys were taken away. INVARIANT: raised before they are.
    generation: AtomicU64,
    /// Open streams, which keep the leases renewed.
    watches: AtomicUsize,
    index: Slot<IndexKeys>,
    audit: Slot<AuditKeys>,
    data: Slot<DataKeys>,
}

impl Leases {
    /// Leases of the keys in `engine`, which `root` unwraps.
    #[must_use]
    pub fn new(engine: Arc<dyn Engine>, root: Arc<Root>, settings: LeaseSettings, monotonic: Arc<dyn Monotonic>) -> Self {
        Self(Arc::new(Shared { engine, root, monotonic, life: settings.life, tenants: RwLock::default() }))
    }

    /// The tenant's keys for names, attributes, tokens and row MACs.
    ///
    /// # Errors
    /// [`LeaseError`] when there is no lease and none can be had.
    pub async fn index(&self, tenant: TenantId) -> Result<Arc<IndexKeys>, LeaseError> {
        self.0.keys(tenant).await
    }

    /// The tenant's keys for the audit log.
    ///
    /// # Errors
    /// [`LeaseError`] when there is no lease and none can be had.
    pub async fn audit(&self, tenant: TenantId) -> Result<Arc<AuditKeys>, LeaseError> {
        self.0.keys(tenant).await
    }

    /// The tenant's keys for data keys of versions.
    ///
    /// MINT: only `keys` calls this, against an admission.
    ///
    /// # Errors
    /// [`LeaseError`] when there is no lease and none can be had.
    pub async fn data(&self, tenant: TenantId) -> Result<Arc<DataKeys>, LeaseError> {
        self.0.keys(tenant).await
    }

    /// How often the tenant's keys were taken away. Whatever was opened under another generation must go.
    #[must_use]
    pub fn generation(&self, tenant: TenantId) -> u64 {
        let tenants = self.0.tenants.read().unwrap_or_else(PoisonError::into_inner);
        tenants.get(&tenant).map_or(0, |held| held.generation.load(Ordering::Acquire))
    }

    /// Wipes the tenant's keys at once. The next use asks the root again; open streams end.
    ///
    /// Keys that a caller holds in this moment are wiped when it lets go of them.
    pub fn purge(&self, tenant: TenantId) {
        self.0.held(tenant).purge();
    }

    /// Keeps an eye on the tenant's keys for an open stream.
    pub fn watch(&self, tenant: TenantId) -> LeaseWatch {
        LeaseWatch::new(Arc::clone(&self.0), tenant)
    }

    /// Renews what is due and in use, and wipes what has ended: one round.
    pub async fn sweep(&self) {
        let tenants: Vec<_> = {
            let tenants = self.0.tenants.read().unwrap_or_else(PoisonError::into_inner);
            tenants.iter().map(|(tenant, held)| (*tenant, Arc::clone(held))).collect()
        };
        for (tenant, held) in tenants {
            self.0.sweep::<IndexKeys>(tenant, &held).await;
            self.0.sweep::<AuditKeys>(tenant, &held).await;
            self.0.sweep::<DataKeys>(tenant, &held).await;
        }
    }

    /// Sweeps as long as it is polled. One task of the process runs it, so that keys end also where nobody asks.
    pub async fn keep(&self) {
        let pause = (self.0.life / 30).clamp(Duration::from_millis(100), Duration::from_secs(30));
        loop {
            tokio::time::sleep(pause).await;
            self.sweep().await;
        }
    }
}

impl fmt::Debug for Leases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Leases(life {:?})", self.0.life)
    }
}

impl TenantLeases {
    fn purge(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.index.clear();
        self.audit.clear();
        self.data.clear();
    }
}

impl Shared {
    fn held(&self, tenant: TenantId) -> Arc<TenantLeases> {
        if let Some(held) = self.tenants.read().unwrap_or_else(PoisonError::into_inner).get(&tenant) {
            return Arc::clone(held);
        }
        Arc::clone(self.tenants.write().unwrap_or_else(PoisonError::into_inner).entry(tenant).or_default())
    }

    async fn keys<K: Leased>(self: &Arc<Self>, tenant: TenantId) -> Result<Arc<K>, LeaseError> {
        let held = self.held(tenant);
        match K::slot(&held).find(self.monotonic.now()) {
            Found::Live(keys) => Ok(keys),
            Found::Due(keys) => {
                self.renew_aside::<K>(tenant, held);
                Ok(keys)
            }
            Found::Ended => self.lease(tenant, &held).await,
        }
    }

    /// Asks the root, unless someone else has while this waited.
    async fn lease<K: Leased>(&self, tenant: TenantId, held: &TenantLeases) -> Result<Arc<K>, LeaseError> {
        let slot = K::slot(held);
        let mut turn = slot.turn().await;
        if let Found::Live(keys) | Found::Due(keys) = slot.find(self.monotonic.now()) {
            return Ok(keys);
        }
        // A root that does not answer must not be asked once for each that waits.
        if let Some(error) = turn.failure_meanwhile() {
            return Err(error);
        }
        let generation = held.generation.load(Ordering::Acquire);
        let asked = self.monotonic.now();
        match K::load(self, tenant).await {
            Ok(keys) => {
                turn.succeeded();
                let install = || held.generation.load(Ordering::Acquire) == generation;
                slot.install(Arc::new(keys), asked, self.life, install).ok_or(LeaseError::Withdrawn { tenant })
            }
            Err(error) => {
                turn.failed(error.clone());
                // Whatever was opened with the keys that ended goes with them.
                if slot.clear_ended(self.monotonic.now()) {
                    held.generation.fetch_add(1, Ordering::AcqRel);
                }
                Err(error)
            }
        }
    }

    /// Renews in a task of its own, so that nobody waits while the old lease lives.
    fn renew_aside<K: Leased>(self: &Arc<Self>, tenant: TenantId, held: Arc<TenantLeases>) {
        if K::slot(&held).is_renewing() {
            return;
        }
        let shared = Arc::clone(self);
        let renewal = async move { shared.renew::<K>(tenant, &held).await };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(renewal)),
            // Without a runtime there is no task; the lease ends and the next use waits for a new one.
            Err(_no_runtime) => drop(renewal),
        }
    }

    /// Renews a lease, unless someone does already. If that fails the lease lives on to its end.
    async fn renew<K: Leased>(&self, tenant: TenantId, held: &TenantLeases) {
        let slot = K::slot(held);
        let Some(_renewing) = slot.begin_renewal() else { return };
        let generation = held.generation.load(Ordering::Acquire);
        let asked = self.monotonic.now();
        match K::load(self, tenant).await {
            Ok(keys) => {
                let install = || held.generation.load(Ordering::Acquire) == generation;
                if slot.install(Arc::new(keys), asked, self.life, install).is_none() {
                    tracing::debug!(%tenant, "renewed keys came after a purge and are dropped");
                }
            }
            Err(error) => {
                tracing::warn!(%tenant, purpose = K::PURPOSE.name(), %error, "tenant keys cannot be renewed yet");
                slot.postpone(self.monotonic.now(), self.life);
            }
        }
    }

    async fn sweep<K: Leased>(&self, tenant: TenantId, held: &TenantLeases) {
        let slot = K::slot(held);
        let now = self.monotonic.now();
        let is_wanted = slot.was_used() || held.watches.load(Ordering::Acquire) > 0;
        if is_wanted && slot.is_due(now) {
            self.renew::<K>(tenant, held).await;
        }
        if slot.clear_ended(self.monotonic.now()) {
            held.generation.fetch_add(1, Ordering::AcqRel);
            tracing::info!(%tenant, purpose = K::PURPOSE.name(), "a lease has ended, its keys are wiped");
        }
    }
}
