use crate::domain::{AttemptId, BucketId, ChecksumAlgorithm, ChecksumType, ETag, PrincipalId, RecordState, TenantId, UploadId, VersionId};
use crate::engine::cells::{Cells, Columns};
use crate::engine::{EngineError, UploadPartRow, UploadRow};

/// The columns of an upload, in the order that [`upload_of`] takes them.
pub(in crate::engine) const UPLOAD: &str =
    "id, bucket, tenant, key, version, initiator, created, touched, state, checksum_algorithm, checksum_composite,
    kek_version, sealed_attributes, sealed_tags, dek_kek_version, wrapped_dek, revision, mac";
/// The columns of an upload's part, in the order that [`part_of`] takes them.
pub(in crate::engine) const PART: &str =
    "upload, number, attempt, blob, blob_offset, blob_length, length, stream_length, stored_crc, etag, etag_parts,
    sealed_checksums, modified, kek_version, mac";

pub(in crate::engine) fn upload_of(row: &dyn Columns) -> Result<UploadRow, EngineError> {
    let mut cells = Cells::new(row, "uploads");
    Ok(UploadRow {
        id: cells.id(UploadId::from_bytes)?,
        bucket: cells.id(BucketId::from_bytes)?,
        tenant: cells.id(TenantId::from_bytes)?,
        key: cells.token()?,
        version: cells.id(VersionId::from_bytes)?,
        initiator: cells.id(PrincipalId::from_bytes)?,
        created: cells.time()?,
        touched: cells.time()?,
        state: cells.one_of(RecordState::from_number)?,
        checksum: checksum_of(&mut cells)?,
        kek_version: cells.number()?,
        sealed_attributes: cells.take()?,
        sealed_tags: cells.take()?,
        dek_kek_version: cells.number()?,
        wrapped_dek: cells.take()?,
        revision: cells.number()?,
        mac: cells.mac()?,
    })
}

fn checksum_of(cells: &mut Cells<'_>) -> Result<Option<(ChecksumAlgorithm, ChecksumType)>, EngineError> {
    let (algorithm, composite): (Option<String>, Option<bool>) = (cells.take()?, cells.take()?);
    match (algorithm, composite) {
        (None, None) => Ok(None),
        (Some(name), Some(composite)) => {
            let algorithm = ChecksumAlgorithm::parse(&name).ok_or_else(|| cells.corrupt())?;
            Ok(Some((algorithm, if composite { ChecksumType::Composite } else { ChecksumType::FullObject })))
        }
        _ => Err(cells.corrupt()),
    }
}

pub(in crate::engine) fn part_of(row: &dyn Columns) -> Result<UploadPartRow, EngineError> {
    let mut cells = Cells::new(row, "upload_parts");
    Ok(UploadPartRow {
        upload: cells.id(UploadId::from_bytes)?,
        number: cells.number()?,
        attempt: cells.id(AttemptId::from_bytes)?,
        location: cells.location()?,
        length: cells.number()?,
        stream_length: cells.number()?,
        stored_crc: cells.bits()?,
        etag: ETag::new(cells.take()?, cells.number()?),
        sealed_checksums: cells.take()?,
        modified: cells.time()?,
        kek_version: cells.number()?,
        mac: cells.mac()?,
    })
}
