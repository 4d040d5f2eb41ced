//! Blobs on their way to the replica, behind the writes that made them.

use super::BlobError;
use super::backend::Backend;
use super::copy::copy;
use crate::domain::{BlobId, causes, limits};
use crate::meters::Meters;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Copies that are made at a time.
const COPIES_MAX: usize = 4;
/// The first pause after a copy that failed; each one after doubles.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Names of blobs that the replica does not have yet. Bounded, and only in memory: what does not fit, or is lost with the
/// process, is for the scrub to find.
pub(super) struct Behind {
    first: Arc<Backend>,
    replica: Arc<Backend>,
    meters: Arc<Meters>,
    /// Nothing is copied before the replica is known to be ours.
    is_admitted: Arc<AtomicBool>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    copying: usize,
    workers: usize,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    blob: BlobId,
    crc: u64,
}

impl Behind {
    pub(super) fn new(first: Arc<Backend>, replica: Arc<Backend>, meters: Arc<Meters>, is_admitted: Arc<AtomicBool>) -> Self {
        Self { first, replica, meters, is_admitted, state: Mutex::default() }
    }

    /// Has a blob copied as soon as may be. Where too many wait already it is left to the scrub.
    pub(super) fn add(self: &Arc<Self>, blob: BlobId, crc: u64) {
        // Tasks live only while there is something to copy, so that a store that nobody uses holds none.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let mut state = self.state();
        if state.waiting.len() >= limits::REPLICA_WAITING_MAX {
            drop(state);
            self.meters.replica_error();
            tracing::warn!(%blob, "too many bodies wait for the replica: this one is left to the scrub");
            return;
        }
        state.waiting.push_back(Waiting { blob, crc });
        if state.workers < COPIES_MAX {
            state.workers += 1;
            drop(runtime.spawn(Arc::clone(self).work()));
        }
        self.show(&state);
    }

    pub(super) fn waiting(&self) -> usize {
        let state = self.state();
        state.waiting.len() + state.copying
    }

    async fn work(self: Arc<Self>) {
        let mut pause = PAUSE_FIRST;
        while let Some(next) = self.take() {
            match self.copy(next).await {
                // One that is missing was deleted meanwhile: nobody needs it any more.
                Ok(_) | Err(BlobError::Missing { .. }) => {
                    pause = PAUSE_FIRST;
                    self.put_back(None);
                }
                Err(error @ (BlobError::Altered { .. } | BlobError::Truncated { .. })) => {
                    self.meters.replica_error();
                    tracing::error!(error = causes(&error), "a body is damaged in the first store before the replica has it");
                    self.put_back(None);
                }
                Err(error) => {
                    self.meters.replica_error();
                    tracing::warn!(blob = %next.blob, error = causes(&error), "a body could not be copied to the replica yet");
                    // Still counted as waiting during the pause.
                    tokio::time::sleep(pause).await;
                    pause = pause.saturating_mul(2).min(PAUSE_MAX);
                    self.put_back(Some(next));
                }
            }
        }
    }

    async fn copy(&self, next: Waiting) -> Result<u64, BlobError> {
        if !self.is_admitted.load(Ordering::Acquire) {
            return Err(BlobError::NotAdmitted);
        }
        copy(&self.first, &self.replica, next.blob, Some(next.crc)).await
    }

    fn take(&self) -> Option<Waiting> {
        let mut state = self.state();
        let next = state.waiting.pop_front();
        match next {
            Some(_) => state.copying += 1,
            None => state.workers = state.workers.saturating_sub(1),
        }
        next
    }

    /// Ends a copy: with what is to be tried again, or for good.
    fn put_back(&self, again: Option<Waiting>) {
        let mut state = self.state();
        state.copying = state.copying.saturating_sub(1);
        state.waiting.extend(again);
        self.show(&state);
    }

    fn show(&self, state: &State) {
        self.meters.replica_behind(state.waiting.len() + state.copying);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{TenantId, UtcTime};

    #[tokio::test]
    async fn what_waits_is_bounded_and_the_rest_is_given_up_aloud() {
        let memory = || Arc::new(Backend::memory());
        let meters = Arc::new(Meters::new());
        let behind = Arc::new(Behind::new(memory(), memory(), Arc::clone(&meters), Arc::default()));
        let blob = BlobId::random(TenantId::random(), UtcTime::from_micros(0).day());
        // Nothing is awaited, so no copy begins.
        (0..limits::REPLICA_WAITING_MAX + 10).for_each(|_more| behind.add(blob, 0));
        assert_eq!(behind.waiting(), limits::REPLICA_WAITING_MAX);
        let page = meters.render().unwrap();
        assert!(page.lines().any(|line| line == "hozon_replica_errors_total 10"), "{page}");
    }
}
