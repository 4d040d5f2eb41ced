#![expect(clippy::unwrap_used, reason = "a test may stop where something is not as it must be")]
//! Aborting forgotten uploads, and none that has just got a part.

use hozon::audit::Journal;
use hozon::domain::{
    AttemptId, BlobId, BucketMode, BucketName, Clock, ETag, Location, NodeId, PrincipalId, RecordState, SystemClock, TenantId, UploadId,
    UtcTime, VersionId, Versioning, limits,
};
use hozon::engine::{Changed, Committed, Engine, Events, RowMac, SqliteEngine, SqliteSettings, Token, UploadPartRow, UploadRow};
use hozon::index::{Bucket, Index, NewBucket};
use hozon::leases::{LeaseSettings, Leases, SystemMonotonic};
use hozon::meters::Meters;
use hozon::root::{Protection, Root};
use hozon::upkeep::IdleUploads;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

struct House {
    _directory: tempfile::TempDir,
    engine: Arc<dyn Engine>,
    journal: Arc<Journal>,
    bucket: Bucket,
}

impl House {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let settings = SqliteSettings { path: directory.path().join("index.db"), readers: 1 };
        let engine: Arc<dyn Engine> = Arc::new(SqliteEngine::open(&settings, Arc::clone(&clock)).unwrap());
        let root = Arc::new(Root::create_file(&directory.path().join("root"), &Protection::FileMode).unwrap());
        let leases = Arc::new(Leases::new(Arc::clone(&engine), root, LeaseSettings::default(), Arc::new(SystemMonotonic::start())));
        let tenant = leases.create_tenant("hospital", None, clock.now()).await.unwrap().id;
        let name = BucketName::parse("files").unwrap();
        let new = NewBucket { name, mode: BucketMode::Plain, versioning: Versioning::Off, default_class: None };
        let index = Index::new(Arc::clone(&engine), Arc::clone(&leases));
        let bucket = index.of(tenant).create_bucket(new, clock.now(), Events::default()).await.unwrap().unwrap();
        let journal = Arc::new(Journal::new(Arc::clone(&engine), leases, clock, NodeId::random(), Arc::new(Meters::new())));
        Self { _directory: directory, engine, journal, bucket }
    }

    /// An upload that was opened and not touched since.
    async fn upload(&self, touched: UtcTime) -> UploadId {
        self.upload_of(self.bucket.tenant, touched).await
    }

    async fn upload_of(&self, tenant: TenantId, touched: UtcTime) -> UploadId {
        let row = UploadRow {
            id: UploadId::random(),
            bucket: self.bucket.id,
            tenant,
            key: Token([7; 32]),
            version: VersionId::random(),
            initiator: PrincipalId::random(),
            created: touched,
            touched,
            state: RecordState::Draft,
            checksum: None,
            kek_version: 1,
            sealed_attributes: vec![1; 50],
            sealed_tags: None,
            dek_kek_version: 1,
            wrapped_dek: vec![4; 136],
            revision: 1,
            mac: RowMac([1; 32]),
        };
        assert_eq!(self.engine.create_upload(row.clone(), 1_000, Events::default()).await.unwrap(), Changed::Done);
        row.id
    }

    async fn is_there(&self, id: UploadId) -> bool {
        self.engine.upload(self.bucket.id, id).await.unwrap().is_some()
    }

    fn part(&self, upload: UploadId, now: UtcTime) -> UploadPartRow {
        UploadPartRow {
            upload,
            number: 1,
            attempt: AttemptId::random(),
            location: Location { blob: BlobId::random(self.bucket.tenant, now.day()), offset: 0, length: 100 },
            length: 10,
            stream_length: 82,
            stored_crc: 0,
            etag: ETag::random(1),
            sealed_checksums: vec![6; 90],
            modified: now,
            kek_version: 1,
            mac: RowMac([2; 32]),
        }
    }
}

/// A clock that does something when it is asked for the second time: after the job has looked, before it acts.
struct Meanwhile {
    asked: AtomicU32,
    then: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl std::fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meanwhile")
    }
}

impl Clock for Meanwhile {
    fn now(&self) -> UtcTime {
        if self.asked.fetch_add(1, Ordering::AcqRel) == 1
            && let Some(then) = self.then.lock().unwrap().take()
        {
            then();
        }
        SystemClock.now()
    }
}

fn long_ago() -> UtcTime {
    SystemClock.now().minus(limits::UPLOAD_IDLE_MAX + Duration::from_secs(60))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_upload_is_aborted_with_its_event_and_one_in_use_stays() {
    let house = House::new().await;
    let (forgotten, in_use) = (house.upload(long_ago()).await, house.upload(SystemClock.now()).await);
    let job = IdleUploads::new(Arc::clone(&house.engine), Arc::clone(&house.journal), Arc::new(SystemClock));
    assert_eq!((job.run().await.unwrap(), job.run().await.unwrap()), (1, 0));
    assert_eq!((house.is_there(forgotten).await, house.is_there(in_use).await), (false, true));
    let events = house.journal.events(house.bucket.tenant, None, 10).await.unwrap();
    assert_eq!(events.iter().map(|(_, logged)| logged.event().unwrap().operation.as_str()).collect::<Vec<_>>(), ["AbortIdleUpload"]);
}

#[tokio::test]
async fn a_tenant_without_keys_stops_the_uploads_of_no_other() {
    let house = House::new().await;
    // More than one batch, and all older than the other tenant's.
    for _upload in 0..101 {
        house.upload_of(TenantId::random(), long_ago().minus(Duration::from_secs(60))).await;
    }
    let forgotten = house.upload(long_ago()).await;
    let job = IdleUploads::new(Arc::clone(&house.engine), Arc::clone(&house.journal), Arc::new(SystemClock));
    assert_eq!(job.run().await.unwrap(), 1);
    assert!(!house.is_there(forgotten).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_gets_a_part_while_it_is_looked_at_stays() {
    let house = House::new().await;
    let upload = house.upload(long_ago()).await;
    let (engine, part) = (Arc::clone(&house.engine), house.part(upload, SystemClock.now()));
    let runtime = tokio::runtime::Handle::current();
    let put = move || {
        let put = async move { engine.put_upload_part(part, SystemClock.now(), Events::default()).await.unwrap() };
        let put = std::thread::spawn(move || runtime.block_on(put)).join().unwrap();
        assert_eq!(put, Committed::Done { seq: 0 });
    };
    let clock = Arc::new(Meanwhile { asked: AtomicU32::new(0), then: Mutex::new(Some(Box::new(put))) });
    let job = IdleUploads::new(Arc::clone(&house.engine), Arc::clone(&house.journal), clock.clone());
    assert_eq!(job.run().await.unwrap(), 0);
    assert!(clock.then.lock().unwrap().is_none(), "the part came in between");
    assert!(house.is_there(upload).await);
    assert_eq!(house.engine.upload_parts(upload, 0, 10).await.unwrap().len(), 1);
    assert!(house.journal.events(house.bucket.tenant, None, 10).await.unwrap().is_empty());
}
