use super::BlobError;
use super::backend::Backend;
use crate::domain::{BlobId, limits};
use bytes::Bytes;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use std::mem;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;

/// Bytes on their way into one blob, in bounded memory.
///
/// A small blob is written with one call. A larger one goes out in parts: one is on its way while the next
/// fills, and all of them, over all uploads, share one bound. Dropped before the end, it leaves nothing.
pub(super) struct Upload {
    backend: Arc<Backend>,
    blob: BlobId,
    filling: Filling,
    written: u64,
    crc: crc_fast::Digest,
    large: Option<Large>,
}

/// What has come in and is not on its way yet.
#[derive(Default)]
struct Filling {
    pieces: Vec<Bytes>,
    bytes: usize,
}

struct Large {
    // None only once it is completed, or given to the task that aborts it.
    multipart: Option<Box<dyn MultipartUpload>>,
    on_its_way: Option<JoinHandle<object_store::Result<()>>>,
    /// The room that the filling part takes.
    room: Option<OwnedSemaphorePermit>,
    blob: BlobId,
}

impl Upload {
    pub(super) fn new(backend: Arc<Backend>, blob: BlobId) -> Self {
        let crc = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Nvme);
        Self { backend, blob, filling: Filling::default(), written: 0, crc, large: None }
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
            self.large = Some(Large::begin(&self.backend, self.blob).await?);
        }
        while self.filling.bytes >= self.backend.part_bytes {
            let part = self.filling.split(self.backend.part_bytes);
            self.ship(part).await?;
        }
        self.take_room().await
    }

    /// Makes the blob durable. Returns its CRC64NVME.
    pub(super) async fn finish(mut self) -> Result<u64, BlobError> {
        let rest = mem::take(&mut self.filling);
        let crc = self.crc.finalize();
        if self.large.is_none() {
            make_place(&self.backend, self.blob).await?;
            let put = self.backend.objects.put(&self.backend.path(self.blob), rest.into_payload()).await;
            return put.map(|_| crc).map_err(|source| BlobError::of_store(self.blob, source));
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
        let Some(multipart) = &mut large.multipart else { return Err(BlobError::Stopping) };
        let (sending, room) = (multipart.put_part(part.into_payload()), large.room.take());
        // A task of its own, so that it goes on while the client's next bytes are awaited, and gives its
        // room back whoever else is waiting for some: otherwise uploads could wait for each other for ever.
        large.on_its_way = Some(tokio::spawn(async move {
            let sent = sending.await;
            drop(room);
            sent
        }));
        Ok(())
    }

    async fn take_room(&mut self) -> Result<(), BlobError> {
        if let Some(large) = &mut self.large
            && large.room.is_none()
        {
            let room = Arc::clone(&self.backend.parts).acquire_owned().await;
            large.room = Some(room.map_err(|_closed| BlobError::Stopping)?);
        }
        Ok(())
    }
}

// Not a method: an upload that is borrowed while something is awaited could not move between threads.
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
    async fn begin(backend: &Backend, blob: BlobId) -> Result<Self, BlobError> {
        make_place(backend, blob).await?;
        let multipart = backend.objects.put_multipart(&backend.path(blob)).await;
        let multipart = multipart.map_err(|source| BlobError::of_store(blob, source))?;
        Ok(Self { multipart: Some(multipart), on_its_way: None, room: None, blob })
    }

    async fn arrived(&mut self) -> Result<(), BlobError> {
        let Some(sending) = self.on_its_way.take() else { return Ok(()) };
        let sent = sending.await.map_err(|_cancelled| BlobError::Stopping)?;
        sent.map_err(|source| BlobError::of_store(self.blob, source))
    }

    async fn complete(&mut self) -> Result<(), BlobError> {
        self.arrived().await?;
        let Some(multipart) = &mut self.multipart else { return Err(BlobError::Stopping) };
        multipart.complete().await.map_err(|source| BlobError::of_store(self.blob, source))?;
        self.multipart = None;
        Ok(())
    }
}

impl Drop for Large {
    fn drop(&mut self) {
        let Some(mut multipart) = self.multipart.take() else { return };
        let (sending, blob) = (self.on_its_way.take(), self.blob);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        drop(runtime.spawn(async move {
            if let Some(sending) = sending {
                // Whether the part arrived does not matter any more, only that it is over.
                let _sent = sending.await;
            }
            if let Err(error) = multipart.abort().await {
                tracing::info!(%blob, %error, "an upload that was given up may have left parts in the store");
            }
        }));
    }
}
