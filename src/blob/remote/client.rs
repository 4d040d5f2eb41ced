//! What the clients of all remote stores have in common.

use crate::blob::{OpenStoreError, Transport};
use object_store::{BackoffConfig, Certificate, ClientOptions, RetryConfig};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// Bytes of a file with a secret: a service account with its key has about 2,400.
const SECRET_BYTES_MAX: u64 = 16 << 10;

/// How the service is reached, and whom to believe that it is the one.
pub(super) fn options(transport: Transport, ca: Option<&PathBuf>) -> Result<ClientOptions, OpenStoreError> {
    // A time-out for the whole request would cut large parts on slow lines; one for silence does not.
    let mut client = ClientOptions::new()
        .with_timeout_disabled()
        .with_connect_timeout(Duration::from_secs(5))
        .with_read_timeout(Duration::from_secs(20))
        .with_allow_http(transport == Transport::PlainHttp);
    if let Some(path) = ca {
        let pem = std::fs::read(path).map_err(|source| OpenStoreError::File { path: path.clone(), source })?;
        for certificate in Certificate::from_pem_bundle(&pem).map_err(unusable)? {
            client = client.with_root_certificate(certificate);
        }
    }
    Ok(client)
}

/// With the crate's defaults a dead store would hold each client for three minutes.
pub(super) fn retries() -> RetryConfig {
    RetryConfig { backoff: BackoffConfig::default(), max_retries: 3, retry_timeout: Duration::from_secs(20) }
}

/// The secret that a file holds.
pub(super) fn secret(path: &Path) -> Result<Zeroizing<String>, OpenStoreError> {
    let unreadable = |source| OpenStoreError::File { path: path.to_owned(), source };
    let no_secret = || OpenStoreError::NoSecret { path: path.to_owned() };
    let mut file = std::fs::File::open(path).map_err(unreadable)?;
    let facts = file.metadata().map_err(unreadable)?;
    if facts.mode() & 0o077 != 0 {
        return Err(OpenStoreError::OpenToOthers { path: path.to_owned() });
    }
    if facts.len() > SECRET_BYTES_MAX {
        return Err(no_secret());
    }
    // Made large enough at once: growing would leave copies behind.
    let mut text = Zeroizing::new(String::with_capacity(SECRET_BYTES_MAX as usize));
    Read::by_ref(&mut file).take(SECRET_BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
    let secret = Zeroizing::new(text.trim().to_owned());
    if secret.is_empty() { Err(no_secret()) } else { Ok(secret) }
}

pub(super) fn unusable(source: object_store::Error) -> OpenStoreError {
    OpenStoreError::Store { source: Box::new(source) }
}
