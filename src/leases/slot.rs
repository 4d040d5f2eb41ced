use super::LeaseError;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard};

/// Where the lease of one tenant's keys for one purpose is held.
pub(super) struct Slot<K> {
    lease: RwLock<Option<Lease<K>>>,
    /// Taken by the one that asks the root.
    asking: Mutex<Option<LeaseError>>,
    /// Counts the times that the root was asked to the end.
    asked: AtomicU64,
    is_renewing: AtomicBool,
}

struct Lease<K> {
    keys: Arc<K>,
    is_used: AtomicBool,
    due: Duration,
    until: Duration,
}

/// What a look into a slot found.
pub(super) enum Found<K> {
    /// Keys.
    Live(Arc<K>),
    /// Keys that should be renewed.
    Due(Arc<K>),
    /// Nothing that may be used.
    Ended,
}

/// The right to ask the root for one slot.
pub(super) struct Turn<'a, K> {
    slot: &'a Slot<K>,
    failure: MutexGuard<'a, Option<LeaseError>>,
    has_waited_for_another: bool,
}

/// The right to renew one slot's lease. Ends when dropped, also where its task is cancelled.
pub(super) struct Renewing<'a>(&'a AtomicBool);

impl<K> Default for Slot<K> {
    fn default() -> Self {
        Self { lease: RwLock::new(None), asking: Mutex::new(None), asked: AtomicU64::new(0), is_renewing: AtomicBool::new(false) }
    }
}

impl<K> Slot<K> {
    pub(super) fn find(&self, now: Duration) -> Found<K> {
        let lease = self.lease.read().unwrap_or_else(PoisonError::into_inner);
        let Some(lease) = lease.as_ref().filter(|lease| now < lease.until) else { return Found::Ended };
        // Read first, so that cores do not fight for a cache line that is already right.
        if !lease.is_used.load(Ordering::Relaxed) {
            lease.is_used.store(true, Ordering::Relaxed);
        }
        let keys = Arc::clone(&lease.keys);
        if now < lease.due { Found::Live(keys) } else { Found::Due(keys) }
    }

    pub(super) async fn turn(&self) -> Turn<'_, K> {
        let before = self.asked.load(Ordering::Acquire);
        let failure = self.asking.lock().await;
        Turn { slot: self, failure, has_waited_for_another: self.asked.load(Ordering::Acquire) != before }
    }

    /// Holds `keys` for `life` from when the root was asked, unless they may not be held any more.
    pub(super) fn install(&self, keys: Arc<K>, asked: Duration, life: Duration, may: impl FnOnce() -> bool) -> Option<Arc<K>> {
        let mut lease = self.lease.write().unwrap_or_else(PoisonError::into_inner);
        // Under the lock: whoever takes keys away raises the generation before it comes here to clear.
        if !may() {
            return None;
        }
        let until = asked.saturating_add(life);
        *lease = Some(Lease { keys: Arc::clone(&keys), is_used: AtomicBool::new(false), due: until.saturating_sub(life / 3), until });
        Some(keys)
    }

    /// Tries the renewal again a little later.
    pub(super) fn postpone(&self, now: Duration, life: Duration) {
        if let Some(lease) = self.lease.write().unwrap_or_else(PoisonError::into_inner).as_mut() {
            lease.due = now.saturating_add(life / 30);
        }
    }

    pub(super) fn clear(&self) {
        *self.lease.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Drops the lease if it has ended, and tells whether it did.
    pub(super) fn clear_ended(&self, now: Duration) -> bool {
        let mut lease = self.lease.write().unwrap_or_else(PoisonError::into_inner);
        lease.take_if(|lease| lease.until <= now).is_some()
    }

    pub(super) fn is_due(&self, now: Duration) -> bool {
        self.lease.read().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(|lease| lease.due <= now)
    }

    pub(super) fn was_used(&self) -> bool {
        let lease = self.lease.read().unwrap_or_else(PoisonError::into_inner);
        lease.as_ref().is_some_and(|lease| lease.is_used.load(Ordering::Relaxed))
    }

    pub(super) fn is_renewing(&self) -> bool {
        self.is_renewing.load(Ordering::Acquire)
    }

    /// Makes the caller the one that renews, unless there is one.
    pub(super) fn begin_renewal(&self) -> Option<Renewing<'_>> {
        if self.is_renewing.swap(true, Ordering::AcqRel) { None } else { Some(Renewing(&self.is_renewing)) }
    }
}

impl Drop for Renewing<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl<K> Turn<'_, K> {
    /// How another's asking failed while this one waited for its turn.
    pub(super) fn failure_meanwhile(&self) -> Option<LeaseError> {
        if self.has_waited_for_another { self.failure.clone() } else { None }
    }

    pub(super) fn succeeded(&mut self) {
        *self.failure = None;
        self.slot.asked.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn failed(&mut self, error: LeaseError) {
        *self.failure = Some(error);
        self.slot.asked.fetch_add(1, Ordering::AcqRel);
    }
}
