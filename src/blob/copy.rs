//! Copies of whole blobs from one store to another.

use super::BlobError;
use super::backend::Backend;
use super::source::Source;
use super::upload::Upload;
use crate::domain::{BlobId, Location, limits};
use object_store::ObjectStoreExt;
use std::sync::Arc;

/// Copies a blob, and gives its CRC64NVME. With `crc` only a blob that has it is copied: otherwise nothing is written.
pub(super) async fn copy(from: &Arc<Backend>, to: &Arc<Backend>, blob: BlobId, crc: Option<u64>) -> Result<u64, BlobError> {
    let found = from.objects.head(&from.path(blob)).await.map_err(|source| BlobError::of_store(blob, source))?;
    let source = Source::new(Arc::clone(from), Location { blob, offset: 0, length: found.size });
    let mut upload = Upload::new(Arc::clone(to), blob);
    let mut start = 0;
    while start < found.size {
        let end = start.saturating_add(limits::COPY_BYTES).min(found.size);
        upload.push(source.read(start..end).await?.into_bytes()).await?;
        start = end;
    }
    if crc.is_some_and(|crc| crc != upload.crc()) {
        return Err(BlobError::Altered { blob });
    }
    upload.finish().await
}
