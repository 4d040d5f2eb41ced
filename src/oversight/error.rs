use crate::access::AccessError;
use crate::identity::PeopleError;
use crate::policy::{PoliciesError, Refused};

/// Something about access could not be laid down.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OversightError {
    /// Not allowed, or it could not be put on record.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// It cannot be read or written.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// People cannot be looked up.
    #[error(transparent)]
    People(#[from] PeopleError),
    /// Policies do not fit the schema.
    #[error(transparent)]
    Policies(#[from] PoliciesError),
    /// There is no such thing.
    #[error("there is no such {what}")]
    Nothing {
        /// What was looked for.
        what: &'static str,
    },
    /// It has been decided or reviewed already.
    #[error("the {what} has been closed already")]
    Closed {
        /// What.
        what: &'static str,
    },
    /// It cannot be laid down.
    #[error("{reason}")]
    Unfit {
        /// Why.
        reason: String,
    },
}
