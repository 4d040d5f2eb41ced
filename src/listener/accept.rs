use super::body::ListenerBody;
use super::certificate::{Certificate, CertificateError};
use super::connection::{Connection, http};
use super::edge::Shared;
use super::health::Readiness;
use super::rate::Rate;
use super::settings::{ListenerSettings, WireSettings};
use super::stop::Stop;
use crate::meters::Meters;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::service::Service;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

/// The data listener cannot begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenerError {
    /// Plain HTTP was asked for where others could listen.
    #[error("plain HTTP is only served on loopback, {address} needs TLS")]
    PlainBeyondLoopback {
        /// Where it was to listen.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Certificate and key cannot be used.
    #[error("TLS cannot be set up")]
    Certificate(#[from] CertificateError),
}

/// How a listener ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Everything under way was finished.
    Whole,
    /// Some connections were given up.
    Aborted {
        /// How many.
        connections: usize,
    },
}

/// A bound data listener that does not accept yet.
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    certificate: Option<Certificate>,
    settings: ListenerSettings,
    meters: Arc<Meters>,
}

impl Listener {
    /// Binds the address and reads certificate and key.
    ///
    /// # Errors
    /// [`ListenerError`]; plain HTTP beyond loopback is refused.
    pub async fn bind(settings: ListenerSettings, meters: Arc<Meters>) -> Result<Self, ListenerError> {
        let address = settings.address;
        let certificate = match &settings.wire {
            WireSettings::Tls(tls) => Some(Certificate::load(tls.clone())?),
            WireSettings::PlainOnLoopback if address.ip().is_loopback() => None,
            WireSettings::PlainOnLoopback => return Err(ListenerError::PlainBeyondLoopback { address }),
        };
        let tcp = TcpListener::bind(address).await.map_err(|source| ListenerError::Bind { address, source })?;
        Ok(Self { tcp, certificate, settings, meters })
    }

    /// The address it listens on, with the port that was picked.
    ///
    /// # Errors
    /// An I/O error when the socket does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// The certificate, for reloading; none where HTTP is plain.
    #[must_use]
    pub const fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// Serves `service` until `stop` asks to stop and what is under way has ended, or its time is over.
    pub async fn serve<S, B>(self, service: S, readiness: Readiness, stop: Stop) -> Drained
    where
        S: Service<Request<ListenerBody>, Response = Response<B>> + Send + Sync + 'static,
        S::Future: Send,
        S::Error: Into<Box<dyn Error + Send + Sync>>,
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let Self { tcp, certificate, settings, meters } = self;
        let drain_time_max = settings.drain_time_max;
        let places = Arc::new(Semaphore::new(settings.connections_max.min(Semaphore::MAX_PERMITS)));
        let http = http(&settings);
        let shared = Arc::new(Shared {
            turns: Arc::new(Semaphore::new(settings.requests_max.min(Semaphore::MAX_PERMITS))),
            rate: settings.rate.map(Rate::new),
            settings,
            meters,
            readiness,
        });
        let service = Arc::new(service);
        let connections = TaskTracker::new();
        let accepting = async {
            loop {
                let (tcp, address, place) = next(&tcp, &places).await;
                let connection =
                    Connection { service: Arc::clone(&service), shared: Arc::clone(&shared), http: http.clone(), stop: stop.clone() };
                connections.spawn(connection.run(tcp, address, place, certificate.clone()));
            }
        };
        let pruning = async {
            match &shared.rate {
                Some(rate) => rate.prune().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = accepting => {}
            () = pruning => {}
            () = stop.asked() => {}
        }
        drop(tcp);
        drain(&connections, &stop, drain_time_max).await
    }
}

/// The next connection, once there is a place for it: further ones wait in the kernel's queue.
async fn next(tcp: &TcpListener, places: &Arc<Semaphore>) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    loop {
        let Ok(place) = Arc::clone(places).acquire_owned().await else { std::future::pending().await };
        match tcp.accept().await {
            Ok((stream, address)) => {
                // A socket that refuses the option is already broken, and fails at its first read.
                let _set = stream.set_nodelay(true);
                return (stream, address, place);
            }
            Err(error) => {
                // Out of file descriptors, mostly: accepting again at once would spin.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn drain(connections: &TaskTracker, stop: &Stop, drain_time_max: Duration) -> Drained {
    connections.close();
    let is_whole = tokio::select! {
        () = connections.wait() => true,
        () = tokio::time::sleep(drain_time_max) => false,
        () = stop.urged() => false,
    };
    if is_whole {
        return Drained::Whole;
    }
    let left = connections.len();
    stop.at_once();
    connections.wait().await;
    Drained::Aborted { connections: left }
}
