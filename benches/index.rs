//! The metadata engine beside raw SQLite, side by side in one run on one disk (DESIGN §13).
//!
//! `cargo bench --bench index [-- NAME…]` with names of `append`, `latency`, `commit`, `read`. Each figure is the
//! median of several rounds that alternate between the sides. The baseline of `append` is one thread that inserts
//! equal rows into the same schema with the same durability, as many to a commit as the engine has in flight, and
//! that nobody has to wake or wait for.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark that cannot set up may stop")]

#[path = "../tests/engine/rows.rs"]
#[expect(dead_code, reason = "the suite's rows; not all are measured")]
mod rows;

use hozon::domain::{EntryId, ManualClock, TenantId};
use hozon::engine::{BucketRow, Committed, Engine, Events, JournalRow, SqliteEngine, SqliteSettings, Which};
use rusqlite::{Connection, params};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::task::JoinSet;

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);
const KEYS: usize = 20_000;
/// Hospitals whose logs are written at the same time; the same on both sides, as each log grows at a place of its own.
const TENANTS: u8 = 4;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let runs = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        if runs("append") {
            append().await;
        }
        if runs("latency") {
            latency().await;
        }
        if runs("commit") {
            commit().await;
        }
        if runs("read") {
            read().await;
        }
    });
}

fn engine_at(path: &Path) -> Arc<dyn Engine> {
    let settings = SqliteSettings { path: path.to_owned(), readers: 4 };
    Arc::new(SqliteEngine::open(&settings, Arc::new(ManualClock::new(rows::NOW))).unwrap())
}

/// Beside the build, not in a temporary directory that may be no disk.
fn place() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Durable appends of one 400-byte event each, against raw inserts with as many rows to a commit.
async fn append() {
    println!("\n== append: 400-byte events, durable, medians of {ROUNDS} rounds");
    println!("{:>9}  {:>12}  {:>12}  {:>6}", "in flight", "engine rows/s", "raw rows/s", "ratio");
    for in_flight in [1, 16, 64, 256] {
        let (ours, theirs) = (place(), place());
        let engine = engine_at(&ours.path().join("index.sqlite"));
        // The engine makes the schema for the raw side too.
        drop(engine_at(&theirs.path().join("index.sqlite")));
        let raw = raw_at(&theirs.path().join("index.sqlite"));
        let (mut by_engine, mut by_raw) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            by_engine.push(engine_appends(&engine, in_flight).await);
            by_raw.push(tokio::task::block_in_place(|| raw_appends(&raw, in_flight)));
        }
        let (ours, theirs) = (median(by_engine), median(by_raw));
        println!("{in_flight:>9}  {ours:>12.0}  {theirs:>12.0}  {:>6.2}", ours / theirs);
    }
}

/// Rows a second of as many tasks as are in flight, each of which waits for its row.
async fn engine_appends(engine: &Arc<dyn Engine>, in_flight: usize) -> f64 {
    let begun = Instant::now();
    let mut writers = JoinSet::new();
    for number in 0..in_flight {
        let engine = Arc::clone(engine);
        writers.spawn(async move {
            let (tenant, mut done) = (tenant(number), 0_u32);
            while begun.elapsed() < ROUND {
                engine.append(Events { rows: vec![rows::event(tenant)], keys: Vec::new() }).await.unwrap();
                done += 1;
            }
            done
        });
    }
    let done: u32 = writers.join_all().await.into_iter().sum();
    f64::from(done) / begun.elapsed().as_secs_f64()
}

fn tenant(number: usize) -> TenantId {
    TenantId::from_bytes([(number % usize::from(TENANTS)) as u8; 16])
}

fn raw_at(path: &Path) -> Connection {
    let raw = Connection::open(path).unwrap();
    raw.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 1000; PRAGMA cache_size = -16384;",
    )
    .unwrap();
    raw
}

fn raw_appends(raw: &Connection, rows_a_commit: usize) -> f64 {
    let begun = Instant::now();
    let mut done = 0_u32;
    while begun.elapsed() < ROUND {
        raw.execute_batch("BEGIN IMMEDIATE").unwrap();
        for number in 0..rows_a_commit {
            raw_insert(raw, &rows::event(tenant(number)));
            done += 1;
        }
        raw.execute_batch("COMMIT").unwrap();
    }
    f64::from(done) / begun.elapsed().as_secs_f64()
}

fn raw_insert(raw: &Connection, row: &JournalRow) {
    let sql = "INSERT INTO journal (tenant, event, leaf_hash, event_key, sealed, at) VALUES (?, ?, ?, ?, ?, ?)";
    let (tenant, event, key) = (row.tenant.as_bytes(), row.event.as_bytes(), row.event_key.as_bytes());
    raw.prepare_cached(sql).unwrap().execute(params![tenant, event, row.leaf_hash, key, row.sealed, row.at.micros()]).unwrap();
}

/// How long one append takes, alone and among others, against raw commits of one row and of as many rows as there
/// are clients. Both logs are written from their start again before anything is measured: a commit that makes its file
/// longer takes twice the time of one that does not.
async fn latency() {
    println!("\n== latency of one durable append, against raw commits; medians of {ROUNDS} rounds");
    let (ours, theirs) = (place(), place());
    let engine = engine_at(&ours.path().join("index.sqlite"));
    drop(engine_at(&theirs.path().join("index.sqlite")));
    let raw = raw_at(&theirs.path().join("index.sqlite"));
    engine_waits(&engine, 64, 200).await;
    tokio::task::block_in_place(|| raw_commits(&raw, 64, 200));
    println!("{:>7}  {:>8}  {:>12}  {:>5}  {:>14}  {:>5}", "clients", "p50 µs", "commit of 1", "ratio", "commit of all", "ratio");
    for clients in [1, 16, 64] {
        let (mut waits, mut of_one, mut of_all) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            waits.push(engine_waits(&engine, clients, 300).await);
            of_one.push(tokio::task::block_in_place(|| raw_commits(&raw, 1, 300)));
            of_all.push(tokio::task::block_in_place(|| raw_commits(&raw, clients, 300)));
        }
        let (wait, one, all) = (median(waits), median(of_one), median(of_all));
        println!("{clients:>7}  {wait:>8.0}  {one:>12.0}  {:>5.2}  {all:>14.0}  {:>5.2}", wait / one, wait / all);
    }
}

/// Median microseconds of one append of each of several clients that append again as soon as they are answered.
async fn engine_waits(engine: &Arc<dyn Engine>, clients: usize, appends: usize) -> f64 {
    let mut tasks = JoinSet::new();
    for number in 0..clients {
        let engine = Arc::clone(engine);
        tasks.spawn(async move {
            let mut waits = Vec::new();
            for _ in 0..appends {
                let events = Events { rows: vec![rows::event(tenant(number))], keys: Vec::new() };
                let begun = Instant::now();
                engine.append(events).await.unwrap();
                waits.push(begun.elapsed().as_secs_f64() * 1e6);
            }
            waits
        });
    }
    median(tasks.join_all().await.into_iter().flatten().collect())
}

/// Median microseconds of raw commits of some rows each.
fn raw_commits(raw: &Connection, rows_a_commit: usize, commits: usize) -> f64 {
    let commits = (0..commits).map(|_| {
        let events: Vec<JournalRow> = (0..rows_a_commit).map(|number| rows::event(tenant(number))).collect();
        let begun = Instant::now();
        raw.execute_batch("BEGIN IMMEDIATE").unwrap();
        events.iter().for_each(|event| raw_insert(raw, event));
        raw.execute_batch("COMMIT").unwrap();
        begun.elapsed().as_secs_f64() * 1e6
    });
    median(commits.collect())
}

/// Durable first versions of new keys, each with one event, in a thousand directories.
async fn commit() {
    println!("\n== commit: a new key with its version, data key and event");
    println!("{:>9}  {:>12}", "in flight", "commits/s");
    for in_flight in [1, 16, 64] {
        let place = place();
        let engine = engine_at(&place.path().join("index.sqlite"));
        let bucket = with_bucket(&engine).await;
        let next = Arc::new(AtomicUsize::new(0));
        let mut rates = Vec::new();
        for _ in 0..ROUNDS {
            rates.push(commits(&engine, &bucket, &next, in_flight).await);
        }
        println!("{in_flight:>9}  {:>12.0}", median(rates));
    }
}

async fn commits(engine: &Arc<dyn Engine>, bucket: &BucketRow, next: &Arc<AtomicUsize>, in_flight: usize) -> f64 {
    let begun = Instant::now();
    let mut writers = JoinSet::new();
    for _ in 0..in_flight {
        let (engine, bucket, next) = (Arc::clone(engine), bucket.clone(), Arc::clone(next));
        writers.spawn(async move {
            let mut done = 0_u32;
            while begun.elapsed() < ROUND {
                put(&engine, &bucket, next.fetch_add(1, Ordering::Relaxed)).await;
                done += 1;
            }
            done
        });
    }
    let done: u32 = writers.join_all().await.into_iter().sum();
    f64::from(done) / begun.elapsed().as_secs_f64()
}

async fn put(engine: &Arc<dyn Engine>, bucket: &BucketRow, number: usize) {
    let mut change = rows::first_version(&key(number), rows::version(bucket, EntryId::random()));
    change.events = rows::events_of(bucket.tenant, 1);
    assert!(matches!(engine.commit(change).await.unwrap(), Committed::Done { .. }));
}

fn key(number: usize) -> String {
    format!("{:03}/{number}", number % 1_000)
}

async fn with_bucket(engine: &Arc<dyn Engine>) -> BucketRow {
    let tenant = rows::tenant("bench");
    let bucket = rows::bucket(tenant.id, "karte");
    engine.create_tenant(tenant, Vec::new(), Vec::new(), Events::default()).await.unwrap();
    engine.create_bucket(bucket.clone(), Events::default()).await.unwrap();
    bucket
}

/// Look-ups of keys with version and data key.
async fn read() {
    println!("\n== read: one of {KEYS} keys with version and data key");
    let place = place();
    let engine = engine_at(&place.path().join("index.sqlite"));
    let bucket = with_bucket(&engine).await;
    let mut writers = JoinSet::new();
    for writer in 0..64 {
        let (engine, bucket) = (Arc::clone(&engine), bucket.clone());
        writers.spawn(async move {
            for number in (writer..KEYS).step_by(64) {
                put(&engine, &bucket, number).await;
            }
        });
    }
    writers.join_all().await;
    println!("{:>9}  {:>12}", "tasks", "reads/s");
    for tasks in [1, 4, 64] {
        let mut rates = Vec::new();
        for _ in 0..ROUNDS {
            rates.push(reads(&engine, &bucket, tasks).await);
        }
        println!("{tasks:>9}  {:>12.0}", median(rates));
    }
}

async fn reads(engine: &Arc<dyn Engine>, bucket: &BucketRow, tasks: usize) -> f64 {
    let begun = Instant::now();
    let mut readers = JoinSet::new();
    for reader in 0..tasks {
        let (engine, bucket) = (Arc::clone(engine), bucket.id);
        readers.spawn(async move {
            let (mut done, mut number) = (0_u32, reader * 7_919);
            while begun.elapsed() < ROUND {
                for _ in 0..64 {
                    number = (number + 7_907) % KEYS;
                    let found = engine.find(bucket, rows::key_token(&key(number)), Which::Current).await.unwrap();
                    assert!(found.is_some_and(|found| found.version.is_some_and(|version| version.dek.is_some())));
                    done += 1;
                }
                tokio::task::yield_now().await;
            }
            done
        });
    }
    let done: u32 = readers.join_all().await.into_iter().sum();
    f64::from(done) / begun.elapsed().as_secs_f64()
}
