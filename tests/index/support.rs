//! A tenant with one bucket over an engine, and short ways to write into it.

use hozon::blob::{BlobSettings, BlobStore, Stored};
use hozon::domain::{
    Attributes, BlobId, BucketMode, BucketName, ETag, ManualClock, ObjectKey, PatientId, PrincipalId, RecordClass, RecordFacts,
    RecordState, TenantId, UtcTime, VersionId, Versioning,
};
use hozon::engine::{Committed, Engine, Events, Nullness, SqliteEngine, SqliteSettings, Which};
use hozon::index::{Bucket, Index, IndexError, NewBucket, NewContent, NewVersion, RunSettings};
use hozon::leases::{LeaseSettings, Leases, ManualMonotonic};
use hozon::root::{Protection, Root};
use hozon::seal::{Aead, FreshDataKey, PlaceOfVersion, Plaintext, SealError, Sealer};
use std::path::Path;
use std::sync::Arc;

pub(super) const NOW: UtcTime = UtcTime::from_micros(1_700_000_000_000_000);

pub(super) struct House {
    pub(super) index: Arc<Index>,
    pub(super) leases: Leases,
    blobs: BlobStore,
    root: Arc<Root>,
    runs: RunSettings,
    _root: tempfile::TempDir,
}

impl House {
    pub(super) async fn over(engine: Arc<dyn Engine>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = Arc::new(Root::create_file(&directory.path().join("root"), &Protection::FileMode).unwrap());
        let leases = leases(&engine, &root);
        Self {
            index: Arc::new(Index::new(engine, Arc::new(leases.clone()))),
            leases,
            blobs: BlobStore::open(&BlobSettings::Memory).unwrap(),
            root,
            runs: RunSettings::default(),
            _root: directory,
        }
    }

    /// The same house whose directories get runs as `runs` says.
    pub(super) fn with_runs(self, runs: RunSettings) -> Self {
        let house = Self { runs, ..self };
        Self { index: Arc::new(house.cold()), ..house }
    }

    /// The house after all of it has stopped and `open` has opened the database again.
    pub(super) fn restarted(self, open: impl FnOnce() -> Arc<dyn Engine>) -> Self {
        let Self { index, leases: held, root, .. } = self;
        drop((index, held));
        let engine = open();
        let leases = leases(&engine, &root);
        let index = Arc::new(Index::with_runs(engine, Arc::new(leases.clone()), self.runs));
        Self { index, leases, root, blobs: self.blobs, runs: self.runs, _root: self._root }
    }

    /// The same house with nothing kept in memory.
    pub(super) fn cold(&self) -> Index {
        Index::with_runs(Arc::clone(self.index.engine()), Arc::new(self.leases.clone()), self.runs)
    }

    pub(super) async fn tenant(&self, name: &str) -> TenantId {
        self.leases.create_tenant(name, None, NOW).await.unwrap().id
    }

    pub(super) async fn bucket(&self, tenant: TenantId, name: &str, versioning: Versioning) -> Bucket {
        let new = NewBucket { name: BucketName::parse(name).unwrap(), mode: BucketMode::Plain, versioning, default_class: None };
        self.index.of(tenant).create_bucket(new, NOW, Events::default()).await.unwrap().unwrap()
    }

    /// Proof of `size` bytes that are durable, sealed for `version`.
    pub(super) async fn stored(&self, bucket: &Bucket, version: VersionId, size: u64) -> Stored {
        let place = PlaceOfVersion { tenant: bucket.tenant, bucket: bucket.id, version };
        let (key, _wrapped) = FreshDataKey::generate(place, |_| Ok::<_, SealError>(Vec::new())).unwrap();
        let mut sealer = Sealer::new(key.part(), Aead::AesGcm).unwrap();
        sealer.push(&Plaintext::from_client(vec![7; usize::try_from(size).unwrap()].into())).unwrap();
        let mut writer = self.blobs.writer(BlobId::random(bucket.tenant, NOW.day()));
        while let Some(segment) = sealer.take() {
            writer.write(segment).await.unwrap();
        }
        let (rest, end) = sealer.finish(None).unwrap();
        for segment in rest {
            writer.write(segment).await.unwrap();
        }
        writer.finish(end).await.unwrap()
    }

    pub(super) async fn content(&self, bucket: &Bucket, key: &str, null: Nullness, size: u64) -> NewVersion {
        let new = marker(key, null);
        let stored = self.stored(bucket, new.id, size).await;
        let content = NewContent::Body { stored: stored.into(), dek: (1, vec![7; 104]), size, parts: Vec::new() };
        NewVersion { etag: ETag::random(1), content, ..new }
    }

    pub(super) async fn put(&self, bucket: &Bucket, key: &str, new: NewVersion) -> Result<Committed, IndexError> {
        let index = self.index.of(bucket.tenant);
        let was = index.find(bucket, &self::key(key), Which::Current).await?;
        index.put(&was, new, None, Events::default()).await
    }

    pub(super) async fn remove(&self, bucket: &Bucket, key: &str, which: Which) -> Result<Committed, IndexError> {
        let index = self.index.of(bucket.tenant);
        let was = index.find(bucket, &self::key(key), which).await?;
        let deletable = was.version.as_ref().unwrap().deletable(NOW).unwrap();
        index.remove(&was, deletable, Events::default()).await
    }
}

fn leases(engine: &Arc<dyn Engine>, root: &Arc<Root>) -> Leases {
    Leases::new(Arc::clone(engine), Arc::clone(root), LeaseSettings::default(), Arc::new(ManualMonotonic::default()))
}

pub(super) fn sqlite(directory: &Path) -> Arc<SqliteEngine> {
    let settings = SqliteSettings { path: directory.join("index.db"), readers: 2 };
    Arc::new(SqliteEngine::open(&settings, Arc::new(ManualClock::new(NOW))).unwrap())
}

pub(super) fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).unwrap()
}

pub(super) fn nullness(versioning: Versioning) -> Nullness {
    if versioning == Versioning::On { Nullness::Numbered } else { Nullness::Null }
}

pub(super) fn marker(key: &str, null: Nullness) -> NewVersion {
    NewVersion {
        id: VersionId::random(),
        null,
        created: NOW,
        etag: ETag::new([0; 16], 0),
        state: RecordState::Draft,
        retention: None,
        enterer: PrincipalId::from_bytes([9; 16]),
        parent: None,
        attributes: Attributes { key: key.to_owned(), facts: facts(), ..Attributes::default() },
        tags: vec![("project".to_owned(), "canary-tag-value".to_owned())],
        content: NewContent::Marker,
    }
}

fn facts() -> RecordFacts {
    RecordFacts {
        patient: Some(PatientId::parse("canary-patient-0042").unwrap()),
        class: Some(RecordClass::parse("chart.medical").unwrap()),
        author: Some("canary-author".to_owned()),
        ..RecordFacts::default()
    }
}
