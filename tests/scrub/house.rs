//! An index, a directory of sealed frames, and nodes that read them.

use crate::rows;
use hozon::audit::{Event, Journal};
use hozon::blob::{BlobSettings, BlobStore, ReplicaMode, Stored};
use hozon::domain::{BlobId, Clock, EntryId, Live, Location, ManualClock, NodeId, SystemClock, TenantId};
use hozon::engine::{BucketRow, Changed, Committed, Engine, EntryChange, Events, SqliteEngine, SqliteSettings, VersionChange, VersionRow};
use hozon::leases::{LeaseSettings, Leases, ManualMonotonic};
use hozon::meters::Meters;
use hozon::root::{Protection, Root};
use hozon::seal::{Aead, FreshDataKey, PlaceOfVersion, Plaintext, SealError, Sealer};
use hozon::upkeep::{Pairing, Scrub, ScrubBounds, ScrubParts, ScrubSettings, Turn};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

pub(crate) const DAY: Duration = Duration::from_secs(24 * 3_600);
/// As fast as it goes, once in thirty days.
pub(crate) const FAST: ScrubSettings = ScrubSettings { cycle: Some(DAY.saturating_mul(30)), bytes_per_second: u64::MAX };
/// Small batches, so that there are several.
pub(crate) const SMALL: ScrubBounds = ScrubBounds { lease: Duration::from_secs(60), batch_frames: 4, batch_bytes: 1 << 20 };

pub(crate) struct House {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) blobs: BlobStore,
    pub(crate) bucket: BucketRow,
    root: Arc<Root>,
}

/// One gateway's scrub.
pub(crate) struct Node {
    pub(crate) scrub: Scrub,
    pub(crate) settings: Live<ScrubSettings>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) meters: Arc<Meters>,
}

impl Node {
    pub(crate) async fn turn(&self) -> Turn {
        self.scrub.turn(&CancellationToken::new()).await.unwrap()
    }

    /// The value of a metric, as its page says.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let page = self.meters.render().unwrap();
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap_or_else(|| panic!("{page}"));
        line.parse().unwrap()
    }

    /// How many bytes it has read.
    pub(crate) fn read(&self) -> f64 {
        self.metric("hozon_scrub_read_bytes_total")
    }
}

impl House {
    pub(crate) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let settings = SqliteSettings { path: directory.path().join("index.db"), readers: 2 };
        // The files' times are real ones, so the clock begins there.
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let engine = Arc::new(SqliteEngine::open(&settings, clock.clone()).unwrap());
        Self::over(engine, clock, directory).await
    }

    pub(crate) async fn over(engine: Arc<dyn Engine>, clock: Arc<ManualClock>, directory: tempfile::TempDir) -> Self {
        let root = Arc::new(Root::create_file(&directory.path().join("root"), &Protection::FileMode).unwrap());
        let blobs = BlobStore::open(&BlobSettings::Local { directory: directory.path().join("blobs") }).unwrap();
        Pairing::new(engine.clone(), blobs.clone()).begin().await.unwrap();
        let tenant = leases(&engine, &root).create_tenant("hospital", None, clock.now()).await.unwrap().id;
        let bucket = rows::bucket(tenant, "karte");
        assert_eq!(engine.create_bucket(bucket.clone(), Events::default()).await.unwrap(), Changed::Done);
        Self { directory, clock, engine, blobs, bucket, root }
    }

    /// A replica in a directory of its own, written before, and what is stored from now on is in both.
    pub(crate) async fn add_replica(&mut self) {
        self.add_unknown_replica();
        assert!(Pairing::new(self.engine.clone(), self.blobs.clone()).admit_replica().await.unwrap());
    }

    /// One that nobody has asked yet whose it is.
    pub(crate) fn add_unknown_replica(&mut self) {
        let replica = BlobStore::open(&BlobSettings::Local { directory: self.directory.path().join("replica") }).unwrap();
        let (first, meters) = (self.blobs.clone(), Arc::new(Meters::new()));
        self.blobs = first.with_replica(&replica, ReplicaMode::Before, Duration::from_secs(10), meters);
    }

    pub(crate) fn node(&self, settings: ScrubSettings, bounds: ScrubBounds) -> Node {
        self.node_on(Arc::clone(&self.engine), settings, bounds)
    }

    /// One with an engine of its own.
    pub(crate) fn node_on(&self, engine: Arc<dyn Engine>, settings: ScrubSettings, bounds: ScrubBounds) -> Node {
        let (meters, node, clock) = (Arc::new(Meters::new()), NodeId::random(), self.clock.clone());
        let leases = Arc::new(leases(&engine, &self.root));
        let journal = Arc::new(Journal::new(Arc::clone(&engine), leases, clock.clone(), node, Arc::clone(&meters)));
        let pairing = Arc::new(Pairing::new(Arc::clone(&engine), self.blobs.clone()));
        let (blobs, settings) = (self.blobs.clone(), Live::new(settings));
        let parts = ScrubParts { engine, blobs, journal: Arc::clone(&journal), clock, pairing, meters: Arc::clone(&meters), node };
        Node { scrub: Scrub::new(parts, settings.clone(), bounds), settings, journal, meters }
    }

    /// A frame with `bytes` of plaintext that no row names yet.
    pub(crate) async fn store(&self, tenant: TenantId, bytes: usize) -> Stored {
        let place = PlaceOfVersion { tenant, bucket: self.bucket.id, version: hozon::domain::VersionId::random() };
        let (key, _wrapped) = FreshDataKey::generate(place, |_| Ok::<_, SealError>(Vec::new())).unwrap();
        let mut sealer = Sealer::new(key.part(), Aead::AwsLc).unwrap();
        let mut writer = self.blobs.writer(BlobId::random(tenant, self.clock.now().day()));
        let body = vec![7; bytes];
        for piece in body.chunks(64 << 10) {
            sealer.push(&Plaintext::from_client(piece.to_vec().into())).unwrap();
            while let Some(segment) = sealer.take() {
                writer.write(segment).await.unwrap();
            }
        }
        let (segments, end) = sealer.finish(None).unwrap();
        for segment in segments {
            writer.write(segment).await.unwrap();
        }
        writer.finish(end).await.unwrap()
    }

    /// The row of a version in the bucket whose frame is `stored`.
    pub(crate) fn row(&self, stored: &Stored) -> VersionRow {
        VersionRow { location: Some(*stored.location()), stored_crc: stored.crc(), ..rows::version(&self.bucket, EntryId::random()) }
    }

    /// A version with `bytes` of plaintext.
    pub(crate) async fn put(&self, key: &str, bytes: usize) -> VersionRow {
        let row = self.row(&self.store(self.bucket.tenant, bytes).await);
        self.commit(rows::first_version(key, row.clone())).await;
        row
    }

    /// `count` versions with `bytes` of plaintext each, and the bytes of all their frames.
    pub(crate) async fn put_many(&self, count: usize, bytes: usize) -> (Vec<VersionRow>, u64) {
        let mut rows = Vec::new();
        for number in 0..count {
            rows.push(self.put(&format!("many/{number}"), bytes).await);
        }
        let all = rows.iter().map(|row| row.location.unwrap().length).sum();
        (rows, all)
    }

    pub(crate) async fn commit(&self, change: VersionChange) {
        assert!(matches!(self.engine.commit(change).await.unwrap(), Committed::Done { .. }));
    }

    /// Takes a version away, the only one of its key.
    pub(crate) async fn remove(&self, key: &str, row: &VersionRow) {
        let entry = self.engine.find(self.bucket.id, rows::key_token(key), hozon::engine::Which::Current).await.unwrap().unwrap().entry;
        let change = VersionChange {
            entry: EntryChange::Remove { id: entry.id, bucket: entry.bucket, expected: entry.revision },
            directories: Vec::new(),
            version: None,
            remove: vec![(row.id, row.revision)],
            ..rows::first_version(key, row.clone())
        };
        self.commit(change).await;
    }

    pub(crate) fn file(&self, blob: BlobId) -> PathBuf {
        self.directory.path().join("blobs").join(blob.to_string())
    }

    /// Its file in the replica.
    pub(crate) fn mirror(&self, blob: BlobId) -> PathBuf {
        self.directory.path().join("replica").join(blob.to_string())
    }

    /// Flips a bit in the middle of a frame.
    pub(crate) fn flip(&self, location: &Location) {
        flip(&self.file(location.blob));
    }

    pub(crate) fn delete(&self, location: &Location) {
        std::fs::remove_file(self.file(location.blob)).unwrap();
    }

    /// What the hospital's log holds, the oldest first.
    pub(crate) async fn log(&self, node: &Node) -> Vec<Event> {
        let rows = node.journal.events(self.bucket.tenant, None, 1_000).await.unwrap();
        rows.iter().rev().map(|(_, logged)| logged.event().unwrap().clone()).collect()
    }
}

fn leases(engine: &Arc<dyn Engine>, root: &Arc<Root>) -> Leases {
    Leases::new(Arc::clone(engine), Arc::clone(root), LeaseSettings::default(), Arc::new(ManualMonotonic::default()))
}

/// Flips a bit in the middle of a file.
pub(crate) fn flip(file: &Path) {
    let mut bytes = std::fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(file, bytes).unwrap();
}
