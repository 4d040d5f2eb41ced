//! Nouns and pure rules: no I/O, no async, no clock but the one passed in.
//!
//! Everything above speaks in these words. A value of one of these types has been checked once,
//! at its `parse`, and is never checked again.

mod answer;
mod attributes;
mod bucket;
mod catalogue;
mod causes;
mod checksum;
mod condition;
mod directive;
mod etag;
mod factors;
mod grid;
mod host;
mod id;
mod kek;
mod key;
pub mod limits;
mod live;
mod location;
mod patient;
mod peer;
mod principal;
mod purpose;
mod range;
mod record;
mod retention;
mod time;

pub use answer::AnswerInMemory;
pub use attributes::{Attributes, ContentHeaders, InvalidMetadata};
pub use bucket::{BucketMode, BucketName, InvalidBucketName, Versioning};
pub use catalogue::{ClassRule, JobGroup, JobType, JobTypes, PatientNaming, Proof, RecordClasses, StartEvent};
pub use causes::causes;
pub use checksum::{ChecksumAlgorithm, ChecksumType, Checksums};
pub use condition::{RangeCondition, ReadConditions, TagCondition, Unmet, UnmetWrite, WriteCondition};
pub use directive::{
    AccessChange, BrokenGlass, CareLimit, CareLimited, ChangeDecision, ChangeVerdict, Directive, DirectiveKind, GlassFinding, GlassReason,
    GlassReview, HandOver, IdentityProvider, NewPerson, OwnPolicy, PatientRule, Revocation, is_policy_name,
};
pub use etag::{ETag, InvalidETag};
pub use factors::{Factors, PatientsNamed};
pub use grid::{AccessGrid, Cell, Enters};
pub use host::names_the_gateway;
pub use id::{
    AttemptId, BucketId, ChainId, EntryId, EventId, EventKeyId, InvalidId, NodeId, PrincipalId, RunId, StoreId, TenantId, UploadId,
    VersionId,
};
pub use kek::{KekPurpose, KekState, UnknownName};
pub use key::{InvalidObjectKey, ObjectKey};
pub use live::Live;
pub use location::{BlobId, InvalidBlobId, Location};
pub use patient::{InvalidPatientId, PatientId};
pub use peer::{Peer, Wire};
pub use principal::{Grant, InvalidProfile, PrincipalKind, Profile, Right, Standing};
pub use purpose::Purpose;
pub use range::{ByteRange, RangeRequest, Unsatisfiable};
pub use record::{InvalidRecordClass, RecordClass, RecordFacts, RecordState};
pub use retention::{Deletable, Hold, Retention, Undeletable};
pub use time::{Clock, Day, InvalidMoment, ManualClock, SystemClock, UtcTime};
