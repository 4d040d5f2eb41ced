use super::people::concluded;
use super::{all, exists, one, rows_changed};
use crate::domain::{BucketId, BucketName, RecordClass, TenantId};
use crate::engine::cells::{Cells, whole};
use crate::engine::step::Step;
use crate::engine::stored::buckets::{BUCKET, bucket_of};
use crate::engine::{BucketRow, Changed, EngineError, Events};
use rusqlite::{Connection, params};

pub(super) fn create(connection: &Connection, row: &BucketRow, events: &Events) -> Result<Step<Changed>, EngineError> {
    let sql = format!("INSERT OR IGNORE INTO buckets ({BUCKET}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    let values = params![
        row.id.as_bytes(),
        row.tenant.as_bytes(),
        row.name.as_str(),
        row.mode as u8,
        row.versioning as u8,
        row.standing as u8,
        row.default_class.as_ref().map(RecordClass::as_str),
        row.created.micros(),
        row.kek_version,
        whole(row.revision),
        row.mac.0
    ];
    let changed = rows_changed(connection, &sql, values)?;
    concluded(connection, changed, events)
}

pub(super) fn by_name(connection: &Connection, tenant: TenantId, name: &BucketName) -> Result<Option<BucketRow>, EngineError> {
    let sql = format!("SELECT {BUCKET} FROM buckets WHERE tenant = ? AND name = ?");
    one(connection, &sql, params![tenant.as_bytes(), name.as_str()], |row| bucket_of(&mut Cells::new(row, "buckets")))
}

pub(super) fn of_tenant(connection: &Connection, tenant: TenantId) -> Result<Vec<BucketRow>, EngineError> {
    let sql = format!("SELECT {BUCKET} FROM buckets WHERE tenant = ? ORDER BY name");
    all(connection, &sql, [tenant.as_bytes()], |row| bucket_of(&mut Cells::new(row, "buckets")))
}

pub(super) fn update(connection: &Connection, row: &BucketRow, events: &Events) -> Result<Step<Changed>, EngineError> {
    let sql = "UPDATE buckets SET name = ?, versioning = ?, standing = ?, default_class = ?, kek_version = ?, revision = ?, mac = ?
               WHERE id = ? AND tenant = ? AND revision = ?";
    let values = params![
        row.name.as_str(),
        row.versioning as u8,
        row.standing as u8,
        row.default_class.as_ref().map(RecordClass::as_str),
        row.kek_version,
        whole(row.revision),
        row.mac.0,
        row.id.as_bytes(),
        row.tenant.as_bytes(),
        whole(row.revision) - 1
    ];
    let changed = rows_changed(connection, sql, values)?;
    concluded(connection, changed, events)
}

pub(super) fn delete(connection: &Connection, id: BucketId, revision: u64, events: &Events) -> Result<Step<Changed>, EngineError> {
    let held = "SELECT 1 FROM entries WHERE bucket = ?1 UNION ALL SELECT 1 FROM directories WHERE bucket = ?1
                UNION ALL SELECT 1 FROM uploads WHERE bucket = ?1 LIMIT 1";
    if exists(connection, held, [id.as_bytes()])? {
        return Ok(Step::Undo(Changed::Conflict));
    }
    rows_changed(connection, "UPDATE runs SET state = 3 WHERE bucket = ? AND state < 3", [id.as_bytes()])?;
    let sql = "DELETE FROM buckets WHERE id = ? AND revision = ?";
    let changed = rows_changed(connection, sql, params![id.as_bytes(), whole(revision)])?;
    concluded(connection, changed, events)
}

pub(super) fn is_there(connection: &Connection, id: BucketId) -> Result<bool, EngineError> {
    exists(connection, "SELECT 1 FROM buckets WHERE id = ?", [id.as_bytes()])
}

/// The revision of the bucket, if it is there.
pub(super) fn revision(connection: &Connection, id: BucketId) -> Result<Option<u64>, EngineError> {
    one(connection, "SELECT revision FROM buckets WHERE id = ?", [id.as_bytes()], |row| Cells::new(row, "buckets").number())
}
