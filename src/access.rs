//! What each tenant has laid down about access: who cares for whom, whose tokens are taken, which policies hold, and what
//! was done in emergencies.
//!
//! Every node has it as a [`Book`] that is at most [`limits::BOOK_AGE_MAX`](crate::domain::limits::BOOK_AGE_MAX) old. Way
//! in: [`Access`].

mod book;
mod directives;
mod error;
mod row_mac;

pub use book::Book;
pub use directives::{Access, NewDirective};
pub use error::AccessError;
