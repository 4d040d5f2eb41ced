use super::local::LocalFiles;
use super::scratch::Scratch;
use super::{BlobError, OpenStoreError, remote};
use crate::domain::{BlobId, limits};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// What all handles of one store share.
pub(super) struct Backend {
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) prefix: Path,
    /// The files themselves, where the store is a local directory.
    pub(super) local: Option<Arc<LocalFiles>>,
    /// Bytes of every part of a large write but the last.
    pub(super) part_bytes: usize,
    /// Parts that may be in memory at a time, over all writes.
    pub(super) parts: Arc<Semaphore>,
    pub(super) scratch: Scratch,
}

impl Backend {
    pub(super) fn local(directory: &std::path::Path) -> Result<Self, OpenStoreError> {
        let local = LocalFiles::open(directory)?;
        // Renames into place once content and directory are on the disk. Empty directories stay:
        // removing one could race with a writer that has just found it.
        let objects = LocalFileSystem::new_with_prefix(directory)
            .map_err(|source| OpenStoreError::Store { source: Box::new(source) })?
            .with_fsync(true)
            .with_automatic_cleanup(false);
        Ok(Self { local: Some(Arc::new(local)), ..Self::new(Arc::new(objects), "", limits::LOCAL_WRITE_BYTES) })
    }

    pub(super) fn memory() -> Self {
        Self::new(Arc::new(InMemory::new()), "", limits::LOCAL_WRITE_BYTES)
    }

    pub(super) fn remote(objects: Arc<dyn ObjectStore>, prefix: &str) -> Self {
        Self::new(objects, prefix, limits::REMOTE_PART_BYTES)
    }

    fn new(objects: Arc<dyn ObjectStore>, prefix: &str, part_bytes: usize) -> Self {
        let parts = Arc::new(Semaphore::new(limits::WRITE_MEMORY_BYTES_MAX / part_bytes));
        Self { objects, prefix: Path::from(prefix), local: None, part_bytes, parts, scratch: Scratch::default() }
    }

    /// What a range read that failed says about the blob. Stores say in different ways that a range lies beyond the end,
    /// so the size is asked for.
    pub(super) async fn explain(&self, blob: BlobId, wanted: u64, source: object_store::Error) -> BlobError {
        // One that did not answer would be waited for a second time.
        let has_answered = !remote::is_unreachable(&source);
        let error = BlobError::of_store(blob, source);
        if !has_answered || !matches!(error, BlobError::Store { .. }) {
            return error;
        }
        match self.objects.head(&self.path(blob)).await {
            Ok(object) if object.size < wanted => BlobError::Truncated { blob, wanted },
            Ok(_) | Err(_) => error,
        }
    }

    pub(super) fn path(&self, blob: BlobId) -> Path {
        self.below(&blob.to_string())
    }

    pub(super) fn below(&self, name: &str) -> Path {
        self.prefix.parts().chain(Path::from(name).parts()).collect()
    }
}
