use futures::future::BoxFuture;
use http::request::Parts;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// Asks whether the gateway can serve now. Asked by load balancers, so it must be cheap and bounded in time.
#[derive(Clone)]
pub struct Readiness(Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>);

impl Readiness {
    /// Asks `ask`.
    pub fn new(ask: impl Fn() -> BoxFuture<'static, bool> + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    pub(super) async fn ask(&self) -> bool {
        (self.0)().await
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

fn names_the_gateway(host: &str, base_domains: &[String]) -> bool {
    let bare = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.split(':').next().unwrap_or(host),
    };
    bare.parse::<IpAddr>().is_ok() || base_domains.iter().any(|base| base.eq_ignore_ascii_case(bare))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_base_domain_and_addresses_name_the_gateway() {
        let bases = ["s3.example".to_owned()];
        for host in ["s3.example", "S3.Example:9000", "127.0.0.1", "127.0.0.1:9000", "[::1]", "[::1]:9000"] {
            assert!(names_the_gateway(host, &bases), "{host}");
        }
        for host in ["karte.s3.example", "example", "", "s3.example.evil"] {
            assert!(!names_the_gateway(host, &bases), "{host}");
        }
    }
}
