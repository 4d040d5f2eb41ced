use crate::access::AccessError;
use crate::audit::JournalError;
use crate::domain::{InvalidBucketName, UnknownName, causes};
use crate::engine::EngineError;
use crate::identity::PeopleError;
use crate::index::IndexError;
use crate::leases::{CreateTenantError, LeaseError};
use bytes::Bytes;
use http::{Response, StatusCode, header};
use http_body_util::Full;
use std::error::Error;

/// Why a request of an operator is not done (RFC 9457). Codes are stable, texts are for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into() }
    }

    pub(super) fn no_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, "no-such-route", "there is nothing at this path")
    }

    pub(super) fn method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "this path does not take this method")
    }

    pub(super) fn absent(what: &str, name: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", format!("there is no {what} `{name}`"))
    }

    pub(super) fn taken(what: &str, name: &str) -> Self {
        Self::new(StatusCode::CONFLICT, "name-taken", format!("there is a {what} `{name}` already"))
    }

    pub(super) fn changed() -> Self {
        Self::new(StatusCode::CONFLICT, "changed", "it was changed by someone else at the same time, look again")
    }

    pub(super) fn already(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "already-so", detail)
    }

    pub(super) fn handed_over() -> Self {
        let detail = "the tenant was handed over: its own administrators make people and credentials, with `hozon access`";
        Self::new(StatusCode::CONFLICT, "handed-over", detail)
    }

    pub(super) fn bad(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", detail)
    }

    pub(super) fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "the request document is too large")
    }

    /// Something that the gateway relies on fails. The cause goes to the log, which operators read anyway.
    fn unavailable(code: &'static str, detail: &str, error: &(dyn Error + 'static)) -> Self {
        tracing::error!(code, causes = causes(error), "an admin request failed");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail)
    }

    /// No backup is set up here.
    pub(super) fn no_backup() -> Self {
        Self::new(StatusCode::NOT_FOUND, "no-backup", "no backup of the index is set up: see `[backup]` in the configuration")
    }

    /// The store cannot be asked, or is not the index's.
    pub(super) fn store(error: &(dyn Error + 'static)) -> Self {
        Self::unavailable("store-unavailable", "the store cannot be asked, or is not that of the index: see the log", error)
    }

    pub(super) fn answer(&self) -> Response<Full<Bytes>> {
        let document = serde_json::json!({
            "type": format!("urn:hozon:problem:{}", self.code),
            "title": self.status.canonical_reason().unwrap_or("problem"),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
        });
        let mut answer = Response::new(Full::from(document.to_string()));
        *answer.status_mut() = self.status;
        answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/problem+json"));
        answer
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Unclear => {
                Self::unavailable("index-unclear", "whether it was done is not known: look before you repeat it", &error)
            }
            error => Self::unavailable("index-unavailable", "the index is not available", &error),
        }
    }
}

impl From<LeaseError> for Problem {
    fn from(error: LeaseError) -> Self {
        Self::unavailable("keys-unavailable", "the tenant's keys are not available", &error)
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Engine(error) => error.into(),
            AccessError::Lease(error) => error.into(),
            AccessError::Changed => Self::changed(),
            error => Self::unavailable("index-damaged", "what was laid down about access is not as it was written: see the log", &error),
        }
    }
}

impl From<IndexError> for Problem {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::Engine(error) => error.into(),
            IndexError::Lease(error) => error.into(),
            error => Self::unavailable("index-damaged", "the index holds what hozon did not write: see the log", &error),
        }
    }
}

impl From<JournalError> for Problem {
    fn from(error: JournalError) -> Self {
        Self::unavailable("audit-unavailable", "the tenant's audit log is not available, so nothing was done", &error)
    }
}

impl From<CreateTenantError> for Problem {
    fn from(error: CreateTenantError) -> Self {
        match error {
            CreateTenantError::InvalidName | CreateTenantError::InvalidFacility => Self::bad(error.to_string()),
            CreateTenantError::NameTaken { name } => Self::taken("tenant", &name),
            CreateTenantError::Engine(error) => error.into(),
            error => Self::unavailable("keys-unavailable", "the tenant's keys could not be made", &error),
        }
    }
}

impl From<PeopleError> for Problem {
    fn from(error: PeopleError) -> Self {
        match error {
            PeopleError::InvalidName => Self::bad(error.to_string()),
            PeopleError::NameTaken { name } => Self::taken("principal", &name),
            PeopleError::NoPrincipal { name } => Self::absent("principal", &name),
            PeopleError::NoAccessKey { access_key } => Self::absent("credential", &access_key),
            PeopleError::Changed => Self::changed(),
            PeopleError::Engine(error) => error.into(),
            PeopleError::Lease(error) => error.into(),
            error => Self::unavailable("index-damaged", "the index holds what hozon did not write: see the log", &error),
        }
    }
}

impl From<UnknownName> for Problem {
    fn from(error: UnknownName) -> Self {
        Self::bad(error.to_string())
    }
}

impl From<InvalidBucketName> for Problem {
    fn from(error: InvalidBucketName) -> Self {
        Self::bad(error.to_string())
    }
}
