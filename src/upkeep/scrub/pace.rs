use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// What was not used of the rate is lost after this long: no rush follows a rest.
const SAVED_UP_MAX: Duration = Duration::from_millis(100);

/// Lets bytes through at a rate, whoever asks.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<Option<Instant>>);

impl Pace {
    /// Waits until `bytes` may be read at `per_second`.
    pub(super) async fn turn(&self, bytes: u64, per_second: u64) {
        let at = self.place(Duration::from_secs_f64(as_float(bytes) / as_float(per_second.max(1))));
        if at > Instant::now() {
            sleep_until(at).await;
        }
    }

    /// When whoever asks now may begin, if it takes `takes`.
    fn place(&self, takes: Duration) -> Instant {
        let now = Instant::now();
        let oldest = now.checked_sub(SAVED_UP_MAX).unwrap_or(now);
        let mut next = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = next.map_or(now, |next| next.max(oldest));
        *next = Some(at + takes);
        at
    }
}

/// Near enough for rates and shares.
#[expect(clippy::cast_precision_loss, reason = "the last digits of an exabyte do not matter to a rate")]
pub(super) const fn as_float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_pass_at_the_rate_and_a_rest_is_not_made_up_for() {
        let (pace, takes) = (Pace::default(), Duration::from_secs(10));
        let first = pace.place(takes);
        assert_eq!(pace.place(takes), first + takes);
        assert_eq!(pace.place(takes), first + takes * 2);
        let rested = Pace(Mutex::new(Instant::now().checked_sub(Duration::from_secs(3_600))));
        let (before, at) = (Instant::now(), rested.place(takes));
        assert!(at + SAVED_UP_MAX >= before && at <= Instant::now());
        assert_eq!(rested.place(takes), at + takes);
    }
}
