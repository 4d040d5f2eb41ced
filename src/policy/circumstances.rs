use crate::domain::{EventId, Purpose};
use std::net::IpAddr;

/// What surrounds a request: when, from where, what for.
#[derive(Debug, Clone)]
pub struct Circumstances {
    /// The request's id, which becomes the id of its event.
    pub request: EventId,
    /// The operation as the protocol calls it, such as `GetObject`.
    pub operation: &'static str,
    /// The caller's address.
    pub source: Option<IpAddr>,
    /// The caller's program, as it names itself.
    pub user_agent: Option<String>,
    /// The purpose of use, where the request states one.
    pub purpose: Option<Purpose>,
}

impl Circumstances {
    /// The same request asking for a further thing, which is an event of its own: the source of a copy,
    /// each key of a batch.
    #[must_use]
    pub fn further(&self) -> Self {
        Self { request: EventId::random(), ..self.clone() }
    }
}
