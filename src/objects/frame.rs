use super::{GetError, Objects};
use crate::blob::{BlobError, BlobReader, SealedBytes};
use crate::domain::{AttemptId, ByteRange, Location, limits};
use crate::engine::{PartRow, VersionRow};
use crate::keys::KeyError;
use crate::leases::LeaseWatch;
use crate::seal::layout::{Cut, FrameLengths};
use crate::seal::{Aead, OpenedDataKey, Opener, PlainPool, Plaintext, SealedChunks};
use futures::stream::{self, BoxStream, Stream, StreamExt};
use std::ops::Range;
use std::sync::Arc;

/// Where one sealed frame lies and how it is laid out, as the index says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) location: Location,
    pub(super) attempt: AttemptId,
    pub(super) lengths: FrameLengths,
}

/// Reads of a body that are ahead of the client.
const AHEAD: usize = 2;

impl Frame {
    /// The frame that completes a version: the whole body, or only the manifest.
    pub(super) fn completing(row: &VersionRow) -> Result<Self, GetError> {
        let location = row.location.ok_or(GetError::Contradiction { what: "location" })?;
        Self::checked(location, row.attempt, FrameLengths::checked(row.stream_length, row.manifest_length)?)
    }

    /// The frame of one part.
    pub(super) fn of_part(row: &PartRow) -> Result<Self, GetError> {
        Self::checked(row.location, row.attempt, FrameLengths::checked(row.stream_length, 0)?)
    }

    fn checked(location: Location, attempt: AttemptId, lengths: FrameLengths) -> Result<Self, GetError> {
        if lengths.frame() != location.length {
            return Err(GetError::Contradiction { what: "length" });
        }
        Ok(Self { location, attempt, lengths })
    }

    /// The segments that hold the plaintext bytes `range` of the frame, each in whole chunks.
    pub(super) fn segments(&self, range: ByteRange) -> Vec<Cut> {
        const SEGMENT: u64 = (limits::SEGMENT_CHUNKS * limits::CHUNK_BYTES) as u64;
        let mut cuts = Vec::new();
        let mut start = range.start;
        loop {
            // Segments end where chunks end, so that no chunk is read and opened twice.
            let end = (start / SEGMENT + 1).saturating_mul(SEGMENT).min(range.end);
            cuts.extend(self.lengths.cut(ByteRange { start, end }));
            start = end;
            if start >= range.end {
                return cuts;
            }
        }
    }
}

/// A frame that is being read: its file stays open, and none of it is opened once the tenant's keys are taken away.
#[derive(Clone)]
pub(super) struct Source {
    frame: Frame,
    reader: BlobReader,
    watch: Arc<LeaseWatch>,
    pool: PlainPool,
    aead: Aead,
}

impl Source {
    /// Reads of `frame`, as long as `watch` agrees.
    pub(super) fn new(objects: &Objects, frame: Frame, watch: Arc<LeaseWatch>) -> Self {
        Self { frame, reader: objects.blobs.reader(&frame.location), watch, pool: objects.pool.clone(), aead: objects.aead }
    }

    /// Which frame it is.
    pub(super) const fn frame(&self) -> Frame {
        self.frame
    }

    /// What the reads ask before each segment.
    pub(super) fn watch(&self) -> Arc<LeaseWatch> {
        Arc::clone(&self.watch)
    }

    /// Several ranges of the sealed frame, as they are stored.
    pub(super) async fn sealed(&self, ranges: Vec<Range<u64>>) -> Result<Vec<SealedBytes>, GetError> {
        Ok(self.reader.read_many(ranges).await?)
    }

    /// The opener, when the frame's start is in memory.
    pub(super) fn opener_of(&self, key: &OpenedDataKey, start: &SealedChunks<'_>) -> Result<Arc<Opener>, GetError> {
        Ok(Arc::new(Opener::new(key, self.frame.attempt, start, self.frame.lengths.stream, self.aead)?))
    }

    /// The opener, when the frame's start has to be read first.
    pub(super) async fn opener(&self, key: &OpenedDataKey) -> Result<Arc<Opener>, GetError> {
        let start = self.reader.read(self.frame.lengths.start()).await?;
        self.opener_of(key, &start.chunks())
    }

    /// The plaintext of `cut`, whose bytes are in memory.
    pub(super) fn open_here(&self, opener: &Opener, cut: &Cut, chunks: &SealedChunks<'_>) -> Result<Plaintext, GetError> {
        Ok(opener.open_cut(cut, chunks, &self.pool)?)
    }

    /// Opens one segment where its bytes are: on the thread that reads them.
    async fn open_segment(self, opener: Arc<Opener>, cut: Cut) -> Result<Plaintext, GetError> {
        self.watch.check().await.map_err(KeyError::Lease)?;
        let pool = self.pool.clone();
        let opened = self.reader.read_with(cut.sealed.clone(), move |chunks| opener.open_cut(&cut, &chunks, &pool)).await?;
        Ok(opened?)
    }

    /// Opens one segment whose bytes have come over the network: not on a thread that serves connections.
    async fn open_apart(self, opener: Arc<Opener>, (cut, read): (Cut, SealedBytes)) -> Result<Plaintext, GetError> {
        self.watch.check().await.map_err(KeyError::Lease)?;
        let open = move || opener.open_cut(&cut, &read.chunks(), &self.pool);
        Ok(tokio::task::spawn_blocking(open).await.map_err(|_stopping| BlobError::Stopping)??)
    }

    /// The sealed bytes of `cuts`, which follow each other, with few requests.
    fn streamed(&self, cuts: Vec<Cut>) -> impl Stream<Item = Result<(Cut, SealedBytes), GetError>> + Send + use<> {
        let start = cuts.first().map_or(0, |cut| cut.sealed.start);
        let end = cuts.last().map_or(start, |cut| cut.sealed.end);
        let begun = (self.reader.stream(start..end), cuts.into_iter());
        stream::try_unfold(begun, |(mut sealed, mut cuts)| async move {
            let Some(cut) = cuts.next() else { return Ok(None) };
            let read = sealed.next(cut.sealed.clone()).await?;
            Ok(Some(((cut, read), (sealed, cuts))))
        })
    }

    /// The plaintext of `cuts`, which follow each other, read ahead a little, in order.
    pub(super) fn plaintext(self, opener: Arc<Opener>, cuts: Vec<Cut>) -> BoxStream<'static, Result<Plaintext, GetError>> {
        if self.reader.is_local() {
            return stream::iter(cuts).map(move |cut| self.clone().open_segment(Arc::clone(&opener), cut)).buffered(AHEAD).boxed();
        }
        let streamed = self.streamed(cuts);
        let open = move |read: Result<(Cut, SealedBytes), GetError>| {
            let (source, opener) = (self.clone(), Arc::clone(&opener));
            async move { source.open_apart(opener, read?).await }
        };
        streamed.map(open).buffered(AHEAD).boxed()
    }
}
