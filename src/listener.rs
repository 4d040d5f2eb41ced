//! Accepts connections and guards them: TLS, limits, slow clients, early refusals, draining.
//!
//! Knows a service, not S3: it hands each request on with a [`ListenerBody`], a [`crate::domain::Peer`] and the
//! request's [`crate::domain::EventId`] in its extensions, and gives every answer its request id. What it refuses
//! itself it refuses in the words of S3, because those are what its callers read. It never looks at a body.
//! Way in: [`Listener`].

mod accept;
mod activity;
mod answer;
mod body;
mod certificate;
mod connection;
mod control;
mod cors;
mod edge;
mod health;
mod refusal;
mod settings;
mod stop;
mod streams;
mod transport;

pub use accept::{Drained, Listener, ListenerError};
pub use answer::AnswerBody;
pub use body::{ListenerBody, ListenerBodyError};
pub use certificate::{Certificate, CertificateError};
pub use control::ListenerControl;
pub use cors::CorsSettings;
pub use health::Readiness;
pub use settings::{ListenerSettings, TlsSettings, TlsVersions, WireSettings};
pub use stop::Stop;
