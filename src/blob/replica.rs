//! A second store that holds the same blobs.

use super::backend::Backend;
use super::behind::Behind;
use super::{BlobError, ReplicaMode};
use crate::domain::{BlobId, limits};
use crate::meters::Meters;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The replica of one store, and what is known about both.
pub(super) struct Replica {
    backend: Arc<Backend>,
    mode: ReplicaMode,
    failover_after: Duration,
    meters: Arc<Meters>,
    /// Nothing is written or deleted there before it is known to be ours.
    is_admitted: Arc<AtomicBool>,
    /// Until when reads ask here first, because the first store has just failed.
    first_rests: Mutex<Option<Instant>>,
    behind: Arc<Behind>,
}

impl Replica {
    pub(super) fn new(first: &Arc<Backend>, backend: Arc<Backend>, mode: ReplicaMode, after: Duration, meters: Arc<Meters>) -> Self {
        let is_admitted = Arc::<AtomicBool>::default();
        let behind = Behind::new(Arc::clone(first), Arc::clone(&backend), Arc::clone(&meters), Arc::clone(&is_admitted));
        let (behind, first_rests) = (Arc::new(behind), Mutex::default());
        Self { backend, mode, failover_after: after, meters, is_admitted, first_rests, behind }
    }

    pub(super) const fn backend(&self) -> &Arc<Backend> {
        &self.backend
    }

    pub(super) const fn meters(&self) -> &Arc<Meters> {
        &self.meters
    }

    pub(super) const fn mode(&self) -> ReplicaMode {
        self.mode
    }

    pub(super) const fn failover_after(&self) -> Duration {
        self.failover_after
    }

    pub(super) fn admit(&self) {
        self.is_admitted.store(true, Ordering::Release);
    }

    pub(super) fn is_admitted(&self) -> bool {
        self.is_admitted.load(Ordering::Acquire)
    }

    /// The store, for who changes it.
    pub(super) fn admitted(&self) -> Result<&Arc<Backend>, BlobError> {
        if self.is_admitted() { Ok(&self.backend) } else { Err(BlobError::NotAdmitted.at_replica()) }
    }

    /// Has a blob that the first store holds copied here. Never waits.
    pub(super) fn follow(&self, blob: BlobId, crc: u64) {
        self.behind.add(blob, crc);
    }

    /// How many blobs wait to be copied here.
    pub(super) fn waiting(&self) -> usize {
        self.behind.waiting()
    }

    pub(super) fn let_first_rest(&self) {
        *self.rest() = Some(Instant::now() + limits::STORE_REST);
    }

    pub(super) fn first_rests(&self) -> bool {
        self.rest().is_some_and(|until| Instant::now() < until)
    }

    fn rest(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.first_rests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a delete or a write at the replica has come to, counted.
    pub(super) fn counted<T>(&self, done: Result<T, BlobError>) -> Result<T, BlobError> {
        done.map_err(|error| {
            self.meters.replica_error();
            if matches!(error, BlobError::Replica(_)) { error } else { error.at_replica() }
        })
    }
}
