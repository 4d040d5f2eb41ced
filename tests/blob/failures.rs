use super::failing_store::{FailingStore, Fault, Faults};
use super::frames::{NOW, Version, blob};
use hozon::blob::{BlobError, BlobStore};
use hozon::domain::{Location, limits};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const SMALL: usize = 5_000;
const LARGE: usize = 20_000_000;

fn failing() -> (BlobStore, Arc<Faults>) {
    let (store, faults) = FailingStore::over(Arc::new(InMemory::new()));
    (BlobStore::over(store as Arc<dyn ObjectStore>, ""), faults)
}

#[tokio::test]
async fn a_write_that_fails_and_is_lost_leaves_nothing() {
    for size in [SMALL, LARGE] {
        let (blobs, faults) = failing();
        let blob = blob();
        faults.set(Fault::Lost);
        let written = Version::new().write(blobs.writer(blob), size).await;
        assert!(matches!(written, Err(BlobError::Store { blob: found, .. }) if found == blob), "{written:?}");
        faults.set(Fault::None);
        let read = blobs.read(&Location { blob, offset: 0, length: 1 }, 0..1).await;
        assert!(matches!(read, Err(BlobError::Missing { .. })));
    }
}

#[tokio::test]
async fn a_write_that_fails_but_is_kept_gives_no_proof_and_is_found_by_listing() {
    for size in [SMALL, LARGE] {
        let (blobs, faults) = failing();
        let blob = blob();
        faults.set(Fault::Kept);
        assert!(Version::new().write(blobs.writer(blob), size).await.is_err());
        let listed: Vec<_> = futures::TryStreamExt::try_collect(blobs.list(hozon::blob::Scope::All)).await.unwrap();
        assert_eq!(listed.into_iter().map(|listed| listed.blob).collect::<Vec<_>>(), [blob]);
    }
}

#[tokio::test]
async fn a_full_store_says_so() {
    for size in [SMALL, LARGE] {
        let (blobs, faults) = failing();
        faults.set(Fault::Full);
        assert!(matches!(Version::new().write(blobs.writer(blob()), size).await, Err(BlobError::Full)));
    }
}

#[tokio::test]
async fn an_upload_whose_part_fails_is_aborted_in_the_store() {
    let (blobs, faults) = failing();
    faults.set(Fault::LaterParts);
    assert!(Version::new().write(blobs.writer(blob()), LARGE).await.is_err());
    aborted(&faults).await;
    assert_eq!(faults.completed.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_writer_that_is_dropped_aborts_its_upload_in_the_store() {
    let (blobs, faults) = failing();
    let mut writer = blobs.writer(blob());
    let (segments, _end) = Version::new().frame(LARGE);
    for segment in segments {
        writer.write(segment).await.unwrap();
    }
    drop(writer);
    aborted(&faults).await;
    assert_eq!(faults.completed.load(Ordering::SeqCst), 0);
}

/// Waits for the task that aborts.
async fn aborted(faults: &Faults) {
    for _turn in 0..10_000 {
        if faults.aborted.load(Ordering::SeqCst) > 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the upload was not aborted");
}

#[tokio::test]
async fn an_upload_that_succeeds_is_not_aborted() {
    let (blobs, faults) = failing();
    let _stored = Version::new().store(&blobs, LARGE).await;
    for _turn in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!((faults.completed.load(Ordering::SeqCst), faults.aborted.load(Ordering::SeqCst)), (1, 0));
}

#[tokio::test]
async fn a_store_that_gives_too_few_bytes_is_noticed() {
    let (blobs, faults) = failing();
    let stored = Version::new().store(&blobs, 300_000).await;
    faults.set(Fault::Short);
    let location = stored.location();
    assert!(matches!(blobs.read(location, 0..100).await, Err(BlobError::Truncated { .. })));
    assert!(matches!(blobs.reader(location).read_many(vec![0..100, 50..90]).await, Err(BlobError::Truncated { .. })));
    assert!(matches!(
        blobs.reader(location).read_many(vec![location.length - 1..location.length, 0..1]).await,
        Err(BlobError::Truncated { .. })
    ));
    let shown = blobs.reader(location).read_with(0..200_000, |_| panic!("shown although short")).await;
    assert!(matches!(shown, Err(BlobError::Truncated { .. })));
    assert!(matches!(blobs.checksum(location).await, Err(BlobError::Truncated { .. })));
}

#[tokio::test]
async fn only_one_whole_frame_in_order_is_stored() {
    let (blobs, _faults) = failing();
    let no_frame = |result: Result<(), BlobError>| matches!(result, Err(BlobError::NotAFrame { .. }));

    let (mut segments, _) = Version::new().frame(600_000);
    let mut writer = blobs.writer(blob());
    assert!(no_frame(writer.write(segments.remove(1)).await), "not the first");
    let (segments, _) = Version::new().frame(600_000);
    let mut twice = Version::new().frame(600_000).0.into_iter().skip(1);
    let mut writer = blobs.writer(blob());
    writer.write(segments.into_iter().next().unwrap()).await.unwrap();
    assert!(no_frame(writer.write(twice.next().unwrap()).await), "the second of another frame");

    let (segments, end) = Version::new().frame(600_000);
    let mut writer = blobs.writer(blob());
    let all_but_one = segments.len() - 1;
    for segment in segments.into_iter().take(all_but_one) {
        writer.write(segment).await.unwrap();
    }
    assert!(no_frame(writer.finish(end).await.map(drop)), "without its end");

    let version = Version::new();
    let ((segments, _), (_, end)) = (version.frame(5_000), version.frame(5_000));
    let mut writer = blobs.writer(blob());
    for segment in segments {
        writer.write(segment).await.unwrap();
    }
    assert!(no_frame(writer.finish(end).await.map(drop)), "the end of another attempt");
    let (_, end) = version.frame(0);
    assert!(no_frame(blobs.writer(blob()).finish(end).await.map(drop)), "nothing at all");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writes_to_a_slow_store_share_one_bound_and_all_end() {
    let (blobs, faults) = failing();
    // Every part waits, then they go through one by one.
    let closed = faults.gate.acquire_many(1_000_000).await.unwrap();
    let writes: Vec<_> = (0..24)
        .map(|_| {
            let blobs = blobs.clone();
            tokio::spawn(async move { Version::new().write(blobs.writer(blob()), LARGE).await.map(drop) })
        })
        .collect();
    for _turn in 0..1_000 {
        tokio::task::yield_now().await;
    }
    closed.forget();
    faults.gate.add_permits(1);
    for write in writes {
        write.await.unwrap().unwrap();
    }
    let held = faults.held_max.load(Ordering::SeqCst);
    assert!(held <= limits::WRITE_MEMORY_BYTES_MAX, "{held} bytes were on their way");
    assert!(held > limits::REMOTE_PART_BYTES, "parts went side by side");
}

#[test]
fn errors_name_the_blob_and_nothing_else() {
    let blob = hozon::domain::BlobId::random(hozon::domain::TenantId::from_bytes([1; 16]), NOW.day());
    let shown = |error: BlobError| error.to_string();
    assert_eq!(shown(BlobError::Missing { blob }), format!("blob {blob} is missing"));
    assert_eq!(shown(BlobError::Truncated { blob, wanted: 7 }), format!("blob {blob} ends before byte 7"));
    assert_eq!(shown(BlobError::Range { blob, start: 1, end: 2 }), format!("bytes 1 to 2 are no range of a frame of blob {blob}"));
    assert_eq!(shown(BlobError::NotAFrame { blob }), format!("what was written to blob {blob} is not one whole frame"));
    assert_eq!(shown(BlobError::Full), "the store has no space left");
}
