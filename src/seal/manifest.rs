use super::layout::{self, FOOTER_BYTES, FrameLengths};
use super::{Aead, Context, FreshPartKey, OpenError, OpenedDataKey, SealError, SealedChunks, stream};
use crate::domain::{AttemptId, Attributes, BucketId};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use zeroize::Zeroizing;

// FORMAT: the JSON is padded with spaces to a multiple of this, so that its length says little.
const PADDING_BYTES: usize = 256;
const VERSION: u32 = 1;

/// One part of a version, as its manifest names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManifestPart {
    /// Its number among the version's parts; grows from part to part.
    pub number: u32,
    /// The attempt that sealed it.
    pub attempt: AttemptId,
    /// Plaintext bytes.
    pub plain_length: u64,
    /// Bytes of its sealed stream.
    pub stream_length: u64,
}

/// What a manifest is to say.
pub struct ManifestFacts<'a> {
    /// What rests sealed beside the bytes.
    pub attributes: &'a Attributes,
    /// The parts, in order; empty where the same frame holds the whole body.
    pub parts: Vec<ManifestPart>,
    /// Plaintext bytes of the version.
    pub plain_length: u64,
}

/// The sealed description of a version, opened. Says only what never changes. `Debug` hides it: it
/// names record and patient.
pub struct Manifest {
    bucket: BucketId,
    attributes: Attributes,
    parts: Vec<ManifestPart>,
    plain_length: u64,
}

impl Manifest {
    /// Opens the manifest of a frame from its `tail`: the sealed manifest and the footer.
    ///
    /// # Errors
    /// [`OpenError`] when the frame is not that of `key` and `attempt`, or its lengths differ from
    /// `lengths`, or a byte was altered.
    pub fn open(
        key: &OpenedDataKey,
        attempt: AttemptId,
        tail: &SealedChunks<'_>,
        lengths: FrameLengths,
        aead: Aead,
    ) -> Result<Self, OpenError> {
        let (sealed, footer) = tail.as_bytes().split_last_chunk::<FOOTER_BYTES>().ok_or(OpenError::Footer)?;
        if FrameLengths::claimed(&SealedChunks::within(footer))? != lengths || sealed.len() as u64 != lengths.manifest {
            return Err(OpenError::Footer);
        }
        let json = stream::open_message(&key.key, &Context::manifest(key.place.part(attempt)), sealed, aead)?;
        // The parser's own message may quote what it read, so it is not kept.
        let written: Written<'_> = serde_json::from_slice(&json).map_err(|_quotes_content| OpenError::Manifest)?;
        written.checked(key.place.bucket, lengths)
    }

    /// The bucket.
    #[must_use]
    pub const fn bucket(&self) -> BucketId {
        self.bucket
    }

    /// Key, headers, metadata, medical facts and checksum.
    #[must_use]
    pub const fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// The parts in order; empty where the manifest's own frame holds the whole body.
    #[must_use]
    pub fn parts(&self) -> &[ManifestPart] {
        &self.parts
    }

    /// Plaintext bytes of the version.
    #[must_use]
    pub const fn plain_length(&self) -> u64 {
        self.plain_length
    }
}

impl fmt::Debug for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Manifest({} bytes in {} parts)", self.plain_length, self.parts.len())
    }
}

/// Seals the manifest of a frame whose stream has `stream_length` bytes, and says both lengths.
pub(super) fn seal(
    key: &FreshPartKey,
    aead: Aead,
    facts: &ManifestFacts<'_>,
    stream_length: u64,
) -> Result<(Vec<u8>, FrameLengths), SealError> {
    let sealed = if stream_length == 0 { total(&facts.parts) } else { layout::plain_length(stream_length) }.unwrap_or(0);
    if facts.parts.is_empty() != (stream_length != 0) {
        return Err(SealError::Parts);
    }
    if facts.plain_length != sealed {
        return Err(SealError::Lengths { stated: facts.plain_length, sealed });
    }
    let mut written = Written {
        v: VERSION,
        bucket: key.place.bucket.to_string(),
        attributes: Cow::Borrowed(facts.attributes),
        plain_length: facts.plain_length,
        stream_length,
        manifest_length: 0,
        parts: facts.parts.iter().map(WrittenPart::of).collect(),
    };
    // The manifest states its own sealed length. Its padded length is fixed first, with room for every
    // digit that the number may have, so that stating the number does not change it.
    let unstated = Zeroizing::new(serde_json::to_vec(&written).map_err(SealError::Manifest)?);
    let padded = (unstated.len() + DIGITS_MAX).next_multiple_of(PADDING_BYTES);
    written.manifest_length = layout::stream_length(padded as u64);
    let mut json = Zeroizing::new(Vec::with_capacity(padded));
    serde_json::to_writer(&mut *json, &written).map_err(SealError::Manifest)?;
    json.resize(padded, b' ');
    let sealed = stream::seal_message(&key.key, &Context::manifest(key.place), &json, aead)?;
    Ok((sealed, FrameLengths { stream: stream_length, manifest: written.manifest_length }))
}

/// Decimal digits of the largest 64-bit number.
const DIGITS_MAX: usize = 20;

fn total(parts: &[ManifestPart]) -> Option<u64> {
    parts.iter().try_fold(0u64, |sum, part| sum.checked_add(part.plain_length))
}

// FORMAT: version 1 of the manifest. Another version is another type with another number.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<'a> {
    v: u32,
    bucket: String,
    attributes: Cow<'a, Attributes>,
    plain_length: u64,
    stream_length: u64,
    manifest_length: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    parts: Vec<WrittenPart>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPart {
    number: u32,
    attempt: String,
    plain_length: u64,
    stream_length: u64,
}

impl Written<'_> {
    fn checked(self, bucket: BucketId, lengths: FrameLengths) -> Result<Manifest, OpenError> {
        let parts: Vec<_> = self.parts.iter().map(WrittenPart::read).collect::<Option<_>>().ok_or(OpenError::Manifest)?;
        let in_order = parts.iter().zip(parts.iter().skip(1)).all(|(one, next)| one.number < next.number);
        let plain = if lengths.stream == 0 { total(&parts) } else { layout::plain_length(lengths.stream) };
        let fits = self.v == VERSION
            && self.bucket == bucket.to_string()
            && (self.stream_length, self.manifest_length) == (lengths.stream, lengths.manifest)
            && parts.is_empty() == (lengths.stream != 0)
            && in_order
            && plain == Some(self.plain_length);
        if !fits {
            return Err(OpenError::Manifest);
        }
        Ok(Manifest { bucket, attributes: self.attributes.into_owned(), parts, plain_length: self.plain_length })
    }
}

impl WrittenPart {
    fn of(part: &ManifestPart) -> Self {
        let ManifestPart { number, attempt, plain_length, stream_length } = *part;
        Self { number, attempt: attempt.to_string(), plain_length, stream_length }
    }

    fn read(&self) -> Option<ManifestPart> {
        let attempt = AttemptId::parse(&self.attempt).ok()?;
        let fits = layout::plain_length(self.stream_length) == Some(self.plain_length);
        fits.then_some(ManifestPart { number: self.number, attempt, plain_length: self.plain_length, stream_length: self.stream_length })
    }
}
