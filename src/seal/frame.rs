use super::layout::{FOOTER_BYTES, FrameLengths, HEADER_BYTES};
use super::{OpenError, PlaceOfPart, SealedChunks};
use crate::domain::{AttemptId, BucketId, TenantId, VersionId};

// FORMAT: never change these; another format is another number.
const MAGIC: [u8; 8] = *b"HOZONBLB";
const FORMAT: [u8; 2] = 1u16.to_be_bytes();
const SUITE_COBBLESTONE_256: u8 = 1;
const RESERVED: [u8; 5] = [0; 5];
const MAGIC_OF_FOOTER: [u8; 8] = *b"HOZONEND";

/// The header of the frame of `place`: magic, format, suite, reserved zeros, four UUIDs.
pub(super) fn header(place: PlaceOfPart) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    let fields: [&[u8]; 8] = [
        &MAGIC,
        &FORMAT,
        &[SUITE_COBBLESTONE_256],
        &RESERVED,
        place.tenant.as_bytes(),
        place.bucket.as_bytes(),
        place.version.as_bytes(),
        place.attempt.as_bytes(),
    ];
    header.iter_mut().zip(fields.into_iter().flatten()).for_each(|(slot, byte)| *slot = *byte);
    header
}

/// The footer of a frame: both lengths and a magic.
pub(super) fn footer(lengths: FrameLengths) -> [u8; FOOTER_BYTES] {
    let mut footer = [0; FOOTER_BYTES];
    let fields = [lengths.stream.to_be_bytes(), lengths.manifest.to_be_bytes(), MAGIC_OF_FOOTER];
    footer.iter_mut().zip(fields.as_flattened()).for_each(|(slot, byte)| *slot = *byte);
    footer
}

impl PlaceOfPart {
    /// The place that a frame claims in its header, for who rebuilds an index from blobs.
    ///
    /// Only a claim: a frame is what it says when it opens.
    ///
    /// # Errors
    /// [`OpenError::Header`] when the bytes begin with no header of a known format.
    pub fn claimed(start: &SealedChunks<'_>) -> Result<Self, OpenError> {
        let bytes = start.as_bytes().first_chunk::<HEADER_BYTES>().ok_or(OpenError::Header)?;
        let (fixed, ids) = bytes.split_first_chunk::<16>().ok_or(OpenError::Header)?;
        let known: [&[u8]; 4] = [&MAGIC, &FORMAT, &[SUITE_COBBLESTONE_256], &RESERVED];
        if !fixed.iter().eq(known.into_iter().flatten()) {
            return Err(OpenError::Header);
        }
        let ([tenant, bucket, version, attempt], []) = ids.as_chunks::<16>() else { return Err(OpenError::Header) };
        Ok(Self {
            tenant: TenantId::from_bytes(*tenant),
            bucket: BucketId::from_bytes(*bucket),
            version: VersionId::from_bytes(*version),
            attempt: AttemptId::from_bytes(*attempt),
        })
    }
}

impl FrameLengths {
    /// The lengths that a frame claims in its footer, for who rebuilds an index from blobs.
    ///
    /// # Errors
    /// [`OpenError::Footer`] when the bytes end with no footer, and as [`FrameLengths::checked`].
    pub fn claimed(end: &SealedChunks<'_>) -> Result<Self, OpenError> {
        let bytes = end.as_bytes().last_chunk::<FOOTER_BYTES>().ok_or(OpenError::Footer)?;
        let ([stream, manifest, magic], []) = bytes.as_chunks::<8>() else { return Err(OpenError::Footer) };
        if *magic != MAGIC_OF_FOOTER {
            return Err(OpenError::Footer);
        }
        Self::checked(u64::from_be_bytes(*stream), u64::from_be_bytes(*manifest))
    }
}
