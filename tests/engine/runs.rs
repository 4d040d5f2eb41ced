//! Sorted runs: whole or not there, one at a time, the newest counts.

use crate::buckets::with_bucket;
use crate::rows::{directory_token, first_version, version};
use crate::versions::done;
use hozon::domain::{BucketId, EntryId, RunId};
use hozon::engine::{BucketRow, Changed, Engine, RunRow};
use std::sync::Arc;

pub(crate) fn run(bucket: BucketId, path: &str, mark: u64, pages: u32) -> RunRow {
    RunRow {
        id: RunId::random(),
        bucket,
        directory: directory_token(path),
        epoch: 1,
        mark,
        pages,
        items: u64::from(pages) * 7,
        kek_version: 3,
        sealed_path: vec![4; 90],
    }
}

pub(crate) async fn begin(engine: &Arc<dyn Engine>, row: &RunRow) -> Changed {
    engine.begin_run(row.bucket, row.directory, row.id).await.unwrap()
}

fn page(number: u32) -> Vec<u8> {
    vec![u8::try_from(number).unwrap(); 30_000]
}

async fn put(engine: &Arc<dyn Engine>, row: &RunRow, pages: std::ops::Range<u32>) -> Changed {
    engine.put_run_pages(row.id, pages.start, pages.map(page).collect()).await.unwrap()
}

/// Begins, writes and completes a run.
pub(crate) async fn write(engine: &Arc<dyn Engine>, row: &RunRow) -> Changed {
    assert_eq!(begin(engine, row).await, Changed::Done);
    assert_eq!(put(engine, row, 0..row.pages).await, Changed::Done);
    engine.complete_run(row.clone()).await.unwrap()
}

/// The run that a listing of the directory is told of.
pub(crate) async fn told(engine: &Arc<dyn Engine>, bucket: BucketId, path: &str) -> Option<RunRow> {
    engine.directory_changes(bucket, directory_token(path), 0, 10).await.unwrap().run
}

pub(crate) async fn put_key(engine: &Arc<dyn Engine>, bucket: &BucketRow, key: &str) {
    done(engine, first_version(key, version(bucket, EntryId::random()))).await;
}

pub(crate) async fn a_run_is_the_directorys_once_it_is_whole(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let row = run(bucket.id, "a/", 0, 5);
    assert_eq!(begin(&engine, &row).await, Changed::Done);
    assert_eq!(put(&engine, &row, 0..3).await, Changed::Done);
    assert_eq!(put(&engine, &row, 3..5).await, Changed::Done);
    assert_eq!(told(&engine, bucket.id, "a/").await, None);
    assert_eq!(engine.complete_run(row.clone()).await.unwrap(), Changed::Done);
    assert_eq!(told(&engine, bucket.id, "a/").await, Some(row.clone()));
    assert_eq!(told(&engine, bucket.id, "").await, None);
    assert_eq!(told(&engine, BucketId::random(), "a/").await, None);
    assert_eq!(engine.run_pages(row.id, 1, 2).await.unwrap(), [page(1), page(2)]);
    assert_eq!(engine.run_pages(row.id, 4, 9).await.unwrap(), [page(4)]);
    assert_eq!(engine.run_pages(row.id, 5, 9).await.unwrap(), [[0; 0]; 0]);
    // Nothing is added to a whole run, nor is it made whole again.
    assert_eq!(put(&engine, &row, 5..6).await, Changed::Conflict);
    assert_eq!(engine.complete_run(RunRow { mark: 1, ..row.clone() }).await.unwrap(), Changed::Conflict);
    assert_eq!(told(&engine, bucket.id, "a/").await, Some(row));
}

pub(crate) async fn one_run_of_a_directory_is_under_way_at_a_time(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let (one, two, elsewhere) = (run(bucket.id, "a/", 0, 1), run(bucket.id, "a/", 0, 1), run(bucket.id, "b/", 0, 1));
    assert_eq!(begin(&engine, &one).await, Changed::Done);
    assert_eq!(begin(&engine, &two).await, Changed::Conflict);
    assert_eq!(begin(&engine, &elsewhere).await, Changed::Done);
    assert_eq!(put(&engine, &two, 0..1).await, Changed::Conflict);
    engine.end_run(one.id).await.unwrap();
    assert_eq!(put(&engine, &one, 0..1).await, Changed::Conflict);
    assert_eq!(write(&engine, &two).await, Changed::Done);
    // A bucket that is not there has none.
    assert_eq!(begin(&engine, &run(BucketId::random(), "a/", 0, 1)).await, Changed::Conflict);
}

pub(crate) async fn a_run_that_lacks_a_page_does_not_become_whole(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let row = run(bucket.id, "a/", 0, 4);
    assert_eq!(begin(&engine, &row).await, Changed::Done);
    assert_eq!(put(&engine, &row, 0..1).await, Changed::Done);
    assert_eq!(put(&engine, &row, 2..4).await, Changed::Done);
    assert_eq!(engine.complete_run(row.clone()).await.unwrap(), Changed::Conflict);
    assert_eq!(engine.complete_run(RunRow { pages: 3, ..row.clone() }).await.unwrap(), Changed::Conflict);
    // What comes after the gap is not read as if it came before.
    assert_eq!(engine.run_pages(row.id, 0, 9).await.unwrap(), [page(0)]);
    assert_eq!(engine.run_pages(row.id, 1, 9).await.unwrap(), [[0; 0]; 0]);
    // A page is written once, and a run becomes the run of the directory that it was begun for.
    assert_eq!(put(&engine, &row, 0..1).await, Changed::Conflict);
    assert_eq!(put(&engine, &row, 1..2).await, Changed::Done);
    let elsewhere = RunRow { directory: directory_token("b/"), ..row.clone() };
    assert_eq!(engine.complete_run(elsewhere).await.unwrap(), Changed::Conflict);
    assert_eq!(engine.complete_run(RunRow { epoch: 2, ..row.clone() }).await.unwrap(), Changed::Conflict);
    assert_eq!(engine.complete_run(row.clone()).await.unwrap(), Changed::Done);
    assert_eq!(told(&engine, bucket.id, "a/").await, Some(row));
}

pub(crate) async fn a_newer_run_takes_the_place_of_the_older(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    for key in ["a/1", "a/2", "a/3"] {
        put_key(&engine, &bucket, key).await;
    }
    let (older, newer, oldest) = (run(bucket.id, "a/", 2, 2), run(bucket.id, "a/", 3, 3), run(bucket.id, "a/", 1, 1));
    assert_eq!(write(&engine, &older).await, Changed::Done);
    assert_eq!(begin(&engine, &newer).await, Changed::Done);
    assert_eq!(told(&engine, bucket.id, "a/").await, Some(older.clone()), "until the newer one is whole");
    assert_eq!(put(&engine, &newer, 0..3).await, Changed::Done);
    assert_eq!(engine.complete_run(newer.clone()).await.unwrap(), Changed::Done);
    assert_eq!(told(&engine, bucket.id, "a/").await, Some(newer.clone()));
    // One that was begun earlier and ends later does not turn the clock back.
    assert_eq!(write(&engine, &oldest).await, Changed::Conflict);
    assert_eq!(told(&engine, bucket.id, "a/").await, Some(newer));
}

pub(crate) async fn an_ended_run_is_no_run(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let (one, two) = (run(bucket.id, "a/", 0, 2), run(bucket.id, "b/", 0, 2));
    assert_eq!(write(&engine, &one).await, Changed::Done);
    assert_eq!(write(&engine, &two).await, Changed::Done);
    engine.end_run(one.id).await.unwrap();
    engine.end_run(RunId::random()).await.unwrap();
    assert_eq!(told(&engine, bucket.id, "a/").await, None);
    assert_eq!(told(&engine, bucket.id, "b/").await, Some(two));
    assert_eq!(engine.complete_run(one).await.unwrap(), Changed::Conflict);
}

pub(crate) async fn a_deleted_bucket_takes_its_runs(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let (whole, under_way) = (run(bucket.id, "a/", 0, 2), run(bucket.id, "b/", 0, 2));
    assert_eq!(write(&engine, &whole).await, Changed::Done);
    assert_eq!(begin(&engine, &under_way).await, Changed::Done);
    let deleted = engine.delete_bucket(bucket.id, bucket.revision, hozon::engine::Events::default()).await.unwrap();
    assert_eq!(deleted, Changed::Done);
    assert_eq!(told(&engine, bucket.id, "a/").await, None);
    assert_eq!(put(&engine, &under_way, 0..1).await, Changed::Conflict);
}
