//! What a gateway does for itself: collecting orphans, aborting forgotten uploads, reading every stored byte again, and
//! seeing that index and store belong together. No job here opens a record.

mod idle_uploads;
mod orphans;
mod pairing;
mod reconcile;
mod scrub;
mod transfer;

pub use idle_uploads::{IdleUploads, IdleUploadsError};
pub use orphans::{OrphanReport, Orphans, OrphansError};
pub use pairing::{Agreement, Pairing, PairingError, fits_new_index};
pub use reconcile::{ReconcileError, ReconciledFrame, Reconciliation, reconcile};
pub use scrub::{
    Damage, Finding, FindingState, Scrub, ScrubBounds, ScrubError, ScrubParts, ScrubReport, ScrubSettings, ScrubStanding, ScrubStatus, Turn,
};
pub use transfer::{Transfer, transfer};
