use super::BlobError;
use super::backend::Backend;
use super::local::{LocalFiles, Walk};
use crate::domain::{BlobId, Day, TenantId, UtcTime};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};
use std::future::ready;
use std::io;
use std::sync::Arc;

/// Files that are looked at before the listing hands some over.
const AT_A_TIME: usize = 500;

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
        Scope::All => String::new(),
        Scope::Tenant(tenant) => tenant.to_string(),
        Scope::Day(tenant, day) => format!("{tenant}/{day}"),
    };
    if let Some(local) = &backend.local {
        return files(Arc::clone(local), below);
    }
    let prefix = backend.prefix.clone();
    let listed = backend.objects.list(Some(&backend.below(&below))).filter_map(move |found| {
        ready(match found {
            Ok(object) => ours(&object, &prefix).map(Ok),
            Err(source) => Some(Err(BlobError::List(Box::new(source)))),
        })
    });
    listed.boxed()
}

/// The files of a local directory. A listing ends where it fails: what lies behind is not known.
fn files(local: Arc<LocalFiles>, below: String) -> BoxStream<'static, Result<ListedBlob, BlobError>> {
    let listed = stream::try_unfold(None::<Walk>, move |walk| {
        let (local, below) = (Arc::clone(&local), below.clone());
        let read = move || {
            let mut walk = match walk {
                Some(walk) => walk,
                None => local.walk(&below)?,
            };
            let some = walk.some(AT_A_TIME)?;
            Ok((!some.is_empty()).then(|| (stream::iter(some.into_iter().map(Ok)), Some(walk))))
        };
        async move {
            let read: io::Result<_> = tokio::task::spawn_blocking(read).await.map_err(|_| BlobError::Stopping)?;
            read.map_err(|source| BlobError::List(Box::new(source)))
        }
    });
    listed.try_flatten().boxed()
}

/// The blob that an object is, unless someone else put it there.
fn ours(object: &ObjectMeta, prefix: &Path) -> Option<ListedBlob> {
    let parts: Vec<_> = object.location.prefix_match(prefix)?.collect();
    let name = parts.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join("/");
    // Only the one way in which we write it: otherwise two names would stand for one blob.
    let blob = BlobId::parse(&name).ok().filter(|blob| blob.to_string() == name)?;
    Some(ListedBlob { blob, bytes: object.size, modified: UtcTime::from_micros(object.last_modified.timestamp_micros()) })
}
