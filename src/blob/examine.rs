//! Whole frames read as the medium holds them, for who looks for rot.

use super::BlobError;
use super::backend::Backend;
use super::local::LocalFiles;
use crate::domain::{BlobId, Location};
use object_store::ObjectStoreExt;
use rustix::fs::{Advice, fadvise};
use std::fs::File;
use std::future::Future;
use std::io;
use std::num::NonZeroU64;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Bytes of one read from a local disk: they stay in the processor's cache until they are summed.
const LOCAL_PIECE_BYTES: u64 = 512 << 10;
/// Bytes of one read from a remote store, where each costs a request.
const REMOTE_PIECE_BYTES: u64 = 4 << 20;

/// CRC64NVME over the frame at `location`. Each piece is read once `turn` lets it.
pub(super) async fn checksum<F, Fut>(backend: &Arc<Backend>, location: &Location, turn: F) -> Result<u64, BlobError>
where
    F: Fn(u64) -> Fut + Send + Sync,
    Fut: Future<Output = ()> + Send,
{
    let Location { blob, offset, length } = *location;
    let end = offset.checked_add(length).ok_or(BlobError::Range { blob, start: offset, end: u64::MAX })?;
    let mut crc = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Nvme);
    let (mut start, mut file) = (offset, None);
    let piece_bytes = if backend.local.is_some() { LOCAL_PIECE_BYTES } else { REMOTE_PIECE_BYTES };
    while start < end {
        let piece = start..start.saturating_add(piece_bytes).min(end);
        turn(piece.end - piece.start).await;
        start = piece.end;
        match &backend.local {
            Some(local) => {
                let (backend, local, known) = (Arc::clone(backend), Arc::clone(local), file.take());
                let read = move || {
                    let known = match known {
                        Some(known) => known,
                        None => open(&local, blob, &(offset..end))?,
                    };
                    take_in(&backend, &known, blob, &piece, &mut crc)?;
                    Ok((known, crc))
                };
                let (known, sum) = tokio::task::spawn_blocking(read).await.map_err(|_| BlobError::Stopping)??;
                (file, crc) = (Some(known), sum);
            }
            None => {
                let wanted = piece.end;
                match backend.objects.get_range(&backend.path(blob), piece.clone()).await {
                    Ok(bytes) if bytes.len() as u64 == piece.end - piece.start => crc.update(&bytes),
                    Ok(_short) => return Err(BlobError::Truncated { blob, wanted }),
                    Err(source) => return Err(backend.explain(blob, wanted, source).await),
                }
            }
        }
    }
    Ok(crc.finalize())
}

/// CRC64NVME over each of several frames, in their order. Those of a local disk are read on one thread, in one turn, if they
/// come to no more than one piece: changing threads costs more than reading a small file.
pub(super) async fn each<F, Fut>(backend: &Arc<Backend>, locations: &[Location], turn: F) -> Vec<Result<u64, BlobError>>
where
    F: Fn(u64) -> Fut + Send + Sync,
    Fut: Future<Output = ()> + Send,
{
    let bytes = locations.iter().fold(0_u64, |bytes, location| bytes.saturating_add(location.length));
    let Some(local) = backend.local.as_ref().filter(|_| bytes <= LOCAL_PIECE_BYTES) else {
        let mut sums = Vec::with_capacity(locations.len());
        for location in locations {
            sums.push(checksum(backend, location, &turn).await);
        }
        return sums;
    };
    turn(bytes).await;
    let (here, local, frames) = (Arc::clone(backend), Arc::clone(local), locations.to_vec());
    let read = move || frames.iter().map(|frame| small(&here, &local, frame)).collect();
    let sums = tokio::task::spawn_blocking(read).await;
    sums.unwrap_or_else(|_stopping| locations.iter().map(|_frame| Err(BlobError::Stopping)).collect())
}

/// A frame of one piece.
fn small(backend: &Backend, local: &LocalFiles, location: &Location) -> Result<u64, BlobError> {
    let Location { blob, offset, length } = *location;
    let end = offset.checked_add(length).ok_or(BlobError::Range { blob, start: offset, end: u64::MAX })?;
    let mut crc = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Nvme);
    if length > 0 {
        let frame = offset..end;
        take_in(backend, &open(local, blob, &frame)?, blob, &frame, &mut crc)?;
    }
    Ok(crc.finalize())
}

/// What the page cache has of the frame is forgotten: it may still be whole where the medium no longer is. It comes from
/// there again for whoever reads it next.
fn open(local: &LocalFiles, blob: BlobId, frame: &Range<u64>) -> Result<File, BlobError> {
    let file = File::open(local.path(blob)).map_err(|source| BlobError::of_file(blob, source))?;
    forget(&file, frame);
    Ok(file)
}

fn take_in(backend: &Backend, file: &File, blob: BlobId, piece: &Range<u64>, crc: &mut crc_fast::Digest) -> Result<(), BlobError> {
    let length = usize::try_from(piece.end - piece.start).unwrap_or_default();
    backend.scratch.with(length, |buffer| {
        file.read_exact_at(buffer, piece.start).map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => BlobError::Truncated { blob, wanted: piece.end },
            _ => BlobError::of_file(blob, source),
        })?;
        crc.update(buffer);
        Ok(())
    })?;
    // Nobody has asked for it, so it shall take no place from what somebody does.
    forget(file, piece);
    Ok(())
}

/// Only advice: a file system that takes none is read all the same.
fn forget(file: &File, range: &Range<u64>) {
    let _advice = fadvise(file, range.start, NonZeroU64::new(range.end - range.start), Advice::DontNeed);
}
