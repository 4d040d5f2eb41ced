use crate::domain::{BucketId, VersionId};
use crate::engine::cells::{Cells, Columns};
use crate::engine::{EngineError, FrameOwner, FrameRow};

pub(in crate::engine) fn frame_of(row: &dyn Columns) -> Result<FrameRow, EngineError> {
    let mut cells = Cells::new(row, "versions, parts, upload_parts");
    let (location, stored_crc) = (cells.location()?, cells.bits()?);
    let (kind, id, number) = (cells.number()?, cells.take()?, cells.number()?);
    let owner = FrameOwner::from_parts(kind, id, number).ok_or_else(|| cells.corrupt())?;
    let (bucket, version) = (cells.some_id(BucketId::from_bytes)?, cells.some_id(VersionId::from_bytes)?);
    Ok(FrameRow { location, stored_crc, owner, bucket, version })
}
