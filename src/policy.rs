//! From who somebody is to what they may do; every verdict goes on record.
//!
//! Nothing above this module can be done without an [`Admitted`], and only [`Gate`] makes one. The rules
//! are in `rules`; the gate finds what is asked for, asks the rules, and records.

mod action;
mod admitted;
mod asked;
mod bond;
mod circumstances;
mod explained;
mod gate;
mod judge;
mod laying_down;
mod listing;
mod policies;
mod question;
mod refused;
mod rules;
mod writing;

pub use action::{
    AbortUpload, Action, AddPart, BreakGlass, Delete, DeleteSubject, List, ListBuckets, ListSubject, MakeBucket, MakeSubject, ManageBucket,
    ManageCare, ManagePolicy, Read, ReadAudit, ReadSubject, ReviewAccess, TagVersion, TenantSubject, UploadSubject, ViewBucket, ViewPolicy,
    ViewUpload, Write, WriteSubject,
};
pub use admitted::{Admitted, Permitted};
pub use asked::{SIGN_IN, UNDECIDED};
pub use circumstances::Circumstances;
pub use explained::{Explained, MatrixRow, PolicyText};
pub use gate::Gate;
pub use listing::EntryFilter;
pub use policies::PoliciesError;
pub use refused::{Reason, Refused};
pub use rules::{Basis, Rules};
pub use writing::{ClassBy, WriteIntent};
