use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use s3s::{Body, S3Error, S3ErrorCode};
use std::borrow::Cow;
use std::fmt::Write as _;

/// The codes that metrics tell apart.
const COUNTED: &[&str] = &[
    "AccessDenied",
    "AuthorizationHeaderMalformed",
    "AuthorizationQueryParametersError",
    "BadDigest",
    "BucketAlreadyOwnedByYou",
    "BucketNotEmpty",
    "EntityTooLarge",
    "EntityTooSmall",
    "IncompleteBody",
    "InternalError",
    "InvalidAccessKeyId",
    "InvalidArgument",
    "InvalidBucketName",
    "InvalidPart",
    "InvalidPartOrder",
    "InvalidRange",
    "InvalidRequest",
    "InvalidTag",
    "MalformedXML",
    "MetadataTooLarge",
    "MethodNotAllowed",
    "MissingContentLength",
    "NoSuchBucket",
    "NoSuchKey",
    "NoSuchUpload",
    "NoSuchVersion",
    "NotImplemented",
    "PreconditionFailed",
    "RequestTimeTooSkewed",
    "ServiceUnavailable",
    "SignatureDoesNotMatch",
    "SlowDown",
    "XAmzContentSHA256Mismatch",
];

/// The element with a policy's reason.
pub(super) const HOZON_REASON: &str = "HozonReason";

/// What a client is told instead of an answer: S3's error document, with its headers.
///
/// Carries nothing that the client may not know; the true cause goes to the log where the fault is made.
#[derive(Debug, Clone)]
pub(super) struct Fault(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    code: Cow<'static, str>,
    status: StatusCode,
    message: Cow<'static, str>,
    details: Vec<(&'static str, String)>,
    headers: HeaderMap,
}

impl Fault {
    /// A fault with one of S3's codes and the status that S3 gives it.
    pub(super) fn new(code: S3ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        let status = code.status_code().unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::made(Cow::Owned(code.as_str().to_owned()), status, message.into())
    }

    /// A fault with a code that the crate below does not know.
    pub(super) fn custom(code: &'static str, status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self::made(Cow::Borrowed(code), status, message.into())
    }

    fn made(code: Cow<'static, str>, status: StatusCode, message: Cow<'static, str>) -> Self {
        Self(Box::new(Inner { code, status, message, details: Vec::new(), headers: HeaderMap::new() }))
    }

    /// A value of the request that cannot be used; names the header or parameter, never the value.
    pub(super) fn argument(name: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(S3ErrorCode::InvalidArgument, message).with("ArgumentName", name)
    }

    /// Something of the request that S3 may know and hozon does not do (STYLE §3.37).
    pub(super) fn not_implemented(name: impl Into<String>) -> Self {
        let message = "A header or parameter you provided implies functionality that is not implemented.";
        Self::new(S3ErrorCode::NotImplemented, message).with("ArgumentName", name)
    }

    /// Adds an element to the document.
    pub(super) fn with(mut self, element: &'static str, text: impl Into<String>) -> Self {
        self.0.details.push((element, text.into()));
        self
    }

    /// Adds a header to the answer; one that cannot be written is left out of it.
    pub(super) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.0.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    /// Reads back what the crate below wrote of an error of its own.
    pub(super) fn read(status: StatusCode, document: &str) -> Self {
        let element = |open: &str, close: &str| {
            let (_, rest) = document.split_once(open)?;
            Some(unescaped(rest.split_once(close)?.0))
        };
        let code = element("<Code>", "</Code>").unwrap_or_else(|| "InternalError".to_owned());
        let message = element("<Message>", "</Message>").unwrap_or_else(|| usual_message(&code).to_owned());
        Self::made(Cow::Owned(code), status, Cow::Owned(message))
    }

    /// S3's code.
    pub(super) fn code(&self) -> &str {
        &self.0.code
    }

    /// Message and reason in one line, for documents that have no place for more elements.
    pub(super) fn message_with_reason(&self) -> String {
        match self.0.details.iter().find(|(element, _)| *element == HOZON_REASON) {
            Some((_, reason)) => format!("{} ({reason})", self.0.message),
            None => self.0.message.to_string(),
        }
    }

    /// The code for metrics: a closed set.
    pub(super) fn static_code(&self) -> &'static str {
        COUNTED.iter().copied().find(|code| *code == self.0.code).unwrap_or("Other")
    }

    /// The HTTP status.
    pub(super) const fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The same for the crate below, which only passes it through: the answer is written from the fault itself.
    pub(super) fn to_error(&self) -> S3Error {
        let mut error = S3Error::new(S3ErrorCode::Custom(self.0.code.as_ref().into()));
        error.set_status_code(self.0.status);
        error
    }

    /// The error document.
    pub(super) fn document(&self, resource: &str, request: &str) -> String {
        let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>");
        let head = [("Code", self.0.code.as_ref()), ("Message", self.0.message.as_ref())];
        let tail = [("Resource", resource), ("RequestId", request)];
        let details = self.0.details.iter().map(|(element, value)| (*element, value.as_str()));
        for (element, value) in head.into_iter().chain(details).chain(tail) {
            // Writing to a string cannot fail.
            let _written = write!(text, "<{element}>{}</{element}>", escaped(value));
        }
        text.push_str("</Error>");
        text
    }

    /// The whole answer. HTTP allows 304 no body.
    pub(super) fn into_response(self, resource: &str, request: &str) -> Response<Body> {
        let document = self.document(resource, request);
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.0.status;
        *response.headers_mut() = self.0.headers;
        if self.0.status != StatusCode::NOT_MODIFIED {
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
            *response.body_mut() = Body::from(document);
        }
        response
    }
}

/// S3's words where the crate below has none.
fn usual_message(code: &str) -> &'static str {
    match code {
        "SignatureDoesNotMatch" => {
            "The request signature we calculated does not match the signature you provided. Check your key and signing method."
        }
        "InvalidAccessKeyId" => "The AWS Access Key Id you provided does not exist in our records.",
        "MalformedXML" => "The XML you provided was not well-formed or did not validate against our published schema",
        "InvalidURI" => "Couldn't parse the specified URI.",
        "InvalidBucketName" => "The specified bucket is not valid.",
        "KeyTooLongError" => "Your key is too long",
        "MethodNotAllowed" => "The specified method is not allowed against this resource.",
        "MissingRequestBodyError" => "Request body is empty",
        "MaxMessageLengthExceeded" => "Your request was too big.",
        "IncompleteBody" => "You did not provide the number of bytes specified by the Content-Length HTTP header",
        "InternalError" => "We encountered an internal error. Please try again.",
        _ => "The request cannot be served.",
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            // XML 1.0 cannot carry them in any form.
            c if c < ' ' && !matches!(c, '\t' | '\n' | '\r') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_carries_everything_and_escapes_it() {
        let fault = Fault::new(S3ErrorCode::AccessDenied, "a <b>").with("HozonReason", "not-granted");
        let document = fault.document("/karte/a&b", "7");
        assert!(document.ends_with(
            "<Error><Code>AccessDenied</Code><Message>a &lt;b&gt;</Message><HozonReason>not-granted</HozonReason>\
             <Resource>/karte/a&amp;b</Resource><RequestId>7</RequestId></Error>"
        ));
        assert_eq!(fault.into_response("/", "7").status(), StatusCode::FORBIDDEN);
    }

    #[test]
    fn an_error_of_the_crate_below_is_read_back() {
        let own = Fault::new(S3ErrorCode::SignatureDoesNotMatch, "a & b").document("/", "7");
        let read = Fault::read(StatusCode::FORBIDDEN, &own);
        assert_eq!((read.code(), read.0.message.as_ref(), read.status()), ("SignatureDoesNotMatch", "a & b", StatusCode::FORBIDDEN));
        assert_eq!(Fault::read(StatusCode::BAD_GATEWAY, "no xml").code(), "InternalError");
    }

    #[test]
    fn not_modified_has_no_body() {
        let fault = Fault::new(S3ErrorCode::NotModified, "").with_header("etag", "\"x\"");
        let response = fault.into_response("/", "7");
        assert_eq!(response.body().bytes().map(|bytes| bytes.len()), Some(0));
        assert_eq!(response.headers()["etag"], "\"x\"");
    }
}
