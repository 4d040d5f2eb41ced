//! What a gateway does for itself: collecting orphans, aborting forgotten uploads. No job here opens a record.

mod idle_uploads;
//ORPH mod orphans;

pub use idle_uploads::IdleUploads;
//ORPH pub use orphans::{OrphanReport, Orphans};
