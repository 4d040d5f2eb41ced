//! The gateway's own HTTP API under `/-/v1/`, for what S3 has no words for. So far: the auditor's search.
//!
//! Whoever calls it has been identified already; every answer is decided and recorded like any other access.
//! Way in: [`Api`].

mod audit_events;
mod problem;

use crate::domain::EventId;
use crate::identity::Principal;
use crate::policy::{Circumstances, Gate};
use crate::report::AccessLog;
use bytes::Bytes;
use http::{Method, Response, request};
use problem::Problem;
use std::net::IpAddr;
use std::sync::Arc;

/// The routes under `/-/v1/`.
#[derive(Debug)]
pub struct Api {
    gate: Arc<Gate>,
    access_log: AccessLog,
}

impl Api {
    /// The API over these parts.
    #[must_use]
    pub const fn new(gate: Arc<Gate>, access_log: AccessLog) -> Self {
        Self { gate, access_log }
    }

    /// Answers one request of `who`. Refusals and errors are JSON problems (RFC 9457).
    pub async fn answer(&self, who: Arc<Principal>, request: &request::Parts, (id, source): (EventId, Option<IpAddr>)) -> Response<Bytes> {
        let answered = match (&request.method, request.uri.path()) {
            (&Method::GET, "/-/v1/audit/events") => {
                let around = circumstances(request, (id, source), "SearchAuditEvents");
                self.audit_events(&who, &around, request.uri.query().unwrap_or_default()).await
            }
            (_, "/-/v1/audit/events") => Err(Problem::method()),
            _ => Err(Problem::not_found()),
        };
        answered.unwrap_or_else(|problem| problem.into_response(id))
    }
}

fn circumstances(request: &request::Parts, (id, source): (EventId, Option<IpAddr>), operation: &'static str) -> Circumstances {
    let agent = request.headers.get(http::header::USER_AGENT).and_then(|value| value.to_str().ok());
    Circumstances { request: id, operation, source, user_agent: agent.map(str::to_owned), purpose: None }
}
