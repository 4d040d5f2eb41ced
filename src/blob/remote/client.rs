//! What the clients of all remote stores have in common.

use crate::blob::{OpenStoreError, Patience, Transport};
use object_store::{BackoffConfig, Certificate, ClientOptions, RetryConfig};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// Bytes of a file with a secret: a service account with its key has about 2,400.
const SECRET_BYTES_MAX: u64 = 16 << 10;

/// The first pause before a request is asked again; the next ones are random, up to three times the one before.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_GROWTH: f64 = 3.0;
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// How the service is reached, how long it is waited for, and whom to believe that it is the one.
pub(super) fn options(transport: Transport, ca: Option<&PathBuf>, patience: &Patience) -> Result<ClientOptions, OpenStoreError> {
    let mut client = ClientOptions::new()
        .with_timeout(patience.request)
        .with_connect_timeout(patience.connect)
        .with_read_timeout(patience.answer)
        .with_allow_http(transport == Transport::PlainHttp);
    if let Some(path) = ca {
        let pem = std::fs::read(path).map_err(|source| OpenStoreError::File { path: path.clone(), source })?;
        for certificate in Certificate::from_pem_bundle(&pem).map_err(unusable)? {
            client = client.with_root_certificate(certificate);
        }
    }
    Ok(client)
}

/// When a request is asked again.
pub(super) const fn retries(patience: &Patience) -> RetryConfig {
    let backoff = BackoffConfig { init_backoff: PAUSE_FIRST, max_backoff: PAUSE_MAX, base: PAUSE_GROWTH };
    RetryConfig { backoff, max_retries: patience.retries, retry_timeout: patience.retry_time }
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
