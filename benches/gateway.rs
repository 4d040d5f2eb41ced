//! The gateway against the same bytes served without sealing, side by side in one run (DESIGN §13).
//!
//! `cargo bench --bench gateway [-- NAME…]` with names of `get`, `put`, `small-get`, `small-put`, `range`, `memory`.
//! Each figure is the median of several rounds that alternate between the sides; server CPU time is read from
//! `/proc`. The baselines: `direct`, a TLS server that copies where the gateway seals; `nginx`, where it is
//! installed; `weed`, SeaweedFS, where it is installed; `fsync`, threads that create files durably.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a benchmark that cannot set up may stop")]

#[path = "gateway/client.rs"]
mod client;
#[path = "gateway/direct.rs"]
mod direct;
#[path = "gateway/process.rs"]
#[expect(dead_code, reason = "other benchmarks use other parts of it")]
mod process;

use bytes::Bytes;
use client::{Chunked, Connection, Target};
use process::{Direct, Gateway, Nginx, Weed};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const LARGE: usize = 64 << 20;
const SMALL: usize = 4 << 10;
const ROUNDS: usize = 7;
const SMALL_ROUNDS: usize = 3;

fn main() {
    if let Ok(dir) = std::env::var("HOZON_BENCH_DIRECT") {
        direct::serve(std::path::Path::new(&dir));
        return;
    }
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let runs = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        for aead in ["aes-gcm", "aws-lc-rs"] {
            let gateway = Gateway::start(aead);
            let direct = Direct::start(gateway.dir());
            println!("\n== aead back end {aead}");
            if runs("get") {
                get(&gateway, &direct).await;
            }
            if runs("put") {
                put(&gateway, &direct).await;
            }
            if aead == "aes-gcm" {
                if runs("small-get") {
                    small_get(&gateway).await;
                }
                if runs("small-put") {
                    small_put(&gateway).await;
                }
                if runs("range") {
                    range(&gateway).await;
                }
                if runs("memory") {
                    memory(&gateway).await;
                }
            }
        }
    });
}

/// One side of a comparison.
struct Side {
    name: &'static str,
    target: Target,
    pid: u32,
    path: String,
}

/// Gigabytes a second and server CPU seconds a gigabyte.
#[derive(Clone, Copy)]
struct Rate {
    gigabytes: f64,
    cpu: f64,
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn alternate<F, Fut>(sides: &[Side], mut one: F)
where
    F: FnMut(Target, String) -> Fut,
    Fut: Future<Output = u64>,
{
    let mut rates: Vec<Vec<Rate>> = sides.iter().map(|_| Vec::new()).collect();
    for round in 0..=ROUNDS {
        for (side, rates) in sides.iter().zip(&mut rates) {
            let cpu = process::cpu_seconds(side.pid);
            let begun = Instant::now();
            let bytes = one(side.target.clone(), side.path.clone()).await;
            let gigabytes = bytes as f64 / 1e9;
            let rate =
                Rate { gigabytes: gigabytes / begun.elapsed().as_secs_f64(), cpu: (process::cpu_seconds(side.pid) - cpu) / gigabytes };
            // The first round warms caches and connections.
            if round > 0 {
                rates.push(rate);
            }
        }
    }
    let medians: Vec<Rate> = rates
        .iter()
        .map(|rates| Rate {
            gigabytes: median(rates.iter().map(|rate| rate.gigabytes).collect()),
            cpu: median(rates.iter().map(|rate| rate.cpu).collect()),
        })
        .collect();
    for (side, rate) in sides.iter().zip(&medians) {
        let (throughput, cpu) = (medians[0].gigabytes / rate.gigabytes, medians[0].cpu / rate.cpu);
        println!(
            "  {:<10} {:>6.2} GB/s  {:>5.2} cpu-s/GB   gateway is {throughput:.2} x its rate, {cpu:.2} x its cpu",
            side.name, rate.gigabytes, rate.cpu
        );
    }
}

async fn get(gateway: &Gateway, direct: &Direct) {
    println!("64 MiB GET over TLS, local store in the page cache");
    let body = Bytes::from(vec![0x5a; LARGE]);
    let path = "/files/large.bin".to_owned();
    Connection::open(&gateway.target()).await.put_with_trailer(&path, body.clone()).await;
    Connection::open(&direct.target()).await.put_with_trailer("/large.bin", body).await;
    let mut sides = vec![
        Side { name: "gateway", target: gateway.target(), pid: gateway.pid(), path: path.clone() },
        Side { name: "direct", target: direct.target(), pid: direct.pid(), path: "/large.bin".to_owned() },
    ];
    let nginx = Nginx::start(gateway.dir(), &direct.file("large.bin"));
    if let Some(nginx) = &nginx {
        sides.push(Side { name: "nginx", target: nginx.target(), pid: nginx.pid(), path: "/large.bin".to_owned() });
    } else {
        println!("  nginx      not installed, not measured");
    }
    alternate(&sides, |target, path| async move {
        let mut connection = Connection::open(&target).await;
        let mut bytes = 0;
        for _ in 0..4 {
            bytes += connection.get(&path, None).await;
        }
        bytes
    })
    .await;
}

async fn put(gateway: &Gateway, direct: &Direct) {
    println!("64 MiB PUT over TLS, unsigned payload with CRC64NVME trailer, durable");
    let sides = [
        Side { name: "gateway", target: gateway.target(), pid: gateway.pid(), path: "/files/up.bin".to_owned() },
        Side { name: "direct", target: direct.target(), pid: direct.pid(), path: "/up.bin".to_owned() },
    ];
    let body = Bytes::from(vec![0x5a; LARGE]);
    alternate(&sides, |target, path| {
        let body = body.clone();
        async move {
            let mut connection = Connection::open(&target).await;
            for _ in 0..2 {
                connection.put_with_trailer(&path, body.clone()).await;
            }
            2 * LARGE as u64
        }
    })
    .await;
}

/// Requests a second of `clients` connections for a while, and the latencies of all of them.
async fn hammer(target: &Target, clients: usize, time: Duration, what: fn(usize, u64) -> What) -> (f64, Vec<f64>) {
    let counter = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let mut tasks = Vec::new();
    for client in 0..clients {
        let (target, counter) = (target.clone(), Arc::clone(&counter));
        tasks.push(tokio::spawn(async move {
            let mut connection = Connection::open(&target).await;
            let mut latencies = Vec::new();
            let small = Bytes::from(vec![0x33; SMALL]);
            while begun.elapsed() < time {
                let number = counter.fetch_add(1, Ordering::Relaxed);
                let one = Instant::now();
                match what(client, number) {
                    What::Get(path, range) => drop(connection.get(&path, range).await),
                    What::Put(path) => connection.put(&path, small.clone()).await,
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
    (latencies.len() as f64 / begun.elapsed().as_secs_f64(), latencies)
}

enum What {
    Get(String, Option<(u64, u64)>),
    Put(String),
}

fn percentile(latencies: &mut [f64], share: f64) -> f64 {
    latencies.sort_by(f64::total_cmp);
    latencies[((latencies.len() - 1) as f64 * share) as usize]
}

async fn small_get(gateway: &Gateway) {
    println!("4 KiB GET, of the gateway with policy and durable audit");
    let mut sides = vec![("gateway", gateway.target(), gateway.pid())];
    let weed = Weed::start(gateway.dir()).await;
    match &weed {
        Some(weed) => sides.push(("weed", weed.target(), weed.pid())),
        None => println!("  weed       (SeaweedFS) not installed, not measured"),
    }
    for (_, target, _) in &sides {
        let mut connection = Connection::open(target).await;
        for number in 0..1_000 {
            connection.put(&format!("/files/small/{number:04}"), Bytes::from(vec![0x33; SMALL])).await;
        }
    }
    for clients in [1, 16, 64] {
        let mut rounds: Vec<Vec<[f64; 4]>> = vec![Vec::new(); sides.len()];
        for round in 0..=SMALL_ROUNDS {
            for ((_, target, pid), rounds) in sides.iter().zip(&mut rounds) {
                let measured = small_gets(target, *pid, clients).await;
                // The first round warms caches.
                if round > 0 {
                    rounds.push(measured);
                }
            }
        }
        let medians: Vec<[f64; 4]> =
            rounds.iter().map(|rounds| std::array::from_fn(|at| median(rounds.iter().map(|round| round[at]).collect()))).collect();
        for ((name, ..), [rate, p50, p99, cpu]) in sides.iter().zip(&medians) {
            let (rates, cpus) = (medians[0][0] / rate, medians[0][3] / cpu);
            println!(
                "  {clients:>3} clients {name:<8} {rate:>7.0} /s  p50 {p50:.2} ms  p99 {p99:.2} ms  {cpu:>4.0} us of cpu each   gateway is {rates:.2} x its rate, {cpus:.2} x its cpu"
            );
        }
    }
}

/// Requests a second, p50 and p99 in milliseconds, and microseconds of server CPU a request.
async fn small_gets(target: &Target, pid: u32, clients: usize) -> [f64; 4] {
    let cpu = process::cpu_seconds(pid);
    let path = |_, number: u64| What::Get(format!("/files/small/{:04}", number % 1_000), None);
    let (rate, mut latencies) = hammer(target, clients, Duration::from_secs(3), path).await;
    let cpu = (process::cpu_seconds(pid) - cpu) / latencies.len() as f64 * 1e6;
    [rate, percentile(&mut latencies, 0.5), percentile(&mut latencies, 0.99), cpu]
}

async fn small_put(gateway: &Gateway) {
    println!("4 KiB PUT, durable, 64 clients, against 64 threads durably creating files");
    let (mut ours, mut p50s, mut raws) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..=SMALL_ROUNDS {
        raws.push(process::durable_creates(gateway.dir(), 64, SMALL, Duration::from_secs(3)));
        let path = |client: usize, number: u64| What::Put(format!("/files/put/{client}/{number}"));
        let (rate, mut latencies) = hammer(&gateway.target(), 64, Duration::from_secs(3), path).await;
        ours.push(rate);
        p50s.push(percentile(&mut latencies, 0.5));
    }
    let (rate, p50, raw) = (median(ours), median(p50s), median(raws));
    println!("  gateway {rate:>8.0} /s   p50 {p50:.2} ms\n  fsync   {raw:>8.0} /s   gateway is {:.2} x its rate", rate / raw);
}

async fn range(gateway: &Gateway) {
    println!("64 KiB range of a 1 GiB object, one client");
    let mut connection = Connection::open(&gateway.target()).await;
    connection.put_with_trailer("/files/giant.bin", Bytes::from(vec![0x11; 1 << 30])).await;
    let path = |_, number: u64| {
        let start = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % ((1 << 30) - 65_536);
        What::Get("/files/giant.bin".to_owned(), Some((start, start + 65_535)))
    };
    let (rate, mut latencies) = hammer(&gateway.target(), 1, Duration::from_secs(5), path).await;
    let commit = process::one_commit(gateway.dir());
    let read = process::one_read(&gateway.dir().join("data"), 65_536 + 5 * 16);
    let p50 = percentile(&mut latencies, 0.5);
    println!(
        "  gateway {rate:>8.0} /s   p50 {p50:.2} ms\n  one commit {commit:.2} ms + one read {read:.2} ms   gateway is {:.2} x that",
        p50 / (commit + read)
    );
}

async fn memory(gateway: &Gateway) {
    println!("64 concurrent transfers of 512 MiB, half up, half down");
    let mut connection = Connection::open(&gateway.target()).await;
    connection.put_with_trailer("/files/half.bin", Bytes::from(vec![0x22; 512 << 20])).await;
    // Once for all: making it takes longer than a gateway waits for a request on a new connection.
    let body = Arc::new(Chunked::of(&Bytes::from(vec![0x44; 512 << 20])));
    let peak = process::watch_memory(gateway.pid());
    let mut tasks = Vec::new();
    for number in 0..64 {
        let (target, body) = (gateway.target(), Arc::clone(&body));
        tasks.push(tokio::spawn(async move {
            let mut connection = Connection::open(&target).await;
            if number % 2 == 0 {
                connection.get("/files/half.bin", None).await;
            } else {
                connection.put_chunked(&format!("/files/mem/{number}"), &body).await;
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    println!("  peak resident {} MiB", peak.stop() >> 20);
}
