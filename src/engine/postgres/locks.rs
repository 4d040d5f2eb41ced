//! Locks that the transactions take by number. They lie in the server's memory and go with the transaction: a shared row
//! lock for each put would write the bucket's row anew each time.

use super::fault::Fault;
use super::given::given;
use super::session::Session;
use crate::domain::{BucketId, TenantId};

/// What a lock is for: the high half of its number.
const BUCKET: i64 = 1;
const UPLOADS: i64 = 2;
const BLOBS: i64 = 3;
const DIRECTIVES: i64 = 4;

/// The bucket stays as it is until the transaction ends, and so does what is condemned: for whatever names a blob.
pub(super) const SHARE_BUCKET_AND_BLOBS: &str = "SELECT pg_advisory_xact_lock_shared($1)::text, pg_advisory_xact_lock_shared($2)::text";

/// The numbers for [`SHARE_BUCKET_AND_BLOBS`].
pub(super) fn bucket_and_blobs(bucket: BucketId) -> [i64; 2] {
    [number(BUCKET, bucket.as_bytes()), BLOBS << 32]
}

/// Nobody else uses the bucket until the transaction ends.
pub(super) async fn take_bucket(session: &Session, bucket: BucketId) -> Result<(), Fault> {
    take(session, number(BUCKET, bucket.as_bytes())).await
}

/// The bucket stays as it is until the transaction ends.
pub(super) async fn share_bucket(session: &Session, bucket: BucketId) -> Result<(), Fault> {
    let sql = "SELECT pg_advisory_xact_lock_shared($1)::text";
    session.rows(sql, given![number(BUCKET, bucket.as_bytes())]).await.map(|_nothing| ())
}

/// Nobody else opens an upload in the bucket until the transaction ends.
pub(super) async fn take_uploads(session: &Session, bucket: BucketId) -> Result<(), Fault> {
    take(session, number(UPLOADS, bucket.as_bytes())).await
}

/// Nobody else changes what the tenant has laid down until the transaction ends.
pub(super) async fn take_directives(session: &Session, tenant: TenantId) -> Result<(), Fault> {
    take(session, number(DIRECTIVES, tenant.as_bytes())).await
}

/// What is condemned stays as it is until the transaction ends.
pub(super) async fn share_blobs(session: &Session) -> Result<(), Fault> {
    session.rows("SELECT pg_advisory_xact_lock_shared($1)::text", given![BLOBS << 32]).await.map(|_nothing| ())
}

/// No row comes to name a blob until the transaction ends.
pub(super) async fn take_blobs(session: &Session) -> Result<(), Fault> {
    take(session, BLOBS << 32).await
}

async fn take(session: &Session, number: i64) -> Result<(), Fault> {
    session.rows("SELECT pg_advisory_xact_lock($1)::text", given![number]).await.map(|_nothing| ())
}

/// Two things that share a number by chance wait for each other; no more.
fn number(what: i64, id: &[u8; 16]) -> i64 {
    let [.., a, b, c, d] = *id;
    (what << 32) | i64::from(u32::from_be_bytes([a, b, c, d]))
}
