use super::{GetError, Objects};
use crate::domain::{AttemptId, ByteRange, Location, limits};
use crate::engine::{PartRow, VersionRow};
use crate::seal::layout::{Cut, FrameLengths};
use crate::seal::{Aead, OpenedDataKey, Opener, PlainPool, Plaintext};
use futures::stream::{self, BoxStream, StreamExt};
use std::sync::Arc;

/// Where one sealed frame lies and how it is laid out, as the index says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) location: Location,
    pub(super) attempt: AttemptId,
    pub(super) lengths: FrameLengths,
}

/// Segments of a body that are read and opened ahead of the client.
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

impl Objects {
    /// Opens one segment where its bytes are: on the thread that reads them.
    pub(super) async fn open_segment(&self, frame: Frame, opener: Arc<Opener>, cut: Cut) -> Result<Plaintext, GetError> {
        let pool = self.pool.clone();
        let opened = self
            .blobs
            .read_with(&frame.location, cut.sealed.clone(), move |chunks| {
                let mut plain = pool.take();
                opener.open(cut.first_chunk, &chunks, &mut plain)?;
                plain.keep(cut.skip, cut.take)?;
                Ok::<_, crate::seal::OpenError>(plain.into_plaintext())
            })
            .await?;
        Ok(opened?)
    }

    /// The opener of a frame whose start has to be read first.
    pub(super) async fn opener(&self, key: &OpenedDataKey, frame: &Frame) -> Result<Arc<Opener>, GetError> {
        let start = self.blobs.read(&frame.location, frame.lengths.start()).await?;
        let opener = Opener::new(key, frame.attempt, &start.chunks(), frame.lengths.stream, self.aead)?;
        Ok(Arc::new(opener))
    }

    /// The plaintext of `cuts`, read ahead a little, in order.
    pub(super) fn plaintext_of(
        &self,
        frame: Frame,
        opener: Arc<Opener>,
        cuts: Vec<Cut>,
    ) -> BoxStream<'static, Result<Plaintext, GetError>> {
        let objects = self.clone();
        let pieces = stream::iter(cuts).map(move |cut| {
            let (objects, opener) = (objects.clone(), Arc::clone(&opener));
            async move { objects.open_segment(frame, opener, cut).await }
        });
        pieces.buffered(AHEAD).boxed()
    }
}

/// Opens one cut of a frame that is already in memory.
pub(super) fn open_here(
    opener: &Opener,
    cut: &Cut,
    frame: &crate::blob::SealedBytes,
    pool: &PlainPool,
) -> Result<Plaintext, crate::seal::OpenError> {
    let mut plain = pool.take();
    opener.open(cut.first_chunk, &frame.slice(cut.sealed.clone()), &mut plain)?;
    plain.keep(cut.skip, cut.take)?;
    Ok(plain.into_plaintext())
}

/// The opener of a frame whose start is already in memory.
pub(super) fn opener_here(
    key: &OpenedDataKey,
    frame: &Frame,
    start: &crate::blob::SealedBytes,
    aead: Aead,
) -> Result<Arc<Opener>, GetError> {
    let chunks = start.slice(frame.lengths.start());
    Ok(Arc::new(Opener::new(key, frame.attempt, &chunks, frame.lengths.stream, aead)?))
}
