//! Which store the index belongs to, and whether it names anything in it.

use crate::buckets::with_bucket;
use crate::rows::{NOW, event, events_of, first_version, upload, upload_part, version};
use crate::versions::{done, found, removal};
use hozon::domain::{EntryId, StoreId, TenantId};
use hozon::engine::{Changed, Engine, Events, StoreRow, Which};
use std::sync::Arc;

pub(crate) async fn an_index_has_one_store_and_changes_it_only_from_what_was_seen(engine: Arc<dyn Engine>) {
    let tenant = TenantId::random();
    assert_eq!(engine.store().await.unwrap(), None);
    let (first, other) = (StoreRow { id: StoreId::random(), generation: 1 }, StoreRow { id: StoreId::random(), generation: 1 });
    assert_eq!(engine.set_store(Some(other), first, events_of(tenant, 1)).await.unwrap(), Changed::Conflict);
    assert_eq!(engine.set_store(None, first, events_of(tenant, 1)).await.unwrap(), Changed::Done);
    assert_eq!(engine.set_store(None, other, events_of(tenant, 1)).await.unwrap(), Changed::Conflict);
    let next = StoreRow { generation: 2, ..first };
    assert_eq!(engine.set_store(Some(first), next, events_of(tenant, 1)).await.unwrap(), Changed::Done);
    assert_eq!(engine.set_store(Some(first), other, events_of(tenant, 1)).await.unwrap(), Changed::Conflict);
    assert_eq!(engine.store().await.unwrap(), Some(next));
    assert_eq!(engine.events(tenant, None, 10).await.unwrap().len(), 2, "with its events, and without those of a conflict");
}

pub(crate) async fn an_index_names_blobs_from_the_first_part_or_version_to_the_last(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    assert!(!engine.names_blobs().await.unwrap());
    let row = version(&bucket, EntryId::random());
    done(&engine, first_version("a", row.clone())).await;
    assert!(engine.names_blobs().await.unwrap());
    let entry = found(&engine, &bucket, "a", Which::Current).await.entry;
    done(&engine, removal(&entry, &row, None)).await;
    assert!(!engine.names_blobs().await.unwrap());
    let open = upload(&bucket, "b");
    engine.create_upload(open.clone(), 10, Events::default()).await.unwrap();
    assert!(!engine.names_blobs().await.unwrap());
    engine.put_upload_part(upload_part(&open, 1), NOW, Events::default()).await.unwrap();
    assert!(engine.names_blobs().await.unwrap());
}

pub(crate) async fn the_newest_event_grows_with_each_event_of_anyone(engine: Arc<dyn Engine>) {
    let mut last = engine.newest_event().await.unwrap();
    for _tenant in 0..3 {
        engine.append(Events { rows: vec![event(TenantId::random())], keys: Vec::new() }).await.unwrap();
        let newest = engine.newest_event().await.unwrap();
        assert!(newest > last);
        last = newest;
    }
    assert_eq!(engine.newest_event().await.unwrap(), last);
}
