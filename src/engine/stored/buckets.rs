use crate::domain::{BucketId, BucketMode, BucketName, RecordClass, Standing, TenantId, Versioning};
use crate::engine::cells::Cells;
use crate::engine::{BucketRow, EngineError};

/// The columns of a bucket, in the order that [`bucket_of`] takes them.
pub(in crate::engine) const BUCKET: &str =
    "id, tenant, name, mode, versioning, standing, default_class, created, kek_version, revision, mac";

pub(in crate::engine) fn bucket_of(cells: &mut Cells<'_>) -> Result<BucketRow, EngineError> {
    Ok(BucketRow {
        id: cells.id(BucketId::from_bytes)?,
        tenant: cells.id(TenantId::from_bytes)?,
        name: cells.parsed(BucketName::parse)?,
        mode: cells.one_of(BucketMode::from_number)?,
        versioning: cells.one_of(Versioning::from_number)?,
        standing: cells.one_of(Standing::from_number)?,
        default_class: cells.some_parsed(RecordClass::parse)?,
        created: cells.time()?,
        kek_version: cells.number()?,
        revision: cells.number()?,
        mac: cells.mac()?,
    })
}
