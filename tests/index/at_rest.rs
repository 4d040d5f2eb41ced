//! The database file itself: every column of every row changed, and what may be read in it.

use super::support::sqlite;
use super::tamper::Scene;
use hozon::engine::{Nullness, SqliteEngine};
use hozon::index::{ListQuery, RunSettings};
use rusqlite::Connection;
use rusqlite::types::Value;
use std::path::Path;

/// Columns on which nothing rests: order and counters that the engine assigns, and the tokens of a campaign to come.
const FREE: [&str; 11] = [
    "entries.mark",
    "entries.key_next",
    "entries.directory_next",
    "directories.directory_next",
    "directories.parent_next",
    "directories.total",
    "directories.mark",
    "versions.seq",
    "versions.patient_next",
    "uploads.touched",
    "uploads.key_next",
];

const TABLES: [&str; 7] = ["buckets", "entries", "directories", "versions", "parts", "uploads", "upload_parts"];

fn columns(database: &Connection, table: &str) -> Vec<String> {
    let mut statement = database.prepare(&format!("PRAGMA table_info({table})")).unwrap();
    statement.query_map([], |row| row.get(1)).unwrap().map(Result::unwrap).collect()
}

fn other(column: &str, value: &Value) -> Option<Value> {
    match value {
        Value::Null | Value::Real(_) => None,
        // Beyond the numbers of the parts that are there.
        Value::Integer(number) if column == "number" => Some(Value::Integer(number + 7)),
        Value::Integer(number) => Some(Value::Integer(number + 1)),
        Value::Text(text) => Some(Value::Text(format!("{text}x"))),
        Value::Blob(bytes) => {
            let mut bytes = bytes.clone();
            *bytes.last_mut()? ^= 1;
            Some(Value::Blob(bytes))
        }
    }
}

/// Changes the column in all rows of the table one by one, and wants each change to be noticed.
async fn change_column(scene: &Scene<SqliteEngine>, database: &Connection, (table, column): (&str, &str)) -> usize {
    let count: i64 = database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
    let mut changes = 0;
    for nth in 0..count {
        // Rows are told apart by their MAC or, where there is none, by their sealed name.
        let handle = match (table, column) {
            ("directories", "sealed_name") => "id",
            ("directories", _) => "sealed_name",
            (_, "mac") => "kek_version || hex(attempt_or_id)",
            _ => "mac",
        };
        let handle = handle.replace("attempt_or_id", if table.contains("part") { "attempt" } else { "id" });
        let select = format!("SELECT {column}, {handle} FROM {table} ORDER BY {handle} LIMIT 1 OFFSET {nth}");
        let (value, handle_value): (Value, Value) = database.query_row(&select, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let Some(changed) = other(column, &value) else { continue };
        let update = format!("UPDATE {table} SET {column} = ?1 WHERE {handle} = ?2");
        assert_eq!(database.execute(&update, rusqlite::params![changed, handle_value]).unwrap(), 1);
        assert!(scene.noticed().await.is_some(), "{table}.{column} in row {nth}");
        assert_eq!(database.execute(&update, rusqlite::params![value, handle_value]).unwrap(), 1);
        changes += 1;
    }
    changes
}

#[tokio::test]
async fn a_change_of_any_column_in_the_file_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let scene = Scene::over(sqlite(directory.path())).await;
    let database = Connection::open(directory.path().join("index.db")).unwrap();
    for table in TABLES {
        for column in columns(&database, table) {
            let place = format!("{table}.{column}");
            let is_free = FREE.contains(&place.as_str()) || place == "directories.live";
            if !is_free {
                let changes = change_column(&scene, &database, (table, &column)).await;
                let may_be_absent = ["buckets.default_class", "versions.parent"].contains(&place.as_str());
                assert!(changes > 0 || may_be_absent, "{place} was not tried");
            }
        }
    }
    assert_eq!(scene.noticed().await, None);
}

fn bytes_below(directory: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(directory).unwrap().map(|file| file.unwrap().path());
    files.flat_map(|file| std::fs::read(file).unwrap()).collect()
}

#[tokio::test]
async fn no_name_patient_or_metadata_stands_in_the_files() {
    let directory = tempfile::tempdir().unwrap();
    let mut scene = Scene::over(sqlite(directory.path())).await;
    scene.house = scene.house.with_runs(RunSettings { items_min: 1, changes_min: 1, ..RunSettings::default() });
    let name = "canary-directory/canary-key";
    let new = scene.house.content(&scene.bucket, name, Nullness::Numbered, 1).await;
    scene.house.put(&scene.bucket, name, new).await.unwrap();
    let everything = ListQuery { limit: 100, ..ListQuery::default() };
    assert_eq!(scene.house.index.of(scene.bucket.tenant).list(&scene.bucket, &everything).await.unwrap().items.len(), 5);
    assert_eq!(scene.house.index.write_runs().await.unwrap(), 4);
    let bytes = bytes_below(directory.path());
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("chart.medical"), "the class stands in clear, so the search finds what is there");
    for canary in ["canary", "a/one", "multipart"] {
        assert!(!holds(canary), "{canary}");
    }
}
