use super::part_checksums::PartChecksums;
use super::row_mac::{check, stamped};
use super::{IndexError, TenantIndex, Upload};
use crate::blob::Stored;
use crate::domain::{AttemptId, Checksums, ETag, UtcTime};
use crate::engine::{Committed, Events, RowMac, UploadPartRow};
use crate::leases::IndexKeys;
use std::fmt;

/// One stored part of an open upload, its row checked and its checksums opened.
#[derive(Clone)]
pub struct UploadedPart {
    pub(super) row: UploadPartRow,
    crc64nvme: [u8; 8],
    checksum: Option<Checksums>,
}

impl fmt::Debug for UploadedPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadedPart").field("number", &self.row.number).field("attempt", &self.row.attempt).finish_non_exhaustive()
    }
}

impl UploadedPart {
    /// The number that the client gave it.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.row.number
    }

    /// The attempt that sealed it.
    #[must_use]
    pub const fn attempt(&self) -> AttemptId {
        self.row.attempt
    }

    /// Its tag.
    #[must_use]
    pub const fn etag(&self) -> ETag {
        self.row.etag
    }

    /// Plaintext bytes.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.row.length
    }

    /// Bytes of the sealed stream.
    #[must_use]
    pub const fn stream_length(&self) -> u64 {
        self.row.stream_length
    }

    /// When it came in.
    #[must_use]
    pub const fn modified(&self) -> UtcTime {
        self.row.modified
    }

    /// CRC-64/NVME of its plaintext, big-endian.
    #[must_use]
    pub const fn crc64nvme(&self) -> [u8; 8] {
        self.crc64nvme
    }

    /// The checksum in the algorithm of its upload.
    #[must_use]
    pub const fn checksum(&self) -> Option<&Checksums> {
        self.checksum.as_ref()
    }

    /// Whether its checksum is the one that a client states.
    #[must_use]
    pub fn has_checksum(&self, stated: &Checksums) -> bool {
        self.checksum.as_ref().is_some_and(|own| own.algorithm == stated.algorithm && own.value == stated.value)
    }
}

/// A part whose bytes are durable.
#[derive(Debug)]
pub struct NewUploadPart {
    /// Its number, from the client.
    pub number: u32,
    /// Proof that its bytes are durable.
    pub stored: Stored,
    /// Its tag.
    pub etag: ETag,
    /// CRC-64/NVME of its plaintext, big-endian.
    pub crc64nvme: [u8; 8],
    /// The checksum in the algorithm of its upload.
    pub checksum: Option<Checksums>,
}

impl TenantIndex<'_> {
    /// Adds a part to an open upload, or replaces the one of the same number.
    ///
    /// # Errors
    /// [`IndexError`]
    pub async fn put_upload_part(
        &self,
        upload: &Upload,
        new: NewUploadPart,
        now: UtcTime,
        events: Events,
    ) -> Result<Committed, IndexError> {
        if upload.row.tenant != self.tenant {
            return Err(IndexError::Misfit);
        }
        let keys = self.keys().await?;
        let key = keys.active();
        let sums = PartChecksums { crc64nvme: new.crc64nvme, checksum: new.checksum };
        let row = UploadPartRow {
            upload: upload.row.id,
            number: new.number,
            attempt: new.stored.attempt(),
            location: *new.stored.location(),
            length: new.stored.plain_length(),
            stream_length: new.stored.stream_length(),
            stored_crc: new.stored.crc(),
            etag: new.etag,
            sealed_checksums: sums.seal(key, upload.place(new.stored.attempt()))?,
            modified: now,
            kek_version: key.version,
            mac: RowMac([0; 32]),
        };
        Ok(self.engine().put_upload_part(stamped(key, self.tenant, row), now, events).await?)
    }

    /// Parts of an open upload with numbers above `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// [`IndexError`]
    pub async fn upload_parts(&self, upload: &Upload, after: u32, limit: usize) -> Result<Vec<UploadedPart>, IndexError> {
        if upload.row.tenant != self.tenant {
            return Err(IndexError::Misfit);
        }
        let keys = self.keys().await?;
        let rows = self.engine().upload_parts(upload.row.id, after, limit).await?;
        rows.into_iter().map(|row| opened_part(&keys, upload, row)).collect()
    }
}

fn opened_part(keys: &IndexKeys, upload: &Upload, row: UploadPartRow) -> Result<UploadedPart, IndexError> {
    let key = check(keys, upload.row.tenant, &row)?;
    let sums = PartChecksums::open(key, upload.place(row.attempt), &row.sealed_checksums).ok_or(TAMPERED)?;
    if row.upload != upload.row.id {
        return Err(TAMPERED);
    }
    Ok(UploadedPart { row, crc64nvme: sums.crc64nvme, checksum: sums.checksum })
}

const TAMPERED: IndexError = IndexError::Tampered { table: "upload_parts" };
