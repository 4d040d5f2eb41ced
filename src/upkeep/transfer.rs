use crate::blob::{BlobError, BlobStore, Scope};
use crate::domain::{BlobId, Day, Location, TenantId};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};

/// Blobs that are named in a report; the others are only counted.
const NAMED_MAX: usize = 100;

/// What a transfer of bodies came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Transfer {
    /// Blobs that the store has.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Of these, blobs that were there already, with as many bytes.
    pub there: u64,
    /// Blobs that were copied, read again, and found as they were read first.
    pub copied: u64,
    /// Their bytes.
    pub copied_bytes: u64,
    /// Blobs that went while they were to be copied.
    pub vanished: u64,
    /// Blobs that could not be copied.
    pub failed: u64,
    /// The first of these, and why.
    pub findings: Vec<String>,
}

/// Copies every blob of `from` that `to` lacks, `at_once` at a time. Blobs never change, so what is there with its length was
/// copied whole before: it goes on where an earlier transfer was broken off. Each copy is read again and compared. A blob
/// that cannot be copied is named, and stops no other. `told` hears of each step.
///
/// # Errors
/// [`BlobError`] when either store cannot be listed.
pub async fn transfer(
    from: &BlobStore,
    to: &BlobStore,
    at_once: usize,
    told: &(dyn Fn(&Transfer) + Send + Sync),
) -> Result<Transfer, BlobError> {
    let mut done = Transfer::default();
    let days = from.list(Scope::All).try_fold(BTreeSet::new(), |mut days: BTreeSet<(TenantId, Day)>, listed| {
        days.insert((listed.blob.tenant(), listed.blob.day()));
        std::future::ready(Ok(days))
    });
    for (tenant, day) in days.await? {
        let there = listed(to, tenant, day).await?;
        let wanted = listed(from, tenant, day).await?;
        done.blobs += wanted.len() as u64;
        done.bytes += wanted.values().sum::<u64>();
        let missing: Vec<(BlobId, u64)> = wanted.into_iter().filter(|(blob, bytes)| there.get(blob) != Some(bytes)).collect();
        done.there = done.blobs - done.copied - done.vanished - done.failed - missing.len() as u64;
        let mut copies = stream::iter(missing).map(|(blob, bytes)| async move { (blob, bytes, copy(from, to, blob, bytes).await) });
        let mut copies = std::pin::pin!(copies.by_ref().buffer_unordered(at_once.max(1)));
        while let Some((blob, bytes, copied)) = copies.next().await {
            match copied {
                Ok(()) => {
                    done.copied += 1;
                    done.copied_bytes += bytes;
                }
                Err(BlobError::Missing { blob: gone }) if gone == blob && is_gone(from, blob).await => done.vanished += 1,
                Err(error) => {
                    done.failed += 1;
                    if done.findings.len() < NAMED_MAX {
                        done.findings.push(format!("{blob}: {}", crate::domain::causes(&error)));
                    }
                }
            }
            told(&done);
        }
    }
    told(&done);
    Ok(done)
}

async fn listed(store: &BlobStore, tenant: TenantId, day: Day) -> Result<HashMap<BlobId, u64>, BlobError> {
    store.list(Scope::Day(tenant, day)).map_ok(|listed| (listed.blob, listed.bytes)).try_collect().await
}

/// What was written is read again: a store that acknowledges what it does not keep is noticed now.
async fn copy(from: &BlobStore, to: &BlobStore, blob: BlobId, bytes: u64) -> Result<(), BlobError> {
    let crc = from.copy(blob, to, None).await?;
    let found = to.checksum(&Location { blob, offset: 0, length: bytes }).await?;
    if found == crc {
        return Ok(());
    }
    // Its length is right, and that is all that the next run would look at.
    to.delete(blob).await?;
    Err(BlobError::Altered { blob })
}

async fn is_gone(from: &BlobStore, blob: BlobId) -> bool {
    let first = Location { blob, offset: 0, length: 1 };
    matches!(from.read(&first, 0..1).await, Err(BlobError::Missing { .. }))
}
