//! From who somebody is to what they may do; every verdict goes on record.
//!
//! Nothing above this module can be done without an [`Admitted`], and only [`Gate`] makes one. The rules
//! are in `rules`; the gate finds what is asked for, asks the rules, and records.

mod action;
mod admitted;
mod asked;
mod circumstances;
mod gate;
mod refused;
mod rules;

pub use action::{
    AbortUpload, Action, AddPart, Delete, DeleteSubject, List, ListBuckets, ListSubject, MakeBucket, MakeSubject, ManageBucket, Read,
    ReadAudit, ReadSubject, TagVersion, TenantSubject, UploadSubject, ViewBucket, ViewUpload, Write, WriteSubject,
};
pub use admitted::{Admitted, Permitted};
pub use asked::UNDECIDED;
pub use circumstances::Circumstances;
pub use gate::{Gate, WriteIntent};
pub use refused::{Reason, Refused};
