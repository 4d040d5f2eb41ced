//! The gateway's own HTTP API under `/-/v1/`, for what S3 has no words for. `openapi.json` beside it describes it, and is served
//! at `/-/openapi.json`.
//!
//! Whoever calls it has been identified already; every answer is decided and recorded like any other access.
//! Way in: [`Api`].

mod access;
mod audit_events;
mod document;
mod people;
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
        let route = Route::of(method, &segments)?;
        call.around.operation = route.operation();
        match route {
            Route::Description => Ok(document::json_text(DESCRIPTION)),
            Route::SearchEvents => self.audit_events(&call.who, &call.around, call.query).await,
            Route::SetPatient => self.set_patient(&call).await,
            Route::BreakGlass => self.break_glass(&call).await,
            Route::Glasses => self.glasses(&call).await,
            Route::ReviewGlass(id) => self.review_glass(&call, id).await,
            Route::RequestChange => self.request_change(&call).await,
            Route::Changes => self.changes(&call).await,
            Route::DecideChange(id) => self.decide_change(&call, id).await,
            Route::Explain => self.explain(&call).await,
            Route::Policies => self.policies(&call).await,
            Route::Review => self.review(&call).await,
            Route::People => self.people(&call).await,
            Route::GiveCredential(name) => self.give_credential(&call, name).await,
            Route::ShutOut(name) => self.shut_out(&call, name).await,
        }
    }
}

/// What a request is for.
#[derive(Debug, Clone, Copy)]
enum Route<'a> {
    Description,
    SearchEvents,
    SetPatient,
    BreakGlass,
    Glasses,
    ReviewGlass(&'a str),
    RequestChange,
    Changes,
    DecideChange(&'a str),
    Explain,
    Policies,
    Review,
    People,
    GiveCredential(&'a str),
    ShutOut(&'a str),
}

impl<'a> Route<'a> {
    /// # Errors
    /// 404 for a path that is none, 405 for a method that it does not take.
    fn of(method: &Method, path: &[&'a str]) -> Result<Self, Problem> {
        let (got, posted) = match *path {
            ["openapi.json"] => (Some(Self::Description), None),
            ["v1", "audit", "events"] => (Some(Self::SearchEvents), None),
            ["v1", "patients"] => (None, Some(Self::SetPatient)),
            ["v1", "break-glass"] => (Some(Self::Glasses), Some(Self::BreakGlass)),
            ["v1", "break-glass", id, "review"] => (None, Some(Self::ReviewGlass(id))),
            ["v1", "access", "changes"] => (Some(Self::Changes), Some(Self::RequestChange)),
            ["v1", "access", "changes", id, "decision"] => (None, Some(Self::DecideChange(id))),
            ["v1", "access", "explain"] => (None, Some(Self::Explain)),
            ["v1", "access", "policies"] => (Some(Self::Policies), None),
            ["v1", "access", "review"] => (Some(Self::Review), None),
            ["v1", "people"] => (Some(Self::People), None),
            ["v1", "people", name, "credentials"] => (None, Some(Self::GiveCredential(name))),
            ["v1", "people", name, "disable"] => (None, Some(Self::ShutOut(name))),
            _ => return Err(Problem::not_found()),
        };
        let taken = match (got, posted) {
            (Some(_), Some(_)) => "GET and POST",
            (Some(_), None) => "GET",
            (None, _) => "POST",
        };
        let route = match *method {
            Method::GET => got,
            Method::POST => posted,
            _ => None,
        };
        route.ok_or_else(|| Problem::method(taken))
    }

    /// Its name in the log.
    const fn operation(self) -> &'static str {
        match self {
            Self::Description => "Native",
            Self::SearchEvents => "SearchAuditEvents",
            Self::SetPatient => "SetPatient",
            Self::BreakGlass => "BreakGlass",
            Self::Glasses => "ListBreakGlass",
            Self::ReviewGlass(_) => "ReviewBreakGlass",
            Self::RequestChange => "RequestAccessChange",
            Self::Changes => "ListAccessChanges",
            Self::DecideChange(_) => "DecideAccessChange",
            Self::Explain => "ExplainAccess",
            Self::Policies => "ListPolicies",
            Self::Review => "ReviewAccess",
            Self::People => "ListPeople",
            Self::GiveCredential(_) => "GiveCredential",
            Self::ShutOut(_) => "ShutOut",
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
