use super::BlobError;
use super::backend::Backend;
use super::replica::Replica;
use super::source::Source;
use super::stream::{BlobStream, Pieces};
use crate::domain::Location;
use crate::seal::SealedChunks;
use bytes::Bytes;
use futures::future::{Either, select};
use std::fmt;
use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;

/// Bytes in memory that are opened where they are; opening more would hold up other connections.
const OPENED_HERE_MAX: usize = 64 << 10;

/// Reads one frame, from the store or, where that fails, from its replica. Clones share the files that they open.
#[must_use]
#[derive(Clone)]
pub struct BlobReader {
    first: Source,
    spare: Option<Spare>,
}

/// The same frame in the replica.
#[derive(Clone)]
struct Spare {
    replica: Arc<Replica>,
    source: Source,
}

/// Sealed bytes of a frame, read into memory.
pub struct SealedBytes(Bytes);

impl SealedBytes {
    pub(super) const fn new(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// All of them.
    #[must_use]
    pub fn chunks(&self) -> SealedChunks<'_> {
        SealedChunks::from_store(&self.0)
    }

    /// Those of `range`, counted from the first; as many of them as there are.
    #[must_use]
    pub fn slice(&self, range: Range<u64>) -> SealedChunks<'_> {
        let end = usize::try_from(range.end).unwrap_or(usize::MAX).min(self.0.len());
        let start = usize::try_from(range.start).unwrap_or(usize::MAX).min(end);
        SealedChunks::from_store(self.0.get(start..end).unwrap_or_default())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_bytes(self) -> Bytes {
        self.0
    }

    pub(super) fn is(&self, content: &Bytes) -> bool {
        self.0 == content
    }
}

impl fmt::Debug for SealedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedBytes({} bytes)", self.len())
    }
}

impl BlobReader {
    pub(super) fn new(first: Arc<Backend>, replica: Option<Arc<Replica>>, location: Location) -> Self {
        let spare = replica.map(|replica| Spare { source: Source::new(Arc::clone(replica.backend()), location), replica });
        Self { first: Source::new(first, location), spare }
    }

    /// Where it reads.
    #[must_use]
    pub const fn location(&self) -> &Location {
        self.first.location()
    }

    /// Whether a read is one of a file of this machine, and not a request over the network.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.first.is_local()
    }

    /// The bytes `range` of the frame, counted from its first.
    ///
    /// # Errors
    /// [`BlobError`] when they are not all there, or the store fails.
    pub async fn read(&self, range: Range<u64>) -> Result<SealedBytes, BlobError> {
        match &self.spare {
            None => self.first.read(range).await,
            Some(spare) => {
                let read = |source: Source| {
                    let range = range.clone();
                    async move { source.read(range).await }
                };
                self.either(spare, read).await
            }
        }
    }

    /// Several ranges, in their order, with one request where the store allows.
    ///
    /// # Errors
    /// [`BlobError`] when they are not all there, or the store fails.
    pub async fn read_many(&self, ranges: Vec<Range<u64>>) -> Result<Vec<SealedBytes>, BlobError> {
        match &self.spare {
            None => self.first.read_many(ranges).await,
            Some(spare) => {
                let read = |source: Source| {
                    let ranges = ranges.clone();
                    async move { source.read_many(ranges).await }
                };
                self.either(spare, read).await
            }
        }
    }

    /// The bytes `range` of the frame one after the other, from a store that is not local.
    pub fn stream(&self, range: Range<u64>) -> BlobStream {
        BlobStream::new(self.clone(), range)
    }

    /// Asks for a range whose bytes come one after the other: the replica while the first store rests. None where it fails.
    pub(super) async fn begin(&self, range: Range<u64>) -> Option<Pieces> {
        match &self.spare {
            Some(spare) if spare.replica.first_rests() => {
                let pieces = spare.source.begin(range).await?;
                Some(spare.served(pieces))
            }
            _ => self.awaited(self.first.begin(range)).await?,
        }
    }

    /// What `coming` gives, unless there is a replica and it takes as long as nobody waits for the first store.
    pub(super) async fn awaited<F: Future>(&self, coming: F) -> Option<F::Output> {
        let Some(spare) = &self.spare else {
            return Some(coming.await);
        };
        let came = tokio::time::timeout(spare.replica.failover_after(), coming).await;
        if came.is_err() {
            spare.first_failed(&self.first, None);
        }
        came.ok()
    }

    /// Shows the bytes `range` of the frame to `f`, on the thread that read them where that is one of ours, so that they
    /// are still in the processor's cache. `f` may take its time.
    ///
    /// # Errors
    /// [`BlobError`] when they are not all there, or the store fails; `f` is not called then.
    pub async fn read_with<T, F>(&self, range: Range<u64>, f: F) -> Result<T, BlobError>
    where
        T: Send + 'static,
        F: FnOnce(SealedChunks<'_>) -> T + Send + 'static,
    {
        if !self.first.is_local() {
            return shown(self.read(range).await?, f).await;
        }
        match (self.first.show(range.clone(), f).await, &self.spare) {
            (Ok(done), _) => Ok(done),
            (Err((error, Some(f))), Some(spare)) if error.may_be_elsewhere() => {
                let bytes = spare.after(&self.first, error, spare.source.read(range).await)?;
                shown(bytes, f).await
            }
            (Err((error, _)), _) => Err(error),
        }
    }

    /// CRC64NVME over the whole frame as stored, to be compared with the one on record. Needs no key. It is about one
    /// store, so it never comes from the replica: see [`super::BlobStore::from_replica`].
    ///
    /// # Errors
    /// [`BlobError`] when the frame is not all there, or the store fails.
    pub async fn checksum(&self) -> Result<u64, BlobError> {
        self.first.checksum().await
    }

    /// What one store gives, the other one where that fails or takes too long.
    ///
    /// A read that is late goes on beside the one that is to replace it, and whichever ends first counts. That is safe:
    /// blobs never change, so that both give the same, and what either gives is opened with authentication.
    async fn either<T, F, Fut>(&self, spare: &Spare, read: F) -> Result<T, BlobError>
    where
        F: Fn(Source) -> Fut,
        Fut: Future<Output = Result<T, BlobError>>,
    {
        let first = || read(self.first.clone());
        let second = || read(spare.source.clone());
        if spare.replica.first_rests() {
            return match second().await {
                Ok(bytes) => Ok(spare.served(bytes)),
                Err(replica) if replica.may_be_elsewhere() => first().await.map_err(|error| spare.worse(error, replica)),
                Err(replica) => Err(replica),
            };
        }
        let mut begun = pin!(first());
        match tokio::time::timeout(spare.replica.failover_after(), &mut begun).await {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(error)) if error.may_be_elsewhere() => spare.after(&self.first, error, second().await),
            Ok(Err(error)) => Err(error),
            Err(_late) => {
                spare.first_failed(&self.first, None);
                match select(begun, pin!(second())).await {
                    Either::Left((Ok(bytes), _)) => Ok(bytes),
                    Either::Right((Ok(bytes), _)) => Ok(spare.served(bytes)),
                    Either::Left((Err(error), replica)) => spare.after(&self.first, error, replica.await),
                    Either::Right((Err(replica), first)) => first.await.map_err(|error| spare.worse(error, replica)),
                }
            }
        }
    }
}

impl Spare {
    /// What the replica gave, after the first store has failed.
    fn after<T>(&self, first: &Source, error: BlobError, given: Result<T, BlobError>) -> Result<T, BlobError> {
        self.first_failed(first, Some(&error));
        match given {
            Ok(bytes) => Ok(self.served(bytes)),
            Err(replica) => Err(self.worse(error, replica)),
        }
    }

    /// Remembers that the first store is not to be asked for a while: not for one blob's sake, and not where it is a
    /// disk, on which one file says nothing about the next.
    fn first_failed(&self, first: &Source, error: Option<&BlobError>) {
        if !first.is_local() && error.is_none_or(BlobError::is_of_store) {
            self.replica.let_first_rest();
        }
    }

    fn served<T>(&self, bytes: T) -> T {
        self.replica.meters().replica_failover();
        bytes
    }

    /// Which error counts when both failed. Where either store could not be asked, the bytes may still be there.
    fn worse(&self, first: BlobError, replica: BlobError) -> BlobError {
        if !replica.is_of_store() {
            return first;
        }
        self.replica.meters().replica_error();
        if first.is_of_store() { first } else { replica.at_replica() }
    }
}

impl fmt::Debug for BlobReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobReader({:?})", self.location())
    }
}

async fn shown<T, F>(bytes: SealedBytes, f: F) -> Result<T, BlobError>
where
    T: Send + 'static,
    F: FnOnce(SealedChunks<'_>) -> T + Send + 'static,
{
    if bytes.0.len() <= OPENED_HERE_MAX {
        return Ok(f(bytes.chunks()));
    }
    tokio::task::spawn_blocking(move || f(bytes.chunks())).await.map_err(|_| BlobError::Stopping)
}
