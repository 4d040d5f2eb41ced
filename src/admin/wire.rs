//! The documents of the admin API, as both ends write and read them.

use crate::domain::{BucketMode, Grant, PrincipalKind, Profile, Purpose, RecordClass, Standing, Versioning};
use serde::{Deserialize, Serialize};

/// A tenant to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTenant {
    /// A short name: 1 to 64 of `a-z 0-9 . _ -`.
    pub name: String,
    /// Its ten-digit facility code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facility: Option<String>,
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its facility code.
    pub facility: Option<String>,
    /// Whether it is served.
    pub standing: Standing,
    /// When it was made, as RFC 3339 text.
    pub created: String,
}

/// Someone to be added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPrincipal {
    /// A short name, unique in the tenant.
    pub name: String,
    /// Person, app, device or operator.
    pub kind: PrincipalKind,
    /// What the tenant knows.
    #[serde(default)]
    pub profile: Profile,
}

/// Someone of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// The id.
    pub id: String,
    /// The short name.
    pub name: String,
    /// Person, app, device or operator.
    pub kind: PrincipalKind,
    /// Whether let in.
    pub standing: Standing,
    /// When made, as RFC 3339 text.
    pub created: String,
    /// The name to show.
    pub display_name: String,
    /// Job types.
    pub job_types: Vec<String>,
    /// Departments.
    pub departments: Vec<String>,
    /// The purpose of requests that state none.
    pub default_purpose: Option<Purpose>,
    /// What is allowed.
    pub grants: Vec<Grant>,
}

/// A credential to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewCredential {
    /// Whose, by short name.
    pub principal: String,
    /// When it ends, as RFC 3339 text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

/// A credential without its secret half.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// The public half.
    pub access_key: String,
    /// Whose, by id.
    pub principal: String,
    /// Whether accepted.
    pub standing: Standing,
    /// When made, as RFC 3339 text.
    pub created: String,
    /// When it ends, as RFC 3339 text.
    pub expires: Option<String>,
}

/// A credential that was just made, with the secret half that is shown only now.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeCredential {
    /// The credential.
    #[serde(flatten)]
    pub credential: Credential,
    /// The secret half.
    pub secret_key: String,
}

/// Shows no secret.
impl std::fmt::Debug for MadeCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.credential.fmt(f)
    }
}

impl Drop for MadeCredential {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.secret_key);
    }
}

/// A bucket to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewBucket {
    /// Its name.
    pub name: String,
    /// Its rules: `records` or `plain`.
    pub mode: Mode,
    /// The class of records that state none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_class: Option<RecordClass>,
}

/// What rules a bucket follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Medical records.
    Records,
    /// Ordinary S3 semantics.
    Plain,
}

impl From<Mode> for BucketMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Records => Self::Records,
            Mode::Plain => Self::Plain,
        }
    }
}

impl From<BucketMode> for Mode {
    fn from(mode: BucketMode) -> Self {
        match mode {
            BucketMode::Records => Self::Records,
            BucketMode::Plain => Self::Plain,
        }
    }
}

/// Whether a bucket keeps replaced contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kept {
    /// It does not.
    Off,
    /// It does.
    On,
    /// It did, and keeps those.
    Suspended,
}

impl From<Versioning> for Kept {
    fn from(versioning: Versioning) -> Self {
        match versioning {
            Versioning::Off => Self::Off,
            Versioning::On => Self::On,
            Versioning::Suspended => Self::Suspended,
        }
    }
}

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its rules.
    pub mode: Mode,
    /// Whether it keeps replaced contents.
    pub versioning: Kept,
    /// Whether it may be used.
    pub standing: Standing,
    /// The class of records that state none.
    pub default_class: Option<RecordClass>,
    /// When it was made, as RFC 3339 text.
    pub created: String,
}

/// How the backup of the index stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// Which unbroken backup it is.
    pub backup: Option<String>,
    /// The node that keeps it.
    pub node: Option<String>,
    /// Up to when every change of the index is in it.
    pub until: Option<String>,
    /// Seconds since then: what was acknowledged in them would be lost with the index.
    pub loss_window_secs: Option<i64>,
    /// Segments of its journal.
    pub segments: u64,
    /// Their bytes.
    pub segment_bytes: u64,
    /// The moment of the newest whole snapshot, which was read again.
    pub snapshot: Option<String>,
    /// Its versions.
    pub snapshot_versions: u64,
    /// Its rows.
    pub snapshot_rows: u64,
    /// Its bytes.
    pub snapshot_bytes: u64,
    /// Milliseconds until it was written.
    pub snapshot_write_millis: u64,
    /// Milliseconds until it was read again.
    pub snapshot_check_millis: u64,
    /// When the snapshot was begun that is under way.
    pub snapshot_begun: Option<String>,
    /// When the next one is due.
    pub next_snapshot: Option<String>,
    /// What has failed last, and goes on failing.
    pub failure: Option<String>,
}

/// Whether index and store belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Store {
    /// The store's id.
    pub store: String,
    /// The index's generation.
    pub index: u64,
    /// The generation that the store has seen. Where it is the larger one, the index is an older copy, or was adopted.
    pub seen: u64,
    /// What is done with bodies that no row names.
    pub collector: Collector,
    /// Tenants in whose log what was done does not stand, because their keys are not to be had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unrecorded: Vec<String>,
}

/// What is done with bodies that no row names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Collector {
    /// They are condemned and deleted.
    On,
    /// Nothing, until the index was accepted.
    Held,
}

/// The word of an operator that an index that is behind is the right one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptIndex {
    /// The generation that the store has seen, as the operator was shown it.
    pub seen: u64,
}

/// How the scrub stands, whichever node does it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scrub {
    /// What it does now.
    pub scrub: Scrubbing,
    /// The node that does it, by id.
    pub node: Option<String>,
    /// When its newest pass began, as RFC 3339 text, like all moments here.
    pub started: Option<String>,
    /// When that pass ended; nothing while it is under way.
    pub finished: Option<String>,
    /// When the pass under way ends, if it goes on as fast as so far.
    pub ends: Option<String>,
    /// When the last full pass ended.
    pub last_full_pass: Option<String>,
    /// When the next pass begins by itself.
    pub next: Option<String>,
    /// What the newest pass has counted and found.
    pub pass: ScrubPass,
    /// What the full one before has.
    pub before: Option<ScrubPass>,
}

/// What the scrub does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scrubbing {
    /// No pass begins by itself, and none is under way.
    Off,
    /// The next pass begins later.
    Waiting,
    /// A pass begins or goes on within seconds.
    Due,
    /// A node does it.
    Running,
    /// An operator wants it to rest.
    Paused,
}

/// What one pass of the scrub has counted and found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ScrubPass {
    /// The share of all stored bytes that was compared, in percent.
    pub coverage_percent: f64,
    /// Frames that were compared. A frame is one stored body or part.
    pub frames: u64,
    /// Frames that rows named when the pass began.
    pub frames_all: u64,
    /// Bytes that were compared.
    pub bytes: u64,
    /// Bytes of all frames that rows named when the pass began.
    pub bytes_all: u64,
    /// Frames that were deleted while they were looked at.
    pub vanished: u64,
    /// Blobs that the store listed.
    pub listed: u64,
    /// Old blobs among them that nobody knows.
    pub orphans: u64,
    /// Their bytes.
    pub orphan_bytes: u64,
    /// Frames that are missing.
    pub missing: u64,
    /// Frames that are cut short.
    pub truncated: u64,
    /// Frames that are others than were written.
    pub changed: u64,
    /// Frames that the store cannot read.
    pub unreadable: u64,
    /// Of these, frames that were put back.
    pub repaired: u64,
    /// Frames, sound in the store, that the replica lacked.
    pub replica_missing: u64,
    /// Frames, sound in the store, that the replica had cut short, changed or unreadable.
    pub replica_damaged: u64,
    /// Of both, frames that were copied to the replica.
    pub replica_filled: u64,
    /// Frames, sound in the store, for which the replica could not be asked.
    pub replica_unknown: u64,
    /// The first of what was found.
    pub findings: Vec<ScrubFinding>,
}

/// A stored frame that is not as it was written. Names of records are sealed, and not shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScrubFinding {
    /// What is wrong: `missing`, `truncated`, `changed` or `unreadable`.
    pub damage: String,
    /// The blob.
    pub blob: String,
    /// Its first byte in the blob.
    pub offset: u64,
    /// Its bytes.
    pub length: u64,
    /// Whose it is, by id.
    pub tenant: String,
    /// The bucket, by id.
    pub bucket: Option<String>,
    /// The version, by id.
    pub version: Option<String>,
    /// The open upload, by id.
    pub upload: Option<String>,
    /// The part's number.
    pub part: Option<u32>,
    /// When it was found.
    pub at: String,
    /// What became of it: `open`, or `repaired` from the replica.
    pub state: String,
    /// Whether it stands in the tenant's audit log.
    pub recorded: bool,
}

/// Whether the gateway can serve, with all that it relies on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// Whether it can.
    pub ready: bool,
    /// What it relies on. It can serve without its collector.
    pub dependencies: Vec<Dependency>,
}

/// Something that the gateway relies on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// Its name.
    pub name: String,
    /// Whether it does its work.
    pub ready: bool,
    /// What is wrong with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A problem, as its reader needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemDocument {
    /// The HTTP status.
    pub status: u16,
    /// A stable code.
    pub code: String,
    /// What is wrong, for people.
    #[serde(default)]
    pub detail: String,
}
