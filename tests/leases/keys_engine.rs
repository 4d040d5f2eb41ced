//! An engine that keeps tenants' wrapped keys in memory and counts how often they are asked for.

use async_trait::async_trait;
use hozon::domain::*;
use hozon::engine::*;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

#[derive(Debug, Default)]
pub(crate) struct KeysEngine {
    pub tenants: Mutex<Vec<TenantRow>>,
    pub keks: Mutex<Vec<KekRow>>,
    pub secrets: Mutex<Vec<SecretRow>>,
    pub asked: AtomicUsize,
    pub is_down: AtomicBool,
    /// While it is taken, answers wait.
    pub gate: tokio::sync::Mutex<()>,
}

/// What these tests do not need is not there.
fn no<T>() -> Result<T, EngineError> {
    Err(EngineError::Unavailable)
}

#[async_trait]
impl Engine for KeysEngine {
    async fn create_tenant(
        &self,
        tenant: TenantRow,
        keks: Vec<KekRow>,
        secrets: Vec<SecretRow>,
        _: Events,
    ) -> Result<Changed, EngineError> {
        let mut tenants = self.tenants.lock().unwrap();
        if tenants.iter().any(|row| row.name == tenant.name) {
            return Ok(Changed::Conflict);
        }
        tenants.push(tenant);
        self.keks.lock().unwrap().extend(keks);
        self.secrets.lock().unwrap().extend(secrets);
        Ok(Changed::Done)
    }
    async fn keks(&self, tenant: TenantId, purpose: KekPurpose) -> Result<Vec<KekRow>, EngineError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        drop(self.gate.lock().await);
        if self.is_down.load(Ordering::SeqCst) {
            return Err(EngineError::Unavailable);
        }
        let rows = self.keks.lock().unwrap();
        Ok(rows.iter().filter(|row| row.tenant == tenant && row.purpose == purpose).cloned().collect())
    }
    async fn secrets(&self, tenant: TenantId, kind: SecretKind) -> Result<Vec<SecretRow>, EngineError> {
        let rows = self.secrets.lock().unwrap();
        Ok(rows.iter().filter(|row| row.tenant == tenant && row.kind == kind).cloned().collect())
    }
    async fn tenants(&self) -> Result<Vec<TenantRow>, EngineError> {
        no()
    }
    async fn tenant(&self, _: TenantId) -> Result<Option<TenantRow>, EngineError> {
        no()
    }
    async fn set_tenant_standing(&self, _: TenantId, _: Standing, _: Events) -> Result<Changed, EngineError> {
        no()
    }
    async fn create_principal(&self, _: PrincipalRow, _: Events) -> Result<Changed, EngineError> {
        no()
    }
    async fn principals(&self, _: TenantId) -> Result<Vec<PrincipalRow>, EngineError> {
        no()
    }
    async fn update_principal(&self, _: PrincipalRow, _: Events) -> Result<Changed, EngineError> {
        no()
    }
    async fn create_access_key(&self, _: AccessKeyRow, _: Events) -> Result<Changed, EngineError> {
        no()
    }
    async fn credential(&self, _: &str) -> Result<Option<Credential>, EngineError> {
        no()
    }
    async fn access_keys(&self, _: TenantId, _: Option<PrincipalId>) -> Result<Vec<AccessKeyRow>, EngineError> {
        no()
    }
    async fn update_access_key(&self, _: AccessKeyRow, _: Events) -> Result<Changed, EngineError> {
        no()
    }
    async fn directives(&self, _: TenantId, _: u64, _: usize) -> Result<Vec<DirectiveRow>, EngineError> {
        no()
    }
    async fn put_directives(&self, _: Vec<DirectiveRow>, _: Events) -> Result<Changed, EngineError> {
        no()
    }
    async fn create_bucket(&self, _: BucketRow, _: Events) -> Result<Changed, EngineError> {
        no()
    }
    async fn bucket(&self, _: TenantId, _: &BucketName) -> Result<Option<BucketRow>, EngineError> {
        no()
    }
    async fn buckets(&self, _: TenantId) -> Result<Vec<BucketRow>, EngineError> {
        no()
    }
    async fn update_bucket(&self, _: BucketRow, _: Events) -> Result<Changed, EngineError> {
        no()
    }
    async fn delete_bucket(&self, _: BucketId, _: u64, _: Events) -> Result<Changed, EngineError> {
        no()
    }
    async fn find(&self, _: BucketId, _: Token, _: Which) -> Result<Option<FoundEntry>, EngineError> {
        no()
    }
    async fn versions(&self, _: EntryId, _: Option<u64>, _: usize) -> Result<Vec<VersionRow>, EngineError> {
        no()
    }
    async fn versions_named(&self, _: Vec<VersionId>) -> Result<Vec<VersionRow>, EngineError> {
        no()
    }
    async fn versions_of(&self, _: Vec<EntryId>, _: usize) -> Result<Vec<VersionRow>, EngineError> {
        no()
    }
    async fn begin_run(&self, _: BucketId, _: Token, _: RunId) -> Result<Changed, EngineError> {
        no()
    }
    async fn put_run_pages(&self, _: RunId, _: u32, _: Vec<Vec<u8>>) -> Result<Changed, EngineError> {
        no()
    }
    async fn complete_run(&self, _: RunRow) -> Result<Changed, EngineError> {
        no()
    }
    async fn end_run(&self, _: RunId) -> Result<(), EngineError> {
        no()
    }
    async fn run_pages(&self, _: RunId, _: u32, _: usize) -> Result<Vec<Vec<u8>>, EngineError> {
        no()
    }
    async fn aging_runs(&self, _: UtcTime, _: Option<RunId>, _: usize) -> Result<Vec<(TenantId, RunRow)>, EngineError> {
        no()
    }
    async fn parts(&self, _: VersionId, _: ByteRange) -> Result<Vec<PartRow>, EngineError> {
        no()
    }
    async fn part(&self, _: VersionId, _: u32) -> Result<Option<PartRow>, EngineError> {
        no()
    }
    async fn parts_after(&self, _: VersionId, _: u32, _: usize) -> Result<Vec<PartRow>, EngineError> {
        no()
    }
    async fn commit(&self, _: VersionChange) -> Result<Committed, EngineError> {
        no()
    }
    async fn update_version(&self, _: VersionRow, _: Events) -> Result<Changed, EngineError> {
        no()
    }
    async fn directory_changes(&self, _: BucketId, _: Token, _: u64, _: usize) -> Result<DirectoryChanges, EngineError> {
        no()
    }
    async fn create_upload(&self, _: UploadRow, _: usize, _: Events) -> Result<Changed, EngineError> {
        no()
    }
    async fn upload(&self, _: BucketId, _: UploadId) -> Result<Option<UploadRow>, EngineError> {
        no()
    }
    async fn uploads(&self, _: BucketId) -> Result<Vec<UploadRow>, EngineError> {
        no()
    }
    async fn idle_uploads(&self, _: UtcTime, _: Option<(UtcTime, UploadId)>, _: usize) -> Result<Vec<UploadRow>, EngineError> {
        no()
    }
    async fn put_upload_part(&self, _: UploadPartRow, _: UtcTime, _: Events) -> Result<Committed, EngineError> {
        no()
    }
    async fn upload_parts(&self, _: UploadId, _: u32, _: usize) -> Result<Vec<UploadPartRow>, EngineError> {
        no()
    }
    async fn abort_upload(&self, _: BucketId, _: UploadId, _: Option<UtcTime>, _: Events) -> Result<Changed, EngineError> {
        no()
    }
    async fn append(&self, _: Events) -> Result<(), EngineError> {
        no()
    }
    async fn events(&self, _: TenantId, _: Option<u64>, _: usize) -> Result<Vec<(u64, JournalRow)>, EngineError> {
        no()
    }
    async fn event_key(&self, _: TenantId, _: EventKeyId) -> Result<Option<EventKeyRow>, EngineError> {
        no()
    }
    async fn add_provider_log(&self, _: Vec<ProviderLogRow>) -> Result<(), EngineError> {
        no()
    }
    async fn provider_log(&self, _: usize) -> Result<Vec<ProviderLogRow>, EngineError> {
        no()
    }
    async fn condemn(&self, _: Vec<BlobId>, _: UtcTime) -> Result<Vec<BlobId>, EngineError> {
        no()
    }
    async fn condemned(&self, _: UtcTime, _: Option<Condemned>, _: usize) -> Result<Vec<Condemned>, EngineError> {
        no()
    }
    async fn forget_condemned(&self, _: Vec<BlobId>) -> Result<(), EngineError> {
        no()
    }
    async fn store(&self) -> Result<Option<StoreRow>, EngineError> {
        no()
    }
    async fn set_store(&self, _: Option<StoreRow>, _: StoreRow, _: Events) -> Result<Changed, EngineError> {
        no()
    }
    async fn names_blobs(&self) -> Result<bool, EngineError> {
        no()
    }
    async fn newest_event(&self) -> Result<u64, EngineError> {
        no()
    }
    async fn frames(&self, _: Option<FrameKey>, _: usize) -> Result<Vec<FrameRow>, EngineError> {
        no()
    }
    async fn frame_totals(&self) -> Result<FrameTotals, EngineError> {
        no()
    }
    async fn names_frame(&self, _: Location, _: u64) -> Result<bool, EngineError> {
        no()
    }
    async fn unknown_blobs(&self, _: Vec<BlobId>) -> Result<Vec<BlobId>, EngineError> {
        no()
    }
    async fn job(&self, _: JobKind) -> Result<Option<JobRow>, EngineError> {
        no()
    }
    async fn take_job(&self, _: JobKind, _: NodeId, _: Duration) -> Result<Option<JobRow>, EngineError> {
        no()
    }
    async fn save_job(&self, _: JobKind, _: JobSave, _: Events) -> Result<Option<JobRow>, EngineError> {
        no()
    }
    async fn order_job(&self, _: JobKind, _: JobOrder) -> Result<Changed, EngineError> {
        no()
    }
    async fn probe(&self, _: Duration) -> Result<(), EngineError> {
        no()
    }
    async fn dump(&self, _: tokio::sync::mpsc::Sender<Batch>) -> Result<(), CopyError> {
        Ok(no()?)
    }
    async fn other_connections(&self) -> Result<u64, EngineError> {
        no()
    }
    async fn note_changes(&self) -> Result<Changed, EngineError> {
        no()
    }
    async fn end_notes(&self) -> Result<(), EngineError> {
        no()
    }
    async fn changes_waiting(&self) -> Result<Option<u64>, EngineError> {
        no()
    }
    async fn dump_changes(&self, _: tokio::sync::mpsc::Sender<Batch>) -> Result<Option<Noted>, CopyError> {
        Ok(no()?)
    }
    async fn forget_changes(&self, _: Noted) -> Result<(), EngineError> {
        no()
    }
    async fn count_versions(&self) -> Result<u64, EngineError> {
        no()
    }
}
