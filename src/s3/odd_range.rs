//! Reads whose `Range` says nothing that hozon serves. HTTP wants such a range ignored (RFC 9110 §14.2), while the
//! protocol crate refuses it; so these go past its parser, after their signature was checked like any other.

use super::call::{Answer, Call};
use super::fault::Fault;
use super::host::BaseDomains;
use super::object;
use super::query::Query;
use super::service::Service;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, HOST, HeaderMap, HeaderValue, IF_RANGE, RANGE};
use http::{Method, Uri};
use s3s::dto::{GetObjectInput, HeadObjectInput, Range};
use s3s::{Body, S3ErrorCode, S3Request, S3Response};

/// The operation of such a request, if it is one.
pub(super) fn operation(method: &Method, uri: &Uri, headers: &HeaderMap, domains: &BaseDomains) -> Option<&'static str> {
    let mut ranges = headers.get_all(RANGE).iter();
    let first = ranges.next()?;
    let is_odd = ranges.next().is_some() || first.to_str().ok().and_then(|text| Range::parse(text).ok()).is_none();
    // Nearly every range is served; only the others are looked at further.
    if !is_odd || !Query::of(uri).iter().all(|(name, _)| is_of_a_read(name)) {
        return None;
    }
    let name = match *method {
        Method::GET => "GetObject",
        Method::HEAD => "HeadObject",
        _ => return None,
    };
    let (_, key) = domains.place(host(headers), uri.path());
    let key = key?;
    (!key.is_empty()).then_some(name)
}

fn is_of_a_read(name: &str) -> bool {
    matches!(name, "versionId" | "partNumber") || name.starts_with("response-") || name.to_ascii_lowercase().starts_with("x-")
}

/// Answers it as if it had no range.
///
/// # Errors
/// As every read.
pub(super) async fn read(service: &Service, mut request: S3Request<Body>, domains: &BaseDomains, operation: &'static str) -> Answer<Body> {
    let nowhere = || Fault::new(S3ErrorCode::InvalidURI, "Couldn't parse the specified URI.");
    let (Some(bucket), Some(key)) = domains.place(host(&request.headers), request.uri.path()) else { return Err(nowhere()) };
    let query = Query::of(&request.uri);
    if let Some(name) = query.repeated() {
        return Err(Fault::new(S3ErrorCode::InvalidArgument, "A parameter is given twice.").with("ArgumentName", name));
    }
    let version_id = query.unique("versionId").map(str::to_owned);
    let part_number = match query.unique("partNumber").map(str::parse) {
        Some(number) => {
            Some(number.map_err(|_| Fault::argument("partNumber", "Part number must be an integer between 1 and 10000, inclusive"))?)
        }
        None => None,
    };
    request.headers.remove(RANGE);
    request.headers.remove(IF_RANGE);
    let (call, _unread) = Call::take(request, operation)?;
    if operation == "HeadObject" {
        let input = HeadObjectInput { bucket, key, version_id, part_number, ..Default::default() };
        let told = object::head(service, call, input).await?;
        let (length, range) = (told.output.content_length, told.output.content_range.clone());
        return Ok(written(told.map_output(|_| Body::empty()), length, range));
    }
    let input = GetObjectInput { bucket, key, version_id, part_number, ..Default::default() };
    let told = object::get(service, call, input).await?;
    let (length, range) = (told.output.content_length, told.output.content_range.clone());
    Ok(written(told.map_output(|output| output.body.map_or_else(Body::empty, Body::from)), length, range))
}

fn host(headers: &HeaderMap) -> &str {
    headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Puts into the headers what the protocol crate would have put there.
fn written(mut response: S3Response<Body>, length: Option<i64>, range: Option<String>) -> S3Response<Body> {
    if let Some(length) = length {
        response.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    if let Some(Ok(range)) = range.map(|range| HeaderValue::from_str(&range)) {
        response.headers.insert(CONTENT_RANGE, range);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: Method, uri: &str, range: &'static str) -> Option<&'static str> {
        let domains = BaseDomains::new(["localhost".to_owned()]).unwrap();
        let headers = [(HOST, HeaderValue::from_static("localhost")), (RANGE, HeaderValue::from_static(range))].into_iter().collect();
        operation(&method, &uri.parse().unwrap(), &headers, &domains)
    }

    #[test]
    fn only_reads_with_a_range_that_says_nothing_are_meant() {
        assert_eq!(of(Method::GET, "/b/k?versionId=1", "lines=1-2"), Some("GetObject"));
        assert_eq!(of(Method::HEAD, "/b/k", "bytes=5-2"), Some("HeadObject"));
        assert_eq!(of(Method::GET, "/b/k", "bytes=0-1,3-4"), Some("GetObject"));
        assert_eq!(of(Method::GET, "/b/k", "bytes=0-1"), None);
        assert_eq!(of(Method::GET, "/b/k?acl", "lines=1-2"), None);
        assert_eq!(of(Method::GET, "/b", "lines=1-2"), None);
        assert_eq!(of(Method::GET, "/b/", "lines=1-2"), None);
        assert_eq!(of(Method::PUT, "/b/k", "lines=1-2"), None);
    }
}
