use super::fault::Fault;
use super::given::given;
use super::locks;
use super::people::concluded;
use super::session::Session;
use crate::domain::{BucketId, BucketName, RecordClass, TenantId};
use crate::engine::cells::Cells;
use crate::engine::step::Step;
use crate::engine::stored::buckets::{BUCKET, bucket_of};
use crate::engine::{BucketRow, Changed, Events};

pub(super) async fn create(session: &Session, row: &BucketRow, events: &Events) -> Result<Step<Changed>, Fault> {
    let sql = format!("INSERT INTO buckets ({BUCKET}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING");
    let values = given![
        row.id.as_bytes(),
        row.tenant.as_bytes(),
        row.name.as_str(),
        row.mode as u8,
        row.versioning as u8,
        row.standing as u8,
        row.default_class.as_ref().map(RecordClass::as_str),
        row.created,
        row.kek_version,
        row.revision,
        &row.mac.0
    ];
    let changed = session.change(&sql, values).await?;
    concluded(session, changed, events).await
}

pub(super) async fn by_name(session: &Session, tenant: TenantId, name: &BucketName) -> Result<Option<BucketRow>, Fault> {
    let sql = format!("SELECT {BUCKET} FROM buckets WHERE tenant = $1 AND name = $2");
    session.one(&sql, given![tenant.as_bytes(), name.as_str()], |row| bucket_of(&mut Cells::new(row, "buckets"))).await
}

pub(super) async fn of_tenant(session: &Session, tenant: TenantId) -> Result<Vec<BucketRow>, Fault> {
    let sql = format!("SELECT {BUCKET} FROM buckets WHERE tenant = $1 ORDER BY name");
    session.all(&sql, given![tenant.as_bytes()], |row| bucket_of(&mut Cells::new(row, "buckets"))).await
}

pub(super) async fn update(session: &Session, row: &BucketRow, events: &Events) -> Result<Step<Changed>, Fault> {
    locks::take_bucket(session, row.id).await?;
    let sql = "UPDATE buckets SET name = $1, versioning = $2, standing = $3, default_class = $4, kek_version = $5, revision = $6, mac = $7
               WHERE id = $8 AND tenant = $9 AND revision + 1 = $6";
    let values = given![
        row.name.as_str(),
        row.versioning as u8,
        row.standing as u8,
        row.default_class.as_ref().map(RecordClass::as_str),
        row.kek_version,
        row.revision,
        &row.mac.0,
        row.id.as_bytes(),
        row.tenant.as_bytes()
    ];
    let changed = session.change(sql, values).await?;
    concluded(session, changed, events).await
}

pub(super) async fn delete(session: &Session, id: BucketId, revision: u64, events: &Events) -> Result<Step<Changed>, Fault> {
    // Whoever adds to the bucket holds it shared: once it is ours, everything that got in can be seen.
    locks::take_bucket(session, id).await?;
    let held = "SELECT 1 FROM entries WHERE bucket = $1 UNION ALL SELECT 1 FROM directories WHERE bucket = $1
                UNION ALL SELECT 1 FROM uploads WHERE bucket = $1 LIMIT 1";
    if session.exists(held, given![id.as_bytes()]).await? {
        return Ok(Step::Undo(Changed::Conflict));
    }
    session.change("UPDATE runs SET state = 3 WHERE bucket = $1 AND state < 3", given![id.as_bytes()]).await?;
    let changed = session.change("DELETE FROM buckets WHERE id = $1 AND revision = $2", given![id.as_bytes(), revision]).await?;
    concluded(session, changed, events).await
}

/// Whether the bucket is there; it stays so until the transaction ends.
pub(super) async fn hold(session: &Session, id: BucketId) -> Result<bool, Fault> {
    locks::share_bucket(session, id).await?;
    session.exists("SELECT 1 FROM buckets WHERE id = $1", given![id.as_bytes()]).await
}
