use crate::domain::NodeId;
use crate::engine::cells::{Cells, Columns};
use crate::engine::{EngineError, JobProgress, JobRow, JobWanted};

/// The columns of a job, in the order that [`job_of`] takes them; whether its lease has not ended comes behind.
macro_rules! job_columns {
    () => {
        "holder, token, lease_end, paused, asked, answered, cursor, report, started, finished, last_full"
    };
}
pub(in crate::engine) use job_columns;

pub(in crate::engine) fn job_of(row: &dyn Columns) -> Result<JobRow, EngineError> {
    let mut cells = Cells::new(row, "jobs");
    let (holder, token) = (cells.some_id(NodeId::from_bytes)?, cells.number()?);
    let lease_end = cells.time()?;
    let wanted = if cells.take()? { JobWanted::Rest } else { JobWanted::Work };
    let (asked, answered) = (cells.number()?, cells.number()?);
    let progress = JobProgress {
        cursor: cells.take()?,
        report: cells.take()?,
        started: cells.some_time()?,
        finished: cells.some_time()?,
        last_full: cells.some_time()?,
    };
    Ok(JobRow { holder, token, lease_end, is_held: cells.take()?, wanted, asked, answered, progress })
}
