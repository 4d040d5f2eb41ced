#![expect(clippy::unwrap_used, reason = "a test may stop where something is not as it must be")]

//! Collecting orphans over a real index and a real directory.

#[path = "orphans/pairing.rs"]
mod pairing;

use hozon::blob::{BlobSettings, BlobStore, Stored};
use hozon::domain::{
    Attributes, BlobId, BucketId, BucketMode, BucketName, Clock, ETag, Location, ManualClock, ObjectKey, PrincipalId, RecordState,
    SystemClock, TenantId, UtcTime, VersionId, Versioning, limits,
};
use hozon::engine::{Committed, Engine, Events, Nullness, SqliteEngine, SqliteSettings, Which};
use hozon::index::{Bucket, Index, NewBucket, NewContent, NewVersion};
use hozon::leases::{LeaseSettings, Leases, ManualMonotonic};
use hozon::root::{Protection, Root};
use hozon::seal::{Aead, FreshDataKey, PlaceOfVersion, Plaintext, SealError, Sealer};
use hozon::upkeep::{OrphanReport, Orphans, Pairing};
use std::sync::Arc;
use std::time::Duration;

struct House {
    directory: tempfile::TempDir,
    clock: Arc<ManualClock>,
    engine: Arc<SqliteEngine>,
    index: Index,
    blobs: BlobStore,
    bucket: Bucket,
    orphans: Orphans,
}

impl House {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        // The files' times are real ones, so the clock begins there.
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let settings = SqliteSettings { path: directory.path().join("index.db"), readers: 1 };
        let engine = Arc::new(SqliteEngine::open(&settings, clock.clone()).unwrap());
        let root = Arc::new(Root::create_file(&directory.path().join("root"), &Protection::FileMode).unwrap());
        let leases = Leases::new(engine.clone(), root, LeaseSettings::default(), Arc::new(ManualMonotonic::default()));
        let tenant = leases.create_tenant("hospital", None, clock.now()).await.unwrap().id;
        let index = Index::new(engine.clone(), Arc::new(leases));
        let new = NewBucket {
            name: BucketName::parse("files").unwrap(),
            mode: BucketMode::Plain,
            versioning: Versioning::Off,
            default_class: None,
        };
        let bucket = index.of(tenant).create_bucket(new, clock.now(), Events::default()).await.unwrap().unwrap();
        let blobs = BlobStore::open(&BlobSettings::Local { directory: directory.path().join("blobs") }).unwrap();
        let pairing = Arc::new(Pairing::new(engine.clone(), blobs.clone()));
        pairing.begin().await.unwrap();
        let orphans = Orphans::new(engine.clone(), blobs.clone(), clock.clone(), pairing);
        Self { directory, clock, engine, index, blobs, bucket, orphans }
    }

    /// Bytes that no version names yet.
    async fn store(&self) -> Stored {
        store_in(&self.blobs, self.bucket.tenant, self.bucket.id, self.clock.now()).await
    }

    async fn commit(&self, key: &str, stored: Stored) -> Committed {
        let index = self.index.of(self.bucket.tenant);
        let was = index.find(&self.bucket, &ObjectKey::parse(key).unwrap(), Which::Current).await.unwrap();
        let size = stored.plain_length();
        let content = NewContent::Body { stored: stored.into(), dek: (1, vec![7; 104]), size, parts: Vec::new() };
        let new = NewVersion {
            id: VersionId::random(),
            null: Nullness::Null,
            created: self.clock.now(),
            etag: ETag::random(1),
            state: RecordState::Draft,
            retention: None,
            enterer: PrincipalId::random(),
            parent: None,
            attributes: Attributes { key: key.to_owned(), ..Attributes::default() },
            tags: Vec::new(),
            content,
        };
        index.put(&was, new, None, Events::default()).await.unwrap()
    }

    async fn is_there(&self, location: &Location) -> bool {
        self.blobs.checksum(location).await.is_ok()
    }

    /// A pass after some time.
    async fn after(&self, time: Duration) -> OrphanReport {
        self.clock.advance(time);
        self.orphans.run().await.unwrap()
    }
}

async fn store_in(blobs: &BlobStore, tenant: TenantId, bucket: BucketId, now: UtcTime) -> Stored {
    let place = PlaceOfVersion { tenant, bucket, version: VersionId::random() };
    let (key, _wrapped) = FreshDataKey::generate(place, |_| Ok::<_, SealError>(Vec::new())).unwrap();
    let mut sealer = Sealer::new(key.part(), Aead::AwsLc).unwrap();
    sealer.push(&Plaintext::from_client(vec![7; 100].into())).unwrap();
    let (segments, end) = sealer.finish(None).unwrap();
    let mut writer = blobs.writer(BlobId::random(tenant, now.day()));
    for segment in segments {
        writer.write(segment).await.unwrap();
    }
    writer.finish(end).await.unwrap()
}

/// A body that no row names.
async fn orphan_in(blobs: &BlobStore) -> Location {
    *store_in(blobs, TenantId::random(), BucketId::random(), SystemClock.now()).await.location()
}

const OLD: Duration = Duration::from_secs(25 * 3_600);
const SOON: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_blob_without_a_version_goes_in_a_later_pass_than_the_one_that_condemns_it() {
    let house = House::new().await;
    let location = *house.store().await.location();
    let report = house.after(SOON).await;
    assert_eq!(report, OrphanReport { listed: 1, young: 1, ..OrphanReport::default() });
    let report = house.after(OLD).await;
    assert_eq!(report, OrphanReport { listed: 1, condemned: 1, ..OrphanReport::default() });
    assert_eq!(house.after(SOON).await.deleted, 0, "a get that had begun may still read it");
    assert!(house.is_there(&location).await);
    assert_eq!(house.after(limits::CONDEMNED_AGE_MIN).await, OrphanReport { deleted: 1, ..OrphanReport::default() });
    assert!(!house.is_there(&location).await);
    assert_eq!(house.after(OLD).await, OrphanReport::default(), "and is forgotten");
}

#[tokio::test]
async fn a_blob_that_a_version_names_stays_until_the_version_goes() {
    let house = House::new().await;
    let first = house.store().await;
    let replaced = *first.location();
    assert!(matches!(house.commit("a", first).await, Committed::Done { .. }));
    assert_eq!(house.after(OLD).await.condemned, 0);
    assert_eq!(house.after(OLD).await.deleted, 0);
    let second = house.store().await;
    let current = *second.location();
    assert!(matches!(house.commit("a", second).await, Committed::Done { .. }));
    assert_eq!(house.after(OLD).await.deleted, 1, "the replaced one was condemned by the commit");
    assert!(!house.is_there(&replaced).await);
    assert!(house.is_there(&current).await);
}

#[tokio::test]
async fn a_commit_that_comes_after_the_collector_is_refused() {
    let house = House::new().await;
    let late = house.store().await;
    house.after(OLD).await;
    assert_eq!(house.commit("a", late).await, Committed::Condemned);
}

#[tokio::test]
async fn a_blob_that_cannot_be_deleted_is_tried_again_and_the_others_go() {
    let house = House::new().await;
    let (stuck, loose) = (*house.store().await.location(), *house.store().await.location());
    house.after(OLD).await;
    // A directory in the file's place cannot be deleted as a file.
    let path = house.directory.path().join("blobs").join(stuck.blob.to_string());
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let report = house.after(OLD).await;
    assert_eq!((report.deleted, report.kept), (1, 1));
    assert!(!house.is_there(&loose).await);
    std::fs::remove_dir(&path).unwrap();
    let report = house.after(SOON).await;
    assert_eq!((report.deleted, report.kept), (1, 0));
}

#[tokio::test]
async fn a_forged_row_condemns_no_blob_that_a_version_names() {
    let house = House::new().await;
    let stored = house.store().await;
    let location = *stored.location();
    assert!(matches!(house.commit("a", stored).await, Committed::Done { .. }));
    let index = rusqlite::Connection::open(house.directory.path().join("index.db")).unwrap();
    index.execute("INSERT INTO condemned (blob, at) VALUES (?, 1)", [location.blob.to_bytes()]).unwrap();
    let report = house.after(OLD).await;
    assert_eq!((report.spared, report.deleted), (1, 0));
    assert!(house.is_there(&location).await);
    assert_eq!(house.after(OLD).await.spared, 0, "and is condemned no longer");
}

#[tokio::test]
async fn one_batch_that_cannot_be_deleted_stops_no_other() {
    let house = House::new().await;
    let nobody = BlobId::random(house.bucket.tenant, house.clock.now().day());
    let stuck = (0..limits::ORPHAN_BATCH).map(|_| BlobId::random(nobody.tenant(), nobody.day())).collect::<Vec<_>>();
    for blob in &stuck {
        std::fs::create_dir_all(house.directory.path().join("blobs").join(blob.to_string())).unwrap();
    }
    house.engine.condemn(stuck, house.clock.now()).await.unwrap();
    house.clock.advance(SOON);
    let loose = *house.store().await.location();
    house.engine.condemn(vec![loose.blob], house.clock.now()).await.unwrap();
    let report = house.after(limits::CONDEMNED_AGE_MIN + SOON).await;
    assert_eq!((report.kept, report.deleted), (limits::ORPHAN_BATCH as u64, 1));
    assert!(!house.is_there(&loose).await);
}

#[tokio::test]
async fn more_orphans_than_one_batch_go_in_one_pass() {
    let house = House::new().await;
    let count = limits::ORPHAN_BATCH + 5;
    for _blob in 0..count {
        let _orphan = house.store().await;
    }
    assert_eq!(house.after(OLD).await.condemned, count as u64);
    assert_eq!(house.after(OLD).await.deleted, count as u64);
    assert!(house.engine.condemned(UtcTime::from_micros(i64::MAX), None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_a_crash_left_half_written_goes_when_it_is_old() {
    let house = House::new().await;
    let blob = house.store().await.location().blob;
    let path = house.directory.path().join("blobs").join(blob.to_string());
    let staged = path.with_file_name(format!("{}#1", "ab".repeat(16)));
    std::fs::write(&staged, b"half").unwrap();
    assert_eq!(house.after(SOON).await.unfinished, 0);
    assert_eq!(house.after(OLD).await.unfinished, 1);
    assert!(!staged.exists() && path.exists());
}
