//! Random keys, deletions and questions against a sorted map.

use super::memory::Memory;
use super::support::{House, NOW, marker, nullness, sqlite};
use hozon::domain::{ManualClock, VersionId, Versioning};
use hozon::engine::{Committed, Engine, Nullness, SqliteEngine, SqliteSettings, VersionKind, Which};
use hozon::index::{Bucket, Index, ListItem, ListQuery, NewVersion, RunSettings, VersionItem, VersionMarker, VersionsQuery};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Clone)]
enum Step {
    Put(String),
    Hide(String),
    /// The version with this number, counted over all that there are.
    Remove(usize),
    /// Sorted runs that listings have asked for are written.
    WriteRuns,
    List(ListQuestion),
}

#[derive(Debug, Clone)]
struct ListQuestion {
    prefix: String,
    delimiter: Option<String>,
    after: Option<String>,
    limit: usize,
}

#[derive(Debug, Clone)]
struct Kept {
    id: VersionId,
    kind: VersionKind,
    null: Nullness,
    size: u64,
}

/// Versions of each key, newest first.
type Model = BTreeMap<String, Vec<Kept>>;

fn text(pieces: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec!["a", "b", "/", "-", ".", "é", "//", "0"]);
    prop::collection::vec(piece, pieces).prop_map(|pieces| pieces.concat())
}

fn question() -> impl Strategy<Value = ListQuestion> {
    let delimiter = prop::sample::select(vec!["/", "/", "/", "-", "a", "é", "//", "/a", "b/", ""]).prop_map(str::to_owned);
    (text(0..3), prop::option::of(delimiter), prop::option::of(text(0..4)), 1..7_usize)
        .prop_map(|(prefix, delimiter, after, limit)| ListQuestion { prefix, delimiter, after, limit })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => text(1..6).prop_map(Step::Put),
        1 => text(1..4).prop_map(Step::Hide),
        3 => (0..1_000_usize).prop_map(Step::Remove),
        2 => Just(Step::WriteRuns),
        3 => question().prop_map(Step::List),
    ]
}

/// Runs as they are, and for directories of a few keys: written late, early, or anew after each change.
fn runs() -> impl Strategy<Value = RunSettings> {
    let tiny = (1..5_usize, 1..4_usize, 1..3_usize, 0..4_usize);
    let tiny =
        tiny.prop_map(|(items_min, page_items, pages_kept, changes_min)| RunSettings { items_min, page_items, pages_kept, changes_min });
    prop_oneof![1 => Just(RunSettings::default()), 3 => tiny]
}

fn versioning() -> impl Strategy<Value = Versioning> {
    prop::sample::select(vec![Versioning::Off, Versioning::On, Versioning::Suspended])
}

async fn write(house: &House, bucket: &Bucket, model: &mut Model, key: &str, kind: VersionKind) {
    // Numbered and null versions both come up where versioning was switched off again.
    let null = match bucket.versioning {
        Versioning::Suspended if model.len().is_multiple_of(2) => Nullness::Numbered,
        other => nullness(other),
    };
    let size = model.values().map(Vec::len).sum::<usize>() as u64;
    let new = if kind == VersionKind::Content { house.content(bucket, key, null, size).await } else { marker(key, null) };
    let id = new.id;
    let committed = house.put(bucket, key, new).await.unwrap();
    assert!(matches!(committed, Committed::Done { .. }));
    let versions = model.entry(key.to_owned()).or_default();
    versions.retain(|kept| null == Nullness::Numbered || kept.null == Nullness::Numbered);
    let size = if kind == VersionKind::Content { size } else { 0 };
    versions.insert(0, Kept { id, kind, null, size });
}

async fn remove(house: &House, bucket: &Bucket, model: &mut Model, number: usize) {
    let all: Vec<_> = model.iter().flat_map(|(key, versions)| versions.iter().map(|kept| (key.clone(), kept.id))).collect();
    let Some((key, id)) = all.get(number % all.len().max(1)).cloned() else {
        return;
    };
    let committed = house.remove(bucket, &key, Which::Id(id)).await.unwrap();
    assert!(matches!(committed, Committed::Done { .. }));
    let versions = model.get_mut(&key).unwrap();
    versions.retain(|kept| kept.id != id);
    if versions.is_empty() {
        model.remove(&key);
    }
}

fn common<'k>(key: &'k str, prefix: &str, delimiter: Option<&str>) -> Option<&'k str> {
    let delimiter = delimiter.filter(|delimiter| !delimiter.is_empty())?;
    let at = key[prefix.len()..].find(delimiter)?;
    Some(&key[..prefix.len() + at + delimiter.len()])
}

/// What S3 shows of the keys, whole, told in the most naive way.
fn expected(model: &Model, asked: &ListQuestion) -> Vec<(String, Option<u64>)> {
    let mut items: Vec<(String, Option<u64>)> = Vec::new();
    for (key, versions) in model {
        let after = asked.after.as_deref();
        if versions[0].kind != VersionKind::Content || !key.starts_with(&asked.prefix) || after.is_some_and(|after| key.as_str() <= after) {
            continue;
        }
        match common(key, &asked.prefix, asked.delimiter.as_deref()) {
            Some(common) if after.is_some_and(|after| after.starts_with(common)) => {}
            Some(common) if items.last().is_some_and(|(last, _)| last == common) => {}
            Some(common) => items.push((common.to_owned(), None)),
            None => items.push((key.clone(), Some(versions[0].size))),
        }
    }
    items
}

async fn listed(index: &Index, bucket: &Bucket, asked: &ListQuestion, limit: usize) -> Vec<(String, Option<u64>)> {
    let mut items = Vec::new();
    let ListQuestion { prefix, delimiter, mut after, .. } = asked.clone();
    loop {
        let query = ListQuery { prefix: prefix.clone(), delimiter: delimiter.clone(), after, limit };
        let page = index.of(bucket.tenant).list(bucket, &query).await.unwrap();
        assert!(page.items.len() <= limit);
        assert!(!page.more || page.items.len() == limit, "a page that is not full says that there is more");
        items.extend(page.items.into_iter().map(|item| match item {
            ListItem::Key { key, size, .. } => (key, Some(size)),
            ListItem::Prefix(prefix) => (prefix, None),
        }));
        if !page.more {
            return items;
        }
        after = page.last;
    }
}

type Shown = (String, Option<(VersionId, VersionKind, Nullness, bool, u64)>);

fn expected_versions(model: &Model, asked: &ListQuestion) -> Vec<Shown> {
    let mut items: Vec<Shown> = Vec::new();
    for (key, versions) in model {
        let after = asked.after.as_deref();
        if !key.starts_with(&asked.prefix) || after.is_some_and(|after| key.as_str() <= after) {
            continue;
        }
        match common(key, &asked.prefix, asked.delimiter.as_deref()) {
            Some(common) if after.is_some_and(|after| after.starts_with(common)) => {}
            Some(common) if items.last().is_some_and(|(last, _)| last == common) => {}
            Some(common) => items.push((common.to_owned(), None)),
            None => {
                let versions = versions.iter().enumerate();
                items.extend(versions.map(|(age, v)| (key.clone(), Some((v.id, v.kind, v.null, age == 0, v.size)))));
            }
        }
    }
    items
}

async fn listed_versions(index: &Index, bucket: &Bucket, asked: &ListQuestion, limit: usize) -> Vec<Shown> {
    let mut items = Vec::new();
    let ListQuestion { prefix, delimiter, after: mut key_marker, .. } = asked.clone();
    let mut version_marker: Option<VersionMarker> = None;
    loop {
        let query = VersionsQuery { prefix: prefix.clone(), delimiter: delimiter.clone(), key_marker, version_marker, limit };
        let page = index.of(bucket.tenant).list_versions(bucket, &query).await.unwrap();
        assert!(page.items.len() <= limit);
        assert!(!page.more || page.items.len() == limit, "a page that is not full says that there is more");
        items.extend(page.items.into_iter().map(|item| match item {
            VersionItem::Version { key, version, null, kind, is_latest, size, .. } => (key, Some((version, kind, null, is_latest, size))),
            VersionItem::Prefix(prefix) => (prefix, None),
        }));
        if !page.more {
            return items;
        }
        let (key, version) = page.last.unwrap();
        (key_marker, version_marker) = (Some(key), version);
    }
}

async fn compare(house: &House, bucket: &Bucket, model: &Model, asked: &ListQuestion) {
    for index in [house.index.as_ref(), &house.cold()] {
        for limit in [asked.limit, 1_000] {
            assert_eq!(listed(index, bucket, asked, limit).await, expected(model, asked), "keys, {asked:?}");
            assert_eq!(listed_versions(index, bucket, asked, limit).await, expected_versions(model, asked), "versions, {asked:?}");
        }
    }
}

async fn run(engine: Arc<dyn Engine>, runs: RunSettings, versioning: Versioning, steps: Vec<Step>) {
    let house = House::over(engine).await.with_runs(runs);
    let tenant = house.tenant("hospital").await;
    let bucket = house.bucket(tenant, "files", versioning).await;
    let mut model = Model::new();
    for step in steps {
        match step {
            Step::Put(key) => write(&house, &bucket, &mut model, &key, VersionKind::Content).await,
            Step::Hide(key) if bucket.versioning == Versioning::Off && !key.is_empty() => {}
            Step::Hide(key) => write(&house, &bucket, &mut model, &key, VersionKind::DeleteMarker).await,
            Step::Remove(number) => remove(&house, &bucket, &mut model, number).await,
            Step::WriteRuns => {
                house.index.write_runs().await.unwrap();
            }
            Step::List(asked) => compare(&house, &bucket, &model, &asked).await,
        }
    }
    for delimiter in [None, Some("/".to_owned())] {
        let everything = ListQuestion { prefix: String::new(), delimiter, after: None, limit: 2 };
        compare(&house, &bucket, &model, &everything).await;
    }
}

fn on_a_runtime(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn any_bucket_lists_as_a_sorted_map_would(runs in runs(), versioning in versioning(), steps in prop::collection::vec(step(), 1..60)) {
        on_a_runtime(run(Arc::new(Memory::default()), runs, versioning, steps));
    }
}

proptest! {
    // Each write waits for the disk.
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_bucket_in_sqlite_lists_as_a_sorted_map_would(runs in runs(), versioning in versioning(), steps in prop::collection::vec(step(), 1..60)) {
        let directory = tempfile::tempdir().unwrap();
        on_a_runtime(run(sqlite(directory.path()), runs, versioning, steps));
    }
}

#[test]
fn keys_that_look_like_directories_list_in_byte_order() {
    let keys = ["a", "a/", "a//", "a//b", "a/b", "a-b", "a.b", "a0", "/", "//", "é/é", "b/c/d", "b/c", "b/c-d"];
    let mut steps: Vec<Step> = keys.iter().map(|key| Step::Put((*key).to_owned())).collect();
    for prefix in ["", "a", "a/", "a//", "/", "b/c", "é"] {
        for delimiter in [None, Some("/"), Some("-"), Some("//"), Some("/c")] {
            for after in [None, Some(""), Some("a"), Some("a/"), Some("a//"), Some("a/b"), Some("b/c"), Some("zz")] {
                let (prefix, delimiter, after) = (prefix.to_owned(), delimiter.map(str::to_owned), after.map(str::to_owned));
                steps.push(Step::List(ListQuestion { prefix, delimiter, after, limit: 3 }));
            }
        }
    }
    on_a_runtime(run(Arc::new(Memory::default()), RunSettings::default(), Versioning::Off, steps.clone()));
    // Again with every directory in a run of pages of two.
    let tiny = RunSettings { items_min: 1, page_items: 2, pages_kept: 1, changes_min: 1 };
    steps.insert(keys.len(), steps[keys.len()].clone());
    steps.insert(keys.len() + 1, Step::WriteRuns);
    on_a_runtime(run(Arc::new(Memory::default()), tiny, Versioning::Off, steps));
}

#[tokio::test]
async fn deleting_page_by_page_empties_a_bucket() {
    let house = House::over(Arc::new(Memory::default())).await;
    let tenant = house.tenant("hospital").await;
    let bucket = house.bucket(tenant, "files", Versioning::On).await;
    for key in ["a/1", "a/1", "a/1", "a/1", "b"] {
        house.put(&bucket, key, house.content(&bucket, key, Nullness::Numbered, 1).await).await.unwrap();
    }
    let mut query = VersionsQuery { limit: 2, ..VersionsQuery::default() };
    loop {
        let page = house.index.of(tenant).list_versions(&bucket, &query).await.unwrap();
        for item in &page.items {
            let VersionItem::Version { key, version, .. } = item else { panic!("nothing is rolled up") };
            house.remove(&bucket, key, Which::Id(*version)).await.unwrap();
        }
        if !page.more {
            break;
        }
        // The marker names a version that is gone by now, as with every client that empties a bucket.
        (query.key_marker, query.version_marker) = page.last.map(|(key, version)| (Some(key), version)).unwrap();
    }
    let left = house.index.of(tenant).list_versions(&bucket, &VersionsQuery { limit: 9, ..VersionsQuery::default() }).await.unwrap();
    assert_eq!(left.items, []);
    assert_eq!(house.index.engine().count_versions().await.unwrap(), 0);
}

async fn write_and_look(house: Arc<House>, bucket: Bucket, new: Vec<NewVersion>) {
    for (round, new) in new.into_iter().enumerate() {
        let key = new.attributes.key.clone();
        house.put(&bucket, &key, new).await.unwrap();
        let asked = ListQuestion { prefix: "shared/".to_owned(), delimiter: None, after: None, limit: 1_000 };
        let shows = listed(&house.index, &bucket, &asked, 1_000).await.iter().any(|(shown, _)| *shown == key);
        assert!(shows, "{key} was acknowledged");
        if round.is_multiple_of(2) {
            house.remove(&bucket, &key, Which::Current).await.unwrap();
            let shows = listed(&house.index, &bucket, &asked, 1_000).await.iter().any(|(shown, _)| *shown == key);
            assert!(!shows, "{key} was removed");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_acknowledged_shows_in_every_listing_that_begins_after() {
    let directory = tempfile::tempdir().unwrap();
    let house = Arc::new(House::over(sqlite(directory.path())).await);
    let tenant = house.tenant("hospital").await;
    let bucket = house.bucket(tenant, "files", Versioning::Off).await;
    let mut tasks = Vec::new();
    for task in 0..8 {
        let mut new = Vec::new();
        for round in 0..12 {
            new.push(house.content(&bucket, &format!("shared/{round:02}-{task}"), Nullness::Null, 1).await);
        }
        tasks.push(tokio::spawn(write_and_look(Arc::clone(&house), bucket.clone(), new)));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let everything = ListQuestion { prefix: String::new(), delimiter: None, after: None, limit: 1_000 };
    let warm = listed(&house.index, &bucket, &everything, 7).await;
    assert_eq!(warm, listed(&house.cold(), &bucket, &everything, 1_000).await);
    assert_eq!(warm.len(), 8 * 6);
}

#[tokio::test]
async fn a_page_of_no_items_says_nothing_more() {
    let house = House::over(Arc::new(Memory::default())).await;
    let tenant = house.tenant("hospital").await;
    let bucket = house.bucket(tenant, "files", Versioning::Off).await;
    house.put(&bucket, "a", house.content(&bucket, "a", Nullness::Null, 1).await).await.unwrap();
    let page = house.index.of(tenant).list(&bucket, &ListQuery::default()).await.unwrap();
    assert!(page.items.is_empty() && !page.more && page.last.is_none());
}

/// A bucket with the keys `a` and `b`, which has been listed, and the question that lists all of it.
async fn listed_with_two_keys(house: &House) -> (Bucket, ListQuestion) {
    let tenant = house.tenant("hospital").await;
    let bucket = house.bucket(tenant, "files", Versioning::Off).await;
    let everything = ListQuestion { prefix: String::new(), delimiter: None, after: None, limit: 10 };
    for key in ["a", "b"] {
        house.put(&bucket, key, house.content(&bucket, key, Nullness::Null, 1).await).await.unwrap();
    }
    assert_eq!(listed(&house.index, &bucket, &everything, 10).await.len(), 2);
    (bucket, everything)
}

#[tokio::test]
async fn a_restored_database_voids_what_was_opened() {
    let engine = Arc::new(Memory::default());
    let house = House::over(engine.clone()).await;
    let (bucket, everything) = listed_with_two_keys(&house).await;
    {
        // Yesterday's database: `b` was not there yet, and there is no tombstone that says so.
        let mut tables = engine.tables();
        let newest = tables.entries.values().max_by_key(|entry| entry.mark).unwrap().id;
        tables.entries.remove(&newest);
        tables.epoch += 1;
    }
    assert_eq!(listed(&house.index, &bucket, &everything, 10).await, [("a".to_owned(), Some(1))]);
}

#[tokio::test]
async fn a_listing_opened_before_the_oldest_known_removal_begins_again() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(NOW));
    let settings = SqliteSettings { path: directory.path().join("index.db"), readers: 2 };
    let engine = Arc::new(SqliteEngine::open(&settings, clock.clone()).unwrap());
    let house = House::over(engine.clone()).await;
    let (bucket, everything) = listed_with_two_keys(&house).await;
    house.remove(&bucket, "b", Which::Current).await.unwrap();
    clock.advance(Duration::from_secs(25 * 3_600));
    engine.forget_old().await.unwrap();
    assert_eq!(listed(&house.index, &bucket, &everything, 10).await, [("a".to_owned(), Some(1))]);
}

#[tokio::test]
async fn names_opened_under_withdrawn_keys_are_not_shown_again() {
    let engine = Arc::new(Memory::default());
    let house = House::over(engine.clone()).await;
    let tenant = house.tenant("hospital").await;
    let bucket = house.bucket(tenant, "files", Versioning::Off).await;
    let everything = ListQuestion { prefix: String::new(), delimiter: None, after: None, limit: 10 };
    house.put(&bucket, "a", house.content(&bucket, "a", Nullness::Null, 1).await).await.unwrap();
    assert_eq!(listed(&house.index, &bucket, &everything, 10).await.len(), 1);
    // Marks stand still, so only an empty cache can show what is no longer there.
    engine.tables().entries.clear();
    assert_eq!(listed(&house.index, &bucket, &everything, 10).await.len(), 1);
    house.leases.purge(tenant);
    house.index.sweep();
    assert_eq!(listed(&house.index, &bucket, &everything, 10).await.len(), 0);
}
