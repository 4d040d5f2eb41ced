use super::{OpenStoreError, S3Settings};
use object_store::ObjectStore;
use std::sync::Arc;

#[cfg(not(feature = "s3-store"))]
pub(super) fn open(_settings: &S3Settings) -> Result<Arc<dyn ObjectStore>, OpenStoreError> {
    Err(OpenStoreError::NotBuiltIn)
}

/// A client of the bucket. Asks nothing yet.
#[cfg(feature = "s3-store")]
pub(super) fn open(settings: &S3Settings) -> Result<Arc<dyn ObjectStore>, OpenStoreError> {
    use super::Transport;
    use object_store::aws::AmazonS3Builder;
    use object_store::{BackoffConfig, Certificate, ClientOptions, RetryConfig};
    use std::time::Duration;

    let unusable = |source| OpenStoreError::Store { source: Box::new(source) };
    // A time-out for the whole request would cut large parts on slow lines; one for silence does not.
    let mut client = ClientOptions::new()
        .with_timeout_disabled()
        .with_connect_timeout(Duration::from_secs(5))
        .with_read_timeout(Duration::from_secs(20))
        .with_allow_http(settings.transport == Transport::PlainHttp);
    if let Some(path) = &settings.ca {
        let pem = std::fs::read(path).map_err(|source| OpenStoreError::File { path: path.clone(), source })?;
        for certificate in Certificate::from_pem_bundle(&pem).map_err(unusable)? {
            client = client.with_root_certificate(certificate);
        }
    }
    // With the crate's defaults a dead store would hold each client for three minutes.
    let retry = RetryConfig { backoff: BackoffConfig::default(), max_retries: 3, retry_timeout: Duration::from_secs(20) };
    let secret = secret(&settings.secret_file)?;
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&settings.bucket)
        .with_region(&settings.region)
        .with_access_key_id(&settings.access_key_id)
        .with_secret_access_key(secret.as_str())
        .with_client_options(client)
        .with_retry(retry);
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    if settings.transport == Transport::Tls {
        // TLS protects the body on the way; hashing it for the signature would cost more than sealing it.
        builder = builder.with_unsigned_payload(true);
    }
    Ok(Arc::new(builder.build().map_err(unusable)?))
}

#[cfg(feature = "s3-store")]
fn secret(path: &std::path::Path) -> Result<zeroize::Zeroizing<String>, OpenStoreError> {
    use std::io::Read;
    use std::os::unix::fs::MetadataExt;
    use zeroize::Zeroizing;

    let unreadable = |source| OpenStoreError::File { path: path.to_owned(), source };
    let mut file = std::fs::File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.mode() & 0o077 != 0 {
        return Err(OpenStoreError::OpenToOthers { path: path.to_owned() });
    }
    let mut text = Zeroizing::new(String::with_capacity(4_096));
    Read::by_ref(&mut file).take(4_096).read_to_string(&mut text).map_err(unreadable)?;
    let secret = Zeroizing::new(text.trim().to_owned());
    if secret.is_empty() { Err(OpenStoreError::NoSecret { path: path.to_owned() }) } else { Ok(secret) }
}
