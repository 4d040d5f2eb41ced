use super::row_mac::{key_version, stamped};
use super::{Bucket, IndexError, UploadedPart, sealed_json, tokens};
use crate::blob::Stored;
use crate::domain::{AttemptId, Attributes, ETag, EntryId, PrincipalId, RecordState, Retention, TenantId, UtcTime, VersionId};
use crate::engine::{DekRow, Nullness, PartRow, RowMac, VersionKind, VersionRow};
use crate::leases::{IndexKey, IndexKeys};
use crate::seal::Context;
use std::fmt;
use std::sync::Arc;

/// A version that is to become the newest of its key. `Debug` shows no name and no patient.
pub struct NewVersion {
    /// Its id, for which its bytes were sealed.
    pub id: VersionId,
    /// Whether it is to be the null version of its key.
    pub null: Nullness,
    /// When it was written.
    pub created: UtcTime,
    /// Its tag.
    pub etag: ETag,
    /// Draft, finalised …
    pub state: RecordState,
    /// How long it must stay.
    pub retention: Option<Retention>,
    /// Who entered it.
    pub enterer: PrincipalId,
    /// The version it replaces.
    pub parent: Option<VersionId>,
    /// What rests sealed beside its bytes; `key` must be the key itself.
    pub attributes: Attributes,
    /// Its tags.
    pub tags: Vec<(String, String)>,
    /// Its bytes, or that it hides those below.
    pub content: NewContent,
}

impl fmt::Debug for NewVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewVersion").field("id", &self.id).field("state", &self.state).finish_non_exhaustive()
    }
}

/// What a new version holds.
#[derive(Debug)]
pub enum NewContent {
    /// Nothing: it is a delete marker.
    Marker,
    /// Bytes that are durable.
    Body {
        /// Proof of it, for the completing blob. Shared, because a commit that loses its compare-and-set is tried again.
        stored: Arc<Stored>,
        /// The version of the data key that wraps the version's key, and the wrapped key.
        dek: (u32, Vec<u8>),
        /// Plaintext bytes of the whole.
        size: u64,
        /// The parts in order; none for a single put.
        parts: Vec<UploadedPart>,
    },
}

/// The rows of a new version.
pub(super) struct NewRows {
    pub(super) version: VersionRow,
    pub(super) dek: Option<DekRow>,
    pub(super) parts: Vec<PartRow>,
}

impl NewVersion {
    /// The rows that say all this, sealed and with their MACs.
    pub(super) fn into_rows(self, keys: &IndexKeys, bucket: &Bucket, entry: EntryId) -> Result<NewRows, IndexError> {
        let key = keys.active();
        let attributes = Context::attributes(bucket.tenant, bucket.id, self.id);
        let row = VersionRow {
            id: self.id,
            bucket: bucket.id,
            entry,
            kind: VersionKind::DeleteMarker,
            null: self.null,
            created: self.created,
            size: 0,
            etag: self.etag,
            state: self.state,
            class: self.attributes.facts.class.clone(),
            retention: self.retention,
            patient: self.attributes.facts.patient.as_ref().map(|patient| tokens::of_patient(keys, bucket.tenant, patient)),
            enterer: self.enterer,
            parent: self.parent,
            kek_version: key.version,
            sealed_attributes: sealed_json::seal(&key.attributes, &attributes, &self.attributes)?,
            sealed_tags: sealed_tags(key, bucket, (self.id, 1), &self.tags)?,
            attempt: AttemptId::random(),
            location: None,
            stream_length: 0,
            manifest_length: 0,
            stored_crc: 0,
            parts: 0,
            revision: 1,
            mac: RowMac([0; 32]),
            seq: 0,
        };
        let (row, dek, parts) = match self.content {
            NewContent::Marker => (row, None, Vec::new()),
            NewContent::Body { stored, dek: (kek_version, wrapped), size, parts } => {
                let parts = part_rows(keys, bucket.tenant, row.id, parts)?;
                let dek = DekRow { version: row.id, kek_version, wrapped };
                (with_body(row, &stored, size, parts.len())?, Some(dek), parts)
            }
        };
        Ok(NewRows { version: stamped(key, bucket.tenant, row), dek, parts })
    }
}

fn with_body(row: VersionRow, stored: &Stored, size: u64, parts: usize) -> Result<VersionRow, IndexError> {
    Ok(VersionRow {
        kind: VersionKind::Content,
        size,
        attempt: stored.attempt(),
        location: Some(*stored.location()),
        stream_length: stored.stream_length(),
        manifest_length: stored.manifest_length(),
        stored_crc: stored.crc(),
        parts: u32::try_from(parts).map_err(|_| IndexError::Misfit)?,
        ..row
    })
}

/// The sealed tag set of a version at one revision of its row; an empty set is no column.
pub(super) fn sealed_tags(
    key: &IndexKey,
    bucket: &Bucket,
    (version, revision): (VersionId, u64),
    tags: &[(String, String)],
) -> Result<Option<Vec<u8>>, IndexError> {
    if tags.is_empty() {
        return Ok(None);
    }
    let context = Context::tags(bucket.tenant, bucket.id, version, revision);
    sealed_json::seal(&key.attributes, &context, tags).map(Some)
}

/// Part rows in the order of the parts, numbered without gaps. The checksums stay as they were sealed, so
/// the rows stay with the key version that sealed them.
fn part_rows(keys: &IndexKeys, tenant: TenantId, version: VersionId, parts: Vec<UploadedPart>) -> Result<Vec<PartRow>, IndexError> {
    let mut offset = 0_u64;
    let mut rows = Vec::with_capacity(parts.len());
    for (number, part) in (1..).zip(parts) {
        let part = part.row;
        let row = PartRow {
            version,
            number,
            attempt: part.attempt,
            location: part.location,
            offset,
            length: part.length,
            stream_length: part.stream_length,
            stored_crc: part.stored_crc,
            sealed_checksums: part.sealed_checksums,
            kek_version: part.kek_version,
            mac: RowMac([0; 32]),
        };
        offset = offset.checked_add(part.length).ok_or(IndexError::Misfit)?;
        rows.push(stamped(key_version(keys, row.kek_version)?, tenant, row));
    }
    Ok(rows)
}
