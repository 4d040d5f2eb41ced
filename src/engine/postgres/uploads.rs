use super::buckets;
use super::condemned;
use super::fault::Fault;
use super::given::given;
use super::journal::write_events;
use super::locks;
use super::people::concluded;
use super::session::Session;
use crate::domain::{BucketId, ChecksumType, UploadId, UtcTime};
use crate::engine::cells::Cells;
use crate::engine::step::Step;
use crate::engine::stored::uploads::{PART, UPLOAD, part_of, upload_of};
use crate::engine::{Changed, Committed, Events, UploadPartRow, UploadRow};

/// No part of the upload comes or goes until the transaction ends.
pub(super) const LOCK: &str = "SELECT 1::bigint FROM uploads WHERE id = $1 FOR UPDATE";

pub(super) async fn create(session: &Session, row: &UploadRow, uploads_max: usize, events: &Events) -> Result<Step<Changed>, Fault> {
    locks::take_uploads(session, row.bucket).await?;
    let counted = "SELECT count(*) FROM uploads WHERE bucket = $1";
    let open = session.one(counted, given![row.bucket.as_bytes()], |row| Cells::new(row, "uploads").number::<u64>()).await?;
    if !buckets::hold(session, row.bucket).await? || open.is_none_or(|open| open >= uploads_max as u64) {
        return Ok(Step::Undo(Changed::Conflict));
    }
    let sql = format!(
        "INSERT INTO uploads ({UPLOAD}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
         ON CONFLICT DO NOTHING"
    );
    let values = given![
        row.id.as_bytes(),
        row.bucket.as_bytes(),
        row.tenant.as_bytes(),
        &row.key.0,
        row.version.as_bytes(),
        row.initiator.as_bytes(),
        row.created,
        row.touched,
        row.state as u8,
        row.checksum.map(|(algorithm, _)| algorithm.name()),
        row.checksum.map(|(_, kind)| u8::from(kind == ChecksumType::Composite)),
        row.kek_version,
        &row.sealed_attributes,
        row.sealed_tags.as_ref(),
        row.dek_kek_version,
        &row.wrapped_dek,
        row.revision,
        &row.mac.0
    ];
    let changed = session.change(&sql, values).await?;
    concluded(session, changed, events).await
}

pub(super) async fn by_id(session: &Session, bucket: BucketId, id: UploadId) -> Result<Option<UploadRow>, Fault> {
    let sql = format!("SELECT {UPLOAD} FROM uploads WHERE id = $1 AND bucket = $2");
    session.one(&sql, given![id.as_bytes(), bucket.as_bytes()], upload_of).await
}

pub(super) async fn of_bucket(session: &Session, bucket: BucketId) -> Result<Vec<UploadRow>, Fault> {
    let sql = format!("SELECT {UPLOAD} FROM uploads WHERE bucket = $1 ORDER BY created, id");
    session.all(&sql, given![bucket.as_bytes()], upload_of).await
}

pub(super) async fn idle(
    session: &Session,
    before: UtcTime,
    after: Option<(UtcTime, UploadId)>,
    limit: usize,
) -> Result<Vec<UploadRow>, Fault> {
    let (touched, id) = after.map_or((i64::MIN, Vec::new()), |(touched, id)| (touched.micros(), id.as_bytes().to_vec()));
    let sql = format!("SELECT {UPLOAD} FROM uploads WHERE touched < $1 AND (touched, id) > ($2, $3) ORDER BY touched, id LIMIT $4");
    session.all(&sql, given![before, touched, &id, limit], upload_of).await
}

pub(super) async fn put_part(session: &Session, row: &UploadPartRow, touched: UtcTime, events: &Events) -> Result<Step<Committed>, Fault> {
    locks::share_blobs(session).await?;
    let touch = "UPDATE uploads SET touched = greatest(touched + 1, $1) WHERE id = $2";
    if session.change(touch, given![touched, row.upload.as_bytes()]).await? == 0 {
        return Ok(Step::Undo(Committed::UploadChanged));
    }
    let blob = row.location.blob.to_bytes();
    if session.exists("SELECT 1 FROM condemned WHERE blob = $1", given![blob.as_slice()]).await? {
        return Ok(Step::Undo(Committed::Condemned));
    }
    let replaced = "DELETE FROM upload_parts WHERE upload = $1 AND number = $2 RETURNING blob";
    let take = |row: &dyn crate::engine::cells::Columns| Cells::new(row, "upload_parts").take::<Vec<u8>>();
    let replaced = session.all(replaced, given![row.upload.as_bytes(), row.number], take).await?;
    let sql = format!("INSERT INTO upload_parts ({PART}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)");
    let values = given![
        row.upload.as_bytes(),
        row.number,
        row.attempt.as_bytes(),
        blob.as_slice(),
        row.location.offset,
        row.location.length,
        row.length,
        row.stream_length,
        row.stored_crc.cast_signed(),
        row.etag.bits(),
        row.etag.parts(),
        &row.sealed_checksums,
        row.modified,
        row.kek_version,
        &row.mac.0
    ];
    session.change(&sql, values).await?;
    condemned::condemn(session, &replaced, touched).await?;
    write_events(session, events).await?;
    Ok(Step::Keep(Committed::Done { seq: 0 }))
}

pub(super) async fn parts(session: &Session, upload: UploadId, after: u32, limit: usize) -> Result<Vec<UploadPartRow>, Fault> {
    let sql = format!("SELECT {PART} FROM upload_parts WHERE upload = $1 AND number > $2 ORDER BY number LIMIT $3");
    session.all(&sql, given![upload.as_bytes(), after, limit], part_of).await
}

pub(super) async fn abort(
    session: &Session,
    (bucket, id): (BucketId, UploadId),
    touched: Option<UtcTime>,
    now: UtcTime,
    events: &Events,
) -> Result<Step<Changed>, Fault> {
    let sql = "DELETE FROM uploads WHERE id = $1 AND bucket = $2 AND touched = coalesce($3, touched)";
    let changed = session.change(sql, given![id.as_bytes(), bucket.as_bytes(), touched]).await?;
    if changed == 1 {
        drop_parts(session, id, now).await?;
    }
    concluded(session, changed, events).await
}

/// Ends an upload whose version is in the transaction under way. False if it has another revision.
pub(super) async fn complete(session: &Session, (bucket, id): (BucketId, UploadId), revision: u64, now: UtcTime) -> Result<bool, Fault> {
    let sql = "DELETE FROM uploads WHERE id = $1 AND bucket = $2 AND revision = $3";
    if session.change(sql, given![id.as_bytes(), bucket.as_bytes(), revision]).await? == 0 {
        return Ok(false);
    }
    // The version's own part rows are there already, so only blobs that it does not use become condemned.
    drop_parts(session, id, now).await?;
    Ok(true)
}

async fn drop_parts(session: &Session, id: UploadId, now: UtcTime) -> Result<(), Fault> {
    let sql = "DELETE FROM upload_parts WHERE upload = $1 RETURNING blob";
    let blobs = session.all(sql, given![id.as_bytes()], |row| Cells::new(row, "upload_parts").take::<Vec<u8>>()).await?;
    condemned::condemn(session, &blobs, now).await
}
