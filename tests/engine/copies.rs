//! Whole copies of an index: row for row what it was, and an index to go on with.

use crate::buckets::with_bucket;
use crate::model;
use crate::people;
use crate::rows::{NOW, directory_token, events_of, first_version, key_token, version};
use crate::uploads::with_upload;
use crate::versions::done;
use hozon::domain::{EntryId, ManualClock, StoreId};
use hozon::engine::{
    self, Batch, CopyError, Engine, EngineError, Events, IndexSettings, LEFT_BEHIND, Origin, SqliteSettings, StoreRow, TABLES, Tally,
    VersionChange, Which,
};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::mpsc;

/// An index with something in every table that a copy holds.
pub(crate) async fn fill(engine: &Arc<dyn Engine>) {
    people::a_tenant_comes_with_its_keys_and_secrets(Arc::clone(engine)).await;
    people::a_credential_brings_its_principal_and_tenant(Arc::clone(engine)).await;
    crate::journal::an_event_key_is_written_once_with_its_first_event(Arc::clone(engine)).await;
    crate::uploads::a_completed_upload_keeps_the_parts_it_uses_and_condemns_the_rest(Arc::clone(engine)).await;
    crate::directives::what_is_laid_down_is_found_by_its_mark(Arc::clone(engine)).await;
    let mut runner = TestRunner::deterministic();
    for _sequence in 0..3 {
        let steps = model::steps().new_tree(&mut runner).unwrap().current();
        model::run(Arc::clone(engine), steps).await;
    }
    let bucket = with_bucket(engine).await;
    with_upload(engine, &bucket, "open", 3).await;
    let change = VersionChange { events: events_of(bucket.tenant, 3), ..first_version("a/b", version(&bucket, EntryId::random())) };
    done(engine, change).await;
    engine.set_store(None, StoreRow { id: StoreId::random(), generation: 7 }, Events::default()).await.unwrap();
    crate::journal::counts_of_strangers_add_up(Arc::clone(engine)).await;
}

/// All batches of an engine, and what they add up to.
pub(crate) async fn dump(engine: &Arc<dyn Engine>) -> (Vec<Batch>, Tally) {
    let (out, mut taken) = mpsc::channel(2);
    let dumping = tokio::spawn({
        let engine = Arc::clone(engine);
        async move { engine.dump(out).await }
    });
    let (mut batches, mut tally) = (Vec::new(), Tally::default());
    while let Some(batch) = taken.recv().await {
        tally.add(&batch).unwrap();
        batches.push(batch);
    }
    dumping.await.unwrap().unwrap();
    (batches, tally)
}

pub(crate) async fn load(settings: &IndexSettings, batches: Vec<Result<Batch, CopyError>>) -> Result<(), CopyError> {
    let (give, given) = mpsc::channel(1);
    let giving = tokio::spawn(async move {
        for batch in batches {
            if give.send(batch).await.is_err() {
                return;
            }
        }
    });
    let loaded = engine::load(settings, (given, Origin::Looked), &ManualClock::new(NOW)).await;
    giving.await.unwrap();
    loaded
}

/// Moves everything to `settings`, compares, and goes on working there.
pub(crate) async fn moves(from: &Arc<dyn Engine>, to: &IndexSettings) -> Arc<dyn Engine> {
    let (batches, tally) = dump(from).await;
    load(to, batches.into_iter().map(Ok).collect()).await.unwrap();
    let moved = engine::open(to, Arc::new(ManualClock::new(NOW))).await.unwrap();
    assert_eq!(dump(&moved).await.1, tally);
    // What was listed before is listed now, behind marks that no cache of the old index fits.
    let bucket = with_bucket(&moved).await;
    done(&moved, first_version("d/x", version(&bucket, EntryId::random()))).await;
    let page = moved.directory_changes(bucket.id, directory_token("d/"), 0, 10).await.unwrap();
    let before = from.directory_changes(bucket.id, directory_token("d/"), 0, 10).await.unwrap();
    assert!(page.epoch > before.epoch);
    assert!(moved.find(bucket.id, key_token("d/x"), Which::Current).await.unwrap().is_some());
    let mut runner = TestRunner::deterministic();
    model::run(Arc::clone(&moved), model::steps().new_tree(&mut runner).unwrap().current()).await;
    moved
}

fn file(place: &tempfile::TempDir, name: &str) -> IndexSettings {
    IndexSettings::Sqlite(SqliteSettings { path: place.path().join(name), readers: 2 })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_in_another_file_is_the_same_index() {
    let (engine, place) = crate::sqlite::fresh();
    fill(&engine).await;
    let moved = moves(&engine, &file(&place, "moved.sqlite")).await;
    let rows: BTreeMap<_, _> = dump(&moved).await.1.rows().collect();
    assert!(rows.values().all(|rows| *rows > 0), "every table is tried: {rows:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_goes_into_an_empty_index_only_and_whole_or_not_at_all() {
    let (engine, place) = crate::sqlite::fresh();
    fill(&engine).await;
    let (batches, _) = dump(&engine).await;
    let to = file(&place, "to.sqlite");
    let mut broken: Vec<Result<Batch, CopyError>> = batches.iter().cloned().map(Ok).collect();
    broken.push(Err(CopyError::BrokenOff));
    assert!(matches!(load(&to, broken).await, Err(CopyError::BrokenOff)));
    let twice = batches.iter().chain(&batches).cloned().map(Ok).collect();
    assert!(matches!(load(&to, twice).await, Err(CopyError::Engine(EngineError::Failed(_)))));
    load(&to, batches.iter().cloned().map(Ok).collect()).await.unwrap();
    assert!(matches!(load(&to, batches.into_iter().map(Ok).collect()).await, Err(CopyError::NotEmpty)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_is_of_one_moment_while_others_write() {
    let (engine, _place) = crate::sqlite::fresh();
    one_moment(engine).await;
}

/// Each change comes with one event: a copy that holds another number of them is of two moments.
pub(crate) async fn one_moment(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let before: BTreeMap<_, _> = dump(&engine).await.1.rows().collect();
    let writing = tokio::spawn({
        let engine = Arc::clone(&engine);
        async move {
            for number in 0..300 {
                let change = VersionChange {
                    events: events_of(bucket.tenant, 1),
                    ..first_version(&format!("d{}/{number}", number % 7), version(&bucket, EntryId::random()))
                };
                done(&engine, change).await;
            }
        }
    });
    let mut seen = BTreeSet::new();
    while !writing.is_finished() {
        let rows: BTreeMap<_, _> = dump(&engine).await.1.rows().collect();
        let new = |table: &str| rows[table] - before[table];
        assert_eq!((new("versions"), new("entries"), new("deks")), (new("journal"), new("journal"), new("journal")));
        seen.insert(new("versions"));
    }
    writing.await.unwrap();
    assert!(seen.len() > 1, "{seen:?}");
}

#[test]
fn every_table_and_column_of_the_file_is_in_a_copy_or_left_behind_on_purpose() {
    let (_engine, place) = crate::sqlite::fresh();
    let file = Connection::open(place.path().join("data/index.sqlite")).unwrap();
    let sql =
        "SELECT m.name, c.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'";
    let mut statement = file.prepare(sql).unwrap();
    let found: BTreeSet<(String, String)> =
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect();
    fits(found, &[]);
}

/// Compares the columns of a schema with those of a copy.
pub(crate) fn fits(found: BTreeSet<(String, String)>, own: &[&str]) {
    let copied: BTreeSet<(String, String)> =
        TABLES.iter().flat_map(|table| table.columns.iter().map(|column| (table.name.to_owned(), column.name.to_owned()))).collect();
    let is_left = |table: &str| LEFT_BEHIND.contains(&table) || own.contains(&table);
    let found: BTreeSet<(String, String)> = found.into_iter().filter(|(table, _)| !is_left(table)).collect();
    assert_eq!(found, copied);
}
