use super::client::{options, retries, secret, unusable};
use crate::blob::{OpenStoreError, S3Settings, Transport};
use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;
use std::sync::Arc;

pub(super) fn open(settings: &S3Settings) -> Result<Arc<dyn ObjectStore>, OpenStoreError> {
    let secret = secret(&settings.secret_file)?;
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&settings.bucket)
        .with_region(&settings.region)
        .with_access_key_id(&settings.access_key_id)
        .with_secret_access_key(secret.as_str())
        .with_client_options(options(settings.transport, settings.ca.as_ref(), &settings.patience)?)
        .with_retry(retries(&settings.patience));
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    if settings.transport == Transport::Tls {
        // TLS protects the body on the way; hashing it for the signature would cost more than sealing it.
        builder = builder.with_unsigned_payload(true);
    }
    Ok(Arc::new(builder.build().map_err(unusable)?))
}
