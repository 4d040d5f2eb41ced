//! Every way to fail, as S3 tells it. Whose fault it is decides the code; which check failed is never told
//! (STYLE §3.23). No match has a catch-all arm: a new failure must be given its answer here.

use super::chunks::ChunkFault;
use super::fault::{Fault, HOZON_REASON};
use crate::access::AccessError;
use crate::audit::JournalError;
use crate::blob::BlobError;
use crate::domain::{ChecksumAlgorithm, Unmet, causes, limits};
use crate::engine::EngineError;
use crate::identity::{TokenError, Unauthenticated};
use crate::index::IndexError;
use crate::keys::KeyError;
use crate::leases::LeaseError;
use crate::objects::{BodyFault, BucketError, CommitError, GetError, PutError};
use crate::policy::{Reason, Refused};
use crate::seal::{OpenError, SealError};
use http::StatusCode;
use s3s::S3ErrorCode as Code;
use std::error::Error;
use std::time::Duration;

/// Something that the gateway needs and cannot have now. The client may try again.
fn unavailable(dependency: &'static str, error: &(dyn Error + 'static)) -> Fault {
    tracing::warn!(dependency, error = causes(error), "a request failed for want of a dependency");
    let message = format!("The {dependency} is not available. Please try again.");
    Fault::new(Code::ServiceUnavailable, message).with("HozonDependency", dependency)
}

/// A fault of ours, or damage. The client learns no more than that.
fn internal(error: &(dyn Error + 'static)) -> Fault {
    tracing::error!(error = causes(error), "a request failed on our side");
    Fault::new(Code::InternalError, "We encountered an internal error. Please try again.")
}

fn slow_down() -> Fault {
    slow_down_for(Duration::ZERO)
}

/// The caller is beyond its rate, and within it again after `wait`.
pub(super) fn slow_down_for(wait: Duration) -> Fault {
    let seconds = wait.as_secs().saturating_add(1).to_string();
    Fault::new(Code::SlowDown, "Please reduce your request rate.").with_header("retry-after", &seconds)
}

fn denied(reason: Option<Reason>) -> Fault {
    let fault = Fault::new(Code::AccessDenied, "Access Denied");
    match reason {
        Some(reason) => fault.with(HOZON_REASON, reason.code()),
        None => fault,
    }
}

impl From<EngineError> for Fault {
    fn from(error: EngineError) -> Self {
        match &error {
            EngineError::Busy => slow_down(),
            EngineError::Unavailable
            | EngineError::Full
            | EngineError::InUse
            | EngineError::NotOurs
            | EngineError::NotBuiltIn
            | EngineError::TooNew { .. } => unavailable("index", &error),
            EngineError::Unclear | EngineError::Panicked | EngineError::Corrupt { .. } | EngineError::Failed(_) => internal(&error),
        }
    }
}

impl From<LeaseError> for Fault {
    fn from(error: LeaseError) -> Self {
        match &error {
            LeaseError::Unavailable { .. } | LeaseError::OtherProvider { .. } | LeaseError::Withdrawn { .. } => unavailable("root", &error),
            LeaseError::Engine(_) => unavailable("index", &error),
            LeaseError::NoTenant { .. }
            | LeaseError::NotOneActive { .. }
            | LeaseError::Damaged { .. }
            | LeaseError::NoTokenSecret { .. }
            | LeaseError::DamagedSecret { .. } => internal(&error),
        }
    }
}

impl From<IndexError> for Fault {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::Engine(error) => error.into(),
            IndexError::Lease(error) => error.into(),
            IndexError::Retained(_) => denied(Some(Reason::UnderRetention)),
            IndexError::Stopping => unavailable("index", &error),
            IndexError::Tampered { .. }
            | IndexError::UnknownKey { .. }
            | IndexError::UnfitRun { .. }
            | IndexError::Seal(_)
            | IndexError::Form(_)
            | IndexError::Misfit => internal(&error),
        }
    }
}

impl From<JournalError> for Fault {
    fn from(error: JournalError) -> Self {
        match &error {
            JournalError::Engine(EngineError::Busy) => slow_down(),
            JournalError::Engine(_) | JournalError::Lease(_) | JournalError::Seal(_) => unavailable("audit log", &error),
            JournalError::Form(_) => internal(&error),
        }
    }
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Forbidden { reason: Some(reason) } if reason.is_of_request() => {
                Fault::new(Code::InvalidRequest, "The record cannot be written as it is stated.").with(HOZON_REASON, reason.code())
            }
            Refused::Forbidden { reason } => denied(reason),
            Refused::NoSuchBucket => no_such_bucket(),
            Refused::NoSuchKey { marker: None } => no_such_key(),
            Refused::NoSuchKey { marker: Some(marker) } => {
                no_such_key().with_header("x-amz-delete-marker", "true").with_header("x-amz-version-id", &marker.to_string())
            }
            Refused::NoSuchVersion => Fault::new(Code::NoSuchVersion, "The specified version does not exist."),
            Refused::IsDeleteMarker { version } => {
                let message = "The specified method is not allowed against this resource.";
                let fault = Fault::new(Code::MethodNotAllowed, message).with("Method", "GET").with("ResourceType", "DeleteMarker");
                let fault = fault.with_header("allow", "DELETE").with_header("x-amz-delete-marker", "true");
                fault.with_header("x-amz-version-id", &version.to_string())
            }
            Refused::NoSuchUpload => no_such_upload(),
            Refused::ConditionFailed => precondition("If-Match or If-None-Match"),
            Refused::Index(error) => error.into(),
            Refused::Undecided(AccessError::Lease(error)) => error.into(),
            Refused::Undecided(AccessError::Engine(error)) => error.into(),
            Refused::Undecided(error) => unavailable("policy", &error),
            Refused::Unrecorded(error) => error.into(),
        }
    }
}

impl From<KeyError> for Fault {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Lease(error) => error.into(),
            // The decision has grown too old while something else was slow.
            KeyError::Stale => unavailable("key", &error),
            KeyError::Erased => Fault::custom("HozonErased", StatusCode::GONE, "The key of this version was destroyed."),
            KeyError::KekGone { .. } | KeyError::Unwrap(_) | KeyError::Make(_) => internal(&error),
        }
    }
}

impl From<BlobError> for Fault {
    fn from(error: BlobError) -> Self {
        match &error {
            BlobError::Full | BlobError::Store { .. } | BlobError::List(_) | BlobError::Stopping => unavailable("object store", &error),
            BlobError::Replica(_) | BlobError::NotAdmitted => unavailable("replica", &error),
            BlobError::Missing { .. }
            | BlobError::Truncated { .. }
            | BlobError::Range { .. }
            | BlobError::NotAFrame { .. }
            | BlobError::Altered { .. } => internal(&error),
        }
    }
}

impl From<OpenError> for Fault {
    fn from(error: OpenError) -> Self {
        internal(&error)
    }
}

impl From<SealError> for Fault {
    fn from(error: SealError) -> Self {
        internal(&error)
    }
}

impl From<GetError> for Fault {
    fn from(error: GetError) -> Self {
        match error {
            GetError::Refused(refused) => refused.into(),
            GetError::Key(error) => error.into(),
            GetError::Blob(error) => error.into(),
            GetError::Index(error) => error.into(),
            GetError::Damaged(_) | GetError::Contradiction { .. } => internal(&error),
        }
    }
}

impl From<CommitError> for Fault {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Index(error) => error.into(),
            CommitError::Refused(refused) => refused.into(),
            CommitError::BucketGone => no_such_bucket(),
            CommitError::UploadGone => no_such_upload(),
            CommitError::Collected => unavailable("object store", &error),
            CommitError::Contended => slow_down(),
        }
    }
}

impl From<PutError> for Fault {
    fn from(error: PutError) -> Self {
        match error {
            PutError::Body(fault) => of_body(&fault),
            PutError::Key(error) => error.into(),
            PutError::Blob(error) => error.into(),
            PutError::Seal(error) => error.into(),
            PutError::Commit(error) => error.into(),
            PutError::Source(error) => error.into(),
            PutError::InvalidPart { number } => invalid_part(number),
            PutError::PartOrder => {
                Fault::new(Code::InvalidPartOrder, "The list of parts was not in ascending order. Parts must be ordered by part number.")
            }
            PutError::PartTooSmall { number } => {
                let fault = Fault::new(Code::EntityTooSmall, "Your proposed upload is smaller than the minimum allowed size");
                fault.with("PartNumber", number.to_string()).with("MinSizeAllowed", limits::PART_BYTES_MIN.to_string())
            }
            PutError::TooLong { bytes } => {
                let fault = Fault::new(Code::EntityTooLarge, "Your proposed upload has another size than stated or allowed");
                fault.with("ProposedSize", bytes.to_string()).with("MaxSizeAllowed", limits::VERSION_BYTES_MAX.to_string())
            }
            PutError::WholeChecksum => bad_digest("checksum of the whole"),
        }
    }
}

impl From<BucketError> for Fault {
    fn from(error: BucketError) -> Self {
        match error {
            BucketError::Taken => Fault::new(
                Code::BucketAlreadyOwnedByYou,
                "Your previous request to create the named bucket succeeded and you already own it.",
            ),
            BucketError::TooMany => Fault::new(Code::TooManyBuckets, "You have attempted to create more buckets than allowed."),
            BucketError::NotEmpty => Fault::new(Code::BucketNotEmpty, "The bucket you tried to delete is not empty."),
            BucketError::VersioningAlwaysOn => {
                let fault = Fault::new(Code::InvalidBucketState, "A records bucket always keeps its versions.");
                fault.with(HOZON_REASON, Reason::VersioningAlwaysOn.code())
            }
            BucketError::Changed => Fault::new(Code::OperationAborted, "A conflicting operation is in progress. Please try again."),
            BucketError::Refused(refused) => refused.into(),
            BucketError::Index(error) => error.into(),
        }
    }
}

impl From<Unauthenticated> for Fault {
    fn from(error: Unauthenticated) -> Self {
        match error {
            Unauthenticated::Unknown | Unauthenticated::NotInUse => {
                Fault::new(Code::InvalidAccessKeyId, "The AWS Access Key Id you provided does not exist in our records.")
            }
            Unauthenticated::Token(TokenError::Expired) => Fault::new(Code::ExpiredToken, "The provided token has expired."),
            Unauthenticated::Token(TokenError::Keys(error)) => unavailable("identity provider", &*error),
            // Which part does not fit is nobody's business who has no token that does (ID-06).
            Unauthenticated::Token(_) => Fault::new(Code::InvalidToken, "The provided token is malformed or otherwise invalid."),
            Unauthenticated::Access(AccessError::Engine(error)) => error.into(),
            Unauthenticated::Access(AccessError::Lease(error)) => error.into(),
            Unauthenticated::Access(error) => unavailable("policy", &error),
            Unauthenticated::Seal(_) | Unauthenticated::Damaged { .. } => internal(&error),
            Unauthenticated::Engine(error) => error.into(),
            Unauthenticated::Lease(error) => error.into(),
        }
    }
}

/// The fault for a body that could not be taken in.
pub(super) fn of_body(fault: &BodyFault) -> Fault {
    match fault {
        BodyFault::Ended => Fault::new(Code::IncompleteBody, "The request body ended before its announced length."),
        BodyFault::Checksum { algorithm } => bad_digest(algorithm),
        BodyFault::ChecksumForm { algorithm } => {
            Fault::new(Code::InvalidRequest, format!("The stated {algorithm} checksum is missing or not well formed."))
        }
        BodyFault::Signature => Fault::custom(
            "XAmzContentSHA256Mismatch",
            StatusCode::BAD_REQUEST,
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        ),
        BodyFault::TooLong { max } => {
            let fault = Fault::new(Code::EntityTooLarge, "Your proposed upload exceeds the maximum allowed size");
            fault.with("MaxSizeAllowed", max.to_string())
        }
        BodyFault::Length { .. } => {
            Fault::new(Code::IncompleteBody, "You did not provide the number of bytes specified by the Content-Length HTTP header")
        }
        // The source was decided and opened like any read; what is wrong with it is the same.
        BodyFault::Source(error) => of_source(error),
    }
}

/// The fault for a body whose chunks are not framed as they must be.
pub(super) fn of_chunks(fault: ChunkFault) -> Fault {
    match fault {
        ChunkFault::Malformed => Fault::new(Code::InvalidRequest, "A chunk of the body is not well formed."),
        ChunkFault::TooLarge => {
            let fault = Fault::new(Code::InvalidRequest, "A signed chunk of the body is too large.");
            fault.with("MaxSizeAllowed", limits::SIGNED_CHUNK_BYTES_MAX.to_string())
        }
        ChunkFault::Unfinished => Fault::new(Code::IncompleteBody, "The body ended before its last chunk."),
    }
}

/// The fault for a condition of a read; the source of a copy is never merely unchanged.
pub(super) fn of_condition(unmet: Unmet, is_copy: IsCopy) -> Fault {
    match (unmet, is_copy) {
        (Unmet::Unchanged { .. }, IsCopy::No) => Fault::new(Code::NotModified, "Not Modified"),
        (unmet, _) => precondition(unmet.condition()),
    }
}

/// Whether a version is read to be sent or to be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IsCopy {
    /// To be sent.
    No,
    /// To be copied.
    Yes,
}

/// The fault for a part that is not there, or not with that tag.
pub(super) fn invalid_part(number: u32) -> Fault {
    let message = "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified \
                   entity tag may not match the part's entity tag.";
    Fault::new(Code::InvalidPart, message).with("PartNumber", number.to_string())
}

/// The fault for a part in another algorithm than its upload's.
pub(super) fn other_algorithm(expected: ChecksumAlgorithm, actual: ChecksumAlgorithm) -> Fault {
    let (expected, actual) = (expected.name().to_ascii_lowercase(), actual.name().to_ascii_lowercase());
    Fault::new(
        Code::InvalidRequest,
        format!("Checksum Type mismatch occurred, expected checksum Type: {expected}, actual checksum Type: {actual}"),
    )
}

/// The fault for an upload that is not there.
pub(super) fn no_such_upload() -> Fault {
    let message = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.";
    Fault::new(Code::NoSuchUpload, message)
}

fn no_such_bucket() -> Fault {
    Fault::new(Code::NoSuchBucket, "The specified bucket does not exist")
}

fn no_such_key() -> Fault {
    Fault::new(Code::NoSuchKey, "The specified key does not exist.")
}

fn precondition(condition: &'static str) -> Fault {
    let message = "At least one of the pre-conditions you specified did not hold";
    Fault::new(Code::PreconditionFailed, message).with("Condition", condition)
}

fn bad_digest(algorithm: &str) -> Fault {
    Fault::new(Code::BadDigest, format!("The {algorithm} you specified did not match the calculated checksum."))
}

fn of_source(error: &GetError) -> Fault {
    match error {
        GetError::Refused(_) | GetError::Damaged(_) | GetError::Contradiction { .. } => internal(error),
        GetError::Key(_) => unavailable("key", error),
        GetError::Blob(_) => unavailable("object store", error),
        GetError::Index(_) => unavailable("index", error),
    }
}
