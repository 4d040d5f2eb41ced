//! From tenant key to data key, and only against an admission.
//!
//! Above `policy` on purpose: whoever wants a data key must hold the decision that allows its use, and the
//! key's context is derived from that decision, so that it cannot be another record's. Way in: [`Keyring`].

mod keyring;

pub use keyring::{KeyError, Keyring, WrappedDek};
