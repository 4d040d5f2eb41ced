use crate::domain::{Clock, UtcTime, limits};
use crate::engine::{Engine, EngineError, ProviderLogRow};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts requests that prove no tenant: by minute, reason and network, never one by one.
///
/// A flood of them costs memory up to a bound and one commit every few seconds, and cannot fill what
/// clinical events need (DESIGN §10).
#[derive(Debug)]
pub struct ProviderLog {
    engine: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
    counts: Mutex<HashMap<(UtcTime, String, String), u64>>,
}

impl ProviderLog {
    /// An empty log over `engine`.
    #[must_use]
    pub fn new(engine: Arc<dyn Engine>, clock: Arc<dyn Clock>) -> Self {
        Self { engine, clock, counts: Mutex::default() }
    }

    /// Counts one request from `source` that failed for `reason`.
    pub fn note(&self, reason: &'static str, source: Option<IpAddr>) {
        let now = self.clock.now();
        let minute = UtcTime::from_micros(now.micros() - now.micros().rem_euclid(60_000_000));
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (minute, reason.to_owned(), source.map_or_else(|| "local".to_owned(), network));
        let full = counts.len() >= limits::PROVIDER_LOG_NETWORKS_MAX && !counts.contains_key(&key);
        let key = if full { (minute, key.1, "other".to_owned()) } else { key };
        *counts.entry(key).or_default() += 1;
    }

    /// Makes what was counted durable. Call it every few seconds and at the end.
    ///
    /// # Errors
    /// [`EngineError`]; the counts stay for the next try.
    pub async fn flush(&self) -> Result<(), EngineError> {
        let taken = std::mem::take(&mut *self.counts.lock().unwrap_or_else(PoisonError::into_inner));
        if taken.is_empty() {
            return Ok(());
        }
        let rows = taken.iter().map(|((minute, reason, network), count)| ProviderLogRow {
            minute: *minute,
            reason: reason.clone(),
            network: network.clone(),
            count: *count,
        });
        let written = self.engine.add_provider_log(rows.collect()).await;
        if written.is_err() {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            for (key, count) in taken {
                *counts.entry(key).or_default() += count;
            }
        }
        written
    }
}

fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}::/48")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_counted_by_its_network() {
        assert_eq!(network("192.0.2.77".parse().unwrap()), "192.0.2.0/24");
        assert_eq!(network("::ffff:192.0.2.77".parse().unwrap()), "192.0.2.0/24");
        assert_eq!(network("2001:db8:1:2::3".parse().unwrap()), "2001:db8:1::/48");
    }
}
