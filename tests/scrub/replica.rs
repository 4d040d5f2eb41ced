//! Two real directories: what one has lost comes back from the other, and what both have lost is said to be lost.

use crate::failing_store::{FailingStore, Fault};
use crate::house::{FAST, House, Node, SMALL, flip};
use hozon::blob::{BlobSettings, BlobStore, ReplicaMode, StoreMarker};
use hozon::domain::{Location, StoreId};
use hozon::engine::JobOrder;
use hozon::meters::Meters;
use hozon::upkeep::{Agreement, Damage, Pairing, PairingError, ScrubReport, Turn};
use object_store::local::LocalFileSystem;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// More than one request carries, and more than one read.
const LARGE: usize = 9 << 20;

/// What can become of a file.
#[derive(Debug, Clone, Copy)]
enum Harm {
    Flipped,
    Cut,
    Gone,
}

const HARMS: [(Harm, Damage); 3] = [(Harm::Flipped, Damage::Changed), (Harm::Cut, Damage::Truncated), (Harm::Gone, Damage::Missing)];

impl Harm {
    fn happens(self, file: &Path) {
        match self {
            Self::Flipped => flip(file),
            Self::Cut => {
                let file = fs::File::options().write(true).open(file).unwrap();
                file.set_len(file.metadata().unwrap().len() - 1).unwrap();
            }
            Self::Gone => fs::remove_file(file).unwrap(),
        }
    }
}

/// A small and a large frame for each harm, and three that none befalls.
async fn frames(house: &House) -> Vec<(Harm, Location)> {
    house.put_many(3, 100).await;
    let mut all = Vec::new();
    for (harm, _) in HARMS {
        for size in [100, LARGE] {
            all.push((harm, house.put(&format!("{harm:?}/{size}"), size).await.location.unwrap()));
        }
    }
    all
}

async fn pass(node: &Node) -> ScrubReport {
    let _begins = node.scrub.order(JobOrder::Start).await.unwrap();
    assert_eq!(node.turn().await, Turn::Full);
    let report = node.scrub.status().await.unwrap().pass;
    assert_eq!((report.frames, report.bytes), (report.frames_all, report.bytes_all), "{report:?}");
    report
}

fn replica_counts(report: &ScrubReport) -> [u64; 4] {
    [report.replica_missing, report.replica_damaged, report.replica_filled, report.replica_unknown]
}

async fn actions(house: &House, node: &Node) -> Vec<String> {
    house.log(node).await.iter().map(|event| event.action.clone()).collect()
}

fn count(directory: &Path) -> usize {
    walkdir::WalkDir::new(directory).into_iter().filter(|entry| entry.as_ref().unwrap().file_type().is_file()).count()
}

#[tokio::test]
async fn what_the_store_has_lost_comes_back_from_the_replica() {
    let mut house = House::new().await;
    house.add_replica().await;
    let frames = frames(&house).await;
    let whole: Vec<_> = frames.iter().map(|(_, location)| fs::read(house.file(location.blob)).unwrap()).collect();
    frames.iter().for_each(|(harm, location)| harm.happens(&house.file(location.blob)));
    let node = house.node(FAST, SMALL);
    let found = pass(&node).await;
    assert_eq!((found.changed, found.truncated, found.missing, found.unreadable, found.repaired), (2, 2, 2, 0, 6));
    assert!(found.findings.iter().all(|finding| finding.is_repaired() && finding.is_recorded), "{:?}", found.findings);
    assert_eq!(replica_counts(&found), [0; 4]);
    for ((harm, location), bytes) in frames.iter().zip(whole) {
        assert!(fs::read(house.file(location.blob)).unwrap() == bytes, "{harm:?} is not as it was");
        assert!(fs::read(house.mirror(location.blob)).unwrap() == bytes, "{harm:?}: the replica's went as well");
    }
    assert_eq!(node.metric("hozon_scrub_repaired_total").to_string(), "6");
    let mut log = actions(&house, &node).await;
    log.sort();
    assert_eq!(log, [["find-damage"; 6], ["repair-damage"; 6]].concat());

    let found = pass(&node).await;
    let status = node.scrub.status().await.unwrap();
    assert_eq!((found.damaged(), found.repaired, status.last.unwrap().repaired), (0, 0, 6));
    assert_eq!(actions(&house, &node).await.len(), 12);
}

#[tokio::test]
async fn what_the_replica_has_lost_comes_from_the_store() {
    let mut house = House::new().await;
    let before = house.put("before there was a replica", LARGE).await.location.unwrap();
    house.add_replica().await;
    let mut frames = frames(&house).await;
    frames.iter().for_each(|(harm, location)| harm.happens(&house.mirror(location.blob)));
    frames.push((Harm::Gone, before));
    let node = house.node(FAST, SMALL);
    let found = pass(&node).await;
    assert_eq!(replica_counts(&found), [3, 4, 7, 0]);
    assert_eq!((found.damaged(), found.repaired, found.findings.len()), (0, 0, 0), "the store's own are sound");
    for (harm, location) in frames {
        let (here, there) = (fs::read(house.file(location.blob)).unwrap(), fs::read(house.mirror(location.blob)).unwrap());
        assert!(here == there, "{harm:?}");
    }
    for (damage, count) in [("missing", 3), ("changed", 2), ("truncated", 2), ("unreadable", 0)] {
        let shown = node.metric(&format!("hozon_scrub_replica_findings_total{{damage=\"{damage}\"}}"));
        assert_eq!(shown.to_string(), count.to_string(), "{damage}");
    }
    assert_eq!(node.metric("hozon_scrub_replica_filled_total").to_string(), "7");
    assert_eq!(replica_counts(&pass(&node).await), [0; 4]);
}

#[tokio::test]
async fn what_both_have_lost_is_said_to_be_lost_and_nothing_is_written_over() {
    let mut house = House::new().await;
    house.add_replica().await;
    house.put_many(3, 100).await;
    let mut both = Vec::new();
    for (here, damage) in HARMS {
        for (there, _) in HARMS {
            let location = house.put(&format!("{here:?}/{there:?}"), 100).await.location.unwrap();
            here.happens(&house.file(location.blob));
            there.happens(&house.mirror(location.blob));
            let contents = [house.file(location.blob), house.mirror(location.blob)].map(|file| fs::read(file).ok());
            both.push((location.blob, damage, contents));
        }
    }
    let node = house.node(FAST, SMALL);
    for turn in 1..=2 {
        let found = pass(&node).await;
        assert_eq!((found.changed, found.truncated, found.missing, found.repaired), (3, 3, 3, 0));
        assert_eq!(replica_counts(&found), [0; 4], "what is not sound here is never copied there");
        for (blob, damage, contents) in &both {
            let finding = found.findings.iter().find(|finding| finding.blob == blob.to_string()).unwrap();
            assert_eq!((finding.damage, finding.is_repaired()), (*damage, false));
            let now = [house.file(*blob), house.mirror(*blob)].map(|file| fs::read(file).ok());
            assert!(&now == contents, "{damage:?}: somebody wrote there");
        }
        assert_eq!(actions(&house, &node).await, ["find-damage"].repeat(9 * turn));
    }
    assert_eq!(node.metric("hozon_scrub_repaired_total").to_string(), "0");
}

#[tokio::test]
async fn a_replica_that_is_not_mounted_lacks_nothing_and_is_asked_again_later() {
    let mut house = House::new().await;
    house.add_replica().await;
    let frames = frames(&house).await;
    let (harm, damaged) = frames[0];
    harm.happens(&house.file(damaged.blob));
    let (replica, away) = (house.directory.path().join("replica"), house.directory.path().join("away"));
    fs::rename(&replica, &away).unwrap();
    fs::create_dir(&replica).unwrap();
    let node = house.node(FAST, SMALL);
    let found = pass(&node).await;
    assert_eq!(replica_counts(&found), [0, 0, 0, 8], "every sound frame of which nobody knows");
    assert_eq!((found.changed, found.repaired), (1, 0));
    assert_eq!(count(&replica), 0, "it was taken for the replica");
    fs::remove_dir(&replica).unwrap();
    fs::rename(&away, &replica).unwrap();
    // Another gateway, so that nobody rests any more.
    let found = pass(&house.node(FAST, SMALL)).await;
    assert_eq!((found.changed, found.repaired, replica_counts(&found)), (1, 1, [0; 4]));
}

#[tokio::test]
async fn a_replica_of_another_store_is_neither_read_nor_written() {
    let mut house = House::new().await;
    house.add_unknown_replica();
    let there = house.blobs.from_replica().unwrap();
    there.mark(StoreMarker { store: StoreId::random(), generation: 1 }).await.unwrap();
    let pairing = Pairing::new(house.engine.clone(), house.blobs.clone());
    for asked in [pairing.admit_replica().await.map(drop), pairing.look_at_replica().await] {
        assert!(matches!(asked, Err(PairingError::OtherReplica { .. })), "{asked:?}");
    }
    house.blobs = house.blobs.from_first();
    let location = house.put("sound", 100).await.location.unwrap();
    house.add_unknown_replica();
    let found = pass(&house.node(FAST, SMALL)).await;
    assert_eq!((found.damaged(), replica_counts(&found)), (0, [0, 0, 0, 1]));
    assert!(!house.mirror(location.blob).exists());
    assert_eq!(count(&house.directory.path().join("replica")), 1, "the marker alone");
}

/// A store that acknowledges what it does not keep is not believed.
#[tokio::test]
async fn a_frame_is_repaired_only_once_it_was_read_again() {
    let mut house = House::new().await;
    house.add_replica().await;
    let location = house.put("flipped", 100).await.location.unwrap();
    let replica = house.blobs.from_replica().unwrap();
    let files = LocalFileSystem::new_with_prefix(house.directory.path().join("blobs")).unwrap();
    let (store, faults) = FailingStore::over(Arc::new(files));
    let first = BlobStore::over(store, "");
    house.blobs = first.with_replica(&replica, ReplicaMode::Before, Duration::from_secs(10), Arc::new(Meters::new()));
    house.blobs.admit_replica();
    house.flip(&location);
    let node = house.node(FAST, SMALL);
    faults.set(Fault::Forgets);
    let found = pass(&node).await;
    assert_eq!((found.changed, found.repaired, found.findings[0].is_repaired()), (1, 0, false));
    assert_eq!(actions(&house, &node).await, ["find-damage"]);
    faults.set(Fault::None);
    let found = pass(&node).await;
    assert_eq!((found.changed, found.repaired, found.findings[0].is_repaired()), (1, 1, true));
    assert_eq!(actions(&house, &node).await, ["find-damage", "find-damage", "repair-damage"]);
}

/// A store that was away for a moment has damaged nothing.
#[tokio::test]
async fn a_read_that_fails_once_is_no_damage() {
    let mut house = House::new().await;
    let sound = house.put_many(5, 500).await;
    let files = LocalFileSystem::new_with_prefix(house.directory.path().join("blobs")).unwrap();
    let (store, faults) = FailingStore::over(Arc::new(files));
    house.blobs = BlobStore::over(store, "");
    let node = house.node(FAST, SMALL);
    // The marker says that it is the right store, and is asked for once more.
    house.blobs.marker().await.unwrap();
    faults.set(Fault::Hiccups);
    assert!(house.blobs.marker().await.is_err());
    let found = pass(&node).await;
    assert_eq!((found.damaged(), found.findings.len()), (0, 0), "{found:?}");
    assert!(actions(&house, &node).await.is_empty());
    drop(sound);
}

/// The first store is lost for good: the replica takes its place, and a new directory the replica's.
#[tokio::test]
async fn the_replica_takes_the_place_of_a_store_that_is_lost() {
    let mut house = House::new().await;
    house.add_replica().await;
    let frames = frames(&house).await;
    // The marker in the replica is not the newest: a gateway may die between the two.
    let pairing = Pairing::new(house.engine.clone(), house.blobs.from_first());
    assert!(matches!(pairing.advance().await.unwrap(), Agreement::Current(_)));
    let (first, second) = (house.directory.path().join("blobs"), house.directory.path().join("replica"));
    fs::remove_dir_all(&first).unwrap();
    fs::rename(&second, &first).unwrap();
    house.blobs = BlobStore::open(&BlobSettings::Local { directory: first.clone() }).unwrap();
    let pairing = Pairing::new(house.engine.clone(), house.blobs.clone());
    assert!(matches!(pairing.begin().await.unwrap(), Agreement::Current(_)), "no operator has to adopt it");
    house.add_replica().await;
    let node = house.node(FAST, SMALL);
    let found = pass(&node).await;
    assert_eq!((found.damaged(), replica_counts(&found)), (0, [9, 0, 9, 0]));
    for (_, location) in frames {
        assert!(fs::read(house.file(location.blob)).unwrap() == fs::read(house.mirror(location.blob)).unwrap());
    }
    assert_eq!(count(&first), count(&second));
}
