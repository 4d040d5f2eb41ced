use crate::domain::{BucketId, RunId};
use crate::engine::cells::Cells;
use crate::engine::{EngineError, RunRow};

/// The columns of a whole run `r`, in the order that [`run_of`] takes them.
macro_rules! run_columns {
    () => {
        "r.run, r.bucket, r.directory, r.epoch, r.mark, r.pages, r.items, r.kek_version, r.sealed_path"
    };
}
pub(in crate::engine) use run_columns;

pub(in crate::engine) fn run_of(cells: &mut Cells<'_>) -> Result<RunRow, EngineError> {
    Ok(RunRow {
        id: cells.id(RunId::from_bytes)?,
        bucket: cells.id(BucketId::from_bytes)?,
        directory: cells.token()?,
        epoch: cells.number()?,
        mark: cells.number()?,
        pages: cells.number()?,
        items: cells.number()?,
        kek_version: cells.number()?,
        sealed_path: cells.take()?,
    })
}
