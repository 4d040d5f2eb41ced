//! S3 over HTTP: translates between the protocol and the object service, and decides nothing.

mod encoded_word;
mod fault;
mod guard;
mod host;
mod query;
mod scope;

pub use host::{BaseDomains, InvalidDomain};
