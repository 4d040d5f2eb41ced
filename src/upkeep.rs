//! What a gateway does for itself: collecting orphans, aborting forgotten uploads. No job here opens a record.

mod idle_uploads;
mod orphans;

pub use idle_uploads::{IdleUploads, IdleUploadsError};
pub use orphans::{OrphanReport, Orphans, OrphansError};
