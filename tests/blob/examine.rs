//! Frames read for rot, several at a time.

use super::frames::{Version, blob};
use super::stores;
use hozon::blob::{BlobError, BlobSettings, BlobStore, Stored};
use hozon::domain::{BlobId, Location};
use std::sync::Mutex;

async fn examine(blobs: &BlobStore, locations: &[Location]) -> (Vec<Result<u64, BlobError>>, Vec<u64>) {
    let turns = Mutex::new(Vec::new());
    let sums = blobs.examine_each(locations, async |bytes| turns.lock().unwrap().push(bytes)).await;
    (sums, turns.into_inner().unwrap())
}

async fn store(blobs: &BlobStore, lengths: &[usize]) -> Vec<Stored> {
    let mut stored = Vec::new();
    for length in lengths {
        stored.push(Version::new().store(blobs, *length).await);
    }
    stored
}

#[tokio::test]
async fn each_of_several_frames_has_its_own_sum_in_their_order() {
    for (blobs, _directory) in stores() {
        for lengths in [&[3_000, 0, 70_000, 16_384][..], &[10, 3_000_000, 600_000], &[400_000, 200_000], &[]] {
            let stored = store(&blobs, lengths).await;
            let locations: Vec<Location> = stored.iter().map(|stored| *stored.location()).collect();
            let (sums, turns) = examine(&blobs, &locations).await;
            let sums: Vec<u64> = sums.into_iter().map(Result::unwrap).collect();
            assert_eq!(sums, stored.iter().map(Stored::crc).collect::<Vec<_>>(), "{lengths:?} in {blobs:?}");
            let all: u64 = locations.iter().map(|location| location.length).sum();
            assert_eq!(turns.iter().sum::<u64>(), all, "every byte waits for its turn: {lengths:?} in {blobs:?}");
        }
    }
}

#[tokio::test]
async fn small_frames_of_a_directory_take_one_turn_and_large_ones_take_several() {
    let directory = tempfile::tempdir().unwrap();
    let blobs = BlobStore::open(&BlobSettings::Local { directory: directory.path().to_owned() }).unwrap();
    let turns = async |lengths: &[usize]| {
        let stored = store(&blobs, lengths).await;
        let locations: Vec<Location> = stored.iter().map(|stored| *stored.location()).collect();
        examine(&blobs, &locations).await.1
    };
    assert_eq!(turns(&[1_000; 40]).await.len(), 1);
    assert_eq!(turns(&[300_000; 2]).await.len(), 2, "more than one piece together");
    let pieces = turns(&[2_000_000]).await;
    assert!(pieces.len() == 4 && pieces.iter().all(|bytes| *bytes <= 512 << 10), "{pieces:?}");
}

#[tokio::test]
async fn one_damaged_frame_says_nothing_about_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let blobs = BlobStore::open(&BlobSettings::Local { directory: directory.path().to_owned() }).unwrap();
    let stored = store(&blobs, &[5_000; 6]).await;
    let file = |blob: BlobId| directory.path().join(blob.to_string());
    let mut locations: Vec<Location> = stored.iter().map(|stored| *stored.location()).collect();
    std::fs::remove_file(file(locations[1].blob)).unwrap();
    std::fs::File::options().write(true).open(file(locations[2].blob)).unwrap().set_len(100).unwrap();
    let mut bytes = std::fs::read(file(locations[3].blob)).unwrap();
    bytes[2_500] ^= 1;
    std::fs::write(file(locations[3].blob), bytes).unwrap();
    std::fs::remove_file(file(locations[4].blob)).unwrap();
    std::fs::create_dir(file(locations[4].blob)).unwrap();
    locations.push(Location { blob: blob(), offset: u64::MAX, length: 7 });
    let (sums, _turns) = examine(&blobs, &locations).await;
    assert_eq!(sums.len(), 7);
    assert_eq!([0, 5].map(|at| *sums[at].as_ref().unwrap()), [0, 5].map(|at: usize| stored[at].crc()));
    assert!(matches!(&sums[1], Err(BlobError::Missing { blob }) if *blob == locations[1].blob));
    assert!(matches!(&sums[2], Err(BlobError::Truncated { blob, .. }) if *blob == locations[2].blob));
    assert_ne!(*sums[3].as_ref().unwrap(), stored[3].crc());
    assert!(matches!(&sums[4], Err(BlobError::Store { blob, .. }) if *blob == locations[4].blob));
    assert!(matches!(&sums[6], Err(BlobError::Range { .. })));
}
