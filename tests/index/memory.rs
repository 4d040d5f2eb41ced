//! An engine in memory that does what `engine.rs` says and no more, with its rows open to meddling.

use async_trait::async_trait;
use hozon::domain::{
    BlobId, BucketId, BucketName, ByteRange, EntryId, EventKeyId, KekPurpose, Location, NodeId, PrincipalId, RunId, Standing, TenantId,
    UploadId, UtcTime, VersionId,
};
use hozon::engine::{
    AccessKeyRow, Batch, BucketRow, Changed, Committed, Condemned, CopyError, Credential, DekRow, DirectiveRow, DirectoryChanges,
    DirectoryRow, Engine, EngineError, EntryChange, EntryRow, EventKeyRow, Events, FoundEntry, FoundVersion, FrameKey, FrameRow,
    FrameTotals, JobKind, JobOrder, JobRow, JobSave, JournalRow, KekRow, Noted, Nullness, PartRow, PrincipalRow, ProviderLogRow, RunRow,
    SecretKind, SecretRow, StoreRow, TenantRow, Token, UploadPartRow, UploadRow, VersionChange, VersionKind, VersionRow, Which,
};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Tables>);

#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) tenants: Vec<TenantRow>,
    pub(super) keks: Vec<KekRow>,
    pub(super) secrets: Vec<SecretRow>,
    pub(super) buckets: Vec<BucketRow>,
    pub(super) entries: HashMap<EntryId, EntryRow>,
    pub(super) directories: HashMap<(BucketId, Token), DirectoryRow>,
    pub(super) versions: HashMap<VersionId, VersionRow>,
    pub(super) deks: HashMap<VersionId, DekRow>,
    pub(super) parts: BTreeMap<(VersionId, u32), PartRow>,
    pub(super) uploads: HashMap<UploadId, UploadRow>,
    pub(super) upload_parts: BTreeMap<(UploadId, u32), UploadPartRow>,
    pub(super) runs: HashMap<RunId, Run>,
    pub(super) gone: Vec<(u64, BucketId, Token, EntryId)>,
    pub(super) mark: u64,
    pub(super) seq: u64,
    pub(super) epoch: u64,
    /// How many times pages of runs were asked for.
    pub(super) page_reads: usize,
}

/// A run: under way while it has no head.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) place: (BucketId, Token),
    pub(super) head: Option<RunRow>,
    pub(super) pages: BTreeMap<u32, Vec<u8>>,
}

impl Memory {
    pub(super) fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap()
    }
}

impl Tables {
    fn next_mark(&mut self) -> u64 {
        self.mark += 1;
        self.mark
    }

    /// Brings the counters of a directory and those above it up to date.
    fn recount(&mut self, bucket: BucketId, directory: Token) {
        let entries = || self.entries.values().filter(|e| e.bucket == bucket && e.directory == directory);
        let below = || self.directories.values().filter(|d| d.bucket == bucket && d.parent == directory);
        let total = entries().count() + below().count();
        let live = entries().filter(|e| e.current.kind == VersionKind::Content).count() + below().filter(|d| d.live > 0).count();
        let Some(row) = self.directories.get(&(bucket, directory)).cloned() else {
            return;
        };
        if total == 0 {
            self.directories.remove(&(bucket, directory));
            let mark = self.next_mark();
            self.gone.push((mark, bucket, row.parent, row.id));
        } else {
            let turned = (row.live == 0) != (live == 0) || row.mark == 0;
            let mark = if turned { self.next_mark() } else { row.mark };
            self.directories.insert((bucket, directory), DirectoryRow { live: live as u64, total: total as u64, mark, ..row.clone() });
        }
        self.recount(bucket, row.parent);
    }

    fn is_expected(&self, change: &VersionChange) -> bool {
        let entry = match &change.entry {
            EntryChange::Insert(row) => !self.entries.values().any(|e| e.bucket == row.bucket && e.key == row.key),
            EntryChange::Update { expected, row } => self.entries.get(&row.id).is_some_and(|e| e.revision == *expected),
            EntryChange::Remove { id, expected, .. } => self.entries.get(id).is_some_and(|e| e.revision == *expected),
        };
        let removable = |(id, revision): &(VersionId, u64)| self.versions.get(id).is_some_and(|v| v.revision == *revision);
        entry && change.remove.iter().all(removable)
    }

    fn commit(&mut self, change: VersionChange) -> Committed {
        if !self.buckets.iter().any(|b| b.id == change.bucket) {
            return Committed::BucketGone;
        }
        if !self.is_expected(&change) {
            return Committed::EntryChanged;
        }
        if let Some((id, revision)) = change.upload {
            if self.uploads.get(&id).is_none_or(|u| u.revision != revision) {
                return Committed::UploadChanged;
            }
            self.uploads.remove(&id);
            self.upload_parts.retain(|(upload, _), _| *upload != id);
        }
        for (id, _) in change.remove {
            self.versions.remove(&id);
            self.deks.remove(&id);
            self.parts.retain(|(version, _), _| *version != id);
        }
        for row in change.directories {
            self.directories.entry((row.bucket, row.directory)).or_insert(DirectoryRow { mark: 0, ..row });
        }
        let directory = match change.entry {
            EntryChange::Insert(row) | EntryChange::Update { row, .. } => {
                let mark = self.next_mark();
                let directory = row.directory;
                self.entries.insert(row.id, EntryRow { mark, ..row });
                directory
            }
            EntryChange::Remove { id, bucket, .. } => {
                let row = self.entries.remove(&id).unwrap();
                let mark = self.next_mark();
                self.gone.push((mark, bucket, row.directory, id));
                row.directory
            }
        };
        let mut seq = 0;
        if let Some((row, dek, parts)) = change.version {
            self.seq += 1;
            seq = self.seq;
            self.deks.extend(dek.map(|dek| (dek.version, dek)));
            self.parts.extend(parts.into_iter().map(|part| ((part.version, part.number), part)));
            self.versions.insert(row.id, VersionRow { seq, ..row });
        }
        self.recount(change.bucket, directory);
        Committed::Done { seq }
    }

    fn versions_of(&self, entry: EntryId) -> Vec<VersionRow> {
        let mut rows: Vec<_> = self.versions.values().filter(|v| v.entry == entry).cloned().collect();
        rows.sort_by_key(|v| std::cmp::Reverse(v.seq));
        rows
    }

    fn changes(&self, bucket: BucketId, directory: Token, mark: u64, limit: usize) -> DirectoryChanges {
        enum Change {
            Entry(EntryRow),
            Directory(DirectoryRow),
            Gone(EntryId),
        }
        let mut all = BTreeMap::new();
        let entries = self.entries.values().filter(|e| e.bucket == bucket && e.directory == directory);
        all.extend(entries.map(|e| (e.mark, Change::Entry(e.clone()))));
        let directories = self.directories.values().filter(|d| d.bucket == bucket && d.parent == directory);
        all.extend(directories.map(|d| (d.mark, Change::Directory(d.clone()))));
        let gone = self.gone.iter().filter(|g| g.1 == bucket && g.2 == directory);
        all.extend(gone.map(|g| (g.0, Change::Gone(g.3))));
        let mut newer = all.into_iter().filter(|(at, _)| *at > mark);
        let run = self.runs.values().find(|run| run.place == (bucket, directory) && run.head.is_some());
        let run = run.and_then(|run| run.head.clone());
        let mut page = DirectoryChanges { epoch: self.epoch, mark, run, ..DirectoryChanges::default() };
        for (at, change) in newer.by_ref().take(limit) {
            page.mark = at;
            match change {
                Change::Entry(row) => page.entries.push(row),
                Change::Directory(row) => page.directories.push(row),
                Change::Gone(id) => page.gone.push(id),
            }
        }
        page.more = newer.next().is_some();
        page
    }
}

type Answer<T> = Result<T, EngineError>;

#[async_trait]
impl Engine for Memory {
    async fn create_tenant(&self, tenant: TenantRow, keks: Vec<KekRow>, secrets: Vec<SecretRow>, _: Events) -> Answer<Changed> {
        let mut tables = self.tables();
        tables.tenants.push(tenant);
        tables.keks.extend(keks);
        tables.secrets.extend(secrets);
        Ok(Changed::Done)
    }
    async fn tenants(&self) -> Answer<Vec<TenantRow>> {
        Ok(self.tables().tenants.clone())
    }
    async fn tenant(&self, id: TenantId) -> Answer<Option<TenantRow>> {
        Ok(self.tables().tenants.iter().find(|t| t.id == id).cloned())
    }
    async fn keks(&self, tenant: TenantId, purpose: KekPurpose) -> Answer<Vec<KekRow>> {
        Ok(self.tables().keks.iter().filter(|k| k.tenant == tenant && k.purpose == purpose).cloned().collect())
    }
    async fn secrets(&self, tenant: TenantId, kind: SecretKind) -> Answer<Vec<SecretRow>> {
        Ok(self.tables().secrets.iter().filter(|s| s.tenant == tenant && s.kind == kind).cloned().collect())
    }
    async fn directives(&self, _: TenantId, _: u64, _: usize) -> Answer<Vec<DirectiveRow>> {
        Err(EngineError::Unavailable)
    }
    async fn put_directives(&self, _: Vec<DirectiveRow>, _: Events) -> Answer<Changed> {
        Err(EngineError::Unavailable)
    }
    async fn create_bucket(&self, row: BucketRow, _events: Events) -> Answer<Changed> {
        let mut tables = self.tables();
        if tables.buckets.iter().any(|b| b.tenant == row.tenant && b.name == row.name) {
            return Ok(Changed::Conflict);
        }
        tables.buckets.push(row);
        Ok(Changed::Done)
    }
    async fn bucket(&self, tenant: TenantId, name: &BucketName) -> Answer<Option<BucketRow>> {
        Ok(self.tables().buckets.iter().find(|b| b.tenant == tenant && b.name == *name).cloned())
    }
    async fn buckets(&self, tenant: TenantId) -> Answer<Vec<BucketRow>> {
        Ok(self.tables().buckets.iter().filter(|b| b.tenant == tenant).cloned().collect())
    }
    async fn update_bucket(&self, row: BucketRow, _events: Events) -> Answer<Changed> {
        let mut tables = self.tables();
        let Some(was) = tables.buckets.iter_mut().find(|b| b.id == row.id && b.revision + 1 == row.revision) else {
            return Ok(Changed::Conflict);
        };
        *was = row;
        Ok(Changed::Done)
    }
    async fn delete_bucket(&self, id: BucketId, revision: u64, _events: Events) -> Answer<Changed> {
        let mut tables = self.tables();
        let is_used = tables.entries.values().any(|e| e.bucket == id) || tables.uploads.values().any(|u| u.bucket == id);
        if is_used || !tables.buckets.iter().any(|b| b.id == id && b.revision == revision) {
            return Ok(Changed::Conflict);
        }
        tables.buckets.retain(|b| b.id != id);
        Ok(Changed::Done)
    }
    async fn find(&self, bucket: BucketId, key: Token, which: Which) -> Answer<Option<FoundEntry>> {
        let tables = self.tables();
        let Some(entry) = tables.entries.values().find(|e| e.bucket == bucket && e.key == key).cloned() else {
            return Ok(None);
        };
        let version = match which {
            Which::Current => tables.versions.values().filter(|v| v.entry == entry.id).max_by_key(|v| v.seq),
            Which::Id(id) => tables.versions.get(&id).filter(|v| v.entry == entry.id),
            Which::Null => tables.versions.values().find(|v| v.entry == entry.id && v.null == Nullness::Null),
        };
        let version = version.cloned().map(|version| FoundVersion { dek: tables.deks.get(&version.id).cloned(), version });
        Ok(Some(FoundEntry { entry, version }))
    }
    async fn versions(&self, entry: EntryId, before: Option<u64>, limit: usize) -> Answer<Vec<VersionRow>> {
        let rows = self.tables().versions_of(entry);
        Ok(rows.into_iter().filter(|v| before.is_none_or(|before| v.seq < before)).take(limit).collect())
    }
    async fn parts(&self, version: VersionId, range: ByteRange) -> Answer<Vec<PartRow>> {
        let tables = self.tables();
        let overlaps = |p: &&PartRow| p.version == version && p.offset < range.end && p.offset + p.length > range.start;
        Ok(tables.parts.values().filter(overlaps).cloned().collect())
    }
    async fn part(&self, version: VersionId, number: u32) -> Answer<Option<PartRow>> {
        Ok(self.tables().parts.get(&(version, number)).cloned())
    }
    async fn parts_after(&self, version: VersionId, after: u32, limit: usize) -> Answer<Vec<PartRow>> {
        let tables = self.tables();
        Ok(tables.parts.range((version, after + 1)..=(version, u32::MAX)).take(limit).map(|(_, p)| p.clone()).collect())
    }
    async fn commit(&self, change: VersionChange) -> Answer<Committed> {
        Ok(self.tables().commit(change))
    }
    async fn update_version(&self, row: VersionRow, _events: Events) -> Answer<Changed> {
        match self.tables().versions.get_mut(&row.id).filter(|v| v.revision + 1 == row.revision) {
            Some(was) => *was = row,
            None => return Ok(Changed::Conflict),
        }
        Ok(Changed::Done)
    }
    async fn directory_changes(&self, bucket: BucketId, directory: Token, mark: u64, limit: usize) -> Answer<DirectoryChanges> {
        Ok(self.tables().changes(bucket, directory, mark, limit))
    }
    async fn versions_of(&self, entries: Vec<EntryId>, limit: usize) -> Answer<Vec<VersionRow>> {
        let tables = self.tables();
        Ok(entries.into_iter().flat_map(|entry| tables.versions_of(entry)).take(limit).collect())
    }
    async fn versions_named(&self, versions: Vec<VersionId>) -> Answer<Vec<VersionRow>> {
        let tables = self.tables();
        Ok(versions.iter().filter_map(|id| tables.versions.get(id).cloned()).collect())
    }
    async fn begin_run(&self, bucket: BucketId, directory: Token, run: RunId) -> Answer<Changed> {
        let mut tables = self.tables();
        if tables.runs.values().any(|run| run.place == (bucket, directory) && run.head.is_none()) {
            return Ok(Changed::Conflict);
        }
        tables.runs.insert(run, Run { place: (bucket, directory), head: None, pages: BTreeMap::new() });
        Ok(Changed::Done)
    }
    async fn put_run_pages(&self, run: RunId, first: u32, pages: Vec<Vec<u8>>) -> Answer<Changed> {
        match self.tables().runs.get_mut(&run).filter(|run| run.head.is_none()) {
            Some(run) => run.pages.extend((first..).zip(pages)),
            None => return Ok(Changed::Conflict),
        }
        Ok(Changed::Done)
    }
    async fn complete_run(&self, row: RunRow) -> Answer<Changed> {
        let mut tables = self.tables();
        let is_whole = tables.runs.get(&row.id).is_some_and(|run| run.head.is_none() && run.pages.keys().copied().eq(0..row.pages));
        if !is_whole || row.epoch != tables.epoch {
            return Ok(Changed::Conflict);
        }
        tables.runs.retain(|_, run| run.place != (row.bucket, row.directory) || run.head.is_none());
        let run = tables.runs.get_mut(&row.id).unwrap();
        run.head = Some(row);
        Ok(Changed::Done)
    }
    async fn end_run(&self, run: RunId) -> Answer<()> {
        self.tables().runs.remove(&run);
        Ok(())
    }
    async fn run_pages(&self, run: RunId, first: u32, limit: usize) -> Answer<Vec<Vec<u8>>> {
        let mut tables = self.tables();
        tables.page_reads += 1;
        let Some(run) = tables.runs.get(&run) else { return Ok(Vec::new()) };
        Ok((first..).map_while(|number| run.pages.get(&number).cloned()).take(limit).collect())
    }
    async fn aging_runs(&self, _: UtcTime, _: Option<RunId>, _: usize) -> Answer<Vec<(TenantId, RunRow)>> {
        // It keeps all that has gone.
        Ok(Vec::new())
    }
    async fn create_upload(&self, row: UploadRow, uploads_max: usize, _events: Events) -> Answer<Changed> {
        let mut tables = self.tables();
        if tables.uploads.len() >= uploads_max {
            return Ok(Changed::Conflict);
        }
        tables.uploads.insert(row.id, row);
        Ok(Changed::Done)
    }
    async fn upload(&self, bucket: BucketId, id: UploadId) -> Answer<Option<UploadRow>> {
        Ok(self.tables().uploads.get(&id).filter(|u| u.bucket == bucket).cloned())
    }
    async fn uploads(&self, bucket: BucketId) -> Answer<Vec<UploadRow>> {
        Ok(self.tables().uploads.values().filter(|u| u.bucket == bucket).cloned().collect())
    }
    async fn put_upload_part(&self, row: UploadPartRow, touched: UtcTime, _events: Events) -> Answer<Committed> {
        let mut tables = self.tables();
        match tables.uploads.get_mut(&row.upload) {
            Some(upload) => upload.touched = touched,
            None => return Ok(Committed::UploadChanged),
        }
        tables.upload_parts.insert((row.upload, row.number), row);
        Ok(Committed::Done { seq: 0 })
    }
    async fn upload_parts(&self, upload: UploadId, after: u32, limit: usize) -> Answer<Vec<UploadPartRow>> {
        let tables = self.tables();
        Ok(tables.upload_parts.range((upload, after + 1)..=(upload, u32::MAX)).take(limit).map(|(_, p)| p.clone()).collect())
    }
    async fn abort_upload(&self, _bucket: BucketId, id: UploadId, _: Option<UtcTime>, _events: Events) -> Answer<Changed> {
        let mut tables = self.tables();
        tables.upload_parts.retain(|(upload, _), _| *upload != id);
        Ok(if tables.uploads.remove(&id).is_some() { Changed::Done } else { Changed::Conflict })
    }
    async fn append(&self, _events: Events) -> Answer<()> {
        Ok(())
    }
    async fn dump(&self, _: tokio::sync::mpsc::Sender<Batch>) -> Result<(), CopyError> {
        Err(CopyError::BrokenOff)
    }
    async fn other_connections(&self) -> Answer<u64> {
        Ok(0)
    }
    async fn note_changes(&self) -> Answer<Changed> {
        Err(EngineError::Unavailable)
    }
    async fn end_notes(&self) -> Answer<()> {
        Err(EngineError::Unavailable)
    }
    async fn changes_waiting(&self) -> Answer<Option<u64>> {
        Err(EngineError::Unavailable)
    }
    async fn dump_changes(&self, _: tokio::sync::mpsc::Sender<Batch>) -> Result<Option<Noted>, CopyError> {
        Err(CopyError::BrokenOff)
    }
    async fn forget_changes(&self, _: Noted) -> Answer<()> {
        Err(EngineError::Unavailable)
    }
    async fn count_versions(&self) -> Answer<u64> {
        Ok(self.tables().versions.len() as u64)
    }

    async fn set_tenant_standing(&self, _: TenantId, _: Standing, _: Events) -> Answer<Changed> {
        Err(EngineError::Unavailable)
    }
    async fn create_principal(&self, _: PrincipalRow, _: Events) -> Answer<Changed> {
        Err(EngineError::Unavailable)
    }
    async fn principals(&self, _: TenantId) -> Answer<Vec<PrincipalRow>> {
        Err(EngineError::Unavailable)
    }
    async fn update_principal(&self, _: PrincipalRow, _: Events) -> Answer<Changed> {
        Err(EngineError::Unavailable)
    }
    async fn create_access_key(&self, _: AccessKeyRow, _: Events) -> Answer<Changed> {
        Err(EngineError::Unavailable)
    }
    async fn credential(&self, _: &str) -> Answer<Option<Credential>> {
        Err(EngineError::Unavailable)
    }
    async fn access_keys(&self, _: TenantId, _: Option<PrincipalId>) -> Answer<Vec<AccessKeyRow>> {
        Err(EngineError::Unavailable)
    }
    async fn update_access_key(&self, _: AccessKeyRow, _: Events) -> Answer<Changed> {
        Err(EngineError::Unavailable)
    }
    async fn idle_uploads(&self, _: UtcTime, _: Option<(UtcTime, UploadId)>, _: usize) -> Answer<Vec<UploadRow>> {
        Err(EngineError::Unavailable)
    }
    async fn events(&self, _: TenantId, _: Option<u64>, _: usize) -> Answer<Vec<(u64, JournalRow)>> {
        Err(EngineError::Unavailable)
    }
    async fn event_key(&self, _: TenantId, _: EventKeyId) -> Answer<Option<EventKeyRow>> {
        Err(EngineError::Unavailable)
    }
    async fn add_provider_log(&self, _: Vec<ProviderLogRow>) -> Answer<()> {
        Err(EngineError::Unavailable)
    }
    async fn provider_log(&self, _: usize) -> Answer<Vec<ProviderLogRow>> {
        Err(EngineError::Unavailable)
    }
    async fn condemn(&self, _: Vec<BlobId>, _: UtcTime) -> Answer<Vec<BlobId>> {
        Err(EngineError::Unavailable)
    }
    async fn condemned(&self, _: UtcTime, _: Option<Condemned>, _: usize) -> Answer<Vec<Condemned>> {
        Err(EngineError::Unavailable)
    }
    async fn forget_condemned(&self, _: Vec<BlobId>) -> Answer<()> {
        Err(EngineError::Unavailable)
    }
    async fn store(&self) -> Answer<Option<StoreRow>> {
        Err(EngineError::Unavailable)
    }
    async fn set_store(&self, _: Option<StoreRow>, _: StoreRow, _: Events) -> Answer<Changed> {
        Err(EngineError::Unavailable)
    }
    async fn names_blobs(&self) -> Answer<bool> {
        Err(EngineError::Unavailable)
    }
    async fn newest_event(&self) -> Answer<u64> {
        Err(EngineError::Unavailable)
    }
    async fn frames(&self, _: Option<FrameKey>, _: usize) -> Answer<Vec<FrameRow>> {
        Err(EngineError::Unavailable)
    }
    async fn frame_totals(&self) -> Answer<FrameTotals> {
        Err(EngineError::Unavailable)
    }
    async fn names_frame(&self, _: Location, _: u64) -> Answer<bool> {
        Err(EngineError::Unavailable)
    }
    async fn unknown_blobs(&self, _: Vec<BlobId>) -> Answer<Vec<BlobId>> {
        Err(EngineError::Unavailable)
    }
    async fn job(&self, _: JobKind) -> Answer<Option<JobRow>> {
        Err(EngineError::Unavailable)
    }
    async fn take_job(&self, _: JobKind, _: NodeId, _: Duration) -> Answer<Option<JobRow>> {
        Err(EngineError::Unavailable)
    }
    async fn save_job(&self, _: JobKind, _: JobSave, _: Events) -> Answer<Option<JobRow>> {
        Err(EngineError::Unavailable)
    }
    async fn order_job(&self, _: JobKind, _: JobOrder) -> Answer<Changed> {
        Err(EngineError::Unavailable)
    }
    async fn probe(&self, _: Duration) -> Answer<()> {
        Ok(())
    }
}
