//! What the gateway is for: storing and fetching, each against an admission.
//!
//! The only place that joins protocol and ciphertext. Each verb takes its admission by value and works on
//! exactly what the admission names. Way in: [`Objects`].

mod attempt;
mod body;
mod bucket;
mod copy;
mod delete;
mod error;
mod frame;
mod get;
mod list;
mod mixup;
mod put;
mod tags;
mod upload;

use crate::audit::{Journal, OutcomeLog};
use crate::blob::BlobStore;
use crate::domain::{Clock, Live, RecordClasses};
use crate::index::Index;
use crate::keys::Keyring;
use crate::policy::Gate;
use crate::seal::{Aead, PlainPool};
use std::sync::Arc;

pub use body::{BodyFault, Incoming, Verified};
pub use bucket::BucketError;
pub use copy::CopiedBody;
pub use delete::Deleted;
pub use error::{CommitError, GetError, PutError};
pub use get::ObjectBody;
pub use put::{NewContent, Put};
pub use upload::{Completed, CompletedPart, NewPart};

/// The parts that the object service is made of.
#[derive(Debug, Clone)]
pub struct Objects {
    /// Decides again when a key has changed under a write.
    pub gate: Arc<Gate>,
    /// Which versions exist.
    pub index: Arc<Index>,
    /// Data keys.
    pub keys: Arc<Keyring>,
    /// Sealed bytes.
    pub blobs: BlobStore,
    /// What became of accesses.
    pub outcomes: OutcomeLog,
    /// The log that outcomes go to.
    pub journal: Arc<Journal>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The terms of what becomes final.
    pub classes: Live<RecordClasses>,
    /// Which library runs the cipher.
    pub aead: Aead,
    /// Buffers for opened bytes.
    pub pool: PlainPool,
}
