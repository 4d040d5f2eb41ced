use super::BlobError;
use super::backend::Backend;
use crate::domain::{BlobId, limits};
use bytes::Bytes;
use futures::future::join_all;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use std::mem;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;

/// Bytes on their way into one blob, in bounded memory.
///
/// A small blob is written with one call. A larger one goes out in parts: one is on its way while the next
/// fills, and all of them, over all uploads, share one bound. Dropped before the end, it leaves nothing.
///
/// With a replica each part goes to both stores at once and is in memory once.
pub(super) struct Upload {
    places: Places,
    blob: BlobId,
    filling: Filling,
    written: u64,
    crc: crc_fast::Digest,
    large: Option<Large>,
}

/// The stores that a blob is written to.
#[derive(Clone)]
struct Places {
    first: Arc<Backend>,
    replica: Option<Arc<Backend>>,
}

impl Places {
    fn all(&self) -> impl Iterator<Item = (Side, &Arc<Backend>)> {
        std::iter::once((Side::First, &self.first)).chain(self.replica.iter().map(|replica| (Side::Replica, replica)))
    }

    /// The one with the larger parts, which says how large they are and how many there may be.
    fn sizing(&self) -> &Arc<Backend> {
        match &self.replica {
            Some(replica) if replica.part_bytes > self.first.part_bytes => replica,
            _ => &self.first,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    First,
    Replica,
}

impl Side {
    fn failed(self, error: BlobError) -> BlobError {
        match self {
            Self::First => error,
            Self::Replica => error.at_replica(),
        }
    }
}

/// What has come in and is not on its way yet.
#[derive(Default)]
struct Filling {
    pieces: Vec<Bytes>,
    bytes: usize,
}

struct Large {
    // Without those that are completed, or given to the task that aborts them.
    multiparts: Vec<(Side, Box<dyn MultipartUpload>)>,
    on_its_way: Option<JoinHandle<Result<(), BlobError>>>,
    /// The room that the filling part takes.
    room: Option<OwnedSemaphorePermit>,
    blob: BlobId,
}

impl Upload {
    pub(super) fn new(backend: Arc<Backend>, blob: BlobId) -> Self {
        Self::both(backend, None, blob)
    }

    /// To a store, and to its replica where there is one. It ends well only if both have everything.
    pub(super) fn both(first: Arc<Backend>, replica: Option<Arc<Backend>>, blob: BlobId) -> Self {
        let crc = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Nvme);
        Self { places: Places { first, replica }, blob, filling: Filling::default(), written: 0, crc, large: None }
    }

    /// CRC64NVME over what has come in.
    pub(super) fn crc(&self) -> u64 {
        self.crc.finalize()
    }

    /// Bytes that have come in.
    pub(super) const fn written(&self) -> u64 {
        self.written
    }

    /// Takes the next bytes. Waits while parts of all uploads fill the memory they may have.
    pub(super) async fn push(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        self.crc.update(&bytes);
        self.written += bytes.len() as u64;
        self.filling.push(bytes);
        if self.large.is_none() {
            if self.filling.bytes <= limits::SMALL_BLOB_BYTES_MAX {
                return Ok(());
            }
            self.large = Some(Large::begin(&self.places, self.blob).await?);
        }
        let part_bytes = self.places.sizing().part_bytes;
        while self.filling.bytes >= part_bytes {
            let part = self.filling.split(part_bytes);
            self.ship(part).await?;
        }
        self.take_room().await
    }

    /// Makes the blob durable. Returns its CRC64NVME.
    pub(super) async fn finish(mut self) -> Result<u64, BlobError> {
        let rest = mem::take(&mut self.filling);
        let crc = self.crc.finalize();
        if self.large.is_none() {
            let payload = rest.into_payload();
            let puts = self.places.all().map(|(side, backend)| put(side, Arc::clone(backend), self.blob, payload.clone()));
            return all_of(join_all(puts).await).map(|()| crc);
        }
        if rest.bytes > 0 {
            self.ship(rest).await?;
        }
        if let Some(large) = &mut self.large {
            large.complete().await?;
        }
        Ok(crc)
    }

    /// Sends a part off once the one before it has arrived.
    async fn ship(&mut self, part: Filling) -> Result<(), BlobError> {
        self.take_room().await?;
        let Some(large) = &mut self.large else { return Err(BlobError::Stopping) };
        large.arrived().await?;
        let (payload, blob, room) = (part.into_payload(), self.blob, large.room.take());
        let sending: Vec<_> = large.multiparts.iter_mut().map(|(side, multipart)| (*side, multipart.put_part(payload.clone()))).collect();
        // A task of its own, so that it goes on while the client's next bytes are awaited, and gives its
        // room back whoever else is waiting for some: otherwise uploads could wait for each other for ever.
        large.on_its_way = Some(tokio::spawn(async move {
            let sent = sending
                .into_iter()
                .map(|(side, part)| async move { part.await.map_err(|source| side.failed(BlobError::of_store(blob, source))) });
            let sent = join_all(sent).await;
            drop(room);
            all_of(sent)
        }));
        Ok(())
    }

    async fn take_room(&mut self) -> Result<(), BlobError> {
        if let Some(large) = &mut self.large
            && large.room.is_none()
        {
            let room = Arc::clone(&self.places.sizing().parts).acquire_owned().await;
            large.room = Some(room.map_err(|_closed| BlobError::Stopping)?);
        }
        Ok(())
    }
}

// Not a method: an upload that is borrowed while something is awaited could not move between threads.
async fn put(side: Side, backend: Arc<Backend>, blob: BlobId, payload: PutPayload) -> Result<(), BlobError> {
    make_place(&backend, blob).await.map_err(|error| side.failed(error))?;
    let put = backend.objects.put(&backend.path(blob), payload).await;
    put.map(drop).map_err(|source| side.failed(BlobError::of_store(blob, source)))
}

/// Whether all went well. Of two failures the first store's counts.
fn all_of(done: Vec<Result<(), BlobError>>) -> Result<(), BlobError> {
    done.into_iter().collect()
}

async fn make_place(backend: &Backend, blob: BlobId) -> Result<(), BlobError> {
    match &backend.local {
        Some(local) => Arc::clone(local).make_durable(blob).await,
        None => Ok(()),
    }
}

impl Filling {
    fn push(&mut self, bytes: Bytes) {
        self.bytes += bytes.len();
        self.pieces.push(bytes);
    }

    /// The first `wanted` bytes; the rest stays.
    fn split(&mut self, wanted: usize) -> Self {
        let mut part = Self::default();
        let mut rest = Self::default();
        for mut piece in mem::take(&mut self.pieces) {
            let missing = wanted - part.bytes;
            if missing == 0 {
                rest.push(piece);
                continue;
            }
            if piece.len() > missing {
                rest.push(piece.split_off(missing));
            }
            part.push(piece);
        }
        *self = rest;
        part
    }

    fn into_payload(self) -> PutPayload {
        self.pieces.into_iter().collect()
    }
}

impl Large {
    async fn begin(places: &Places, blob: BlobId) -> Result<Self, BlobError> {
        let mut begun = Self { multiparts: Vec::with_capacity(2), on_its_way: None, room: None, blob };
        for (side, backend) in places.all() {
            make_place(backend, blob).await.map_err(|error| side.failed(error))?;
            // One that has begun is aborted when the other fails.
            let multipart = backend.objects.put_multipart(&backend.path(blob)).await;
            begun.multiparts.push((side, multipart.map_err(|source| side.failed(BlobError::of_store(blob, source)))?));
        }
        Ok(begun)
    }

    async fn arrived(&mut self) -> Result<(), BlobError> {
        let Some(sending) = self.on_its_way.take() else { return Ok(()) };
        sending.await.map_err(|_cancelled| BlobError::Stopping)?
    }

    async fn complete(&mut self) -> Result<(), BlobError> {
        self.arrived().await?;
        let blob = self.blob;
        let completing = self.multiparts.iter_mut().map(|(side, multipart)| {
            let side = *side;
            async move { multipart.complete().await.map(drop).map_err(|source| side.failed(BlobError::of_store(blob, source))) }
        });
        let done = join_all(completing).await;
        let mut each = done.iter();
        self.multiparts.retain(|_| each.next().is_none_or(Result::is_err));
        all_of(done)
    }
}

impl Drop for Large {
    fn drop(&mut self) {
        let multiparts = mem::take(&mut self.multiparts);
        if multiparts.is_empty() {
            return;
        }
        let (sending, blob) = (self.on_its_way.take(), self.blob);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        drop(runtime.spawn(async move {
            if let Some(sending) = sending {
                // Whether the part arrived does not matter any more, only that it is over.
                let _sent = sending.await;
            }
            for (side, mut multipart) in multiparts {
                if let Err(error) = multipart.abort().await {
                    tracing::info!(%blob, ?side, %error, "an upload that was given up may have left parts in the store");
                }
            }
        }));
    }
}
