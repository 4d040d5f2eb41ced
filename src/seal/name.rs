use super::aead::{AeadKey, NONCE_BYTES, TAG_BYTES};
use super::{OpenError, SealError};
use crate::domain::{BucketId, EntryId};
use zeroize::Zeroizing;

/// Seals and opens the names in one directory, under one version of the tenant's index key.
///
/// The one exception to the stream format, for the speed of listings. At most 2^32 names under one
/// key, because the nonces are random.
pub struct NameKey(AeadKey);

impl NameKey {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(AeadKey::aes_gcm(key))
    }

    /// Seals the name of `entry` in the directory with the token `directory`.
    ///
    /// # Errors
    /// [`SealError`] when randomness or the cipher fails.
    pub fn seal_name(&self, bucket: BucketId, directory: &[u8; 32], entry: EntryId, name: &str) -> Result<Vec<u8>, SealError> {
        let mut sealed = vec![0; NONCE_BYTES + name.len() + TAG_BYTES];
        let (nonce, body) = sealed.split_first_chunk_mut::<NONCE_BYTES>().ok_or(SealError::Cipher)?;
        getrandom::fill(nonce)?;
        self.0.seal(nonce, &place(bucket, directory, entry), name.as_bytes(), body).map_err(|_| SealError::Cipher)?;
        Ok(sealed)
    }

    /// Opens a name that [`NameKey::seal_name`] sealed for the same entry.
    ///
    /// # Errors
    /// [`OpenError::Name`] when key or entry differ, or a byte was altered.
    pub fn open_name(&self, bucket: BucketId, directory: &[u8; 32], entry: EntryId, sealed: &[u8]) -> Result<Zeroizing<String>, OpenError> {
        let (nonce, body) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(OpenError::Name)?;
        let length = body.len().checked_sub(TAG_BYTES).ok_or(OpenError::Name)?;
        let mut name = Zeroizing::new(vec![0; length]);
        self.0.open(nonce, &place(bucket, directory, entry), body, &mut name).map_err(|_| OpenError::Name)?;
        let text = std::str::from_utf8(&name).map_err(|_| OpenError::Name)?;
        Ok(Zeroizing::new(text.to_owned()))
    }
}

// FORMAT: bucket UUID, directory token, entry UUID; all of fixed length.
fn place(bucket: BucketId, directory: &[u8; 32], entry: EntryId) -> [u8; 64] {
    let mut place = [0; 64];
    let bytes = bucket.as_bytes().iter().chain(directory).chain(entry.as_bytes());
    place.iter_mut().zip(bytes).for_each(|(slot, byte)| *slot = *byte);
    place
}

#[cfg(test)]
mod tests {
    use super::super::{KeyUse, MasterKey};
    use super::*;

    #[test]
    fn a_name_opens_only_for_its_own_entry() {
        let (bucket, entry, directory) = (BucketId::random(), EntryId::random(), [3; 32]);
        let key = |directory| MasterKey::from_bytes(Zeroizing::new([1; 32])).derive(KeyUse::SealName { bucket, directory }).name_key();
        for name in ["", "x", "山田太郎 胸部X線.dcm"] {
            let sealed = key(directory).seal_name(bucket, &directory, entry, name).unwrap();
            assert_eq!(sealed.len(), 12 + name.len() + 16);
            let open = |b, d: &[u8; 32], e, s: &[u8]| key(directory).open_name(b, d, e, s).map(|n| n.to_string());
            assert_eq!(open(bucket, &directory, entry, &sealed).unwrap(), name);
            assert!(open(BucketId::random(), &directory, entry, &sealed).is_err());
            assert!(open(bucket, &[4; 32], entry, &sealed).is_err());
            assert!(open(bucket, &directory, EntryId::random(), &sealed).is_err());
            assert!(open(bucket, &directory, entry, &sealed[1..]).is_err());
            assert!(open(bucket, &directory, entry, &sealed[..27]).is_err());
            assert!(key([4; 32]).open_name(bucket, &directory, entry, &sealed).is_err());
        }
    }

    #[test]
    fn the_same_name_never_looks_the_same() {
        let (bucket, entry, directory) = (BucketId::random(), EntryId::random(), [3; 32]);
        let key = MasterKey::from_bytes(Zeroizing::new([1; 32])).derive(KeyUse::SealName { bucket, directory }).name_key();
        let seal = || key.seal_name(bucket, &directory, entry, "a").unwrap();
        assert_ne!(seal(), seal());
    }
}
