//! Buckets: names, compare-and-set, and when one may go.

use crate::rows::{bucket, events_of, first_version, mac, tenant, upload, version};
use hozon::domain::{BucketName, EntryId, Standing, TenantId, Versioning};
use hozon::engine::{BucketRow, Changed, Committed, Engine, EntryChange, Events, VersionChange};
use std::sync::Arc;

/// A tenant with one bucket.
pub(crate) async fn with_bucket(engine: &Arc<dyn Engine>) -> BucketRow {
    let owner = tenant(&format!("t-{}", TenantId::random()));
    engine.create_tenant(owner.clone(), Vec::new(), Vec::new(), Events::default()).await.unwrap();
    let row = bucket(owner.id, "karte");
    assert_eq!(engine.create_bucket(row.clone(), Events::default()).await.unwrap(), Changed::Done);
    row
}

pub(crate) async fn a_bucket_is_found_by_tenant_and_name(engine: Arc<dyn Engine>) {
    let row = with_bucket(&engine).await;
    let other = with_bucket(&engine).await;
    assert_eq!(engine.bucket(row.tenant, &row.name).await.unwrap(), Some(row.clone()));
    assert_eq!(engine.bucket(other.tenant, &row.name).await.unwrap(), Some(other));
    assert_eq!(engine.bucket(row.tenant, &BucketName::parse("files").unwrap()).await.unwrap(), None);
    let again = engine.create_bucket(bucket(row.tenant, "karte"), events_of(row.tenant, 1)).await.unwrap();
    assert_eq!(again, Changed::Conflict);
    assert!(engine.events(row.tenant, None, 10).await.unwrap().is_empty());
}

pub(crate) async fn buckets_are_listed_by_name(engine: Arc<dyn Engine>) {
    let karte = with_bucket(&engine).await;
    for name in ["zz0", "archive"] {
        let row = BucketRow { default_class: None, ..bucket(karte.tenant, name) };
        engine.create_bucket(row, Events::default()).await.unwrap();
    }
    let names: Vec<String> = engine.buckets(karte.tenant).await.unwrap().iter().map(|row| row.name.to_string()).collect();
    assert_eq!(names, ["archive", "karte", "zz0"]);
}

pub(crate) async fn a_bucket_changes_only_from_the_revision_that_was_seen(engine: Arc<dyn Engine>) {
    let first = with_bucket(&engine).await;
    let second = BucketRow {
        versioning: Versioning::Suspended,
        standing: Standing::Disabled,
        default_class: None,
        revision: 2,
        mac: mac("second"),
        ..first.clone()
    };
    assert_eq!(engine.update_bucket(second.clone(), events_of(first.tenant, 1)).await.unwrap(), Changed::Done);
    assert_eq!(engine.update_bucket(second.clone(), events_of(first.tenant, 1)).await.unwrap(), Changed::Conflict);
    assert_eq!(engine.bucket(first.tenant, &first.name).await.unwrap(), Some(second));
    assert_eq!(engine.events(first.tenant, None, 10).await.unwrap().len(), 1);
}

pub(crate) async fn an_empty_bucket_can_be_deleted_once(engine: Arc<dyn Engine>) {
    let row = with_bucket(&engine).await;
    let stale = engine.delete_bucket(row.id, 7, events_of(row.tenant, 1)).await.unwrap();
    assert_eq!(stale, Changed::Conflict);
    assert_eq!(engine.delete_bucket(row.id, row.revision, events_of(row.tenant, 1)).await.unwrap(), Changed::Done);
    assert_eq!(engine.delete_bucket(row.id, row.revision, events_of(row.tenant, 1)).await.unwrap(), Changed::Conflict);
    assert_eq!(engine.bucket(row.tenant, &row.name).await.unwrap(), None);
    assert_eq!(engine.events(row.tenant, None, 10).await.unwrap().len(), 1);
}

pub(crate) async fn a_bucket_with_a_key_stays(engine: Arc<dyn Engine>) {
    let row = with_bucket(&engine).await;
    let held = version(&row, EntryId::random());
    let change = first_version("a/b", held.clone());
    assert!(matches!(engine.commit(change).await.unwrap(), Committed::Done { .. }));
    assert_eq!(engine.delete_bucket(row.id, row.revision, Events::default()).await.unwrap(), Changed::Conflict);
    let removal = VersionChange {
        bucket: row.id,
        bucket_revision: row.revision,
        entry: EntryChange::Remove { id: held.entry, bucket: row.id, expected: 1 },
        directories: Vec::new(),
        version: None,
        remove: vec![(held.id, held.revision)],
        upload: None,
        events: Events::default(),
    };
    assert!(matches!(engine.commit(removal).await.unwrap(), Committed::Done { .. }));
    assert_eq!(engine.delete_bucket(row.id, row.revision, Events::default()).await.unwrap(), Changed::Done);
}

pub(crate) async fn a_bucket_with_an_open_upload_stays(engine: Arc<dyn Engine>) {
    let row = with_bucket(&engine).await;
    let open = upload(&row, "a");
    engine.create_upload(open.clone(), 10, Events::default()).await.unwrap();
    assert_eq!(engine.delete_bucket(row.id, row.revision, Events::default()).await.unwrap(), Changed::Conflict);
    engine.abort_upload(row.id, open.id, None, Events::default()).await.unwrap();
    assert_eq!(engine.delete_bucket(row.id, row.revision, Events::default()).await.unwrap(), Changed::Done);
}

pub(crate) async fn a_deleted_bucket_takes_no_version_and_no_upload(engine: Arc<dyn Engine>) {
    let row = with_bucket(&engine).await;
    engine.delete_bucket(row.id, row.revision, Events::default()).await.unwrap();
    let late = VersionChange { events: events_of(row.tenant, 1), ..first_version("a", version(&row, EntryId::random())) };
    assert_eq!(engine.commit(late).await.unwrap(), Committed::BucketGone);
    let open = engine.create_upload(upload(&row, "a"), 10, events_of(row.tenant, 1)).await.unwrap();
    assert_eq!(open, Changed::Conflict);
    assert!(engine.events(row.tenant, None, 10).await.unwrap().is_empty());
    assert_eq!(engine.count_versions().await.unwrap(), 0);
}

pub(crate) async fn a_change_decided_by_older_rules_of_its_bucket_is_decided_again(engine: Arc<dyn Engine>) {
    let row = with_bucket(&engine).await;
    let changed = BucketRow { versioning: Versioning::Suspended, revision: row.revision + 1, ..row.clone() };
    assert_eq!(engine.update_bucket(changed.clone(), Events::default()).await.unwrap(), Changed::Done);
    let late = VersionChange { events: events_of(row.tenant, 1), ..first_version("a", version(&row, EntryId::random())) };
    assert_eq!(engine.commit(late.clone()).await.unwrap(), Committed::EntryChanged);
    assert_eq!(engine.count_versions().await.unwrap(), 0);
    assert!(engine.events(row.tenant, None, 10).await.unwrap().is_empty());
    let again = VersionChange { bucket_revision: changed.revision, ..late };
    assert!(matches!(engine.commit(again).await.unwrap(), Committed::Done { .. }));
}
