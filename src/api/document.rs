//! JSON documents as they come and go.

use super::Problem;
use bytes::Bytes;
use http::{Response, StatusCode, header};
use serde::de::DeserializeOwned;

/// A document as an answer. What it says is about people: nobody keeps it.
pub(super) fn json(status: StatusCode, document: &serde_json::Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(document.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}

/// A document that is the same for everyone.
pub(super) fn json_text(text: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(text.as_bytes()));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

/// What a request says.
///
/// # Errors
/// 400 that says where it is not as it should be, and never what stands there.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| Problem::body(&error))
}
