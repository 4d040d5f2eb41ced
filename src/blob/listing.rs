use super::BlobError;
use super::backend::Backend;
use crate::domain::{BlobId, Day, TenantId, UtcTime};
use futures::stream::{BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};
use std::future::ready;

/// Which blobs are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All.
    All,
    /// Those of one tenant.
    Tenant(TenantId),
    /// Those of one tenant that were stored on one day.
    Day(TenantId, Day),
}

/// A blob as the store lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedBlob {
    /// Its name.
    pub blob: BlobId,
    /// Its bytes.
    pub bytes: u64,
    /// When it was stored, on the store's clock.
    pub modified: UtcTime,
}

pub(super) fn list(backend: &Backend, scope: Scope) -> BoxStream<'static, Result<ListedBlob, BlobError>> {
    let below = match scope {
        Scope::All => backend.prefix.clone(),
        Scope::Tenant(tenant) => backend.below(&tenant.to_string()),
        Scope::Day(tenant, day) => backend.below(&format!("{tenant}/{day}")),
    };
    let prefix = backend.prefix.clone();
    let listed = backend.objects.list(Some(&below)).filter_map(move |found| {
        ready(match found {
            Ok(object) => ours(&object, &prefix).map(Ok),
            Err(source) => Some(Err(BlobError::List(Box::new(source)))),
        })
    });
    listed.boxed()
}

/// The blob that an object is, unless someone else put it there.
fn ours(object: &ObjectMeta, prefix: &Path) -> Option<ListedBlob> {
    let parts: Vec<_> = object.location.prefix_match(prefix)?.collect();
    let name = parts.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join("/");
    // Only the one way in which we write it: otherwise two names would stand for one blob.
    let blob = BlobId::parse(&name).ok().filter(|blob| blob.to_string() == name)?;
    Some(ListedBlob { blob, bytes: object.size, modified: UtcTime::from_micros(object.last_modified.timestamp_micros()) })
}
