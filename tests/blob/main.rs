#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop where something is not as it must be")]

//! The blob store through its public interface, over stores that work and stores that fail.

mod examine;
mod failing_store;
mod failures;
mod frames;
mod listing;
mod local;
#[cfg(feature = "s3-store")]
mod patience;
mod probe;
#[cfg(feature = "s3-store")]
mod remote;
mod remotes;
mod replica;
mod stream;
#[cfg(feature = "s3-store")]
#[path = "../support/weed.rs"]
#[expect(dead_code, reason = "other suites use other parts of it")]
mod weed;

use frames::{Version, body};
use futures::TryStreamExt;
use hozon::blob::{BlobError, BlobSettings, BlobStore, Scope};
use hozon::domain::{Location, TenantId, limits};
use object_store::memory::InMemory;
use std::sync::Arc;

const SEGMENT: usize = limits::SEGMENT_CHUNKS * limits::CHUNK_BYTES;

/// Each kind of store, and what must outlive it.
fn stores() -> Vec<(BlobStore, Option<tempfile::TempDir>)> {
    let directory = tempfile::tempdir().unwrap();
    let local = BlobStore::open(&BlobSettings::Local { directory: directory.path().join("blobs") }).unwrap();
    vec![
        (local, Some(directory)),
        (BlobStore::open(&BlobSettings::Memory).unwrap(), None),
        (BlobStore::over(Arc::new(InMemory::new()), "some/prefix"), None),
    ]
}

#[tokio::test]
async fn what_is_stored_is_read_back_whole() {
    let sizes = [0, 1, 16_383, 16_384, SEGMENT, 1 << 20, (1 << 20) + 70_000, 3_000_000, 9_000_000, 17_500_000];
    for (blobs, _directory) in stores() {
        for size in sizes {
            let version = Version::new();
            let stored = version.store(&blobs, size).await;
            assert_eq!(stored.plain_length(), size as u64);
            assert_eq!(blobs.checksum(stored.location()).await.unwrap(), stored.crc(), "{size} bytes in {blobs:?}");
            assert!(version.open(&blobs, &stored, 16).await == body(size), "{size} bytes in {blobs:?}");
            assert!(size > 20_000 || version.open(&blobs, &stored, 1).await == body(size), "small reads");
        }
    }
}

#[tokio::test]
async fn several_ranges_come_in_their_order() {
    for (blobs, _directory) in stores() {
        for size in [20_000, 5_000_000] {
            let stored = Version::new().store(&blobs, size).await;
            let length = stored.location().length;
            let ranges = vec![length - 24..length, 0..80, 80..136, 0..0];
            let many = blobs.reader(stored.location()).read_many(ranges.clone()).await.unwrap();
            assert_eq!(many.iter().map(hozon::blob::SealedBytes::len).collect::<Vec<_>>(), [24, 80, 56, 0]);
            assert!(hozon::seal::layout::FrameLengths::claimed(&many[0].chunks()).is_ok(), "the footer");
            assert!(hozon::seal::PlaceOfPart::claimed(&many[1].chunks()).is_ok(), "the header");
            assert!(hozon::seal::PlaceOfPart::claimed(&many[2].chunks()).is_err());
            let part = many[1].slice(10..200);
            assert_eq!(part.len(), 70);
        }
    }
}

#[tokio::test]
async fn what_is_not_all_there_is_an_error_and_never_fewer_bytes() {
    for (blobs, _directory) in stores() {
        let stored = Version::new().store(&blobs, 300_000).await;
        let Location { blob, length, .. } = *stored.location();
        let longer = Location { blob, offset: 0, length: length + 10 };
        let truncated = |error| matches!(error, BlobError::Truncated { blob: found, wanted } if found == blob && wanted == length + 1);
        assert!(truncated(blobs.read(&longer, 0..length + 1).await.unwrap_err()));
        assert!(truncated(blobs.read(&longer, length..length + 1).await.unwrap_err()));
        assert!(truncated(blobs.read(&longer, length - 5..length + 1).await.unwrap_err()));
        assert!(truncated(blobs.reader(&longer).read_many(vec![0..10, length - 5..length + 1]).await.unwrap_err()));
        assert!(truncated(blobs.reader(&longer).read_with(length..length + 1, |_| panic!("bytes that are not there")).await.unwrap_err()));
        assert!(matches!(blobs.checksum(&longer).await, Err(BlobError::Truncated { .. })));

        let outside = |result| matches!(result, Err(BlobError::Range { .. }));
        assert!(outside(blobs.read(stored.location(), 0..length + 1).await));
        assert!(outside(blobs.read(stored.location(), std::ops::Range { start: 5, end: 4 }).await));
        let absurd = Location { blob, offset: u64::MAX - 5, length: u64::MAX };
        assert!(outside(blobs.read(&absurd, 0..10).await));
        assert!(outside(blobs.read(&Location { offset: 0, ..absurd }, 0..limits::READ_BYTES_MAX + 1).await));

        blobs.delete(blob).await.unwrap();
        assert!(matches!(blobs.read(stored.location(), 0..10).await, Err(BlobError::Missing { .. })));
        assert!(matches!(
            blobs.reader(stored.location()).read_many(std::iter::once(0..10).collect()).await,
            Err(BlobError::Missing { .. })
        ));
        assert!(matches!(blobs.reader(stored.location()).read_with(0..10, |_| ()).await, Err(BlobError::Missing { .. })));
        blobs.delete(blob).await.unwrap();
    }
}

#[tokio::test]
async fn a_get_under_way_ends_well_when_its_blob_is_deleted_locally() {
    let directory = tempfile::tempdir().unwrap();
    let blobs = BlobStore::open(&BlobSettings::Local { directory: directory.path().to_owned() }).unwrap();
    let stored = Version::new().store(&blobs, 300_000).await;
    let reader = blobs.reader(stored.location());
    reader.read(0..10).await.unwrap();
    blobs.delete(stored.location().blob).await.unwrap();
    assert_eq!(reader.checksum().await.unwrap(), stored.crc());
}

#[tokio::test]
async fn blobs_are_listed_by_tenant_and_day() {
    for (blobs, _directory) in stores() {
        let first = Version::new().store(&blobs, 10).await;
        let second = Version::new().store(&blobs, 2_000_000).await;
        let id = first.location().blob;
        let list = async |scope| blobs.list(scope).try_collect::<Vec<_>>().await.unwrap();
        let mut all: Vec<_> = list(Scope::All).await.into_iter().map(|listed| (listed.blob, listed.bytes)).collect();
        all.sort_unstable();
        let mut expected: Vec<_> = [&first, &second].map(|stored| (stored.location().blob, stored.location().length)).into();
        expected.sort_unstable();
        assert_eq!(all, expected);
        for scope in [Scope::Tenant(id.tenant()), Scope::Day(id.tenant(), id.day())] {
            assert_eq!(list(scope).await.into_iter().map(|listed| listed.blob).collect::<Vec<_>>(), [id]);
        }
        assert!(list(Scope::Tenant(TenantId::random())).await.is_empty());
    }
}
