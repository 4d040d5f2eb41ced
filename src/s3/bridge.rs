//! Where the protocol crate is put together, and the only place that reads what it proves. Never built without
//! authentication: the crate skips its access check where there is none.

use super::call::{Answer, Arrival};
use super::checksums::Expected;
use super::endpoint::Native;
use super::fault::Fault;
use super::host::BaseDomains;
use super::odd_range;
use super::operations::{self, Operations};
use super::parameters;
use super::query::Query;
use super::rate::Rates;
use super::service::Service;
use crate::domain::{BucketName, limits};
use crate::identity::{Authenticator, Presented, Principal};
use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http::{Extensions, HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{Credentials, S3Auth, SecretKey};
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::host::{S3Host, VirtualHost};
use s3s::route::S3Route;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::validation::NameValidation;
use s3s::{Body, S3ErrorCode, S3Request, S3Response, S3Result};
use std::sync::Arc;

/// The first segment of the gateway's own paths; no bucket can have this name.
const OWN: &str = "-";

/// Operations whose request is a document that is read whole.
const DOCUMENTS: [&str; 6] = ["CreateBucket", "PutBucketVersioning", "PutBucketAcl", "PutObjectAcl", "PutObjectTagging", "DeleteObjects"];

/// The protocol crate over our parts.
pub(super) fn protocol(
    service: Service,
    (authenticator, rates): (Arc<Authenticator>, Rates),
    domains: BaseDomains,
    native: Native,
) -> S3Service {
    let mut config = S3Config::default();
    config.xml_max_body_size = limits::DOCUMENT_BYTES_MAX;
    // Forms are refused at the door; these keep them out should one ever get past it.
    config.post_object_max_file_size = 0;
    config.form_max_fields_size = 0;
    config.presigned_url_max_skew_time_secs = u32::try_from(limits::CLOCK_SKEW_MAX.as_secs()).unwrap_or(0);
    let mut builder = S3ServiceBuilder::new(Operations(service.clone()));
    builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
    builder.set_auth(Secrets(Arc::clone(&authenticator)));
    let door = Door { authenticator, rates };
    builder.set_access(door.clone());
    builder.set_host(Hosts(domains.clone()));
    builder.set_validation(Names);
    builder.set_route(Detours { door, domains, native, service });
    builder.build()
}

/// Gives the crate the secret to check a signature with.
struct Secrets(Arc<Authenticator>);

#[async_trait]
impl S3Auth for Secrets {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        match self.0.secret(access_key).await {
            Ok(secret) => Ok(SecretKey::from(secret.as_str())),
            Err(error) => Err(Fault::from(error).to_error()),
        }
    }
}

/// Checks every request once its signature is right and before its body is read.
#[derive(Clone)]
struct Door {
    authenticator: Arc<Authenticator>,
    rates: Rates,
}

#[async_trait]
impl S3Access for Door {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let arrival = arrived(context.extensions_mut())?;
        let operation = context.s3_op().name();
        let judged = self.judge(context.credentials(), operation, (context.headers(), context.uri(), &arrival)).await;
        judged.map_err(|fault| told(fault, &arrival))
    }
}

impl Door {
    /// Finds out who asks, whether that is not too often, and whether the operation knows everything that the request says.
    async fn judge(
        &self,
        credentials: Option<&Credentials>,
        operation: &str,
        (headers, uri, arrival): (&HeaderMap, &Uri, &Arrival),
    ) -> Result<(), Fault> {
        let name = operations::name_of(operation);
        let who = self.admit(credentials, name, arrival).await?;
        let name = name.ok_or_else(|| operations::not_answered(operation))?;
        parameters::check(name, headers, &Query::of(uri))?;
        let expected = headers.get("x-amz-expected-bucket-owner");
        if expected.is_some_and(|owner| owner.as_bytes() != who.tenant().to_string().as_bytes()) {
            return Err(Fault::new(S3ErrorCode::AccessDenied, "Access Denied"));
        }
        if DOCUMENTS.contains(&name) || name == "CompleteMultipartUpload" {
            expect_document(name, headers, arrival)?;
        }
        Ok(())
    }

    /// Says who asks, and counts the request as theirs: never before they have proved it, so that nobody uses up
    /// another's rate by naming their key.
    async fn admit(
        &self,
        credentials: Option<&Credentials>,
        operation: Option<&'static str>,
        arrival: &Arrival,
    ) -> Result<Arc<Principal>, Fault> {
        let who = match (&arrival.shown.who, credentials) {
            (Some(who), None) => Arc::clone(who),
            (None, Some(credentials)) => {
                let presented = Presented::signed_with(&credentials.access_key).with_token(arrival.shown.session);
                self.authenticator.verify(&presented).await?
            }
            (Some(_), Some(_)) | (None, None) => return Err(Fault::new(S3ErrorCode::AccessDenied, "Access Denied")),
        };
        let who = match &arrival.shown.user {
            None => who,
            Some(token) => self.authenticator.on_behalf(&who, token).await?,
        };
        arrival.exchange.identify(Arc::clone(&who));
        operation.into_iter().for_each(|name| arrival.exchange.name(name));
        self.rates.admit(&who)?;
        Ok(who)
    }
}

/// A document for the gateway's own API, as it was signed.
///
/// # Errors
/// `MaxMessageLengthExceeded` for one that is too long; `XAmzContentSHA256Mismatch` for another than the one signed.
async fn whole(body: Body, headers: &HeaderMap) -> Result<Bytes, Fault> {
    let collected = Limited::new(body, limits::API_BODY_BYTES_MAX).collect().await;
    let document = collected.map_err(|error| match error.is::<LengthLimitError>() {
        true => Fault::new(S3ErrorCode::MaxMessageLengthExceeded, "Your request was too big."),
        false => Fault::new(S3ErrorCode::IncompleteBody, "The body could not be read, or is not the one that was signed."),
    })?;
    let document = document.to_bytes();
    let stated = headers.get("x-amz-content-sha256").and_then(|value| hex::decode(value.as_bytes()).ok());
    let made = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &document);
    if stated.is_some_and(|stated| stated != made.as_ref()) {
        let message = "The provided 'x-amz-content-sha256' header does not match what was computed.";
        return Err(Fault::custom("XAmzContentSHA256Mismatch", StatusCode::BAD_REQUEST, message));
    }
    Ok(document)
}

fn arrived(extensions: &Extensions) -> S3Result<Arrival> {
    let denied = || Fault::new(S3ErrorCode::AccessDenied, "Access Denied").to_error();
    extensions.get::<Arrival>().cloned().ok_or_else(denied)
}

/// Keeps the fault for the endpoint, and gives the crate what it can carry.
fn told(fault: Fault, arrival: &Arrival) -> s3s::S3Error {
    let error = fault.to_error();
    arrival.exchange.fail(fault);
    error
}

/// # Errors
/// `MaxMessageLengthExceeded` for a document that announces too much; what its checksum headers are refused for.
fn expect_document(operation: &str, headers: &HeaderMap, arrival: &Arrival) -> Result<(), Fault> {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()).and_then(|text| text.parse::<usize>().ok());
    if length.is_some_and(|length| length > limits::DOCUMENT_BYTES_MAX) {
        return Err(Fault::new(S3ErrorCode::MaxMessageLengthExceeded, "Your request was too big."));
    }
    // The checksums of a Complete are about the whole upload, not about the document.
    let is_about_the_document = operation != "CompleteMultipartUpload";
    let expected = if is_about_the_document { Expected::of(headers)? } else { Expected::md5_of(headers)? };
    let sha256 = headers.get("x-amz-content-sha256").map_or(&b""[..], |value| value.as_bytes());
    if sha256.starts_with(b"STREAMING-") && !expected.is_empty() {
        return Err(Fault::not_implemented("x-amz-content-sha256 in chunks, for a document with a checksum"));
    }
    arrival.exchange.expect_document(expected);
    Ok(())
}

/// Reads the bucket off the host's name.
struct Hosts(BaseDomains);

impl S3Host for Hosts {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        Ok(match self.0.bucket(host) {
            Some(bucket) => VirtualHost::new(host).with_bucket(bucket.to_ascii_lowercase()),
            None => VirtualHost::new(host),
        })
    }
}

/// Which names a bucket may have; our own first segment passes so that it reaches the route below.
struct Names;

impl NameValidation for Names {
    fn validate_bucket_name(&self, name: &str) -> bool {
        name == OWN || BucketName::parse(name).is_ok()
    }
}

/// What goes past the crate's own operations once the signature is right: the gateway's own paths under `/-/`, and
/// reads that the crate would refuse for their range.
struct Detours {
    door: Door,
    domains: BaseDomains,
    native: Native,
    service: Service,
}

impl Detours {
    /// Under the name of a bucket every path is a key, and under a name that is not ours there is nothing of ours.
    fn is_own(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let host = headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
        uri.path().starts_with("/-/") && self.domains.are_named_by(host)
    }

    async fn own(&self, request: S3Request<Body>, arrival: &Arrival) -> Answer<Body> {
        let who = self.door.admit(request.credentials.as_ref(), Some("Native"), arrival).await?;
        let body = whole(request.input, &request.headers).await?;
        let mut own = Request::new(());
        *own.method_mut() = request.method;
        *own.uri_mut() = request.uri;
        *own.headers_mut() = request.headers;
        let answer = (self.native)(who, (own.into_parts().0, body), (arrival.request, arrival.source)).await;
        arrival.exchange.answer_as_is();
        let (parts, body) = answer.into_parts();
        let mut response = S3Response::with_headers(Body::from(body), parts.headers);
        response.status = Some(parts.status);
        Ok(response)
    }

    async fn odd(&self, request: S3Request<Body>, arrival: &Arrival) -> Answer<Body> {
        let nothing = || Fault::new(S3ErrorCode::InvalidRequest, "The request cannot be served.");
        let operation = odd_range::operation(&request.method, &request.uri, &request.headers, &self.domains).ok_or_else(nothing)?;
        let about = (&request.headers, &request.uri, arrival);
        self.door.judge(request.credentials.as_ref(), operation, about).await?;
        odd_range::read(&self.service, request, &self.domains, operation).await
    }
}

#[async_trait]
impl S3Route for Detours {
    fn is_match(&self, method: &Method, uri: &Uri, headers: &HeaderMap, _extensions: &mut Extensions) -> bool {
        self.is_own(uri, headers) || odd_range::operation(method, uri, headers, &self.domains).is_some()
    }

    /// Whoever has shown nothing is refused by the door: a bearer token is no signature.
    async fn check_access(&self, _request: &mut S3Request<Body>) -> S3Result<()> {
        Ok(())
    }

    async fn call(&self, request: S3Request<Body>) -> S3Result<S3Response<Body>> {
        let arrival = arrived(&request.extensions)?;
        let answered = match self.is_own(&request.uri, &request.headers) {
            true => self.own(request, &arrival).await,
            false => self.odd(request, &arrival).await,
        };
        answered.map_err(|fault| told(fault, &arrival))
    }
}
