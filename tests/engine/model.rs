//! Random changes against a plain map: versions, counters and marks come out as the map says.

use crate::buckets::with_bucket;
use crate::rows::{directory_token, first_version, key_token, marker, next_version, version};
use crate::versions::removal;
use crate::view::View;
use hozon::domain::{EntryId, VersionId};
use hozon::engine::{BucketRow, Committed, Engine, VersionKind, VersionRow, Which};
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(crate) const KEYS: [&str; 10] = ["top", "a/x", "a/y", "a/b/x", "a/b/c/x", "a/b/c/y", "d//x", "d/", "e/f/g/h", "a/b"];

/// One step; numbers choose among the keys and versions that there are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Put {
        key: usize,
    },
    Marker {
        key: usize,
    },
    Remove {
        key: usize,
        version: usize,
    },
    /// A commit that was decided on an entry that has changed since.
    Stale {
        key: usize,
    },
    /// Brings one cached directory up to date, by pages of this size.
    Refresh {
        directory: usize,
        limit: usize,
    },
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = || 0..KEYS.len();
    let step = prop_oneof![
        4 => key().prop_map(|key| Step::Put { key }),
        2 => key().prop_map(|key| Step::Marker { key }),
        5 => (key(), any::<usize>()).prop_map(|(key, version)| Step::Remove { key, version }),
        1 => key().prop_map(|key| Step::Stale { key }),
        2 => (any::<usize>(), prop_oneof![Just(1), Just(2), Just(100)]).prop_map(|(directory, limit)| Step::Refresh { directory, limit }),
    ];
    proptest::collection::vec(step, 1..60)
}

/// What should be there: each key's versions, oldest first.
#[derive(Default)]
struct Plain {
    keys: BTreeMap<&'static str, Vec<VersionRow>>,
}

impl Plain {
    fn is_live(&self, key: &str) -> bool {
        self.keys.get(key).and_then(|rows| rows.last()).is_some_and(|row| row.kind == VersionKind::Content)
    }

    /// Counters of every directory, worked out from the keys alone.
    fn directories(&self) -> BTreeMap<String, (u64, u64)> {
        let mut found: BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> = BTreeMap::new();
        for key in self.keys.keys() {
            let ends: Vec<usize> = key.char_indices().filter(|(_, c)| *c == '/').map(|(at, _)| at + 1).collect();
            for (level, end) in ends.iter().enumerate() {
                let child = ends.get(level + 1).map_or(*key, |next| &key[..*next]);
                let is_directory = ends.get(level + 1).is_some();
                let (live, total) = found.entry(key[..*end].to_owned()).or_default();
                let name = if is_directory { child.to_owned() } else { format!("{child}\0") };
                total.insert(name.clone());
                if self.is_live(key) {
                    live.insert(name);
                }
            }
        }
        found.into_iter().map(|(path, (live, total))| (path, (live.len() as u64, total.len() as u64))).collect()
    }

    fn paths() -> Vec<String> {
        let ends = |key: &str| key.char_indices().filter(|(_, c)| *c == '/').map(|(at, _)| key[..=at].to_owned()).collect::<Vec<_>>();
        let all: BTreeSet<String> = KEYS.iter().flat_map(|key| ends(key)).chain([String::new()]).collect();
        all.into_iter().collect()
    }
}

/// Does the steps on a new bucket of `engine` and compares after each.
pub(crate) async fn run(engine: Arc<dyn Engine>, steps: Vec<Step>) {
    let bucket = with_bucket(&engine).await;
    let mut plain = Plain::default();
    let paths = Plain::paths();
    let mut views: Vec<View> = paths.iter().map(|_| View::default()).collect();
    for step in steps {
        match step {
            Step::Put { key } => put(&engine, &bucket, &mut plain, (KEYS[key], version)).await,
            Step::Marker { key } => put(&engine, &bucket, &mut plain, (KEYS[key], marker)).await,
            Step::Remove { key, version } => remove(&engine, &bucket, &mut plain, (KEYS[key], version)).await,
            Step::Stale { key } => stale(&engine, &bucket, KEYS[key]).await,
            Step::Refresh { directory, limit } => {
                let at = directory % paths.len();
                views[at].refresh(&engine, bucket.id, &paths[at], limit).await;
            }
        }
        counters_fit(&engine, &bucket, &plain).await;
    }
    keys_fit(&engine, &bucket, &plain).await;
    for (path, view) in paths.iter().zip(&mut views) {
        view.refresh(&engine, bucket.id, path, 3).await;
        let cold = View::cold(&engine, bucket.id, path, 100).await;
        assert_eq!(view.content, cold.content, "{path}");
        assert_eq!(view.reloads, 0);
    }
}

async fn put(engine: &Arc<dyn Engine>, bucket: &BucketRow, plain: &mut Plain, what: (&'static str, fn(&BucketRow, EntryId) -> VersionRow)) {
    let (key, make) = what;
    let seen = engine.find(bucket.id, key_token(key), Which::Current).await.unwrap();
    assert_eq!(seen.is_some(), plain.keys.contains_key(key));
    let row = make(bucket, seen.as_ref().map_or_else(EntryId::random, |seen| seen.entry.id));
    let change = match &seen {
        Some(seen) => next_version(&seen.entry, row.clone()),
        None => first_version(key, row.clone()),
    };
    let Committed::Done { seq } = engine.commit(change).await.unwrap() else { panic!("not done") };
    plain.keys.entry(key).or_default().push(VersionRow { seq, ..row });
}

async fn remove(engine: &Arc<dyn Engine>, bucket: &BucketRow, plain: &mut Plain, (key, version): (&'static str, usize)) {
    let Some(rows) = plain.keys.get_mut(key) else { return };
    let gone = rows.remove(version % rows.len());
    let seen = engine.find(bucket.id, key_token(key), Which::Current).await.unwrap().unwrap();
    let end = engine.commit(removal(&seen.entry, &gone, rows.last())).await.unwrap();
    assert_eq!(end, Committed::Done { seq: 0 });
    if rows.is_empty() {
        plain.keys.remove(key);
    }
}

async fn stale(engine: &Arc<dyn Engine>, bucket: &BucketRow, key: &str) {
    let Some(mut seen) = engine.find(bucket.id, key_token(key), Which::Current).await.unwrap() else { return };
    seen.entry.revision += 1;
    let end = engine.commit(next_version(&seen.entry, version(bucket, seen.entry.id))).await.unwrap();
    assert_eq!(end, Committed::EntryChanged);
}

async fn counters_fit(engine: &Arc<dyn Engine>, bucket: &BucketRow, plain: &Plain) {
    let mut stored = BTreeMap::new();
    let mut paths = vec![String::new()];
    while let Some(path) = paths.pop() {
        let page = engine.directory_changes(bucket.id, directory_token(&path), 0, 100).await.unwrap();
        assert!(!page.more);
        for row in page.directories {
            let below = format!("{path}{}", String::from_utf8(row.sealed_name).unwrap());
            stored.insert(below.clone(), (row.live, row.total));
            paths.push(below);
        }
    }
    assert_eq!(stored, plain.directories());
}

async fn keys_fit(engine: &Arc<dyn Engine>, bucket: &BucketRow, plain: &Plain) {
    for key in KEYS {
        let seen = engine.find(bucket.id, key_token(key), Which::Current).await.unwrap();
        let Some(rows) = plain.keys.get(key) else {
            assert!(seen.is_none());
            continue;
        };
        let seen = seen.unwrap();
        assert_eq!(seen.version.map(|found| found.version), rows.last().cloned());
        let stored = engine.versions(seen.entry.id, None, 1_000).await.unwrap();
        let ids = |rows: &mut dyn Iterator<Item = &VersionRow>| rows.map(|row| row.id).collect::<Vec<VersionId>>();
        assert_eq!(ids(&mut stored.iter()), ids(&mut rows.iter().rev()));
    }
}
