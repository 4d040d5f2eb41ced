//! A second store that holds the same blobs: written before or behind, read when the first fails.

use super::failing_store::{FailingStore, Fault, Faults, SLOW};
use super::frames::{NOW, Version, blob, body};
use futures::TryStreamExt;
use hozon::blob::{BlobError, BlobSettings, BlobStore, ReplicaMode, Scope, Stored};
use hozon::domain::Location;
use hozon::meters::Meters;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const SMALL: usize = 5_000;
const LARGE: usize = 20_000_000;
const FAILOVER: Duration = Duration::from_millis(300);

/// Two stores that fail as they are told.
struct Pair {
    blobs: BlobStore,
    first: Arc<Faults>,
    replica: Arc<Faults>,
    meters: Arc<Meters>,
}

impl Pair {
    /// One whose replica may be written.
    fn new(mode: ReplicaMode) -> Self {
        let pair = Self::unknown(mode);
        pair.blobs.admit_replica();
        pair
    }

    /// One whose replica is not known to be ours.
    fn unknown(mode: ReplicaMode) -> Self {
        let ((one, first), (other, replica)) = (failing(), failing());
        let meters = Arc::new(Meters::new());
        let blobs = BlobStore::over(one, "a").with_replica(&BlobStore::over(other, "b"), mode, FAILOVER, Arc::clone(&meters));
        Self { blobs, first, replica, meters }
    }

    /// What a meter shows.
    fn meter(&self, name: &str) -> u64 {
        let page = self.meters.render().unwrap();
        let line = page.lines().find_map(|line| line.strip_prefix(&format!("hozon_{name} "))).unwrap();
        line.parse().unwrap()
    }

    fn failovers(&self) -> u64 {
        self.meter("replica_failovers_total")
    }

    fn errors(&self) -> u64 {
        self.meter("replica_errors_total")
    }

    fn there(&self) -> BlobStore {
        self.blobs.from_replica().unwrap()
    }

    /// What the first store and the replica have of a blob.
    async fn sides(&self, location: &Location) -> [Result<u64, BlobError>; 2] {
        [self.blobs.from_first().checksum(location).await, self.there().checksum(location).await]
    }

    /// Waits until nothing waits for the replica.
    async fn settled(&self) {
        let began = Instant::now();
        while self.blobs.waiting_for_replica() > 0 {
            assert!(began.elapsed() < Duration::from_secs(60), "still waiting");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

fn failing() -> (Arc<dyn ObjectStore>, Arc<Faults>) {
    let (store, faults) = FailingStore::over(Arc::new(InMemory::new()));
    (store, faults)
}

async fn count(store: &BlobStore) -> usize {
    store.list(Scope::All).try_collect::<Vec<_>>().await.unwrap().len()
}

/// Reads a whole frame in every way there is.
async fn is_whole(version: &Version, blobs: &BlobStore, stored: &Stored, size: usize) {
    assert!(version.open(blobs, stored, 16).await == body(size));
    let many = blobs.reader(stored.location()).read_many(vec![0..80, 100..200]).await.unwrap();
    assert_eq!(many.iter().map(hozon::blob::SealedBytes::len).collect::<Vec<_>>(), [80, 100]);
}

#[tokio::test]
async fn a_write_before_is_acknowledged_once_both_have_it() {
    let pair = Pair::new(ReplicaMode::Before);
    for size in [0, SMALL, 3_000_000, LARGE] {
        let stored = Version::new().store(&pair.blobs, size).await;
        for side in pair.sides(stored.location()).await {
            assert_eq!(side.unwrap(), stored.crc(), "{size}");
        }
    }
    assert_eq!((pair.errors(), pair.blobs.waiting_for_replica()), (0, 0));
}

#[tokio::test]
async fn files_and_objects_are_replicas_of_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let local = |name: &str| BlobStore::open(&BlobSettings::Local { directory: directory.path().join(name) }).unwrap();
    let remote = || BlobStore::over(Arc::new(InMemory::new()), "");
    for (first, replica) in [(local("a"), remote()), (remote(), local("b")), (local("c"), local("d"))] {
        let blobs = first.with_replica(&replica, ReplicaMode::Before, FAILOVER, Arc::new(Meters::new()));
        blobs.admit_replica();
        for size in [SMALL, LARGE] {
            let version = Version::new();
            let stored = version.store(&blobs, size).await;
            assert_eq!(replica.checksum(stored.location()).await.unwrap(), stored.crc());
            blobs.from_first().delete(stored.location().blob).await.unwrap();
            is_whole(&version, &blobs, &stored, size).await;
            blobs.delete(stored.location().blob).await.unwrap();
            assert_eq!(count(&replica).await, 0);
        }
    }
}

#[tokio::test]
async fn a_write_before_is_refused_while_either_is_away() {
    for size in [SMALL, LARGE] {
        let pair = Pair::new(ReplicaMode::Before);
        for fault in [Fault::Away, Fault::Kept, Fault::Full] {
            pair.replica.set(fault);
            let written = Version::new().write(pair.blobs.writer(blob()), size).await;
            assert!(matches!(written, Err(BlobError::Replica(_))), "{size} {fault:?}: {written:?}");
        }
        assert_eq!(pair.errors(), 3, "{size}");
        pair.first.set(Fault::Away);
        let written = Version::new().write(pair.blobs.writer(blob()), size).await;
        assert!(matches!(written, Err(BlobError::Store { .. })), "the store's own failure counts: {written:?}");
        pair.first.set(Fault::None);
        pair.replica.set(Fault::None);
        let _stored = Version::new().store(&pair.blobs, size).await;
    }
}

#[tokio::test]
async fn a_part_that_fails_at_the_replica_ends_the_upload_at_both() {
    let pair = Pair::new(ReplicaMode::Before);
    pair.replica.set(Fault::LaterParts);
    assert!(matches!(Version::new().write(pair.blobs.writer(blob()), LARGE).await, Err(BlobError::Replica(_))));
    let aborted = || pair.first.aborted.load(Ordering::SeqCst) + pair.replica.aborted.load(Ordering::SeqCst);
    for _turn in 0..10_000 {
        if aborted() < 2 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(aborted(), 2);
    assert_eq!((count(&pair.blobs).await, count(&pair.there()).await), (0, 0));
}

#[tokio::test]
async fn nothing_is_written_to_a_replica_that_may_be_anothers() {
    for size in [SMALL, LARGE] {
        let pair = Pair::unknown(ReplicaMode::Before);
        let refused = Version::new().write(pair.blobs.writer(blob()), size).await;
        assert!(matches!(refused, Err(BlobError::Replica(_))), "{refused:?}");
        assert_eq!((count(&pair.blobs).await, count(&pair.there()).await), (0, 0));
        let stored = Version::new().store(&pair.there(), size).await;
        assert!(matches!(pair.blobs.delete(stored.location().blob).await, Err(BlobError::Replica(_))));
        assert_eq!(count(&pair.there()).await, 1, "it was deleted from");
    }
}

#[tokio::test]
async fn a_replica_behind_waits_until_it_is_known() {
    let pair = Pair::unknown(ReplicaMode::Behind);
    let stored = Version::new().store(&pair.blobs, SMALL).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!((count(&pair.there()).await, pair.blobs.waiting_for_replica()), (0, 1));
    pair.blobs.admit_replica();
    pair.settled().await;
    assert_eq!(pair.there().checksum(stored.location()).await.unwrap(), stored.crc());
}

#[tokio::test]
async fn a_replica_behind_holds_up_no_write_and_follows_once_it_is_back() {
    let pair = Pair::new(ReplicaMode::Behind);
    pair.replica.set(Fault::Away);
    let mut all = Vec::new();
    for number in 0..20 {
        all.push(Version::new().store(&pair.blobs, if number == 0 { LARGE } else { SMALL * number }).await);
    }
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!((pair.blobs.waiting_for_replica(), pair.meter("replica_behind")), (20, 20));
    assert!(pair.errors() > 0);
    pair.replica.set(Fault::None);
    pair.settled().await;
    assert_eq!(pair.meter("replica_behind"), 0);
    for stored in all {
        for side in pair.sides(stored.location()).await {
            assert_eq!(side.unwrap(), stored.crc());
        }
    }
}

#[tokio::test]
async fn what_was_deleted_or_damaged_meanwhile_waits_no_longer() {
    let pair = Pair::new(ReplicaMode::Behind);
    pair.replica.set(Fault::Away);
    let gone = Version::new().store(&pair.blobs, SMALL).await;
    let damaged = Version::new().store(&pair.blobs, SMALL).await;
    pair.blobs.from_first().delete(gone.location().blob).await.unwrap();
    // Another body under the same name stands for one that has rotted.
    let _stored = Version::new().write(pair.blobs.from_first().writer(damaged.location().blob), SMALL).await.unwrap();
    pair.replica.set(Fault::None);
    pair.settled().await;
    assert_eq!(count(&pair.there()).await, 0, "damage was copied, or what nobody needs");
}

#[tokio::test]
async fn a_read_goes_on_from_the_replica_whatever_the_first_lacks() {
    for fault in [Fault::None, Fault::Away, Fault::Short, Fault::Silent] {
        for size in [SMALL, 3_000_000] {
            let pair = Pair::new(ReplicaMode::Before);
            let version = Version::new();
            let stored = version.store(&pair.blobs, size).await;
            if fault == Fault::None {
                pair.blobs.from_first().delete(stored.location().blob).await.unwrap();
            }
            pair.first.set(fault);
            is_whole(&version, &pair.blobs, &stored, size).await;
            assert!(pair.failovers() >= 2, "{fault:?}: {}", pair.failovers());
            assert_eq!(pair.errors(), 0, "{fault:?}");
        }
    }
}

#[tokio::test]
async fn a_read_that_the_first_answers_asks_no_replica() {
    let pair = Pair::new(ReplicaMode::Before);
    let version = Version::new();
    let stored = version.store(&pair.blobs, 3_000_000).await;
    pair.replica.set(Fault::Away);
    is_whole(&version, &pair.blobs, &stored, 3_000_000).await;
    assert_eq!((pair.replica.reads.load(Ordering::SeqCst), pair.failovers(), pair.errors()), (0, 0, 0));
    // What was asked for wrongly is wrong everywhere.
    let outside = pair.blobs.read(stored.location(), 0..stored.location().length + 1).await;
    assert!(matches!(outside, Err(BlobError::Range { .. })));
    assert_eq!(pair.replica.reads.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_first_that_has_just_failed_is_asked_again_only_after_a_rest() {
    for fault in [Fault::Away, Fault::Silent] {
        let pair = Pair::new(ReplicaMode::Before);
        let stored = Version::new().store(&pair.blobs, SMALL).await;
        pair.first.set(fault);
        let began = Instant::now();
        for _read in 0..10 {
            pair.blobs.read(stored.location(), 0..10).await.unwrap();
        }
        assert_eq!(pair.first.reads.load(Ordering::SeqCst), 1, "{fault:?}");
        assert!(began.elapsed() <= FAILOVER + Duration::from_secs(1), "every read waited: {:?}", began.elapsed());
        assert_eq!(pair.failovers(), 10);
        pair.first.set(Fault::None);
        tokio::time::sleep(hozon::domain::limits::STORE_REST).await;
        pair.blobs.read(stored.location(), 0..10).await.unwrap();
        assert_eq!(pair.failovers(), 10, "the first is back");
    }
}

#[tokio::test]
async fn while_the_first_rests_it_is_still_there_for_what_the_replica_lacks() {
    let pair = Pair::new(ReplicaMode::Behind);
    pair.replica.set(Fault::Away);
    let both = Version::new().store(&pair.blobs, SMALL).await;
    pair.replica.set(Fault::None);
    pair.settled().await;
    pair.first.set(Fault::Away);
    pair.blobs.read(both.location(), 0..10).await.unwrap();
    pair.first.set(Fault::None);
    // Only the first has this one, and it rests.
    let version = Version::new();
    let stored = version.store(&pair.blobs.from_first(), SMALL).await;
    is_whole(&version, &pair.blobs, &stored, SMALL).await;
}

#[tokio::test]
async fn one_missing_body_makes_no_store_rest() {
    let pair = Pair::new(ReplicaMode::Before);
    let (lost, kept) = (Version::new().store(&pair.blobs, SMALL).await, Version::new().store(&pair.blobs, SMALL).await);
    pair.blobs.from_first().delete(lost.location().blob).await.unwrap();
    pair.blobs.read(lost.location(), 0..10).await.unwrap();
    pair.blobs.read(kept.location(), 0..10).await.unwrap();
    assert_eq!(pair.failovers(), 1);
}

#[tokio::test]
async fn a_late_first_still_counts_when_the_replica_has_nothing() {
    for replica in [Fault::Away, Fault::None] {
        let pair = Pair::new(ReplicaMode::Before);
        let stored = Version::new().store(&pair.blobs.from_first(), SMALL).await;
        pair.first.set(Fault::Slow);
        pair.replica.set(replica);
        let began = Instant::now();
        assert_eq!(pair.blobs.read(stored.location(), 0..10).await.unwrap().len(), 10);
        assert!(began.elapsed() >= SLOW, "{:?}", began.elapsed());
        assert_eq!(pair.failovers(), 0);
    }
    // And the replica counts where it is the quicker one.
    let pair = Pair::new(ReplicaMode::Before);
    let stored = Version::new().store(&pair.blobs, SMALL).await;
    pair.first.set(Fault::Slow);
    let began = Instant::now();
    pair.blobs.read(stored.location(), 0..10).await.unwrap();
    assert!(began.elapsed() >= FAILOVER && began.elapsed() < SLOW, "{:?}", began.elapsed());
    assert_eq!(pair.failovers(), 1);
}

#[tokio::test]
async fn bytes_are_missing_only_where_both_say_so() {
    let pair = Pair::new(ReplicaMode::Before);
    let location = Location { blob: blob(), offset: 0, length: 100 };
    assert!(matches!(pair.blobs.read(&location, 0..10).await, Err(BlobError::Missing { .. })));
    pair.replica.set(Fault::Away);
    let unknown = pair.blobs.read(&location, 0..10).await;
    assert!(matches!(unknown, Err(BlobError::Replica(_))), "the replica may have them: {unknown:?}");
    assert_eq!(pair.errors(), 1);
    pair.first.set(Fault::Away);
    let away = pair.blobs.read(&location, 0..10).await;
    assert!(matches!(away, Err(BlobError::Store { .. })), "{away:?}");
    // The first rests now, and the replica says that it has nothing: the first may have them all the same.
    pair.replica.set(Fault::None);
    let unknown = pair.blobs.read(&location, 0..10).await;
    assert!(matches!(unknown, Err(BlobError::Store { .. })), "{unknown:?}");
}

#[tokio::test]
async fn one_range_can_be_read_from_the_replica_by_name() {
    let pair = Pair::new(ReplicaMode::Before);
    let stored = Version::new().store(&pair.blobs, SMALL).await;
    pair.first.reads.store(0, Ordering::SeqCst);
    assert_eq!(pair.there().read(stored.location(), 5..25).await.unwrap().len(), 20);
    assert_eq!(pair.first.reads.load(Ordering::SeqCst), 0);
    // And nothing asked of one store alone comes from the other.
    pair.blobs.from_first().delete(stored.location().blob).await.unwrap();
    assert!(matches!(pair.blobs.from_first().read(stored.location(), 0..10).await, Err(BlobError::Missing { .. })));
    assert!(matches!(pair.blobs.checksum(stored.location()).await, Err(BlobError::Missing { .. })), "a check is about one store");
    assert!(pair.blobs.from_first().from_replica().is_none() && pair.there().from_replica().is_none());
}

#[tokio::test]
async fn a_delete_is_done_once_both_have_done_it() {
    let pair = Pair::new(ReplicaMode::Before);
    let stored = Version::new().store(&pair.blobs, SMALL).await;
    let id = stored.location().blob;
    pair.replica.set(Fault::Away);
    assert!(matches!(pair.blobs.delete(id).await, Err(BlobError::Replica(_))));
    assert_eq!((pair.errors(), count(&pair.blobs).await), (1, 0));
    pair.replica.set(Fault::None);
    pair.blobs.delete(id).await.unwrap();
    assert_eq!(count(&pair.there()).await, 0);
    pair.first.set(Fault::Away);
    let other = Version::new().store(&pair.there(), SMALL).await;
    assert!(matches!(pair.blobs.delete(other.location().blob).await, Err(BlobError::Store { .. })));
    assert_eq!(count(&pair.there()).await, 0, "the replica waits for no other");
}

#[tokio::test]
async fn a_listing_and_a_probe_are_about_one_store() {
    let pair = Pair::new(ReplicaMode::Before);
    let _stored = Version::new().store(&pair.blobs, SMALL).await;
    let _stored = Version::new().store(&pair.there(), SMALL).await;
    assert_eq!((count(&pair.blobs).await, count(&pair.there()).await), (1, 2));
    pair.first.set(Fault::Short);
    assert!(pair.blobs.probe(NOW).await.is_err(), "the replica hid what the store does");
}

#[tokio::test]
async fn a_blob_is_copied_from_either_store_if_it_is_as_it_was() {
    for size in [0, SMALL, LARGE] {
        let pair = Pair::new(ReplicaMode::Before);
        let stored = Version::new().store(&pair.there(), size).await;
        let (id, first) = (stored.location().blob, pair.blobs.from_first());
        let refused = pair.there().copy(id, &first, Some(stored.crc() ^ 1)).await;
        assert!(matches!(refused, Err(BlobError::Altered { blob }) if blob == id), "{refused:?}");
        assert_eq!(count(&first).await, 0, "what was not as it was is there");
        assert_eq!(pair.there().copy(id, &first, Some(stored.crc())).await.unwrap(), stored.crc());
        assert_eq!(first.checksum(stored.location()).await.unwrap(), stored.crc());
        assert_eq!(first.copy(id, &pair.there(), None).await.unwrap(), stored.crc());
        let nothing = first.copy(blob(), &pair.there(), None).await;
        assert!(matches!(nothing, Err(BlobError::Missing { .. })));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writes_to_two_slow_stores_share_one_bound_and_all_end() {
    let pair = Pair::new(ReplicaMode::Before);
    let closed = [pair.first.gate.acquire_many(1_000_000).await.unwrap(), pair.replica.gate.acquire_many(1_000_000).await.unwrap()];
    let writes: Vec<_> = (0..24)
        .map(|_| {
            let blobs = pair.blobs.clone();
            tokio::spawn(async move { Version::new().write(blobs.writer(blob()), LARGE).await.map(drop) })
        })
        .collect();
    for _turn in 0..1_000 {
        tokio::task::yield_now().await;
    }
    for held in closed {
        held.forget();
    }
    pair.first.gate.add_permits(1);
    pair.replica.gate.add_permits(2);
    for write in writes {
        write.await.unwrap().unwrap();
    }
    for side in [&pair.first, &pair.replica] {
        let held = side.held_max.load(Ordering::SeqCst);
        assert!(held <= hozon::domain::limits::WRITE_MEMORY_BYTES_MAX, "{held} bytes were on their way");
    }
}
