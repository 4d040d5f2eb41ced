//! A snapshot of an index with many versions, and a recovery from it, beside plain copies of the file.
//!
//! `cargo bench --bench backup [VERSIONS]`, a million where none are named. Rows go in by SQL: each version has a key, a data
//! key, an event, and a body of one byte whose blob is there, so that the comparison with the store is measured as well.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench may fail loudly, and prints what it found")]

use hozon::backup::{BackupKeys, Choice, Keeper, KeeperParts, KeeperSettings, Shelf, Target, fill};
use hozon::blob::{Archive, BlobSettings, BlobStore};
use hozon::domain::{BlobId, Clock, Live, NodeId, SystemClock, TenantId};
use hozon::engine::{Engine, IndexSettings, Origin, SqliteEngine, SqliteSettings};
use hozon::meters::Meters;
use hozon::root::{Protection, Root};
use hozon::upkeep::reconcile;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

const ROWS: &str = "
  INSERT INTO tenants VALUES (:tenant, 'hospital', NULL, 1, 0);
  INSERT INTO buckets VALUES (:bucket, :tenant, 'karte', 1, 1, 1, NULL, 0, 1, 1, randomblob(32));
";
const EACH: &str = "
  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)
  INSERT INTO temp.ids SELECT i, randomblob(16), randomblob(16) FROM n;
  INSERT INTO entries (id, bucket, key, directory, kek_version, sealed_name, current_version, current_kind, current_size, current_etag,
      current_parts, current_modified, revision, mac, mark)
    SELECT entry, :bucket, randomblob(32), zeroblob(32), 1, randomblob(60), version, 1, 1, randomblob(16), 1, i, 1, randomblob(32), i FROM temp.ids;
  INSERT INTO versions (seq, id, bucket, entry, kind, nullness, created, size, etag, etag_parts, state, enterer, kek_version,
      sealed_attributes, attempt, blob, offset, length, stream_length, manifest_length, stored_crc, parts, revision, mac)
    SELECT i, version, :bucket, entry, 1, 2, i, 1, randomblob(16), 1, 1, zeroblob(16), 1, randomblob(300), randomblob(16),
      CAST(:day || version AS BLOB), 0, 1, 1, 0, 7, 1, 1, randomblob(32) FROM temp.ids;
  INSERT INTO deks SELECT i, version, 1, randomblob(120) FROM temp.ids;
  INSERT INTO journal (row, tenant, event, leaf_hash, event_key, sealed, at)
    SELECT i, :tenant, randomblob(16), randomblob(32), zeroblob(16), randomblob(600), i FROM temp.ids;
";

fn main() {
    let versions: i64 = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(1_000_000);
    tokio::runtime::Runtime::new().unwrap().block_on(measure(versions));
}

async fn measure(versions: i64) {
    let place = tempfile::tempdir().unwrap();
    let (index, bodies) = (place.path().join("index.db"), place.path().join("bodies"));
    let blobs = BlobStore::open(&BlobSettings::Local { directory: bodies.clone() }).unwrap();
    make(&index, &bodies, versions);
    let bytes = std::fs::metadata(&index).unwrap().len();
    println!("{versions} versions, an index of {} MiB", bytes >> 20);
    let began = Instant::now();
    std::fs::copy(&index, place.path().join("copy.db")).unwrap();
    std::fs::File::open(place.path().join("copy.db")).unwrap().sync_all().unwrap();
    row("plain copy of the file, durable", began);
    std::fs::remove_file(place.path().join("copy.db")).unwrap();
    let began = Instant::now();
    let file = rusqlite::Connection::open(&index).unwrap();
    file.execute("VACUUM INTO ?", [place.path().join("vacuum.db").to_str().unwrap()]).unwrap();
    drop(file);
    row("SQLite's own VACUUM INTO", began);
    std::fs::remove_file(place.path().join("vacuum.db")).unwrap();

    let archive = Archive::open(&BlobSettings::Local { directory: place.path().join("backup") }).unwrap();
    let keys = BackupKeys::new(Arc::new(Root::create_file(&place.path().join("root"), &Protection::FileMode).unwrap()));
    let engine: Arc<dyn Engine> = Arc::new(SqliteEngine::open(&settings(&index), Arc::new(SystemClock)).unwrap());
    let parts = KeeperParts {
        engine: Arc::clone(&engine),
        archive: archive.clone(),
        keys: keys.clone(),
        clock: Arc::new(SystemClock),
        meters: Arc::new(Meters::new()),
        node: NodeId::random(),
    };
    let keeper_settings = KeeperSettings { snapshot_every: Duration::from_secs(86_400), ship_every: None };
    let keeper = Arc::new(Keeper::new(parts, Live::new(keeper_settings), Duration::from_secs(60)));
    let (stop, kept) = (CancellationToken::new(), Arc::clone(&keeper));
    let keeping = tokio::spawn({
        let stop = stop.clone();
        async move { kept.keep(stop).await }
    });
    let snapshot = loop {
        if let Some(snapshot) = keeper.status().await.unwrap().snapshot {
            break snapshot;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    stop.cancel();
    keeping.await.unwrap();
    println!("{:50} {:8.1} s, {} MiB", "backup: snapshot written", snapshot.write_millis as f64 / 1e3, snapshot.bytes >> 20);
    println!("{:50} {:8.1} s", "backup: snapshot read again and compared", snapshot.check_millis as f64 / 1e3);

    let shelf = Shelf::new(archive, keys);
    let restored = place.path().join("restored.db");
    let began = Instant::now();
    fill(
        &shelf,
        &Choice::default(),
        Target { settings: &IndexSettings::Sqlite(settings(&restored)), clock: &SystemClock, origin: Origin::Backup },
    )
    .await
    .unwrap();
    row("recover: index filled", began);
    let began = Instant::now();
    let index = SqliteEngine::open(&settings(&restored), Arc::new(SystemClock)).unwrap();
    let found = reconcile(&index, &blobs, &|_| {}).await.unwrap();
    assert_eq!((i64::try_from(found.frames), found.missing, found.unknown), (Ok(versions), 0, 0));
    row("recover: compared with the store", began);
}

fn settings(path: &Path) -> SqliteSettings {
    SqliteSettings { path: path.to_owned(), readers: 2 }
}

/// An index and the blobs that its rows name.
fn make(index: &Path, bodies: &Path, versions: i64) {
    drop(SqliteEngine::open(&settings(index), Arc::new(SystemClock)).unwrap());
    let (tenant, day) = (TenantId::random(), SystemClock.now().day());
    let some = BlobId::random(tenant, day).to_bytes();
    let (before, _) = some.split_at(some.len() - 16);
    let mut file = rusqlite::Connection::open(index).unwrap();
    file.execute_batch("PRAGMA synchronous = OFF; CREATE TEMP TABLE ids (i INTEGER PRIMARY KEY, entry BLOB, version BLOB)").unwrap();
    let all = file.transaction().unwrap();
    for sql in [ROWS, EACH].iter().flat_map(|text| text.split(';')).filter(|sql| !sql.trim().is_empty()) {
        let mut statement = all.prepare(sql).unwrap();
        let values: [(&str, &dyn rusqlite::ToSql); 4] =
            [(":tenant", tenant.as_bytes()), (":bucket", &[7_u8; 16]), (":count", &versions), (":day", &before)];
        for (name, value) in values {
            if let Some(at) = statement.parameter_index(name).unwrap() {
                statement.raw_bind_parameter(at, value).unwrap();
            }
        }
        statement.raw_execute().unwrap();
    }
    let directory = bodies.join(tenant.to_string()).join(day.to_string());
    std::fs::create_dir_all(&directory).unwrap();
    let mut statement = all.prepare("SELECT blob FROM versions").unwrap();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let blob = BlobId::from_bytes(&row.get::<_, Vec<u8>>(0).unwrap()).unwrap();
        std::fs::write(bodies.join(blob.to_string()), [7]).unwrap();
    }
    drop(rows);
    drop(statement);
    all.commit().unwrap();
    file.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
}

fn row(what: &str, began: Instant) {
    println!("{what:50} {:8.1} s", began.elapsed().as_secs_f64());
}
