use super::frames::{NOW, Version, blob};
use hozon::blob::{BlobError, BlobSettings, BlobStore, OpenStoreError, Scope};
use hozon::domain::{Location, UtcTime};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn open(directory: &Path) -> BlobStore {
    BlobStore::open(&BlobSettings::Local { directory: directory.to_owned() }).unwrap()
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let all = walkdir::WalkDir::new(directory).into_iter().map(Result::unwrap);
    all.filter(|entry| entry.file_type().is_file()).map(|entry| entry.path().to_owned()).collect()
}

fn now() -> UtcTime {
    UtcTime::from_micros(0).plus(SystemTime::now().duration_since(UNIX_EPOCH).unwrap())
}

#[tokio::test]
async fn directories_are_private_and_nothing_else_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("new/blobs");
    let blobs = open(&root);
    let stored = [Version::new().store(&blobs, 100).await, Version::new().store(&blobs, 3_000_000).await];
    for entry in walkdir::WalkDir::new(&root).into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_dir()) {
        assert_eq!(entry.metadata().unwrap().mode() & 0o777, 0o700, "{:?}", entry.path());
    }
    assert_eq!(files(&root).len(), 2);
    for stored in stored {
        let path = root.join(stored.location().blob.to_string());
        let bytes = std::fs::read(path).unwrap();
        assert_eq!(bytes.len() as u64, stored.location().length);
        assert_eq!(crc_fast::crc64_nvme(&bytes), stored.crc());
    }
}

#[tokio::test]
async fn a_store_opened_again_has_what_was_stored() {
    let directory = tempfile::tempdir().unwrap();
    let version = Version::new();
    let stored = version.store(&open(directory.path()), 2_000_000).await;
    let again = open(directory.path());
    assert_eq!(version.open(&again, &stored, 16).await.len(), 2_000_000);
}

#[tokio::test]
async fn a_frame_within_a_blob_is_read_from_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let blobs = open(directory.path());
    let stored = Version::new().store(&blobs, 500_000).await;
    let blob = stored.location().blob;
    let bytes = std::fs::read(directory.path().join(blob.to_string())).unwrap();
    for (offset, length) in [(0, 10), (1_000, 300_000), (stored.location().length - 1, 1)] {
        let within = usize::try_from(offset).unwrap()..usize::try_from(offset + length).unwrap();
        let crc = blobs.checksum(&Location { blob, offset, length }).await.unwrap();
        assert_eq!(crc, crc_fast::crc64_nvme(&bytes[within]));
    }
}

#[tokio::test]
async fn a_file_that_was_cut_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let blobs = open(directory.path());
    for size in [5_000, 3_000_000] {
        let stored = Version::new().store(&blobs, size).await;
        let Location { blob, length, .. } = *stored.location();
        let file = std::fs::OpenOptions::new().write(true).open(directory.path().join(blob.to_string())).unwrap();
        file.set_len(length - 1).unwrap();
        let reader = blobs.reader(stored.location());
        assert!(matches!(reader.read(length - 24..length).await, Err(BlobError::Truncated { wanted, .. }) if wanted == length));
        assert!(matches!(reader.read_with(length - 24..length, |_| ()).await, Err(BlobError::Truncated { .. })));
        assert!(matches!(reader.read_many(vec![0..5, length - 24..length]).await, Err(BlobError::Truncated { .. })));
    }
}

#[tokio::test]
async fn a_writer_that_is_dropped_leaves_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let blobs = open(directory.path());
    let mut writer = blobs.writer(blob());
    let (segments, _end) = Version::new().frame(5_000_000);
    for segment in segments {
        writer.write(segment).await.unwrap();
    }
    assert_eq!(files(directory.path()).len(), 1, "the staged file");
    drop(writer);
    for _turn in 0..100_000 {
        if files(directory.path()).is_empty() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the staged file stays");
}

#[tokio::test]
async fn leftovers_of_a_crash_are_removed_once_they_are_old_and_nothing_else_is() {
    let directory = tempfile::tempdir().unwrap();
    let blobs = open(directory.path());
    let stored = Version::new().store(&blobs, 100).await;
    let day = directory.path().join(stored.location().blob.to_string()).parent().unwrap().to_owned();
    let name = blob().to_string();
    let random = name.rsplit('/').next().unwrap();
    let leftover = day.join(format!("{random}#1"));
    let strangers = [day.join(format!("{random}#a")), day.join("note#1"), day.join("note"), directory.path().join("note")];
    for path in strangers.iter().chain([&leftover]) {
        std::fs::write(path, b"x").unwrap();
    }
    assert_eq!(blobs.list(Scope::All).collect_count().await, 1, "neither leftovers nor strangers are blobs");
    assert_eq!(blobs.remove_unfinished(now().minus(Duration::from_secs(3_600))).await.unwrap(), 0, "too young");
    assert_eq!(blobs.remove_unfinished(now().plus(Duration::from_secs(1))).await.unwrap(), 1);
    assert!(!leftover.exists());
    assert_eq!(files(directory.path()).len(), 1 + strangers.len());
}

trait CollectCount {
    async fn collect_count(self) -> usize;
}

impl<S: futures::Stream<Item = Result<hozon::blob::ListedBlob, BlobError>> + Unpin> CollectCount for S {
    async fn collect_count(self) -> usize {
        futures::TryStreamExt::try_collect::<Vec<_>>(self).await.unwrap().len()
    }
}

#[tokio::test]
async fn many_first_writes_of_a_day_do_not_trip_over_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let blobs = open(directory.path());
    let tenant = hozon::domain::TenantId::random();
    let writes = (0..50).map(|number| {
        let writer = blobs.writer(hozon::domain::BlobId::random(tenant, NOW.day()));
        async move { Version::new().write(writer, number * 50_000).await.map(drop) }
    });
    futures::future::try_join_all(writes).await.unwrap();
    assert_eq!(blobs.list(Scope::Tenant(tenant)).collect_count().await, 50);
}

#[test]
fn a_directory_that_cannot_be_made_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, b"x").unwrap();
    for path in [file.clone(), file.join("below")] {
        let opened = BlobStore::open(&BlobSettings::Local { directory: path });
        assert!(matches!(opened, Err(OpenStoreError::Directory { .. })));
    }
}
