use crate::meters::ConnectionEnd;
use http::Version;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// What one connection is doing, as its parts see it: the transport, the requests, and the watch over both.
#[derive(Debug)]
pub(super) struct Activity {
    opened: Instant,
    requests: AtomicUsize,
    /// Milliseconds after `opened` at which the last request ended.
    rests_since: AtomicU64,
    /// Milliseconds after `opened`, plus one, at which the first byte of a header came; 0 while none has.
    header_since: AtomicU64,
    multiplexed: AtomicBool,
    /// Whether the peer may still be sending a body that nobody wants.
    body_unwanted: AtomicBool,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self {
            opened: Instant::now(),
            requests: AtomicUsize::new(0),
            rests_since: AtomicU64::new(0),
            header_since: AtomicU64::new(0),
            multiplexed: AtomicBool::new(false),
            body_unwanted: AtomicBool::new(false),
        }
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }

    /// Bytes came in. Between requests of HTTP/1 they begin a header; HTTP/2 also sends frames of its own.
    pub(super) fn bytes_came(&self) {
        if self.requests.load(Ordering::Acquire) == 0 && !self.multiplexed.load(Ordering::Acquire) {
            let now = self.millis() + 1;
            // Losing the exchange means that the header had begun before: the earlier moment stands.
            let _begun_before = self.header_since.compare_exchange(0, now, Ordering::AcqRel, Ordering::Acquire);
        }
    }

    pub(super) fn request_begins(self: &Arc<Self>, version: Version) -> RequestRuns {
        self.multiplexed.store(version == Version::HTTP_2, Ordering::Release);
        self.requests.fetch_add(1, Ordering::AcqRel);
        self.header_since.store(0, Ordering::Release);
        RequestRuns(Arc::clone(self))
    }

    pub(super) fn leave_body_unwanted(&self) {
        self.body_unwanted.store(true, Ordering::Release);
    }

    pub(super) fn is_body_unwanted(&self) -> bool {
        self.body_unwanted.load(Ordering::Acquire)
    }

    /// Waits until the connection has rested, or a header has taken, longer than it may.
    pub(super) async fn overdue(&self, header_time_max: Duration, idle_time_max: Duration) -> ConnectionEnd {
        let mut look_again = Instant::now() + header_time_max.min(idle_time_max);
        loop {
            tokio::time::sleep_until(look_again).await;
            let now = Instant::now();
            look_again = now + header_time_max.min(idle_time_max);
            if self.requests.load(Ordering::Acquire) > 0 {
                continue;
            }
            let header_since = self.header_since.load(Ordering::Acquire);
            let (since, most, end) = if header_since > 0 {
                (header_since - 1, header_time_max, ConnectionEnd::SlowHeader)
            } else {
                (self.rests_since.load(Ordering::Acquire), idle_time_max, ConnectionEnd::Idle)
            };
            let due = self.opened + Duration::from_millis(since) + most;
            if due <= now {
                return end;
            }
            look_again = look_again.min(due);
        }
    }
}

/// A request that runs on the connection until this is dropped.
#[derive(Debug)]
pub(super) struct RequestRuns(Arc<Activity>);

impl Drop for RequestRuns {
    fn drop(&mut self) {
        self.0.rests_since.store(self.0.millis(), Ordering::Release);
        self.0.requests.fetch_sub(1, Ordering::AcqRel);
    }
}
