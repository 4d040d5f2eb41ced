use super::errors;
use super::fault::Fault;
use crate::domain::{Live, limits};
use crate::identity::Principal;
use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How many requests one caller may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Requests a second, sustained.
    pub per_second: NonZeroU32,
    /// Requests at once after a rest.
    pub burst: NonZeroU32,
}

/// Who is held to which pace; none where there is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RateSettings {
    /// One principal, whatever its credentials and addresses.
    pub principal: Option<Pace>,
    /// All requests from one address that prove no principal.
    pub unproven: Option<Pace>,
}

/// Holds each caller to its rate. Clones share the counts.
///
/// A request counts for a principal once its signature was found right, and for its address if it proves nobody: who
/// merely names the access key of another uses up nothing of its rate, from wherever it does so.
#[derive(Debug, Clone)]
pub struct Rates(Live<Limits>);

#[derive(Debug)]
struct Limits {
    settings: RateSettings,
    principals: Option<Arc<Limit>>,
    strangers: Option<Arc<Limit>>,
}

impl Rates {
    /// Rates as set, with nothing counted yet.
    #[must_use]
    pub fn new(settings: RateSettings) -> Self {
        Self(Live::new(Limits {
            settings,
            principals: settings.principal.map(Limit::new).map(Arc::new),
            strangers: settings.unproven.map(Limit::new).map(Arc::new),
        }))
    }

    /// Holds callers to other rates from now on. What is counted under a rate that stays is kept.
    pub fn replace(&self, settings: RateSettings) {
        let before = self.0.now();
        let kept = |was: &Option<Arc<Limit>>, is_same: bool, pace: Option<Pace>| {
            if is_same { was.clone() } else { pace.map(Limit::new).map(Arc::new) }
        };
        self.0.replace(Limits {
            settings,
            principals: kept(&before.principals, before.settings.principal == settings.principal, settings.principal),
            strangers: kept(&before.strangers, before.settings.unproven == settings.unproven, settings.unproven),
        });
    }

    /// Counts a request of `who`, whose signature was right.
    ///
    /// # Errors
    /// `SlowDown` with the time to wait.
    pub(super) fn admit(&self, who: &Principal) -> Result<(), Fault> {
        match &self.0.now().principals {
            Some(limit) => limit.check((who.tenant(), who.id())).map_err(errors::slow_down_for),
            None => Ok(()),
        }
    }

    /// Counts a request that proved nobody.
    ///
    /// # Errors
    /// `SlowDown` with the time to wait.
    pub(super) fn admit_stranger(&self, address: Option<IpAddr>) -> Result<(), Fault> {
        let limits = self.0.now();
        let Some(limit) = &limits.strangers else { return Ok(()) };
        let network = if limit.is_crowded.load(Ordering::Acquire) { of_neighbours } else { of_customer };
        limit.check(address.map(network)).map_err(errors::slow_down_for)
    }

    /// Forgets callers that have rested. To be called every [`limits::RATE_PRUNE_PAUSE`].
    pub fn prune(&self) {
        let limits = self.0.now();
        for limit in limits.principals.iter().chain(&limits.strangers) {
            limit.prune();
        }
    }
}

/// One rate and its callers, of which only a hash is kept.
struct Limit {
    limiter: RateLimiter<u64, DashMapStateStore<u64>, DefaultClock>,
    clock: DefaultClock,
    hasher: RandomState,
    is_crowded: AtomicBool,
}

impl std::fmt::Debug for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Limit")
    }
}

impl Limit {
    fn new(pace: Pace) -> Self {
        Self {
            limiter: RateLimiter::dashmap(Quota::per_second(pace.per_second).allow_burst(pace.burst)),
            clock: DefaultClock::default(),
            hasher: RandomState::new(),
            is_crowded: AtomicBool::new(false),
        }
    }

    fn check(&self, caller: impl std::hash::Hash) -> Result<(), Duration> {
        let caller = self.hasher.hash_one(caller);
        self.limiter.check_key(&caller).map_err(|until| until.wait_time_from(self.clock.now()))
    }

    fn prune(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
        self.is_crowded.store(self.limiter.len() > limits::RATE_CALLERS_MAX, Ordering::Release);
    }
}

/// What one customer of an access provider usually has: an IPv4 address, or an IPv6 network of 64 bits.
fn of_customer(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
    }
}

/// What many customers share. Told apart where there are too many strangers: memory does not grow with what callers
/// make up.
fn of_neighbours(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4((address.to_bits() >> 8 << 8).into()),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 80 << 80).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_then_one_a_second() -> Option<Pace> {
        Some(Pace { per_second: NonZeroU32::new(1).unwrap(), burst: NonZeroU32::new(2).unwrap() })
    }

    #[test]
    fn an_address_beyond_its_burst_waits_and_others_do_not() {
        let rates = Rates::new(RateSettings { principal: None, unproven: two_then_one_a_second() });
        let (here, there): (Option<IpAddr>, Option<IpAddr>) = (Some("192.0.2.1".parse().unwrap()), Some("192.0.2.2".parse().unwrap()));
        assert!(rates.admit_stranger(here).is_ok() && rates.admit_stranger(here).is_ok());
        assert_eq!(rates.admit_stranger(here).unwrap_err().code(), "SlowDown");
        assert!(rates.admit_stranger(there).is_ok());
    }

    #[test]
    fn a_rate_that_stays_keeps_its_counts_and_another_begins_anew() {
        let settings = RateSettings { principal: None, unproven: two_then_one_a_second() };
        let rates = Rates::new(settings);
        while rates.admit_stranger(None).is_ok() {}
        rates.replace(RateSettings { principal: two_then_one_a_second(), ..settings });
        assert!(rates.admit_stranger(None).is_err());
        rates.replace(RateSettings::default());
        assert!(rates.admit_stranger(None).is_ok());
    }

    #[test]
    fn addresses_of_one_customer_are_one_and_a_crowd_is_told_apart_by_networks() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(of_customer(ip("2001:db8:1:2:3::4")), ip("2001:db8:1:2::"));
        assert_eq!(of_neighbours(ip("2001:db8:1:2:3::4")), ip("2001:db8:1::"));
        assert_eq!((of_customer(ip("192.0.2.9")), of_neighbours(ip("192.0.2.9"))), (ip("192.0.2.9"), ip("192.0.2.0")));
    }
}
