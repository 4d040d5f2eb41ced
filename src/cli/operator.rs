use super::failure::Failure;
use crate::admin::wire::ProblemDocument;
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::UnixStream;

/// Asks the gateway behind an admin socket.
#[derive(Debug)]
pub(super) struct Client {
    socket: PathBuf,
}

const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// All but the characters that names have.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

impl Client {
    /// A client of the gateway behind `socket`.
    pub(super) const fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// Fetches a document.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.ask(Method::GET, path, Bytes::new()).await
    }

    /// Sends a document, fetches another.
    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, document: &impl Serialize) -> Result<T, Failure> {
        let document = serde_json::to_vec(document).map_err(Failure::failed)?;
        self.ask(Method::POST, path, Bytes::from(document)).await
    }

    async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str, body: Bytes) -> Result<T, Failure> {
        let asked = tokio::time::timeout(ANSWER_TIME_MAX, self.exchange(method, path, body)).await;
        let (status, answer) = asked.map_err(Failure::unreachable)??;
        if status.is_success() || (path == "/readyz" && status == StatusCode::SERVICE_UNAVAILABLE) {
            return serde_json::from_slice(&answer).map_err(Failure::failed);
        }
        let problem: ProblemDocument = serde_json::from_slice(&answer).map_err(Failure::failed)?;
        let text = format!("{} ({})", problem.detail, problem.code);
        Err(if status.is_client_error() { Failure::refused(text) } else { Failure::wrong(text).advise("see the gateway's log") })
    }

    async fn exchange(&self, method: Method, path: &str, body: Bytes) -> Result<(StatusCode, Bytes), Failure> {
        let nobody = |error| {
            Failure::unreachable(Nobody { socket: self.socket.clone(), source: error })
                .advise("is a gateway running, as this user? --socket or HOZON_SOCKET names another socket")
        };
        let stream = UnixStream::connect(&self.socket).await.map_err(nobody)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(Failure::unreachable)?;
        let driver = tokio::spawn(connection);
        let request = Request::builder().method(method).uri(path).header("host", "hozon").body(Full::new(body)).map_err(Failure::failed)?;
        let answer = sender.send_request(request).await.map_err(Failure::unreachable)?;
        let status = answer.status();
        let read = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        let document = read.map_err(|error| Failure::wrong(format!("the answer could not be read: {error}")))?.to_bytes();
        driver.abort();
        Ok((status, document))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("nobody answers on {}", socket.display())]
struct Nobody {
    socket: PathBuf,
    source: std::io::Error,
}

/// A path of the API: names in it may hold any character.
pub(super) fn path(segments: &[&str]) -> String {
    let segments: Vec<String> = segments.iter().map(|segment| utf8_percent_encode(segment, SEGMENT).to_string()).collect();
    format!("/v1/{}", segments.join("/"))
}
