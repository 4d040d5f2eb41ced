//! Reads of small files that wait for no disk, so that they need no other thread.

use super::local::LocalFiles;
use crate::domain::BlobId;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::{ReadWriteFlags, preadv2};
use std::fs::File;
use std::io::IoSliceMut;

/// Reading more than this is worth a thread of its own.
pub(super) const BYTES_MAX: u64 = 128 << 10;

/// The file of `blob`, if name and entry are in memory; nothing where the disk, or a thread, is needed to tell.
pub(super) fn open(local: &LocalFiles, blob: BlobId) -> Option<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY;
    openat2(CWD, local.path(blob), flags, Mode::empty(), ResolveFlags::CACHED).ok().map(File::from)
}

/// Fills `buffer` from `offset` on, if all of it is in the page cache.
pub(super) fn read(file: &File, buffer: &mut [u8], offset: u64) -> Option<()> {
    let wanted = buffer.len();
    let read = preadv2(file, &mut [IoSliceMut::new(buffer)], offset, ReadWriteFlags::NOWAIT).ok()?;
    (read == wanted).then_some(())
}
