use super::{AdminServices, health};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections at once: a scraper and a few people.
const CONNECTIONS_MAX: usize = 16;
/// How long a request's header may take.
const HEADER_TIME_MAX: Duration = Duration::from_secs(5);
/// How long a connection may last. Scrapers open another.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(120);

/// Metrics and health on a loopback TCP address, for programs that read no Unix socket. Anyone on this machine may
/// ask, so it says less than the socket does: no cause of trouble, which could name a tenant.
#[derive(Debug)]
pub struct Exposed {
    tcp: TcpListener,
    services: Arc<AdminServices>,
}

impl Exposed {
    /// Binds `address`.
    ///
    /// # Errors
    /// An I/O error when it cannot be listened on, and for an address beyond loopback.
    pub async fn bind(address: SocketAddr, services: AdminServices) -> io::Result<Self> {
        if !address.ip().is_loopback() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "only a loopback address may be listened on in clear"));
        }
        Ok(Self { tcp: TcpListener::bind(address).await?, services: Arc::new(services) })
    }

    /// The address it listens on, with the port that was picked.
    ///
    /// # Errors
    /// An I/O error when the socket does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Answers until `stopped` is ready. Answers under way are given up: whoever asked asks again.
    pub async fn serve(self, stopped: impl Future<Output = ()>) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let accepting = async {
            loop {
                let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
                match self.tcp.accept().await {
                    Ok((stream, _address)) => {
                        tokio::spawn(converse(stream, Arc::clone(&self.services), place));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a connection for metrics could not be accepted");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }
            }
        };
        tokio::select! {
            () = accepting => {}
            () = stopped => {}
        }
    }
}

async fn converse(stream: TcpStream, services: Arc<AdminServices>, _place: OwnedSemaphorePermit) {
    let service = service_fn(move |request| {
        let services = Arc::clone(&services);
        async move { Ok::<_, Infallible>(answer(&services, &request).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIME_MAX).max_buf_size(16 * 1_024);
    // A scraper that breaks off or stays too long is nobody's trouble.
    let _ended = tokio::time::timeout(CONNECTION_TIME_MAX, http.serve_connection(TokioIo::new(stream), service)).await;
}

async fn answer(services: &AdminServices, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let plain = |status, text: &'static str| {
        let mut answer = Response::new(Full::from(text));
        *answer.status_mut() = status;
        answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain; charset=utf-8"));
        answer
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
    }
    match request.uri().path() {
        "/healthz" => plain(StatusCode::OK, "ok\n"),
        "/readyz" if health::is_ready(services).await => plain(StatusCode::OK, "ready\n"),
        "/readyz" => plain(StatusCode::SERVICE_UNAVAILABLE, "not ready: ask on the admin socket why\n"),
        "/metrics" => health::metrics(services).await.unwrap_or_else(|problem| problem.answer()),
        _ => plain(StatusCode::NOT_FOUND, "there are /metrics, /healthz and /readyz\n"),
    }
}
