//! S3 over HTTP: translates between the protocol and the object service, and decides nothing.
//!
//! A request passes the guard, which closes what the protocol crate leaves open; the crate, which checks the
//! signature; the bridge, which finds out who asks; and one handler, which translates. What fails is answered
//! from one total table. It knows nothing of ciphertext. Way in: [`service`].

mod answer;
mod bridge;
mod bucket;
mod call;
mod checksums;
mod chunks;
mod client_body;
mod copy;
mod encoded_word;
mod endpoint;
mod errors;
mod exchange;
mod fault;
mod guard;
mod host;
mod keep_alive;
mod listing;
mod metadata;
mod multipart;
mod object;
mod odd_range;
mod operations;
mod parameters;
mod query;
mod rate;
mod reading;
mod response_body;
mod scope;
mod service;
mod shown;
mod small;
mod tagging;
mod tags;
mod wire_body;
mod writing;

pub use endpoint::{Endpoint, Front, Native, SignIn, service};
pub use host::InvalidDomain;
pub use rate::{Pace, RateSettings, Rates};
