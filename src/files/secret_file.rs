//! Files that hold secrets: only their owner reads them, and they are never replaced.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A file of a secret is larger than any that we write.
const BYTES_MAX: u64 = 4_096;
const OTHERS: u32 = 0o077;

/// A file that holds a secret could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretFileError {
    /// It cannot be read.
    #[error("`{path}` cannot be read")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It cannot be written.
    #[error("`{path}` cannot be written")]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Others than its owner may open it.
    #[error("`{path}` has mode {mode:03o}: others than its owner may open it, run `chmod 600` on it")]
    OpenToOthers {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It belongs to another user, who may change it.
    #[error("`{path}` belongs to another user")]
    ForeignOwner {
        /// Which file.
        path: PathBuf,
    },
    /// It is no regular file, or too large for a secret.
    #[error("`{path}` is not a file of at most {BYTES_MAX} bytes")]
    NotAFile {
        /// Which file.
        path: PathBuf,
    },
    /// There is one already, and a secret is never replaced.
    #[error("`{path}` is there already and is not replaced")]
    Exists {
        /// Which file.
        path: PathBuf,
    },
}

/// The contents of `path`, which only its owner may open.
///
/// # Errors
/// [`SecretFileError`] when it cannot be read or others may open it.
pub fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretFileError> {
    let unreadable = |source| SecretFileError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    // Asked of the open file, so that nothing changes between question and reading.
    let facts = file.metadata().map_err(unreadable)?;
    if !facts.is_file() || facts.len() > BYTES_MAX {
        return Err(SecretFileError::NotAFile { path: path.to_owned() });
    }
    if facts.mode() & OTHERS != 0 {
        return Err(SecretFileError::OpenToOthers { path: path.to_owned(), mode: facts.mode() & 0o777 });
    }
    if facts.uid() != 0 && facts.uid() != rustix::process::geteuid().as_raw() {
        return Err(SecretFileError::ForeignOwner { path: path.to_owned() });
    }
    // With all its room from the start: growing would leave a copy behind.
    let mut bytes = Zeroizing::new(vec![0; usize::try_from(facts.len()).unwrap_or(0)]);
    (&file).read_exact(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

/// Writes the new file `path`, which only its owner may open. Once it returns, the file is durable.
///
/// # Errors
/// [`SecretFileError`]; a file that is there already stays as it is.
pub fn create(path: &Path, contents: &[u8]) -> Result<(), SecretFileError> {
    let unwritable = |source| SecretFileError::Write { path: path.to_owned(), source };
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let staged = staged(path);
    let written = write(&staged, contents).and_then(|()| {
        // A link fails where a rename would replace: an existing root is worth more than a new one.
        std::fs::hard_link(&staged, path)
    });
    // Whatever happened, the staged name goes. Left behind it would be a second name of a private file, no more.
    let _left = std::fs::remove_file(&staged);
    match written {
        Err(source) if source.kind() == io::ErrorKind::AlreadyExists => return Err(SecretFileError::Exists { path: path.to_owned() }),
        other => other.map_err(unwritable)?,
    }
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(unwritable)
}

fn write(staged: &Path, contents: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(staged)?;
    file.write_all(contents)?;
    file.sync_all()
}

fn staged(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.new", uuid::Uuid::new_v4().simple()));
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_secret_file_is_private_and_never_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        create(&path, b"one").unwrap();
        assert!(matches!(create(&path, b"two"), Err(SecretFileError::Exists { .. })));
        assert_eq!(read(&path).unwrap().as_slice(), b"one");
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        assert_eq!(directory.path().read_dir().unwrap().count(), 1, "no staged file stays");
    }

    #[test]
    fn a_file_that_others_may_open_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        create(&path, b"one").unwrap();
        for mode in [0o640, 0o604, 0o620, 0o601] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(read(&path), Err(SecretFileError::OpenToOthers { mode: found, .. }) if found == mode));
        }
    }

    #[test]
    fn what_is_no_file_or_too_large_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(read(directory.path()), Err(SecretFileError::NotAFile { .. })));
        let large = directory.path().join("large");
        create(&large, &[0; 5_000]).unwrap();
        assert!(matches!(read(&large), Err(SecretFileError::NotAFile { .. })));
        assert!(matches!(read(&directory.path().join("none")), Err(SecretFileError::Read { .. })));
    }
}
