use std::net::{IpAddr, SocketAddr};

/// Who is at the other end of a connection, as the network shows it. Proves nothing about identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The address that the connection comes from: the last hop, which may be a load balancer.
    pub address: SocketAddr,
    /// How the bytes travel.
    pub wire: Wire,
}

impl Peer {
    /// The address without its port.
    #[must_use]
    pub const fn ip(&self) -> IpAddr {
        self.address.ip()
    }
}

/// How bytes travel between a client and the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// In clear: only ever over loopback.
    Plain,
    /// Under TLS 1.2, where a setting allows it.
    Tls12,
    /// Under TLS 1.3.
    Tls13,
}
