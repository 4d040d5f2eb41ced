use crate::access::AccessError;
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
    /// No job type of the caller may do this with records of this class (AC-01).
    ClassNotAllowed,
    /// The job type may only enter on behalf of somebody, who is not named (AT-09).
    OnBehalfOfRequired,
    /// An app reads records of patients only for a person, whose token it shows (ID-01, ID-02).
    PersonRequired,
    /// Records of patients take a second factor (ID-03).
    SecondFactorRequired,
    /// A record of this class must name its patient (AC-03).
    PatientRequired,
    /// The content is about another patient than the one stated (AC-03, AT-10).
    PatientMismatch,
    /// The caller does not care for the patient (AC-03).
    NotInCareTeam,
    /// The caller is limited to other patients (AC-08).
    PatientNotYours,
    /// Only named people may see this patient's records (AC-03).
    PatientRestricted,
    /// It takes another person than the one who asks (AC-07, BG-05).
    SamePerson,
    /// A policy of the tenant forbids it.
    PolicyForbids,
    /// A policy could not be asked, so nothing is permitted (promise 2).
    PolicyFailed,
}

impl Reason {
    const ALL: [Self; 22] = [
        Self::NotGranted,
        Self::BucketDisabled,
        Self::CredentialEnded,
        Self::OperatorNeverReads,
        Self::VersionFinalized,
        Self::ChangeReasonRequired,
        Self::UnderRetention,
        Self::RecordClassRequired,
        Self::NotARecordsBucket,
        Self::VersioningAlwaysOn,
        Self::ClassNotAllowed,
        Self::OnBehalfOfRequired,
        Self::PersonRequired,
        Self::SecondFactorRequired,
        Self::PatientRequired,
        Self::PatientMismatch,
        Self::NotInCareTeam,
        Self::PatientRestricted,
        Self::PatientNotYours,
        Self::SamePerson,
        Self::PolicyForbids,
        Self::PolicyFailed,
    ];

    /// The reason with this code.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// Whether it is what the request lacks, rather than what the caller may not do.
    #[must_use]
    pub const fn is_of_request(self) -> bool {
        matches!(self, Self::RecordClassRequired | Self::PatientRequired | Self::PatientMismatch | Self::OnBehalfOfRequired)
    }

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
            Self::ClassNotAllowed => "class-not-allowed",
            Self::OnBehalfOfRequired => "on-behalf-of-required",
            Self::PersonRequired => "person-required",
            Self::SecondFactorRequired => "second-factor-required",
            Self::PatientRequired => "patient-required",
            Self::PatientMismatch => "patient-mismatch",
            Self::NotInCareTeam => "not-in-care-team",
            Self::PatientRestricted => "patient-restricted",
            Self::PatientNotYours => "patient-not-yours",
            Self::SamePerson => "same-person",
            Self::PolicyForbids => "policy-forbids",
            Self::PolicyFailed => "policy-failed",
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
    /// What the tenant has laid down about access cannot be had, so nothing is decided (promise 2).
    #[error("access cannot be decided")]
    Undecided(#[from] AccessError),
    /// The verdict could not be put on record, so nothing may happen.
    #[error("the verdict could not be recorded")]
    Unrecorded(#[from] JournalError),
}

impl Refused {
    /// Whether it is a verdict, which is on record; the others say that none could be found or recorded.
    #[must_use]
    pub const fn is_verdict(&self) -> bool {
        !matches!(self, Self::Index(_) | Self::Undecided(_) | Self::Unrecorded(_))
    }
}
