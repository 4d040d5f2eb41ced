use crate::access::AccessError;
use crate::domain::EventId;
use crate::oversight::OversightError;
use crate::policy::Refused;
use crate::report::AccessLogError;
use bytes::Bytes;
use http::{Response, StatusCode, header};

/// Why a request has no other answer (RFC 9457).
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    title: String,
}

impl Problem {
    const fn new(status: StatusCode, code: &'static str, title: String) -> Self {
        Self { status, code, title }
    }

    /// Nothing is at that path.
    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "no-such-route", "there is nothing at this path".to_owned())
    }

    /// The path takes other methods.
    pub(super) fn method(taken: &str) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", format!("this path takes only {taken}"))
    }

    /// A parameter is not understood.
    pub(super) fn parameter(name: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-parameter", format!("the parameter `{name}` is not known or not well formed"))
    }

    /// The body is no such document.
    pub(super) fn body(error: &serde_json::Error) -> Self {
        let what = if error.is_data() { "does not say what it should" } else { "is no JSON" };
        let (line, column) = (error.line(), error.column());
        Self::new(StatusCode::BAD_REQUEST, "bad-body", format!("the document {what} at line {line}, column {column}"))
    }

    /// The answer as a document of its own media type.
    pub(super) fn into_response(self, id: EventId) -> Response<Bytes> {
        let document = serde_json::json!({
            "type": format!("urn:hozon:problem:{}", self.code),
            "title": self.title,
            "status": self.status.as_u16(),
            "code": self.code,
            "request_id": id.to_string(),
        });
        let mut response = Response::new(Bytes::from(document.to_string()));
        *response.status_mut() = self.status;
        response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/problem+json"));
        response
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Forbidden { reason } => {
                let code = reason.map_or("access-denied", crate::policy::Reason::code);
                Self::new(StatusCode::FORBIDDEN, code, "access denied".to_owned())
            }
            Refused::NoSuchBucket
            | Refused::NoSuchKey { .. }
            | Refused::NoSuchVersion
            | Refused::IsDeleteMarker { .. }
            | Refused::NoSuchUpload => Self::not_found(),
            Refused::ConditionFailed => {
                Self::new(StatusCode::PRECONDITION_FAILED, "condition-failed", "a condition of the request does not hold".to_owned())
            }
            Refused::Index(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "index-unavailable", "the index is not available".to_owned()),
            Refused::Undecided(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "policy-unavailable", "access cannot be decided now".to_owned())
            }
            Refused::Unrecorded(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "audit-unavailable", "the audit log is not available".to_owned())
            }
        }
    }
}

impl From<OversightError> for Problem {
    fn from(error: OversightError) -> Self {
        let title = error.to_string();
        match error {
            OversightError::Refused(refused) => refused.into(),
            OversightError::Access(AccessError::Changed) => Self::new(StatusCode::CONFLICT, "changed-meanwhile", title),
            OversightError::Access(error) => Refused::Undecided(error).into(),
            OversightError::People(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "index-unavailable", "the index is not available".to_owned())
            }
            OversightError::Policies(_) => Self::new(StatusCode::BAD_REQUEST, "policy-does-not-fit", title),
            OversightError::Nothing { .. } => Self::new(StatusCode::NOT_FOUND, "not-found", title),
            OversightError::Closed { .. } => Self::new(StatusCode::CONFLICT, "closed-already", title),
            OversightError::Unfit { .. } => Self::new(StatusCode::BAD_REQUEST, "unfit", title),
        }
    }
}

impl From<AccessLogError> for Problem {
    fn from(error: AccessLogError) -> Self {
        tracing::error!(%error, "the audit log could not be searched");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "audit-unavailable", "the audit log cannot be read".to_owned())
    }
}
