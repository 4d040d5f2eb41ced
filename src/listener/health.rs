use crate::domain::{limits, names_the_gateway};
use futures::future::BoxFuture;
use http::request::Parts;
use std::fmt;
use std::sync::Arc;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Asks whether the gateway can serve now. Anyone may ask, without proof and as often as they like: the question itself is
/// asked once at a time, and its answer is good for a while.
#[derive(Clone)]
pub struct Readiness(Arc<Asked>);

struct Asked {
    ask: Box<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>,
    answered: Mutex<Option<(Instant, bool)>>,
}

impl Readiness {
    /// Asks `ask`.
    pub fn new(ask: impl Fn() -> BoxFuture<'static, bool> + Send + Sync + 'static) -> Self {
        Self(Arc::new(Asked { ask: Box::new(ask), answered: Mutex::new(None) }))
    }

    pub(super) async fn ask(&self) -> bool {
        let mut answered = self.0.answered.lock().await;
        if let Some((at, answer)) = *answered
            && at.elapsed() < limits::READINESS_LIFE
        {
            return answer;
        }
        let answer = (self.0.ask)().await;
        *answered = Some((Instant::now(), answer));
        answer
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Readiness")
    }
}

/// What lies under the reserved path prefix of the listener itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reserved {
    /// Whether the process answers.
    Health,
    /// Whether it can serve.
    Ready,
    /// Nothing.
    Nothing,
}

/// The listener's own endpoint that a request is for, if it is for one: `/-/v1/` belongs to the API behind it, and
/// under `<bucket>.<base>` every path is a key.
pub(super) fn reserved(request: &Parts, host: &str, base_domains: &[String]) -> Option<Reserved> {
    let endpoint = request.uri.path().strip_prefix("/-/")?;
    if endpoint.starts_with("v1/") || !names_the_gateway(host, base_domains) {
        return None;
    }
    Some(match endpoint {
        "healthz" => Reserved::Health,
        "readyz" => Reserved::Ready,
        _ => Reserved::Nothing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use futures::future::join_all;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    #[tokio::test]
    async fn however_many_ask_the_question_is_asked_once_in_a_while() {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let readiness = Readiness::new(move || {
            let counted = Arc::clone(&counted);
            async move {
                tokio::time::sleep(Duration::from_millis(50)).await;
                counted.fetch_add(1, Ordering::Relaxed) == 0
            }
            .boxed()
        });
        assert_eq!(join_all((0..100).map(|_| readiness.ask())).await, [true; 100]);
        assert_eq!(count.load(Ordering::Relaxed), 1);
        tokio::time::sleep(limits::READINESS_LIFE).await;
        assert!(!readiness.ask().await, "and no longer than that");
    }
}
