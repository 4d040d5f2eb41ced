use super::settings::RateSettings;
use crate::domain::limits;
use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use http::header::AUTHORIZATION;
use http::request::Parts;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Holds each caller to its rate, before anything is known of it but what it says.
///
/// A caller is an access key at an address: nobody can use up the rate of another by naming its key.
/// Only a hash is kept, and beyond some number of callers only networks are told apart, so that memory
/// does not grow with what callers make up.
pub(super) struct Rate {
    limiter: RateLimiter<u64, DashMapStateStore<u64>, DefaultClock>,
    clock: DefaultClock,
    hasher: RandomState,
    is_crowded: AtomicBool,
}

impl std::fmt::Debug for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rate")
    }
}

impl Rate {
    pub(super) fn new(settings: RateSettings) -> Self {
        let quota = Quota::per_second(settings.requests_per_second).allow_burst(settings.burst);
        Self {
            limiter: RateLimiter::dashmap(quota),
            clock: DefaultClock::default(),
            hasher: RandomState::new(),
            is_crowded: AtomicBool::new(false),
        }
    }

    /// Lets the request through, or says how long its caller has to wait.
    pub(super) fn check(&self, request: &Parts, address: IpAddr) -> Result<(), Duration> {
        let caller = if self.is_crowded.load(Ordering::Acquire) {
            self.hasher.hash_one(network(address))
        } else {
            self.hasher.hash_one((access_key(request), address))
        };
        self.limiter.check_key(&caller).map_err(|until| until.wait_time_from(self.clock.now()))
    }

    /// Forgets callers that have rested, for ever.
    pub(super) async fn prune(&self) {
        loop {
            tokio::time::sleep(limits::RATE_PRUNE_PAUSE).await;
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
            self.is_crowded.store(self.limiter.len() > limits::RATE_CALLERS_MAX, Ordering::Release);
        }
    }
}

/// What one customer of an access provider usually has: an IPv4 address, or an IPv6 network of 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
    }
}

/// The access key that the request names in its header or query, if it does.
fn access_key(request: &Parts) -> Option<&str> {
    let named = request.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
        let (_, credential) = value.split_once("Credential=")?;
        credential.split(['/', ',']).next()
    });
    named.or_else(|| {
        let mut pairs = request.uri.query()?.split('&');
        let credential = pairs.find_map(|pair| pair.strip_prefix("X-Amz-Credential="))?;
        credential.split(['%', '/']).next()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use std::num::NonZeroU32;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    fn signed(key: &str) -> Parts {
        let value = format!("AWS4-HMAC-SHA256 Credential={key}/20260101/ap-northeast-1/s3/aws4_request, SignedHeaders=host");
        http::Request::get("/").header(AUTHORIZATION, value).body(()).unwrap().into_parts().0
    }

    fn one_a_second() -> Rate {
        let one = NonZeroU32::new(1).unwrap();
        Rate::new(RateSettings { requests_per_second: one, burst: NonZeroU32::new(2).unwrap() })
    }

    #[test]
    fn a_caller_beyond_its_burst_waits_and_others_do_not() {
        let rate = one_a_second();
        assert!(rate.check(&signed("HZA"), HERE).is_ok());
        assert!(rate.check(&signed("HZA"), HERE).is_ok());
        assert!(rate.check(&signed("HZA"), HERE).is_err_and(|wait| wait <= Duration::from_secs(1)));
        assert!(rate.check(&signed("HZB"), HERE).is_ok());
    }

    #[test]
    fn naming_the_key_of_another_from_elsewhere_does_not_use_up_its_rate() {
        let rate = one_a_second();
        while rate.check(&signed("HZA"), THERE).is_ok() {}
        assert!(rate.check(&signed("HZA"), HERE).is_ok());
    }

    #[test]
    fn a_presigned_url_counts_for_its_access_key() {
        let query = "/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=HZA%2F20260101&X-Amz-Expires=60";
        let (parts, ()) = http::Request::get(query).body(()).unwrap().into_parts();
        assert_eq!(access_key(&parts), Some("HZA"));
    }
}
