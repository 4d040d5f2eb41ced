use super::exchange::Exchange;
use super::fault::Fault;
use super::metadata;
use super::query::Query;
use super::shown::Shown;
use crate::domain::{BucketName, EventId, InvalidObjectKey, ObjectKey, TenantId, VersionId};
use crate::engine::Which;
use crate::identity::Principal;
use crate::policy::Circumstances;
use http::HeaderMap;
use http::header::USER_AGENT;
use s3s::{S3ErrorCode, S3Request, S3Response, TrailingHeaders};
use std::net::IpAddr;
use std::sync::Arc;

/// What a handler gives back.
pub(super) type Answer<T> = Result<S3Response<T>, Fault>;

/// Where a request comes from and which event it becomes. The endpoint puts it into the request's extensions.
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    pub(super) request: EventId,
    pub(super) source: Option<IpAddr>,
    pub(super) exchange: Arc<Exchange>,
    pub(super) shown: Arc<Shown>,
}

/// One request by someone who is known, as handlers see it.
pub(super) struct Call {
    /// Who asks.
    pub(super) who: Arc<Principal>,
    /// What surrounds the request.
    pub(super) around: Circumstances,
    /// Its headers.
    pub(super) headers: HeaderMap,
    /// Its query.
    pub(super) query: Query,
    /// Where trailers will be once the body has been read.
    pub(super) trailers: Option<TrailingHeaders>,
    /// What becomes of it.
    pub(super) exchange: Arc<Exchange>,
}

/// Hides what may tell of a patient.
impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("who", &self.who).field("operation", &self.around.operation).finish_non_exhaustive()
    }
}

impl Call {
    /// Takes a request apart. The one place that reads its extensions.
    ///
    /// # Errors
    /// `AccessDenied` when nobody is known: the access check must have run.
    pub(super) fn take<T>(request: S3Request<T>, operation: &'static str) -> Result<(Self, T), Fault> {
        let nobody = || Fault::new(S3ErrorCode::AccessDenied, "Access Denied");
        let arrival = request.extensions.get::<Arrival>().ok_or_else(nobody)?;
        let who = arrival.exchange.who().ok_or_else(nobody)?;
        let around = Circumstances {
            request: arrival.request,
            operation,
            source: arrival.source,
            user_agent: request.headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).map(str::to_owned),
            purpose: metadata::purpose(&request.headers)?,
        };
        let call = Self {
            who: Arc::clone(who),
            around,
            query: Query::of(&request.uri),
            trailers: request.trailing_headers,
            exchange: Arc::clone(&arrival.exchange),
            headers: request.headers,
        };
        Ok((call, request.input))
    }

    /// Whose data it is about.
    pub(super) fn tenant(&self) -> TenantId {
        self.who.tenant()
    }

    /// A header's text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
    }
}

/// A bucket and a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) bucket: BucketName,
    pub(super) key: ObjectKey,
}

impl Place {
    /// The place that a request names.
    ///
    /// # Errors
    /// S3's fault for what is no name.
    pub(super) fn parse(bucket: &str, key: &str) -> Result<Self, Fault> {
        Ok(Self { bucket: bucket_name(bucket)?, key: object_key(key)? })
    }

    /// The pair that the gate takes.
    pub(super) const fn pair(&self) -> (&BucketName, &ObjectKey) {
        (&self.bucket, &self.key)
    }
}

/// The bucket that a request names.
///
/// # Errors
/// `InvalidBucketName`.
pub(super) fn bucket_name(text: &str) -> Result<BucketName, Fault> {
    BucketName::parse(text).map_err(|_| Fault::new(S3ErrorCode::InvalidBucketName, "The specified bucket is not valid."))
}

/// The key that a request names.
///
/// # Errors
/// `KeyTooLongError` or `InvalidArgument`.
pub(super) fn object_key(text: &str) -> Result<ObjectKey, Fault> {
    ObjectKey::parse(text).map_err(|error| match error {
        InvalidObjectKey::TooLong => Fault::new(S3ErrorCode::KeyTooLongError, "Your key is too long"),
        InvalidObjectKey::Empty | InvalidObjectKey::Character => Fault::argument("key", "The key is empty or holds a NUL character."),
    })
}

/// The version that a request names.
///
/// # Errors
/// `InvalidArgument` for what is no version id.
pub(super) fn which(version: Option<&str>) -> Result<Which, Fault> {
    match version {
        None => Ok(Which::Current),
        Some("null") => Ok(Which::Null),
        Some(text) => {
            let id = VersionId::parse(text).map_err(|_| Fault::argument("versionId", "Invalid version id specified"))?;
            Ok(Which::Id(id))
        }
    }
}
