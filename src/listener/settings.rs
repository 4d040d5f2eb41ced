use super::cors::CorsSettings;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How the data listener listens.
#[derive(Debug, Clone)]
pub struct ListenerSettings {
    /// Where; port 0 picks a free one.
    pub address: SocketAddr,
    /// How bytes travel.
    pub wire: WireSettings,
    /// Host names under which requests reach the gateway itself; `<bucket>.<name>` reaches a bucket.
    pub base_domains: Vec<String>,
    /// Open connections. Further ones wait to be accepted.
    pub connections_max: usize,
    /// Requests in flight, with their bodies. Further ones wait briefly, then are told to slow down.
    pub requests_max: usize,
    /// Bytes of a request's header section with its target.
    pub header_bytes_max: usize,
    /// Header lines of a request.
    pub headers_max: usize,
    /// How long a TLS handshake, or a request's header section, may take.
    pub header_time_max: Duration,
    /// How long a connection may rest between requests.
    pub idle_time_max: Duration,
    /// How long a request's body may pause.
    pub body_pause_max: Duration,
    /// How long a client may take nothing of an answer.
    pub write_stall_max: Duration,
    /// Requests at once on one HTTP/2 connection.
    pub streams_max: u32,
    /// Which web pages may use it.
    pub cors: CorsSettings,
    /// How long transfers may go on after the gateway was told to stop.
    pub drain_time_max: Duration,
}

impl ListenerSettings {
    /// What holds for a listener that runs with these settings once it has taken over from `new` what can change while
    /// it runs: all but the address, the base domains, whether TLS is spoken, and which versions of it.
    #[must_use]
    pub fn taken_over(&self, new: Self) -> Self {
        let wire = match (&self.wire, new.wire) {
            (WireSettings::Tls(old), WireSettings::Tls(tls)) => WireSettings::Tls(TlsSettings { versions: old.versions, ..tls }),
            (wire, _) => wire.clone(),
        };
        Self { address: self.address, base_domains: self.base_domains.clone(), wire, ..new }
    }
}

/// How bytes travel.
#[derive(Debug, Clone)]
pub enum WireSettings {
    /// Under TLS.
    Tls(TlsSettings),
    /// In clear, which is refused on any address but loopback.
    PlainOnLoopback,
}

/// Certificate, key and versions for TLS.
#[derive(Debug, Clone)]
pub struct TlsSettings {
    /// PEM file with the server's certificate, followed by those that lead to its root.
    pub certificate: PathBuf,
    /// PEM file with the certificate's private key.
    pub key: PathBuf,
    /// Which versions.
    pub versions: TlsVersions,
}

/// Versions of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersions {
    /// Only 1.3.
    Only13,
    /// 1.3 and 1.2.
    From12,
}
