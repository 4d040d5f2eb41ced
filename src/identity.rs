//! From what a caller presented to who it is, and the people and credentials of each tenant.
//!
//! Decides nothing about what anyone may do. Ways in: [`Authenticator`] for requests, [`People`] for
//! administration.

mod authenticator;
mod federated;
mod key_pair;
mod oidc;
mod people;
mod presented;
mod principal;
mod row_mac;
mod session;

pub use authenticator::{Authenticator, Unauthenticated};
pub use oidc::TokenError;
pub use people::{AccessKey, NewAccessKey, NewPrincipal, People, PeopleError, Person};
pub use presented::{Presented, TokenHash};
pub use principal::{Principal, ProvenBy};
pub use session::SessionCredentials;
