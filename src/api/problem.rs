use crate::domain::EventId;
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

    /// The path takes another method.
    pub(super) fn method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "this path takes only GET".to_owned())
    }

    /// A parameter is not understood.
    pub(super) fn parameter(name: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-parameter", format!("the parameter `{name}` is not known or not well formed"))
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
            Refused::Unrecorded(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "audit-unavailable", "the audit log is not available".to_owned())
            }
        }
    }
}

impl From<AccessLogError> for Problem {
    fn from(error: AccessLogError) -> Self {
        tracing::error!(%error, "the audit log could not be searched");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "audit-unavailable", "the audit log cannot be read".to_owned())
    }
}
