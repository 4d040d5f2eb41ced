//! What has changed since: a copy and all changes after it are the index as it is now.

use crate::buckets::with_bucket;
use crate::copies::{dump, fill, load};
use crate::model;
use crate::rows::{NOW, events_of, first_version, version};
use crate::uploads::with_upload;
use crate::versions::done;
use hozon::domain::{EntryId, ManualClock};
use hozon::engine::{self, Batch, Changed, Engine, Holds, IndexSettings, Noted, SqliteSettings, Tally, VersionChange};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use std::sync::Arc;
use tokio::sync::mpsc;

/// What has changed, as batches.
async fn dump_changes(engine: &Arc<dyn Engine>) -> (Vec<Batch>, Option<Noted>) {
    let (out, mut taken) = mpsc::channel(2);
    let dumping = tokio::spawn({
        let engine = Arc::clone(engine);
        async move { engine.dump_changes(out).await }
    });
    let mut batches = Vec::new();
    while let Some(batch) = taken.recv().await {
        batches.push(Batch::from_bytes(&batch.to_bytes()).unwrap());
    }
    (batches, dumping.await.unwrap().unwrap())
}

/// What a new index holds that was filled with these batches.
async fn tally_of(batches: &[Batch]) -> Tally {
    let place = tempfile::tempdir().unwrap();
    let settings = IndexSettings::Sqlite(SqliteSettings { path: place.path().join("restored.sqlite"), readers: 1 });
    load(&settings, batches.iter().cloned().map(Ok).collect()).await.unwrap();
    let restored = engine::open(&settings, Arc::new(ManualClock::new(NOW))).await.unwrap();
    dump(&restored).await.1
}

pub(crate) async fn a_copy_and_what_has_changed_since_are_the_index_of_now(engine: Arc<dyn Engine>) {
    fill(&engine).await;
    assert_eq!(engine.changes_waiting().await.unwrap(), None);
    assert_eq!(engine.note_changes().await.unwrap(), Changed::Done);
    let (mut all, _) = dump(&engine).await;
    assert_eq!(dump_changes(&engine).await, (Vec::new(), None));
    let mut runner = TestRunner::deterministic();
    for turn in 0..4 {
        let steps = model::steps().new_tree(&mut runner).unwrap().current();
        model::run(Arc::clone(&engine), steps).await;
        let bucket = with_bucket(&engine).await;
        with_upload(&engine, &bucket, "open", 2).await;
        let change = VersionChange { events: events_of(bucket.tenant, 3), ..first_version("a/b", version(&bucket, EntryId::random())) };
        done(&engine, change).await;
        let (batches, noted) = dump_changes(&engine).await;
        assert!(batches.iter().any(|batch| batch.holds() == Holds::Keys));
        all.extend(batches);
        // Who dies between keeping and forgetting sends the same again.
        if turn % 2 == 0 {
            engine.forget_changes(noted.unwrap()).await.unwrap();
            assert_eq!(engine.changes_waiting().await.unwrap(), Some(0));
        }
    }
    assert_eq!(tally_of(&all).await, dump(&engine).await.1);
}

pub(crate) async fn changes_that_come_while_others_are_sent_are_sent_later(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    engine.note_changes().await.unwrap();
    let writing: Vec<_> = (0..4)
        .map(|writer| {
            let (engine, bucket) = (Arc::clone(&engine), bucket.clone());
            tokio::spawn(async move {
                for number in 0..60 {
                    let change = VersionChange {
                        events: events_of(bucket.tenant, 2),
                        ..first_version(&format!("d{}/{writer}-{number}", number % 3), version(&bucket, EntryId::random()))
                    };
                    done(&engine, change).await;
                    engine.append(events_of(bucket.tenant, 1)).await.unwrap();
                }
            })
        })
        .collect();
    let (mut all, _) = dump(&engine).await;
    let mut sent = 0;
    loop {
        let is_last = writing.iter().all(tokio::task::JoinHandle::is_finished);
        let (batches, noted) = dump_changes(&engine).await;
        all.extend(batches);
        if let Some(noted) = noted {
            engine.forget_changes(noted).await.unwrap();
            sent += 1;
        }
        if is_last {
            break;
        }
    }
    for writer in writing {
        writer.await.unwrap();
    }
    assert!(sent > 1);
    assert_eq!(tally_of(&all).await, dump(&engine).await.1);
}

pub(crate) async fn changes_are_noted_without_a_gap_or_begun_anew(engine: Arc<dyn Engine>) {
    assert_eq!(engine.note_changes().await.unwrap(), Changed::Done);
    with_bucket(&engine).await;
    assert_eq!(engine.note_changes().await.unwrap(), Changed::Conflict);
    assert!(engine.changes_waiting().await.unwrap().is_some_and(|waiting| waiting > 0));
    engine.end_notes().await.unwrap();
    with_bucket(&engine).await;
    assert_eq!(engine.changes_waiting().await.unwrap(), None);
    assert_eq!(engine.note_changes().await.unwrap(), Changed::Done);
    assert_eq!(engine.changes_waiting().await.unwrap(), Some(0));
    assert_eq!(dump_changes(&engine).await, (Vec::new(), None));
}
