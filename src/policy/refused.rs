use crate::audit::JournalError;
use crate::index::IndexError;

/// Why a policy refuses: a stable code that callers who may know it see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No rule allows the action to this principal in this bucket.
    NotGranted,
    /// An administrator has switched the bucket off.
    BucketDisabled,
    /// The credential was switched off, or has ended, while the request was under way (ID-06).
    CredentialEnded,
    /// Operators of the provider never reach content (OP-01).
    OperatorNeverReads,
    /// The version is final and stays (AT-04).
    VersionFinalized,
    /// A finalised version is replaced only with a stated reason (AT-04).
    ChangeReasonRequired,
    /// The version is under a legal hold or its term has not ended (PR-09).
    UnderRetention,
    /// A records bucket takes no record without a class (AC-02).
    RecordClassRequired,
    /// Only records buckets know finalisation.
    NotARecordsBucket,
    /// A records bucket always keeps its versions.
    VersioningAlwaysOn,
}

impl Reason {
    /// The code that callers, logs and tests know.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotGranted => "not-granted",
            Self::BucketDisabled => "bucket-disabled",
            Self::CredentialEnded => "credential-ended",
            Self::OperatorNeverReads => "operator-never-reads",
            Self::VersionFinalized => "version-finalized",
            Self::ChangeReasonRequired => "change-reason-required",
            Self::UnderRetention => "under-retention",
            Self::RecordClassRequired => "record-class-required",
            Self::NotARecordsBucket => "not-a-records-bucket",
            Self::VersioningAlwaysOn => "versioning-always-on",
        }
    }
}

/// The caller may not, or there is no such thing and the caller may know that.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// Not allowed. The reason is told only to who may list the place.
    #[error("refused by policy")]
    Forbidden {
        /// Why, if the caller may know.
        reason: Option<Reason>,
    },
    /// There is no such bucket in the caller's tenant.
    #[error("there is no such bucket")]
    NoSuchBucket,
    /// There is no such key, or its newest version is a delete marker.
    #[error("there is no such key")]
    NoSuchKey {
        /// The delete marker that hides it.
        marker: Option<crate::domain::VersionId>,
    },
    /// There is no such version.
    #[error("there is no such version")]
    NoSuchVersion,
    /// The version named is a delete marker, which has no content.
    #[error("the version is a delete marker")]
    IsDeleteMarker {
        /// Which.
        version: crate::domain::VersionId,
    },
    /// There is no such upload.
    #[error("there is no such upload")]
    NoSuchUpload,
    /// What the caller wants of the key before it is written does not hold.
    #[error("a condition of the write does not hold")]
    ConditionFailed,
    /// What is asked for cannot be looked up.
    #[error("it cannot be looked up")]
    Index(#[from] IndexError),
    /// The verdict could not be put on record, so nothing may happen.
    #[error("the verdict could not be recorded")]
    Unrecorded(#[from] JournalError),
}

impl Refused {
    /// Whether it is a verdict, which is on record; the others say that none could be found or recorded.
    #[must_use]
    pub const fn is_verdict(&self) -> bool {
        !matches!(self, Self::Index(_) | Self::Unrecorded(_))
    }
}
