//! Many writers at once, of which some fail.

use crate::buckets::with_bucket;
use crate::rows::{NOW, directory_token, event, events_of, first_version, key_token, later, next_version, upload_part, version};
use crate::uploads::{completion, with_upload};
use crate::versions::{done, found};
use hozon::domain::{EntryId, TenantId};
use hozon::engine::{Committed, Engine, Events, JournalRow, VersionChange, Which};
use std::sync::Arc;
use tokio::task::JoinSet;

pub(crate) async fn of_many_writers_of_one_key_one_wins_each_round(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let id = EntryId::random();
    done(&engine, first_version("a", version(&bucket, id))).await;
    for round in 1..=5 {
        let seen = found(&engine, &bucket, "a", Which::Current).await.entry;
        let mut writers = JoinSet::new();
        for _ in 0..64 {
            let change = VersionChange { events: events_of(bucket.tenant, 1), ..next_version(&seen, version(&bucket, id)) };
            let engine = Arc::clone(&engine);
            writers.spawn(async move { engine.commit(change).await.unwrap() });
        }
        let ends = writers.join_all().await;
        assert_eq!(ends.iter().filter(|end| matches!(end, Committed::Done { .. })).count(), 1);
        assert_eq!(ends.iter().filter(|end| **end == Committed::EntryChanged).count(), 63);
        assert_eq!(engine.count_versions().await.unwrap(), round + 1);
        assert_eq!(engine.events(bucket.tenant, None, 100).await.unwrap().len() as u64, round);
    }
}

pub(crate) async fn writers_of_many_keys_all_get_in_with_orders_of_their_own(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let mut writers = JoinSet::new();
    for writer in 0..64 {
        let (engine, bucket) = (Arc::clone(&engine), bucket.clone());
        writers.spawn(async move {
            let mut seqs = Vec::new();
            for round in 0..4 {
                let change = first_version(&format!("d{}/{writer}-{round}", writer % 3), version(&bucket, EntryId::random()));
                seqs.push(done(&engine, change).await);
            }
            seqs
        });
    }
    let mut seqs: Vec<u64> = writers.join_all().await.into_iter().flatten().collect();
    seqs.sort_unstable();
    seqs.dedup();
    assert_eq!(seqs.len(), 256);
    let root = engine.directory_changes(bucket.id, directory_token(""), 0, 1_000).await.unwrap();
    let mut counted: Vec<(u64, u64)> = root.directories.iter().map(|row| (row.live, row.total)).collect();
    counted.sort_unstable();
    assert_eq!(counted, vec![(84, 84), (84, 84), (88, 88)]);
}

pub(crate) async fn the_conflict_of_one_writer_is_not_the_failure_of_another(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    done(&engine, first_version("taken", version(&bucket, EntryId::random()))).await;
    let mut writers = JoinSet::new();
    for writer in 0..200 {
        let key = if writer % 2 == 0 { "taken".to_owned() } else { format!("free-{writer}") };
        let change = VersionChange { events: events_of(bucket.tenant, 1), ..first_version(&key, version(&bucket, EntryId::random())) };
        let engine = Arc::clone(&engine);
        writers.spawn(async move { (writer, engine.commit(change).await.unwrap()) });
    }
    for (writer, end) in writers.join_all().await {
        assert_eq!(matches!(end, Committed::Done { .. }), writer % 2 == 1, "{writer}: {end:?}");
    }
    assert_eq!(engine.count_versions().await.unwrap(), 101);
    assert_eq!(engine.events(bucket.tenant, None, 1_000).await.unwrap().len(), 100);
}

pub(crate) async fn an_event_that_many_retry_is_written_once(engine: Arc<dyn Engine>) {
    let row = event(TenantId::random());
    let mut writers = JoinSet::new();
    for _ in 0..64 {
        let (engine, row) = (Arc::clone(&engine), row.clone());
        writers.spawn(async move { engine.append(Events { rows: vec![row], keys: Vec::new() }).await.unwrap() });
    }
    writers.join_all().await;
    let stored: Vec<JournalRow> = engine.events(row.tenant, None, 100).await.unwrap().into_iter().map(|(_, row)| row).collect();
    assert_eq!(stored, vec![row]);
}

pub(crate) async fn a_reader_sees_every_commit_that_was_acknowledged(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let mut writers = JoinSet::new();
    for writer in 0..32 {
        let (engine, bucket) = (Arc::clone(&engine), bucket.clone());
        writers.spawn(async move {
            let row = version(&bucket, EntryId::random());
            let key = format!("k{writer}");
            done(&engine, first_version(&key, row.clone())).await;
            let seen = engine.find(bucket.id, key_token(&key), Which::Current).await.unwrap().unwrap();
            assert_eq!(seen.version.unwrap().version.id, row.id);
        });
    }
    writers.join_all().await;
}

pub(crate) async fn a_part_that_comes_again_during_the_complete_condemns_nothing_in_use(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    for round in 0..30 {
        let key = format!("k{round}");
        let (open, parts) = with_upload(&engine, &bucket, &key, 2).await;
        let again = upload_part(&open, 1);
        let (completed, replaced) =
            tokio::join!(engine.commit(completion(&bucket, &key, &open, &parts)), engine.put_upload_part(again, NOW, Events::default()));
        match (completed.unwrap(), replaced.unwrap()) {
            // Whoever came second was told.
            (Committed::Done { .. }, Committed::UploadChanged) | (Committed::Condemned, Committed::Done { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(engine.condemned(later(1), None, 1_000).await.unwrap().iter().all(|condemned| !condemned.is_named));
}

pub(crate) async fn a_write_whose_caller_leaves_happens_whole_or_not_at_all(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    for round in 0..50 {
        let change = VersionChange {
            events: events_of(bucket.tenant, 1),
            ..first_version(&format!("k{round}"), version(&bucket, EntryId::random()))
        };
        let commit = engine.commit(change);
        tokio::select! { biased; _done = commit => {}, () = tokio::task::yield_now() => {} }
    }
    // What is under way ends by itself, in whatever order.
    let mut versions = u64::MAX;
    while versions != engine.count_versions().await.unwrap() {
        versions = engine.count_versions().await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }
    assert_eq!(engine.events(bucket.tenant, None, 1_000).await.unwrap().len() as u64, versions);
    let listed = engine.directory_changes(bucket.id, directory_token(""), 0, 1_000).await.unwrap();
    assert_eq!(listed.entries.len() as u64, versions);
}
