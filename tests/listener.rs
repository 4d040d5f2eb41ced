#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up may stop")]
//! The data listener over real loopback connections.

use bytes::Bytes;
use hozon::domain::{AnswerInMemory, EventId, Peer, Wire};
use hozon::listener::{
    CorsSettings, Drained, Listener, ListenerBody, ListenerControl, ListenerError, ListenerSettings, Readiness, Stop, TlsSettings,
    TlsVersions, WireSettings,
};
use hozon::meters::{Meters, Observed};
use http::{Request, Response, Version};
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

type Answer = Result<Response<Full<Bytes>>, Infallible>;

fn settings() -> ListenerSettings {
    ListenerSettings {
        address: "127.0.0.1:0".parse().unwrap(),
        wire: WireSettings::PlainOnLoopback,
        base_domains: vec!["s3.test".to_owned()],
        connections_max: 64,
        requests_max: 64,
        header_bytes_max: 8 * 1_024,
        headers_max: 40,
        header_time_max: Duration::from_millis(400),
        idle_time_max: Duration::from_millis(800),
        body_pause_max: Duration::from_millis(400),
        write_stall_max: Duration::from_millis(500),
        streams_max: 16,
        cors: CorsSettings::default(),
        drain_time_max: Duration::from_secs(5),
    }
}

struct Running {
    address: SocketAddr,
    stop: Stop,
    meters: Arc<Meters>,
    control: ListenerControl,
    served: JoinHandle<Drained>,
}

/// Paths say what the service does: it stands for everything behind the listener.
async fn service(request: Request<ListenerBody>) -> Answer {
    let path = request.uri().path().to_owned();
    let mut answer = match path.as_str() {
        "/refuse" => {
            let mut answer = Response::new(Full::from("<Error><Code>AccessDenied</Code></Error>"));
            *answer.status_mut() = http::StatusCode::FORBIDDEN;
            answer.extensions_mut().insert(Observed { operation: "PutObject", refusal: Some("AccessDenied") });
            answer
        }
        "/count" => match request.into_body().collect().await {
            Ok(body) => Response::new(Full::from(body.to_bytes().len().to_string())),
            Err(error) => Response::new(Full::from(error.to_string())),
        },
        "/panic" => panic!("secret of the handler"),
        "/big" => Response::new(Full::from(vec![7; 64 << 20])),
        "/document" => {
            let mut answer = Response::new(Full::from("<Error/>"));
            answer.extensions_mut().insert(AnswerInMemory);
            answer
        }
        "/slow" => {
            tokio::time::sleep(Duration::from_millis(700)).await;
            Response::new(Full::from("slept"))
        }
        "/peer" => {
            let peer = request.extensions().get::<Peer>().unwrap();
            let id = request.extensions().get::<EventId>().unwrap();
            let host = request.headers().get("host").unwrap().to_str().unwrap();
            Response::new(Full::from(format!("{:?} {host} {id}", peer.wire)))
        }
        _ => Response::new(Full::from("hello")),
    };
    answer.headers_mut().insert("x-path", path.parse().unwrap());
    Ok(answer)
}

async fn start_with(settings: ListenerSettings, readiness: Readiness) -> Running {
    let meters = Arc::new(Meters::new());
    let listener = Listener::bind(settings, Arc::clone(&meters)).await.unwrap();
    let address = listener.address().unwrap();
    let (stop, control) = (Stop::new(), listener.control());
    let served = tokio::spawn(listener.serve(service_fn(service), readiness, stop.clone()));
    Running { address, stop, meters, control, served }
}

async fn start(settings: ListenerSettings) -> Running {
    start_with(settings, Readiness::new(|| Box::pin(async { true }))).await
}

impl Running {
    /// Sends `request` on a connection of its own and reads until the other end closes.
    async fn say(&self, request: &str) -> String {
        let mut tcp = TcpStream::connect(self.address).await.unwrap();
        tcp.write_all(request.as_bytes()).await.unwrap();
        read_to_close(&mut tcp).await
    }
}

async fn read_to_close(tcp: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _reset_or_closed = tcp.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    answer.lines().find_map(|line| {
        let (found, value) = line.split_once(": ")?;
        found.eq_ignore_ascii_case(name).then_some(value)
    })
}

#[tokio::test]
async fn every_answer_carries_the_request_id_that_the_service_saw() {
    let running = start(settings()).await;
    let answer = running.say("GET /peer HTTP/1.1\r\nHost: h.test\r\nConnection: close\r\n\r\n").await;
    let id = header(&answer, "x-hozon-request-id").unwrap();
    assert!(answer.ends_with(&format!("Plain h.test {id}")), "{answer}");
    assert_eq!(header(&answer, "x-amz-request-id"), Some(id));
    assert!(header(&answer, "x-amz-id-2").is_some());
    let refused = running.say("GET /peer HTTP/1.1\r\nConnection: close\r\n\r\n").await;
    assert!(refused.starts_with("HTTP/1.1 400") && header(&refused, "x-amz-request-id").is_some(), "{refused}");
}

#[tokio::test]
async fn a_refused_upload_of_100_mib_gets_its_full_answer() {
    let running = start(settings()).await;
    let address = running.address;
    // A client that writes everything before it reads, and ignores a broken pipe as urllib3 does.
    let answer = tokio::task::spawn_blocking(move || {
        use std::io::{Read, Write};
        let mut tcp = std::net::TcpStream::connect(address).unwrap();
        tcp.write_all(format!("PUT /refuse HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", 100 << 20).as_bytes()).unwrap();
        let piece = vec![1u8; 1 << 20];
        let failed = (0..100).find_map(|_| tcp.write_all(&piece).err());
        assert_eq!(failed.unwrap().kind(), std::io::ErrorKind::BrokenPipe, "a reset would hide the answer from the client");
        let mut answer = Vec::new();
        let _reset_or_closed = tcp.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    });
    let answer = answer.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert_eq!(header(&answer, "connection"), Some("close"));
    assert!(answer.ends_with("</Error>"), "{answer}");
    assert!(running.meters.render().unwrap().contains("hozon_refusals_total{code=\"AccessDenied\"} 1\n"));
}

#[tokio::test]
async fn a_short_refused_upload_leaves_the_connection_usable() {
    let running = start(settings()).await;
    let mut tcp = TcpStream::connect(running.address).await.unwrap();
    let length = 3 << 20;
    tcp.write_all(format!("PUT /refuse HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n").as_bytes()).await.unwrap();
    tcp.write_all(&vec![1; length]).await.unwrap();
    tcp.write_all(b"GET /again HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await.unwrap();
    let answers = read_to_close(&mut tcp).await;
    assert!(answers.starts_with("HTTP/1.1 403") && answers.contains("HTTP/1.1 200") && answers.ends_with("hello"), "{answers}");
}

#[tokio::test]
async fn a_client_that_waits_for_leave_is_refused_without_it() {
    let running = start(settings()).await;
    let head = "PUT /refuse HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5000000\r\n\r\n";
    let answer = running.say(head).await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert!(!answer.contains("100 Continue"));
}

#[tokio::test]
async fn a_client_that_waits_for_leave_gets_it_when_the_body_is_wanted() {
    let running = start(settings()).await;
    let mut tcp = TcpStream::connect(running.address).await.unwrap();
    let head = b"PUT /count HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\nConnection: close\r\n\r\n";
    tcp.write_all(head).await.unwrap();
    let mut leave = [0; 25];
    tcp.read_exact(&mut leave).await.unwrap();
    assert_eq!(&leave, b"HTTP/1.1 100 Continue\r\n\r\n");
    tcp.write_all(b"abc").await.unwrap();
    assert!(read_to_close(&mut tcp).await.ends_with("\r\n\r\n3"));
}

#[tokio::test]
async fn a_header_that_trickles_in_ends_the_connection() {
    let running = start(settings()).await;
    let mut tcp = TcpStream::connect(running.address).await.unwrap();
    let began = Instant::now();
    for byte in b"GET / HTTP/1.1\r\nHost: h\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" {
        if tcp.write_all(&[*byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(read_to_close(&mut tcp).await.is_empty());
    assert!(began.elapsed() < Duration::from_secs(6));
    assert!(running.meters.render().unwrap().contains("connection_ends_total{reason=\"slow-header\"} 1\n"));
}

#[tokio::test]
async fn a_resting_connection_is_closed_later_than_a_slow_header() {
    let running = start(settings()).await;
    let mut tcp = TcpStream::connect(running.address).await.unwrap();
    tcp.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    let began = Instant::now();
    assert!(read_to_close(&mut tcp).await.ends_with("hello"));
    assert!(began.elapsed() >= Duration::from_millis(750), "{:?}", began.elapsed());
    assert!(running.meters.render().unwrap().contains("connection_ends_total{reason=\"idle\"} 1\n"));
}

#[tokio::test]
async fn a_body_that_pauses_too_long_fails() {
    let running = start(settings()).await;
    let answer = running.say("PUT /count HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\nConnection: close\r\n\r\nabc").await;
    assert!(answer.contains("paused for more than"), "{answer}");
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_dropped() {
    let running = start(settings()).await;
    let mut tcp = TcpStream::connect(running.address).await.unwrap();
    tcp.write_all(b"GET /big HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let mut came = Vec::new();
    let _reset_or_closed = tcp.read_to_end(&mut came).await;
    assert!(came.len() < 64 << 20);
    assert!(running.meters.render().unwrap().contains("connection_ends_total{reason=\"failed\"} 1\n"));
}

#[tokio::test]
async fn too_many_and_too_large_headers_are_refused_with_a_document() {
    let running = start(settings()).await;
    for lines in ["X-Many: 1\r\n".repeat(50), format!("X-Large: {}\r\n", "a".repeat(9_000))] {
        let answer = running.say(&format!("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{lines}\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
        assert!(answer.contains("<Code>RequestHeaderSectionTooLarge</Code>"), "{answer}");
    }
    let far_beyond = "X-Many: 1\r\n".repeat(5_000);
    let answer = running.say(&format!("GET / HTTP/1.1\r\nHost: h\r\n{far_beyond}\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn a_panic_is_an_internal_error_and_nothing_of_it_is_told() {
    let running = start(settings()).await;
    let answer = running.say("GET /panic HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 500") && answer.contains("<Code>InternalError</Code>"), "{answer}");
    assert!(!answer.contains("secret"));
    assert!(running.say("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await.ends_with("hello"));
    assert!(running.meters.render().unwrap().contains("hozon_panics_total 1\n"));
}

/// As `docs/S3.md` says: what is no request has no id.
#[tokio::test]
async fn what_is_no_http_gets_a_bare_answer_and_the_connection_closes() {
    let running = start(settings()).await;
    let huge = format!("GET / HTTP/1.1\r\nHost: h\r\nx-large: {}\r\n\r\n", "a".repeat(300_000));
    for (request, status) in [("nonsense\r\n\r\n", "HTTP/1.1 400"), (huge.as_str(), "HTTP/1.1 431")] {
        let answer = running.say(request).await;
        assert!(answer.starts_with(status) && answer.ends_with("\r\n\r\n"), "{answer}");
        assert_eq!(header(&answer, "x-amz-request-id"), None);
    }
}

/// Asks until the answer begins with `status`: a smaller limit is reached as requests under way end.
async fn until_told(running: &Running, status: &str) -> String {
    for _ in 0..200 {
        let answer = running.say("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await;
        if answer.starts_with(status) {
            return answer;
        }
    }
    panic!("never told {status}");
}

#[tokio::test]
async fn limits_change_while_it_serves_and_its_place_does_not() {
    let running = start(settings()).await;
    let elsewhere = "127.0.0.1:1".parse().unwrap();
    let large = format!("GET / HTTP/1.1\r\nHost: h\r\nx-large: {}\r\nConnection: close\r\n\r\n", "a".repeat(6_000));
    assert!(running.say(&large).await.starts_with("HTTP/1.1 200"));
    running.control.apply(&ListenerSettings { header_bytes_max: 4_096, address: elsewhere, ..settings() }).unwrap();
    assert!(running.say(&large).await.starts_with("HTTP/1.1 431"));
    running.control.apply(&ListenerSettings { requests_max: 0, ..settings() }).unwrap();
    until_told(&running, "HTTP/1.1 503").await;
    running.control.apply(&settings()).unwrap();
    until_told(&running, "HTTP/1.1 200").await;
    assert!(running.say(&large).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn web_pages_of_allowed_origins_ask_first_and_read_answers() {
    let here = "https://viewer.example";
    let cors = CorsSettings { origins: vec![here.to_owned()], age: Duration::from_secs(600) };
    let running = start(ListenerSettings { cors, ..settings() }).await;
    let preflight = |origin: &str| {
        format!(
            "OPTIONS /karte/k HTTP/1.1\r\nHost: h\r\nOrigin: {origin}\r\nAccess-Control-Request-Method: PUT\r\n\
             Access-Control-Request-Headers: authorization,x-amz-date\r\nConnection: close\r\n\r\n"
        )
    };
    let granted = running.say(&preflight(here)).await;
    assert!(granted.starts_with("HTTP/1.1 204"), "{granted}");
    assert_eq!(header(&granted, "access-control-allow-origin"), Some(here));
    assert_eq!(header(&granted, "access-control-allow-headers"), Some("authorization,x-amz-date"));
    assert_eq!(header(&granted, "access-control-max-age"), Some("600"));
    assert_eq!(header(&granted, "x-path"), None, "the service is not asked");
    let refused = running.say(&preflight("https://evil.example")).await;
    assert!(refused.starts_with("HTTP/1.1 403") && refused.contains("<Code>AccessForbidden</Code>"), "{refused}");
    assert_eq!(header(&refused, "access-control-allow-origin"), None);

    let get = |origin: &str| format!("GET / HTTP/1.1\r\nHost: h\r\nOrigin: {origin}\r\nConnection: close\r\n\r\n");
    let answer = running.say(&get(here)).await;
    assert_eq!((header(&answer, "access-control-allow-origin"), header(&answer, "vary")), (Some(here), Some("Origin")));
    assert_eq!(header(&running.say(&get("https://evil.example")).await, "access-control-allow-origin"), None);

    let silent = start(settings()).await;
    let passed = silent.say(&preflight(here)).await;
    assert_eq!((header(&passed, "x-path"), header(&passed, "access-control-allow-origin")), (Some("/karte/k"), None));
}

#[tokio::test]
async fn requests_beyond_the_most_in_flight_are_told_to_slow_down() {
    let running = start(ListenerSettings { requests_max: 0, ..settings() }).await;
    let answer = running.say("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("<Code>SlowDown</Code>"), "{answer}");
    let health = running.say("GET /-/healthz HTTP/1.1\r\nHost: s3.test\r\nConnection: close\r\n\r\n").await;
    assert!(health.starts_with("HTTP/1.1 200"), "{health}");
}

#[tokio::test]
async fn health_answers_for_the_gateway_itself_and_never_for_a_bucket() {
    let running = start_with(settings(), Readiness::new(|| Box::pin(async { false }))).await;
    let ask = |path: &str, host: &str| format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    assert!(running.say(&ask("/-/healthz", "s3.test")).await.starts_with("HTTP/1.1 200"));
    assert!(running.say(&ask("/-/readyz", "127.0.0.1:9000")).await.starts_with("HTTP/1.1 503"));
    let nothing = running.say(&ask("/-/v9/", "s3.test")).await;
    assert!(nothing.starts_with("HTTP/1.1 404") && header(&nothing, "content-type") == Some("application/problem+json"), "{nothing}");
    assert_eq!(header(&running.say(&ask("/-/healthz", "karte.s3.test")).await, "x-path"), Some("/-/healthz"));
    assert_eq!(header(&running.say(&ask("/-/v1/audit/events", "s3.test")).await, "x-path"), Some("/-/v1/audit/events"));
}

#[tokio::test]
async fn a_stop_in_order_finishes_what_is_under_way() {
    let running = start(settings()).await;
    let mut busy = TcpStream::connect(running.address).await.unwrap();
    busy.write_all(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    running.stop.in_order();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(TcpStream::connect(running.address).await.is_err());
    assert!(read_to_close(&mut busy).await.ends_with("slept"));
    assert_eq!(running.served.await.unwrap(), Drained::Whole);
}

#[tokio::test]
async fn a_second_stop_gives_up_what_is_under_way() {
    let running = start(settings()).await;
    let mut busy = TcpStream::connect(running.address).await.unwrap();
    busy.write_all(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    running.stop.in_order();
    running.stop.at_once();
    assert_eq!(running.served.await.unwrap(), Drained::Aborted { connections: 1 });
    assert!(read_to_close(&mut busy).await.is_empty());
}

#[tokio::test]
async fn transfers_get_only_so_long_to_finish() {
    let running = start(ListenerSettings { drain_time_max: Duration::from_millis(200), ..settings() }).await;
    let mut busy = TcpStream::connect(running.address).await.unwrap();
    busy.write_all(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    running.stop.in_order();
    assert_eq!(running.served.await.unwrap(), Drained::Aborted { connections: 1 });
}

#[tokio::test]
async fn plain_http_beyond_loopback_is_refused() {
    let beyond = ListenerSettings { address: "0.0.0.0:0".parse().unwrap(), ..settings() };
    let refused = Listener::bind(beyond, Arc::new(Meters::new())).await.unwrap_err();
    assert!(matches!(refused, ListenerError::PlainBeyondLoopback { .. }));
    assert_eq!(refused.to_string(), "plain HTTP is only served on loopback, 0.0.0.0:0 needs TLS");
}

type Stream = Response<hyper::body::Incoming>;

/// A client that opens no window: it reads the heads of answers, answers pings, and takes no byte of any body.
async fn without_window(address: SocketAddr) -> hyper::client::conn::http2::SendRequest<Full<Bytes>> {
    let tcp = TcpStream::connect(address).await.unwrap();
    let mut builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    let (sender, connection) = builder.initial_stream_window_size(0).handshake(TokioIo::new(tcp)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn ask(sender: &mut hyper::client::conn::http2::SendRequest<Full<Bytes>>, path: &str, count: usize) -> Vec<Stream> {
    let request = || Request::get(format!("http://h.test{path}")).body(Full::default()).unwrap();
    let answers: Vec<_> = (0..count).map(|_| sender.send_request(request())).collect();
    let mut taken = Vec::new();
    for answer in answers {
        taken.push(answer.await.unwrap());
    }
    taken
}

#[tokio::test]
async fn answers_that_nobody_takes_give_their_turns_back_in_time() {
    let running = start(ListenerSettings { requests_max: 8, ..settings() }).await;
    let mut sender = without_window(running.address).await;
    let began = Instant::now();
    let held = ask(&mut sender, "/big", 8).await;
    assert!(held.iter().all(|answer| answer.status() == 200));
    // A request waits 2 s for its turn; the eight get 500 ms to take something.
    let answer = running.say("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(began.elapsed() >= Duration::from_millis(450), "turns were held: {:?}", began.elapsed());
    for answer in held {
        assert!(answer.into_body().collect().await.is_err(), "a stream that was ended does not look whole");
    }
    assert_eq!(ask(&mut sender, "/big", 1).await.len(), 1, "that cost the streams, not the connection");
}

#[tokio::test]
async fn a_short_document_holds_no_turn_while_nobody_takes_it() {
    let patient = Duration::from_secs(60);
    let running = start(ListenerSettings { requests_max: 4, write_stall_max: patient, ..settings() }).await;
    let mut sender = without_window(running.address).await;
    let held = ask(&mut sender, "/document", 16).await;
    assert!(held.iter().all(|answer| answer.status() == 200));
    let answer = running.say("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn an_upload_that_stalls_on_a_stream_gives_its_turn_back_in_time() {
    let running = start(ListenerSettings { requests_max: 2, ..settings() }).await;
    let tcp = TcpStream::connect(running.address).await.unwrap();
    let mut builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    let (mut sender, connection) = builder.initial_stream_window_size(0).handshake(TokioIo::new(tcp)).await.unwrap();
    tokio::spawn(connection);
    let never = || http_body_util::StreamBody::new(futures::stream::pending::<Result<http_body::Frame<Bytes>, Infallible>>());
    let request = || Request::put("http://h.test/count").body(never()).unwrap();
    let stalled = [sender.send_request(request()), sender.send_request(request())];
    tokio::time::sleep(Duration::from_millis(100)).await;
    // The bodies pause for 400 ms, and then nobody takes the answers for 500 ms.
    let answer = running.say("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    for answer in stalled {
        assert!(answer.await.unwrap().into_body().collect().await.is_err());
    }
}

struct Tls {
    folder: tempfile::TempDir,
    settings: TlsSettings,
}

impl Tls {
    fn new(versions: TlsVersions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = TlsSettings { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem"), versions };
        let tls = Self { folder, settings };
        tls.renew();
        tls
    }

    fn renew(&self) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(&self.settings.certificate, made.cert.pem()).unwrap();
        std::fs::write(&self.settings.key, made.signing_key.serialize_pem()).unwrap();
        assert!(self.folder.path().exists());
    }

    fn connector(&self, versions: &[&'static rustls::SupportedProtocolVersion], alpn: &[&[u8]]) -> TlsConnector {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&self.settings.certificate).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        TlsConnector::from(Arc::new(config))
    }
}

async fn connect(connector: &TlsConnector, address: SocketAddr) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let tcp = TcpStream::connect(address).await?;
    connector.connect(ServerName::try_from("localhost").unwrap(), tcp).await
}

fn tls_settings(tls: &Tls) -> ListenerSettings {
    ListenerSettings { wire: WireSettings::Tls(tls.settings.clone()), ..settings() }
}

#[tokio::test]
async fn http2_over_tls_13_brings_its_authority_as_host() {
    let tls = Tls::new(TlsVersions::Only13);
    let running = start(tls_settings(&tls)).await;
    let stream = connect(&tls.connector(&[&rustls::version::TLS13], &[b"h2"]), running.address).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("https://karte.s3.test/peer").body(Full::<Bytes>::default()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.version(), Version::HTTP_2);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(body.starts_with(format!("{:?} karte.s3.test ", Wire::Tls13).as_bytes()));

    let refused = Request::put("https://s3.test/refuse").body(Full::from(vec![0; 20 << 20])).unwrap();
    let answer = sender.send_request(refused).await.unwrap();
    assert_eq!(answer.status(), 403);
    assert!(answer.into_body().collect().await.unwrap().to_bytes().ends_with(b"</Error>"));
    let again = Request::get("https://s3.test/").body(Full::default()).unwrap();
    assert_eq!(sender.send_request(again).await.unwrap().status(), 200, "a refusal costs the stream, not the connection");
}

#[tokio::test]
async fn tls_12_is_spoken_only_where_a_setting_allows_it() {
    for (versions, is_spoken) in [(TlsVersions::Only13, false), (TlsVersions::From12, true)] {
        let tls = Tls::new(versions);
        let running = start(tls_settings(&tls)).await;
        let old = connect(&tls.connector(&[&rustls::version::TLS12], &[b"http/1.1"]), running.address).await;
        assert_eq!(old.is_ok(), is_spoken);
    }
}

#[tokio::test]
async fn a_reloaded_certificate_serves_new_connections_and_a_bad_one_changes_nothing() {
    let tls = Tls::new(TlsVersions::Only13);
    let listener = Listener::bind(tls_settings(&tls), Arc::new(Meters::new())).await.unwrap();
    let address = listener.address().unwrap();
    let (certificate, changed) = (listener.control(), tls_settings(&tls));
    let ready = Readiness::new(|| Box::pin(async { true }));
    tokio::spawn(listener.serve(service_fn(service), ready, Stop::new()));

    let before = tls.connector(&[&rustls::version::TLS13], &[]);
    tls.renew();
    let after = tls.connector(&[&rustls::version::TLS13], &[]);
    assert!(connect(&before, address).await.is_ok());
    certificate.apply(&changed).unwrap();
    assert!(connect(&after, address).await.is_ok());

    std::fs::write(&tls.settings.key, "no key").unwrap();
    assert!(certificate.apply(&ListenerSettings { header_bytes_max: 4_096, ..changed }).is_err());
    assert!(connect(&after, address).await.is_ok());
}

#[tokio::test]
async fn a_client_that_speaks_clear_text_to_tls_is_told_so() {
    let tls = Tls::new(TlsVersions::Only13);
    let running = start(tls_settings(&tls)).await;
    let answer = running.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert!(answer.ends_with("use https:// URLs"), "{answer}");
    let length: usize = header(&answer, "content-length").unwrap().parse().unwrap();
    assert_eq!(answer.split_once("\r\n\r\n").unwrap().1.len(), length);
}

#[tokio::test]
async fn a_refused_upload_over_tls_gets_its_full_answer() {
    let tls = Tls::new(TlsVersions::Only13);
    let running = start(tls_settings(&tls)).await;
    let stream = connect(&tls.connector(&[&rustls::version::TLS13], &[b"http/1.1"]), running.address).await.unwrap();
    let (mut reader, mut writer) = tokio::io::split(stream);
    let sending = tokio::spawn(async move {
        let head = format!("PUT /refuse HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", 100 << 20);
        writer.write_all(head.as_bytes()).await?;
        for _ in 0..100 {
            writer.write_all(&vec![1; 1 << 20]).await?;
        }
        Ok::<_, std::io::Error>(())
    });
    let mut answer = Vec::new();
    let _closed = reader.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 403") && answer.ends_with("</Error>"), "{answer}");
    assert!(sending.await.unwrap().is_err());
}
