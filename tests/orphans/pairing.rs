//! Which index may collect in which store: a lost, wrong or older one would make every body go.

use crate::House;
use hozon::blob::{BlobSettings, BlobStore, StoreMarker};
use hozon::domain::{Clock, EventId, EventKeyId, Location, ManualClock, StoreId, SystemClock, TenantId, limits};
use hozon::engine::{Committed, Engine, Events, JournalRow, SqliteEngine, SqliteSettings, StoreRow};
use hozon::upkeep::{Agreement, Orphans, OrphansError, Pairing, PairingError, fits_new_index};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A gateway's index and store, opened anew.
struct Opened {
    engine: Arc<SqliteEngine>,
    blobs: BlobStore,
    pairing: Arc<Pairing>,
}

fn open(index: &Path, store: &Path) -> Opened {
    let settings = SqliteSettings { path: index.to_owned(), readers: 1 };
    let engine = Arc::new(SqliteEngine::open(&settings, Arc::new(SystemClock)).unwrap());
    let blobs = BlobStore::open(&BlobSettings::Local { directory: store.to_owned() }).unwrap();
    let pairing = Arc::new(Pairing::new(engine.clone(), blobs.clone()));
    Opened { engine, blobs, pairing }
}

impl Opened {
    /// Passes far in the future, where everything is old.
    async fn passes(&self) -> Vec<Result<u64, OrphansError>> {
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let orphans = Orphans::new(self.engine.clone(), self.blobs.clone(), clock.clone(), Arc::clone(&self.pairing));
        let mut deleted = Vec::new();
        for _pass in 0..3 {
            clock.advance(limits::ORPHAN_AGE_MIN + Duration::from_secs(60));
            deleted.push(orphans.run().await.map(|report| report.deleted));
        }
        deleted
    }

    async fn is_there(&self, location: &Location) -> bool {
        self.blobs.checksum(location).await.is_ok()
    }

    /// Something that is acknowledged.
    async fn write(&self) {
        let (tenant, at) = (TenantId::random(), SystemClock.now());
        let (event, event_key) = (EventId::random(), EventKeyId::random());
        let row = JournalRow { tenant, event, leaf_hash: [0; 32], event_key, sealed: vec![1], at, position: None };
        self.engine.append(Events { rows: vec![row], keys: Vec::new() }).await.unwrap();
    }
}

/// A directory with an index, `index.db`, and the store `blobs`, in which one version names one body.
async fn in_use() -> (tempfile::TempDir, Location) {
    let house = House::new().await;
    let stored = house.store().await;
    let location = *stored.location();
    assert!(matches!(house.commit("a", stored).await, Committed::Done { .. }));
    let House { directory, .. } = house;
    (directory, location)
}

#[tokio::test]
async fn a_new_index_over_a_store_in_use_is_refused_and_deletes_nothing() {
    let (directory, body) = in_use().await;
    let store = directory.path().join("blobs");
    let lost = open(&directory.path().join("new.db"), &store);
    let id = lost.blobs.marker().await.unwrap().unwrap().store;
    assert!(matches!(lost.pairing.begin().await, Err(PairingError::NewIndex { store }) if store == id));
    assert!(matches!(fits_new_index(&lost.blobs).await, Err(PairingError::NewIndex { .. })));
    for pass in lost.passes().await {
        assert!(matches!(pass, Err(OrphansError::Pairing(PairingError::NewIndex { .. }))), "{pass:?}");
    }
    assert!(lost.is_there(&body).await);
    // Also where the marker has gone with the index.
    fs::remove_file(store.join("hozon-store")).unwrap();
    assert!(matches!(lost.pairing.begin().await, Err(PairingError::EmptyIndex)));
    assert!(matches!(fits_new_index(&lost.blobs).await, Err(PairingError::EmptyIndex)));
    assert!(lost.passes().await.iter().all(Result::is_err));
    assert!(lost.is_there(&body).await);
}

#[tokio::test]
async fn an_index_and_a_store_that_are_not_each_others_are_refused() {
    let ((one, body), (other, _)) = (in_use().await, in_use().await);
    let wrong = open(&other.path().join("index.db"), &one.path().join("blobs"));
    assert!(matches!(wrong.pairing.begin().await, Err(PairingError::Others { index, store }) if index != store));
    assert!(wrong.passes().await.iter().all(Result::is_err));
    assert!(wrong.is_there(&body).await);
    drop(wrong);
    // A store that is not mounted, and one whose marker has gone.
    let empty = open(&other.path().join("index.db"), &other.path().join("elsewhere"));
    assert!(matches!(empty.pairing.begin().await, Err(PairingError::EmptyStore)));
    drop(empty);
    fs::remove_file(one.path().join("blobs/hozon-store")).unwrap();
    let bare = open(&one.path().join("index.db"), &one.path().join("blobs"));
    assert!(matches!(bare.pairing.begin().await, Err(PairingError::NoMarker { .. })));
    fs::write(one.path().join("blobs/hozon-store"), "something else").unwrap();
    assert!(matches!(bare.pairing.begin().await, Err(PairingError::Marker(_))));
}

#[tokio::test]
async fn an_older_copy_of_the_index_collects_nothing_until_it_is_accepted() {
    let (directory, _) = in_use().await;
    let (index, store) = (directory.path().join("index.db"), directory.path().join("blobs"));
    let first = open(&index, &store);
    assert!(matches!(first.pairing.begin().await.unwrap(), Agreement::Current(_)));
    let copy = directory.path().join("copy.db");
    rusqlite::Connection::open(&index).unwrap().execute("VACUUM INTO ?", [copy.to_str().unwrap()]).unwrap();
    // What is written after the copy is found within a minute, without any pass of the collector.
    first.write().await;
    assert!(matches!(first.pairing.keep().await.unwrap(), Agreement::Current(_)));
    let marker = first.blobs.marker().await.unwrap().unwrap();
    drop(first);

    let older = open(&copy, &store);
    let body = crate::orphan_in(&older.blobs).await;
    let begun = older.pairing.begin().await.unwrap();
    assert!(matches!(begun, Agreement::Behind { index, seen } if index.generation < seen && seen == marker.generation));
    older.write().await;
    assert_eq!(older.pairing.keep().await.unwrap(), begun, "nor does it become current by itself");
    for pass in older.passes().await {
        assert!(matches!(pass, Err(OrphansError::Behind { .. })), "{pass:?}");
    }
    assert!(older.is_there(&body).await);
    assert_eq!(older.blobs.marker().await.unwrap(), Some(marker));
    assert!(matches!(older.pairing.accept(marker.generation - 1, Events::default()).await, Err(PairingError::NotAsSaid)));
    assert!(matches!(older.pairing.accept(marker.generation, Events::default()).await.unwrap(), Agreement::Current(_)));
    assert!(matches!(older.pairing.accept(marker.generation, Events::default()).await, Err(PairingError::NotAsSaid)));
    assert!(older.passes().await.into_iter().all(|pass| pass.is_ok()));
    assert!(!older.is_there(&body).await);
}

#[tokio::test]
async fn an_adopted_store_is_not_collected_before_its_index_was_accepted() {
    let (directory, body) = in_use().await;
    let new = open(&directory.path().join("new.db"), &directory.path().join("blobs"));
    let id = new.blobs.marker().await.unwrap().unwrap().store;
    for wrong in [None, Some(StoreId::random())] {
        assert!(matches!(new.pairing.adopt(wrong, Events::default()).await, Err(PairingError::NotAsSaid)));
    }
    let Agreement::Behind { seen, .. } = new.pairing.adopt(Some(id), Events::default()).await.unwrap() else { unreachable!() };
    assert!(matches!(new.pairing.begin().await.unwrap(), Agreement::Behind { .. }));
    assert!(matches!(new.pairing.adopt(Some(id), Events::default()).await, Err(PairingError::NotAsSaid)));
    assert!(new.passes().await.iter().all(Result::is_err));
    assert!(new.is_there(&body).await);
    new.pairing.accept(seen, Events::default()).await.unwrap();
    assert!(matches!(new.pairing.begin().await.unwrap(), Agreement::Current(_)));
    drop(new);
    // A store without a marker takes the id that the index has.
    let (directory, _) = in_use().await;
    fs::remove_file(directory.path().join("blobs/hozon-store")).unwrap();
    let bare = open(&directory.path().join("index.db"), &directory.path().join("blobs"));
    let was = bare.engine.store().await.unwrap().unwrap().id;
    assert!(matches!(bare.pairing.adopt(None, Events::default()).await.unwrap(), Agreement::Behind { index, .. } if index.id == was));
    assert!(matches!(bare.pairing.begin().await.unwrap(), Agreement::Behind { .. }));
}

#[tokio::test]
async fn index_and_store_from_before_markers_begin_held() {
    let (directory, _) = in_use().await;
    fs::remove_file(directory.path().join("blobs/hozon-store")).unwrap();
    let old = open(&directory.path().join("index.db"), &directory.path().join("blobs"));
    rusqlite::Connection::open(directory.path().join("index.db")).unwrap().execute("DELETE FROM store", []).unwrap();
    assert!(matches!(old.pairing.look().await, Err(PairingError::Unpaired)));
    assert!(matches!(old.pairing.begin().await.unwrap(), Agreement::Behind { .. }));
}

#[tokio::test]
async fn gateways_that_share_index_and_store_begin_together_and_advance_in_turns() {
    let directory = tempfile::tempdir().unwrap();
    let one = open(&directory.path().join("index.db"), &directory.path().join("blobs"));
    let other = Pairing::new(one.engine.clone(), one.blobs.clone());
    let (begun, also) = tokio::join!(one.pairing.begin(), other.begin());
    assert!(matches!((begun.unwrap(), also.unwrap()), (Agreement::Current(a), Agreement::Current(b)) if a.id == b.id));
    for _turn in 0..3 {
        assert!(matches!(other.advance().await.unwrap(), Agreement::Current(_)));
        assert!(matches!(one.pairing.advance().await.unwrap(), Agreement::Current(_)));
    }
    let quiet = one.blobs.marker().await.unwrap();
    one.pairing.keep().await.unwrap();
    assert_eq!(one.blobs.marker().await.unwrap(), quiet, "nothing was written, so nothing is to be marked");
}

#[tokio::test]
async fn a_first_start_that_broke_off_is_taken_up() {
    let directory = tempfile::tempdir().unwrap();
    let new = open(&directory.path().join("index.db"), &directory.path().join("blobs"));
    let row = StoreRow { id: StoreId::random(), generation: 1 };
    new.engine.set_store(None, row, Events::default()).await.unwrap();
    assert!(matches!(new.pairing.begin().await.unwrap(), Agreement::Current(begun) if begun.id == row.id));
    let marker = new.blobs.marker().await.unwrap().unwrap();
    assert_eq!(marker, StoreMarker { store: row.id, generation: 2 });
}
