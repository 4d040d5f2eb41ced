use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Tells how much time has passed, whatever happens to the calendar: leases must not last longer
/// because someone sets the clock back. Its manual twin is for tests.
pub trait Monotonic: Send + Sync + fmt::Debug {
    /// Time since a fixed moment of its own. Never decreases.
    fn now(&self) -> Duration;
}

/// The operating system's monotonic clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemMonotonic(Instant);

impl SystemMonotonic {
    /// A clock that counts from now.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }
}

impl Monotonic for SystemMonotonic {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug, Default)]
pub struct ManualMonotonic(AtomicU64);

impl ManualMonotonic {
    /// Moves the clock forward, to the millisecond.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX), Ordering::AcqRel);
    }
}

impl Monotonic for ManualMonotonic {
    fn now(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Acquire))
    }
}
