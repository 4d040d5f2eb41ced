//! Directories: their counters, and what a cache learns of their changes.

use crate::buckets::with_bucket;
use crate::rows::{directory_token, entry, first_version, marker, next_version, version};
use crate::versions::{done, found, removal};
use crate::view::View;
use hozon::domain::EntryId;
use hozon::engine::{BucketRow, Engine, VersionRow, Which};
use std::sync::Arc;

async fn put(engine: &Arc<dyn Engine>, bucket: &BucketRow, key: &str) -> VersionRow {
    let row = version(bucket, EntryId::random());
    done(engine, first_version(key, row.clone())).await;
    row
}

/// Puts a delete marker over a key, or content over its delete marker.
async fn put_over(engine: &Arc<dyn Engine>, bucket: &BucketRow, key: &str, make: fn(&BucketRow, EntryId) -> VersionRow) -> VersionRow {
    let seen = found(engine, bucket, key, Which::Current).await.entry;
    let row = make(bucket, seen.id);
    done(engine, next_version(&seen, row.clone())).await;
    row
}

async fn remove(engine: &Arc<dyn Engine>, bucket: &BucketRow, key: &str, row: &VersionRow) {
    let seen = found(engine, bucket, key, Which::Current).await.entry;
    done(engine, removal(&seen, row, None)).await;
}

/// (name, live, total) of the directories right below `path`.
async fn below(engine: &Arc<dyn Engine>, bucket: &BucketRow, path: &str) -> Vec<(String, u64, u64)> {
    let page = engine.directory_changes(bucket.id, directory_token(path), 0, 1_000).await.unwrap();
    let mut rows: Vec<_> =
        page.directories.iter().map(|row| (String::from_utf8(row.sealed_name.clone()).unwrap(), row.live, row.total)).collect();
    rows.sort();
    rows
}

fn counted(name: &str, live: u64, total: u64) -> (String, u64, u64) {
    (name.to_owned(), live, total)
}

pub(crate) async fn a_directory_counts_its_keys_and_directories(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    for key in ["top", "a/x", "a/y", "a/b/z", "c//d", "c/"] {
        put(&engine, &bucket, key).await;
    }
    assert_eq!(below(&engine, &bucket, "").await, [counted("a/", 3, 3), counted("c/", 2, 2)]);
    assert_eq!(below(&engine, &bucket, "a/").await, [counted("b/", 1, 1)]);
    assert_eq!(below(&engine, &bucket, "c/").await, [counted("/", 1, 1)]);
    let root = View::cold(&engine, bucket.id, "", 100).await;
    assert_eq!(root.content.entries.len(), 1);
}

pub(crate) async fn a_directory_is_live_while_anything_below_it_is(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    put(&engine, &bucket, "a/b/c/one").await;
    put(&engine, &bucket, "a/b/c/two").await;
    put_over(&engine, &bucket, "a/b/c/one", marker).await;
    assert_eq!(below(&engine, &bucket, "a/b/").await, [counted("c/", 1, 2)]);
    put_over(&engine, &bucket, "a/b/c/two", marker).await;
    for (path, name, total) in [("a/b/", "c/", 2), ("a/", "b/", 1), ("", "a/", 1)] {
        assert_eq!(below(&engine, &bucket, path).await, [counted(name, 0, total)]);
    }
    put_over(&engine, &bucket, "a/b/c/one", version).await;
    for (path, name, total) in [("a/b/", "c/", 2), ("a/", "b/", 1), ("", "a/", 1)] {
        assert_eq!(below(&engine, &bucket, path).await, [counted(name, 1, total)]);
    }
}

pub(crate) async fn a_key_that_begins_as_a_delete_marker_is_not_live(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    done(&engine, first_version("a/x", marker(&bucket, EntryId::random()))).await;
    assert_eq!(below(&engine, &bucket, "").await, [counted("a/", 0, 1)]);
}

pub(crate) async fn empty_directories_go_up_to_the_first_that_holds_more(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let deep = put(&engine, &bucket, "a/b/c/d").await;
    let beside = put(&engine, &bucket, "a/x").await;
    remove(&engine, &bucket, "a/b/c/d", &deep).await;
    assert_eq!(below(&engine, &bucket, "").await, [counted("a/", 1, 1)]);
    assert_eq!(below(&engine, &bucket, "a/").await, []);
    assert_eq!(below(&engine, &bucket, "a/b/").await, []);
    remove(&engine, &bucket, "a/x", &beside).await;
    assert_eq!(below(&engine, &bucket, "").await, []);
}

pub(crate) async fn a_cache_learns_only_what_is_new(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    for number in 0..20 {
        put(&engine, &bucket, &format!("a/{number}")).await;
    }
    let mut view = View::cold(&engine, bucket.id, "a/", 7).await;
    assert_eq!(view.content.entries.len(), 20);
    let quiet = engine.directory_changes(bucket.id, directory_token("a/"), view.mark, 100).await.unwrap();
    // An engine may tell again what a cache knows, but nothing else.
    assert_eq!((view.news(&quiet).len(), quiet.directories.len(), quiet.gone.len(), quiet.more), (0, 0, 0, false));
    put(&engine, &bucket, "elsewhere/1").await;
    let row = put(&engine, &bucket, "a/new").await;
    let page = engine.directory_changes(bucket.id, directory_token("a/"), view.mark, 100).await.unwrap();
    let news = view.news(&page);
    assert_eq!(news.iter().map(|row| row.id).collect::<Vec<_>>(), [row.entry]);
    assert!(page.mark >= view.mark && !page.more);
    assert_eq!(news[0].sealed_name, entry("a/new", &row).sealed_name);
    view.refresh(&engine, bucket.id, "a/", 7).await;
    assert_eq!((view.content.entries.len(), view.reloads), (21, 0));
}

pub(crate) async fn a_cache_learns_what_has_gone(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let one = put(&engine, &bucket, "a/one").await;
    let deep = put(&engine, &bucket, "a/b/deep").await;
    put(&engine, &bucket, "a/stays").await;
    let mut view = View::cold(&engine, bucket.id, "a/", 100).await;
    let mut root = View::cold(&engine, bucket.id, "", 100).await;
    remove(&engine, &bucket, "a/one", &one).await;
    remove(&engine, &bucket, "a/b/deep", &deep).await;
    view.refresh(&engine, bucket.id, "a/", 1).await;
    assert_eq!((view.content.entries.len(), view.content.directories.len()), (1, 0));
    root.refresh(&engine, bucket.id, "", 1).await;
    assert_eq!(root.content.directories.len(), 1);
    assert_eq!((view.reloads, root.reloads), (0, 0));
}

pub(crate) async fn a_directory_that_comes_again_is_another_one(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let first = put(&engine, &bucket, "a/x").await;
    let mut root = View::cold(&engine, bucket.id, "", 100).await;
    let before: Vec<EntryId> = root.content.directories.keys().copied().collect();
    remove(&engine, &bucket, "a/x", &first).await;
    put(&engine, &bucket, "a/x").await;
    root.refresh(&engine, bucket.id, "", 100).await;
    let after: Vec<EntryId> = root.content.directories.keys().copied().collect();
    assert_eq!((before.len(), after.len()), (1, 1));
    assert_ne!(before, after);
    assert_eq!(root.content, View::cold(&engine, bucket.id, "", 100).await.content);
}

pub(crate) async fn a_parent_is_told_only_when_a_directory_comes_to_life_or_dies(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    put(&engine, &bucket, "a/x").await;
    let mut root = View::cold(&engine, bucket.id, "", 100).await;
    put(&engine, &bucket, "a/y").await;
    put_over(&engine, &bucket, "a/x", marker).await;
    let quiet = engine.directory_changes(bucket.id, directory_token(""), root.mark, 100).await.unwrap();
    // An engine may tell again what a cache knows, but nothing has marked it anew.
    assert!(quiet.directories.iter().all(|row| root.rows[&row.id].mark == row.mark));
    put_over(&engine, &bucket, "a/y", marker).await;
    root.refresh(&engine, bucket.id, "", 100).await;
    assert!(root.content.directories.values().all(|(_, live)| !live));
    put_over(&engine, &bucket, "a/y", version).await;
    root.refresh(&engine, bucket.id, "", 100).await;
    assert!(root.content.directories.values().all(|(_, live)| *live));
}

pub(crate) async fn directories_of_two_buckets_are_strangers(engine: Arc<dyn Engine>) {
    let (mine, theirs) = (with_bucket(&engine).await, with_bucket(&engine).await);
    put(&engine, &mine, "a/x").await;
    put(&engine, &theirs, "a/x").await;
    put(&engine, &theirs, "a/y").await;
    assert_eq!(below(&engine, &mine, "").await, [counted("a/", 1, 1)]);
    assert_eq!(below(&engine, &theirs, "").await, [counted("a/", 2, 2)]);
    assert_eq!(View::cold(&engine, mine.id, "a/", 100).await.content.entries.len(), 1);
}
