//! What only the SQLite engine can show: its file, its lock, its crash image, its full disk.

use crate::buckets::with_bucket;
use crate::model;
use crate::rows::{NOW, directory_token, events_of, first_version, key_token, version};
use crate::runs;
use crate::versions::{done, found, removal};
use crate::view::View;
use hozon::domain::{Clock, EntryId, ManualClock, NodeId};
use hozon::engine::{Changed, Committed, Engine, EngineError, JobKind, SqliteEngine, SqliteSettings, VersionChange, VersionRow, Which};
use proptest::prelude::{ProptestConfig, proptest};
use rusqlite::Connection;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinSet;

fn open_at(path: &Path, clock: Arc<ManualClock>) -> Result<SqliteEngine, EngineError> {
    SqliteEngine::open(&SqliteSettings { path: path.to_owned(), readers: 3 }, clock)
}

fn open(path: &Path) -> Arc<dyn Engine> {
    Arc::new(open_at(path, Arc::new(ManualClock::new(NOW))).unwrap())
}

fn bounded(path: &Path, pages: u64) -> Arc<dyn Engine> {
    let settings = SqliteSettings { path: path.to_owned(), readers: 1 };
    Arc::new(SqliteEngine::open_within(&settings, Arc::new(ManualClock::new(NOW)), pages * 4_096).unwrap())
}

/// An empty engine, and the directory that it lies in.
pub(crate) fn fresh() -> (Arc<dyn Engine>, TempDir) {
    let place = tempfile::tempdir().unwrap();
    (open(&place.path().join("data/index.sqlite")), place)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_changes_leaves_what_a_plain_map_holds(steps in model::steps()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (engine, _place) = fresh();
        runtime.block_on(model::run(engine, steps));
    }
}

#[tokio::test]
async fn a_job_of_a_process_that_is_gone_is_free_when_the_file_is_opened() {
    let (engine, place) = fresh();
    let hour = Duration::from_secs(3_600);
    let held = engine.take_job(JobKind::Scrub, NodeId::random(), hour).await.unwrap().unwrap();
    drop(engine);
    let engine = open(&place.path().join("data/index.sqlite"));
    assert!(!engine.job(JobKind::Scrub).await.unwrap().unwrap().is_held);
    let next = engine.take_job(JobKind::Scrub, NodeId::random(), hour).await.unwrap().unwrap();
    assert!(next.token > held.token);
}

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    let (engine, place) = fresh();
    let bucket = with_bucket(&engine).await;
    let row = version(&bucket, EntryId::random());
    let seq = done(&engine, VersionChange { events: events_of(bucket.tenant, 2), ..first_version("a/b", row.clone()) }).await;
    drop(engine);
    let engine = open(&place.path().join("data/index.sqlite"));
    assert_eq!(found(&engine, &bucket, "a/b", Which::Current).await.version.unwrap().version, VersionRow { seq, ..row });
    assert_eq!(engine.events(bucket.tenant, None, 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_copy_of_file_and_log_taken_under_load_holds_all_that_was_acknowledged() {
    let (engine, place) = fresh();
    let bucket = with_bucket(&engine).await;
    let image = place.path().join("image");
    fs::create_dir(&image).unwrap();
    let mut writers = JoinSet::new();
    for writer in 0..200 {
        let change = VersionChange {
            events: events_of(bucket.tenant, 1),
            ..first_version(&format!("d{}/k{writer}", writer % 5), version(&bucket, EntryId::random()))
        };
        let engine = Arc::clone(&engine);
        writers.spawn(async move { (writer, engine.commit(change).await.unwrap()) });
    }
    let mut acknowledged = Vec::new();
    while let Some(end) = writers.join_next().await {
        let (writer, end) = end.unwrap();
        assert!(matches!(end, Committed::Done { .. }));
        acknowledged.push(writer);
        if acknowledged.len() == 100 {
            take_image(&place.path().join("data"), &image);
            break;
        }
    }
    let copied = open(&image.join("index.sqlite"));
    for writer in &acknowledged {
        let key = format!("d{}/k{writer}", writer % 5);
        assert!(copied.find(bucket.id, key_token(&key), Which::Current).await.unwrap().is_some());
    }
    let versions = copied.count_versions().await.unwrap();
    assert!(versions >= 100);
    assert_eq!(copied.events(bucket.tenant, None, 1_000).await.unwrap().len() as u64, versions);
    let root = copied.directory_changes(bucket.id, directory_token(""), 0, 100).await.unwrap();
    assert_eq!(root.directories.iter().map(|row| row.total).sum::<u64>(), versions);
    writers.join_all().await;
}

/// Copies file and log as a crash would leave them: of one life of the log, which a fold may have ended in between.
fn take_image(from: &Path, to: &Path) {
    let life_of_log = |place: &Path| fs::read(place.join("index.sqlite-wal")).unwrap()[16..24].to_vec();
    loop {
        let before = life_of_log(from);
        for name in ["index.sqlite", "index.sqlite-wal"] {
            fs::copy(from.join(name), to.join(name)).unwrap();
        }
        if life_of_log(to) == before {
            return;
        }
    }
}

#[tokio::test]
async fn one_process_at_a_time_has_the_file() {
    let (engine, place) = fresh();
    let path = place.path().join("data/index.sqlite");
    let second = open_at(&path, Arc::new(ManualClock::new(NOW)));
    assert!(matches!(second, Err(EngineError::InUse)));
    drop(engine);
    assert!(open_at(&path, Arc::new(ManualClock::new(NOW))).is_ok());
}

#[tokio::test]
async fn only_the_owner_may_read_the_files() {
    let (engine, place) = fresh();
    with_bucket(&engine).await;
    let directory = place.path().join("data");
    assert_eq!(fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
    let mut names = Vec::new();
    for file in fs::read_dir(&directory).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.file_name());
        names.push(file.file_name().into_string().unwrap());
    }
    assert!(names.contains(&"index.sqlite-wal".to_owned()));
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_left_alone() {
    let (engine, place) = fresh();
    drop(engine);
    let path = place.path().join("data/index.sqlite");
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    match open_at(&path, Arc::new(ManualClock::new(NOW))) {
        Err(EngineError::TooNew { found: 99, known }) => assert!(known < 99),
        other => panic!("{other:?}"),
    }
    let left: u32 = Connection::open(&path).unwrap().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(left, 99);
}

#[tokio::test]
async fn a_database_of_another_program_is_left_alone() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("theirs.sqlite");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('mine');").unwrap();
    assert!(matches!(open_at(&path, Arc::new(ManualClock::new(NOW))), Err(EngineError::NotOurs)));
    let tables: u32 = Connection::open(&path).unwrap().query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
    assert_eq!(tables, 1);
    fs::write(place.path().join("text.sqlite"), "these are no pages of a database, and never were ".repeat(100)).unwrap();
    assert!(open_at(&place.path().join("text.sqlite"), Arc::new(ManualClock::new(NOW))).is_err());
}

#[tokio::test]
async fn a_row_that_no_program_writes_is_named_and_not_believed() {
    let (engine, place) = fresh();
    let bucket = with_bucket(&engine).await;
    done(&engine, first_version("a", version(&bucket, EntryId::random()))).await;
    let database = Connection::open(place.path().join("data/index.sqlite")).unwrap();
    for (change, table) in [
        ("UPDATE versions SET state = 77", "versions"),
        ("UPDATE entries SET mac = x'00'", "entries"),
        ("UPDATE buckets SET name = 'No Name'", "buckets"),
    ] {
        database.execute_batch("BEGIN").unwrap();
        database.execute_batch(change).unwrap();
        database.execute_batch("COMMIT").unwrap();
        let error = match table {
            "buckets" => engine.buckets(bucket.tenant).await.map(|_| ()),
            _ => engine.find(bucket.id, key_token("a"), Which::Current).await.map(|_| ()),
        };
        match error {
            Err(EngineError::Corrupt { table: named }) => assert_eq!(named, table),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_question_whether_it_can_write_writes() {
    let (engine, place) = fresh();
    let asked = || {
        let index = Connection::open(place.path().join("data/index.sqlite")).unwrap();
        index.query_row("SELECT asked, filler IS NULL FROM probe", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    };
    for count in 1..4 {
        engine.probe(Duration::from_secs(5)).await.unwrap();
        assert_eq!(asked(), (count, true));
    }
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_spares_reads_and_what_is_there() {
    let (engine, place) = fresh();
    let bucket = with_bucket(&engine).await;
    let row = version(&bucket, EntryId::random());
    done(&engine, first_version("a", row.clone())).await;
    drop(engine);
    let path = place.path().join("data/index.sqlite");
    let pages: u32 = Connection::open(&path).unwrap().pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    let engine = bounded(&path, u64::from(pages) + 20);
    let (mut kept, mut refused) = (0, 0);
    for _ in 0..60 {
        match engine.append(events_of(bucket.tenant, 8)).await {
            Ok(()) => kept += 8,
            Err(EngineError::Full) => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(kept > 0 && refused > 0);
    assert!(matches!(engine.probe(Duration::from_secs(5)).await, Err(EngineError::Full)), "it is not ready to take writes");
    assert_eq!(found(&engine, &bucket, "a", Which::Current).await.version.unwrap().version.id, row.id);
    // Half an append would show here.
    assert_eq!(engine.events(bucket.tenant, None, 1_000).await.unwrap().len(), kept);
    let large = VersionRow { sealed_attributes: vec![1; 100_000], ..version(&bucket, EntryId::random()) };
    let late = engine.commit(first_version("d/b", large)).await;
    assert!(matches!(late, Err(EngineError::Full)), "{late:?}");
    assert_eq!(engine.count_versions().await.unwrap(), 1);
    assert_eq!(engine.directory_changes(bucket.id, directory_token(""), 0, 10).await.unwrap().directories.len(), 0);
    drop(engine);
    let engine = open(&path);
    assert_eq!(engine.events(bucket.tenant, None, 1_000).await.unwrap().len(), kept);
    done(&engine, first_version("b", version(&bucket, EntryId::random()))).await;
}

#[tokio::test]
async fn on_a_full_disk_a_small_write_does_not_fail_with_the_large_one_beside_it() {
    let (engine, place) = fresh();
    let bucket = with_bucket(&engine).await;
    drop(engine);
    let path = place.path().join("data/index.sqlite");
    let pages: u32 = Connection::open(&path).unwrap().pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    let engine = bounded(&path, u64::from(pages) + 40);
    for _ in 0..5 {
        let mut writers = JoinSet::new();
        for writer in 0..4 {
            let events = events_of(bucket.tenant, if writer == 1 { 2_000 } else { 1 });
            let engine = Arc::clone(&engine);
            writers.spawn(async move { (writer, engine.append(events).await) });
        }
        for (writer, end) in writers.join_all().await {
            match (writer, end) {
                (1, Err(EngineError::Full)) => {}
                (0 | 2 | 3, Ok(())) => {}
                (writer, end) => panic!("{writer}: {end:?}"),
            }
        }
    }
    assert_eq!(engine.events(bucket.tenant, None, 1_000).await.unwrap().len(), 15);
}

#[tokio::test]
async fn a_cache_older_than_the_tombstones_begins_again() {
    let place = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(NOW));
    let sqlite = Arc::new(open_at(&place.path().join("index.sqlite"), Arc::clone(&clock)).unwrap());
    let engine: Arc<dyn Engine> = Arc::clone(&sqlite) as Arc<dyn Engine>;
    let bucket = with_bucket(&engine).await;
    let (gone, stays) = (version(&bucket, EntryId::random()), version(&bucket, EntryId::random()));
    done(&engine, first_version("a/gone", gone.clone())).await;
    done(&engine, first_version("a/stays", stays)).await;
    let mut old = View::cold(&engine, bucket.id, "a/", 100).await;
    let entry = found(&engine, &bucket, "a/gone", Which::Current).await.entry;
    done(&engine, removal(&entry, &gone, None)).await;
    let mut young = View::cold(&engine, bucket.id, "a/", 100).await;
    clock.advance(Duration::from_secs(23 * 3_600));
    sqlite.forget_old().await.unwrap();
    let mut patient = old.clone();
    patient.refresh(&engine, bucket.id, "a/", 100).await;
    assert_eq!((patient.content.entries.len(), patient.reloads), (1, 0));
    clock.advance(Duration::from_secs(2 * 3_600));
    sqlite.forget_old().await.unwrap();
    // Many pages, all of them behind the horizon but the first: a load under way is not an old cache.
    let cold = View::cold(&engine, bucket.id, "a/", 1).await;
    old.refresh(&engine, bucket.id, "a/", 1).await;
    young.refresh(&engine, bucket.id, "a/", 1).await;
    assert_eq!((old.reloads, young.reloads, cold.reloads), (1, 0, 0));
    assert_eq!((&old.content, &young.content), (&cold.content, &cold.content));
}

#[tokio::test]
async fn a_run_ends_before_what_it_needs_is_forgotten() {
    let place = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(NOW));
    let sqlite = Arc::new(open_at(&place.path().join("index.sqlite"), Arc::clone(&clock)).unwrap());
    let engine: Arc<dyn Engine> = Arc::clone(&sqlite) as Arc<dyn Engine>;
    let bucket = with_bucket(&engine).await;
    let rows = ["a/gone", "a/stays", "b/stays"].map(|key| (key, version(&bucket, EntryId::random())));
    for (key, row) in &rows {
        done(&engine, first_version(key, row.clone())).await;
    }
    let mark = engine.directory_changes(bucket.id, directory_token("a/"), 0, 100).await.unwrap().mark;
    let (a, b) = (runs::run(bucket.id, "a/", mark, 40), runs::run(bucket.id, "b/", mark, 1));
    assert_eq!(runs::write(&engine, &a).await, Changed::Done);
    assert_eq!(runs::write(&engine, &b).await, Changed::Done);
    let entry = found(&engine, &bucket, "a/gone", Which::Current).await.entry;
    done(&engine, removal(&entry, &rows[0].1, None)).await;
    let half_a_day = Duration::from_secs(12 * 3_600);
    assert!(engine.aging_runs(NOW, None, 10).await.unwrap().is_empty());
    clock.advance(half_a_day);
    assert_eq!(engine.aging_runs(clock.now(), None, 10).await.unwrap(), [(bucket.tenant, a.clone())]);
    sqlite.forget_old().await.unwrap();
    assert_eq!(runs::told(&engine, bucket.id, "a/").await, Some(a.clone()));
    clock.advance(half_a_day + Duration::from_secs(1));
    sqlite.forget_old().await.unwrap();
    // The tombstone has gone, and with it the run that would still show the key; of the other directory nothing went.
    assert_eq!(runs::told(&engine, bucket.id, "a/").await, None);
    assert_eq!(runs::told(&engine, bucket.id, "b/").await, Some(b));
    assert_eq!(engine.run_pages(a.id, 0, 9).await.unwrap(), [[0; 0]; 0]);
    // Nor does one become whole that was begun before.
    assert_eq!(runs::write(&engine, &runs::run(bucket.id, "a/", mark, 1)).await, Changed::Conflict);
}

#[tokio::test]
async fn a_run_whose_maker_has_gone_goes_too() {
    let place = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(NOW));
    let path = place.path().join("index.sqlite");
    let sqlite = Arc::new(open_at(&path, Arc::clone(&clock)).unwrap());
    let engine: Arc<dyn Engine> = Arc::clone(&sqlite) as Arc<dyn Engine>;
    let bucket = with_bucket(&engine).await;
    let (left, next) = (runs::run(bucket.id, "a/", 0, 20), runs::run(bucket.id, "a/", 0, 1));
    assert_eq!(runs::begin(&engine, &left).await, Changed::Done);
    assert_eq!(engine.put_run_pages(left.id, 0, vec![vec![1; 9_000]; 20]).await.unwrap(), Changed::Done);
    clock.advance(Duration::from_secs(3_000));
    assert_eq!(runs::begin(&engine, &next).await, Changed::Conflict);
    clock.advance(Duration::from_secs(700));
    assert_eq!(runs::write(&engine, &next).await, Changed::Done);
    sqlite.forget_old().await.unwrap();
    let count = |table: &str| -> u32 {
        Connection::open(&path).unwrap().query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    assert_eq!((count("runs"), count("run_pages")), (1, 1));
}
