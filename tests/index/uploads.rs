//! Open uploads, their parts, and what they become.

use super::memory::Memory;
use super::support::{House, NOW, key};
use hozon::domain::{
    Attributes, ByteRange, ChecksumAlgorithm, ChecksumType, Checksums, ETag, PrincipalId, RecordState, UploadId, VersionId, Versioning,
};
use hozon::engine::{Changed, Committed, Events, Nullness, Which};
use hozon::index::{
    Bucket, IndexError, NewContent, NewUpload, NewUploadPart, NewVersion, Upload, UploadItem, UploadedPart, UploadsPage, UploadsQuery,
};
use std::sync::Arc;
use std::time::Duration;

async fn house() -> (Arc<Memory>, House, Bucket) {
    let engine = Arc::new(Memory::default());
    let house = House::over(engine.clone()).await;
    let tenant = house.tenant("hospital").await;
    let bucket = house.bucket(tenant, "files", Versioning::On).await;
    (engine, house, bucket)
}

async fn opened(house: &House, bucket: &Bucket, name: &str, age_secs: u64) -> Upload {
    let id = UploadId::random();
    let new = NewUpload {
        id,
        version: VersionId::random(),
        initiator: PrincipalId::from_bytes([9; 16]),
        created: NOW.minus(Duration::from_secs(age_secs)),
        state: RecordState::Draft,
        checksum: Some((ChecksumAlgorithm::Sha256, ChecksumType::Composite)),
        attributes: Attributes { key: name.to_owned(), ..Attributes::default() },
        tags: vec![("k".to_owned(), "v".to_owned())],
        dek: (1, vec![5; 104]),
    };
    let index = house.index.of(bucket.tenant);
    assert_eq!(index.create_upload(bucket, &key(name), new, Events::default()).await.unwrap(), Changed::Done);
    index.upload(bucket, id).await.unwrap().unwrap()
}

fn checksum(number: u32) -> Checksums {
    Checksums { algorithm: ChecksumAlgorithm::Sha256, kind: ChecksumType::Composite, value: format!("canary-sum-{number}") }
}

async fn part(house: &House, bucket: &Bucket, upload: &Upload, number: u32) -> Committed {
    let stored = house.stored(bucket, upload.version(), u64::from(number) * 100).await;
    let new = NewUploadPart { number, stored, etag: ETag::random(1), crc64nvme: [1; 8], checksum: Some(checksum(number)) };
    house.index.of(bucket.tenant).put_upload_part(upload, new, NOW, Events::default()).await.unwrap()
}

async fn completed(house: &House, bucket: &Bucket, upload: &Upload, parts: Vec<UploadedPart>) -> NewVersion {
    let size = parts.iter().map(UploadedPart::length).sum();
    let content = NewContent::Body { stored: house.stored(bucket, upload.version(), 0).await.into(), dek: (1, vec![5; 104]), size, parts };
    NewVersion {
        id: upload.version(),
        null: Nullness::Numbered,
        created: NOW,
        etag: ETag::random(3),
        state: upload.state(),
        retention: None,
        enterer: upload.initiator(),
        parent: None,
        attributes: upload.attributes().clone(),
        tags: upload.tags().to_vec(),
        content,
    }
}

#[tokio::test]
async fn an_upload_becomes_a_version_with_its_parts_in_order() {
    let (engine, house, bucket) = house().await;
    let index = house.index.of(bucket.tenant);
    let upload = opened(&house, &bucket, "a/b", 0).await;
    for number in [7, 2, 10_000] {
        assert!(matches!(part(&house, &bucket, &upload, number).await, Committed::Done { .. }));
    }
    let parts = index.upload_parts(&upload, 0, 10).await.unwrap();
    assert_eq!(parts.iter().map(UploadedPart::number).collect::<Vec<_>>(), [2, 7, 10_000]);
    assert_eq!(parts[0].checksum(), Some(&checksum(2)));
    assert_eq!((parts[0].crc64nvme(), parts[0].length()), ([1; 8], 200));
    let was = index.find(&bucket, &key("a/b"), Which::Current).await.unwrap();
    let done = index.put(&was, completed(&house, &bucket, &upload, parts).await, Some(&upload), Events::default()).await.unwrap();
    assert!(matches!(done, Committed::Done { .. }));
    assert!(index.upload(&bucket, upload.id()).await.unwrap().is_none());

    let version = index.find(&bucket, &key("a/b"), Which::Current).await.unwrap().version.unwrap();
    assert_eq!((version.row.parts, version.row.size), (3, 1_000_900));
    let touched = index.parts(&version, ByteRange { start: 150, end: 201 }).await.unwrap();
    assert_eq!(touched.iter().map(|p| (p.number, p.offset)).collect::<Vec<_>>(), [(1, 0), (2, 200)]);
    let second = index.part(&version, 2).await.unwrap().unwrap();
    assert_eq!((second.row.length, second.checksum), (700, Some(checksum(7))));
    assert!(index.part(&version, 4).await.unwrap().is_none());
    assert_eq!(index.parts_after(&version, 1, 1).await.unwrap().len(), 1);
    assert_eq!(index.parts_after(&version, 1, 9).await.unwrap().len(), 2);

    // A part that goes missing is noticed by each way to ask for it.
    engine.tables().parts.remove(&(version.row.id, 2));
    let tampered = |error: IndexError| matches!(error, IndexError::Tampered { table: "parts" });
    assert!(tampered(index.parts(&version, ByteRange::whole(version.row.size)).await.unwrap_err()));
    assert!(tampered(index.parts(&version, ByteRange { start: 300, end: 400 }).await.unwrap_err()));
    assert!(tampered(index.part(&version, 2).await.unwrap_err()));
    assert!(tampered(index.parts_after(&version, 0, 9).await.unwrap_err()));
}

#[tokio::test]
async fn parts_and_uploads_complete_only_what_they_are_for() {
    let (_engine, house, bucket) = house().await;
    let index = house.index.of(bucket.tenant);
    let upload = opened(&house, &bucket, "a", 0).await;
    let other = opened(&house, &bucket, "b", 0).await;
    part(&house, &bucket, &other, 1).await;
    let foreign = index.upload_parts(&other, 0, 10).await.unwrap();
    let was = index.find(&bucket, &key("a"), Which::Current).await.unwrap();
    let misfits = [
        (completed(&house, &bucket, &upload, foreign.clone()).await, Some(&upload)),
        (completed(&house, &bucket, &other, Vec::new()).await, Some(&upload)),
        (completed(&house, &bucket, &upload, Vec::new()).await, Some(&other)),
        (
            NewVersion {
                id: upload.version(),
                attributes: upload.attributes().clone(),
                ..completed(&house, &bucket, &other, foreign).await
            },
            None,
        ),
    ];
    for (new, completes) in misfits {
        assert!(matches!(index.put(&was, new, completes, Events::default()).await, Err(IndexError::Misfit)));
    }
    assert_eq!(house.index.engine().count_versions().await.unwrap(), 0);
}

#[tokio::test]
async fn an_aborted_upload_takes_no_part() {
    let (_engine, house, bucket) = house().await;
    let index = house.index.of(bucket.tenant);
    let upload = opened(&house, &bucket, "a", 0).await;
    assert_eq!(index.abort_upload(&upload, Events::default()).await.unwrap(), Changed::Done);
    assert_eq!(index.abort_upload(&upload, Events::default()).await.unwrap(), Changed::Conflict);
    assert_eq!(part(&house, &bucket, &upload, 1).await, Committed::UploadChanged);
    let was = index.find(&bucket, &key("a"), Which::Current).await.unwrap();
    let late = index.put(&was, completed(&house, &bucket, &upload, Vec::new()).await, Some(&upload), Events::default()).await.unwrap();
    assert_eq!(late, Committed::UploadChanged);
}

fn shown(page: &UploadsPage) -> Vec<(String, Option<UploadId>)> {
    let show = |item: &UploadItem| match item {
        UploadItem::Upload { key, id, .. } => (key.clone(), Some(*id)),
        UploadItem::Prefix(prefix) => (prefix.clone(), None),
    };
    page.items.iter().map(show).collect()
}

async fn all_pages(house: &House, bucket: &Bucket, mut query: UploadsQuery) -> Vec<(String, Option<UploadId>)> {
    let mut items = Vec::new();
    loop {
        let page = house.index.of(bucket.tenant).uploads(bucket, &query).await.unwrap();
        items.extend(shown(&page));
        if !page.more {
            return items;
        }
        let (key, id) = page.last.unwrap();
        (query.key_marker, query.upload_marker) = (Some(key), id);
    }
}

#[tokio::test]
async fn uploads_list_by_key_then_time_and_page_without_a_gap() {
    let (_engine, house, bucket) = house().await;
    let mut expected = Vec::new();
    for (name, age) in [("b", 1), ("a", 1), ("a", 3), ("a/x", 2), ("a/y", 2), ("a", 2), ("é", 0)] {
        let upload = opened(&house, &bucket, name, age).await;
        expected.push((name.to_owned(), std::cmp::Reverse(age), Some(upload.id())));
    }
    expected.sort();
    let expected: Vec<_> = expected.into_iter().map(|(name, _, id)| (name, id)).collect();
    let rolled: Vec<_> = expected.iter().filter(|(name, _)| !name.contains('/')).cloned().collect();
    for limit in [1, 2, 3, 100] {
        let query = UploadsQuery { limit, ..UploadsQuery::default() };
        assert_eq!(all_pages(&house, &bucket, query.clone()).await, expected);
        let delimited = all_pages(&house, &bucket, UploadsQuery { delimiter: Some("/".into()), ..query.clone() }).await;
        assert_eq!(delimited.len(), rolled.len() + 1);
        assert_eq!(delimited[3], ("a/".to_owned(), None));
        assert_eq!([&delimited[..3], &delimited[4..]].concat(), rolled);
        let below = all_pages(&house, &bucket, UploadsQuery { prefix: "a/".into(), ..query }).await;
        assert_eq!(below.len(), 2);
    }
}

#[tokio::test]
async fn a_marked_upload_that_has_gone_hides_none_of_its_key() {
    let (_engine, house, bucket) = house().await;
    let gone = opened(&house, &bucket, "a", 2).await;
    let left = opened(&house, &bucket, "a", 1).await;
    house.index.of(bucket.tenant).abort_upload(&gone, Events::default()).await.unwrap();
    let query = UploadsQuery { key_marker: Some("a".into()), upload_marker: Some(gone.id()), limit: 9, ..UploadsQuery::default() };
    assert_eq!(all_pages(&house, &bucket, query.clone()).await, [("a".to_owned(), Some(left.id()))]);
    assert_eq!(all_pages(&house, &bucket, UploadsQuery { upload_marker: None, ..query }).await, []);
}
