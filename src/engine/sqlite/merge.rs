//! An index as it was earlier, with everything that must not come back or loosen taken from a later one.

use super::{SqliteSettings, claim, failure, one, rows_changed, schema};
use crate::engine::cells::Cells;
use crate::engine::tables::{TABLES, Table};
use crate::engine::{EngineError, Merged};
use rusqlite::Connection;
use std::path::Path;

/// People, keys and logs are never those of an earlier moment: what was revoked, rotated or destroyed since stays so, and
/// no event goes. Nor does the index forget which store is its own.
const OF_LATER: &[&str] =
    &["tenants", "keks", "secrets", "principals", "access_keys", "directives", "journal", "event_keys", "provider_log", "store"];

/// What no restore takes away: anything but a draft that nothing holds. The number is `domain`'s.
const IS_FINAL: &str =
    "(v.state <> 1 OR v.hold IS NOT NULL AND v.hold <> 0 OR v.retention_rule IS NOT NULL OR v.retention_until IS NOT NULL)";

/// Turns the file of `earlier` into what is to be restored. Both are files that nobody else has.
pub(super) fn merge(earlier: &SqliteSettings, later: &Path) -> Result<Merged, EngineError> {
    let _lock = claim(&earlier.path)?;
    let mut connection = schema::open(&earlier.path)?;
    let later = later.to_str().ok_or(EngineError::Unavailable)?;
    connection.execute("ATTACH DATABASE ? AS l", [later]).map_err(failure)?;
    let all = connection.transaction().map_err(failure)?;
    for table in TABLES.iter().filter(|table| OF_LATER.contains(&table.name)) {
        rows_changed(&all, &format!("DELETE FROM main.{}", table.name), [])?;
        copy(&all, table, "true")?;
    }
    buckets(&all)?;
    let mut merged = entries(&all)?;
    versions(&all)?;
    uploads(&all)?;
    directories(&all)?;
    let unopenable = "SELECT count(*) FROM main.deks d JOIN main.versions v ON v.id = d.version JOIN main.buckets b ON b.id = v.bucket
                      JOIN main.keks k ON k.tenant = b.tenant AND k.purpose = 1 AND k.version = d.kek_version WHERE k.state = 4";
    merged.unopenable = count(&all, unopenable)?;
    merged.versions = count(&all, "SELECT count(*) FROM main.versions")?;
    all.commit().map_err(failure)?;
    Ok(merged)
}

/// Copies the rows of the later index that fit.
fn copy(connection: &Connection, table: &Table, which: &str) -> Result<usize, EngineError> {
    let (name, columns) = (table.name, table.column_list());
    rows_changed(connection, &format!("INSERT INTO main.{name} ({columns}) SELECT {columns} FROM l.{name} v WHERE {which}"), [])
}

fn copy_of(connection: &Connection, name: &'static str, which: &str) -> Result<usize, EngineError> {
    let (_, table) = Table::named(name).ok_or(EngineError::Corrupt { table: name })?;
    copy(connection, table, which)
}

fn count(connection: &Connection, sql: &str) -> Result<u64, EngineError> {
    one(connection, sql, [], |row| Cells::new(row, "versions").number())?.ok_or(EngineError::Corrupt { table: "versions" })
}

fn changes(connection: &Connection, statements: &[&str]) -> Result<(), EngineError> {
    statements.iter().try_for_each(|sql| rows_changed(connection, sql, []).map(|_rows| ()))
}

/// Rules of buckets are those of now. One that has gone since comes back, unless another has its name.
fn buckets(connection: &Connection) -> Result<(), EngineError> {
    changes(
        connection,
        &[
            "DELETE FROM main.buckets WHERE id IN (SELECT id FROM l.buckets)",
            "DELETE FROM main.buckets WHERE EXISTS (SELECT 1 FROM l.buckets b WHERE b.tenant = buckets.tenant AND b.name = buckets.name)",
        ],
    )?;
    copy_of(connection, "buckets", "true")?;
    changes(connection, &["DELETE FROM main.entries WHERE bucket NOT IN (SELECT id FROM main.buckets)"])
}

/// Keys are those of then; one that has got or lost a final version since is as it is now. What was final goes only because
/// its term has ended and somebody said so: it does not come back.
fn entries(connection: &Connection) -> Result<Merged, EngineError> {
    let ended = format!(
        "CREATE TEMP TABLE ended AS SELECT v.id, v.entry FROM main.versions v
         WHERE {IS_FINAL} AND NOT EXISTS (SELECT 1 FROM l.versions n WHERE n.id = v.id)"
    );
    let kept = format!(
        "CREATE TEMP TABLE kept AS SELECT DISTINCT entry FROM l.versions v
         WHERE {IS_FINAL} AND NOT EXISTS (SELECT 1 FROM main.versions m WHERE m.id = v.id)
         UNION SELECT entry FROM ended WHERE entry IN (SELECT id FROM l.entries)"
    );
    for sql in [&ended, &kept] {
        connection.execute_batch(sql).map_err(failure)?;
    }
    connection.execute_batch("CREATE UNIQUE INDEX temp.kept_by_entry ON kept (entry)").map_err(failure)?;
    let left_out = "SELECT count(*) FROM l.versions v WHERE entry NOT IN (SELECT entry FROM kept)
                    AND NOT EXISTS (SELECT 1 FROM main.versions m WHERE m.id = v.id)";
    let merged = Merged { left_out: count(connection, left_out)?, ..Merged::default() };
    let kept_final =
        format!("SELECT count(*) FROM l.versions v WHERE {IS_FINAL} AND NOT EXISTS (SELECT 1 FROM main.versions m WHERE m.id = v.id)");
    let merged = Merged { kept_final: count(connection, &kept_final)?, ..merged };
    changes(
        connection,
        &[
            "DELETE FROM main.entries WHERE id IN (SELECT entry FROM kept) OR id IN (SELECT entry FROM ended)",
            "DELETE FROM main.entries WHERE EXISTS (SELECT 1 FROM l.entries e JOIN kept ON kept.entry = e.id
               WHERE e.bucket = entries.bucket AND e.key = entries.key)",
        ],
    )?;
    copy_of(connection, "entries", "id IN (SELECT entry FROM kept)")?;
    Ok(merged)
}

/// A version that there still is, is as it is now: it may have become final, or its key may have been wrapped anew.
fn versions(connection: &Connection) -> Result<(), EngineError> {
    changes(
        connection,
        &[
            "DELETE FROM main.versions WHERE id IN (SELECT id FROM ended)",
            "DELETE FROM main.versions WHERE entry NOT IN (SELECT id FROM main.entries)",
            // A key has one version without an id: the one of now, where its key is as it is now.
            "DELETE FROM main.versions WHERE nullness = 1 AND entry IN (SELECT entry FROM kept)
               AND EXISTS (SELECT 1 FROM l.versions v WHERE v.entry = versions.entry AND v.nullness = 1 AND v.id <> versions.id)",
            "CREATE TEMP TABLE still AS SELECT id FROM main.versions WHERE id IN (SELECT id FROM l.versions)",
            "CREATE UNIQUE INDEX temp.still_by_id ON still (id)",
            "DELETE FROM main.versions WHERE id IN (SELECT id FROM still)",
        ],
    )?;
    copy_of(connection, "versions", "id IN (SELECT id FROM still) OR entry IN (SELECT entry FROM kept)")?;
    // A version that there still is has the key that it has now: none, where that was destroyed.
    changes(
        connection,
        &["DELETE FROM main.deks WHERE version NOT IN (SELECT id FROM main.versions) OR version IN (SELECT id FROM l.versions)"],
    )?;
    copy_of(connection, "deks", "version IN (SELECT id FROM main.versions)")?;
    changes(
        connection,
        &["DELETE FROM main.parts WHERE version NOT IN (SELECT id FROM main.versions) OR version IN (SELECT version FROM l.parts)"],
    )?;
    copy_of(connection, "parts", "version IN (SELECT id FROM main.versions)").map(|_rows| ())
}

/// Open uploads are those of now. What waits for its deletion does so, unless a row names it again.
fn uploads(connection: &Connection) -> Result<(), EngineError> {
    changes(connection, &["DELETE FROM main.uploads", "DELETE FROM main.upload_parts", "DELETE FROM main.condemned"])?;
    copy_of(connection, "uploads", "bucket IN (SELECT id FROM main.buckets)")?;
    copy_of(connection, "upload_parts", "upload IN (SELECT id FROM main.uploads)")?;
    let unnamed =
        "NOT EXISTS (SELECT 1 FROM main.versions n WHERE n.blob = v.blob) AND NOT EXISTS (SELECT 1 FROM main.parts n WHERE n.blob = v.blob)
                   AND NOT EXISTS (SELECT 1 FROM main.upload_parts n WHERE n.blob = v.blob)";
    copy_of(connection, "condemned", unnamed).map(|_rows| ())
}

/// Directories of both, as far as anything is in them, counted anew.
fn directories(connection: &Connection) -> Result<(), EngineError> {
    changes(connection, &["DELETE FROM main.directories WHERE bucket NOT IN (SELECT id FROM main.buckets)"])?;
    let others = "bucket IN (SELECT id FROM main.buckets)
                  AND NOT EXISTS (SELECT 1 FROM main.directories d WHERE d.bucket = v.bucket AND d.directory = v.directory)";
    copy_of(connection, "directories", others)?;
    let empty = "DELETE FROM main.directories WHERE
                   NOT EXISTS (SELECT 1 FROM main.entries e WHERE e.bucket = directories.bucket AND e.directory = directories.directory)
                   AND NOT EXISTS (SELECT 1 FROM main.directories c WHERE c.bucket = directories.bucket AND c.parent = directories.directory)";
    while rows_changed(connection, empty, [])? > 0 {}
    let total = "UPDATE main.directories SET live = 0, total =
                   (SELECT count(*) FROM main.entries e WHERE e.bucket = directories.bucket AND e.directory = directories.directory)
                   + (SELECT count(*) FROM main.directories c WHERE c.bucket = directories.bucket AND c.parent = directories.directory)";
    changes(connection, &[total])?;
    // From the leaves up: each turn reaches one level more.
    let live = "UPDATE main.directories SET live = n.live FROM (SELECT d.bucket, d.directory,
                    (SELECT count(*) FROM main.entries e WHERE e.bucket = d.bucket AND e.directory = d.directory AND e.current_kind = 1)
                    + (SELECT count(*) FROM main.directories c WHERE c.bucket = d.bucket AND c.parent = d.directory AND c.live > 0) AS live
                  FROM main.directories d) n
                WHERE n.bucket = directories.bucket AND n.directory = directories.directory AND n.live <> directories.live";
    while rows_changed(connection, live, [])? > 0 {}
    Ok(())
}
