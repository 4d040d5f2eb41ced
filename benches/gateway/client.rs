//! A client that costs little: one kept connection, signed requests, bodies counted and dropped.

use bytes::Bytes;
use hozon::client::Client;
use hozon::domain::{Clock, SystemClock};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::sync::Arc;
use tokio::net::TcpStream;

/// Where a side answers, and as whom to ask.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) port: u16,
    pub(crate) client: Arc<Client>,
}

pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    client: Arc<Client>,
    port: u16,
}

impl Connection {
    pub(crate) async fn open(target: &Target) -> Self {
        let tcp = TcpStream::connect(("127.0.0.1", target.port)).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let connector = tokio_rustls::TlsConnector::from(target.client.tls());
        let tls = connector.connect(ServerName::try_from("localhost").unwrap(), tcp).await.unwrap();
        let (sender, connection) = handshake(TokioIo::new(tls)).await.unwrap();
        tokio::spawn(connection);
        Self { sender, client: Arc::clone(&target.client), port: target.port }
    }

    pub(crate) async fn get(&mut self, path: &str, range: Option<(u64, u64)>) -> u64 {
        let mut request = self.request(Method::GET, path, Bytes::new());
        if let Some((first, last)) = range {
            request.headers_mut().insert("range", format!("bytes={first}-{last}").parse().unwrap());
        }
        self.client.sign(&mut request, "UNSIGNED-PAYLOAD", SystemClock.now()).unwrap();
        let (status, bytes) = self.send(request).await;
        assert!(status.is_success(), "GET {path}: {status}");
        bytes
    }

    pub(crate) async fn put(&mut self, path: &str, body: Bytes) {
        let mut request = self.request(Method::PUT, path, body);
        self.client.sign(&mut request, "UNSIGNED-PAYLOAD", SystemClock.now()).unwrap();
        let (status, _) = self.send(request).await;
        assert!(status.is_success(), "PUT {path}: {status}");
    }

    /// As the newest SDKs send: in one unsigned chunk with a CRC64NVME trailer.
    pub(crate) async fn put_with_trailer(&mut self, path: &str, body: Bytes) {
        self.put_chunked(path, &Chunked::of(&body)).await;
    }

    /// The same, of a body that was put into its chunk before: many connections may send one.
    pub(crate) async fn put_chunked(&mut self, path: &str, body: &Chunked) {
        let mut request = self.request(Method::PUT, path, body.framed.clone());
        let headers = request.headers_mut();
        headers.insert("content-encoding", "aws-chunked".parse().unwrap());
        headers.insert("x-amz-trailer", "x-amz-checksum-crc64nvme".parse().unwrap());
        headers.insert("x-amz-decoded-content-length", body.length.into());
        self.client.sign(&mut request, "STREAMING-UNSIGNED-PAYLOAD-TRAILER", SystemClock.now()).unwrap();
        let (status, _) = self.send(request).await;
        assert!(status.is_success(), "PUT {path}: {status}");
    }

    fn request(&self, method: Method, path: &str, body: Bytes) -> Request<Full<Bytes>> {
        Request::builder().method(method).uri(path).header("host", format!("localhost:{}", self.port)).body(Full::new(body)).unwrap()
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> (http::StatusCode, u64) {
        self.sender.ready().await.unwrap();
        let answer = self.sender.send_request(request).await.unwrap();
        let status = answer.status();
        let mut body = answer.into_body();
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            bytes += frame.unwrap().into_data().map_or(0, |data| data.len() as u64);
        }
        (status, bytes)
    }
}

/// A body in one unsigned chunk, with its CRC64NVME behind it.
pub(crate) struct Chunked {
    framed: Bytes,
    length: usize,
}

impl Chunked {
    pub(crate) fn of(body: &Bytes) -> Self {
        let length = body.len();
        let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, body).to_be_bytes();
        let crc = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, crc);
        let end = format!("\r\n0\r\nx-amz-checksum-crc64nvme:{crc}\r\n\r\n");
        Self { framed: Bytes::from([format!("{length:x}\r\n").as_bytes(), body, end.as_bytes()].concat()), length }
    }
}
