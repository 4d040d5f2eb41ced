//! One page of 1,000 from a large directory: in a process that has just started, warm, in the middle, after a write.
//!
//! `HOZON_LISTING_KEYS` sets how many keys it has; 100,000 where absent. The bars are set for 100,000 warm, and for
//! 2,000,000 cold: the time from opening the index to the page, the database's file in the system's page cache.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench may fail loudly, and prints what it found")]

#[expect(dead_code, reason = "shared with the tests of the index, which use all of it")]
#[path = "../tests/index/support.rs"]
mod support;

use futures::stream::{self, StreamExt};
use hozon::domain::{VersionId, Versioning};
use hozon::engine::Nullness;
use hozon::index::{Bucket, Index, ListPage, ListQuery, NewContent, NewVersion, VersionsQuery};
use std::time::{Duration, Instant};
use support::{House, marker, sqlite};

const PREFIX: &str = "ward-3/images/2026/";
const ROUNDS: usize = 15;

fn main() {
    let keys = std::env::var("HOZON_LISTING_KEYS").ok().map_or(100_000, |keys| keys.parse().unwrap());
    tokio::runtime::Runtime::new().unwrap().block_on(run(keys));
}

async fn run(keys: usize) {
    let directory = tempfile::tempdir().unwrap();
    let mut house = House::over(sqlite(directory.path())).await;
    let tenant = house.tenant("hospital").await;
    let bucket = house.bucket(tenant, "files", Versioning::On).await;
    let began = Instant::now();
    fill(&house, &bucket, keys).await;
    assert_eq!(house.index.engine().count_versions().await.unwrap(), keys as u64);
    println!("{keys} keys in one directory, written in {:.1} s; medians of {ROUNDS}", began.elapsed().as_secs_f64());

    println!("without a run");
    let began = Instant::now();
    house = house.restarted(|| sqlite(directory.path()));
    page(&house.index, &bucket, None).await;
    row("process cold, first page of 1,000", began.elapsed());
    row("the next page", timed(async || page(&house.index, &bucket, Some(name(1_000))).await).await);
    let written = timed(async || assert_eq!(house.index.write_runs().await.unwrap(), 1)).await;
    row("writing the run, in the background", written);

    println!("with a run");
    for (what, after) in [("first page", None), ("page from the middle", Some(name(keys / 2)))] {
        let began = Instant::now();
        house = house.restarted(|| sqlite(directory.path()));
        page(&house.index, &bucket, after).await;
        row(&format!("process cold, {what}"), began.elapsed());
    }
    let began = Instant::now();
    house = house.restarted(|| sqlite(directory.path()));
    versions(&house.index, &bucket).await;
    row("process cold, first page of versions", began.elapsed());
    warm(&house, &bucket, keys).await;
}

async fn warm(house: &House, bucket: &Bucket, keys: usize) {
    let middle = Some(name(keys / 2));
    row("warm, first page", median(async || page(&house.index, bucket, None).await).await);
    row("warm, page from the middle", median(async || page(&house.index, bucket, middle.clone()).await).await);
    row("warm, first page of versions", median(async || versions(&house.index, bucket).await).await);
    let mut pages = Vec::new();
    for round in 0..ROUNDS {
        let key = format!("{}-new-{round}", name(keys / 2));
        house.put(bucket, &key, house.content(bucket, &key, Nullness::Numbered, 1).await).await.unwrap();
        pages.push(timed(async || page(&house.index, bucket, middle.clone()).await).await);
    }
    row("page from the middle, after one write", middle_of(pages));
}

fn name(number: usize) -> String {
    format!("{PREFIX}{number:08}.dcm")
}

async fn fill(house: &House, bucket: &Bucket, keys: usize) {
    let NewVersion { content, .. } = house.content(bucket, "any", Nullness::Numbered, 5).await;
    let NewContent::Body { stored, .. } = content else { return };
    // In no order, as names of records come.
    let puts = stream::iter((0..keys).map(|number| (number * 7_919) % keys)).map(|number| {
        let stored = stored.clone();
        async move {
            let key = name(number);
            let content = NewContent::Body { stored, dek: (1, vec![7; 104]), size: 5, parts: Vec::new() };
            let new = NewVersion { id: VersionId::random(), content, ..marker(&key, Nullness::Numbered) };
            house.put(bucket, &key, new).await.unwrap();
        }
    });
    puts.buffer_unordered(512).for_each(|()| async {}).await;
}

async fn page(index: &Index, bucket: &Bucket, after: Option<String>) {
    let query = ListQuery { prefix: PREFIX.to_owned(), delimiter: Some("/".to_owned()), after, limit: 1_000 };
    let ListPage { items, .. } = index.of(bucket.tenant).list(bucket, &query).await.unwrap();
    assert_eq!(items.len(), 1_000);
}

async fn versions(index: &Index, bucket: &Bucket) {
    let query = VersionsQuery { prefix: PREFIX.to_owned(), limit: 1_000, ..VersionsQuery::default() };
    assert_eq!(index.of(bucket.tenant).list_versions(bucket, &query).await.unwrap().items.len(), 1_000);
}

async fn timed(mut work: impl AsyncFnMut()) -> Duration {
    let began = Instant::now();
    work().await;
    began.elapsed()
}

async fn median(mut work: impl AsyncFnMut()) -> Duration {
    let mut times = Vec::new();
    for _round in 0..ROUNDS {
        times.push(timed(&mut work).await);
    }
    middle_of(times)
}

fn middle_of(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap()
}

fn row(what: &str, took: Duration) {
    println!("  {what:<42}{:>12.3} ms", took.as_secs_f64() * 1e3);
}
