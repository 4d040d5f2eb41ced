use super::client::{options, retries, secret, unusable};
use crate::blob::{AzureCredential, AzureSettings, OpenStoreError};
use object_store::ObjectStore;
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use std::sync::Arc;

pub(super) fn open(settings: &AzureSettings) -> Result<Arc<dyn ObjectStore>, OpenStoreError> {
    let secret = secret(&settings.secret_file)?;
    // The kind is named, or the client would look for credentials elsewhere when this one is no good.
    let (key, kind) = match settings.credential {
        AzureCredential::AccessKey => (AzureConfigKey::AccessKey, "access_key"),
        AzureCredential::Sas => (AzureConfigKey::SasKey, "sas_token"),
    };
    let mut builder = MicrosoftAzureBuilder::new()
        .with_account(&settings.account)
        .with_container_name(&settings.container)
        .with_config(key, secret.as_str())
        .with_credential_type(kind)
        .with_client_options(options(settings.transport, settings.ca.as_ref(), &settings.patience)?)
        .with_retry(retries(&settings.patience));
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_endpoint(endpoint.clone());
    }
    Ok(Arc::new(builder.build().map_err(unusable)?))
}
