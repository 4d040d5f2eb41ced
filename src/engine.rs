//! The metadata database as it stands on disk: rows and the transactions over them.
//!
//! It holds no key and makes none: what may name a patient arrives sealed or as a token, and row MACs
//! arrive made. Meaning is given to rows by `index` (records), `leases` (keys), `identity` (people) and
//! `audit` (events). Way in: [`Engine`].

mod cells;
mod changes;
mod checkup;
mod choice;
mod copy;
mod frames;
mod jobs;
#[cfg(feature = "postgres")]
mod postgres;
mod postgres_settings;
mod rows;
mod sqlite;
mod step;
mod stored;
mod tables;

use crate::domain::{
    BlobId, BucketId, BucketName, ByteRange, EntryId, EventKeyId, KekPurpose, Location, NodeId, PrincipalId, RunId, Standing, TenantId,
    UploadId, UtcTime, VersionId,
};
use async_trait::async_trait;
use std::time::Duration;
use tokio::sync::mpsc;

pub use frames::{FrameKey, FrameOwner, FrameRow, FrameTotals};
pub use jobs::{JobKind, JobOrder, JobProgress, JobRow, JobSave, JobWanted};
pub use rows::{
    AccessKeyRow, BucketRow, Condemned, CurrentRow, DekRow, DirectiveRow, DirectoryRow, EntryRow, EventKeyRow, JournalRow, KekRow,
    Nullness, PartRow, PrincipalRow, ProviderLogRow, RowMac, RunRow, SecretKind, SecretRow, StoreRow, TenantRow, Token, UploadPartRow,
    UploadRow, VersionKind, VersionRow,
};

pub use changes::{Merged, Noted};
pub use checkup::{Check, Checkup, Tables, Verdict};
pub use choice::{IndexSettings, load, look, open};
pub use copy::{Batch, CopyError, Holds, Origin, Tally};
#[cfg(feature = "postgres")]
pub use postgres::PostgresEngine;
pub use postgres_settings::{PostgresSettings, PostgresTls};
pub use sqlite::{SqliteEngine, SqliteSettings};
pub(crate) use tables::form;
pub use tables::{Column, Kind, LEFT_BEHIND, TABLES, Table};

/// The database could not do what was asked. Nothing of the transaction has taken effect,
/// unless the variant says that this is not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// It cannot be reached, or has stopped.
    #[error("the index cannot be reached")]
    Unavailable,
    /// No space is left where it writes.
    #[error("the index has no space left")]
    Full,
    /// Another process has the database open.
    #[error("another process has the index open")]
    InUse,
    /// The file is a database of another program, or none.
    #[error("the file is no index of hozon")]
    NotOurs,
    /// The writer's queue is full: more load than the disk takes.
    #[error("the index is too busy")]
    Busy,
    /// The commit neither succeeded nor failed for certain.
    #[error("whether the index has committed is not known")]
    Unclear,
    /// A row holds what no version of hozon writes.
    #[error("table `{table}` holds a row that cannot be read")]
    Corrupt {
        /// Where.
        table: &'static str,
    },
    /// The database was written by a newer hozon.
    #[error("the index has schema {found}, this program knows up to {known}")]
    TooNew {
        /// Its schema.
        found: u32,
        /// Our newest.
        known: u32,
    },
    /// This program was built without the engine.
    #[error("this program was built without PostgreSQL: build it with `--features postgres`")]
    NotBuiltIn,
    /// A transaction panicked. Nothing of it is there; others are not concerned.
    #[error("a transaction of the index broke off")]
    Panicked,
    /// The database engine failed in another way.
    #[error("the index failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Events that become durable with a change, and the keys that sealed them.
#[derive(Debug, Clone, Default)]
pub struct Events {
    /// The events.
    pub rows: Vec<JournalRow>,
    /// Keys first used by them; a key already there is left alone.
    pub keys: Vec<EventKeyRow>,
}

/// How a change of one thing by compare-and-set ended. Events of a change that did not happen are not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// It is done and durable.
    Done,
    /// The row's revision is another one, or the row is gone or already there.
    Conflict,
}

/// What happens to the entry of the key that a [`VersionChange`] is about.
#[derive(Debug, Clone)]
pub enum EntryChange {
    /// The entry must not exist yet.
    Insert(EntryRow),
    /// The entry must have this revision, and becomes this row.
    Update {
        /// The revision it must have.
        expected: u64,
        /// What it becomes.
        row: EntryRow,
    },
    /// The entry must have this revision, and goes with its last version.
    Remove {
        /// Which.
        id: EntryId,
        /// Its bucket.
        bucket: BucketId,
        /// The revision it must have.
        expected: u64,
    },
}

/// One transaction on the versions of one key: a put, a copy, a complete, a delete marker, or a delete.
///
/// `seq` of the new version, `mark`s of entry and directories, and the directories' counters are
/// assigned by the engine; what the caller puts there is ignored.
#[derive(Debug, Clone)]
pub struct VersionChange {
    /// The bucket, which must still exist.
    pub bucket: BucketId,
    /// The revision that the bucket must have: that of the rules which the change was made by. Another one is
    /// [`Committed::EntryChanged`].
    pub bucket_revision: u64,
    /// The key's entry.
    pub entry: EntryChange,
    /// Directories from the root's child to the key's parent; those already there are left alone.
    pub directories: Vec<DirectoryRow>,
    /// The new version, if there is one.
    pub version: Option<(VersionRow, Option<DekRow>, Vec<PartRow>)>,
    /// Versions of the same entry that go in the same transaction, with the revisions that they must have: what
    /// was looked at when their removal was allowed. Another revision is [`Committed::EntryChanged`]. Their blobs
    /// become condemned.
    pub remove: Vec<(VersionId, u64)>,
    /// The open upload that this completes: it must have this revision, and goes. Blobs of its parts that
    /// the new version does not use become condemned.
    pub upload: Option<(UploadId, u64)>,
    /// Events that become durable with it.
    pub events: Events,
}

/// How a [`VersionChange`] ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// It is done and durable.
    Done {
        /// The order of the new version among all of the bucket; 0 where there is none.
        seq: u64,
    },
    /// The entry or the bucket is not as expected: look again and decide again.
    EntryChanged,
    /// The bucket is gone.
    BucketGone,
    /// The upload is gone or has changed.
    UploadChanged,
    /// One of the new blobs was condemned in the meantime: the bytes may be gone, so store them again.
    Condemned,
}

/// What one page of a directory's changes holds, in the order of their marks.
#[derive(Debug, Clone, Default)]
pub struct DirectoryChanges {
    /// Keys whose last segment lies in the directory.
    pub entries: Vec<EntryRow>,
    /// Directories right below it.
    pub directories: Vec<DirectoryRow>,
    /// Entries and directories that have gone.
    pub gone: Vec<EntryId>,
    /// Ask again from here.
    pub mark: u64,
    /// Whether there is more after `mark` right now.
    pub more: bool,
    /// Changes when the database was restored or failed over: caches of other epochs are void.
    pub epoch: u64,
    /// What has gone is known only from this mark on: a cache that is refreshed from an earlier one is void. The
    /// pages of a load that began at mark 0 are not concerned, if it takes less than a day.
    pub horizon: u64,
    /// The directory's run, if it has one. What has gone since its mark is known, however far the horizon is.
    pub run: Option<RunRow>,
}

/// A version with what is needed to open it.
#[derive(Debug, Clone)]
pub struct FoundVersion {
    /// The row.
    pub version: VersionRow,
    /// Its wrapped data key; a delete marker has none.
    pub dek: Option<DekRow>,
}

/// What a key lookup found.
#[derive(Debug, Clone)]
pub struct FoundEntry {
    /// The key's entry.
    pub entry: EntryRow,
    /// The version asked for, where it exists.
    pub version: Option<FoundVersion>,
}

/// Which version of a key is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The newest.
    Current,
    /// The one with this id.
    Id(VersionId),
    /// The one without an id, of a bucket whose versioning is off or suspended.
    Null,
}

/// A credential with everything that decides whether it may be used, read in one query.
#[derive(Debug, Clone)]
pub struct Credential {
    /// The key.
    pub key: AccessKeyRow,
    /// Whose it is.
    pub principal: PrincipalRow,
    /// The tenant's standing.
    pub tenant: TenantRow,
}

/// The metadata database. Every method is one transaction; a write returns once it is durable.
///
/// All methods are safe to cancel: a write whose future is dropped happens whole or not at all.
#[async_trait]
pub trait Engine: Send + Sync + std::fmt::Debug {
    /// Adds a tenant with its first keys, and the event of it. [`Changed::Conflict`] if id or name is taken.
    async fn create_tenant(
        &self,
        tenant: TenantRow,
        keks: Vec<KekRow>,
        secrets: Vec<SecretRow>,
        events: Events,
    ) -> Result<Changed, EngineError>;
    /// All tenants, by name.
    async fn tenants(&self) -> Result<Vec<TenantRow>, EngineError>;
    /// The tenant with this id.
    async fn tenant(&self, id: TenantId) -> Result<Option<TenantRow>, EngineError>;
    /// Changes a tenant's standing.
    async fn set_tenant_standing(&self, id: TenantId, standing: Standing, events: Events) -> Result<Changed, EngineError>;
    /// A tenant's key versions for one purpose, oldest first.
    async fn keks(&self, tenant: TenantId, purpose: KekPurpose) -> Result<Vec<KekRow>, EngineError>;
    /// A tenant's wrapped secrets of one kind, oldest epoch first.
    async fn secrets(&self, tenant: TenantId, kind: SecretKind) -> Result<Vec<SecretRow>, EngineError>;

    /// Adds a principal. [`Changed::Conflict`] if id or (tenant, name) is taken.
    async fn create_principal(&self, row: PrincipalRow, events: Events) -> Result<Changed, EngineError>;
    /// A tenant's principals, by name.
    async fn principals(&self, tenant: TenantId) -> Result<Vec<PrincipalRow>, EngineError>;
    /// Replaces the principal row of the same id if its revision is one less than the new one.
    async fn update_principal(&self, row: PrincipalRow, events: Events) -> Result<Changed, EngineError>;
    /// Adds a credential. [`Changed::Conflict`] if the access key id is taken.
    async fn create_access_key(&self, row: AccessKeyRow, events: Events) -> Result<Changed, EngineError>;
    /// The credential with this access key id.
    async fn credential(&self, access_key: &str) -> Result<Option<Credential>, EngineError>;
    /// A tenant's credentials, by access key id; of one principal where one is named.
    async fn access_keys(&self, tenant: TenantId, principal: Option<PrincipalId>) -> Result<Vec<AccessKeyRow>, EngineError>;
    /// Replaces the credential row of the same id if its revision is one less than the new one.
    async fn update_access_key(&self, row: AccessKeyRow, events: Events) -> Result<Changed, EngineError>;

    /// What a tenant has laid down about access after its change `mark`, in the order of changes, at most `limit`.
    async fn directives(&self, tenant: TenantId, mark: u64, limit: usize) -> Result<Vec<DirectiveRow>, EngineError>;
    /// Lays all of these down: a row of revision 1 is new, any other replaces the revision before it. Gives each the next
    /// mark of its tenant. [`Changed::Conflict`], and none, where a row is not as it was.
    async fn put_directives(&self, rows: Vec<DirectiveRow>, events: Events) -> Result<Changed, EngineError>;

    /// Adds a bucket. [`Changed::Conflict`] if id or (tenant, name) is taken.
    async fn create_bucket(&self, row: BucketRow, events: Events) -> Result<Changed, EngineError>;
    /// A tenant's bucket by name.
    async fn bucket(&self, tenant: TenantId, name: &BucketName) -> Result<Option<BucketRow>, EngineError>;
    /// A tenant's buckets, by name.
    async fn buckets(&self, tenant: TenantId) -> Result<Vec<BucketRow>, EngineError>;
    /// Replaces the bucket row of the same id if its revision is one less than the new one.
    async fn update_bucket(&self, row: BucketRow, events: Events) -> Result<Changed, EngineError>;
    /// Removes a bucket of this revision. [`Changed::Conflict`] if it has changed, or holds any entry or upload.
    async fn delete_bucket(&self, id: BucketId, revision: u64, events: Events) -> Result<Changed, EngineError>;

    /// Looks a key up by its token. The current version is the newest one that there is, whatever the entry says: the two
    /// agree as long as nobody else has written.
    async fn find(&self, bucket: BucketId, key: Token, which: Which) -> Result<Option<FoundEntry>, EngineError>;
    /// Versions of one entry, newest first, older than `before` where given, at most `limit`.
    async fn versions(&self, entry: EntryId, before: Option<u64>, limit: usize) -> Result<Vec<VersionRow>, EngineError>;
    /// Versions of several entries, entry by entry in this order and newest first, at most `limit` in all.
    async fn versions_of(&self, entries: Vec<EntryId>, limit: usize) -> Result<Vec<VersionRow>, EngineError>;
    /// The versions with these ids, in any order; what is not there is left out.
    async fn versions_named(&self, versions: Vec<VersionId>) -> Result<Vec<VersionRow>, EngineError>;
    /// Part rows of a version that overlap the plaintext bytes `range`, in order.
    async fn parts(&self, version: VersionId, range: ByteRange) -> Result<Vec<PartRow>, EngineError>;
    /// The part row with this number.
    async fn part(&self, version: VersionId, number: u32) -> Result<Option<PartRow>, EngineError>;
    /// Part rows with numbers above `after`, in order, at most `limit`.
    async fn parts_after(&self, version: VersionId, after: u32, limit: usize) -> Result<Vec<PartRow>, EngineError>;
    /// Does one transaction on the versions of one key.
    async fn commit(&self, change: VersionChange) -> Result<Committed, EngineError>;
    /// Replaces the version row of the same id if its revision is one less than the new one: tags, state, retention.
    async fn update_version(&self, row: VersionRow, events: Events) -> Result<Changed, EngineError>;
    /// What changed in a directory after `mark`, at most `limit` rows; from the beginning for mark 0.
    async fn directory_changes(&self, bucket: BucketId, directory: Token, mark: u64, limit: usize)
    -> Result<DirectoryChanges, EngineError>;

    /// Begins a sorted run of a directory. [`Changed::Conflict`] while another one is under way, or if the bucket is gone.
    async fn begin_run(&self, bucket: BucketId, directory: Token, run: RunId) -> Result<Changed, EngineError>;
    /// Writes pages of a run under way, the first with the number `first`. [`Changed::Conflict`] if it is not under way.
    async fn put_run_pages(&self, run: RunId, first: u32, pages: Vec<Vec<u8>>) -> Result<Changed, EngineError>;
    /// Makes a run under way the run of its directory, in place of the one before. [`Changed::Conflict`] if it is not
    /// under way, lacks pages, or no longer helps: another epoch, a mark behind the horizon or behind that of the run before.
    async fn complete_run(&self, row: RunRow) -> Result<Changed, EngineError>;
    /// Ends a run, under way or whole.
    async fn end_run(&self, run: RunId) -> Result<(), EngineError>;
    /// The pages of a run from the number `first` on, at most `limit`.
    async fn run_pages(&self, run: RunId, first: u32, limit: usize) -> Result<Vec<Vec<u8>>, EngineError>;
    /// Runs whose directory has lost something after their mark and before `before`, with the tenant: they end when that
    /// is forgotten. By id, behind `after` where given, at most `limit`.
    async fn aging_runs(&self, before: UtcTime, after: Option<RunId>, limit: usize) -> Result<Vec<(TenantId, RunRow)>, EngineError>;

    /// Opens a multipart upload. [`Changed::Conflict`] if the bucket is gone or has too many.
    async fn create_upload(&self, row: UploadRow, uploads_max: usize, events: Events) -> Result<Changed, EngineError>;
    /// The open upload with this id in this bucket.
    async fn upload(&self, bucket: BucketId, id: UploadId) -> Result<Option<UploadRow>, EngineError>;
    /// A bucket's open uploads, oldest first.
    async fn uploads(&self, bucket: BucketId) -> Result<Vec<UploadRow>, EngineError>;
    /// Open uploads of all buckets that nobody has touched since `before`, the longest idle first, behind `after` where
    /// given, at most `limit`.
    async fn idle_uploads(&self, before: UtcTime, after: Option<(UtcTime, UploadId)>, limit: usize) -> Result<Vec<UploadRow>, EngineError>;
    /// Stores a part of an open upload; the blob of an earlier attempt at the same number becomes condemned.
    /// [`Committed::UploadChanged`] if the upload is gone, [`Committed::Condemned`] if the new blob is condemned.
    async fn put_upload_part(&self, row: UploadPartRow, touched: UtcTime, events: Events) -> Result<Committed, EngineError>;
    /// Parts of an open upload with numbers above `after`, in order, at most `limit`.
    async fn upload_parts(&self, upload: UploadId, after: u32, limit: usize) -> Result<Vec<UploadPartRow>, EngineError>;
    /// Removes an open upload; the blobs of its parts become condemned. With `touched` only if that is when it was last
    /// touched: [`Changed::Conflict`] if a part has come since. Each part that comes moves that moment.
    async fn abort_upload(&self, bucket: BucketId, id: UploadId, touched: Option<UtcTime>, events: Events) -> Result<Changed, EngineError>;

    /// Makes events durable.
    async fn append(&self, events: Events) -> Result<(), EngineError>;
    /// A tenant's events, newest first, older than the engine's row number `before` where given, at most `limit`.
    /// Each comes with its row number.
    async fn events(&self, tenant: TenantId, before: Option<u64>, limit: usize) -> Result<Vec<(u64, JournalRow)>, EngineError>;
    /// The wrapped event key with this id.
    async fn event_key(&self, tenant: TenantId, id: EventKeyId) -> Result<Option<EventKeyRow>, EngineError>;
    /// Adds to the counts of requests that proved no tenant.
    async fn add_provider_log(&self, rows: Vec<ProviderLogRow>) -> Result<(), EngineError>;
    /// The counts, newest first, at most `limit`.
    async fn provider_log(&self, limit: usize) -> Result<Vec<ProviderLogRow>, EngineError>;

    /// Condemns those of `blobs` that no row names. Returns the ones now condemned.
    async fn condemn(&self, blobs: Vec<BlobId>, at: UtcTime) -> Result<Vec<BlobId>, EngineError>;
    /// Blobs condemned before `before`, the oldest first, behind `after` where given, at most `limit`. The bytes of those
    /// that no row names may be deleted.
    async fn condemned(&self, before: UtcTime, after: Option<Condemned>, limit: usize) -> Result<Vec<Condemned>, EngineError>;
    /// Forgets condemned blobs whose bytes are gone for certain, or that a row names.
    async fn forget_condemned(&self, blobs: Vec<BlobId>) -> Result<(), EngineError>;

    /// The store that the index belongs to; nothing before it has been given one.
    async fn store(&self) -> Result<Option<StoreRow>, EngineError>;
    /// Gives the index another store or generation. [`Changed::Conflict`] if what it has is not `from`.
    async fn set_store(&self, from: Option<StoreRow>, to: StoreRow, events: Events) -> Result<Changed, EngineError>;
    /// How many connections other processes of hozon have to this index: those of gateways that run. None where nobody else
    /// can have it open.
    async fn other_connections(&self) -> Result<u64, EngineError>;
    /// Whether any row names a blob.
    async fn names_blobs(&self) -> Result<bool, EngineError>;
    /// A number that grows whenever an event of any tenant becomes durable.
    async fn newest_event(&self) -> Result<u64, EngineError>;

    /// Stored frames that rows name, in the order of their keys, behind `after` where given, at most `limit`. None are left
    /// once a page is empty.
    async fn frames(&self, after: Option<FrameKey>, limit: usize) -> Result<Vec<FrameRow>, EngineError>;
    /// How many there are. Reads every row, so it is for long jobs; what is written meanwhile may be counted or not.
    async fn frame_totals(&self) -> Result<FrameTotals, EngineError>;
    /// Whether any row names this frame with this CRC.
    async fn names_frame(&self, location: Location, stored_crc: u64) -> Result<bool, EngineError>;
    /// Those of `blobs` that no row names and that are not condemned either.
    async fn unknown_blobs(&self, blobs: Vec<BlobId>) -> Result<Vec<BlobId>, EngineError>;

    /// The job of this kind; nothing before anyone has taken it or asked for it.
    async fn job(&self, kind: JobKind) -> Result<Option<JobRow>, EngineError>;
    /// Gives `node` the job for `lease`, with a new token; nothing while another lease has not ended.
    async fn take_job(&self, kind: JobKind, node: NodeId, lease: Duration) -> Result<Option<JobRow>, EngineError>;
    /// Writes a holder's progress, and its events with it. Nothing, and nothing is written, if the job was given back or
    /// taken by another since.
    async fn save_job(&self, kind: JobKind, save: JobSave, events: Events) -> Result<Option<JobRow>, EngineError>;
    /// Writes what an operator wants of a job. [`Changed::Conflict`] if it is so already, or if a job is asked to start that
    /// rests.
    async fn order_job(&self, kind: JobKind, order: JobOrder) -> Result<Changed, EngineError>;

    /// Whether a write would succeed now, within `within`: for readiness.
    async fn probe(&self, within: Duration) -> Result<(), EngineError>;
    /// Sends every row of [`TABLES`], all as they were at one moment, while others go on writing.
    async fn dump(&self, out: mpsc::Sender<Batch>) -> Result<(), CopyError>;
    /// Has the keys of all rows of [`TABLES`] noted that change from now on. [`Changed::Conflict`] where that has been so all
    /// along; otherwise what was noted before has a gap and is forgotten.
    async fn note_changes(&self) -> Result<Changed, EngineError>;
    /// Notes no changes any more, and forgets those that were.
    async fn end_notes(&self) -> Result<(), EngineError>;
    /// About how many changes wait to be sent; nothing while none are noted.
    async fn changes_waiting(&self) -> Result<Option<u64>, EngineError>;
    /// Sends the keys of all rows that have changed, and the rows that have them now, all as they were at one moment.
    /// Nothing where nothing has changed.
    async fn dump_changes(&self, out: mpsc::Sender<Batch>) -> Result<Option<Noted>, CopyError>;
    /// Forgets changes that were sent. What has changed again since is sent again.
    async fn forget_changes(&self, noted: Noted) -> Result<(), EngineError>;
    /// How many versions there are: for reports and tests.
    async fn count_versions(&self) -> Result<u64, EngineError>;
}
