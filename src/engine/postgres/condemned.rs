//! Blobs that no row names any more. Their bytes are deleted in a later pass than the one that condemns them.

use super::fault::Fault;
use super::given::given;
use super::locks;
use super::session::Session;
use crate::domain::{BlobId, UtcTime};
use crate::engine::Condemned;
use crate::engine::cells::{Cells, whole};

/// Condemns those of `blobs` that no row names any more in the transaction that took rows away.
pub(super) async fn condemn(session: &Session, blobs: &[Vec<u8>], at: UtcTime) -> Result<(), Fault> {
    if blobs.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO condemned (blob, at) SELECT DISTINCT b, $2::bigint FROM unnest($1::bytea[]) b
               WHERE NOT EXISTS (SELECT 1 FROM versions WHERE blob = b) AND NOT EXISTS (SELECT 1 FROM parts WHERE blob = b)
                 AND NOT EXISTS (SELECT 1 FROM upload_parts WHERE blob = b) ORDER BY b ON CONFLICT DO NOTHING";
    session.change(sql, given![blobs.iter().map(Vec::as_slice).collect::<Vec<_>>(), at]).await.map(|_rows| ())
}

/// Condemns those of `blobs` that no row names, and says which are condemned now.
pub(super) async fn condemn_unnamed(session: &Session, blobs: &[BlobId], at: UtcTime) -> Result<Vec<BlobId>, Fault> {
    locks::take_blobs(session).await?;
    let bytes: Vec<Vec<u8>> = blobs.iter().map(|blob| blob.to_bytes().to_vec()).collect();
    condemn(session, &bytes, at).await?;
    let sql = "SELECT blob FROM condemned WHERE blob = ANY($1::bytea[])";
    let condemned = session
        .all(sql, given![bytes.iter().map(Vec::as_slice).collect::<Vec<_>>()], |row| Cells::new(row, "condemned").take::<Vec<u8>>())
        .await?;
    Ok(blobs.iter().zip(&bytes).filter(|(_, bytes)| condemned.contains(bytes)).map(|(blob, _)| *blob).collect())
}

pub(super) async fn before(session: &Session, before: UtcTime, after: Option<Condemned>, limit: usize) -> Result<Vec<Condemned>, Fault> {
    let (at, blob) = after.map_or((i64::MIN, Vec::new()), |after| (after.at.micros(), after.blob.to_bytes().to_vec()));
    let sql =
        "SELECT blob, at, (EXISTS (SELECT 1 FROM versions v WHERE v.blob = c.blob) OR EXISTS (SELECT 1 FROM parts p WHERE p.blob = c.blob)
                 OR EXISTS (SELECT 1 FROM upload_parts u WHERE u.blob = c.blob))::int::bigint
               FROM condemned c WHERE at < $1 AND (at, blob) > ($2, $3) ORDER BY at, blob LIMIT $4";
    session
        .all(sql, given![before, at, &blob, whole(limit as u64)], |row| {
            let mut cells = Cells::new(row, "condemned");
            let bytes: Vec<u8> = cells.take()?;
            Ok(Condemned { blob: BlobId::from_bytes(&bytes).map_err(|_| cells.corrupt())?, at: cells.time()?, is_named: cells.take()? })
        })
        .await
}

pub(super) async fn forget(session: &Session, blobs: &[BlobId]) -> Result<(), Fault> {
    let bytes: Vec<Vec<u8>> = blobs.iter().map(|blob| blob.to_bytes().to_vec()).collect();
    let sql = "DELETE FROM condemned WHERE blob = ANY($1::bytea[])";
    session.change(sql, given![bytes.iter().map(Vec::as_slice).collect::<Vec<_>>()]).await.map(|_rows| ())
}
