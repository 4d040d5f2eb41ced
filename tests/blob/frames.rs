//! Sealed frames to store, of any length, and the way to open them again.

use bytes::Bytes;
use hozon::blob::{BlobError, BlobStore, BlobStream, BlobWriter, Stored};
use hozon::domain::{BlobId, BucketId, TenantId, UtcTime, VersionId};
use hozon::seal::layout::{FrameLengths, SEALED_CHUNK_BYTES, START_BYTES};
use hozon::seal::{
    Aead, FreshDataKey, OpenedDataKey, Opener, PlaceOfVersion, PlainPool, Plaintext, SealError, SealedEnd, SealedSegment, Sealer,
};
use zeroize::Zeroizing;

pub(crate) const NOW: UtcTime = UtcTime::from_micros(1_700_000_000_000_000);
const PIECE: usize = 100_000;

/// One version with its key.
pub(crate) struct Version {
    place: PlaceOfVersion,
    key: FreshDataKey,
    raw: Vec<u8>,
}

impl Version {
    pub(crate) fn new() -> Self {
        let place = PlaceOfVersion { tenant: TenantId::random(), bucket: BucketId::random(), version: VersionId::random() };
        let (key, raw) = FreshDataKey::generate(place, |bytes| Ok::<_, SealError>(bytes.to_vec())).unwrap();
        Self { place, key, raw }
    }

    /// All segments of a frame around a body of `length` bytes.
    pub(crate) fn frame(&self, length: usize) -> (Vec<SealedSegment>, SealedEnd) {
        let mut sealer = Sealer::new(self.key.part(), Aead::AwsLc).unwrap();
        sealer.push(&Plaintext::from_client(body(length))).unwrap();
        sealer.finish(None).unwrap()
    }

    /// Writes a frame around a body of `length` bytes as a transfer does: piece by piece.
    pub(crate) async fn write(&self, mut writer: BlobWriter, length: usize) -> Result<Stored, BlobError> {
        let mut sealer = Sealer::new(self.key.part(), Aead::AwsLc).unwrap();
        let mut body = body(length);
        while !body.is_empty() {
            sealer.push(&Plaintext::from_client(body.split_to(body.len().min(PIECE)))).unwrap();
            while let Some(segment) = sealer.take() {
                writer.write(segment).await?;
            }
        }
        let (rest, end) = sealer.finish(None).unwrap();
        for segment in rest {
            writer.write(segment).await?;
        }
        writer.finish(end).await
    }

    pub(crate) async fn store(&self, store: &BlobStore, length: usize) -> Stored {
        self.write(store.writer(blob()), length).await.unwrap()
    }

    /// The body, read and opened in runs of `chunks`.
    pub(crate) async fn open(&self, store: &BlobStore, stored: &Stored, chunks: usize) -> Vec<u8> {
        let key = OpenedDataKey::adopt(self.place, Zeroizing::new(self.raw.clone().try_into().unwrap()));
        let lengths = FrameLengths::checked(stored.stream_length(), stored.manifest_length()).unwrap();
        let reader = store.reader(stored.location());
        let start = reader.read(0..START_BYTES as u64).await.unwrap();
        let opener = Opener::new(&key, stored.attempt(), &start.chunks(), stored.stream_length(), Aead::AwsLc).unwrap();
        let opener = std::sync::Arc::new(opener);
        let pool = PlainPool::new(1, chunks * SEALED_CHUNK_BYTES);
        let (mut opened, mut first, mut at) = (Vec::new(), 0, lengths.chunks().start);
        while at < lengths.chunks().end {
            let end = (at + (chunks * SEALED_CHUNK_BYTES) as u64).min(lengths.chunks().end);
            let (pool, opener) = (pool.clone(), opener.clone());
            let plain = reader
                .read_with(at..end, move |sealed| {
                    let mut plain = pool.take();
                    opener.open(first, &sealed, &mut plain).unwrap();
                    plain.into_plaintext()
                })
                .await
                .unwrap();
            opened.extend_from_slice(&plain.release());
            (first, at) = (first + chunks as u64, end);
        }
        opened
    }
}

/// A frame that is read as one stream, in runs of chunks, and opened.
pub(crate) struct Streamed {
    opener: Opener,
    stream: BlobStream,
    chunks: std::ops::Range<u64>,
}

impl Streamed {
    pub(crate) async fn new(version: &Version, store: &BlobStore, stored: &Stored) -> Self {
        let key = OpenedDataKey::adopt(version.place, Zeroizing::new(version.raw.clone().try_into().unwrap()));
        let lengths = FrameLengths::checked(stored.stream_length(), stored.manifest_length()).unwrap();
        let reader = store.reader(stored.location());
        let start = reader.read(0..START_BYTES as u64).await.unwrap();
        let opener = Opener::new(&key, stored.attempt(), &start.chunks(), stored.stream_length(), Aead::AwsLc).unwrap();
        Self { opener, stream: reader.stream(lengths.chunks()), chunks: lengths.chunks() }
    }

    /// The plaintext of `count` chunks from the one with the number `first`; nothing behind the last.
    pub(crate) async fn next(&mut self, first: u64, count: u64) -> Result<Option<Vec<u8>>, BlobError> {
        let start = self.chunks.start + first * SEALED_CHUNK_BYTES as u64;
        if start >= self.chunks.end {
            return Ok(None);
        }
        let end = self.chunks.end.min(start + count * SEALED_CHUNK_BYTES as u64);
        let sealed = self.stream.next(start..end).await?;
        let mut plain = PlainPool::new(1, usize::try_from(end - start).unwrap()).take();
        self.opener.open(first, &sealed.chunks(), &mut plain).unwrap();
        Ok(Some(plain.into_plaintext().release().to_vec()))
    }
}

/// Bytes that differ from place to place: the period shares no factor with chunks or parts.
pub(crate) fn body(length: usize) -> Bytes {
    let period: Vec<u8> = (0..65_537_u32).map(|at| (at ^ (at >> 8)).to_le_bytes()[0]).collect();
    let mut body = period.repeat(length / period.len() + 1);
    body.truncate(length);
    body.into()
}

pub(crate) fn blob() -> BlobId {
    BlobId::random(TenantId::random(), NOW.day())
}
