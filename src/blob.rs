//! The untrusted store: takes only sealed bytes, gives only sealed bytes.
//!
//! Never sees a key, a record's name or a patient: paths are random and dated. What it says is stored is
//! durable. Damage is for `seal` to notice; this module notices only what is missing or short.
//! Way in: [`BlobStore`].

mod backend;
mod cached;
mod error;
mod examine;
mod listing;
mod local;
mod marker;
mod probe;
mod reader;
mod remote;
mod scratch;
mod settings;
mod upload;
mod writer;

use crate::domain::{BlobId, Location, UtcTime};
use backend::Backend;
use futures::stream::BoxStream;
use object_store::{ObjectStore, ObjectStoreExt};
use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::sync::Arc;

pub use error::{BlobError, OpenStoreError};
pub use listing::{ListedBlob, Scope};
pub use marker::{MarkerError, StoreMarker};
pub use probe::{Overwrite, ProbeError, ProbeReport, ProbeStep};
pub use reader::{BlobReader, SealedBytes};
pub use settings::{BlobSettings, S3Settings, Transport};
pub use writer::{BlobWriter, Stored};

/// The store. Cheap to clone; clones share its connections, buffers and bounds.
#[derive(Clone)]
pub struct BlobStore(Arc<Backend>);

impl BlobStore {
    /// Opens the store that `settings` describe. A local directory is made if it is not there.
    ///
    /// Reaches no remote store yet: [`BlobStore::probe`] does.
    ///
    /// # Errors
    /// [`OpenStoreError`] when the directory cannot be made, or the settings cannot be used.
    pub fn open(settings: &BlobSettings) -> Result<Self, OpenStoreError> {
        Ok(Self(Arc::new(match settings {
            BlobSettings::Local { directory } => Backend::local(directory)?,
            BlobSettings::Memory => Backend::memory(),
            BlobSettings::S3(s3) => Backend::remote(remote::open(s3)?, &s3.prefix),
        })))
    }

    /// A store over any other object store, below `prefix`, written in parts as remote stores want them.
    #[must_use]
    pub fn over(objects: Arc<dyn ObjectStore>, prefix: &str) -> Self {
        Self(Arc::new(Backend::remote(objects, prefix)))
    }

    /// Begins a blob. Nothing of it exists for anyone until [`BlobWriter::finish`] returns.
    pub fn writer(&self, blob: BlobId) -> BlobWriter {
        BlobWriter::new(Arc::clone(&self.0), blob)
    }

    /// Begins reads of one frame, for several of them: the file behind it is opened once.
    pub fn reader(&self, location: &Location) -> BlobReader {
        BlobReader::new(Arc::clone(&self.0), *location)
    }

    /// The bytes `range` of a frame, counted from its first.
    ///
    /// # Errors
    /// [`BlobError`] when they are not all there, or the store fails.
    pub async fn read(&self, location: &Location, range: Range<u64>) -> Result<SealedBytes, BlobError> {
        self.reader(location).read(range).await
    }

    /// CRC64NVME over a frame as stored: [`Stored::crc`] while it is undamaged. Needs no key.
    ///
    /// # Errors
    /// [`BlobError`] when the frame is not all there, or the store fails.
    pub async fn checksum(&self, location: &Location) -> Result<u64, BlobError> {
        self.reader(location).checksum().await
    }

    /// CRC64NVME over a frame as the medium holds it, for who looks for rot: a page cache that has it is passed by where
    /// the system allows. Each piece is read once `turn` lets it, which is told its bytes. Needs no key.
    ///
    /// # Errors
    /// [`BlobError`] when the frame is not all there, or the store fails.
    pub async fn examine<F, Fut>(&self, location: &Location, turn: F) -> Result<u64, BlobError>
    where
        F: Fn(u64) -> Fut + Send + Sync,
        Fut: Future<Output = ()> + Send,
    {
        examine::checksum(&self.0, location, turn).await
    }

    /// What [`BlobStore::examine`] says of each of several frames, in their order. Small ones take one turn together.
    pub async fn examine_each<F, Fut>(&self, locations: &[Location], turn: F) -> Vec<Result<u64, BlobError>>
    where
        F: Fn(u64) -> Fut + Send + Sync,
        Fut: Future<Output = ()> + Send,
    {
        examine::each(&self.0, locations, turn).await
    }

    /// Deletes a blob. One that is not there is deleted already.
    ///
    /// Not durable at once on local disks: after a power cut the blob may be back, for the collector to find.
    ///
    /// # Errors
    /// [`BlobError`] when the store fails.
    pub async fn delete(&self, blob: BlobId) -> Result<(), BlobError> {
        match self.0.objects.delete(&self.0.path(blob)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(BlobError::of_store(blob, source)),
        }
    }

    /// All blobs of `scope`, in no promised order. Objects whose names are none of ours are passed over.
    #[must_use]
    pub fn list(&self, scope: Scope) -> BoxStream<'static, Result<ListedBlob, BlobError>> {
        listing::list(&self.0, scope)
    }

    /// The marker that says which index the bodies belong to; nothing where none was written yet.
    ///
    /// # Errors
    /// [`MarkerError`] when the store fails, or something else is in its place.
    pub async fn marker(&self) -> Result<Option<StoreMarker>, MarkerError> {
        marker::read(&self.0).await
    }

    /// Writes the marker, in place of the one before.
    ///
    /// # Errors
    /// [`MarkerError`] when the store fails or does not replace it.
    pub async fn mark(&self, marker: StoreMarker) -> Result<(), MarkerError> {
        marker::write(&self.0, marker).await
    }

    /// Removes what writes left behind that were cut off before `before`. Returns how many files went.
    ///
    /// Remote stores do not show uploads that were cut off: there a lifecycle rule of the bucket ends them.
    ///
    /// # Errors
    /// [`BlobError`] when the directory cannot be read.
    pub async fn remove_unfinished(&self, before: UtcTime) -> Result<u64, BlobError> {
        match &self.0.local {
            Some(local) => Arc::clone(local).remove_unfinished(before).await,
            None => Ok(0),
        }
    }

    /// Tries whether the store keeps what hozon relies on. Leaves nothing behind.
    ///
    /// Writes a few MiB, so it is for the start of a process, not for readiness checks.
    ///
    /// # Errors
    /// [`ProbeError`] names the first promise that it does not keep.
    pub async fn probe(&self, now: UtcTime) -> Result<ProbeReport, ProbeError> {
        probe::run(self, &self.0, now).await
    }
}

impl fmt::Debug for BlobStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobStore({})", self.0.objects)
    }
}
