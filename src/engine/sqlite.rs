//! The engine for one gateway: a SQLite file, one writer with group commit, readers that never wait for it.
//!
//! A write is durable when it returns (`synchronous=FULL`). One process holds the file at a time.

mod buckets;
mod changes;
mod checkpointer;
mod condemned;
mod copy;
mod directives;
mod directories;
mod frames;
mod jobs;
mod journal;
mod listing;
mod merge;
mod people;
mod readers;
mod runs;
mod schema;
mod store;
mod uploads;
mod versions;
mod writer;

use super::{
    AccessKeyRow, Batch, BucketRow, Changed, Committed, Condemned, CopyError, Credential, DirectiveRow, DirectoryChanges, Engine,
    EngineError, EventKeyRow, Events, FoundEntry, FrameKey, FrameRow, FrameTotals, JobKind, JobOrder, JobRow, JobSave, JournalRow, KekRow,
    Merged, Noted, Origin, PartRow, PrincipalRow, ProviderLogRow, RunRow, SecretKind, SecretRow, StoreRow, TenantRow, Token, UploadPartRow,
    UploadRow, VersionChange, VersionRow, Which,
};
use crate::domain::{
    BlobId, BucketId, BucketName, ByteRange, Clock, EntryId, EventKeyId, KekPurpose, Location, NodeId, PrincipalId, RunId, Standing,
    TenantId, UploadId, UtcTime, VersionId, limits,
};
use crate::engine::cells::{Cell, Columns};
use crate::engine::step::Step;
use async_trait::async_trait;
use checkpointer::Checkpointer;
use readers::Readers;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Params, Row};
use schema::Purpose;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use writer::Writer;

/// How the SQLite engine is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteSettings {
    /// The database file. Its directory is made if it is not there.
    pub path: PathBuf,
    /// Connections that only read.
    pub readers: usize,
}

/// A metadata database in one file.
#[derive(Debug)]
pub struct SqliteEngine {
    path: PathBuf,
    writer: Arc<Writer>,
    readers: Readers,
    clock: Arc<dyn Clock>,
    _checkpointer: Checkpointer,
    // Held to the end: the file belongs to this process.
    _lock: File,
}

impl SqliteEngine {
    /// Opens the database, makes it if it is not there, and brings it to the newest schema.
    ///
    /// # Errors
    /// [`EngineError::InUse`] when another process has it, [`EngineError::TooNew`] when a newer hozon wrote it,
    /// [`EngineError::NotOurs`] when another program did.
    pub fn open(settings: &SqliteSettings, clock: Arc<dyn Clock>) -> Result<Self, EngineError> {
        let lock = claim(&settings.path)?;
        Self::start(settings, clock, (schema::open(&settings.path)?, lock))
    }

    /// Opens the database as [`open`](Self::open) does, and keeps its file from growing beyond `bytes_max`: what finds
    /// no place in it is [`EngineError::Full`].
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub fn open_within(settings: &SqliteSettings, clock: Arc<dyn Clock>, bytes_max: u64) -> Result<Self, EngineError> {
        let lock = claim(&settings.path)?;
        let connection = schema::open(&settings.path)?;
        schema::bound(&connection, bytes_max)?;
        Self::start(settings, clock, (connection, lock))
    }

    fn start(settings: &SqliteSettings, clock: Arc<dyn Clock>, (connection, lock): (Connection, File)) -> Result<Self, EngineError> {
        jobs::free_all(&connection)?;
        let readers = Readers::open(&settings.path, settings.readers)?;
        let folding = schema::connect(&settings.path, Purpose::Fold)?;
        let writer = Arc::new(Writer::start(connection)?);
        let checkpointer = Checkpointer::start(folding, &writer, Arc::clone(&clock))?;
        Ok(Self { path: settings.path.clone(), writer, readers, clock, _checkpointer: checkpointer, _lock: lock })
    }

    /// Fills an empty index with a whole copy, or leaves it empty.
    ///
    /// # Errors
    /// [`CopyError`], also when it is not empty or the batches break off.
    pub async fn load(
        settings: &SqliteSettings,
        (mut batches, origin): (mpsc::Receiver<Result<Batch, CopyError>>, Origin),
        clock: &dyn Clock,
    ) -> Result<(), CopyError> {
        let (settings, epoch) = (settings.clone(), clock.now().micros());
        let loading = tokio::task::spawn_blocking(move || copy::load(&settings, (&mut batches, origin), epoch));
        loading.await.map_err(|_panicked| CopyError::Engine(EngineError::Panicked))?
    }

    /// Turns an earlier index into what is to be restored: records as they were then, but nothing comes back that was
    /// revoked or destroyed since, nothing final goes or loosens, and no event is forgotten. Both are files that nobody has
    /// open.
    ///
    /// # Errors
    /// [`EngineError`]; the earlier one is as it was then.
    pub async fn merge(earlier: &SqliteSettings, later: &SqliteSettings) -> Result<Merged, EngineError> {
        let (earlier, later) = (earlier.clone(), later.path.clone());
        let merging = tokio::task::spawn_blocking(move || merge::merge(&earlier, &later));
        merging.await.map_err(|_panicked| EngineError::Panicked)?
    }

    /// Forgets what need not be kept: tombstones that no cache can miss, counts of strangers beyond their number. The
    /// engine does it each hour by itself.
    ///
    /// # Errors
    /// [`EngineError`]; what was forgotten before stays forgotten.
    pub async fn forget_old(&self) -> Result<(), EngineError> {
        loop {
            let clock = Arc::clone(&self.clock);
            if self.write(move |db| checkpointer::forget_some(db, clock.as_ref())).await? {
                return Ok(());
            }
        }
    }

    async fn write<T: Send + 'static>(
        &self,
        transaction: impl Fn(&Connection) -> Result<Step<T>, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        self.writer.run(transaction).await
    }
}

/// Makes the directory and takes the lock beside the file; SQLite's own locks would let two processes in by turns,
/// and their caches would not know of each other.
fn claim(path: &Path) -> Result<File, EngineError> {
    let failed = |source: std::io::Error| EngineError::Failed(Box::new(source));
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        crate::files::make_directory(directory).map_err(failed)?;
    }
    // Made here so that SQLite does not make it with wider rights; its companions take the rights of the file.
    OpenOptions::new().create(true).append(true).mode(0o600).open(path).map_err(failed)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let lock = OpenOptions::new().create(true).append(true).mode(0o600).open(PathBuf::from(beside)).map_err(failed)?;
    match rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(EngineError::InUse),
        Err(errno) => Err(failed(errno.into())),
    }
}

/// What a failure of SQLite means to who asked.
fn failure(error: rusqlite::Error) -> EngineError {
    use rusqlite::ErrorCode;
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => EngineError::Full,
        Some(ErrorCode::NotADatabase) => EngineError::NotOurs,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => EngineError::Busy,
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::ReadOnly) => EngineError::Unavailable,
        _ => EngineError::Failed(Box::new(error)),
    }
}

impl Columns for Row<'_> {
    fn cell(&self, at: usize) -> Option<Cell<'_>> {
        match self.get_ref(at).ok()? {
            ValueRef::Null => Some(Cell::Null),
            ValueRef::Integer(number) => Some(Cell::Number(number)),
            ValueRef::Blob(bytes) => Some(Cell::Bytes(bytes)),
            ValueRef::Text(text) => std::str::from_utf8(text).ok().map(Cell::Text),
            ValueRef::Real(_) => None,
        }
    }
}

fn rows_changed(connection: &Connection, sql: &str, values: impl Params) -> Result<usize, EngineError> {
    connection.prepare_cached(sql).and_then(|mut statement| statement.execute(values)).map_err(failure)
}

fn exists(connection: &Connection, sql: &str, values: impl Params) -> Result<bool, EngineError> {
    connection.prepare_cached(sql).and_then(|mut statement| statement.exists(values)).map_err(failure)
}

fn one<T>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    read: impl FnOnce(&dyn Columns) -> Result<T, EngineError>,
) -> Result<Option<T>, EngineError> {
    let mut statement = connection.prepare_cached(sql).map_err(failure)?;
    statement.query_row(values, |row| Ok(read(row))).optional().map_err(failure)?.transpose()
}

fn all<T>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    read: impl Fn(&dyn Columns) -> Result<T, EngineError>,
) -> Result<Vec<T>, EngineError> {
    let mut statement = connection.prepare_cached(sql).map_err(failure)?;
    let mut rows = statement.query(values).map_err(failure)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(failure)? {
        found.push(read(row)?);
    }
    Ok(found)
}

#[async_trait]
impl Engine for SqliteEngine {
    async fn create_tenant(
        &self,
        tenant: TenantRow,
        keks: Vec<KekRow>,
        secrets: Vec<SecretRow>,
        events: Events,
    ) -> Result<Changed, EngineError> {
        self.write(move |db| people::create_tenant(db, &tenant, (&keks, &secrets), &events)).await
    }

    async fn tenants(&self) -> Result<Vec<TenantRow>, EngineError> {
        self.readers.look(people::tenants)
    }

    async fn tenant(&self, id: TenantId) -> Result<Option<TenantRow>, EngineError> {
        self.readers.look(|db| people::tenant(db, id))
    }

    async fn set_tenant_standing(&self, id: TenantId, standing: Standing, events: Events) -> Result<Changed, EngineError> {
        self.write(move |db| people::set_tenant_standing(db, id, standing, &events)).await
    }

    async fn keks(&self, tenant: TenantId, purpose: KekPurpose) -> Result<Vec<KekRow>, EngineError> {
        self.readers.look(|db| people::keks(db, tenant, purpose))
    }

    async fn secrets(&self, tenant: TenantId, kind: SecretKind) -> Result<Vec<SecretRow>, EngineError> {
        self.readers.look(|db| people::secrets(db, tenant, kind))
    }

    async fn create_principal(&self, row: PrincipalRow, events: Events) -> Result<Changed, EngineError> {
        self.write(move |db| people::create_principal(db, &row, &events)).await
    }

    async fn principals(&self, tenant: TenantId) -> Result<Vec<PrincipalRow>, EngineError> {
        self.readers.look(|db| people::principals(db, tenant))
    }

    async fn update_principal(&self, row: PrincipalRow, events: Events) -> Result<Changed, EngineError> {
        self.write(move |db| people::update_principal(db, &row, &events)).await
    }

    async fn create_access_key(&self, row: AccessKeyRow, events: Events) -> Result<Changed, EngineError> {
        self.write(move |db| people::create_access_key(db, &row, &events)).await
    }

    async fn credential(&self, access_key: &str) -> Result<Option<Credential>, EngineError> {
        self.readers.look(|db| people::credential(db, access_key))
    }

    async fn access_keys(&self, tenant: TenantId, principal: Option<PrincipalId>) -> Result<Vec<AccessKeyRow>, EngineError> {
        self.readers.look(|db| people::access_keys(db, tenant, principal))
    }

    async fn update_access_key(&self, row: AccessKeyRow, events: Events) -> Result<Changed, EngineError> {
        self.write(move |db| people::update_access_key(db, &row, &events)).await
    }

    async fn directives(&self, tenant: TenantId, mark: u64, limit: usize) -> Result<Vec<DirectiveRow>, EngineError> {
        self.readers.look(|db| directives::after(db, tenant, mark, limit))
    }

    async fn put_directives(&self, rows: Vec<DirectiveRow>, events: Events) -> Result<Changed, EngineError> {
        self.write(move |db| directives::put(db, &rows, &events)).await
    }

    async fn create_bucket(&self, row: BucketRow, events: Events) -> Result<Changed, EngineError> {
        self.write(move |db| buckets::create(db, &row, &events)).await
    }

    async fn bucket(&self, tenant: TenantId, name: &BucketName) -> Result<Option<BucketRow>, EngineError> {
        self.readers.look(|db| buckets::by_name(db, tenant, name))
    }

    async fn buckets(&self, tenant: TenantId) -> Result<Vec<BucketRow>, EngineError> {
        self.readers.look(|db| buckets::of_tenant(db, tenant))
    }

    async fn update_bucket(&self, row: BucketRow, events: Events) -> Result<Changed, EngineError> {
        self.write(move |db| buckets::update(db, &row, &events)).await
    }

    async fn delete_bucket(&self, id: BucketId, revision: u64, events: Events) -> Result<Changed, EngineError> {
        self.write(move |db| buckets::delete(db, id, revision, &events)).await
    }

    async fn find(&self, bucket: BucketId, key: Token, which: Which) -> Result<Option<FoundEntry>, EngineError> {
        self.readers.look(|db| versions::find(db, bucket, key, which))
    }

    async fn versions(&self, entry: EntryId, before: Option<u64>, limit: usize) -> Result<Vec<VersionRow>, EngineError> {
        self.readers.look(|db| versions::of_entry(db, entry, before, limit))
    }

    async fn versions_of(&self, entries: Vec<EntryId>, limit: usize) -> Result<Vec<VersionRow>, EngineError> {
        self.readers.scan(move |db| versions::of_entries(db, &entries, limit)).await
    }

    async fn versions_named(&self, versions: Vec<VersionId>) -> Result<Vec<VersionRow>, EngineError> {
        self.readers.scan(move |db| versions::named(db, &versions)).await
    }

    async fn parts(&self, version: VersionId, range: ByteRange) -> Result<Vec<PartRow>, EngineError> {
        self.readers.look(|db| versions::parts(db, version, range))
    }

    async fn part(&self, version: VersionId, number: u32) -> Result<Option<PartRow>, EngineError> {
        self.readers.look(|db| versions::part(db, version, number))
    }

    async fn parts_after(&self, version: VersionId, after: u32, limit: usize) -> Result<Vec<PartRow>, EngineError> {
        self.readers.look(|db| versions::parts_after(db, version, after, limit))
    }

    async fn commit(&self, change: VersionChange) -> Result<Committed, EngineError> {
        let now = self.clock.now();
        self.write(move |db| versions::commit(db, &change, now)).await
    }

    async fn update_version(&self, row: VersionRow, events: Events) -> Result<Changed, EngineError> {
        self.write(move |db| versions::update(db, &row, &events)).await
    }

    async fn directory_changes(
        &self,
        bucket: BucketId,
        directory: Token,
        mark: u64,
        limit: usize,
    ) -> Result<DirectoryChanges, EngineError> {
        if limit <= limits::LISTING_REFRESH_ROWS {
            // A warm cache asks for the few rows since it last looked.
            return self.readers.look(|db| listing::changes(db, (bucket, directory), mark, limit));
        }
        self.readers.scan(move |db| listing::changes(db, (bucket, directory), mark, limit)).await
    }

    async fn begin_run(&self, bucket: BucketId, directory: Token, run: RunId) -> Result<Changed, EngineError> {
        let now = self.clock.now();
        self.write(move |db| runs::begin(db, (bucket, directory), run, now)).await
    }

    async fn put_run_pages(&self, run: RunId, first: u32, pages: Vec<Vec<u8>>) -> Result<Changed, EngineError> {
        self.write(move |db| runs::put_pages(db, run, first, &pages)).await
    }

    async fn complete_run(&self, row: RunRow) -> Result<Changed, EngineError> {
        self.write(move |db| runs::complete(db, &row)).await
    }

    async fn end_run(&self, run: RunId) -> Result<(), EngineError> {
        self.write(move |db| runs::end(db, run).map(Step::Keep)).await
    }

    async fn run_pages(&self, run: RunId, first: u32, limit: usize) -> Result<Vec<Vec<u8>>, EngineError> {
        self.readers.look(|db| runs::pages(db, run, first, limit))
    }

    async fn aging_runs(&self, before: UtcTime, after: Option<RunId>, limit: usize) -> Result<Vec<(TenantId, RunRow)>, EngineError> {
        self.readers.scan(move |db| runs::aging(db, before, after, limit)).await
    }

    async fn create_upload(&self, row: UploadRow, uploads_max: usize, events: Events) -> Result<Changed, EngineError> {
        self.write(move |db| uploads::create(db, &row, uploads_max, &events)).await
    }

    async fn upload(&self, bucket: BucketId, id: UploadId) -> Result<Option<UploadRow>, EngineError> {
        self.readers.look(|db| uploads::by_id(db, bucket, id))
    }

    async fn uploads(&self, bucket: BucketId) -> Result<Vec<UploadRow>, EngineError> {
        self.readers.scan(move |db| uploads::of_bucket(db, bucket)).await
    }

    async fn idle_uploads(&self, before: UtcTime, after: Option<(UtcTime, UploadId)>, limit: usize) -> Result<Vec<UploadRow>, EngineError> {
        self.readers.look(|db| uploads::idle(db, before, after, limit))
    }

    async fn put_upload_part(&self, row: UploadPartRow, touched: UtcTime, events: Events) -> Result<Committed, EngineError> {
        self.write(move |db| uploads::put_part(db, &row, touched, &events)).await
    }

    async fn upload_parts(&self, upload: UploadId, after: u32, limit: usize) -> Result<Vec<UploadPartRow>, EngineError> {
        self.readers.look(|db| uploads::parts(db, upload, after, limit))
    }

    async fn abort_upload(&self, bucket: BucketId, id: UploadId, touched: Option<UtcTime>, events: Events) -> Result<Changed, EngineError> {
        let now = self.clock.now();
        self.write(move |db| uploads::abort(db, (bucket, id), touched, now, &events)).await
    }

    async fn append(&self, events: Events) -> Result<(), EngineError> {
        self.write(move |db| journal::write_events(db, &events).map(Step::Keep).map_err(failure)).await
    }

    async fn events(&self, tenant: TenantId, before: Option<u64>, limit: usize) -> Result<Vec<(u64, JournalRow)>, EngineError> {
        self.readers.scan(move |db| journal::events(db, tenant, before, limit)).await
    }

    async fn event_key(&self, tenant: TenantId, id: EventKeyId) -> Result<Option<EventKeyRow>, EngineError> {
        self.readers.look(|db| journal::event_key(db, tenant, id))
    }

    async fn add_provider_log(&self, rows: Vec<ProviderLogRow>) -> Result<(), EngineError> {
        self.write(move |db| journal::add_provider_log(db, &rows).map(Step::Keep)).await
    }

    async fn provider_log(&self, limit: usize) -> Result<Vec<ProviderLogRow>, EngineError> {
        self.readers.look(|db| journal::provider_log(db, limit))
    }

    async fn condemn(&self, blobs: Vec<BlobId>, at: UtcTime) -> Result<Vec<BlobId>, EngineError> {
        self.write(move |db| condemned::condemn_unnamed(db, &blobs, at).map(Step::Keep)).await
    }

    async fn condemned(&self, before: UtcTime, after: Option<Condemned>, limit: usize) -> Result<Vec<Condemned>, EngineError> {
        self.readers.look(|db| condemned::before(db, before, after, limit))
    }

    async fn forget_condemned(&self, blobs: Vec<BlobId>) -> Result<(), EngineError> {
        self.write(move |db| condemned::forget(db, &blobs).map(Step::Keep)).await
    }

    async fn store(&self) -> Result<Option<StoreRow>, EngineError> {
        self.readers.look(store::row)
    }

    async fn set_store(&self, from: Option<StoreRow>, to: StoreRow, events: Events) -> Result<Changed, EngineError> {
        self.write(move |db| store::set(db, from, to, &events)).await
    }

    async fn other_connections(&self) -> Result<u64, EngineError> {
        Ok(0)
    }

    async fn names_blobs(&self) -> Result<bool, EngineError> {
        self.readers.look(store::names_blobs)
    }

    async fn newest_event(&self) -> Result<u64, EngineError> {
        self.readers.look(store::newest_event)
    }

    async fn frames(&self, after: Option<FrameKey>, limit: usize) -> Result<Vec<FrameRow>, EngineError> {
        self.readers.scan(move |db| frames::after(db, after, limit)).await
    }

    async fn frame_totals(&self) -> Result<FrameTotals, EngineError> {
        self.readers.scan(frames::totals).await
    }

    async fn names_frame(&self, location: Location, stored_crc: u64) -> Result<bool, EngineError> {
        self.readers.look(|db| frames::is_named(db, &location, stored_crc))
    }

    async fn unknown_blobs(&self, blobs: Vec<BlobId>) -> Result<Vec<BlobId>, EngineError> {
        self.readers.scan(move |db| frames::unknown(db, &blobs)).await
    }

    async fn job(&self, kind: JobKind) -> Result<Option<JobRow>, EngineError> {
        let now = self.clock.now();
        self.readers.look(|db| jobs::row(db, kind, now))
    }

    async fn take_job(&self, kind: JobKind, node: NodeId, lease: Duration) -> Result<Option<JobRow>, EngineError> {
        let now = self.clock.now();
        self.write(move |db| jobs::take(db, kind, (node, lease), now)).await
    }

    async fn save_job(&self, kind: JobKind, save: JobSave, events: Events) -> Result<Option<JobRow>, EngineError> {
        let now = self.clock.now();
        self.write(move |db| jobs::save(db, kind, &save, now, &events)).await
    }

    async fn order_job(&self, kind: JobKind, order: JobOrder) -> Result<Changed, EngineError> {
        self.write(move |db| jobs::order(db, kind, order)).await
    }

    async fn probe(&self, within: Duration) -> Result<(), EngineError> {
        // A value that stays the same is not written, and one that fits where it is needs no room.
        let touch = self.write(|db| {
            rows_changed(db, "UPDATE probe SET asked = asked + 1, filler = zeroblob(65536)", [])?;
            rows_changed(db, "UPDATE probe SET filler = NULL", []).map(|_rows| Step::Keep(()))
        });
        tokio::time::timeout(within, touch).await.map_err(|_| EngineError::Busy)?
    }

    async fn dump(&self, out: mpsc::Sender<Batch>) -> Result<(), CopyError> {
        let path = self.path.clone();
        let dumping = tokio::task::spawn_blocking(move || copy::dump(&path, &out));
        dumping.await.map_err(|_panicked| CopyError::Engine(EngineError::Panicked))?
    }

    async fn note_changes(&self) -> Result<Changed, EngineError> {
        self.write(changes::note).await
    }

    async fn end_notes(&self) -> Result<(), EngineError> {
        self.write(|db| changes::end(db).map(Step::Keep)).await
    }

    async fn changes_waiting(&self) -> Result<Option<u64>, EngineError> {
        self.readers.look(changes::waiting)
    }

    async fn dump_changes(&self, out: mpsc::Sender<Batch>) -> Result<Option<Noted>, CopyError> {
        let path = self.path.clone();
        let dumping = tokio::task::spawn_blocking(move || changes::dump(&path, &out));
        dumping.await.map_err(|_panicked| CopyError::Engine(EngineError::Panicked))?
    }

    async fn forget_changes(&self, noted: Noted) -> Result<(), EngineError> {
        self.write(move |db| changes::forget(db, &noted).map(Step::Keep)).await
    }

    async fn count_versions(&self) -> Result<u64, EngineError> {
        self.readers.scan(versions::count).await
    }
}
