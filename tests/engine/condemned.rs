//! Blobs that no row names: condemned before their bytes go, and refused from then on.

use crate::buckets::with_bucket;
use crate::rows::{NOW, dek, events_of, first_version, later, location, part, upload, upload_part, version};
use crate::versions::{done, found, removal};
use hozon::domain::{BlobId, EntryId, UtcTime};
use hozon::engine::{Committed, Condemned, Engine, Events, VersionChange, VersionRow, Which};
use std::sync::Arc;

/// What is condemned before `before`.
pub(crate) async fn condemned(engine: &Arc<dyn Engine>, before: UtcTime) -> Vec<BlobId> {
    ids(&engine.condemned(before, None, 10).await.unwrap())
}

fn ids(condemned: &[Condemned]) -> Vec<BlobId> {
    condemned.iter().map(|condemned| condemned.blob).collect()
}

pub(crate) async fn only_blobs_that_no_row_names_are_condemned(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let row = VersionRow { parts: 1, ..version(&bucket, EntryId::random()) };
    let parts = vec![part(&row, 1, (0, 10), location(bucket.tenant))];
    let named_part = parts[0].location.blob;
    done(&engine, VersionChange { version: Some((row.clone(), Some(dek(&row)), parts)), ..first_version("a", row.clone()) }).await;
    let open = upload(&bucket, "b");
    engine.create_upload(open.clone(), 10, Events::default()).await.unwrap();
    let uploaded = upload_part(&open, 1);
    engine.put_upload_part(uploaded.clone(), NOW, Events::default()).await.unwrap();
    let orphan = location(bucket.tenant).blob;
    let blobs = vec![row.location.unwrap().blob, named_part, orphan, uploaded.location.blob];
    assert_eq!(engine.condemn(blobs.clone(), NOW).await.unwrap(), vec![orphan]);
    assert_eq!(engine.condemn(blobs, later(5)).await.unwrap(), vec![orphan]);
    assert_eq!(condemned(&engine, later(1)).await, vec![orphan]);
}

pub(crate) async fn condemned_blobs_come_by_age_and_can_be_forgotten(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let blobs: Vec<_> = (0..3).map(|_| location(bucket.tenant).blob).collect();
    for (blob, at) in blobs.iter().zip([30, 10, 20]) {
        engine.condemn(vec![*blob], later(at)).await.unwrap();
    }
    assert_eq!(condemned(&engine, later(30)).await, vec![blobs[1], blobs[2]]);
    let first = engine.condemned(later(99), None, 1).await.unwrap();
    assert_eq!(first, vec![Condemned { blob: blobs[1], at: later(10), is_named: false }]);
    assert_eq!(ids(&engine.condemned(later(99), first.last().copied(), 10).await.unwrap()), vec![blobs[2], blobs[0]]);
    engine.forget_condemned(vec![blobs[1], blobs[0]]).await.unwrap();
    assert_eq!(condemned(&engine, later(99)).await, vec![blobs[2]]);
}

pub(crate) async fn a_condemned_blob_gets_into_no_version(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let row = version(&bucket, EntryId::random());
    engine.condemn(vec![row.location.unwrap().blob], NOW).await.unwrap();
    let change = VersionChange { events: events_of(bucket.tenant, 1), ..first_version("a", row.clone()) };
    assert_eq!(engine.commit(change).await.unwrap(), Committed::Condemned);
    assert_eq!(engine.count_versions().await.unwrap(), 0);
    assert!(engine.events(bucket.tenant, None, 10).await.unwrap().is_empty());
    let row = VersionRow { parts: 1, ..version(&bucket, EntryId::random()) };
    let parts = vec![part(&row, 1, (0, 10), location(bucket.tenant))];
    engine.condemn(vec![parts[0].location.blob], NOW).await.unwrap();
    let change = VersionChange { version: Some((row.clone(), Some(dek(&row)), parts)), ..first_version("a", row) };
    assert_eq!(engine.commit(change).await.unwrap(), Committed::Condemned);
}

pub(crate) async fn a_condemned_blob_gets_into_no_upload(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let open = upload(&bucket, "a");
    engine.create_upload(open.clone(), 10, Events::default()).await.unwrap();
    let row = upload_part(&open, 1);
    engine.condemn(vec![row.location.blob], NOW).await.unwrap();
    let put = engine.put_upload_part(row, NOW, events_of(bucket.tenant, 1)).await.unwrap();
    assert_eq!(put, Committed::Condemned);
    assert_eq!(engine.upload_parts(open.id, 0, 10).await.unwrap(), []);
    assert!(engine.events(bucket.tenant, None, 10).await.unwrap().is_empty());
}

pub(crate) async fn a_blob_that_two_versions_share_goes_with_the_last(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let one = version(&bucket, EntryId::random());
    let other = VersionRow { location: one.location, ..version(&bucket, EntryId::random()) };
    done(&engine, first_version("one", one.clone())).await;
    done(&engine, first_version("other", other.clone())).await;
    let entry = found(&engine, &bucket, "one", Which::Current).await.entry;
    done(&engine, removal(&entry, &one, None)).await;
    assert_eq!(condemned(&engine, later(1)).await, []);
    let entry = found(&engine, &bucket, "other", Which::Current).await.entry;
    done(&engine, removal(&entry, &other, None)).await;
    assert_eq!(condemned(&engine, later(1)).await, vec![other.location.unwrap().blob]);
}
