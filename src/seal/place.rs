use crate::domain::{AttemptId, BucketId, RunId, TenantId, VersionId};

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

/// Where a sorted run of a directory lives. Neither it nor any page of it opens in another place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PlaceOfRun {
    /// Whose it is.
    pub tenant: TenantId,
    /// In which bucket.
    pub bucket: BucketId,
    /// Token of the directory.
    pub directory: [u8; 32],
    /// Which run.
    pub run: RunId,
}

/// What a sorted run says that it is: bound to its head, so that nobody adds to it or takes from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RunExtent {
    /// The epoch of its mark.
    pub epoch: u64,
    /// It holds what was in the directory at this mark.
    pub mark: u64,
    /// How many pages it has.
    pub pages: u32,
    /// How many items they hold together.
    pub items: u64,
}

impl PlaceOfVersion {
    /// The place of one attempt at one part of this version.
    #[must_use]
    pub const fn part(self, attempt: AttemptId) -> PlaceOfPart {
        PlaceOfPart { tenant: self.tenant, bucket: self.bucket, version: self.version, attempt }
    }
}
