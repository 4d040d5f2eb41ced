use super::*;
use crate::domain::ManualClock;
use http::Request;
use std::error::Error;

type Outcome = Result<(), Box<dyn Error>>;

/// 2026-03-01T00:00:00Z.
const NOW: UtcTime = UtcTime::from_micros(1_772_323_200_000_000);
const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=HZKEY/20260301/ap-northeast-1/s3/aws4_request, \
                      SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=00";

fn check(build: impl FnOnce(http::request::Builder) -> http::request::Builder) -> Result<Parts, Fault> {
    let guard = Guard::new("ap-northeast-1".to_owned(), Live::new(Duration::from_secs(900)), Arc::new(ManualClock::new(NOW)));
    let request = build(Request::builder().uri("/karte/k").header("host", "localhost:9000")).body(()).unwrap();
    let mut parts = request.into_parts().0;
    guard.check(&mut parts).map(|_access_key| parts)
}

fn signed(authorization: &str) -> impl FnOnce(http::request::Builder) -> http::request::Builder {
    let authorization = authorization.to_owned();
    move |b| {
        b.header("authorization", authorization).header("x-amz-date", "20260301T000000Z").header("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
    }
}

fn presigned(date: &str, expires: &str, more: &str) -> impl FnOnce(http::request::Builder) -> http::request::Builder {
    let uri = format!(
        "/karte/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=HZKEY%2F20260301%2Fap-northeast-1%2Fs3%2Faws4_request\
         &X-Amz-Date={date}&X-Amz-Expires={expires}&X-Amz-SignedHeaders=host&X-Amz-Signature=00{more}"
    );
    move |b| b.uri(uri)
}

fn code(result: Result<Parts, Fault>) -> String {
    result.map_or_else(|fault| fault.code().to_owned(), |_| "ok".to_owned())
}

fn document(result: Result<Parts, Fault>) -> String {
    result.map_or_else(|fault| fault.document("/", "7"), |_| String::new())
}

#[test]
fn a_signed_request_passes_and_an_anonymous_one_does_not() {
    assert_eq!(code(check(signed(SIGNED))), "ok");
    assert_eq!(code(check(|b| b)), "AccessDenied");
}

#[test]
fn old_signatures_are_refused_wherever_they_stand() {
    assert_eq!(code(check(signed("AWS HZKEY:c2ln"))), "InvalidRequest");
    assert_eq!(code(check(|b| b.uri("/karte/k?AWSAccessKeyId=HZKEY&Expires=1&Signature=c2ln"))), "InvalidRequest");
    let form = |b: http::request::Builder| b.method("POST").header("content-type", "Multipart/Form-Data; boundary=b");
    assert_eq!(code(check(form)), "NotImplemented");
}

#[test]
fn other_ways_to_sign_are_refused() {
    assert_eq!(code(check(signed("Bearer abc"))), "InvalidArgument");
    assert_eq!(code(check(signed("AWS4-ECDSA-P256-SHA256 Credential=x"))), "NotImplemented");
    assert_eq!(code(check(|b| signed(SIGNED)(presigned("20260301T000000Z", "60", "")(b)))), "InvalidArgument");
    assert_eq!(code(check(|b| signed(SIGNED)(b.header("authorization", SIGNED)))), "InvalidArgument");
}

#[test]
fn a_malformed_header_is_named_as_such() {
    for broken in [
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 SignedHeaders=host, Credential=HZKEY/20260301/ap-northeast-1/s3/aws4_request, Signature=00",
        "AWS4-HMAC-SHA256 Credential=HZKEY/20260301/s3/aws4_request, SignedHeaders=host, Signature=00",
        "AWS4-HMAC-SHA256 Credential=HZKEY/20260301/ap-northeast-1/s3/aws4_request, SignedHeaders=host",
    ] {
        assert_eq!(code(check(signed(broken))), "AuthorizationHeaderMalformed", "{broken}");
    }
}

#[test]
fn a_foreign_region_is_told_the_right_one() {
    assert_eq!(code(check(signed(&SIGNED.replace("ap-northeast-1", "us-east-1")))), "ok");
    let fault = check(signed(&SIGNED.replace("ap-northeast-1", "eu-west-1"))).unwrap_err();
    assert_eq!(fault.code(), "AuthorizationHeaderMalformed");
    let response = fault.clone().into_response("/", "7");
    assert_eq!(response.headers()["x-amz-bucket-region"], "ap-northeast-1");
    assert!(fault.document("/", "7").contains("<Region>ap-northeast-1</Region>"));
    assert_eq!(code(check(signed(&SIGNED.replace("/s3/", "/sts/")))), "AuthorizationHeaderMalformed");
}

#[test]
fn every_header_that_matters_must_be_signed() {
    let with = |name: &'static str| move |b: http::request::Builder| signed(SIGNED)(b).header(name, "v");
    assert!(document(check(with("x-amz-meta-patient-id"))).contains("<HeadersNotSigned>x-amz-meta-patient-id</HeadersNotSigned>"));
    assert!(document(check(with("x-hozon-purpose"))).contains("<HeadersNotSigned>x-hozon-purpose</HeadersNotSigned>"));
    assert_eq!(code(check(with("x-amzn-trace-id"))), "ok");
    assert_eq!(code(check(with("range"))), "ok");
    assert!(document(check(signed(&SIGNED.replace("host;", "")))).contains("<HeadersNotSigned>host</HeadersNotSigned>"));
    let presigned = |b| presigned("20260301T000000Z", "60", "")(b).header("x-amz-acl", "private");
    assert!(document(check(presigned)).contains("<HeadersNotSigned>x-amz-acl</HeadersNotSigned>"));
}

#[test]
fn a_header_that_a_signature_cannot_cover_is_refused() -> Outcome {
    let value = HeaderValue::from_bytes(b"caf\xe9")?;
    let named = SIGNED.replace("x-amz-date", "x-amz-date;x-amz-meta-a");
    assert_eq!(code(check(|b| signed(&named)(b).header("x-amz-meta-a", value))), "InvalidArgument");
    Ok(())
}

#[test]
fn a_request_of_another_time_is_refused() {
    let at = |date: &'static str| {
        check(move |b| b.header("authorization", SIGNED).header("x-amz-date", date).header("x-amz-content-sha256", "UNSIGNED-PAYLOAD"))
    };
    assert_eq!(code(at("20260301T001459Z")), "ok");
    assert_eq!(code(at("20260301T001501Z")), "RequestTimeTooSkewed");
    assert_eq!(code(at("20260228T234459Z")), "RequestTimeTooSkewed");
    assert_eq!(code(at("yesterday")), "AccessDenied");
}

#[test]
fn a_presigned_url_ends_at_its_wish_or_at_the_cap() {
    assert_eq!(code(check(presigned("20260228T235930Z", "60", ""))), "ok");
    let ended = document(check(presigned("20260228T235830Z", "60", "")));
    assert!(ended.contains("<Message>Request has expired</Message>"));
    assert!(ended.contains("<ExpiresAt>2026-02-28T23:59:30Z</ExpiresAt><ServerTime>2026-03-01T00:00:00Z</ServerTime>"));
    // Signed for a day, capped to fifteen minutes.
    assert_eq!(code(check(presigned("20260228T234501Z", "86400", ""))), "ok");
    assert!(document(check(presigned("20260228T234459Z", "86400", ""))).contains("<ExpiresAt>2026-02-28T23:59:59Z</ExpiresAt>"));
    assert_eq!(code(check(presigned("20260301T000000Z", "604801", ""))), "AuthorizationQueryParametersError");
    assert_eq!(code(check(presigned("20260301T000000Z", "-1", ""))), "AuthorizationQueryParametersError");
    assert_eq!(code(check(presigned("20260301T001600Z", "60", ""))), "AccessDenied");
    assert_eq!(code(check(presigned("20260301T000000Z", "60", "&X-Amz-Expires=61"))), "AuthorizationQueryParametersError");
}

#[test]
fn headers_in_a_presigned_query_count_as_headers() {
    let parts = check(presigned("20260301T000000Z", "60", "&x-amz-meta-patient-id=0012&x-id=PutObject")).unwrap();
    assert_eq!(parts.headers["x-amz-meta-patient-id"], "0012");
    assert!(!parts.headers.contains_key("x-id"));
    assert_eq!(code(check(presigned("20260301T000000Z", "60", "&x-amz-acl=private&X-Amz-Acl=public-read"))), "InvalidArgument");
}
