use super::body::ListenerBody;
use super::certificate::{Certificate, CertificateError};
use super::connection::Connection;
use super::control::ListenerControl;
use super::edge::Shared;
use super::health::Readiness;
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
    pub(super) control: ListenerControl,
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
            WireSettings::Tls(tls) => Some(Certificate::load(tls)?),
            WireSettings::PlainOnLoopback if address.ip().is_loopback() => None,
            WireSettings::PlainOnLoopback => return Err(ListenerError::PlainBeyondLoopback { address }),
        };
        let tcp = TcpListener::bind(address).await.map_err(|source| ListenerError::Bind { address, source })?;
        Ok(Self { tcp, control: ListenerControl::new(settings, certificate), meters })
    }

    /// The address it listens on, with the port that was picked.
    ///
    /// # Errors
    /// An I/O error when the socket does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
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
        let Self { tcp, control, meters } = self;
        let ListenerControl { settings, certificate, places, turns, .. } = control;
        let shared = Arc::new(Shared { settings: settings.clone(), meters, readiness, turns });
        let service = Arc::new(service);
        let connections = TaskTracker::new();
        let accepting = async {
            loop {
                let (tcp, address, place) = next(&tcp, &places).await;
                let (service, shared, settings) = (Arc::clone(&service), Arc::clone(&shared), settings.now());
                let connection = Connection { service, shared, settings, stop: stop.clone() };
                connections.spawn(connection.run(tcp, address, place, certificate.clone()));
            }
        };
        tokio::select! {
            () = accepting => {}
            () = stop.asked() => {}
        }
        drop(tcp);
        drain(&connections, &stop, settings.now().drain_time_max).await
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
