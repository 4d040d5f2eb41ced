use super::activity::Activity;
use super::body::ListenerBody;
use super::certificate::Certificate;
use super::edge::{Edge, Shared};
use super::settings::ListenerSettings;
use super::stop::Stop;
use super::streams::Streams;
use super::transport::Transport;
use crate::domain::{Peer, Wire, limits};
use crate::meters::ConnectionEnd;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rustls::ProtocolVersion;
use std::error::Error;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;

/// One accepted connection.
#[derive(Debug)]
pub(super) struct Connection<S> {
    pub(super) service: Arc<S>,
    pub(super) shared: Arc<Shared>,
    /// As they were when it was accepted: they hold for all its life.
    pub(super) settings: Arc<ListenerSettings>,
    pub(super) stop: Stop,
}

/// How HTTP is spoken.
fn http(settings: &ListenerSettings, streams: Streams) -> Builder<Streams> {
    let mut builder = Builder::new(streams);
    builder
        .http1()
        .timer(TokioTimer::new())
        // The watch over the connection tells a slow header from a long rest; hyper's own limit does not.
        .header_read_timeout(None)
        // Somewhat more than allowed, so that most callers learn from a document what was wrong.
        .max_headers(settings.headers_max.saturating_mul(2))
        .max_buf_size(limits::CONNECTION_BUFFER_BYTES.max(settings.header_bytes_max.saturating_mul(2)));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(settings.streams_max)
        .max_header_list_size(u32::try_from(settings.header_bytes_max.saturating_mul(2)).unwrap_or(u32::MAX))
        .initial_stream_window_size(limits::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(limits::CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(limits::CONNECTION_BUFFER_BYTES)
        .keep_alive_interval(settings.idle_time_max / 2)
        .keep_alive_timeout(settings.write_stall_max);
    builder
}

impl<S, B> Connection<S>
where
    S: Service<Request<ListenerBody>, Response = Response<B>> + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Serves the connection to its end.
    pub(super) async fn run(self, tcp: TcpStream, address: SocketAddr, place: OwnedSemaphorePermit, certificate: Option<Certificate>) {
        let meters = Arc::clone(&self.shared.meters);
        let _open = meters.connection_opened();
        let end = match certificate {
            None => {
                let (transport, activity) = self.transport(tcp, place);
                self.serve(transport, activity, Peer { address, wire: Wire::Plain }).await
            }
            Some(certificate) => self.shake_hands(tcp, address, place, &certificate).await,
        };
        meters.connection_ended(end);
    }

    fn transport(&self, tcp: TcpStream, place: OwnedSemaphorePermit) -> (Transport, Arc<Activity>) {
        let activity = Arc::new(Activity::new());
        (Transport::new(tcp, place, Arc::clone(&activity), self.settings.write_stall_max), activity)
    }

    async fn shake_hands(
        &self,
        tcp: TcpStream,
        address: SocketAddr,
        place: OwnedSemaphorePermit,
        certificate: &Certificate,
    ) -> ConnectionEnd {
        let within = self.settings.header_time_max;
        let agreed = async {
            if !begins_tls(&tcp).await {
                return Err(tcp);
            }
            let (transport, activity) = self.transport(tcp, place);
            Ok((TlsAcceptor::from(certificate.config()).accept(transport).await, activity))
        };
        let agreed = tokio::select! {
            agreed = timeout(within, agreed) => agreed,
            () = self.stop.asked() => return ConnectionEnd::Closed,
        };
        match agreed {
            Ok(Ok((Ok(stream), activity))) => {
                let wire = match stream.get_ref().1.protocol_version() {
                    Some(ProtocolVersion::TLSv1_2) => Wire::Tls12,
                    _ => Wire::Tls13,
                };
                self.serve(stream, activity, Peer { address, wire }).await
            }
            Ok(Err(tcp)) => {
                explain_tls(tcp).await;
                ConnectionEnd::Handshake
            }
            Ok(Ok((Err(_), _))) | Err(_) => ConnectionEnd::Handshake,
        }
    }

    async fn serve<I>(&self, io: I, activity: Arc<Activity>, peer: Peer) -> ConnectionEnd
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let settings = &self.settings;
        let streams = Streams::default();
        let http = http(settings, streams.clone());
        let (service, shared) = (Arc::clone(&self.service), Arc::clone(&self.shared));
        let edge = Edge { service, shared, activity: Arc::clone(&activity), streams: streams.clone(), peer };
        let service = service_fn(move |request| edge.clone().answer(request));
        let mut running = pin!(http.serve_connection(TokioIo::new(io), service));
        let mut overdue = pin!(activity.overdue(settings.header_time_max, settings.idle_time_max));
        let mut stalled = pin!(streams.end_stalled(settings.write_stall_max));
        let mut closing = None;
        let mut is_stopping = false;
        loop {
            tokio::select! {
                ended = running.as_mut() => {
                    let end = if ended.is_ok() { ConnectionEnd::Closed } else { ConnectionEnd::Failed };
                    return closing.map_or(end, |(_, end)| end);
                }
                end = overdue.as_mut(), if closing.is_none() => {
                    running.as_mut().graceful_shutdown();
                    closing = Some((Instant::now() + limits::CLOSE_WAIT_MAX, end));
                }
                () = wait_until(closing.map(|(at, _)| at)) => {
                    return closing.map_or(ConnectionEnd::Aborted, |(_, end)| end);
                }
                () = self.stop.asked(), if !is_stopping => {
                    is_stopping = true;
                    running.as_mut().graceful_shutdown();
                }
                never = stalled.as_mut() => match never {},
                () = self.stop.urged() => return ConnectionEnd::Aborted,
            }
        }
    }
}

async fn wait_until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Whether the first byte is that of a TLS record with a handshake in it (RFC 8446 §5.1).
async fn begins_tls(tcp: &TcpStream) -> bool {
    let mut first = [0];
    !matches!(tcp.peek(&mut first).await, Ok(1) if first != [22])
}

/// Tells someone who speaks HTTP in clear what to do instead.
async fn explain_tls(mut tcp: TcpStream) {
    const TEXT: &str = "This port speaks HTTPS: use https:// URLs";
    let length = TEXT.len();
    let answer =
        format!("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{TEXT}");
    let explain = async {
        tcp.write_all(answer.as_bytes()).await?;
        tcp.shutdown().await
    };
    let _explained_or_gone = timeout(Duration::from_secs(1), explain).await;
}
