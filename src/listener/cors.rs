use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN, VARY,
};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use std::time::Duration;

/// Which web pages may use the gateway from a browser (CORS). Without origins: none, and nothing is said about it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CorsSettings {
    /// Their origins, such as `https://viewer.example`. Never a pattern.
    pub origins: Vec<String>,
    /// How long a browser may remember a preflight.
    pub age: Duration,
}

/// What S3 clients send.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, PUT, POST, DELETE");
/// Pages see all headers of an answer: none is for the gateway's operator alone.
const ALL: HeaderValue = HeaderValue::from_static("*");
/// Headers that S3 clients send, beside those that begin with one of [`PREFIXES`].
const HEADERS: [&str; 12] = [
    "authorization",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-md5",
    "content-type",
    "expires",
    "if-match",
    "if-none-match",
    "if-range",
    "range",
];
const PREFIXES: [&str; 3] = ["amz-sdk-", "x-amz-", "x-hozon-"];

/// A preflight: the browser's question whether a page may send what it wants to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Preflight {
    /// It may.
    Granted,
    /// It may not.
    Refused,
}

impl CorsSettings {
    /// The request's origin, where it is one of a page that may read the answer.
    pub(super) fn origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(ORIGIN)?;
        self.origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()).then(|| origin.clone())
    }

    /// What a preflight gets, if the request is one and pages are served at all. Asked without credentials, as
    /// browsers do; it tells nothing about any bucket.
    pub(super) fn preflight(&self, request: &Parts) -> Option<Preflight> {
        let asked = request.headers.get(ACCESS_CONTROL_REQUEST_METHOD).filter(|_| request.method == Method::OPTIONS)?;
        if self.origins.is_empty() {
            return None;
        }
        let is_method = METHODS.to_str().is_ok_and(|methods| methods.split(", ").any(|method| method.as_bytes() == asked.as_bytes()));
        let named = request.headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter();
        let mut named = named.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
        let is_granted = is_method && self.origin(&request.headers).is_some() && named.all(may_be_sent);
        Some(if is_granted { Preflight::Granted } else { Preflight::Refused })
    }

    /// Lets the page at `origin`, if there is one, read the answer. Caches must keep answers to pages apart.
    pub(super) fn mark(&self, origin: Option<HeaderValue>, headers: &mut HeaderMap) {
        if self.origins.is_empty() {
            return;
        }
        headers.append(VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, ALL);
        }
    }

    /// The answer to a preflight that is granted.
    pub(super) fn granted<B: Default>(&self, request: &Parts) -> Response<B> {
        let mut answer = Response::new(B::default());
        *answer.status_mut() = StatusCode::NO_CONTENT;
        let headers = answer.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(self.age.as_secs()));
        for named in request.headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS) {
            headers.append(ACCESS_CONTROL_ALLOW_HEADERS, named.clone());
        }
        answer
    }
}

fn may_be_sent(name: &[u8]) -> bool {
    let name = String::from_utf8_lossy(name).trim().to_ascii_lowercase();
    HEADERS.contains(&name.as_str()) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(origin: &str, method: &str, headers: &str) -> Parts {
        let request = http::Request::options("/karte/k").header(ORIGIN, origin).header(ACCESS_CONTROL_REQUEST_METHOD, method);
        request.header(ACCESS_CONTROL_REQUEST_HEADERS, headers).body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_preflight_is_granted_for_exactly_what_is_allowed() {
        let cors = CorsSettings { origins: vec!["https://viewer.example".to_owned()], age: Duration::from_secs(9) };
        let verdict = |origin, method, headers| cors.preflight(&asked(origin, method, headers));
        let here = "https://viewer.example";
        assert_eq!(verdict(here, "PUT", "authorization, X-Amz-Date,x-amz-meta-patient-id"), Some(Preflight::Granted));
        for (origin, method, headers) in [
            ("https://viewer.example.evil", "PUT", "authorization"),
            ("http://viewer.example", "PUT", "authorization"),
            ("null", "GET", "authorization"),
            (here, "PATCH", "authorization"),
            (here, "GET", "authorization, cookie"),
        ] {
            assert_eq!(verdict(origin, method, headers), Some(Preflight::Refused), "{origin} {method} {headers}");
        }
        assert_eq!(CorsSettings::default().preflight(&asked(here, "GET", "range")), None);
    }
}
