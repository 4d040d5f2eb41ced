//! Every stored frame that a row names, whichever table the row stands in.

use super::fault::Fault;
use super::given::given;
use super::session::Session;
use crate::domain::{BlobId, Location};
use crate::engine::cells::{Cells, Columns, whole};
use crate::engine::stored::frames::frame_of;
use crate::engine::{EngineError, FrameKey, FrameRow, FrameTotals};

/// Each table is walked along its index by blob; the rows of one blob, few as they are, are sorted.
const AFTER: &str = r#"SELECT * FROM (
    (SELECT blob, "offset", length, stored_crc, 1::bigint, id, 0::bigint, bucket, id FROM versions
      WHERE blob >= $1 AND (blob, "offset", 1::bigint, id, 0::bigint) > ($1, $2, $3, $4, $5) ORDER BY blob, "offset", id LIMIT $6)
    UNION ALL
    (SELECT blob, blob_offset, blob_length, stored_crc, 2::bigint, version, number,
        (SELECT v.bucket FROM versions v WHERE v.id = p.version), version FROM parts p
      WHERE blob >= $1 AND (blob, blob_offset, 2::bigint, version, number) > ($1, $2, $3, $4, $5)
      ORDER BY blob, blob_offset, version, number LIMIT $6)
    UNION ALL
    (SELECT blob, blob_offset, blob_length, stored_crc, 3::bigint, upload, number,
        (SELECT u.bucket FROM uploads u WHERE u.id = p.upload), (SELECT u.version FROM uploads u WHERE u.id = p.upload) FROM upload_parts p
      WHERE blob >= $1 AND (blob, blob_offset, 3::bigint, upload, number) > ($1, $2, $3, $4, $5)
      ORDER BY blob, blob_offset, upload, number LIMIT $6)) AS f
  ORDER BY 1, 2, 5, 6, 7 LIMIT $6"#;
/// Rows that one question counts: well within the time that an answer may take.
const COUNTED_AT_ONCE: i64 = 500_000;
/// Ranges of random ids that are counted one by one.
const RANGES: u8 = 16;

pub(super) async fn after(session: &Session, after: Option<FrameKey>, limit: usize) -> Result<Vec<FrameRow>, Fault> {
    let limit = whole(limit as u64);
    let Some(FrameKey { blob, offset, owner }) = after else {
        let none: &[u8] = &[];
        return session.all(AFTER, given![none, -1_i64, 0_i64, none, 0_i64, limit], frame_of).await;
    };
    let (kind, id, number) = owner.parts();
    session.all(AFTER, given![&blob.to_bytes(), offset, kind, id, number, limit], frame_of).await
}

pub(super) async fn totals(session: &Session) -> Result<FrameTotals, Fault> {
    let mut totals = FrameTotals::default();
    let newest =
        session.one("SELECT coalesce(max(seq), 0) FROM versions", given![], |row| Cells::new(row, "versions").take::<i64>()).await?;
    let (mut after, newest) = (0, newest.unwrap_or_default());
    let sql = "SELECT count(*), coalesce(sum(length), 0)::bigint FROM versions WHERE blob IS NOT NULL AND seq > $1 AND seq <= $2";
    while after < newest {
        let end = after.saturating_add(COUNTED_AT_ONCE);
        add(&mut totals, session.one(sql, given![after, end], counted).await?);
        after = end;
    }
    for sql in [
        "SELECT count(*), coalesce(sum(blob_length), 0)::bigint FROM parts WHERE version >= $1 AND version < $2",
        "SELECT count(*), coalesce(sum(blob_length), 0)::bigint FROM upload_parts WHERE upload >= $1 AND upload < $2",
    ] {
        for range in 0..RANGES {
            let first = range * (u8::MAX / RANGES + 1);
            // Longer than any id, so that the last range has an end as well.
            let end = first.checked_add(u8::MAX / RANGES + 1).map_or_else(|| vec![u8::MAX; 17], |end| vec![end]);
            add(&mut totals, session.one(sql, given![&[first], &end], counted).await?);
        }
    }
    Ok(totals)
}

fn counted(row: &dyn Columns) -> Result<FrameTotals, EngineError> {
    let mut cells = Cells::new(row, "versions, parts, upload_parts");
    Ok(FrameTotals { frames: cells.number()?, bytes: cells.number()? })
}

fn add(totals: &mut FrameTotals, more: Option<FrameTotals>) {
    let more = more.unwrap_or_default();
    *totals = FrameTotals { frames: totals.frames + more.frames, bytes: totals.bytes + more.bytes };
}

pub(super) async fn is_named(session: &Session, location: &Location, stored_crc: u64) -> Result<bool, Fault> {
    let sql = r#"SELECT 1 FROM versions WHERE blob = $1 AND "offset" = $2 AND length = $3 AND stored_crc = $4
               UNION ALL SELECT 1 FROM parts WHERE blob = $1 AND blob_offset = $2 AND blob_length = $3 AND stored_crc = $4
               UNION ALL SELECT 1 FROM upload_parts WHERE blob = $1 AND blob_offset = $2 AND blob_length = $3 AND stored_crc = $4 LIMIT 1"#;
    session.exists(sql, given![&location.blob.to_bytes(), location.offset, location.length, stored_crc.cast_signed()]).await
}

pub(super) async fn unknown(session: &Session, blobs: &[BlobId]) -> Result<Vec<BlobId>, Fault> {
    let bytes: Vec<[u8; 36]> = blobs.iter().map(BlobId::to_bytes).collect();
    let sql = "SELECT b FROM unnest($1::bytea[]) b
               WHERE NOT EXISTS (SELECT 1 FROM versions WHERE blob = b) AND NOT EXISTS (SELECT 1 FROM parts WHERE blob = b)
                 AND NOT EXISTS (SELECT 1 FROM upload_parts WHERE blob = b) AND NOT EXISTS (SELECT 1 FROM condemned WHERE blob = b)";
    let unknown = session
        .all(sql, given![bytes.iter().map(<[u8; 36]>::as_slice).collect::<Vec<_>>()], |row| {
            let mut cells = Cells::new(row, "condemned");
            let bytes: Vec<u8> = cells.take()?;
            BlobId::from_bytes(&bytes).map_err(|_| cells.corrupt())
        })
        .await?;
    Ok(unknown)
}
