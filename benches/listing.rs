//! One page of 1,000 from a large directory: cold, warm, in the middle, and after a write.
//!
//! `HOZON_LISTING_KEYS` sets how many keys it has; 100,000 where absent.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench may fail loudly, and prints what it found")]

#[expect(dead_code, reason = "shared with the tests of the index, which use all of it")]
#[path = "../tests/index/support.rs"]
mod support;

use futures::stream::{self, StreamExt};
use hozon::domain::{VersionId, Versioning};
use hozon::engine::Nullness;
use hozon::index::{Bucket, Index, ListPage, ListQuery, NewContent, NewVersion};
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
    let house = House::over(sqlite(directory.path())).await;
    let tenant = house.tenant("hospital").await;
    let bucket = house.bucket(tenant, "files", Versioning::On).await;
    fill(&house, &bucket, keys).await;
    assert_eq!(house.index.engine().count_versions().await.unwrap(), keys as u64);

    let middle = Some(name(keys / 2));
    println!("{keys} keys in one directory; medians of {ROUNDS}");
    let cold = house.cold();
    let began = Instant::now();
    page(&cold, &bucket, None).await;
    println!("cold, first page of 1,000       {:>10.3} ms", millis(began.elapsed()));
    println!("warm, first page of 1,000       {:>10.3} ms", median(async || page(&cold, &bucket, None).await).await);
    println!("warm, page from the middle      {:>10.3} ms", median(async || page(&cold, &bucket, middle.clone()).await).await);
    let mut pages = Vec::new();
    for round in 0..ROUNDS {
        let key = format!("{}-new-{round}", name(keys / 2));
        house.put(&bucket, &key, house.content(&bucket, &key, Nullness::Numbered, 1).await).await.unwrap();
        let began = Instant::now();
        page(&cold, &bucket, middle.clone()).await;
        pages.push(began.elapsed());
    }
    println!("page from the middle, after one write {:>4.3} ms", millis(middle_of(pages)));
}

fn name(number: usize) -> String {
    format!("{PREFIX}{number:08}.dcm")
}

async fn fill(house: &House, bucket: &Bucket, keys: usize) {
    let NewVersion { content, .. } = house.content(bucket, "any", Nullness::Numbered, 5).await;
    let NewContent::Body { stored, .. } = content else { return };
    let puts = stream::iter(0..keys).map(|number| {
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

async fn median(mut work: impl AsyncFnMut()) -> f64 {
    let mut times = Vec::new();
    for _round in 0..ROUNDS {
        let began = Instant::now();
        work().await;
        times.push(began.elapsed());
    }
    millis(middle_of(times))
}

fn middle_of(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
