use crate::domain::{AttemptId, BucketId, TenantId, VersionId};

/// Where a version lives. Its data key opens in no other place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PlaceOfVersion {
    /// Whose it is.
    pub tenant: TenantId,
    /// In which bucket.
    pub bucket: BucketId,
    /// Which version.
    pub version: VersionId,
}

/// Where one attempt at one part of a version lives. A frame opens in no other place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PlaceOfPart {
    /// Whose it is.
    pub tenant: TenantId,
    /// In which bucket.
    pub bucket: BucketId,
    /// Of which version.
    pub version: VersionId,
    /// Which attempt.
    pub attempt: AttemptId,
}

impl PlaceOfVersion {
    /// The place of one attempt at one part of this version.
    #[must_use]
    pub const fn part(self, attempt: AttemptId) -> PlaceOfPart {
        PlaceOfPart { tenant: self.tenant, bucket: self.bucket, version: self.version, attempt }
    }
}
