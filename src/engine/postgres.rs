//! The engine for several gateways: a schema in a PostgreSQL database, 15 or newer.
//!
//! A write is durable when it returns: the server's `fsync` and `synchronous_commit` are looked at, and a synchronous
//! standby is waited for where there is one. Nodes know nothing of each other; what they share is in the tables.
//! Transactions run at `READ COMMITTED` with locks where a decision rests on what was read, and those that others were in
//! the way of are tried again.

mod appender;
mod buckets;
mod changes;
mod checkup;
mod condemned;
mod copy;
mod directives;
mod directories;
mod fault;
mod frames;
mod given;
mod jobs;
mod journal;
mod listing;
mod locks;
mod people;
mod pool;
mod runs;
mod schema;
mod session;
mod standby;
mod store;
mod transaction;
mod uploads;
mod versions;

use super::postgres_settings::PostgresSettings;
use super::step::Step;
use super::{
    AccessKeyRow, Batch, BucketRow, Changed, Checkup, Committed, Condemned, CopyError, Credential, DirectiveRow, DirectoryChanges, Engine,
    EngineError, EventKeyRow, Events, FoundEntry, FrameKey, FrameRow, FrameTotals, JobKind, JobOrder, JobRow, JobSave, JournalRow, KekRow,
    Noted, Origin, PartRow, PrincipalRow, ProviderLogRow, RunRow, SecretKind, SecretRow, StoreRow, TenantRow, Token, UploadPartRow,
    UploadRow, VersionChange, VersionRow, Which,
};
use crate::domain::{
    BlobId, BucketId, BucketName, ByteRange, Clock, EntryId, EventKeyId, KekPurpose, Location, NodeId, PrincipalId, RunId, Standing,
    TenantId, UploadId, UtcTime, VersionId, limits,
};
use appender::Appender;
use async_trait::async_trait;
use fault::Fault;
use futures::FutureExt;
use futures::future::BoxFuture;
use pool::Pool;
use session::Session;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// How often what need not be kept is looked for.
const FORGET_EVERY: Duration = Duration::from_secs(3_600);
/// How long one statement of a load may take: it counts the rows of a whole table.
const LOAD_TIME_MAX: Duration = Duration::from_secs(600);
/// Rows that one transaction forgets.
const FORGOTTEN_AT_ONCE: usize = 1_000;

/// A metadata database that several gateways share.
#[derive(Debug)]
pub struct PostgresEngine {
    pool: Pool,
    appender: Appender,
    clock: Arc<dyn Clock>,
    // Which cluster and timeline the epoch was begun for.
    followed: tokio::sync::Mutex<(i64, i64)>,
    housekeeping: AbortHandle,
}

impl Drop for PostgresEngine {
    fn drop(&mut self) {
        self.housekeeping.abort();
    }
}

impl PostgresEngine {
    /// Connects, makes the tables if they are not there, and brings them to the newest schema.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] when no host takes writes, [`EngineError::TooNew`] when a newer hozon made the tables,
    /// [`EngineError::NotOurs`] when the schema holds those of another program.
    pub async fn open(settings: &PostgresSettings, clock: Arc<dyn Clock>) -> Result<Self, EngineError> {
        schema::migrate(&patient(settings)?, &settings.schema).await?;
        let pool = Pool::new(settings)?;
        schema::follow(&pool).await?;
        let housekeeping = tokio::spawn(keep_house(pool.clone(), Arc::clone(&clock))).abort_handle();
        let followed = tokio::sync::Mutex::new(pool.seen().get());
        Ok(Self { appender: Appender::start(pool.clone()), pool, clock, followed, housekeeping })
    }

    /// Looks at the server and changes nothing.
    ///
    /// # Errors
    /// [`EngineError`] when it cannot be reached.
    pub async fn look(settings: &PostgresSettings) -> Result<Checkup, EngineError> {
        checkup::look(settings).await
    }

    /// Fills an empty index with a whole copy, or leaves it empty.
    ///
    /// # Errors
    /// [`CopyError`], also when it is not empty or the batches break off.
    pub async fn load(
        settings: &PostgresSettings,
        (mut batches, origin): (mpsc::Receiver<Result<Batch, CopyError>>, Origin),
    ) -> Result<(), CopyError> {
        let pool = patient(settings)?;
        schema::migrate(&pool, &settings.schema).await?;
        // Whatever was not committed is undone with the connection.
        let session = pool.session().await?.alone();
        copy::load(session.get()?, (&mut batches, origin)).await
    }

    /// Forgets what need not be kept: tombstones that no cache can miss, counts of strangers beyond their number. The
    /// engine does it each hour by itself.
    ///
    /// # Errors
    /// [`EngineError`]; what was forgotten before stays forgotten.
    pub async fn forget_old(&self) -> Result<(), EngineError> {
        forget(&self.pool, &self.clock).await
    }

    async fn write<I, T>(
        &self,
        input: I,
        steps: impl for<'a> Fn(&'a Session, &'a I) -> BoxFuture<'a, Result<Step<T>, Fault>> + Send + Sync + 'static,
    ) -> Result<T, EngineError>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        transaction::write(&self.pool, input, steps).await
    }

    async fn read<T>(
        &self,
        question: impl for<'a> Fn(&'a Session) -> BoxFuture<'a, Result<T, Fault>> + Send + Sync,
    ) -> Result<T, EngineError> {
        transaction::read(&self.pool, question).await
    }

    /// Begins a new epoch when a connection has reached another cluster or timeline than the last: a standby was promoted,
    /// or somebody put a restored database in its place.
    async fn follow(&self) -> Result<(), EngineError> {
        let mut followed = self.followed.lock().await;
        let now = self.pool.seen().get();
        if *followed != now {
            schema::follow(&self.pool).await?;
            *followed = now;
        }
        Ok(())
    }
}

async fn keep_house(pool: Pool, clock: Arc<dyn Clock>) {
    loop {
        if let Err(error) = forget(&pool, &clock).await {
            tracing::warn!(%error, "housekeeping of the index was put off");
        }
        tokio::time::sleep(FORGET_EVERY).await;
    }
}

async fn forget(pool: &Pool, clock: &Arc<dyn Clock>) -> Result<(), EngineError> {
    while !transaction::write(pool, clock.now(), |session, now| forget_some(session, *now).boxed()).await? {}
    Ok(())
}

/// Forgets some of what need not be kept. True once there is no more of it.
async fn forget_some(session: &Session, now: UtcTime) -> Result<Step<bool>, Fault> {
    let tombstones = listing::forget_tombstones(session, now.minus(limits::TOMBSTONES_LIFE), FORGOTTEN_AT_ONCE).await?;
    let counts = journal::forget_provider_log(session, limits::PROVIDER_LOG_ROWS_MAX, FORGOTTEN_AT_ONCE).await?;
    let are_runs_done = runs::forget_ended(session, now.minus(limits::RUN_WRITE_MAX)).await?;
    Ok(Step::Keep(are_runs_done && tombstones < FORGOTTEN_AT_ONCE && counts < FORGOTTEN_AT_ONCE as u64))
}

/// Connections for what may take long: new tables, and copies of all rows.
fn patient(settings: &PostgresSettings) -> Result<Pool, EngineError> {
    Pool::new(&PostgresSettings { answer_time_max: LOAD_TIME_MAX, ..settings.clone() })
}

#[async_trait]
impl Engine for PostgresEngine {
    async fn create_tenant(
        &self,
        tenant: TenantRow,
        keks: Vec<KekRow>,
        secrets: Vec<SecretRow>,
        events: Events,
    ) -> Result<Changed, EngineError> {
        self.write((tenant, keks, secrets, events), |session, (tenant, keks, secrets, events)| {
            people::create_tenant(session, tenant, (keks, secrets), events).boxed()
        })
        .await
    }

    async fn tenants(&self) -> Result<Vec<TenantRow>, EngineError> {
        self.read(|session| people::tenants(session).boxed()).await
    }

    async fn tenant(&self, id: TenantId) -> Result<Option<TenantRow>, EngineError> {
        self.read(|session| people::tenant(session, id).boxed()).await
    }

    async fn set_tenant_standing(&self, id: TenantId, standing: Standing, events: Events) -> Result<Changed, EngineError> {
        self.write(events, move |session, events| people::set_tenant_standing(session, id, standing, events).boxed()).await
    }

    async fn keks(&self, tenant: TenantId, purpose: KekPurpose) -> Result<Vec<KekRow>, EngineError> {
        self.read(|session| people::keks(session, tenant, purpose).boxed()).await
    }

    async fn secrets(&self, tenant: TenantId, kind: SecretKind) -> Result<Vec<SecretRow>, EngineError> {
        self.read(|session| people::secrets(session, tenant, kind).boxed()).await
    }

    async fn create_principal(&self, row: PrincipalRow, events: Events) -> Result<Changed, EngineError> {
        self.write((row, events), |session, (row, events)| people::create_principal(session, row, events).boxed()).await
    }

    async fn principals(&self, tenant: TenantId) -> Result<Vec<PrincipalRow>, EngineError> {
        self.read(|session| people::principals(session, tenant).boxed()).await
    }

    async fn update_principal(&self, row: PrincipalRow, events: Events) -> Result<Changed, EngineError> {
        self.write((row, events), |session, (row, events)| people::update_principal(session, row, events).boxed()).await
    }

    async fn create_access_key(&self, row: AccessKeyRow, events: Events) -> Result<Changed, EngineError> {
        self.write((row, events), |session, (row, events)| people::create_access_key(session, row, events).boxed()).await
    }

    async fn credential(&self, access_key: &str) -> Result<Option<Credential>, EngineError> {
        let access_key = access_key.to_owned();
        let asked = Arc::new(access_key);
        self.read(move |session| {
            let asked = Arc::clone(&asked);
            async move { people::credential(session, &asked).await }.boxed()
        })
        .await
    }

    async fn access_keys(&self, tenant: TenantId, principal: Option<PrincipalId>) -> Result<Vec<AccessKeyRow>, EngineError> {
        self.read(|session| people::access_keys(session, tenant, principal).boxed()).await
    }

    async fn update_access_key(&self, row: AccessKeyRow, events: Events) -> Result<Changed, EngineError> {
        self.write((row, events), |session, (row, events)| people::update_access_key(session, row, events).boxed()).await
    }

    async fn directives(&self, tenant: TenantId, mark: u64, limit: usize) -> Result<Vec<DirectiveRow>, EngineError> {
        self.read(move |session| directives::after(session, tenant, mark, limit).boxed()).await
    }

    async fn put_directives(&self, rows: Vec<DirectiveRow>, events: Events) -> Result<Changed, EngineError> {
        self.write((rows, events), |session, (rows, events)| directives::put(session, rows, events).boxed()).await
    }

    async fn create_bucket(&self, row: BucketRow, events: Events) -> Result<Changed, EngineError> {
        self.write((row, events), |session, (row, events)| buckets::create(session, row, events).boxed()).await
    }

    async fn bucket(&self, tenant: TenantId, name: &BucketName) -> Result<Option<BucketRow>, EngineError> {
        let asked = Arc::new(name.clone());
        self.read(move |session| {
            let asked = Arc::clone(&asked);
            async move { buckets::by_name(session, tenant, &asked).await }.boxed()
        })
        .await
    }

    async fn buckets(&self, tenant: TenantId) -> Result<Vec<BucketRow>, EngineError> {
        self.read(|session| buckets::of_tenant(session, tenant).boxed()).await
    }

    async fn update_bucket(&self, row: BucketRow, events: Events) -> Result<Changed, EngineError> {
        self.write((row, events), |session, (row, events)| buckets::update(session, row, events).boxed()).await
    }

    async fn delete_bucket(&self, id: BucketId, revision: u64, events: Events) -> Result<Changed, EngineError> {
        self.write(events, move |session, events| buckets::delete(session, id, revision, events).boxed()).await
    }

    async fn find(&self, bucket: BucketId, key: Token, which: Which) -> Result<Option<FoundEntry>, EngineError> {
        self.read(|session| versions::find(session, bucket, key, which).boxed()).await
    }

    async fn versions(&self, entry: EntryId, before: Option<u64>, limit: usize) -> Result<Vec<VersionRow>, EngineError> {
        self.read(|session| versions::of_entry(session, entry, before, limit).boxed()).await
    }

    async fn versions_of(&self, entries: Vec<EntryId>, limit: usize) -> Result<Vec<VersionRow>, EngineError> {
        let asked = Arc::new(entries);
        self.read(move |session| {
            let asked = Arc::clone(&asked);
            async move { versions::of_entries(session, &asked, limit).await }.boxed()
        })
        .await
    }

    async fn versions_named(&self, versions: Vec<VersionId>) -> Result<Vec<VersionRow>, EngineError> {
        let asked = Arc::new(versions);
        self.read(move |session| {
            let asked = Arc::clone(&asked);
            async move { versions::named(session, &asked).await }.boxed()
        })
        .await
    }

    async fn parts(&self, version: VersionId, range: ByteRange) -> Result<Vec<PartRow>, EngineError> {
        self.read(|session| versions::parts(session, version, range).boxed()).await
    }

    async fn part(&self, version: VersionId, number: u32) -> Result<Option<PartRow>, EngineError> {
        self.read(|session| versions::part(session, version, number).boxed()).await
    }

    async fn parts_after(&self, version: VersionId, after: u32, limit: usize) -> Result<Vec<PartRow>, EngineError> {
        self.read(|session| versions::parts_after(session, version, after, limit).boxed()).await
    }

    async fn commit(&self, change: VersionChange) -> Result<Committed, EngineError> {
        let now = self.clock.now();
        self.write(change, move |session, change| versions::commit(session, change, now).boxed()).await
    }

    async fn update_version(&self, row: VersionRow, events: Events) -> Result<Changed, EngineError> {
        self.write((row, events), |session, (row, events)| versions::update(session, row, events).boxed()).await
    }

    async fn directory_changes(
        &self,
        bucket: BucketId,
        directory: Token,
        mark: u64,
        limit: usize,
    ) -> Result<DirectoryChanges, EngineError> {
        self.follow().await?;
        self.read(|session| listing::changes(session, (bucket, directory), mark, limit).boxed()).await
    }

    async fn begin_run(&self, bucket: BucketId, directory: Token, run: RunId) -> Result<Changed, EngineError> {
        let now = self.clock.now();
        self.write((), move |session, ()| runs::begin(session, (bucket, directory), run, now).boxed()).await
    }

    async fn put_run_pages(&self, run: RunId, first: u32, pages: Vec<Vec<u8>>) -> Result<Changed, EngineError> {
        self.write(pages, move |session, pages| runs::put_pages(session, run, first, pages).boxed()).await
    }

    async fn complete_run(&self, row: RunRow) -> Result<Changed, EngineError> {
        self.write(row, |session, row| runs::complete(session, row).boxed()).await
    }

    async fn end_run(&self, run: RunId) -> Result<(), EngineError> {
        self.write((), move |session, ()| async move { runs::end(session, run).await.map(Step::Keep) }.boxed()).await
    }

    async fn run_pages(&self, run: RunId, first: u32, limit: usize) -> Result<Vec<Vec<u8>>, EngineError> {
        self.read(|session| runs::pages(session, run, first, limit).boxed()).await
    }

    async fn aging_runs(&self, before: UtcTime, after: Option<RunId>, limit: usize) -> Result<Vec<(TenantId, RunRow)>, EngineError> {
        self.read(|session| runs::aging(session, before, after, limit).boxed()).await
    }

    async fn create_upload(&self, row: UploadRow, uploads_max: usize, events: Events) -> Result<Changed, EngineError> {
        self.write((row, events), move |session, (row, events)| uploads::create(session, row, uploads_max, events).boxed()).await
    }

    async fn upload(&self, bucket: BucketId, id: UploadId) -> Result<Option<UploadRow>, EngineError> {
        self.read(|session| uploads::by_id(session, bucket, id).boxed()).await
    }

    async fn uploads(&self, bucket: BucketId) -> Result<Vec<UploadRow>, EngineError> {
        self.read(|session| uploads::of_bucket(session, bucket).boxed()).await
    }

    async fn idle_uploads(&self, before: UtcTime, after: Option<(UtcTime, UploadId)>, limit: usize) -> Result<Vec<UploadRow>, EngineError> {
        self.read(|session| uploads::idle(session, before, after, limit).boxed()).await
    }

    async fn put_upload_part(&self, row: UploadPartRow, touched: UtcTime, events: Events) -> Result<Committed, EngineError> {
        self.write((row, events), move |session, (row, events)| uploads::put_part(session, row, touched, events).boxed()).await
    }

    async fn upload_parts(&self, upload: UploadId, after: u32, limit: usize) -> Result<Vec<UploadPartRow>, EngineError> {
        self.read(|session| uploads::parts(session, upload, after, limit).boxed()).await
    }

    async fn abort_upload(&self, bucket: BucketId, id: UploadId, touched: Option<UtcTime>, events: Events) -> Result<Changed, EngineError> {
        let now = self.clock.now();
        self.write(events, move |session, events| uploads::abort(session, (bucket, id), touched, now, events).boxed()).await
    }

    async fn append(&self, events: Events) -> Result<(), EngineError> {
        self.appender.append(events).await
    }

    async fn events(&self, tenant: TenantId, before: Option<u64>, limit: usize) -> Result<Vec<(u64, JournalRow)>, EngineError> {
        self.read(|session| journal::events(session, tenant, before, limit).boxed()).await
    }

    async fn event_key(&self, tenant: TenantId, id: EventKeyId) -> Result<Option<EventKeyRow>, EngineError> {
        self.read(|session| journal::event_key(session, tenant, id).boxed()).await
    }

    async fn add_provider_log(&self, rows: Vec<ProviderLogRow>) -> Result<(), EngineError> {
        self.write(rows, |session, rows| async move { journal::add_provider_log(session, rows).await.map(Step::Keep) }.boxed()).await
    }

    async fn provider_log(&self, limit: usize) -> Result<Vec<ProviderLogRow>, EngineError> {
        self.read(|session| journal::provider_log(session, limit).boxed()).await
    }

    async fn condemn(&self, blobs: Vec<BlobId>, at: UtcTime) -> Result<Vec<BlobId>, EngineError> {
        self.write(blobs, move |session, blobs| async move { condemned::condemn_unnamed(session, blobs, at).await.map(Step::Keep) }.boxed())
            .await
    }

    async fn condemned(&self, before: UtcTime, after: Option<Condemned>, limit: usize) -> Result<Vec<Condemned>, EngineError> {
        self.read(|session| condemned::before(session, before, after, limit).boxed()).await
    }

    async fn forget_condemned(&self, blobs: Vec<BlobId>) -> Result<(), EngineError> {
        self.write(blobs, |session, blobs| async move { condemned::forget(session, blobs).await.map(Step::Keep) }.boxed()).await
    }

    async fn store(&self) -> Result<Option<StoreRow>, EngineError> {
        self.read(|session| store::row(session).boxed()).await
    }

    async fn set_store(&self, from: Option<StoreRow>, to: StoreRow, events: Events) -> Result<Changed, EngineError> {
        self.write(events, move |session, events| store::set(session, from, to, events).boxed()).await
    }

    async fn other_connections(&self) -> Result<u64, EngineError> {
        self.read(|session| store::other_connections(session).boxed()).await
    }

    async fn names_blobs(&self) -> Result<bool, EngineError> {
        self.read(|session| store::names_blobs(session).boxed()).await
    }

    async fn newest_event(&self) -> Result<u64, EngineError> {
        self.read(|session| store::newest_event(session).boxed()).await
    }

    async fn frames(&self, after: Option<FrameKey>, limit: usize) -> Result<Vec<FrameRow>, EngineError> {
        self.read(|session| frames::after(session, after, limit).boxed()).await
    }

    async fn frame_totals(&self) -> Result<FrameTotals, EngineError> {
        self.read(|session| frames::totals(session).boxed()).await
    }

    async fn names_frame(&self, location: Location, stored_crc: u64) -> Result<bool, EngineError> {
        self.read(move |session| async move { frames::is_named(session, &location, stored_crc).await }.boxed()).await
    }

    async fn unknown_blobs(&self, blobs: Vec<BlobId>) -> Result<Vec<BlobId>, EngineError> {
        let asked = Arc::new(blobs);
        self.read(move |session| {
            let asked = Arc::clone(&asked);
            async move { frames::unknown(session, &asked).await }.boxed()
        })
        .await
    }

    async fn job(&self, kind: JobKind) -> Result<Option<JobRow>, EngineError> {
        self.read(|session| jobs::row(session, kind).boxed()).await
    }

    async fn take_job(&self, kind: JobKind, node: NodeId, lease: Duration) -> Result<Option<JobRow>, EngineError> {
        self.write((), move |session, ()| jobs::take(session, kind, node, lease).boxed()).await
    }

    async fn save_job(&self, kind: JobKind, save: JobSave, events: Events) -> Result<Option<JobRow>, EngineError> {
        self.write((save, events), move |session, (save, events)| jobs::save(session, kind, save, events).boxed()).await
    }

    async fn order_job(&self, kind: JobKind, order: JobOrder) -> Result<Changed, EngineError> {
        self.write((), move |session, ()| jobs::order(session, kind, order).boxed()).await
    }

    async fn probe(&self, within: Duration) -> Result<(), EngineError> {
        let touch = self.write((), |session, ()| async move { store::probe(session).await.map(Step::Keep) }.boxed());
        tokio::time::timeout(within, touch).await.map_err(|_| EngineError::Busy)?
    }

    async fn dump(&self, out: mpsc::Sender<Batch>) -> Result<(), CopyError> {
        let session = self.pool.session().await?.alone();
        copy::dump(session.get()?, &out).await
    }

    async fn note_changes(&self) -> Result<Changed, EngineError> {
        self.write((), |session, ()| changes::note(session).boxed()).await
    }

    async fn end_notes(&self) -> Result<(), EngineError> {
        self.write((), |session, ()| async move { changes::end(session).await.map(Step::Keep) }.boxed()).await
    }

    async fn changes_waiting(&self) -> Result<Option<u64>, EngineError> {
        self.read(|session| changes::waiting(session).boxed()).await
    }

    async fn dump_changes(&self, out: mpsc::Sender<Batch>) -> Result<Option<Noted>, CopyError> {
        let session = self.pool.session().await?.alone();
        let dumped = changes::dump(session.get()?, &out).await?;
        session.keep();
        Ok(dumped)
    }

    async fn forget_changes(&self, noted: Noted) -> Result<(), EngineError> {
        self.write(noted, |session, noted| async move { changes::forget(session, noted).await.map(Step::Keep) }.boxed()).await
    }

    async fn count_versions(&self) -> Result<u64, EngineError> {
        self.read(|session| versions::count(session).boxed()).await
    }
}
