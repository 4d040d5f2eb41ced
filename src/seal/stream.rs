use super::aead::{Aead, AeadKey, NONCE_BYTES, Refused, TAG_BYTES};
use super::layout::{SEALED_CHUNK_BYTES, STREAM_HEADER_BYTES};
use super::{Context, OpenError, SealError, kdf};
use crate::domain::limits::CHUNK_BYTES;
use std::iter;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const SALT_BYTES: usize = 24;
const COMMITMENT_BYTES: usize = 32;
// FORMAT: c2sp.org/chunked-encryption v1 with the name that IANA gives the AEAD.
const LABEL: &[u8] = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0";

/// What one stream is sealed with: the key, base nonce and commitment of C2SP chunked-encryption v1.
pub(super) struct StreamKey {
    key: AeadKey,
    base_nonce: [u8; NONCE_BYTES],
    commitment: [u8; COMMITMENT_BYTES],
}

impl StreamKey {
    fn derive(input_key: &[u8; 32], salt: &[u8; SALT_BYTES], context: &Context, aead: Aead) -> Result<Self, Refused> {
        let derived = kdf::expand::<{ 32 + NONCE_BYTES + COMMITMENT_BYTES }>(input_key, &[LABEL, salt, context.as_bytes()]);
        let (key, rest) = derived.split_first_chunk::<32>().ok_or(Refused)?;
        let (base_nonce, rest) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(Refused)?;
        let commitment = rest.first_chunk::<COMMITMENT_BYTES>().ok_or(Refused)?;
        Ok(Self { key: AeadKey::new(aead, key)?, base_nonce: *base_nonce, commitment: *commitment })
    }

    /// A key for one new stream, under a salt never used before, and the header that leads the stream.
    pub(super) fn fresh(input_key: &[u8; 32], context: &Context, aead: Aead) -> Result<(Self, [u8; STREAM_HEADER_BYTES]), SealError> {
        let mut salt = [0; SALT_BYTES];
        getrandom::fill(&mut salt)?;
        Self::salted(input_key, &salt, context, aead).map_err(|Refused| SealError::Cipher)
    }

    pub(super) fn salted(
        input_key: &[u8; 32],
        salt: &[u8; SALT_BYTES],
        context: &Context,
        aead: Aead,
    ) -> Result<(Self, [u8; STREAM_HEADER_BYTES]), Refused> {
        let key = Self::derive(input_key, salt, context, aead)?;
        let mut header = [0; STREAM_HEADER_BYTES];
        header.iter_mut().zip(salt.iter().chain(&key.commitment)).for_each(|(slot, byte)| *slot = *byte);
        Ok((key, header))
    }

    /// The key of the stream that `header` leads, its commitment checked.
    pub(super) fn of_header(
        input_key: &[u8; 32],
        header: &[u8; STREAM_HEADER_BYTES],
        context: &Context,
        aead: Aead,
    ) -> Result<Self, OpenError> {
        let (salt, commitment) = header.split_first_chunk::<SALT_BYTES>().ok_or(OpenError::Cipher)?;
        let key = Self::derive(input_key, salt, context, aead).map_err(|Refused| OpenError::Cipher)?;
        if bool::from(key.commitment.ct_eq(commitment)) { Ok(key) } else { Err(OpenError::Commitment) }
    }

    /// Seals `plain` as chunk `index` into `out`, which is longer by a tag.
    pub(super) fn seal_chunk(&self, index: u64, plain: &[u8], out: &mut [u8]) -> Result<(), SealError> {
        self.key.seal(&self.nonce(index), &[], plain, out).map_err(|Refused| SealError::Cipher)
    }

    /// Seals all of `buffer` but its last bytes, which take the tag, as chunk `index`.
    pub(super) fn seal_chunk_in_place(&self, index: u64, buffer: &mut [u8]) -> Result<(), SealError> {
        self.key.seal_in_place(&self.nonce(index), &[], buffer).map_err(|Refused| SealError::Cipher)
    }

    /// Opens chunk `index` into `out`, which is shorter by a tag. After an error the caller wipes `out`.
    pub(super) fn open_chunk(&self, index: u64, sealed: &[u8], out: &mut [u8]) -> Result<(), OpenError> {
        self.key.open(&self.nonce(index), &[], sealed, out).map_err(|Refused| OpenError::Chunk { index })
    }

    fn nonce(&self, index: u64) -> [u8; NONCE_BYTES] {
        let mut nonce = self.base_nonce;
        nonce.iter_mut().rev().zip(index.to_be_bytes().iter().rev()).for_each(|(slot, byte)| *slot ^= byte);
        nonce
    }
}

/// Seals a short message as a whole stream.
pub(super) fn seal_message(input_key: &[u8; 32], context: &Context, plain: &[u8], aead: Aead) -> Result<Vec<u8>, SealError> {
    let (key, header) = StreamKey::fresh(input_key, context, aead)?;
    seal_message_with(&key, &header, plain)
}

pub(super) fn seal_message_with(key: &StreamKey, header: &[u8; STREAM_HEADER_BYTES], plain: &[u8]) -> Result<Vec<u8>, SealError> {
    let chunks = plain.len() / CHUNK_BYTES + 1;
    let mut sealed = vec![0; STREAM_HEADER_BYTES + plain.len() + chunks * TAG_BYTES];
    let (head, body) = sealed.split_first_chunk_mut::<STREAM_HEADER_BYTES>().ok_or(SealError::Cipher)?;
    *head = *header;
    // The last chunk is always shorter than the others, and empty where nothing is left for it.
    let full = plain.chunks_exact(CHUNK_BYTES);
    let last = full.remainder();
    for ((index, piece), slot) in (0..).zip(full.chain(iter::once(last))).zip(body.chunks_mut(SEALED_CHUNK_BYTES)) {
        key.seal_chunk(index, piece, slot)?;
    }
    Ok(sealed)
}

/// Opens a whole stream that was sealed as a short message.
pub(super) fn open_message(input_key: &[u8; 32], context: &Context, sealed: &[u8], aead: Aead) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let no_message = OpenError::Length { bytes: sealed.len() as u64 };
    let Some((header, body)) = sealed.split_first_chunk::<STREAM_HEADER_BYTES>() else { return Err(no_message) };
    let Some(last) = (body.len() % SEALED_CHUNK_BYTES).checked_sub(TAG_BYTES) else { return Err(no_message) };
    let key = StreamKey::of_header(input_key, header, context, aead)?;
    let mut plain = Zeroizing::new(vec![0; body.len() / SEALED_CHUNK_BYTES * CHUNK_BYTES + last]);
    // An empty last chunk has no slot in `plain`, and is checked like any other.
    let slots = plain.chunks_mut(CHUNK_BYTES).chain(iter::once([].as_mut_slice()));
    for ((index, piece), slot) in (0..).zip(body.chunks(SEALED_CHUNK_BYTES)).zip(slots) {
        key.open_chunk(index, piece, slot)?;
    }
    Ok(plain)
}
