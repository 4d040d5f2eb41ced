use super::client::{options, retries, secret, unusable};
use crate::blob::{GcsSettings, OpenStoreError};
use object_store::ObjectStore;
use object_store::gcp::GoogleCloudStorageBuilder;
use std::sync::Arc;

pub(super) fn open(settings: &GcsSettings) -> Result<Arc<dyn ObjectStore>, OpenStoreError> {
    // Read here and not by the client, which would take a file that others may open.
    let account = secret(&settings.service_account_file)?;
    let mut builder = GoogleCloudStorageBuilder::new()
        .with_bucket_name(&settings.bucket)
        .with_service_account_key(account.as_str())
        .with_client_options(options(settings.transport, settings.ca.as_ref(), &settings.patience)?)
        .with_retry(retries(&settings.patience));
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_base_url(endpoint);
    }
    Ok(Arc::new(builder.build().map_err(unusable)?))
}
