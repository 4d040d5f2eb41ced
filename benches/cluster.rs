//! Gateways on engines that several can share: PostgreSQL and an object store, side by side in one run (DESIGN §13).
//!
//! `cargo bench --features postgres,s3-store --bench cluster [-- NAME…]` with names of `nodes`, `store`, `append`.
//! `nodes`: requests a second of one gateway and of two on one index and store, with the share of the machine that was
//! busy: client, gateways, database and store are all on it. `store`: a gateway before SeaweedFS, reached with
//! and without TLS, beside SeaweedFS itself and the same gateway on a local directory. `append`: durable events beside raw statements of as many rows.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a benchmark that cannot set up may stop")]
#![expect(dead_code, reason = "not every side of the other benchmarks is a side here")]

#[path = "gateway/client.rs"]
mod client;
#[path = "../tests/support/postgres.rs"]
mod postgres;
#[path = "gateway/process.rs"]
mod process;
#[path = "../tests/engine/rows.rs"]
mod rows;

use bytes::Bytes;
use client::{Chunked, Connection, Target};
use hozon::domain::{ManualClock, TenantId};
use hozon::engine::{Engine, Events, PostgresEngine, PostgresSettings, PostgresTls};
use postgres::Postgres;
use process::{Gateway, Weed};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(3);
const LARGE: usize = 64 << 20;
const SMALL: usize = 4 << 10;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let runs = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let database = Postgres::start();
        if runs("append") {
            append(&database).await;
        }
        let local = Gateway::start("aes-gcm");
        let weed = Weed::start(local.dir()).await.unwrap_or_else(|| panic!("needs SeaweedFS as `weed`"));
        if runs("store") {
            store(&local, &weed).await;
        }
        if runs("nodes") {
            nodes(&database, &weed, &local).await;
        }
    });
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Busy and all ticks of the machine so far.
fn ticks() -> (f64, f64) {
    let stat = std::fs::read_to_string("/proc/stat").unwrap();
    let fields: Vec<f64> = stat.lines().next().unwrap().split_whitespace().skip(1).map(|field| field.parse().unwrap()).collect();
    let all: f64 = fields[..8].iter().sum();
    (all - fields[3] - fields[4], all)
}

/// Requests a second of `clients` connections spread over `targets`, and the share of the machine that was busy.
async fn hammer(targets: &[Target], clients: usize, asked: fn(usize, u64) -> Asked) -> (f64, f64, Vec<f64>) {
    let counter = Arc::new(AtomicU64::new(0));
    let (busy, all) = ticks();
    let begun = Instant::now();
    let mut tasks = Vec::new();
    for client in 0..clients {
        let (target, counter) = (targets[client % targets.len()].clone(), Arc::clone(&counter));
        tasks.push(tokio::spawn(async move {
            let mut connection = Connection::open(&target).await;
            let (small, mut latencies) = (Bytes::from(vec![0x33; SMALL]), Vec::new());
            while begun.elapsed() < ROUND {
                let one = Instant::now();
                match asked(client, counter.fetch_add(1, Ordering::Relaxed)) {
                    Asked::Get(path) => assert_eq!(connection.get(&path, None).await, SMALL as u64),
                    Asked::Put(path) => connection.put(&path, small.clone()).await,
                }
                latencies.push(one.elapsed().as_secs_f64() * 1e3);
            }
            latencies
        }));
    }
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.unwrap());
    }
    let (busy_now, all_now) = ticks();
    latencies.sort_by(f64::total_cmp);
    (latencies.len() as f64 / begun.elapsed().as_secs_f64(), (busy_now - busy) / (all_now - all), latencies)
}

enum Asked {
    Get(String),
    Put(String),
}

async fn fill(target: &Target) {
    let mut connection = Connection::open(target).await;
    for number in 0..1_000 {
        connection.put(&format!("/files/small/{number:04}"), Bytes::from(vec![0x33; SMALL])).await;
    }
}

fn get(_client: usize, number: u64) -> Asked {
    Asked::Get(format!("/files/small/{:04}", number % 1_000))
}

fn put(client: usize, number: u64) -> Asked {
    Asked::Put(format!("/files/put/{client}/{number}"))
}

/// One gateway and two, on one index in PostgreSQL and one store in SeaweedFS.
async fn nodes(database: &Postgres, weed: &Weed, local: &Gateway) {
    println!("\n== two gateways on one PostgreSQL and one SeaweedFS, 4 KiB, 32 clients, medians of {ROUNDS} rounds");
    let settings: Vec<_> = database.settings().into_iter().chain(weed.settings(local.dir())).collect();
    let first = Gateway::start_with(&settings);
    let second = first.second(&settings);
    fill(&first.target()).await;
    let (one, two) = (vec![first.target()], vec![first.target(), second.target()]);
    for (name, asked) in [("GET", get as fn(usize, u64) -> Asked), ("PUT", put)] {
        let mut rates = [Vec::new(), Vec::new()];
        let mut shares = [Vec::new(), Vec::new()];
        for round in 0..=ROUNDS {
            for (at, targets) in [&one, &two].into_iter().enumerate() {
                let (rate, share, _) = hammer(targets, 32, asked).await;
                // The first round warms caches and connections.
                if round > 0 {
                    rates[at].push(rate);
                    shares[at].push(share);
                }
            }
        }
        let ([one, two], [share_one, share_two]) = (rates.map(median), shares.map(median));
        println!(
            "  {name}  one {one:>6.0} /s ({:.0} % of the machine busy)   two {two:>6.0} /s ({:.0} %)   ratio {:.2}",
            share_one * 100.0,
            share_two * 100.0,
            two / one
        );
    }
}

/// The gateway before SeaweedFS, beside SeaweedFS itself, and beside the gateway on a local directory.
async fn store(local: &Gateway, weed: &Weed) {
    let before = Gateway::start_with(&weed.settings(local.dir()));
    let plain = Gateway::start_with(&weed.plain_settings(local.dir()));
    let sides = [
        ("local store", local.target(), local.pid()),
        ("before weed", before.target(), before.pid()),
        ("without TLS", plain.target(), plain.pid()),
        ("weed itself", weed.target(), weed.pid()),
    ];
    let body = Chunked::of(&Bytes::from(vec![0x5a; LARGE]));
    for (name, is_put) in [("PUT", true), ("GET", false)] {
        println!("\n== 64 MiB {name} from clients over TLS, medians of {ROUNDS} rounds; CPU of the named server alone");
        let mut rounds: Vec<Vec<[f64; 2]>> = vec![Vec::new(); sides.len()];
        for round in 0..=ROUNDS {
            for ((_, target, pid), rounds) in sides.iter().zip(&mut rounds) {
                let mut connection = Connection::open(target).await;
                let (cpu, begun) = (process::cpu_seconds(*pid), Instant::now());
                for number in 0..3 {
                    let path = format!("/files/large-{number}");
                    if is_put {
                        connection.put_chunked(&path, &body).await;
                    } else {
                        assert_eq!(connection.get(&path, None).await, LARGE as u64);
                    }
                }
                let gigabytes = 3.0 * LARGE as f64 / 1e9;
                if round > 0 {
                    rounds.push([gigabytes / begun.elapsed().as_secs_f64(), (process::cpu_seconds(*pid) - cpu) / gigabytes]);
                }
            }
        }
        for ((name, ..), rounds) in sides.iter().zip(&rounds) {
            let [rate, cpu] = std::array::from_fn(|at| median(rounds.iter().map(|round| round[at]).collect()));
            println!("  {name:<12} {rate:>5.2} GB/s  {cpu:>5.2} cpu-s/GB");
        }
    }
    println!("\n== 4 KiB GET, one client, medians of {ROUNDS} rounds");
    for (_, target, _) in &sides {
        fill(target).await;
    }
    let mut p50s: Vec<Vec<f64>> = vec![Vec::new(); sides.len()];
    for round in 0..=ROUNDS {
        for ((_, target, _), p50s) in sides.iter().zip(&mut p50s) {
            let (_, _, latencies) = hammer(std::slice::from_ref(target), 1, get).await;
            if round > 0 {
                p50s.push(latencies[latencies.len() / 2]);
            }
        }
    }
    for ((name, ..), p50s) in sides.iter().zip(p50s) {
        println!("  {name:<12} p50 {:.2} ms", median(p50s));
    }
    println!("  one durable commit {:.2} ms", process::one_commit(local.dir()));
}

/// Durable events through the engine beside statements of as many rows, sent by a driver that nobody waits for.
async fn append(database: &Postgres) {
    println!("\n== append on PostgreSQL: 400-byte events, durable, medians of {ROUNDS} rounds");
    println!("{:>9}  {:>12}  {:>12}  {:>6}", "in flight", "engine rows/s", "raw rows/s", "ratio");
    for in_flight in [1, 16, 64, 256] {
        let engine = engine(database, "bench_engine").await;
        drop(self::engine(database, "bench_raw").await);
        let raw = raw(database).await;
        let (mut by_engine, mut by_raw) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            by_engine.push(engine_appends(&engine, in_flight).await);
            by_raw.push(raw_appends(&raw, in_flight).await);
        }
        let (ours, theirs) = (median(by_engine), median(by_raw));
        println!("{in_flight:>9}  {ours:>12.0}  {theirs:>12.0}  {:>6.2}", ours / theirs);
    }
}

async fn engine(database: &Postgres, schema: &str) -> Arc<dyn Engine> {
    let settings = PostgresSettings {
        hosts: vec![("localhost".to_owned(), database.port())],
        database: "postgres".to_owned(),
        schema: schema.to_owned(),
        user: "hozon".to_owned(),
        password_file: Some(database.password()),
        tls: PostgresTls::Off,
        connections_max: 8,
        connect_time_max: Duration::from_secs(10),
        answer_time_max: Duration::from_secs(20),
    };
    Arc::new(PostgresEngine::open(&settings, Arc::new(ManualClock::new(rows::NOW))).await.unwrap())
}

async fn engine_appends(engine: &Arc<dyn Engine>, in_flight: usize) -> f64 {
    let begun = Instant::now();
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..in_flight {
        let engine = Arc::clone(engine);
        writers.spawn(async move {
            let (tenant, mut done) = (TenantId::from_bytes([(number % 4) as u8; 16]), 0_u32);
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

async fn raw(database: &Postgres) -> tokio_postgres::Client {
    let config = format!(
        "host=localhost port={} user=hozon password='{}' dbname=postgres options='-c search_path=bench_raw'",
        database.port(),
        postgres::PASSWORD
    );
    let (client, connection) = tokio_postgres::connect(&config, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// One connection, one statement after another, each with `rows_a_commit` rows.
async fn raw_appends(client: &tokio_postgres::Client, rows_a_commit: usize) -> f64 {
    let sql = "INSERT INTO journal (tenant, event, leaf_hash, event_key, sealed, at)
               SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[], $6::bigint[])";
    let statement = client.prepare(sql).await.unwrap();
    let begun = Instant::now();
    let mut done = 0_usize;
    while begun.elapsed() < ROUND {
        let events: Vec<_> = (0..rows_a_commit).map(|number| rows::event(TenantId::from_bytes([(number % 4) as u8; 16]))).collect();
        let tenants: Vec<&[u8]> = events.iter().map(|event| event.tenant.as_bytes().as_slice()).collect();
        let ids: Vec<&[u8]> = events.iter().map(|event| event.event.as_bytes().as_slice()).collect();
        let leaves: Vec<&[u8]> = events.iter().map(|event| event.leaf_hash.as_slice()).collect();
        let keys: Vec<&[u8]> = events.iter().map(|event| event.event_key.as_bytes().as_slice()).collect();
        let sealed: Vec<&[u8]> = events.iter().map(|event| event.sealed.as_slice()).collect();
        let at: Vec<i64> = events.iter().map(|event| event.at.micros()).collect();
        client.execute(&statement, &[&tenants, &ids, &leaves, &keys, &sealed, &at]).await.unwrap();
        done += rows_a_commit;
    }
    done as f64 / begun.elapsed().as_secs_f64()
}
