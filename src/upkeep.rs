//! What a gateway does for itself: collecting orphans, aborting forgotten uploads, and seeing that index and store
//! belong together. No job here opens a record.

mod idle_uploads;
mod orphans;
mod pairing;

pub use idle_uploads::{IdleUploads, IdleUploadsError};
pub use orphans::{OrphanReport, Orphans, OrphansError};
pub use pairing::{Agreement, Pairing, PairingError, fits_new_index};
