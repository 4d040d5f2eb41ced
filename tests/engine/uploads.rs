//! Open multipart uploads and their parts.

use crate::buckets::with_bucket;
use crate::condemned::condemned;
use crate::rows::{NOW, dek, entry, events_of, first_version, later, location, part, upload, upload_part, version};
use crate::versions::found;
use hozon::domain::{BucketId, ChecksumAlgorithm, ChecksumType, EntryId, UploadId};
use hozon::engine::{BucketRow, Changed, Committed, Engine, Events, PartRow, UploadPartRow, UploadRow, VersionChange, VersionRow, Which};
use std::sync::Arc;

/// An open upload of `key` with parts 1 to `parts`.
pub(crate) async fn with_upload(engine: &Arc<dyn Engine>, bucket: &BucketRow, key: &str, parts: u32) -> (UploadRow, Vec<UploadPartRow>) {
    let open = upload(bucket, key);
    assert_eq!(engine.create_upload(open.clone(), 100, Events::default()).await.unwrap(), Changed::Done);
    let mut rows = Vec::new();
    for number in 1..=parts {
        let row = upload_part(&open, number);
        let put = engine.put_upload_part(row.clone(), NOW, Events::default()).await.unwrap();
        assert!(matches!(put, Committed::Done { .. }));
        rows.push(row);
    }
    (open, rows)
}

/// The change that completes `open` with those of its parts that are named.
pub(crate) fn completion(bucket: &BucketRow, key: &str, open: &UploadRow, used: &[UploadPartRow]) -> VersionChange {
    let row = VersionRow { id: open.version, parts: u32::try_from(used.len()).unwrap(), ..version(bucket, EntryId::random()) };
    let mut offset = 0;
    let mut parts: Vec<PartRow> = Vec::new();
    for (number, uploaded) in (1..).zip(used) {
        parts.push(PartRow { attempt: uploaded.attempt, ..part(&row, number, (offset, uploaded.length), uploaded.location) });
        offset += uploaded.length;
    }
    VersionChange {
        version: Some((row.clone(), Some(dek(&row)), parts)),
        upload: Some((open.id, open.revision)),
        events: events_of(bucket.tenant, 1),
        ..first_version(key, row)
    }
}

pub(crate) async fn an_upload_is_found_in_its_bucket_only(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let full = upload(&bucket, "a");
    let bare = UploadRow { checksum: None, sealed_tags: Some(vec![3; 9]), created: later(-9), ..upload(&bucket, "a") };
    let whole = UploadRow { checksum: Some((ChecksumAlgorithm::Crc32c, ChecksumType::FullObject)), ..upload(&bucket, "b") };
    for row in [&full, &bare, &whole] {
        assert_eq!(engine.create_upload(row.clone(), 100, events_of(bucket.tenant, 1)).await.unwrap(), Changed::Done);
        assert_eq!(engine.upload(bucket.id, row.id).await.unwrap(), Some(row.clone()));
        assert_eq!(engine.upload(BucketId::random(), row.id).await.unwrap(), None);
    }
    let listed = engine.uploads(bucket.id).await.unwrap();
    assert_eq!(listed.len(), 3);
    assert_eq!(listed[0], bare);
    assert!(listed.contains(&full) && listed.contains(&whole));
    assert_eq!(engine.events(bucket.tenant, None, 10).await.unwrap().len(), 3);
}

pub(crate) async fn a_bucket_holds_no_more_uploads_than_allowed(engine: Arc<dyn Engine>) {
    let (bucket, other) = (with_bucket(&engine).await, with_bucket(&engine).await);
    for _ in 0..2 {
        assert_eq!(engine.create_upload(upload(&bucket, "a"), 2, Events::default()).await.unwrap(), Changed::Done);
    }
    let over = engine.create_upload(upload(&bucket, "a"), 2, events_of(bucket.tenant, 1)).await.unwrap();
    assert_eq!(over, Changed::Conflict);
    assert!(engine.events(bucket.tenant, None, 10).await.unwrap().is_empty());
    assert_eq!(engine.create_upload(upload(&other, "a"), 2, Events::default()).await.unwrap(), Changed::Done);
}

pub(crate) async fn parts_come_back_in_the_order_of_their_numbers(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let (open, _) = with_upload(&engine, &bucket, "a", 0).await;
    let rows: Vec<_> = [7, 1, 10_000].map(|number| upload_part(&open, number)).into();
    for row in &rows {
        engine.put_upload_part(row.clone(), NOW, events_of(bucket.tenant, 1)).await.unwrap();
    }
    let ordered = vec![rows[1].clone(), rows[0].clone(), rows[2].clone()];
    assert_eq!(engine.upload_parts(open.id, 0, 10).await.unwrap(), ordered);
    assert_eq!(engine.upload_parts(open.id, 1, 1).await.unwrap(), ordered[1..2]);
    assert_eq!(engine.upload_parts(open.id, 10_000, 1).await.unwrap(), []);
    assert_eq!(engine.events(bucket.tenant, None, 10).await.unwrap().len(), 3);
}

pub(crate) async fn a_part_that_comes_again_replaces_the_first_and_condemns_it(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let (open, first) = with_upload(&engine, &bucket, "a", 1).await;
    let second = upload_part(&open, 1);
    engine.put_upload_part(second.clone(), later(1), Events::default()).await.unwrap();
    assert_eq!(engine.upload_parts(open.id, 0, 10).await.unwrap(), vec![second]);
    assert_eq!(condemned(&engine, later(9)).await, vec![first[0].location.blob]);
}

pub(crate) async fn a_part_of_an_upload_that_is_gone_is_refused(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let stranger = upload(&bucket, "a");
    let put = engine.put_upload_part(upload_part(&stranger, 1), NOW, events_of(bucket.tenant, 1)).await.unwrap();
    assert_eq!(put, Committed::UploadChanged);
    assert!(engine.events(bucket.tenant, None, 10).await.unwrap().is_empty());
}

pub(crate) async fn only_uploads_that_nobody_touches_are_idle(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let (quiet, _) = with_upload(&engine, &bucket, "quiet", 0).await;
    let (busy, _) = with_upload(&engine, &bucket, "busy", 0).await;
    engine.put_upload_part(upload_part(&busy, 1), later(100), Events::default()).await.unwrap();
    // A clock that went back does not make an upload idle.
    engine.put_upload_part(upload_part(&busy, 2), later(-100), Events::default()).await.unwrap();
    let ids = |rows: Vec<UploadRow>| rows.into_iter().map(|row| row.id).collect::<Vec<UploadId>>();
    assert_eq!(ids(engine.idle_uploads(later(50), None, 10).await.unwrap()), vec![quiet.id]);
    assert_eq!(ids(engine.idle_uploads(later(101), None, 1).await.unwrap()), vec![quiet.id]);
    let after = Some((quiet.touched, quiet.id));
    assert!(!ids(engine.idle_uploads(later(101), after, 10).await.unwrap()).contains(&quiet.id));
    assert_eq!(ids(engine.idle_uploads(NOW, None, 10).await.unwrap()), vec![]);
}

pub(crate) async fn an_aborted_upload_condemns_its_parts(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let (open, parts) = with_upload(&engine, &bucket, "a", 2).await;
    assert_eq!(engine.abort_upload(BucketId::random(), open.id, None, events_of(bucket.tenant, 1)).await.unwrap(), Changed::Conflict);
    assert_eq!(engine.upload_parts(open.id, 0, 10).await.unwrap(), parts);
    assert_eq!(engine.abort_upload(bucket.id, open.id, None, events_of(bucket.tenant, 1)).await.unwrap(), Changed::Done);
    assert_eq!(engine.abort_upload(bucket.id, open.id, None, events_of(bucket.tenant, 1)).await.unwrap(), Changed::Conflict);
    assert_eq!(engine.upload(bucket.id, open.id).await.unwrap(), None);
    assert_eq!(engine.upload_parts(open.id, 0, 10).await.unwrap(), []);
    let mut blobs: Vec<_> = parts.iter().map(|part| part.location.blob).collect();
    let mut gone = condemned(&engine, later(1)).await;
    blobs.sort();
    gone.sort();
    assert_eq!(gone, blobs);
    assert_eq!(engine.events(bucket.tenant, None, 10).await.unwrap().len(), 1);
}

pub(crate) async fn an_upload_that_was_touched_since_it_was_seen_is_not_aborted(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let (open, _) = with_upload(&engine, &bucket, "a", 0).await;
    let seen = engine.idle_uploads(later(50), None, 10).await.unwrap().remove(0);
    // A clock that went back does not hide that a part has come.
    for touched in [later(100), NOW] {
        let before = engine.upload(bucket.id, open.id).await.unwrap().unwrap().touched;
        engine.put_upload_part(upload_part(&open, 1), touched, Events::default()).await.unwrap();
        for stale in [seen.touched, before] {
            let refused = engine.abort_upload(bucket.id, open.id, Some(stale), events_of(bucket.tenant, 1)).await.unwrap();
            assert_eq!(refused, Changed::Conflict);
        }
    }
    assert_eq!(engine.upload_parts(open.id, 0, 10).await.unwrap().len(), 1);
    assert!(engine.events(bucket.tenant, None, 10).await.unwrap().is_empty());
    let now = engine.upload(bucket.id, open.id).await.unwrap().unwrap().touched;
    assert_eq!(engine.abort_upload(bucket.id, open.id, Some(now), events_of(bucket.tenant, 1)).await.unwrap(), Changed::Done);
    assert_eq!(engine.events(bucket.tenant, None, 10).await.unwrap().len(), 1);
}

pub(crate) async fn a_completed_upload_keeps_the_parts_it_uses_and_condemns_the_rest(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let (open, parts) = with_upload(&engine, &bucket, "a/b", 3).await;
    let used = [parts[0].clone(), parts[2].clone()];
    let change = completion(&bucket, "a/b", &open, &used);
    assert!(matches!(engine.commit(change.clone()).await.unwrap(), Committed::Done { .. }));
    let version = found(&engine, &bucket, "a/b", Which::Current).await.version.unwrap().version;
    assert_eq!(version.id, open.version);
    assert_eq!(engine.parts_after(version.id, 0, 10).await.unwrap(), change.version.unwrap().2);
    assert_eq!(engine.upload(bucket.id, open.id).await.unwrap(), None);
    assert_eq!(condemned(&engine, later(1)).await, vec![parts[1].location.blob]);
}

pub(crate) async fn a_complete_without_its_upload_changes_nothing(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let (open, parts) = with_upload(&engine, &bucket, "a", 1).await;
    let stale = UploadRow { revision: 2, ..open.clone() };
    let refused = engine.commit(completion(&bucket, "a", &stale, &parts)).await.unwrap();
    assert_eq!(refused, Committed::UploadChanged);
    assert_eq!(engine.upload_parts(open.id, 0, 10).await.unwrap(), parts);
    engine.abort_upload(bucket.id, open.id, None, Events::default()).await.unwrap();
    // The abort condemned the parts' blobs: either refusal says so.
    let late = engine.commit(completion(&bucket, "a", &open, &[])).await.unwrap();
    assert_eq!(late, Committed::UploadChanged);
    assert_eq!(engine.count_versions().await.unwrap(), 0);
    assert!(engine.events(bucket.tenant, None, 10).await.unwrap().is_empty());
}

pub(crate) async fn an_upload_of_another_bucket_completes_nothing(engine: Arc<dyn Engine>) {
    let (mine, theirs) = (with_bucket(&engine).await, with_bucket(&engine).await);
    let (open, parts) = with_upload(&engine, &theirs, "a", 1).await;
    let foreign = VersionChange { upload: Some((open.id, open.revision)), ..completion(&mine, "a", &upload(&mine, "a"), &[]) };
    assert_eq!(engine.commit(foreign).await.unwrap(), Committed::UploadChanged);
    assert_eq!(engine.upload_parts(open.id, 0, 10).await.unwrap(), parts);
}

pub(crate) async fn uploads_of_one_key_stand_side_by_side(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let (one, parts) = with_upload(&engine, &bucket, "a", 1).await;
    let (other, _) = with_upload(&engine, &bucket, "a", 1).await;
    assert!(matches!(engine.commit(completion(&bucket, "a", &one, &parts)).await.unwrap(), Committed::Done { .. }));
    assert_eq!(engine.upload(bucket.id, other.id).await.unwrap().unwrap().key, entry("a", &version(&bucket, EntryId::random())).key);
    let unused = location(bucket.tenant).blob;
    assert_eq!(engine.condemn(vec![unused], NOW).await.unwrap(), vec![unused]);
}
