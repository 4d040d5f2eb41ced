//! The gateway's own HTTP API under `/-/v1/`, for what S3 has no words for. `openapi.json` beside it describes it, and is served
//! at `/-/openapi.json`.
//!
//! Whoever calls it has been identified already; every answer is decided and recorded like any other access.
//! Way in: [`Api`].

mod access;
mod audit_events;
mod document;
mod problem;

use crate::domain::{EventId, Purpose};
use crate::identity::Principal;
use crate::oversight::Oversight;
use crate::policy::{Circumstances, Gate};
use crate::report::AccessLog;
use bytes::Bytes;
use http::{Method, Response, request};
use problem::Problem;
use std::net::IpAddr;
use std::sync::Arc;

/// The description of these routes (OpenAPI 3.1).
const DESCRIPTION: &str = include_str!("api/openapi.json");

/// The routes under `/-/v1/`.
#[derive(Debug)]
pub struct Api {
    gate: Arc<Gate>,
    access_log: AccessLog,
    oversight: Oversight,
}

/// One request of somebody who is known.
struct Call<'a> {
    who: Arc<Principal>,
    around: Circumstances,
    query: &'a str,
    body: &'a [u8],
}

impl Api {
    /// The API over these parts.
    #[must_use]
    pub const fn new(gate: Arc<Gate>, access_log: AccessLog, oversight: Oversight) -> Self {
        Self { gate, access_log, oversight }
    }

    /// Answers one request of `who`. Refusals and errors are JSON problems (RFC 9457).
    pub async fn answer(
        &self,
        who: Arc<Principal>,
        (request, body): (&request::Parts, &[u8]),
        (id, source): (EventId, Option<IpAddr>),
    ) -> Response<Bytes> {
        let answered = match call(who, (request, body), (id, source)) {
            Ok(call) => self.route(&request.method, request.uri.path(), call).await,
            Err(problem) => Err(problem),
        };
        answered.unwrap_or_else(|problem| problem.into_response(id))
    }

    async fn route(&self, method: &Method, path: &str, mut call: Call<'_>) -> Result<Response<Bytes>, Problem> {
        let segments: Vec<&str> = path.trim_start_matches("/-/").split('/').collect();
        let (get, post) = (method == Method::GET, method == Method::POST);
        let mut operation = |name| call.around.operation = name;
        match segments.as_slice() {
            ["openapi.json"] if get => Ok(document::json_text(DESCRIPTION)),
            ["v1", "audit", "events"] if get => {
                operation("SearchAuditEvents");
                self.audit_events(&call.who, &call.around, call.query).await
            }
            ["v1", "patients"] if post => {
                operation("SetPatient");
                self.set_patient(&call).await
            }
            ["v1", "break-glass"] if post => {
                operation("BreakGlass");
                self.break_glass(&call).await
            }
            ["v1", "break-glass"] if get => {
                operation("ListBreakGlass");
                self.glasses(&call).await
            }
            ["v1", "break-glass", id, "review"] if post => {
                operation("ReviewBreakGlass");
                self.review_glass(&call, id).await
            }
            ["v1", "access", "changes"] if post => {
                operation("RequestAccessChange");
                self.request_change(&call).await
            }
            ["v1", "access", "changes"] if get => {
                operation("ListAccessChanges");
                self.changes(&call).await
            }
            ["v1", "access", "changes", id, "decision"] if post => {
                operation("DecideAccessChange");
                self.decide_change(&call, id).await
            }
            ["v1", "access", "explain"] if post => {
                operation("ExplainAccess");
                self.explain(&call).await
            }
            ["v1", "access", "policies"] if get => {
                operation("ListPolicies");
                self.policies(&call).await
            }
            ["v1", "access", "review"] if get => {
                operation("ReviewAccess");
                self.review(&call).await
            }
            ["openapi.json"] | ["v1", "audit", "events"] | ["v1", "access", "policies" | "review"] => Err(Problem::method("GET")),
            ["v1", "break-glass"] | ["v1", "access", "changes"] => Err(Problem::method("GET and POST")),
            ["v1", "patients"]
            | ["v1", "access", "explain"]
            | ["v1", "break-glass", _, "review"]
            | ["v1", "access", "changes", _, "decision"] => Err(Problem::method("POST")),
            _ => Err(Problem::not_found()),
        }
    }
}

fn call<'a>(
    who: Arc<Principal>,
    (request, body): (&'a request::Parts, &'a [u8]),
    (id, source): (EventId, Option<IpAddr>),
) -> Result<Call<'a>, Problem> {
    let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
    let purpose = match header("x-hozon-purpose") {
        None => None,
        Some(text) => Some(Purpose::parse(text).map_err(|_| Problem::parameter("x-hozon-purpose"))?),
    };
    let around = Circumstances { request: id, operation: "Native", source, user_agent: header("user-agent").map(str::to_owned), purpose };
    Ok(Call { who, around, query: request.uri.query().unwrap_or_default(), body })
}
