//! The operator's API on a Unix socket: tenants, people, credentials, buckets, the scrub, health and metrics.
//!
//! It never gives content, names of records or keys; the secret half of a credential is shown once, to who made
//! it. Whatever is changed of a tenant stands in that tenant's audit log; looking at people and settings does not. The command line is a client of it.
//! Metrics and health may be had on loopback TCP as well. Ways in: [`Admin`], [`Exposed`].

mod backup;
mod buckets;
mod credentials;
mod exposed;
mod health;
mod operator;
mod principals;
mod problem;
mod route;
mod scrub;
mod socket;
mod store;
mod tenants;
pub mod wire;

use crate::access::Access;
use crate::audit::Journal;
use crate::backup::Keeper;
use crate::blob::BlobStore;
use crate::domain::{Clock, JobTypes, Live, RecordClasses, limits};
use crate::engine::Engine;
use crate::identity::People;
use crate::index::Index;
use crate::leases::Leases;
use crate::meters::Meters;
use crate::upkeep::{Pairing, Scrub};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use backup::{given_store, made_anew};
pub use exposed::Exposed;
pub use socket::AdminError;
pub use store::adopt;

/// The parts that operators work on.
#[derive(Debug, Clone)]
pub struct AdminServices {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The metadata database.
    pub engine: Arc<dyn Engine>,
    /// Tenant keys.
    pub leases: Arc<Leases>,
    /// What tenants have laid down about access.
    pub access: Arc<Access>,
    /// People and credentials.
    pub people: Arc<People>,
    /// Buckets.
    pub index: Arc<Index>,
    /// The tenants' audit logs.
    pub journal: Arc<Journal>,
    /// Sealed bytes, for readiness.
    pub blobs: BlobStore,
    /// Whether they are those of the index.
    pub pairing: Arc<Pairing>,
    /// Reads stored bodies again.
    pub scrub: Arc<Scrub>,
    /// Keeps a backup of the index, where one is set up.
    pub keeper: Option<Arc<Keeper>>,
    /// Metrics.
    pub meters: Arc<Meters>,
    /// The job types that people may have.
    pub job_types: Live<JobTypes>,
    /// The classes that buckets may default to.
    pub record_classes: Live<RecordClasses>,
}

/// A bound admin listener that does not answer yet.
#[derive(Debug)]
pub struct Admin {
    socket: socket::Socket,
    services: Arc<AdminServices>,
}

/// Connections at once: people and scripts, never a crowd.
const CONNECTIONS_MAX: usize = 64;
/// How long a request's header may take.
const HEADER_TIME_MAX: Duration = Duration::from_secs(10);

impl Admin {
    /// Binds the Unix socket `path`, which only the own user may open.
    ///
    /// # Errors
    /// [`AdminError`]; a socket that another process answers on is left alone.
    pub async fn bind(path: &Path, services: AdminServices) -> Result<Self, AdminError> {
        Ok(Self { socket: socket::Socket::bind(path).await?, services: Arc::new(services) })
    }

    /// Answers until `stopped` is ready, finishes what is under way, and removes the socket.
    pub async fn serve(self, stopped: impl Future<Output = ()>) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let connections = TaskTracker::new();
        let stopping = CancellationToken::new();
        let accepting = async {
            loop {
                let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
                let stream = self.socket.accept().await;
                connections.spawn(converse(stream, Arc::clone(&self.services), stopping.clone(), place));
            }
        };
        tokio::select! {
            () = accepting => {}
            () = stopped => {}
        }
        stopping.cancel();
        connections.close();
        connections.wait().await;
    }
}

async fn converse(stream: UnixStream, services: Arc<AdminServices>, stopping: CancellationToken, _place: OwnedSemaphorePermit) {
    let Some(operator) = operator::behind(&stream) else {
        tracing::warn!("a connection to the admin socket by another user was refused");
        return;
    };
    let operator = Arc::new(operator);
    let service = service_fn(move |request| {
        let (services, operator) = (Arc::clone(&services), Arc::clone(&operator));
        async move { Ok::<_, std::convert::Infallible>(route::answer(&services, &operator, request).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIME_MAX).max_buf_size(limits::CONNECTION_BUFFER_BYTES);
    let mut running = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = running.as_mut() => ended,
        () = stopping.cancelled() => {
            running.as_mut().graceful_shutdown();
            running.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an admin connection broke off");
    }
}
