use super::key::random_key;
use super::{PlaceOfPart, PlaceOfVersion, SealError};
use crate::domain::AttemptId;
use zeroize::Zeroizing;

/// The data key of a version that is being written. It may seal; wiped when dropped.
///
/// Not `Clone`, and made only by `keys`, against an admission to write.
pub struct FreshDataKey {
    place: PlaceOfVersion,
    key: Zeroizing<[u8; 32]>,
}

impl FreshDataKey {
    /// A new random key for the version at `place`, and the same key as `wrap` wrapped it.
    ///
    /// MINT: only `keys` calls this.
    ///
    /// # Errors
    /// What `wrap` returns, and a [`SealError`] made into it when there is no randomness.
    pub fn generate<E: From<SealError>>(
        place: PlaceOfVersion,
        wrap: impl FnOnce(&[u8; 32]) -> Result<Vec<u8>, E>,
    ) -> Result<(Self, Vec<u8>), E> {
        let key = random_key()?;
        let wrapped = wrap(&key)?;
        Ok((Self { place, key }, wrapped))
    }

    /// The key of an open upload, as unwrapped, to seal one more part of it.
    ///
    /// MINT: only `keys` calls this, and only for uploads that are not completed.
    #[must_use]
    pub const fn readopt(place: PlaceOfVersion, unwrapped: Zeroizing<[u8; 32]>) -> Self {
        Self { place, key: unwrapped }
    }

    /// The version that it seals for.
    #[must_use]
    pub const fn place(&self) -> PlaceOfVersion {
        self.place
    }

    /// A key for one new attempt at one part. Each call makes another attempt.
    pub fn part(&self) -> FreshPartKey {
        FreshPartKey { place: self.place.part(AttemptId::random()), key: self.key.clone() }
    }
}

/// What seals one frame. Sealing consumes it, so nothing is sealed twice for one attempt.
#[must_use]
pub struct FreshPartKey {
    pub(super) place: PlaceOfPart,
    pub(super) key: Zeroizing<[u8; 32]>,
}

impl FreshPartKey {
    /// The attempt that its frame will belong to.
    #[must_use]
    pub const fn attempt(&self) -> AttemptId {
        self.place.attempt
    }
}

/// The data key of a stored version. It may only open; wiped when dropped.
///
/// Not `Clone`, and made only by `keys`, against an admission to read.
pub struct OpenedDataKey {
    pub(super) place: PlaceOfVersion,
    pub(super) key: Zeroizing<[u8; 32]>,
}

impl OpenedDataKey {
    /// The key of the version at `place`, as unwrapped.
    ///
    /// MINT: only `keys` calls this.
    #[must_use]
    pub const fn adopt(place: PlaceOfVersion, unwrapped: Zeroizing<[u8; 32]>) -> Self {
        Self { place, key: unwrapped }
    }

    /// The version that it opens.
    #[must_use]
    pub const fn place(&self) -> PlaceOfVersion {
        self.place
    }
}
