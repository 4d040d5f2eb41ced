//! Directories that are there after a power cut, and files that hold secrets.

pub mod secret_file;

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

/// Makes a directory and those above it, for their owner alone, and makes their names durable (promise 3). Those that are
/// there already stay as they are; their names are made durable too, for whoever made them may have died before that.
///
/// # Errors
/// What the file system says.
pub fn make_directory(path: &Path) -> io::Result<()> {
    let absolute = std::path::absolute(path)?;
    let first_there = absolute.ancestors().find(|ancestor| ancestor.exists()).map(Path::to_owned);
    DirBuilder::new().recursive(true).mode(0o700).create(&absolute)?;
    let mut is_made_here = true;
    let device = absolute.metadata()?.dev();
    for ancestor in absolute.ancestors() {
        match sync_directory(ancestor) {
            // Above what was there, a directory that is closed to us was not made by us.
            Err(error) if !is_made_here && error.kind() == io::ErrorKind::PermissionDenied => break,
            other => other?,
        }
        if first_there.as_deref() == Some(ancestor) {
            is_made_here = false;
        }
        // A mount point's own name is none of ours.
        let is_mount = ancestor.parent().map(Path::metadata).transpose()?.is_none_or(|above| above.dev() != device);
        if !is_made_here && is_mount {
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
