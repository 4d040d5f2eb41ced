use super::{BlobError, OpenStoreError};
use crate::domain::{BlobId, Day, TenantId, UtcTime};
use crate::files::{make_directory, sync_directory};
use std::collections::HashSet;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::UNIX_EPOCH;

mod walk;

pub(super) use walk::Walk;

/// Directories of which it is remembered that they are durable. Forgetting one costs two fsyncs.
const DURABLE_MAX: usize = 10_000;

/// The files of a local store.
///
/// `object_store` writes them; what it leaves open is closed here: directories that are private and
/// durable before the first file in them, leftovers of writes that were cut off, and fast reads.
pub(super) struct LocalFiles {
    directory: PathBuf,
    durable: Mutex<HashSet<(TenantId, Day)>>,
}

impl LocalFiles {
    pub(super) fn open(directory: &Path) -> Result<Self, OpenStoreError> {
        let failed = |source| OpenStoreError::Directory { path: directory.to_owned(), source };
        let absolute = std::path::absolute(directory).map_err(failed)?;
        make_directory(&absolute).map_err(failed)?;
        Ok(Self { directory: absolute, durable: Mutex::default() })
    }

    pub(super) fn path(&self, blob: BlobId) -> PathBuf {
        self.directory.join(blob.to_string())
    }

    /// Sees to it that the directory of `blob` is there and survives a power cut.
    ///
    /// `object_store` makes directories too, but a write that finds one just made by another does not
    /// wait until its entry is on the disk; nor does one that finds it after a crash.
    pub(super) async fn make_durable(self: Arc<Self>, blob: BlobId) -> Result<(), BlobError> {
        let place = (blob.tenant(), blob.day());
        if self.durable.lock().unwrap_or_else(PoisonError::into_inner).contains(&place) {
            return Ok(());
        }
        let make = move || self.make(place).map_err(|source| BlobError::of_file(blob, source));
        tokio::task::spawn_blocking(make).await.map_err(|_| BlobError::Stopping)?
    }

    fn make(&self, place: (TenantId, Day)) -> io::Result<()> {
        let (tenant, day) = place;
        let tenant = self.directory.join(tenant.to_string());
        DirBuilder::new().recursive(true).mode(0o700).create(tenant.join(day.to_string()))?;
        // Also where both were there: whoever made them may have died before this.
        sync_directory(&tenant)?;
        sync_directory(&self.directory)?;
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        if durable.len() >= DURABLE_MAX {
            durable.clear();
        }
        durable.insert(place);
        Ok(())
    }

    /// Goes through the files in the directory `below`. `object_store` can, but asks for each file three times.
    pub(super) fn walk(&self, below: &str) -> io::Result<Walk> {
        Walk::begin(&self.directory, below)
    }

    /// Removes files that `object_store` staged before `before` and never renamed into place. Its listing
    /// does not show them, so without this they would stay for ever.
    pub(super) async fn remove_unfinished(self: Arc<Self>, before: UtcTime) -> Result<u64, BlobError> {
        let sweep = move || self.sweep(before).map_err(|source| BlobError::List(Box::new(source)));
        tokio::task::spawn_blocking(sweep).await.map_err(|_| BlobError::Stopping)?
    }

    fn sweep(&self, before: UtcTime) -> io::Result<u64> {
        let mut removed = 0;
        for tenant in children(&self.directory)? {
            for day in children(&tenant)? {
                for file in children(&day)? {
                    if is_staged(&file, &self.directory) && is_older(&file, before)? {
                        removed += u64::from(gone(fs::remove_file(&file))?.is_some());
                    }
                }
            }
        }
        Ok(removed)
    }
}

/// What lies in a directory; nothing where it is none, or is gone.
fn children(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(Vec::new());
    }
    match gone(fs::read_dir(path))? {
        Some(entries) => entries.map(|entry| entry.map(|entry| entry.path())).collect(),
        None => Ok(Vec::new()),
    }
}

/// Whether a file is one that `object_store` stages a blob in: the blob's name, `#` and a number.
fn is_staged(file: &Path, directory: &Path) -> bool {
    let name = file.strip_prefix(directory).ok().and_then(Path::to_str).and_then(|name| name.rsplit_once('#'));
    name.is_some_and(|(blob, number)| BlobId::parse(blob).is_ok() && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_older(file: &Path, than: UtcTime) -> io::Result<bool> {
    let Some(facts) = gone(file.symlink_metadata())? else { return Ok(false) };
    // A time before 1970 is none; such a file is not touched.
    let since = facts.modified()?.duration_since(UNIX_EPOCH);
    Ok(since.is_ok_and(|since| UtcTime::from_micros(0).plus(since) < than))
}

/// Takes what another has removed meanwhile for what it is: no error.
fn gone<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
