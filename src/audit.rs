//! Who did what, to whom, and what was decided: events, sealed, durable before their effect (AU-01, AU-02).
//!
//! Anyone may append, nobody may rewrite. Events of a tenant rest sealed under short-lived event keys, so
//! that rotating the audit key never touches one; requests that prove no tenant are only counted, in the
//! provider's own log. Way in: [`Journal`].

mod event;
mod journal;
mod operator;
mod outcome;
mod provider;

pub use event::{Actor, Event, EventKind, LaidDown, Subject, Verdict};
pub use journal::{Journal, JournalError, Logged, PendingEvent, Receipt};
pub use operator::{Operator, OperatorAction};
pub use outcome::{Outcome, OutcomeLog, Result as OutcomeResult};
pub use provider::ProviderLog;
