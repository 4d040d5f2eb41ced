use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Method, Response, StatusCode};
use std::time::Duration;

use crate::domain::EventId;

/// Why the listener answers a request itself. Its callers speak S3, so it answers in its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The header section is too large or has too many lines.
    HeaderTooLarge,
    /// There is no host, or two different ones.
    Host,
    /// As many requests as allowed are in flight.
    SlowDown {
        /// When it may try again.
        after: Duration,
    },
    /// A web page asked for what no page, or not this one, may do.
    Origin,
    /// The service stopped by a panic.
    Panicked,
    /// There is nothing under this reserved path.
    NoSuchEndpoint,
}

impl Refusal {
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::HeaderTooLarge => "RequestHeaderSectionTooLarge",
            Self::Host => "InvalidRequest",
            Self::SlowDown { .. } => "SlowDown",
            Self::Origin => "AccessForbidden",
            Self::Panicked => "InternalError",
            Self::NoSuchEndpoint => "no-such-endpoint",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::HeaderTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Host => StatusCode::BAD_REQUEST,
            Self::SlowDown { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Origin => StatusCode::FORBIDDEN,
            Self::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NoSuchEndpoint => StatusCode::NOT_FOUND,
        }
    }

    const fn message(self) -> &'static str {
        match self {
            Self::HeaderTooLarge => "The request header section is larger than this service allows.",
            Self::Host => "The request must name exactly one host.",
            Self::SlowDown { .. } => "Please reduce your request rate.",
            Self::Origin => "CORSResponse: This CORS request is not allowed.",
            Self::Panicked => "We encountered an internal error. Please try again.",
            Self::NoSuchEndpoint => "There is nothing under this path.",
        }
    }

    /// The answer to a request with this method and id.
    pub(super) fn answer(self, method: &Method, request: EventId) -> Response<Bytes> {
        let (kind, document) = match self {
            Self::NoSuchEndpoint => ("application/problem+json", self.problem()),
            _ => ("application/xml", self.document(request)),
        };
        let body = if method == Method::HEAD { Bytes::new() } else { Bytes::from(document) };
        let mut answer = Response::new(body);
        *answer.status_mut() = self.status();
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        if let Self::SlowDown { after } = self {
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after.as_secs().saturating_add(1)));
        }
        answer
    }

    fn document(self, request: EventId) -> String {
        let (code, message) = (self.code(), self.message());
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message><RequestId>{request}</RequestId></Error>"
        )
    }

    /// RFC 9457.
    fn problem(self) -> String {
        let problem = serde_json::json!({
            "type": "about:blank", "title": self.message(), "status": self.status().as_u16(), "code": self.code(),
        });
        problem.to_string()
    }
}
