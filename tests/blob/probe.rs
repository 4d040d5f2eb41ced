use super::failing_store::{FailingStore, Fault};
use super::frames::NOW;
use futures::TryStreamExt;
use hozon::blob::{BlobSettings, BlobStore, Overwrite, ProbeStep, Scope};
use object_store::memory::InMemory;
use std::sync::Arc;

#[tokio::test]
async fn a_store_that_keeps_its_promises_passes_and_is_left_empty() {
    for (blobs, _directory) in super::stores() {
        let report = blobs.probe(NOW).await.unwrap();
        assert_eq!((report.plain, report.create_only), (Overwrite::Replaces, Overwrite::Refused));
        assert!(blobs.list(Scope::All).try_collect::<Vec<_>>().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_store_that_breaks_a_promise_is_named_for_it() {
    let broken = [
        (Fault::Lost, ProbeStep::WriteSmall, "the store does not take a small object"),
        (Fault::Full, ProbeStep::WriteSmall, "the store does not take a small object"),
        (Fault::Kept, ProbeStep::WriteSmall, "the store does not take a small object"),
        (Fault::Short, ProbeStep::ReadBack, "the store does not give back what was written"),
        (Fault::Blind, ProbeStep::List, "the store does not list an object with its size"),
        (Fault::Stale, ProbeStep::Overwrite, "the store does not give the newest content after an overwrite"),
        (Fault::LaterParts, ProbeStep::WriteLarge, "the store does not take an object in several parts"),
        (Fault::Sticky, ProbeStep::Missing, "the store does not say that an object is missing"),
    ];
    for (fault, step, words) in broken {
        let (store, faults) = FailingStore::over(Arc::new(InMemory::new()));
        let blobs = BlobStore::over(store, "");
        faults.set(fault);
        let error = blobs.probe(NOW).await.unwrap_err();
        assert_eq!((error.step, error.to_string().as_str()), (step, words), "{fault:?}");
    }
}

#[tokio::test]
async fn a_local_store_on_a_disk_that_refuses_is_named_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("blobs");
    let blobs = BlobStore::open(&BlobSettings::Local { directory: root.clone() }).unwrap();
    std::fs::remove_dir(&root).unwrap();
    std::fs::write(&root, b"in the way").unwrap();
    assert_eq!(blobs.probe(NOW).await.unwrap_err().step, ProbeStep::WriteSmall);
}
