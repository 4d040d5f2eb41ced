use super::backend::Backend;
use super::local::LocalFiles;
use super::reader::SealedBytes;
use super::stream::Pieces;
use super::{BlobError, cached};
use crate::domain::{BlobId, Location, limits};
use crate::seal::SealedChunks;
use bytes::Bytes;
use futures::future::try_join_all;
use object_store::{GetOptions, ObjectStoreExt};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, OnceLock};

/// Unwanted bytes between ranges that cost less than another request.
const GAPS_MAX: u64 = 1 << 20;
/// Bytes of one read for a checksum.
const CHECKED_BYTES: u64 = 512 << 10;

/// Reads one frame from one store. Clones share the file that it opens at the first read.
#[derive(Clone)]
pub(super) struct Source {
    backend: Arc<Backend>,
    location: Location,
    file: Arc<OnceLock<File>>,
}

impl Source {
    pub(super) fn new(backend: Arc<Backend>, location: Location) -> Self {
        Self { backend, location, file: Arc::default() }
    }

    pub(super) const fn location(&self) -> &Location {
        &self.location
    }

    /// Whether it reads files of this machine.
    pub(super) fn is_local(&self) -> bool {
        self.backend.local.is_some()
    }

    /// The bytes `range` of the frame, counted from its first.
    pub(super) async fn read(&self, range: Range<u64>) -> Result<SealedBytes, BlobError> {
        let stored = self.stored(&range)?;
        let blob = self.location.blob;
        let Some(local) = &self.backend.local else {
            return self.fetch(stored).await.map(SealedBytes::new);
        };
        if let Some(read) = self.read_cached(local, std::slice::from_ref(&stored)) {
            return read.into_iter().next().ok_or(BlobError::Truncated { blob, wanted: stored.end });
        }
        self.blocking(move |reader, local| reader.read_here(local, &stored)).await
    }

    /// Begins a request of a remote store. None where that fails; a plain read says why.
    pub(super) async fn begin(&self, range: Range<u64>) -> Option<Pieces> {
        let stored = self.stored(&range).ok()?;
        let options = GetOptions::new().with_range(Some(stored));
        let answer = self.backend.objects.get_opts(&self.backend.path(self.location.blob), options).await.ok()?;
        Some(answer.into_stream())
    }

    /// Several ranges, in their order, with one request where the store allows.
    pub(super) async fn read_many(&self, ranges: Vec<Range<u64>>) -> Result<Vec<SealedBytes>, BlobError> {
        let stored = ranges.iter().map(|range| self.stored(range)).collect::<Result<Vec<_>, _>>()?;
        let Some(local) = &self.backend.local else {
            return self.fetch_many(&stored).await;
        };
        if let Some(read) = self.read_cached(local, &stored) {
            return Ok(read);
        }
        self.blocking(move |reader, local| stored.iter().map(|range| reader.read_here(local, range)).collect()).await
    }

    /// Shows a range of a local frame to `f` on the thread that read it. When it could not be read, `f` comes back; not
    /// when the process is stopping.
    pub(super) async fn show<T, F>(&self, range: Range<u64>, f: F) -> Result<T, (BlobError, Option<F>)>
    where
        T: Send + 'static,
        F: FnOnce(SealedChunks<'_>) -> T + Send + 'static,
    {
        let stored = match self.stored(&range) {
            Ok(stored) => stored,
            Err(error) => return Err((error, Some(f))),
        };
        let length = length(&stored);
        let shown = self.blocking(move |reader, local| {
            Ok(reader.backend.scratch.with(length, |buffer| match reader.fill(local, buffer, stored.start) {
                Ok(()) => Ok(f(SealedChunks::from_store(buffer))),
                Err(error) => Err((error, Some(f))),
            }))
        });
        shown.await.map_err(|error| (error, None))?
    }

    /// CRC64NVME over the whole frame as stored, to be compared with the one on record. Needs no key.
    pub(super) async fn checksum(&self) -> Result<u64, BlobError> {
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
        Ok(SealedBytes::new(Bytes::from(buffer)))
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
            Some(SealedBytes::new(Bytes::from(buffer)))
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
            Err(source) => Err(self.backend.explain(blob, stored.end, source).await),
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
            return Ok(try_join_all(each).await?.into_iter().map(SealedBytes::new).collect());
        }
        let all = self.fetch(start..end).await?;
        let cut = |range: &Range<u64>| {
            let bytes = all.slice_ref(all.get(length(&(start..range.start))..length(&(start..range.end))).unwrap_or_default());
            whole(self.location.blob, range, bytes).map(SealedBytes::new)
        };
        stored.iter().map(cut).collect()
    }
}

fn length(range: &Range<u64>) -> usize {
    // Ranges are bounded by `limits::READ_BYTES_MAX`, which is a usize everywhere.
    usize::try_from(range.end - range.start).unwrap_or(0)
}

fn whole(blob: BlobId, stored: &Range<u64>, bytes: Bytes) -> Result<Bytes, BlobError> {
    if bytes.len() as u64 == stored.end - stored.start { Ok(bytes) } else { Err(BlobError::Truncated { blob, wanted: stored.end }) }
}
