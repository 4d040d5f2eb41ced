//! The untrusted store: takes only sealed bytes, gives only sealed bytes.
//!
//! Never sees a key, a record's name or a patient: paths are random and dated. What it says is stored is
//! durable. Damage is for `seal` to notice; this module notices only what is missing or short.
//! Way in: [`BlobStore`].

mod archive;
mod backend;
mod behind;
mod cached;
mod copy;
mod error;
mod examine;
mod listing;
mod local;
mod marker;
mod probe;
mod reader;
mod remote;
mod replica;
mod scratch;
mod settings;
mod source;
mod stream;
mod upload;
mod writer;

use crate::domain::{BlobId, Location, UtcTime};
use crate::meters::Meters;
use backend::Backend;
use futures::future::OptionFuture;
use futures::stream::BoxStream;
use object_store::{ObjectStore, ObjectStoreExt};
use replica::Replica;
use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

pub use archive::{Archive, ArchiveError, ArchiveWriter, Archived};
pub use error::{BlobError, OpenStoreError};
pub use listing::{ListedBlob, Scope};
pub use marker::{MarkerError, StoreMarker};
pub use probe::{Overwrite, ProbeError, ProbeReport, ProbeStep};
pub use reader::{BlobReader, SealedBytes};
pub use settings::{
    AzureCredential, AzureSettings, BlobSettings, GcsSettings, Patience, ReplicaMode, ReplicaSettings, S3Settings, Transport,
};
pub use stream::BlobStream;
pub use writer::{BlobWriter, Stored};

/// The store. Cheap to clone; clones share its connections, buffers and bounds.
#[derive(Clone)]
pub struct BlobStore {
    first: Arc<Backend>,
    replica: Option<Arc<Replica>>,
}

impl BlobStore {
    /// Opens the store that `settings` describe. A local directory is made if it is not there.
    ///
    /// Reaches no remote store yet: [`BlobStore::probe`] does.
    ///
    /// # Errors
    /// [`OpenStoreError`] when the directory cannot be made, or the settings cannot be used.
    pub fn open(settings: &BlobSettings) -> Result<Self, OpenStoreError> {
        Ok(Self::of(match settings {
            BlobSettings::Local { directory } => Backend::local(directory)?,
            BlobSettings::Memory => Backend::memory(),
            BlobSettings::S3(s3) => Backend::remote(remote::s3(s3)?, &s3.prefix),
            BlobSettings::Azure(azure) => Backend::remote(remote::azure(azure)?, &azure.prefix),
            BlobSettings::Gcs(gcs) => Backend::remote(remote::gcs(gcs)?, &gcs.prefix),
        }))
    }

    /// A store over any other object store, below `prefix`, written in parts as remote stores want them.
    #[must_use]
    pub fn over(objects: Arc<dyn ObjectStore>, prefix: &str) -> Self {
        Self::of(Backend::remote(objects, prefix))
    }

    fn of(backend: Backend) -> Self {
        Self { first: Arc::new(backend), replica: None }
    }

    /// The same store with a second one that holds the same blobs. Reads that the store does not answer within
    /// `failover_after` are tried there. Nothing is changed there before it was [admitted](Self::admit_replica).
    #[must_use]
    pub fn with_replica(self, replica: &Self, mode: ReplicaMode, failover_after: Duration, meters: Arc<Meters>) -> Self {
        let replica = Replica::new(&self.first, Arc::clone(&replica.first), mode, failover_after, meters);
        Self { first: self.first, replica: Some(Arc::new(replica)) }
    }

    /// The store alone: what it gives never comes from its replica, and nothing done to it is done there.
    #[must_use]
    pub fn from_first(&self) -> Self {
        Self { first: Arc::clone(&self.first), replica: None }
    }

    /// The replica alone; nothing where there is none. For who compares the two, or mends one from the other.
    #[must_use]
    pub fn from_replica(&self) -> Option<Self> {
        self.replica.as_ref().map(|replica| Self { first: Arc::clone(replica.backend()), replica: None })
    }

    /// Says that the replica belongs to this store, so that it may be written.
    pub fn admit_replica(&self) {
        if let Some(replica) = &self.replica {
            replica.admit();
        }
    }

    /// The replica alone, if it may be written; nothing where there is none, or it is not admitted yet.
    #[must_use]
    pub fn admitted_replica(&self) -> Option<Self> {
        self.from_replica().filter(|_| self.replica.as_ref().is_some_and(|replica| replica.is_admitted()))
    }

    /// How many blobs of this node the replica does not have yet.
    #[must_use]
    pub fn waiting_for_replica(&self) -> usize {
        self.replica.as_ref().map_or(0, |replica| replica.waiting())
    }

    /// Copies a blob from this store to another, in place of what is there, and gives its CRC64NVME. With `crc` it is
    /// copied only if it has that one. Neither store's replica has a part in it.
    ///
    /// # Errors
    /// [`BlobError::Altered`] when its checksum is another one; [`BlobError`] when it is missing or a store fails.
    pub async fn copy(&self, blob: BlobId, to: &Self, crc: Option<u64>) -> Result<u64, BlobError> {
        copy::copy(&self.first, &to.first, blob, crc).await
    }

    /// Begins a blob. Nothing of it exists for anyone until [`BlobWriter::finish`] returns.
    pub fn writer(&self, blob: BlobId) -> BlobWriter {
        BlobWriter::new(Arc::clone(&self.first), self.replica.clone(), blob)
    }

    /// Begins reads of one frame, for several of them: the file behind it is opened once.
    pub fn reader(&self, location: &Location) -> BlobReader {
        BlobReader::new(Arc::clone(&self.first), self.replica.clone(), *location)
    }

    /// The bytes `range` of a frame, counted from its first.
    ///
    /// # Errors
    /// [`BlobError`] when they are not all there, or the store fails.
    pub async fn read(&self, location: &Location, range: Range<u64>) -> Result<SealedBytes, BlobError> {
        self.reader(location).read(range).await
    }

    /// CRC64NVME over a frame as this store has it, never as its replica has it: [`Stored::crc`] while it is undamaged.
    /// Needs no key.
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
        examine::checksum(&self.first, location, turn).await
    }

    /// What [`BlobStore::examine`] says of each of several frames, in their order. Small ones take one turn together.
    pub async fn examine_each<F, Fut>(&self, locations: &[Location], turn: F) -> Vec<Result<u64, BlobError>>
    where
        F: Fn(u64) -> Fut + Send + Sync,
        Fut: Future<Output = ()> + Send,
    {
        examine::each(&self.first, locations, turn).await
    }

    /// Deletes a blob, at the replica as well. One that is not there is deleted already.
    ///
    /// Not durable at once on local disks: after a power cut the blob may be back, for the collector to find.
    ///
    /// # Errors
    /// [`BlobError`] when the store fails.
    pub async fn delete(&self, blob: BlobId) -> Result<(), BlobError> {
        let at_replica = OptionFuture::from(self.replica.as_ref().map(|replica| async move {
            let deleted = match replica.admitted() {
                Ok(backend) => delete(backend, blob).await,
                Err(error) => Err(error),
            };
            replica.counted(deleted)
        }));
        let (first, at_replica) = futures::join!(delete(&self.first, blob), at_replica);
        first.and(at_replica.unwrap_or(Ok(())))
    }

    /// All blobs of `scope` in this store, in no promised order. Objects whose names are none of ours are passed over.
    #[must_use]
    pub fn list(&self, scope: Scope) -> BoxStream<'static, Result<ListedBlob, BlobError>> {
        listing::list(&self.first, scope)
    }

    /// The marker that says which index the bodies belong to; nothing where none was written yet.
    ///
    /// # Errors
    /// [`MarkerError`] when the store fails, or something else is in its place.
    pub async fn marker(&self) -> Result<Option<StoreMarker>, MarkerError> {
        marker::read(&self.first).await
    }

    /// Writes the marker, in place of the one before. The replica's is written by itself.
    ///
    /// # Errors
    /// [`MarkerError`] when the store fails or does not replace it.
    pub async fn mark(&self, marker: StoreMarker) -> Result<(), MarkerError> {
        marker::write(&self.first, marker).await
    }

    /// Removes what writes left behind that were cut off before `before`. Returns how many files went.
    ///
    /// Remote stores do not show uploads that were cut off: there a lifecycle rule of the bucket ends them.
    ///
    /// # Errors
    /// [`BlobError`] when the directory cannot be read.
    pub async fn remove_unfinished(&self, before: UtcTime) -> Result<u64, BlobError> {
        match &self.first.local {
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
        probe::run(&self.from_first(), &self.first, now).await
    }
}

async fn delete(backend: &Backend, blob: BlobId) -> Result<(), BlobError> {
    match backend.objects.delete(&backend.path(blob)).await {
        Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
        Err(source) => Err(BlobError::of_store(blob, source)),
    }
}

impl fmt::Debug for BlobStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobStore({})", self.first.objects)
    }
}
