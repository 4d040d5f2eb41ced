use super::backend::Backend;
use super::{BlobSettings, OpenStoreError, remote};
use crate::files::make_directory;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::{Error, GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt, PutPayload, WriteMultipart};
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// Bytes of a part of a large object.
const PART_BYTES: usize = 8 << 20;
/// Bytes of one read. Each is taken whole before any of it is used: who takes their time in between holds no request open.
const READ_BYTES: u64 = 4 << 20;
/// Parts that are on their way at a time.
const PARTS_AT_ONCE: usize = 2;

/// A store that things are added to under new names, and never changed or deleted: for backups.
#[derive(Clone)]
pub struct Archive {
    backend: Arc<Backend>,
    /// Where the files are, of a local one.
    directory: Option<PathBuf>,
}

/// An archive failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// There is nothing of this name.
    #[error("`{name}` is not in the backup's store")]
    Missing {
        /// Which.
        name: String,
    },
    /// The store failed.
    #[error("the backup's store failed on `{name}`")]
    Store {
        /// Which.
        name: String,
        /// How.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What an archive holds under one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archived {
    /// Its name, without what all of the archive's begin with.
    pub name: String,
    /// Its bytes.
    pub bytes: u64,
}

/// Bytes on their way into an archive. Nothing is there under the name before [`finish`](Self::finish) returns; nor ever,
/// if it is dropped before.
pub struct ArchiveWriter {
    archive: Archive,
    name: String,
    held: Vec<Bytes>,
    held_bytes: usize,
    written: u64,
    large: Option<WriteMultipart>,
}

impl Archive {
    /// Opens the store that `settings` describe. A local directory is made if it is not there. Reaches no remote store yet.
    ///
    /// # Errors
    /// [`OpenStoreError`] when the directory cannot be made, or the settings cannot be used.
    pub fn open(settings: &BlobSettings) -> Result<Self, OpenStoreError> {
        let (backend, directory) = match settings {
            BlobSettings::Local { directory } => (Backend::local(directory)?, Some(directory.clone())),
            BlobSettings::Memory => (Backend::memory(), None),
            BlobSettings::S3(s3) => (Backend::remote(remote::s3(s3)?, &s3.prefix), None),
            BlobSettings::Azure(azure) => (Backend::remote(remote::azure(azure)?, &azure.prefix), None),
            BlobSettings::Gcs(gcs) => (Backend::remote(remote::gcs(gcs)?, &gcs.prefix), None),
        };
        Ok(Self { backend: Arc::new(backend), directory })
    }

    /// An archive over any other object store.
    #[must_use]
    pub fn over(objects: Arc<dyn ObjectStore>, prefix: &str) -> Self {
        Self { backend: Arc::new(Backend::remote(objects, prefix)), directory: None }
    }

    /// Begins an object. Its name must be a new one.
    #[must_use]
    pub fn writer(&self, name: &str) -> ArchiveWriter {
        ArchiveWriter { archive: self.clone(), name: name.to_owned(), held: Vec::new(), held_bytes: 0, written: 0, large: None }
    }

    /// What there is below a name, in the order of names.
    ///
    /// # Errors
    /// [`ArchiveError`] when the store fails.
    pub async fn list(&self, below: &str) -> Result<Vec<Archived>, ArchiveError> {
        let place = if below.is_empty() { self.backend.prefix.clone() } else { self.backend.below(below) };
        self.found(below, self.backend.objects.list(Some(&place))).await
    }

    /// The first parts of all names that have more than one, in order. Quick, however much lies below each.
    ///
    /// # Errors
    /// [`ArchiveError`] when the store fails.
    pub async fn folders(&self) -> Result<Vec<String>, ArchiveError> {
        let prefix = self.backend.prefix.clone();
        let place = (!prefix.as_ref().is_empty()).then_some(&prefix);
        let found = self.backend.objects.list_with_delimiter(place).await.map_err(|source| failed("", source))?;
        let last = |path: &object_store::path::Path| path.prefix_match(&prefix)?.next().map(|part| part.as_ref().to_owned());
        let mut folders: Vec<String> = found.common_prefixes.iter().filter_map(last).collect();
        folders.sort();
        Ok(folders)
    }

    /// What [`list`](Self::list) finds, of names that come after `after`.
    ///
    /// # Errors
    /// [`ArchiveError`] when the store fails.
    pub async fn list_after(&self, below: &str, after: &str) -> Result<Vec<Archived>, ArchiveError> {
        let (place, after) = (self.backend.below(below), self.backend.below(after));
        self.found(below, self.backend.objects.list_with_offset(Some(&place), &after)).await
    }

    async fn found(
        &self,
        below: &str,
        objects: BoxStream<'static, object_store::Result<ObjectMeta>>,
    ) -> Result<Vec<Archived>, ArchiveError> {
        let prefix = self.backend.prefix.clone();
        let mut found: Vec<Archived> = objects
            .try_filter_map(|object| {
                let parts =
                    object.location.prefix_match(&prefix).map(|parts| parts.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>());
                std::future::ready(Ok(parts.map(|parts| Archived { name: parts.join("/"), bytes: object.size })))
            })
            .try_collect()
            .await
            .map_err(|source| failed(below, source))?;
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    /// The bytes of an object, from its first.
    ///
    /// # Errors
    /// [`ArchiveError`], also later in the stream.
    pub async fn read(&self, name: &str) -> Result<BoxStream<'static, Result<Bytes, ArchiveError>>, ArchiveError> {
        let (first, size) = match self.read_at(name, 0..READ_BYTES).await {
            Ok(read) => read,
            // Nothing has no first bytes to ask for.
            Err(error) => match self.backend.objects.head(&self.backend.below(name)).await {
                Ok(object) if object.size == 0 => return Ok(stream::empty().boxed()),
                Ok(_) | Err(_) => return Err(error),
            },
        };
        let (archive, name, at) = (self.clone(), name.to_owned(), first.len() as u64);
        let rest = stream::try_unfold((archive, name, at), move |(archive, name, at)| async move {
            if at >= size {
                return Ok(None);
            }
            let (read, _size) = archive.read_at(&name, at..size.min(at + READ_BYTES)).await?;
            let next = at + read.len() as u64;
            Ok((next > at).then_some((read, (archive, name, next))))
        });
        Ok(stream::iter([Ok(first)]).chain(rest).boxed())
    }

    /// A range of an object as far as it goes, and the size of the whole.
    async fn read_at(&self, name: &str, range: Range<u64>) -> Result<(Bytes, u64), ArchiveError> {
        let options = GetOptions::new().with_range(Some(range));
        let read = async {
            let found = self.backend.objects.get_opts(&self.backend.below(name), options).await?;
            let size = found.meta.size;
            Ok((found.bytes().await?, size))
        };
        read.await.map_err(|source| failed(name, source))
    }

    /// Makes the directory of a local object durable before the object.
    async fn make_place(&self, name: &str) -> Result<(), ArchiveError> {
        let (Some(directory), Some((above, _))) = (&self.directory, name.rsplit_once('/')) else { return Ok(()) };
        let (place, name) = (directory.join(above), name.to_owned());
        let made = tokio::task::spawn_blocking(move || if place.is_dir() { Ok(()) } else { make_directory(&place) }).await;
        let made = made.unwrap_or_else(|_stopping| Err(std::io::ErrorKind::Interrupted.into()));
        made.map_err(|source| ArchiveError::Store { name, source: Box::new(source) })
    }
}

impl ArchiveWriter {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`ArchiveError`] when the store fails.
    pub async fn push(&mut self, bytes: Bytes) -> Result<(), ArchiveError> {
        self.written += bytes.len() as u64;
        if let Some(large) = &mut self.large {
            large.wait_for_capacity(PARTS_AT_ONCE).await.map_err(|source| failed(&self.name, source))?;
            large.put(bytes);
            return Ok(());
        }
        self.held_bytes += bytes.len();
        self.held.push(bytes);
        if self.held_bytes > PART_BYTES {
            self.archive.make_place(&self.name).await?;
            let multipart = self.archive.backend.objects.put_multipart(&self.archive.backend.below(&self.name)).await;
            let mut large = WriteMultipart::new_with_chunk_size(multipart.map_err(|source| failed(&self.name, source))?, PART_BYTES);
            self.held.drain(..).for_each(|piece| large.put(piece));
            self.large = Some(large);
        }
        Ok(())
    }

    /// Makes the object durable. Returns its bytes.
    ///
    /// # Errors
    /// [`ArchiveError`]: it may be there or not.
    pub async fn finish(self) -> Result<u64, ArchiveError> {
        let Self { archive, name, held, written, large, .. } = self;
        match large {
            Some(large) => large.finish().await.map(drop),
            None => {
                archive.make_place(&name).await?;
                archive.backend.objects.put(&archive.backend.below(&name), PutPayload::from_iter(held)).await.map(drop)
            }
        }
        .map_err(|source| failed(&name, source))?;
        Ok(written)
    }

    /// Gives it up.
    pub async fn abort(self) {
        if let Some(large) = self.large
            && let Err(error) = large.abort().await
        {
            tracing::info!(name = self.name, %error, "an object of the backup that was given up may have left parts in its store");
        }
    }
}

fn failed(name: &str, source: Error) -> ArchiveError {
    match source {
        Error::NotFound { .. } => ArchiveError::Missing { name: name.to_owned() },
        source => ArchiveError::Store { name: name.to_owned(), source: Box::new(source) },
    }
}

impl fmt::Debug for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Archive({})", self.backend.objects)
    }
}

impl fmt::Debug for ArchiveWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ArchiveWriter({}, {} bytes so far)", self.name, self.written)
    }
}
