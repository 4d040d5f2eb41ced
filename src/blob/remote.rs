//! Clients of remote stores. None asks anything yet. A client that was not built in says so.

#[cfg(feature = "azure-store")]
mod azure;
#[cfg(any(feature = "s3-store", feature = "azure-store", feature = "gcs-store"))]
mod client;
#[cfg(feature = "gcs-store")]
mod gcs;
#[cfg(feature = "s3-store")]
mod s3;

use super::{AzureSettings, GcsSettings, OpenStoreError, S3Settings};
use object_store::ObjectStore;
use std::error::Error;
use std::io;
use std::sync::Arc;

#[cfg(feature = "s3-store")]
pub(super) fn s3(settings: &S3Settings) -> Result<Arc<dyn ObjectStore>, OpenStoreError> {
    s3::open(settings)
}

#[cfg(not(feature = "s3-store"))]
pub(super) const fn s3(_settings: &S3Settings) -> Result<Arc<dyn ObjectStore>, OpenStoreError> {
    Err(OpenStoreError::NotBuiltIn { kind: "S3", feature: "s3-store" })
}

#[cfg(feature = "azure-store")]
pub(super) fn azure(settings: &AzureSettings) -> Result<Arc<dyn ObjectStore>, OpenStoreError> {
    azure::open(settings)
}

#[cfg(not(feature = "azure-store"))]
pub(super) const fn azure(_settings: &AzureSettings) -> Result<Arc<dyn ObjectStore>, OpenStoreError> {
    Err(OpenStoreError::NotBuiltIn { kind: "Azure Blob Storage", feature: "azure-store" })
}

#[cfg(feature = "gcs-store")]
pub(super) fn gcs(settings: &GcsSettings) -> Result<Arc<dyn ObjectStore>, OpenStoreError> {
    gcs::open(settings)
}

#[cfg(not(feature = "gcs-store"))]
pub(super) const fn gcs(_settings: &GcsSettings) -> Result<Arc<dyn ObjectStore>, OpenStoreError> {
    Err(OpenStoreError::NotBuiltIn { kind: "Google Cloud Storage", feature: "gcs-store" })
}

/// Whether a store failed before it answered: it was not to be reached, or fell silent.
pub(super) fn is_unreachable(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<io::Error>() || is_of_wire(error) {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(any(feature = "s3-store", feature = "azure-store", feature = "gcs-store"))]
fn is_of_wire(error: &(dyn Error + 'static)) -> bool {
    error.is::<object_store::client::HttpError>()
}

#[cfg(not(any(feature = "s3-store", feature = "azure-store", feature = "gcs-store")))]
const fn is_of_wire(_error: &(dyn Error + 'static)) -> bool {
    false
}
