//! What only the PostgreSQL engine can show: several nodes on one database, a server that goes away, marks of
//! transactions that commit in another order than they began.

use crate::buckets::with_bucket;
use crate::copies;
use crate::model;
use crate::postgres_server::Postgres;
use crate::rows::{NOW, directory_token, event, events_of, first_version, key_token, version};
use crate::versions::done;
use crate::view::View;
use hozon::domain::{EntryId, ManualClock, TenantId};
use hozon::engine::{
    Committed, Engine, EngineError, Events, IndexSettings, PostgresEngine, PostgresSettings, PostgresTls, SqliteSettings, VersionChange,
    Which,
};
use proptest::prelude::{ProptestConfig, proptest};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::task::JoinSet;

/// One server for all tests that do not harm it.
static SERVER: LazyLock<Postgres> = LazyLock::new(Postgres::start);

fn settings(server: &Postgres, schema: &str) -> PostgresSettings {
    PostgresSettings {
        hosts: vec![("localhost".to_owned(), server.port())],
        database: "postgres".to_owned(),
        schema: schema.to_owned(),
        user: "hozon".to_owned(),
        password_file: Some(server.password()),
        tls: PostgresTls::Verified { ca: server.ca() },
        connections_max: 4,
        connect_time_max: Duration::from_secs(10),
        answer_time_max: Duration::from_secs(20),
    }
}

fn new_schema() -> String {
    format!("h{}", uuid::Uuid::new_v4().simple())
}

async fn open(settings: &PostgresSettings) -> Result<Arc<dyn Engine>, EngineError> {
    Ok(Arc::new(PostgresEngine::open(settings, Arc::new(ManualClock::new(NOW))).await?))
}

/// An empty engine.
pub(crate) async fn fresh() -> (Arc<dyn Engine>, ()) {
    (open(&settings(server().await, &new_schema())).await.unwrap(), ())
}

/// As after a logical copy of the database, which carries no sequences.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL"]
async fn an_event_that_cannot_be_kept_is_never_answered_as_kept() {
    let schema = new_schema();
    let engine = open(&settings(server().await, &schema)).await.unwrap();
    let tenant = TenantId::random();
    for _event in 0..3 {
        engine.append(events_of(tenant, 1)).await.unwrap();
    }
    server().await.psql(&format!("SELECT setval(pg_get_serial_sequence('{schema}.journal', 'row'), 1, false)")).unwrap();
    let before = engine.events(tenant, None, 100).await.unwrap().len();
    assert!(engine.append(events_of(tenant, 1)).await.is_err(), "an event was dropped");
    assert_eq!(engine.events(tenant, None, 100).await.unwrap().len(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL"]
async fn a_lock_that_others_hold_for_a_while_is_waited_for() {
    let schema = new_schema();
    let engine = open(&settings(server().await, &schema)).await.unwrap();
    let bucket = with_bucket(&engine).await;
    done(&engine, first_version("a", version(&bucket, EntryId::random()))).await;
    let locking = tokio::task::spawn_blocking({
        let sql = format!("BEGIN; LOCK TABLE {schema}.entries IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(7); COMMIT");
        let server = server().await;
        move || server.psql(&sql).unwrap()
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    done(&engine, first_version("b", version(&bucket, EntryId::random()))).await;
    locking.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL"]
async fn a_copy_that_is_given_up_leaves_no_transaction_to_who_comes_next() {
    let settings = PostgresSettings { connections_max: 1, ..settings(server().await, &new_schema()) };
    let engine = open(&settings).await.unwrap();
    let bucket = with_bucket(&engine).await;
    assert_eq!(engine.note_changes().await.unwrap(), hozon::engine::Changed::Done);
    for number in 0..3 {
        done(&engine, first_version(&format!("before {number}"), version(&bucket, EntryId::random()))).await;
        let (out, mut batches) = tokio::sync::mpsc::channel(1);
        if number == 1 {
            tokio::select! {
                _all = engine.dump_changes(out) => panic!("nobody took it"),
                _first = batches.recv() => {}
            }
        } else {
            tokio::select! {
                _all = engine.dump(out) => panic!("nobody took it"),
                _first = batches.recv() => {}
            }
        }
        // The only connection is used again, for what was written meanwhile by somebody else and for the next write.
        let key = format!("after {number}");
        done(&engine, first_version(&key, version(&bucket, EntryId::random()))).await;
        assert!(engine.find(bucket.id, crate::rows::key_token(&key), Which::Current).await.unwrap().is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL"]
async fn nodes_that_start_at_once_make_the_tables_once() {
    let settings = settings(server().await, &new_schema());
    let opened = futures::future::join_all((0..6).map(|_node| open(&settings))).await;
    let nodes: Vec<_> = opened.into_iter().map(Result::unwrap).collect();
    let bucket = with_bucket(&nodes[0]).await;
    for node in &nodes {
        assert_eq!(node.buckets(bucket.tenant).await.unwrap(), vec![bucket.clone()]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    #[ignore = "needs PostgreSQL"]
    fn any_sequence_of_changes_leaves_what_a_plain_map_holds(steps in model::steps()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async { model::run(fresh().await.0, steps).await });
    }
}

async fn server() -> &'static Postgres {
    tokio::task::spawn_blocking(|| &*SERVER).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL"]
async fn what_one_node_has_committed_every_node_sees_at_once() {
    let settings = settings(server().await, &new_schema());
    let (one, other) = (open(&settings).await.unwrap(), open(&settings).await.unwrap());
    let bucket = with_bucket(&one).await;
    let mut view = View::default();
    for round in 0..40 {
        let key = format!("d/{round}");
        let row = version(&bucket, EntryId::random());
        done(&one, first_version(&key, row.clone())).await;
        let seen = other.find(bucket.id, key_token(&key), Which::Current).await.unwrap().unwrap();
        assert_eq!(seen.version.unwrap().version.id, row.id);
        view.refresh(&other, bucket.id, "d/", 7).await;
        assert_eq!(view.content.entries.len(), round + 1);
    }
    assert_eq!(view.reloads, 0);
}

/// Transactions are numbered when they first write and seen when they commit. A cache that was filled in between must
/// still hear of the one that was numbered first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL"]
async fn a_cache_misses_nothing_that_commits_late() {
    let server = server().await;
    let schema = new_schema();
    let engine = open(&settings(server, &schema)).await.unwrap();
    let bucket = with_bucket(&engine).await;
    done(&engine, first_version("d/first", version(&bucket, EntryId::random()))).await;
    let mut view = View::default();
    view.refresh(&engine, bucket.id, "d/", 100).await;
    // Numbered now; what it marks is seen a second later, after others that were numbered later.
    let late = format!(
        "SET search_path = {schema}; BEGIN; UPDATE entries SET mark = next_mark() WHERE key = '\\x{}';
         SELECT pg_sleep(1.5); COMMIT",
        hex::encode(key_token("d/first").0)
    );
    let late = tokio::task::spawn_blocking(move || SERVER.psql(&late));
    tokio::time::sleep(Duration::from_millis(400)).await;
    for round in 0..5 {
        done(&engine, first_version(&format!("d/later-{round}"), version(&bucket, EntryId::random()))).await;
        view.refresh(&engine, bucket.id, "d/", 2).await;
        assert_eq!(view.content.entries.len(), round + 2, "what is committed is seen at once, beside one that runs");
    }
    let before = view.content.entries.values().find(|row| row.key == key_token("d/first")).unwrap().mark;
    late.await.unwrap().unwrap();
    view.refresh(&engine, bucket.id, "d/", 2).await;
    let after = view.content.entries.values().find(|row| row.key == key_token("d/first")).unwrap().mark;
    assert!(after > before, "the late one was passed over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL"]
async fn keys_come_and_go_in_one_directory_from_two_nodes_without_a_failure() {
    let settings = settings(server().await, &new_schema());
    let nodes = [open(&settings).await.unwrap(), open(&settings).await.unwrap()];
    let bucket = with_bucket(&nodes[0]).await;
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let (node, bucket) = (Arc::clone(&nodes[writer % 2]), bucket.clone());
        writers.spawn(async move {
            for round in 0..15 {
                let key = format!("a/b/c{}/{writer}", round % 2);
                let row = version(&bucket, EntryId::random());
                done(&node, first_version(&key, row.clone())).await;
                let seen = node.find(bucket.id, key_token(&key), Which::Current).await.unwrap().unwrap();
                done(&node, crate::versions::removal(&seen.entry, &row, None)).await;
            }
        });
    }
    writers.join_all().await;
    let root = nodes[1].directory_changes(bucket.id, directory_token(""), 0, 100).await.unwrap();
    assert!(root.directories.is_empty() && root.entries.is_empty(), "directories go with the last that was in them");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL"]
async fn a_database_that_crashes_loses_nothing_acknowledged_and_is_found_again() {
    let mut own = tokio::task::spawn_blocking(Postgres::start).await.unwrap();
    let settings = settings(&own, "hozon");
    let engine = open(&settings).await.unwrap();
    let bucket = with_bucket(&engine).await;
    let going = Arc::new(AtomicBool::new(true));
    let mut writers = JoinSet::new();
    for writer in 0..6 {
        let (engine, bucket, going) = (Arc::clone(&engine), bucket.clone(), Arc::clone(&going));
        writers.spawn(async move {
            let (mut acknowledged, mut round) = (Vec::new(), 0);
            while going.load(Ordering::Relaxed) {
                let key = format!("d{}/{writer}-{round}", round % 3);
                let change =
                    VersionChange { events: events_of(bucket.tenant, 1), ..first_version(&key, version(&bucket, EntryId::random())) };
                match engine.commit(change).await {
                    Ok(Committed::Done { .. }) => acknowledged.push(key),
                    Ok(other) => panic!("{other:?}"),
                    // Whoever is not told that it is done knows nothing.
                    Err(EngineError::Unavailable | EngineError::Unclear | EngineError::Busy) => {
                        tokio::time::sleep(Duration::from_millis(20)).await
                    }
                    Err(other) => panic!("{other:?}"),
                }
                round += 1;
            }
            acknowledged
        });
    }
    for crash in 0..3 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        own = tokio::task::spawn_blocking(move || {
            if crash == 1 {
                own.restart();
            } else {
                own.crash();
                own.resume();
            }
            own
        })
        .await
        .unwrap();
    }
    tokio::time::sleep(Duration::from_millis(700)).await;
    going.store(false, Ordering::Relaxed);
    let acknowledged: Vec<String> = writers.join_all().await.into_iter().flatten().collect();
    assert!(acknowledged.len() > 50, "{} writes went through", acknowledged.len());
    for key in &acknowledged {
        assert!(engine.find(bucket.id, key_token(key), Which::Current).await.unwrap().is_some(), "{key}");
    }
    let versions = engine.count_versions().await.unwrap();
    let events = engine.events(bucket.tenant, None, 100_000).await.unwrap().len() as u64;
    assert_eq!(events, versions, "each change with its event, none without");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL"]
async fn a_database_that_is_away_is_said_so_in_time() {
    let mut own = tokio::task::spawn_blocking(Postgres::start).await.unwrap();
    let engine = open(&settings(&own, "hozon")).await.unwrap();
    tokio::task::spawn_blocking(move || {
        own.crash();
        own
    })
    .await
    .unwrap();
    let began = std::time::Instant::now();
    assert!(matches!(engine.tenants().await, Err(EngineError::Unavailable)));
    let row = event(TenantId::random());
    assert!(matches!(
        engine.append(Events { rows: vec![row], keys: Vec::new() }).await,
        Err(EngineError::Unavailable | EngineError::Unclear)
    ));
    assert!(began.elapsed() < Duration::from_secs(15));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL"]
async fn tables_of_another_program_and_of_a_newer_hozon_are_refused() {
    let server = server().await;
    let foreign = new_schema();
    server.psql(&format!("CREATE SCHEMA {foreign}; CREATE TABLE {foreign}.theirs (a int)")).unwrap();
    assert!(matches!(open(&settings(server, &foreign)).await, Err(EngineError::NotOurs)));
    let newer = new_schema();
    drop(open(&settings(server, &newer)).await.unwrap());
    server.psql(&format!("UPDATE {newer}.hozon_schema SET steps = 99")).unwrap();
    assert!(matches!(open(&settings(server, &newer)).await, Err(EngineError::TooNew { found: 99, .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL"]
async fn a_server_that_cannot_prove_itself_and_a_wrong_password_are_refused() {
    let server = server().await;
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, contents: &str| -> PathBuf {
        let path = directory.path().join(name);
        std::fs::write(&path, contents).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        path
    };
    let strange = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let ca = write("strange.pem", &strange.cert.pem());
    let known = settings(server, &new_schema());
    let refused = open(&PostgresSettings { tls: PostgresTls::Verified { ca }, ..known.clone() }).await;
    assert!(matches!(refused, Err(EngineError::Unavailable)), "{refused:?}");
    let password_file = Some(write("wrong", "a wrong password"));
    let refused = open(&PostgresSettings { password_file, ..known }).await.unwrap_err();
    assert!(matches!(refused, EngineError::Failed(_)), "{refused:?}");
    assert!(!format!("{refused:?}").contains("a wrong password"));
}

/// What was written goes to a database elsewhere, as an operator would move it: numbers of transactions begin anew there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL"]
async fn in_another_cluster_caches_begin_anew_and_marks_go_on() {
    let server = server().await;
    let schema = new_schema();
    let engine = open(&settings(server, &schema)).await.unwrap();
    let bucket = with_bucket(&engine).await;
    done(&engine, first_version("d/x", version(&bucket, EntryId::random()))).await;
    let before = engine.directory_changes(bucket.id, directory_token("d/"), 0, 10).await.unwrap();
    drop(engine);
    server
        .psql(&format!(
            "SET search_path = {schema}; UPDATE counters SET value = 1 WHERE name = 'system'; UPDATE entries SET mark = mark + 1000000000"
        ))
        .unwrap();
    let engine = open(&settings(server, &schema)).await.unwrap();
    done(&engine, first_version("d/y", version(&bucket, EntryId::random()))).await;
    let after = engine.directory_changes(bucket.id, directory_token("d/"), 0, 10).await.unwrap();
    assert!(after.epoch > before.epoch);
    assert_eq!(
        after.entries.iter().map(|row| row.key).collect::<Vec<_>>(),
        [key_token("d/x"), key_token("d/y")],
        "in the order of their marks"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL"]
async fn an_index_moves_from_a_file_to_the_server_and_on_and_back() {
    let (engine, place) = crate::sqlite::fresh();
    copies::fill(&engine).await;
    let server = server().await;
    let first = copies::moves(&engine, &IndexSettings::Postgres(settings(server, &new_schema()))).await;
    let second = copies::moves(&first, &IndexSettings::Postgres(settings(server, &new_schema()))).await;
    let file = SqliteSettings { path: place.path().join("back.sqlite"), readers: 2 };
    copies::moves(&second, &IndexSettings::Sqlite(file)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL"]
async fn a_copy_from_the_server_is_of_one_moment_while_others_write() {
    copies::one_moment(fresh().await.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL"]
async fn every_table_and_column_of_the_server_is_in_a_copy_or_left_behind_on_purpose() {
    let (server, schema) = (server().await, new_schema());
    drop(open(&settings(server, &schema)).await.unwrap());
    let listed =
        server.psql(&format!("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = '{schema}'")).unwrap();
    let found = listed.lines().map(|line| line.split_once('|').unwrap()).map(|(table, column)| (table.to_owned(), column.to_owned()));
    copies::fits(found.collect(), &["hozon_schema"]);
}
