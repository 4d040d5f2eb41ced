use crate::admin::AdminError;
use crate::blob::{OpenStoreError, ProbeError};
use crate::engine::EngineError;
use crate::listener::ListenerError;
use crate::root::{HardenError, RootError};
use crate::seal::SelfTestFailed;
use crate::upkeep::PairingError;

/// A gateway could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Core dumps could not be switched off.
    #[error(transparent)]
    Harden(#[from] HardenError),
    /// The AEAD libraries do not agree.
    #[error(transparent)]
    Aead(#[from] SelfTestFailed),
    /// The index cannot be opened.
    #[error("the index cannot be opened")]
    Engine(#[from] EngineError),
    /// The root key cannot be opened.
    #[error("the root key cannot be opened")]
    Root(#[from] RootError),
    /// The root key lies with the data.
    #[error("root.key_file: the root key lies with the data, which profile \"strict-jp\" does not allow")]
    RootWithData(#[source] RootError),
    /// The store cannot be opened.
    #[error("the store cannot be opened")]
    Store(#[from] OpenStoreError),
    /// The store does not keep its promises.
    #[error("the store cannot be used")]
    Probe(#[from] ProbeError),
    /// The replica cannot be opened.
    #[error("the replica cannot be opened")]
    Replica(#[source] OpenStoreError),
    /// The replica does not keep its promises.
    #[error("the replica cannot be used")]
    ReplicaProbe(#[source] ProbeError),
    /// The backup's store cannot be opened.
    #[error("the backup's store cannot be opened")]
    Backup(#[source] OpenStoreError),
    /// Index and store do not belong together.
    #[error("index and store do not belong together")]
    Pairing(#[from] PairingError),
    /// The policies are not as the schema wants them.
    #[error("the access policies cannot be used")]
    Policies(#[from] crate::policy::PoliciesError),
    /// The listener cannot begin.
    #[error(transparent)]
    Listener(#[from] ListenerError),
    /// A base domain is no host name.
    #[error(transparent)]
    Domain(#[from] crate::s3::InvalidDomain),
    /// The socket does not tell its address.
    #[error("the listener's address cannot be read")]
    Address(#[source] std::io::Error),
    /// The admin listener cannot begin.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// Metrics cannot be served where they should be.
    #[error("admin.metrics_listen: cannot listen on {address}")]
    Metrics {
        /// Where.
        address: std::net::SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Signals cannot be listened to.
    #[error("signals cannot be listened to")]
    Signals(#[source] std::io::Error),
}
