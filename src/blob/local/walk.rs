use super::gone;
use crate::blob::listing::ListedBlob;
use crate::domain::{BlobId, UtcTime};
use std::fs::{self, ReadDir};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Directories above a file: all, its tenant's, its day's.
const LEVELS: usize = 3;

/// Goes through the files of a local store, a few at a time, and looks at each of ours once.
pub(in crate::blob) struct Walk {
    directory: PathBuf,
    open: Vec<ReadDir>,
    /// How many of the levels the directory that it began with is below the store's own.
    above: usize,
}

impl Walk {
    /// Begins in the directory `below` that of the store, such as that of a tenant. One that is not there has nothing in it.
    pub(super) fn begin(directory: &Path, below: &str) -> io::Result<Self> {
        let above = Path::new(below).components().count();
        let open = directory_at(&directory.join(below))?.into_iter().collect();
        Ok(Self { directory: directory.to_owned(), open, above })
    }

    /// The next blobs, at most `count`; none at the end. What has another name than we give is passed over.
    pub(in crate::blob) fn some(&mut self, count: usize) -> io::Result<Vec<ListedBlob>> {
        let mut found = Vec::new();
        while found.len() < count
            && let Some(current) = self.open.last_mut()
        {
            let Some(entry) = current.next() else {
                self.open.pop();
                continue;
            };
            let path = entry?.path();
            if self.above + self.open.len() < LEVELS {
                self.open.extend(directory_at(&path)?);
            } else if let Some(blob) = self.blob(&path) {
                found.extend(listed(blob, &path)?);
            }
        }
        Ok(found)
    }

    fn blob(&self, path: &Path) -> Option<BlobId> {
        let name = path.strip_prefix(&self.directory).ok()?.to_str()?;
        // Only the one way in which we write it: otherwise two names would stand for one blob.
        BlobId::parse(name).ok().filter(|blob| blob.to_string() == name)
    }
}

/// The entries of a directory; nothing where it is none, or is gone.
fn directory_at(path: &Path) -> io::Result<Option<ReadDir>> {
    match gone(fs::read_dir(path)) {
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(None),
        opened => opened,
    }
}

fn listed(blob: BlobId, path: &Path) -> io::Result<Option<ListedBlob>> {
    let Some(facts) = gone(fs::metadata(path))?.filter(fs::Metadata::is_file) else { return Ok(None) };
    // A time before 1970 was set by somebody: such a file is as old as can be.
    let since = facts.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Some(ListedBlob { blob, bytes: facts.len(), modified: UtcTime::from_micros(0).plus(since) }))
}
