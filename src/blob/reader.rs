use super::backend::Backend;
use super::local::LocalFiles;
use super::{BlobError, cached};
use crate::domain::{BlobId, Location, limits};
use crate::seal::SealedChunks;
use bytes::Bytes;
use futures::future::try_join_all;
use object_store::ObjectStoreExt;
use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, OnceLock};

/// Remote bytes that are opened where they arrive; opening more would hold up other connections.
const OPENED_HERE_MAX: usize = 64 << 10;
/// Unwanted bytes between ranges that cost less than another request.
const GAPS_MAX: u64 = 1 << 20;
/// Bytes of one read for a checksum.
const CHECKED_BYTES: u64 = 512 << 10;

/// Reads one frame. Clones share the file that it opens at the first read.
#[must_use]
#[derive(Clone)]
pub struct BlobReader {
    backend: Arc<Backend>,
    location: Location,
    file: Arc<OnceLock<File>>,
}

/// Sealed bytes of a frame, read into memory.
pub struct SealedBytes(Bytes);

impl SealedBytes {
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
    pub(super) fn new(backend: Arc<Backend>, location: Location) -> Self {
        Self { backend, location, file: Arc::default() }
    }

    /// Where it reads.
    #[must_use]
    pub const fn location(&self) -> &Location {
        &self.location
    }

    /// The bytes `range` of the frame, counted from its first.
    ///
    /// # Errors
    /// [`BlobError`] when they are not all there, or the store fails.
    pub async fn read(&self, range: Range<u64>) -> Result<SealedBytes, BlobError> {
        let stored = self.stored(&range)?;
        let blob = self.location.blob;
        let Some(local) = &self.backend.local else {
            return self.fetch(stored).await.map(SealedBytes);
        };
        if let Some(read) = self.read_cached(local, std::slice::from_ref(&stored)) {
            return read.into_iter().next().ok_or(BlobError::Truncated { blob, wanted: stored.end });
        }
        self.blocking(move |reader, local| reader.read_here(local, &stored)).await
    }

    /// Several ranges, in their order, with one request where the store allows.
    ///
    /// # Errors
    /// [`BlobError`] when they are not all there, or the store fails.
    pub async fn read_many(&self, ranges: Vec<Range<u64>>) -> Result<Vec<SealedBytes>, BlobError> {
        let stored = ranges.iter().map(|range| self.stored(range)).collect::<Result<Vec<_>, _>>()?;
        let Some(local) = &self.backend.local else {
            return self.fetch_many(&stored).await;
        };
        if let Some(read) = self.read_cached(local, &stored) {
            return Ok(read);
        }
        self.blocking(move |reader, local| stored.iter().map(|range| reader.read_here(local, range)).collect()).await
    }

    /// Shows the bytes `range` of the frame to `f`, on the thread that read them, where they are still in
    /// the processor's cache. `f` may take its time.
    ///
    /// # Errors
    /// [`BlobError`] when they are not all there, or the store fails; `f` is not called then.
    pub async fn read_with<T, F>(&self, range: Range<u64>, f: F) -> Result<T, BlobError>
    where
        T: Send + 'static,
        F: FnOnce(SealedChunks<'_>) -> T + Send + 'static,
    {
        let stored = self.stored(&range)?;
        if self.backend.local.is_some() {
            let length = length(&stored);
            return self
                .blocking(move |reader, local| {
                    reader.backend.scratch.with(length, |buffer| {
                        reader.fill(local, buffer, stored.start)?;
                        Ok(f(SealedChunks::from_store(buffer)))
                    })
                })
                .await;
        }
        let bytes = self.fetch(stored).await?;
        if bytes.len() <= OPENED_HERE_MAX {
            return Ok(f(SealedChunks::from_store(&bytes)));
        }
        tokio::task::spawn_blocking(move || f(SealedChunks::from_store(&bytes))).await.map_err(|_| BlobError::Stopping)
    }

    /// CRC64NVME over the whole frame as stored, to be compared with the one on record. Needs no key.
    ///
    /// # Errors
    /// [`BlobError`] when the frame is not all there, or the store fails.
    pub async fn checksum(&self) -> Result<u64, BlobError> {
        let mut crc = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Nvme);
        let mut start = 0;
        while start < self.location.length {
            let end = start.saturating_add(CHECKED_BYTES).min(self.location.length);
            let stored = self.stored(&(start..end))?;
            if self.backend.local.is_some() {
                let check = move |reader: &Self, local: &LocalFiles| {
                    reader.backend.scratch.with(length(&stored), |buffer| {
                        reader.fill(local, buffer, stored.start)?;
                        crc.update(buffer);
                        Ok(crc)
                    })
                };
                crc = self.blocking(check).await?;
            } else {
                crc.update(&self.fetch(stored).await?);
            }
            start = end;
        }
        Ok(crc.finalize())
    }

    /// The bytes of the blob that are `range` of the frame.
    fn stored(&self, range: &Range<u64>) -> Result<Range<u64>, BlobError> {
        let Location { blob, offset, length } = self.location;
        let is_within = range.start <= range.end && range.end <= length && range.end - range.start <= limits::READ_BYTES_MAX;
        match (offset.checked_add(range.start), offset.checked_add(range.end)) {
            (Some(start), Some(end)) if is_within => Ok(start..end),
            _ => Err(BlobError::Range { blob, start: range.start, end: range.end }),
        }
    }

    async fn blocking<T, F>(&self, work: F) -> Result<T, BlobError>
    where
        T: Send + 'static,
        F: FnOnce(&Self, &LocalFiles) -> Result<T, BlobError> + Send + 'static,
    {
        let reader = self.clone();
        let here = move || match &reader.backend.local {
            Some(local) => work(&reader, local),
            None => Err(BlobError::Stopping),
        };
        tokio::task::spawn_blocking(here).await.map_err(|_| BlobError::Stopping)?
    }

    fn read_here(&self, local: &LocalFiles, stored: &Range<u64>) -> Result<SealedBytes, BlobError> {
        let mut buffer = vec![0; length(stored)];
        self.fill(local, &mut buffer, stored.start)?;
        Ok(SealedBytes(Bytes::from(buffer)))
    }

    fn fill(&self, local: &LocalFiles, buffer: &mut [u8], offset: u64) -> Result<(), BlobError> {
        let blob = self.location.blob;
        let file = match self.file.get() {
            Some(file) => file,
            None => {
                let opened = File::open(local.path(blob)).map_err(|source| BlobError::of_file(blob, source))?;
                self.file.get_or_init(|| opened)
            }
        };
        file.read_exact_at(buffer, offset).map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => BlobError::Truncated { blob, wanted: offset.saturating_add(buffer.len() as u64) },
            _ => BlobError::of_file(blob, source),
        })
    }

    /// Small reads that wait for nothing; nothing at all where one would.
    fn read_cached(&self, local: &LocalFiles, stored: &[Range<u64>]) -> Option<Vec<SealedBytes>> {
        if stored.iter().map(|range| range.end - range.start).sum::<u64>() > cached::BYTES_MAX {
            return None;
        }
        let file = match self.file.get() {
            Some(file) => file,
            None => {
                let opened = cached::open(local, self.location.blob)?;
                self.file.get_or_init(|| opened)
            }
        };
        let read = |range: &Range<u64>| {
            let mut buffer = vec![0; length(range)];
            cached::read(file, &mut buffer, range.start)?;
            Some(SealedBytes(Bytes::from(buffer)))
        };
        stored.iter().map(read).collect()
    }

    async fn fetch(&self, stored: Range<u64>) -> Result<Bytes, BlobError> {
        let blob = self.location.blob;
        if stored.is_empty() {
            // HTTP has no range for nothing.
            return Ok(Bytes::new());
        }
        match self.backend.objects.get_range(&self.backend.path(blob), stored.clone()).await {
            Ok(bytes) => whole(blob, &stored, bytes),
            Err(source) => Err(self.explain(stored.end, source).await),
        }
    }

    /// Neighbouring ranges come with one request.
    ///
    /// Not by the client's `get_ranges`: that one panics when an object is shorter than it should be.
    async fn fetch_many(&self, stored: &[Range<u64>]) -> Result<Vec<SealedBytes>, BlobError> {
        let start = stored.iter().map(|range| range.start).min().unwrap_or(0);
        let end = stored.iter().map(|range| range.end).max().unwrap_or(0);
        let wanted: u64 = stored.iter().map(|range| range.end - range.start).sum();
        if end - start > wanted.saturating_add(GAPS_MAX) {
            let each = stored.iter().map(|range| self.fetch(range.clone()));
            return Ok(try_join_all(each).await?.into_iter().map(SealedBytes).collect());
        }
        let all = self.fetch(start..end).await?;
        let cut = |range: &Range<u64>| {
            let bytes = all.slice_ref(all.get(length(&(start..range.start))..length(&(start..range.end))).unwrap_or_default());
            whole(self.location.blob, range, bytes).map(SealedBytes)
        };
        stored.iter().map(cut).collect()
    }

    /// Stores say in different ways that a range lies beyond the end, so the size is asked for.
    async fn explain(&self, wanted: u64, source: object_store::Error) -> BlobError {
        let blob = self.location.blob;
        let error = BlobError::of_store(blob, source);
        if !matches!(error, BlobError::Store { .. }) {
            return error;
        }
        match self.backend.objects.head(&self.backend.path(blob)).await {
            Ok(object) if object.size < wanted => BlobError::Truncated { blob, wanted },
            Ok(_) | Err(_) => error,
        }
    }
}

impl fmt::Debug for BlobReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobReader({:?})", self.location)
    }
}

fn length(range: &Range<u64>) -> usize {
    // Ranges are bounded by `limits::READ_BYTES_MAX`, which is a usize everywhere.
    usize::try_from(range.end - range.start).unwrap_or(0)
}

fn whole(blob: BlobId, stored: &Range<u64>, bytes: Bytes) -> Result<Bytes, BlobError> {
    if bytes.len() as u64 == stored.end - stored.start { Ok(bytes) } else { Err(BlobError::Truncated { blob, wanted: stored.end }) }
}
