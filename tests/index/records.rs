//! Versions, tags and buckets.

use super::memory::Memory;
use super::support::{House, NOW, key, marker};
use hozon::domain::{BucketMode, BucketName, Hold, RecordState, Retention, Versioning};
use hozon::engine::{Changed, Committed, Events, Nullness, VersionKind, Which};
use hozon::index::{Bucket, IndexError, NewBucket, NewVersion};
use std::sync::Arc;

async fn house(versioning: Versioning) -> (House, Bucket) {
    let house = House::over(Arc::new(Memory::default())).await;
    let tenant = house.tenant("hospital").await;
    let bucket = house.bucket(tenant, "files", versioning).await;
    (house, bucket)
}

#[tokio::test]
async fn a_version_comes_back_as_it_was_written() {
    let (house, bucket) = house(Versioning::On).await;
    let index = house.index.of(bucket.tenant);
    let new = house.content(&bucket, "a/b c", Nullness::Numbered, 42).await;
    let (id, attributes, tags) = (new.id, new.attributes.clone(), new.tags.clone());
    house.put(&bucket, "a/b c", new).await.unwrap();
    let found = index.find(&bucket, &key("a/b c"), Which::Current).await.unwrap();
    let version = found.version.unwrap();
    assert_eq!((version.row.id, version.row.size, version.row.created), (id, 42, NOW));
    assert_eq!((version.attributes, version.tags), (attributes, tags));
    assert_eq!(version.dek.unwrap().wrapped, vec![7; 104]);
    assert_eq!(found.entry.unwrap().current().version, id);
    let absent = index.find(&bucket, &key("a/b"), Which::Current).await.unwrap();
    assert!(absent.entry.is_none() && absent.version.is_none());
}

#[tokio::test]
async fn of_two_writes_against_one_look_only_the_first_counts() {
    let (house, bucket) = house(Versioning::On).await;
    let index = house.index.of(bucket.tenant);
    let absent = index.find(&bucket, &key("a"), Which::Current).await.unwrap();
    let write = async |was| index.put(was, house.content(&bucket, "a", Nullness::Numbered, 1).await, None, Events::default()).await;
    assert!(matches!(write(&absent).await.unwrap(), Committed::Done { .. }));
    assert_eq!(write(&absent).await.unwrap(), Committed::EntryChanged);
    let there = index.find(&bucket, &key("a"), Which::Current).await.unwrap();
    assert!(matches!(write(&there).await.unwrap(), Committed::Done { .. }));
    assert_eq!(write(&there).await.unwrap(), Committed::EntryChanged);
}

#[tokio::test]
async fn removing_the_newest_version_uncovers_the_one_before() {
    let (house, bucket) = house(Versioning::On).await;
    let index = house.index.of(bucket.tenant);
    let old = house.content(&bucket, "a", Nullness::Numbered, 1).await;
    let old_id = old.id;
    house.put(&bucket, "a", old).await.unwrap();
    house.put(&bucket, "a", marker("a", Nullness::Numbered)).await.unwrap();
    let hidden = index.find(&bucket, &key("a"), Which::Current).await.unwrap();
    assert_eq!(hidden.version.unwrap().row.kind, VersionKind::DeleteMarker);
    house.remove(&bucket, "a", Which::Current).await.unwrap();
    let uncovered = index.find(&bucket, &key("a"), Which::Current).await.unwrap();
    assert_eq!(uncovered.version.unwrap().row.id, old_id);
    house.remove(&bucket, "a", Which::Id(old_id)).await.unwrap();
    assert!(index.find(&bucket, &key("a"), Which::Current).await.unwrap().entry.is_none());
}

#[tokio::test]
async fn a_null_version_replaces_only_the_null_version() {
    let (house, bucket) = house(Versioning::Suspended).await;
    let index = house.index.of(bucket.tenant);
    for null in [Nullness::Null, Nullness::Numbered, Nullness::Null] {
        house.put(&bucket, "a", house.content(&bucket, "a", null, 1).await).await.unwrap();
    }
    assert_eq!(house.index.engine().count_versions().await.unwrap(), 2);
    let newest = index.find(&bucket, &key("a"), Which::Current).await.unwrap().version.unwrap();
    assert_eq!(newest.row.null, Nullness::Null);
}

fn held(version: NewVersion) -> NewVersion {
    let hold = Retention { rule: "r".into(), start_event: "created".into(), started: None, until: None, hold: Hold::Held };
    NewVersion { retention: Some(hold), ..version }
}

#[tokio::test]
async fn a_null_version_that_must_stay_stops_the_write_over_it() {
    let (house, bucket) = house(Versioning::Off).await;
    let last = async |key: &str| house.content(&bucket, key, Nullness::Null, 1).await;
    house.put(&bucket, "held", held(last("held").await)).await.unwrap();
    house.put(&bucket, "final", NewVersion { state: RecordState::Finalized, ..last("final").await }).await.unwrap();
    for key in ["held", "final"] {
        let over = house.put(&bucket, key, last(key).await).await;
        assert!(matches!(over, Err(IndexError::Retained(_))), "{key}");
    }
    assert_eq!(house.index.engine().count_versions().await.unwrap(), 2);
}

#[tokio::test]
async fn a_version_that_changed_after_its_deletion_was_allowed_stays() {
    let (house, bucket) = house(Versioning::On).await;
    let index = house.index.of(bucket.tenant);
    house.put(&bucket, "a", house.content(&bucket, "a", Nullness::Numbered, 1).await).await.unwrap();
    let was = index.find(&bucket, &key("a"), Which::Current).await.unwrap();
    let version = was.version.as_ref().unwrap();
    let deletable = version.deletable(NOW).unwrap();
    // Tags stand for whatever changes a row without touching its key's entry, such as finalising.
    assert_eq!(index.set_tags(&bucket, version, Vec::new(), Events::default()).await.unwrap(), Changed::Done);
    assert_eq!(index.remove(&was, deletable, Events::default()).await.unwrap(), Committed::EntryChanged);
    assert_eq!(house.index.engine().count_versions().await.unwrap(), 1);
}

#[tokio::test]
async fn proof_for_one_version_removes_no_other() {
    let (house, bucket) = house(Versioning::On).await;
    let index = house.index.of(bucket.tenant);
    for key in ["a", "b"] {
        house.put(&bucket, key, house.content(&bucket, key, Nullness::Numbered, 1).await).await.unwrap();
    }
    let a = index.find(&bucket, &key("a"), Which::Current).await.unwrap();
    let b = index.find(&bucket, &key("b"), Which::Current).await.unwrap();
    let deletable = b.version.unwrap().deletable(NOW).unwrap();
    assert!(matches!(index.remove(&a, deletable, Events::default()).await, Err(IndexError::Misfit)));
}

#[tokio::test]
async fn tags_are_replaced_by_compare_and_set() {
    let (house, bucket) = house(Versioning::On).await;
    let index = house.index.of(bucket.tenant);
    house.put(&bucket, "a", house.content(&bucket, "a", Nullness::Numbered, 1).await).await.unwrap();
    let seen = index.find(&bucket, &key("a"), Which::Current).await.unwrap().version.unwrap();
    let tags = vec![("k".to_owned(), "v".to_owned())];
    assert_eq!(index.set_tags(&bucket, &seen, tags.clone(), Events::default()).await.unwrap(), Changed::Done);
    assert_eq!(index.set_tags(&bucket, &seen, Vec::new(), Events::default()).await.unwrap(), Changed::Conflict);
    let now = index.find(&bucket, &key("a"), Which::Current).await.unwrap().version.unwrap();
    assert_eq!((now.tags, now.attributes), (tags, seen.attributes));
}

#[tokio::test]
async fn buckets_are_the_tenants_own() {
    let (house, bucket) = house(Versioning::Off).await;
    let other = house.tenant("other").await;
    let name = BucketName::parse("files").unwrap();
    assert!(house.index.of(other).bucket(&name).await.unwrap().is_none());
    assert!(house.index.of(other).buckets().await.unwrap().is_empty());
    let twin = house.bucket(other, "files", Versioning::On).await;
    assert_ne!(twin.id, bucket.id);
    assert!(matches!(house.index.of(other).find(&bucket, &key("a"), Which::Current).await, Err(IndexError::Misfit)));
    let taken = NewBucket { name, mode: BucketMode::Plain, versioning: Versioning::Off, default_class: None };
    assert!(house.index.of(other).create_bucket(taken, NOW, Events::default()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_bucket_changes_and_goes_by_compare_and_set() {
    let (house, bucket) = house(Versioning::Off).await;
    let index = house.index.of(bucket.tenant);
    assert_eq!(index.set_versioning(&bucket, Versioning::On, Events::default()).await.unwrap(), Changed::Done);
    assert_eq!(index.set_versioning(&bucket, Versioning::On, Events::default()).await.unwrap(), Changed::Conflict);
    assert_eq!(index.delete_bucket(&bucket, Events::default()).await.unwrap(), Changed::Conflict);
    let bucket = index.bucket(&bucket.name).await.unwrap().unwrap();
    assert_eq!((bucket.versioning, bucket.revision), (Versioning::On, 2));
    assert_eq!(index.delete_bucket(&bucket, Events::default()).await.unwrap(), Changed::Done);
}

#[tokio::test]
async fn a_cursor_opens_only_for_its_own_bucket() {
    let (house, bucket) = house(Versioning::Off).await;
    let other = house.bucket(bucket.tenant, "other", Versioning::Off).await;
    let index = house.index.of(bucket.tenant);
    let cursor = index.seal_cursor(&bucket, b"canary-key").await.unwrap();
    assert_eq!(index.open_cursor(&bucket, &cursor).await.unwrap().unwrap().as_slice(), b"canary-key");
    assert!(index.open_cursor(&other, &cursor).await.unwrap().is_none());
    assert!(index.open_cursor(&bucket, &cursor[1..]).await.unwrap().is_none());
    assert!(index.open_cursor(&bucket, b"").await.unwrap().is_none());
}
