//! An index as it was earlier, with everything that must not come back or loosen taken from a later one.

use crate::buckets::with_bucket;
use crate::copies::{dump, load};
use crate::rows::{NOW, access_key, directory_token, events_of, first_version, key_token, next_version, principal, version};
use crate::sqlite;
use crate::versions::{done, removal};
use hozon::domain::{EntryId, KekPurpose, ManualClock, RecordState, Standing};
use hozon::engine::{
    self, BucketRow, Changed, Engine, Events, IndexSettings, KekRow, Merged, Nullness, SqliteEngine, SqliteSettings, StoreRow,
    VersionChange, VersionRow, Which,
};
use std::path::Path;
use std::sync::Arc;

/// A version that nothing holds.
fn draft(bucket: &BucketRow, entry: EntryId) -> VersionRow {
    VersionRow { retention: None, ..version(bucket, entry) }
}

fn last(bucket: &BucketRow, entry: EntryId) -> VersionRow {
    VersionRow { state: RecordState::Finalized, retention: None, ..version(bucket, entry) }
}

fn file(place: &Path, name: &str) -> SqliteSettings {
    SqliteSettings { path: place.join(name), readers: 1 }
}

async fn copy(from: &Arc<dyn Engine>, to: &SqliteSettings) {
    load(&IndexSettings::Sqlite(to.clone()), dump(from).await.0.into_iter().map(Ok).collect()).await.unwrap();
}

async fn current(engine: &Arc<dyn Engine>, bucket: &BucketRow, key: &str) -> Option<VersionRow> {
    let found = engine.find(bucket.id, key_token(key), Which::Current).await.unwrap()?;
    found.version.map(|found| found.version)
}

async fn put_next(engine: &Arc<dyn Engine>, bucket: &BucketRow, key: &str, row: impl FnOnce(EntryId) -> VersionRow) {
    let entry = engine.find(bucket.id, key_token(key), Which::Current).await.unwrap().unwrap().entry;
    done(engine, next_version(&entry, row(entry.id))).await;
}

/// What a directory shows: how much lives in each one below it, and its keys.
async fn shown(engine: &Arc<dyn Engine>, bucket: &BucketRow, directory: &str) -> (Vec<(Vec<u8>, u64, u64)>, Vec<Vec<u8>>) {
    let page = engine.directory_changes(bucket.id, directory_token(directory), 0, 100).await.unwrap();
    let mut below: Vec<_> = page.directories.into_iter().map(|row| (row.sealed_name, row.live, row.total)).collect();
    let mut keys: Vec<_> = page.entries.into_iter().map(|row| row.sealed_name).collect();
    below.sort();
    keys.sort();
    (below, keys)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_are_as_they_were_and_nothing_comes_back_that_must_not() {
    let (engine, place) = sqlite::fresh();
    let bucket = with_bucket(&engine).await;
    engine.set_store(None, StoreRow { id: hozon::domain::StoreId::random(), generation: 5 }, Events::default()).await.unwrap();
    let person = principal(bucket.tenant, "person");
    let credential = access_key(&person, "AKIDOFSOMEBODY");
    assert_eq!(engine.create_principal(person, Events::default()).await.unwrap(), Changed::Done);
    assert_eq!(engine.create_access_key(credential.clone(), Events::default()).await.unwrap(), Changed::Done);
    for key in ["kept", "a/deleted later", "a/b/finalised later", "a/written over"] {
        done(&engine, first_version(key, draft(&bucket, EntryId::random()))).await;
    }
    let null = |entry| VersionRow { null: Nullness::Null, ..draft(&bucket, entry) };
    done(&engine, first_version("null", null(EntryId::random()))).await;
    let (earlier, later) = (file(place.path(), "earlier.db"), file(place.path(), "later.db"));
    copy(&engine, &earlier).await;
    let then = current(&engine, &bucket, "a/written over").await.unwrap();

    let gone = current(&engine, &bucket, "a/deleted later").await.unwrap();
    let entry = engine.find(bucket.id, key_token("a/deleted later"), Which::Current).await.unwrap().unwrap().entry;
    done(&engine, removal(&entry, &gone, None)).await;
    put_next(&engine, &bucket, "a/written over", |entry| draft(&bucket, entry)).await;
    put_next(&engine, &bucket, "a/b/finalised later", |entry| last(&bucket, entry)).await;
    done(&engine, first_version("c/new draft", draft(&bucket, EntryId::random()))).await;
    done(&engine, first_version("d/new final", last(&bucket, EntryId::random()))).await;
    let entry = engine.find(bucket.id, key_token("null"), Which::Current).await.unwrap().unwrap();
    let before = entry.version.unwrap().version;
    let replaced = VersionRow { null: Nullness::Null, ..last(&bucket, entry.entry.id) };
    done(&engine, VersionChange { remove: vec![(before.id, before.revision)], ..next_version(&entry.entry, replaced) }).await;
    let ended = hozon::engine::AccessKeyRow { standing: Standing::Disabled, revision: credential.revision + 1, ..credential.clone() };
    assert_eq!(engine.update_access_key(ended, events_of(bucket.tenant, 2)).await.unwrap(), Changed::Done);
    copy(&engine, &later).await;

    let merged = SqliteEngine::merge(&earlier, &later).await.unwrap();
    assert_eq!(merged, Merged { versions: 7, kept_final: 3, left_out: 2, unopenable: 0 });
    let restored = engine::open(&IndexSettings::Sqlite(earlier), Arc::new(ManualClock::new(NOW))).await.unwrap();
    assert_eq!(current(&restored, &bucket, "a/deleted later").await.unwrap().id, gone.id);
    assert_eq!(current(&restored, &bucket, "a/written over").await.unwrap().id, then.id);
    assert!(current(&restored, &bucket, "c/new draft").await.is_none());
    for key in ["a/b/finalised later", "d/new final", "null"] {
        let (here, there) = (current(&restored, &bucket, key).await, current(&engine, &bucket, key).await);
        assert_eq!(here.map(|row| row.id), there.map(|row| row.id), "{key}");
    }
    let nulls = restored.find(bucket.id, key_token("null"), Which::Null).await.unwrap().unwrap();
    assert_eq!(restored.versions(nulls.entry.id, None, 10).await.unwrap().len(), 1);
    // Directories count what is in them, and those with nothing in them are gone.
    let names = |all: &[&str]| all.iter().map(|name| name.as_bytes().to_vec()).collect::<Vec<_>>();
    assert_eq!(shown(&restored, &bucket, "").await, (vec![(b"a/".to_vec(), 3, 3), (b"d/".to_vec(), 1, 1)], names(&["kept", "null"])));
    assert_eq!(shown(&restored, &bucket, "a/").await.0, [(b"b/".to_vec(), 1, 1)]);
    // People and the log are those of now.
    assert_eq!(restored.credential("AKIDOFSOMEBODY").await.unwrap().unwrap().key.standing, Standing::Disabled);
    assert_eq!(restored.newest_event().await.unwrap(), engine.newest_event().await.unwrap());
    let keks: Vec<KekRow> = restored.keks(bucket.tenant, KekPurpose::Data).await.unwrap();
    assert_eq!(keks, engine.keks(bucket.tenant, KekPurpose::Data).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_erased_or_went_at_the_end_of_its_term_does_not_come_back() {
    let (engine, place) = sqlite::fresh();
    let bucket = with_bucket(&engine).await;
    let whole = |entry| VersionRow { state: RecordState::Finalized, ..draft(&bucket, entry) };
    done(&engine, first_version("erased", draft(&bucket, EntryId::random()))).await;
    done(&engine, first_version("ended", whole(EntryId::random()))).await;
    done(&engine, first_version("ended below", whole(EntryId::random()))).await;
    put_next(&engine, &bucket, "ended below", |entry| draft(&bucket, entry)).await;
    let (earlier, later) = (file(place.path(), "earlier.db"), file(place.path(), "later.db"));
    copy(&engine, &earlier).await;

    let entry = engine.find(bucket.id, key_token("ended"), Which::Current).await.unwrap().unwrap();
    done(&engine, removal(&entry.entry, &entry.version.unwrap().version, None)).await;
    let entry = engine.find(bucket.id, key_token("ended below"), Which::Current).await.unwrap().unwrap();
    let newest = entry.version.unwrap().version;
    let below = engine.versions(entry.entry.id, Some(newest.seq), 1).await.unwrap().remove(0);
    done(&engine, removal(&entry.entry, &below, Some(&newest))).await;
    copy(&engine, &later).await;
    // No writer takes a data key away alone yet; an erasure will.
    let erased = current(&engine, &bucket, "erased").await.unwrap().id;
    let rows = rusqlite::Connection::open(&later.path).unwrap();
    assert_eq!(rows.execute("DELETE FROM deks WHERE version = ?", [&erased.as_bytes()[..]]).unwrap(), 1);
    drop(rows);

    SqliteEngine::merge(&earlier, &later).await.unwrap();
    let rows = rusqlite::Connection::open(&earlier.path).unwrap();
    let keys: i64 = rows.query_row("SELECT count(*) FROM deks WHERE version = ?", [&erased.as_bytes()[..]], |row| row.get(0)).unwrap();
    assert_eq!(keys, 0, "the key of an erased version is back");
    drop(rows);
    let restored = engine::open(&IndexSettings::Sqlite(earlier), Arc::new(ManualClock::new(NOW))).await.unwrap();
    assert!(current(&restored, &bucket, "ended").await.is_none());
    assert_eq!(current(&restored, &bucket, "ended below").await.unwrap().id, newest.id);
    let entry = restored.find(bucket.id, key_token("ended below"), Which::Current).await.unwrap().unwrap().entry;
    assert_eq!(restored.versions(entry.id, None, 10).await.unwrap().len(), 1, "what had ended is back below");
}
