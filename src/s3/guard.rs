//! What a request must fulfil before the protocol crate sees it. It leaves open what is closed here: old
//! signatures, long presigned URLs, foreign regions, unsigned headers, forms.

use super::fault::Fault;
use super::operations::not_answered;
use super::query::Query;
use super::scope::{Carrier, Scope};
use crate::domain::{Clock, Live, UtcTime, limits};
use http::Method;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use s3s::S3ErrorCode;
use std::sync::Arc;
use std::time::Duration;

/// Tools that know no region sign for this one, so it is accepted everywhere.
const REGION_OF_OLD: &str = "us-east-1";

/// Query parameters that make a presigned URL; all other `X-Amz-*` ones stand for headers.
const PRESIGN_PARAMETERS: [&str; 7] = [
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-signedheaders",
    "x-amz-signature",
    "x-amz-security-token",
];

/// Checks requests at the door.
#[derive(Debug)]
pub(super) struct Guard {
    region: String,
    presign_life_max: Live<Duration>,
    clock: Arc<dyn Clock>,
}

impl Guard {
    /// A guard of the region, which lets a presigned URL live at most `presign_life_max`.
    pub(super) fn new(region: String, presign_life_max: Live<Duration>, clock: Arc<dyn Clock>) -> Self {
        Self { region, presign_life_max, clock }
    }

    /// Lets a request pass, with the headers that a presigned URL carries in its query put where headers belong. Gives the
    /// access key that it is signed with.
    ///
    /// # Errors
    /// The fault to answer with; the body has not been touched then.
    pub(super) fn check(&self, parts: &mut Parts) -> Result<String, Fault> {
        let query = Query::of(&parts.uri);
        refuse_form(parts)?;
        let scope = Scope::of(&parts.headers, &query)?;
        self.in_scope(&scope)?;
        self.in_time(&scope)?;
        all_signed(&parts.headers, &scope.signed_headers)?;
        if let Carrier::Query { .. } = scope.carrier {
            hoist(&mut parts.headers, &query)?;
        }
        Ok(scope.access_key)
    }

    /// Lets a request pass that proves itself by a bearer token and carries no signature.
    ///
    /// # Errors
    /// The fault to answer with; the body has not been touched then.
    pub(super) fn check_unsigned(parts: &Parts) -> Result<(), Fault> {
        refuse_form(parts)?;
        let query = Query::of(&parts.uri);
        if parts.headers.get_all(AUTHORIZATION).iter().count() > 1 || query.has("X-Amz-Signature") || query.has("Signature") {
            return Err(Fault::argument("Authorization", "Only one auth mechanism allowed."));
        }
        let payload = parts.headers.get("x-amz-content-sha256").map_or(&b""[..], |value| value.as_bytes());
        if payload.starts_with(b"STREAMING-AWS4-") {
            return Err(Fault::not_implemented("x-amz-content-sha256 in signed chunks, without a signature"));
        }
        all_text(&parts.headers)
    }

    fn in_scope(&self, scope: &Scope) -> Result<(), Fault> {
        if scope.service != "s3" {
            return Err(scope.wrong(format!("incorrect service \"{}\". This endpoint belongs to \"s3\".", scope.service)));
        }
        if scope.region != self.region && scope.region != REGION_OF_OLD {
            let fault = scope.wrong(format!("the region '{}' is wrong; expecting '{}'", scope.region, self.region));
            return Err(fault.with("Region", &self.region).with_header("x-amz-bucket-region", &self.region));
        }
        Ok(())
    }

    fn in_time(&self, scope: &Scope) -> Result<(), Fault> {
        let now = self.clock.now();
        match scope.carrier {
            Carrier::Header
                if scope.signed_at.minus(limits::CLOCK_SKEW_MAX) > now || scope.signed_at.plus(limits::CLOCK_SKEW_MAX) < now =>
            {
                let message = "The difference between the request time and the current time is too large.";
                let fault = Fault::new(S3ErrorCode::RequestTimeTooSkewed, message).with("RequestTime", scope.signed_at.to_string());
                let fault = fault.with("ServerTime", whole_seconds(now).to_string());
                Err(fault.with("MaxAllowedSkewMilliseconds", limits::CLOCK_SKEW_MAX.as_millis().to_string()))
            }
            Carrier::Header => Ok(()),
            Carrier::Query { life } => self.still_good(scope.signed_at, life, now),
        }
    }

    fn still_good(&self, signed_at: UtcTime, life: Duration, now: UtcTime) -> Result<(), Fault> {
        if life > Duration::from_secs(limits::PRESIGN_SECS_MAX) {
            let message =
                "X-Amz-Expires must be less than a week (in seconds) that is, the given X-Amz-Expires must be less than 604800 seconds";
            return Err(Fault::new(S3ErrorCode::AuthorizationQueryParametersError, message));
        }
        if signed_at.minus(limits::CLOCK_SKEW_MAX) > now {
            return Err(Fault::new(S3ErrorCode::AccessDenied, "Request is not yet valid"));
        }
        // A longer wish is no mistake: the tenant's cap ends it early.
        let ends = signed_at.plus(life.min(*self.presign_life_max.now()));
        if ends < now {
            let fault = Fault::new(S3ErrorCode::AccessDenied, "Request has expired").with("X-Amz-Expires", life.as_secs().to_string());
            let fault = fault.with("Expires", ends.to_string()).with("ExpiresAt", ends.to_string());
            return Err(fault.with("ServerTime", whole_seconds(now).to_string()));
        }
        Ok(())
    }
}

/// A form is read whole before it proves who sends it, so none is taken.
fn refuse_form(parts: &Parts) -> Result<(), Fault> {
    let kind = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let is_form = kind.trim_start().get(..19).is_some_and(|kind| kind.eq_ignore_ascii_case("multipart/form-data"));
    if parts.method == Method::POST && is_form { Err(not_answered("PostObject")) } else { Ok(()) }
}

/// Every header that means something must be covered by the signature (DESIGN §8).
fn all_signed(headers: &HeaderMap, signed: &[String]) -> Result<(), Fault> {
    all_text(headers)?;
    let covered = |name: &str| signed.iter().any(|other| other == name);
    let present = headers.keys().map(HeaderName::as_str).filter(|name| matters(name) && *name != "host");
    let missing: Vec<&str> = present.chain(["host"]).filter(|name| !covered(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let message = "There were headers present in the request which were not signed";
    Err(Fault::new(S3ErrorCode::AccessDenied, message).with("HeadersNotSigned", missing.join(", ")))
}

/// Whether a header means something to us.
fn matters(name: &str) -> bool {
    name == "host" || name.starts_with("x-amz-") || name.starts_with("x-hozon-")
}

/// A value that is no UTF-8 cannot stand in what is signed: the crate below leaves it out silently.
fn all_text(headers: &HeaderMap) -> Result<(), Fault> {
    let odd = headers.iter().find(|(name, value)| matters(name.as_str()) && std::str::from_utf8(value.as_bytes()).is_err());
    match odd {
        None => Ok(()),
        Some((name, _)) => {
            let fault = Fault::new(S3ErrorCode::InvalidArgument, "The value of a header is not UTF-8.");
            Err(fault.with("ArgumentName", name.as_str()))
        }
    }
}

/// SDKs put headers of a presigned request into its query, where the signature covers them.
fn hoist(headers: &mut HeaderMap, query: &Query) -> Result<(), Fault> {
    for (name, value) in query.iter() {
        let lower = name.to_ascii_lowercase();
        let is_header = lower.starts_with("x-amz-") || lower.starts_with("x-hozon-");
        if !is_header || PRESIGN_PARAMETERS.contains(&lower.as_str()) {
            continue;
        }
        let bad = || Fault::new(S3ErrorCode::InvalidArgument, "A query parameter cannot stand for a header.").with("ArgumentName", name);
        let header = HeaderName::from_bytes(lower.as_bytes()).map_err(|_| bad())?;
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| bad())?;
        if headers.insert(header, value).is_some() {
            return Err(Fault::new(S3ErrorCode::InvalidArgument, "A header is given twice.").with("ArgumentName", name));
        }
    }
    Ok(())
}

fn whole_seconds(moment: UtcTime) -> UtcTime {
    UtcTime::from_micros(moment.seconds() * 1_000_000)
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
