//! A small S3 client of our own: what the demo stores its records with, and what the auditor's command asks with.
//!
//! Knows nothing of the gateway's insides; it sees what every client sees. Way in: [`Client`].

mod sigv4;
pub mod web;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use zeroize::Zeroizing;

/// Where to ask, whom to trust, and as whom.
pub struct Client {
    endpoint: Uri,
    region: String,
    access_key: String,
    secret_key: Zeroizing<String>,
    tls: Arc<rustls::ClientConfig>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Client({}, {})", self.endpoint, self.access_key)
    }
}

/// An answer, whole.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// A request got no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The endpoint is no `https://host[:port]`.
    #[error("the endpoint `{endpoint}` is not of the form https://host:port")]
    Endpoint {
        /// What was given.
        endpoint: String,
    },
    /// The authority's certificate cannot be read.
    #[error("the ca file cannot be read")]
    Ca(#[source] rustls::pki_types::pem::Error),
    /// The authority's certificate, or the TLS set-up, is not usable.
    #[error("tls cannot be set up")]
    Tls(#[from] rustls::Error),
    /// Nobody answers there.
    #[error("{endpoint} cannot be reached")]
    Unreachable {
        /// Where.
        endpoint: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It did not answer in time.
    #[error("there was no answer within {} seconds", ANSWER_TIME_MAX.as_secs())]
    TimedOut,
    /// The conversation broke off.
    #[error("the connection broke off")]
    Http(#[from] hyper::Error),
    /// The request cannot be written down.
    #[error("the request cannot be written down")]
    Request(#[from] http::Error),
    /// The answer is longer than expected, or broke off.
    #[error("the answer could not be read")]
    Answer(#[source] Box<dyn std::error::Error + Send + Sync>),
}

const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);
const ANSWER_BYTES_MAX: usize = 64 << 20;

impl Client {
    /// A client of `endpoint` that trusts the authority in the PEM file `ca`.
    ///
    /// # Errors
    /// [`ClientError`] when endpoint or certificate are not usable.
    pub fn new(
        endpoint: &str,
        ca: &Path,
        region: &str,
        (access_key, secret_key): (String, Zeroizing<String>),
    ) -> Result<Self, ClientError> {
        let refused = || ClientError::Endpoint { endpoint: endpoint.to_owned() };
        let uri: Uri = endpoint.parse().map_err(|_| refused())?;
        if uri.scheme_str() != Some("https") || uri.authority().is_none() {
            return Err(refused());
        }
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(ca).map_err(ClientError::Ca)? {
            roots.add(certificate.map_err(ClientError::Ca)?)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { endpoint: uri, region: region.to_owned(), access_key, secret_key, tls: Arc::new(tls) })
    }

    /// Sends one signed request and reads the whole answer.
    ///
    /// `path_and_query` must already be percent-encoded, its query in the order of its names.
    ///
    /// # Errors
    /// [`ClientError`] when there is no answer; a refusal is an answer.
    pub async fn send(
        &self,
        method: Method,
        path_and_query: &str,
        (headers, body): (&[(&str, &str)], Bytes),
        now: crate::domain::UtcTime,
    ) -> Result<Answer, ClientError> {
        let host = self.endpoint.authority().map_or("", http::uri::Authority::as_str);
        let mut request = Request::builder().method(method).uri(path_and_query).header("host", host);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Full::new(body.clone()))?;
        self.sign(&mut request, &sigv4::hash(&body), now)?;
        tokio::time::timeout(ANSWER_TIME_MAX, self.exchange(request)).await.map_err(|_| ClientError::TimedOut)?
    }

    /// Signs a request that is sent by other means. `hash` is what `x-amz-content-sha256` says of its body.
    ///
    /// # Errors
    /// [`ClientError`] when a header cannot be written down.
    pub fn sign(&self, request: &mut Request<Full<Bytes>>, hash: &str, now: crate::domain::UtcTime) -> Result<(), ClientError> {
        let credential = sigv4::Credential { access_key: &self.access_key, secret_key: &self.secret_key, region: &self.region };
        Ok(sigv4::sign(request, &credential, hash, now)?)
    }

    /// How it speaks TLS, for requests that are sent by other means.
    #[must_use]
    pub fn tls(&self) -> Arc<rustls::ClientConfig> {
        Arc::clone(&self.tls)
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, ClientError> {
        let host = self.endpoint.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = self.endpoint.port_u16().unwrap_or(443);
        let unreachable = |source| ClientError::Unreachable { endpoint: self.endpoint.to_string(), source };
        let tcp = TcpStream::connect((host.as_str(), port)).await.map_err(unreachable)?;
        let name = ServerName::try_from(host).map_err(|_| ClientError::Endpoint { endpoint: self.endpoint.to_string() })?;
        let tls = tokio_rustls::TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp).await.map_err(unreachable)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(tls)).await?;
        let driver = tokio::spawn(connection);
        let answer = sender.send_request(request).await?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(ClientError::Answer)?.to_bytes();
        driver.abort();
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }
}
