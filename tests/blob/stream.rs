//! The bytes of a large frame in a remote store, one range after the other: few requests, and none that fails is noticed
//! as long as the bytes can be had.

use super::failing_store::{FailingStore, Fault, Faults};
use super::frames::{Streamed, Version, body};
use hozon::blob::{BlobError, BlobStore, ReplicaMode, Stored};
use hozon::domain::limits;
use hozon::meters::Meters;
use object_store::memory::InMemory;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const BODY: usize = 20_000_000;
/// Chunks of one step, steps of one request.
const CHUNKS: u64 = limits::SEGMENT_CHUNKS as u64;
const STEPS: u64 = limits::READ_BYTES_MAX / (CHUNKS * limits::CHUNK_BYTES as u64);
const FAILOVER: Duration = Duration::from_millis(300);

fn failing() -> (BlobStore, Arc<Faults>) {
    let (store, faults) = FailingStore::over(Arc::new(InMemory::new()));
    (BlobStore::over(store, "a"), faults)
}

/// A store with a replica, and what goes wrong in either.
fn pair() -> (BlobStore, Arc<Faults>, Arc<Faults>) {
    let ((one, first), (other, replica)) = (failing(), failing());
    let blobs = one.with_replica(&other, ReplicaMode::Before, FAILOVER, Arc::new(Meters::new()));
    blobs.admit_replica();
    (blobs, first, replica)
}

/// The body, streamed in steps; `before` is called before each with its number.
async fn streamed(version: &Version, blobs: &BlobStore, stored: &Stored, mut before: impl FnMut(u64)) -> Result<Vec<u8>, BlobError> {
    let (mut stream, mut all, mut step) = (Streamed::new(version, blobs, stored).await, Vec::new(), 0);
    loop {
        before(step);
        let Some(opened) = stream.next(step * CHUNKS, CHUNKS).await? else { return Ok(all) };
        all.extend_from_slice(&opened);
        step += 1;
    }
}

#[tokio::test]
async fn a_stream_gives_the_whole_body_with_few_requests() {
    let (version, (blobs, faults)) = (Version::new(), failing());
    let stored = version.store(&blobs, BODY).await;
    assert!(streamed(&version, &blobs, &stored, |_| ()).await.unwrap() == body(BODY));
    // One for the frame's start.
    let wanted = 1 + (BODY as u64).div_ceil(limits::READ_BYTES_MAX);
    assert_eq!(faults.reads.load(Ordering::SeqCst) as u64, wanted);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_read_on_where_it_ended() {
    let (version, (blobs, faults)) = (Version::new(), failing());
    let stored = version.store(&blobs, BODY).await;
    faults.set(Fault::Cut);
    assert!(streamed(&version, &blobs, &stored, |_| ()).await.unwrap() == body(BODY));
    // What had come was not asked for again, and steps are read singly for a while, not beside requests that break each time.
    let steps = BODY.div_ceil(limits::SEGMENT_CHUNKS * limits::CHUNK_BYTES);
    let asked = faults.reads.load(Ordering::SeqCst);
    assert!(asked <= steps + 4, "{asked} requests for {steps} steps");
}

#[tokio::test]
async fn a_store_that_fails_midway_is_an_error_with_its_cause() {
    for (fault, is_short) in [(Fault::Away, false), (Fault::Short, true)] {
        let (version, (blobs, faults)) = (Version::new(), failing());
        let stored = version.store(&blobs, BODY).await;
        let set = |step| {
            if step == STEPS {
                faults.set(fault);
            }
        };
        let failed = streamed(&version, &blobs, &stored, set).await.unwrap_err();
        assert_eq!(matches!(failed, BlobError::Truncated { .. }), is_short, "{fault:?}: {failed}");
        assert_eq!(matches!(failed, BlobError::Store { .. }), !is_short, "{fault:?}: {failed}");
    }
}

#[tokio::test]
async fn a_stream_goes_on_from_the_replica_whatever_happens_to_the_first() {
    for fault in [Fault::Away, Fault::Short, Fault::Silent, Fault::Cut] {
        for midway in [0, 1, STEPS] {
            let (version, (blobs, first, replica)) = (Version::new(), pair());
            let stored = version.store(&blobs, BODY).await;
            let began = Instant::now();
            let set = |step| {
                if step == midway {
                    first.set(fault);
                }
            };
            let all = streamed(&version, &blobs, &stored, set).await.unwrap();
            assert!(all == body(BODY), "{fault:?} at {midway}");
            // The first rests once it was late: not every step waits for it.
            assert!(began.elapsed() < Duration::from_secs(15), "{fault:?} at {midway}: {:?}", began.elapsed());
            assert!(fault == Fault::Cut || replica.reads.load(Ordering::SeqCst) > 0, "{fault:?} at {midway}");
        }
    }
}

#[tokio::test]
async fn steps_may_leave_bytes_out_and_none_lies_outside() {
    let (version, (blobs, _faults)) = (Version::new(), failing());
    let stored = version.store(&blobs, BODY).await;
    let mut stream = Streamed::new(&version, &blobs, &stored).await;
    for (first, count) in [(0, 1), (3, 2), (5, 100), (1_200, 1)] {
        let opened = stream.next(first, count).await.unwrap().unwrap();
        let start = usize::try_from(first).unwrap() * limits::CHUNK_BYTES;
        assert!(opened == body(BODY)[start..start + opened.len()], "{count} chunks from {first}");
    }
    let length = stored.location().length;
    for range in [length - 1..length + 1, Range { start: 9, end: 8 }] {
        let failed = blobs.reader(stored.location()).stream(0..length + 9).next(range.clone()).await;
        assert!(matches!(failed, Err(BlobError::Range { .. })), "{range:?}");
    }
}
