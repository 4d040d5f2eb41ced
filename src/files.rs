//! Directories that are there after a power cut, and files that hold secrets.

pub mod secret_file;

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// Makes a directory and those above it, for their owner alone, and makes their names durable (promise 3). Those that are
/// there already stay as they are.
///
/// # Errors
/// What the file system says.
pub fn make_directory(path: &Path) -> io::Result<()> {
    let absolute = std::path::absolute(path)?;
    let first_there = absolute.ancestors().find(|ancestor| ancestor.exists()).map(Path::to_owned);
    DirBuilder::new().recursive(true).mode(0o700).create(&absolute)?;
    // From the new directory up to the one that was there, whose entries have changed too.
    for ancestor in absolute.ancestors() {
        sync_directory(ancestor)?;
        if first_there.as_deref() == Some(ancestor) {
            break;
        }
    }
    Ok(())
}

/// Makes the names in a directory durable.
///
/// # Errors
/// What the file system says.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
