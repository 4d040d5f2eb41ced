//! An index, the directory of its backup, and nodes that keep it.

use crate::rows;
use hozon::backup::{BackupError, BackupKeys, Choice, Filled, Keeper, KeeperParts, KeeperSettings, Shelf, Target, fill};
use hozon::blob::{Archive, BlobSettings};
use hozon::domain::{Clock, EntryId, Live, NodeId, StoreId, SystemClock, UtcTime};
use hozon::engine::{BucketRow, Changed, Committed, Engine, Events, IndexSettings, Origin, SqliteEngine, SqliteSettings, StoreRow, Tally};
use hozon::meters::Meters;
use hozon::root::{Protection, Root};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const DAY: Duration = Duration::from_secs(24 * 3_600);
/// Ships as often as it can.
pub(crate) const FAST: KeeperSettings = KeeperSettings { snapshot_every: DAY, ship_every: Some(Duration::from_millis(5)) };

pub(crate) struct House {
    pub(crate) place: tempfile::TempDir,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) bucket: BucketRow,
    pub(crate) root: Arc<Root>,
}

/// A node that keeps the backup until it is told to stop.
pub(crate) struct Node {
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) meters: Arc<Meters>,
    stop: CancellationToken,
    keeping: JoinHandle<()>,
}

impl Node {
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.keeping.await.unwrap();
    }

    /// As a crash does: nothing is given back.
    pub(crate) fn kill(self) {
        self.keeping.abort();
    }

    /// Waits until everything is in the backup that was there when this was called, and there is a snapshot.
    pub(crate) async fn caught_up(&self) {
        let now = SystemClock.now();
        for _turn in 0..2_000 {
            let status = self.keeper.status().await.unwrap();
            // What is shipped says so in the row; what is idle says so only now and then.
            let until = self.until();
            if status.snapshot.is_some() && until.is_some_and(|until| until > now.micros() / 1_000_000) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{:?}", self.keeper.status().await);
    }

    fn until(&self) -> Option<i64> {
        let page = self.meters.render().unwrap();
        let line = page.lines().find_map(|line| line.strip_prefix("hozon_backup_until_seconds "))?;
        line.parse::<f64>().ok().map(|seconds| seconds as i64)
    }
}

impl House {
    pub(crate) async fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let root = Arc::new(Root::create_file(&place.path().join("root"), &Protection::FileMode).unwrap());
        let engine = open(&place.path().join("index.db"));
        let tenant = rows::tenant("hospital");
        engine.create_tenant(tenant.clone(), Vec::new(), Vec::new(), Events::default()).await.unwrap();
        let bucket = rows::bucket(tenant.id, "karte");
        assert_eq!(engine.create_bucket(bucket.clone(), Events::default()).await.unwrap(), Changed::Done);
        engine.set_store(None, StoreRow { id: StoreId::random(), generation: 3 }, Events::default()).await.unwrap();
        Self { place, engine, bucket, root }
    }

    pub(crate) fn backup(&self) -> PathBuf {
        self.place.path().join("backup")
    }

    pub(crate) fn archive(&self) -> Archive {
        Archive::open(&BlobSettings::Local { directory: self.backup() }).unwrap()
    }

    pub(crate) fn shelf(&self) -> Shelf {
        Shelf::new(self.archive(), BackupKeys::new(Arc::clone(&self.root)))
    }

    pub(crate) fn node(&self, settings: KeeperSettings) -> Node {
        self.node_of(Arc::clone(&self.engine), Live::new(settings))
    }

    pub(crate) fn node_of(&self, engine: Arc<dyn Engine>, settings: Live<KeeperSettings>) -> Node {
        let (meters, stop) = (Arc::new(Meters::new()), CancellationToken::new());
        let parts = KeeperParts {
            engine,
            archive: self.archive(),
            keys: BackupKeys::new(Arc::clone(&self.root)),
            clock: Arc::new(SystemClock),
            meters: Arc::clone(&meters),
            node: NodeId::random(),
        };
        let keeper = Arc::new(Keeper::new(parts, settings, Duration::from_millis(600)));
        let keeping = tokio::spawn({
            let (keeper, stop) = (Arc::clone(&keeper), stop.clone());
            async move { keeper.keep(stop).await }
        });
        Node { keeper, meters, stop, keeping }
    }

    /// A version of a new key, with one event.
    pub(crate) async fn put(&self, key: &str) {
        put(&self.engine, &self.bucket, key).await;
    }

    /// Fills a new index from the backup, as of `at`.
    pub(crate) async fn restored(&self, name: &str, at: Option<UtcTime>) -> Result<(Arc<dyn Engine>, Filled), BackupError> {
        self.chosen(name, &Choice { until: at, ..Choice::default() }).await
    }

    /// Fills a new index from the backup with the state that is chosen.
    pub(crate) async fn chosen(&self, name: &str, choice: &Choice) -> Result<(Arc<dyn Engine>, Filled), BackupError> {
        let shelf = self.shelf();
        let path = self.place.path().join(name);
        let settings = IndexSettings::Sqlite(SqliteSettings { path: path.clone(), readers: 2 });
        let filled = fill(&shelf, choice, Target { settings: &settings, clock: &SystemClock, origin: Origin::Looked }).await?;
        Ok((open(&path), filled))
    }
}

pub(crate) async fn put(engine: &Arc<dyn Engine>, bucket: &BucketRow, key: &str) {
    let change = hozon::engine::VersionChange {
        events: rows::events_of(bucket.tenant, 1),
        ..rows::first_version(key, rows::version(bucket, EntryId::random()))
    };
    assert!(matches!(engine.commit(change).await.unwrap(), Committed::Done { .. }));
}

pub(crate) fn open(path: &Path) -> Arc<dyn Engine> {
    Arc::new(SqliteEngine::open(&SqliteSettings { path: path.to_owned(), readers: 2 }, Arc::new(SystemClock)).unwrap())
}

/// What all rows add up to.
pub(crate) async fn tally(engine: &Arc<dyn Engine>) -> Tally {
    let (out, mut batches) = mpsc::channel(4);
    let dumping = tokio::spawn({
        let engine = Arc::clone(engine);
        async move { engine.dump(out).await }
    });
    let mut tally = Tally::default();
    while let Some(batch) = batches.recv().await {
        tally.add(&batch).unwrap();
    }
    dumping.await.unwrap().unwrap();
    tally
}

/// Whether there is a file below `directory` whose name has `part` in it; all of them.
pub(crate) fn files(directory: &Path, part: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten().map(Result::unwrap) {
        if entry.path().is_dir() {
            found.extend(files(&entry.path(), part));
        } else if entry.path().to_string_lossy().contains(part) {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

pub(crate) fn engine_settings(path: PathBuf) -> IndexSettings {
    IndexSettings::Sqlite(SqliteSettings { path, readers: 1 })
}

/// The index as it is now, in a file of its own.
pub(crate) fn copy_of(house: &House, name: &str) -> Arc<dyn Engine> {
    let path = house.place.path().join(name);
    let file = rusqlite::Connection::open(house.place.path().join("index.db")).unwrap();
    file.execute("VACUUM INTO ?", [path.to_str().unwrap()]).unwrap();
    open(&path)
}
