use super::aead::Aead;
use super::{Context, NameKey, OpenError, SealError, framing, kdf, stream};
use crate::domain::{BucketId, TenantId};
use aws_lc_rs::hmac;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

// Short things are sealed by one library, whatever the setting for bodies: both give the same bytes.
pub(super) const AEAD_OF_SHORT_THINGS: Aead = Aead::AesGcm;

/// What a key that comes from a [`MasterKey`] is for. A closed registry: `docs/format.md` lists the
/// label of each, and a label is never used for a second thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// Wraps a root that rests in a file; the master key is made of a passphrase.
    WrapRoot,
    /// Wraps tenant keys.
    WrapKek,
    /// Wraps data keys of versions.
    WrapDek,
    /// Wraps token secrets and the secret halves of access keys.
    WrapSecret,
    /// Seals attributes, tags, profiles and part checksums.
    SealAttributes,
    /// Makes the MACs of rows.
    RowMac,
    /// Seals sorted runs of directories.
    SealRun,
    /// Seals continuation tokens.
    Cursor,
    /// Seals session credentials.
    Session,
    /// Wraps event keys.
    WrapEventKey,
    /// Seals audit events; the master key is an event key.
    SealEvent,
    /// Seals what a backup holds; the master key is a backup key.
    Backup,
    /// Wraps backup keys; the master key is the installation's root.
    WrapBackup,
    /// Stands for one tenant under a root that serves many.
    TenantRoot(TenantId),
    /// Seals the names of one directory.
    SealName {
        /// The directory's bucket.
        bucket: BucketId,
        /// The directory's token.
        directory: [u8; 32],
    },
    /// A trial at start, kept nowhere.
    Probe,
}

impl KeyUse {
    // FORMAT: HKDF-Expand's info is `hozon/v1/`, the label and, where there are any, a zero byte and
    // the parameters, each of one fixed length.
    const fn label(&self) -> &'static str {
        match self {
            Self::WrapRoot => "wrap-root",
            Self::WrapKek => "wrap-kek",
            Self::WrapDek => "wrap-dek",
            Self::WrapSecret => "wrap-secret",
            Self::SealAttributes => "seal-attributes",
            Self::RowMac => "row-mac",
            Self::SealRun => "seal-run",
            Self::Cursor => "cursor",
            Self::Session => "session",
            Self::WrapEventKey => "wrap-event-key",
            Self::SealEvent => "seal-event",
            Self::Backup => "backup",
            Self::WrapBackup => "wrap-backup",
            Self::TenantRoot(_) => "tenant-root",
            Self::SealName { .. } => "seal-name",
            Self::Probe => "probe",
        }
    }
}

/// A key from which others come, and which itself seals nothing: a root, a tenant key or an event key.
///
/// 256 bits, wiped when dropped.
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl MasterKey {
    /// A new random key.
    ///
    /// # Errors
    /// [`SealError::Random`] when the operating system gives no random bytes.
    pub fn generate() -> Result<Self, SealError> {
        random_key().map(Self)
    }

    /// The key with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// The key that `wrapped` holds: the reverse of [`MasterKey::wrap`].
    ///
    /// # Errors
    /// [`OpenError`] when it was wrapped under another key, for another place, or altered.
    pub fn unwrap(wrapping: &UseKey, context: &Context, wrapped: &[u8]) -> Result<Self, OpenError> {
        wrapping.open_key(context, wrapped).map(Self)
    }

    /// The key, wrapped under `wrapping`.
    ///
    /// # Errors
    /// [`SealError`] when randomness or the cipher fails.
    pub fn wrap(&self, wrapping: &UseKey, context: &Context) -> Result<Vec<u8>, SealError> {
        wrapping.seal(context, self.0.as_slice())
    }

    /// The key for one use.
    #[must_use]
    pub fn derive(&self, purpose: KeyUse) -> UseKey {
        let label = purpose.label().as_bytes();
        let expand = |parameters: &[&[u8]]| {
            let info: Vec<&[u8]> = [b"hozon/v1/".as_slice(), label].iter().chain(parameters).copied().collect();
            UseKey(kdf::expand(self.0.as_slice(), &info))
        };
        match purpose {
            KeyUse::TenantRoot(tenant) => expand(&[&[0], tenant.as_bytes()]),
            KeyUse::SealName { bucket, directory } => expand(&[&[0], bucket.as_bytes(), &directory]),
            _ => expand(&[]),
        }
    }

    /// The bytes, for a root provider that wraps by its own means. Nobody else calls this.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A key for one use. Wiped when dropped.
pub struct UseKey(Zeroizing<[u8; 32]>);

impl UseKey {
    /// Seals `plain` as one message that opens only with this key and `context`.
    ///
    /// # Errors
    /// [`SealError`] when randomness or the cipher fails.
    pub fn seal(&self, context: &Context, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        stream::seal_message(&self.0, context, plain, AEAD_OF_SHORT_THINGS)
    }

    /// Opens what [`UseKey::seal`] made.
    ///
    /// # Errors
    /// [`OpenError`] when key or context differ, or a byte was altered, added or cut off.
    pub fn open(&self, context: &Context, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        stream::open_message(&self.0, context, sealed, AEAD_OF_SHORT_THINGS)
    }

    /// Opens a message that holds a key of 32 bytes.
    ///
    /// # Errors
    /// As [`UseKey::open`], and [`OpenError::KeyLength`] when it holds something else.
    pub fn open_key(&self, context: &Context, sealed: &[u8]) -> Result<Zeroizing<[u8; 32]>, OpenError> {
        let opened = self.open(context, sealed)?;
        let mut key = Zeroizing::new([0; 32]);
        let bytes: &[u8; 32] = opened.as_slice().try_into().map_err(|_| OpenError::KeyLength { bytes: opened.len() })?;
        *key = *bytes;
        Ok(key)
    }

    /// HMAC-SHA-256 over `parts`, each led by its length.
    #[must_use]
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        mac(&hmac::Key::new(hmac::HMAC_SHA256, self.0.as_slice()), parts)
    }

    /// Whether `mac` is that of `parts`, in a time that does not depend on where they differ.
    #[must_use]
    pub fn mac_matches(&self, parts: &[&[u8]], mac: &[u8; 32]) -> bool {
        self.mac(parts).ct_eq(mac).into()
    }

    /// This key, ready to make many MACs.
    #[must_use]
    pub fn mac_key(self) -> MacKey {
        MacKey(hmac::Key::new(hmac::HMAC_SHA256, self.0.as_slice()))
    }

    /// This key, ready to seal and open the names of its directory.
    #[must_use]
    pub fn name_key(self) -> NameKey {
        NameKey::new(&self.0)
    }
}

/// A [`UseKey`] that makes MACs only: what depends on the key alone is worked out once. Wiped when dropped.
pub struct MacKey(hmac::Key);

impl MacKey {
    /// HMAC-SHA-256 over `parts`, each led by its length.
    #[must_use]
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        mac(&self.0, parts)
    }

    /// Whether `mac` is that of `parts`, in a time that does not depend on where they differ.
    #[must_use]
    pub fn mac_matches(&self, parts: &[&[u8]], mac: &[u8; 32]) -> bool {
        self.mac(parts).ct_eq(mac).into()
    }
}

pub(super) fn random_key() -> Result<Zeroizing<[u8; 32]>, SealError> {
    let mut key = Zeroizing::new([0; 32]);
    getrandom::fill(key.as_mut_slice())?;
    Ok(key)
}

// FORMAT: each part is led by its length as a big-endian 64-bit number.
pub(super) fn mac(key: &hmac::Key, parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(&framing::length_of(part));
        context.update(part);
    }
    let mut mac = [0; 32];
    mac.iter_mut().zip(context.sign().as_ref()).for_each(|(slot, byte)| *slot = *byte);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    fn master() -> MasterKey {
        MasterKey::from_bytes(Zeroizing::new([7; 32]))
    }

    #[test]
    fn every_use_and_every_parameter_has_its_own_key() {
        let (tenant, bucket) = (TenantId::from_bytes([1; 16]), BucketId::from_bytes([1; 16]));
        let name = |bucket, directory| KeyUse::SealName { bucket, directory };
        let uses = [
            KeyUse::WrapRoot,
            KeyUse::WrapKek,
            KeyUse::WrapDek,
            KeyUse::WrapSecret,
            KeyUse::SealAttributes,
            KeyUse::RowMac,
            KeyUse::SealRun,
            KeyUse::Cursor,
            KeyUse::Session,
            KeyUse::WrapEventKey,
            KeyUse::SealEvent,
            KeyUse::Backup,
            KeyUse::WrapBackup,
            KeyUse::TenantRoot(tenant),
            KeyUse::TenantRoot(TenantId::from_bytes([2; 16])),
            name(bucket, [1; 32]),
            name(bucket, [2; 32]),
            name(BucketId::from_bytes([2; 16]), [1; 32]),
            KeyUse::Probe,
        ];
        let mut macs: Vec<_> = uses.iter().map(|purpose| master().derive(*purpose).mac(&[])).collect();
        macs.sort_unstable();
        macs.dedup();
        assert_eq!(macs.len(), uses.len());
    }

    #[test]
    fn a_message_opens_only_with_its_key_and_context() {
        let key = master().derive(KeyUse::WrapSecret);
        for length in [0, 1, 32, 16_383, 16_384, 16_385, 40_000] {
            let plain = vec![0x5a; length];
            let sealed = key.seal(&Context::probe(), &plain).unwrap();
            assert_eq!(key.open(&Context::probe(), &sealed).unwrap().as_slice(), plain);
            assert!(matches!(key.open(&Context::root_file(), &sealed), Err(OpenError::Commitment)));
            let other = master().derive(KeyUse::WrapDek);
            assert!(matches!(other.open(&Context::probe(), &sealed), Err(OpenError::Commitment)));
            assert!(key.open(&Context::probe(), sealed.get(..sealed.len() - 1).unwrap()).is_err());
        }
    }

    #[test]
    fn a_mac_tells_where_one_part_ends_and_the_next_begins() {
        let key = master().derive(KeyUse::RowMac);
        let mac = key.mac(&[b"ab", b"c"]);
        assert!(key.mac_matches(&[b"ab", b"c"], &mac));
        assert!(!key.mac_matches(&[b"a", b"bc"], &mac));
        assert!(!key.mac_matches(&[b"abc"], &mac));
        assert!(!key.mac_matches(&[b"ab", b"c", b""], &mac));
        let prepared = master().derive(KeyUse::RowMac).mac_key();
        assert_eq!(prepared.mac(&[b"ab", b"c"]), mac);
        assert!(prepared.mac_matches(&[b"ab", b"c"], &mac) && !prepared.mac_matches(&[b"a", b"bc"], &mac));
    }

    #[test]
    fn a_wrapped_key_is_the_same_key_and_other_lengths_are_none() {
        let wrapping = master().derive(KeyUse::WrapKek);
        let wrapped = MasterKey::from_bytes(Zeroizing::new([9; 32])).wrap(&wrapping, &Context::probe()).unwrap();
        assert_eq!(wrapped.len(), 104);
        assert_eq!(MasterKey::unwrap(&wrapping, &Context::probe(), &wrapped).unwrap().expose(), &[9; 32]);
        let short = wrapping.seal(&Context::probe(), &[9; 31]).unwrap();
        assert!(matches!(MasterKey::unwrap(&wrapping, &Context::probe(), &short), Err(OpenError::KeyLength { bytes: 31 })));
    }
}
