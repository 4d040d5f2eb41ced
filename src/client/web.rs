//! Fetches small public documents, such as the keys of an identity provider.

use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// How long a document may take.
const WITHIN: Duration = Duration::from_secs(5);
/// How long a document may be.
const BYTES_MAX: usize = 256 * 1_024;
/// Where systems keep the authorities that they trust.
const SYSTEM_AUTHORITIES: [&str; 2] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/// A document cannot be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebError {
    /// The address is none that is asked.
    #[error("the address is no https address, nor an http address of this machine")]
    Address,
    /// The authorities cannot be read, or are not usable.
    #[error("the authorities that vouch for the server cannot be used")]
    Authorities,
    /// The server cannot be reached, or is not who it should be.
    #[error("the server cannot be reached")]
    Unreachable(#[source] std::io::Error),
    /// The conversation broke off.
    #[error("the connection broke off")]
    Http(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It took too long.
    #[error("there was no answer within {} seconds", WITHIN.as_secs())]
    TimedOut,
    /// The answer is no document.
    #[error("the server answers with status {status}")]
    Status {
        /// Which.
        status: StatusCode,
    },
}

/// Fetches the document at `url`. The server proves itself to the authorities in `ca` (PEM), or to those that the system
/// trusts; follows no redirect.
///
/// # Errors
/// [`WebError`].
pub async fn fetch(url: &str, ca: Option<&str>) -> Result<Bytes, WebError> {
    tokio::time::timeout(WITHIN, fetched(url, ca)).await.map_err(|_| WebError::TimedOut)?
}

async fn fetched(url: &str, ca: Option<&str>) -> Result<Bytes, WebError> {
    let uri: Uri = url.parse().map_err(|_| WebError::Address)?;
    let host = uri.host().ok_or(WebError::Address)?.trim_start_matches('[').trim_end_matches(']').to_owned();
    match uri.scheme_str() {
        Some("https") => {
            let tcp = TcpStream::connect((host.as_str(), uri.port_u16().unwrap_or(443))).await.map_err(WebError::Unreachable)?;
            let name = ServerName::try_from(host).map_err(|_| WebError::Address)?;
            let tls = tokio_rustls::TlsConnector::from(trusting(ca)?).connect(name, tcp).await.map_err(WebError::Unreachable)?;
            exchange(&uri, tls).await
        }
        Some("http") if ["127.0.0.1", "localhost", "::1"].contains(&host.as_str()) => {
            let tcp = TcpStream::connect((host.as_str(), uri.port_u16().unwrap_or(80))).await.map_err(WebError::Unreachable)?;
            exchange(&uri, tcp).await
        }
        _ => Err(WebError::Address),
    }
}

fn trusting(ca: Option<&str>) -> Result<Arc<rustls::ClientConfig>, WebError> {
    let mut roots = rustls::RootCertStore::empty();
    match ca {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                roots.add(certificate.map_err(|_| WebError::Authorities)?).map_err(|_| WebError::Authorities)?;
            }
        }
        None => {
            let found = SYSTEM_AUTHORITIES.iter().find_map(|file| CertificateDer::pem_file_iter(file).ok());
            // One that cannot be read is left out, as other programs do.
            roots.add_parsable_certificates(found.into_iter().flatten().filter_map(Result::ok));
        }
    }
    if roots.is_empty() {
        return Err(WebError::Authorities);
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(Arc::new(tls.map_err(|_| WebError::Authorities)?.with_root_certificates(roots).with_no_client_auth()))
}

async fn exchange(uri: &Uri, wire: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<Bytes, WebError> {
    let broken = |error: hyper::Error| WebError::Http(error.into());
    let (mut sender, connection) = http1::handshake(TokioIo::new(wire)).await.map_err(broken)?;
    let driver = tokio::spawn(connection);
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let host = uri.authority().map_or("", http::uri::Authority::as_str);
    let request = Request::get(path).header(header::HOST, host).header(header::ACCEPT, "application/json").body(Empty::<Bytes>::new());
    let answer = sender.send_request(request.map_err(|_| WebError::Address)?).await.map_err(broken)?;
    if answer.status() != StatusCode::OK {
        return Err(WebError::Status { status: answer.status() });
    }
    let document = Limited::new(answer.into_body(), BYTES_MAX).collect().await.map_err(WebError::Http)?.to_bytes();
    driver.abort();
    Ok(document)
}
