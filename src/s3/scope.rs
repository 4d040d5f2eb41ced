use super::fault::Fault;
use super::query::Query;
use crate::domain::UtcTime;
use http::header::{AUTHORIZATION, HeaderMap};
use s3s::S3ErrorCode;
use std::time::Duration;

/// The one way of signing that is taken.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Where a signature stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carrier {
    /// In the `Authorization` header.
    Header,
    /// In the query: a presigned URL, good for this long after its date as its maker wished.
    Query {
        /// `X-Amz-Expires`.
        life: Duration,
    },
}

/// What a request says of its signature. Says nothing about whether the signature is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope {
    /// Where it stands.
    pub(super) carrier: Carrier,
    /// The access key that it names.
    pub(super) access_key: String,
    /// The region it is for.
    pub(super) region: String,
    /// The service it is for.
    pub(super) service: String,
    /// The headers it covers, as written.
    pub(super) signed_headers: Vec<String>,
    /// When it was made.
    pub(super) signed_at: UtcTime,
}

impl Scope {
    /// Reads the scope off a request.
    ///
    /// # Errors
    /// The fault that S3 answers with when there is no signature, or none of the one kind that is taken.
    pub(super) fn of(headers: &HeaderMap, query: &Query) -> Result<Self, Fault> {
        let mut authorizations = headers.get_all(AUTHORIZATION).iter();
        let authorization = authorizations.next();
        let in_query = query.has("X-Amz-Algorithm") || query.has("X-Amz-Signature");
        let old_in_query = query.has("Signature") || query.has("AWSAccessKeyId");
        if usize::from(authorization.is_some()) + usize::from(in_query) + usize::from(old_in_query) > 1 || authorizations.next().is_some() {
            return Err(Fault::argument("Authorization", "Only one auth mechanism allowed."));
        }
        if old_in_query {
            return Err(old_signature());
        }
        match authorization {
            Some(value) => Self::of_header(value.to_str().map_err(|_| malformed_header("it is not ASCII"))?, headers),
            None if in_query => Self::of_query(query),
            None => Err(Fault::new(S3ErrorCode::AccessDenied, "Access Denied")),
        }
    }

    /// Takes exactly the form that the crate below takes, so that both read the same headers as signed.
    fn of_header(value: &str, headers: &HeaderMap) -> Result<Self, Fault> {
        let (algorithm, rest) = value.split_once(' ').unwrap_or((value, ""));
        match algorithm {
            ALGORITHM => {}
            "AWS" => return Err(old_signature()),
            "AWS4-ECDSA-P256-SHA256" => return Err(Fault::not_implemented(algorithm)),
            _ => return Err(Fault::argument("Authorization", "Unsupported Authorization Type")),
        }
        let field = |text: &'_ str, name: &'static str| -> Result<(String, String), Fault> {
            let text = text.trim_start().strip_prefix(name).ok_or_else(|| malformed_header("a field is missing"))?;
            let (field, rest) = text.split_once(',').ok_or_else(|| malformed_header("a field is missing"))?;
            Ok((field.to_owned(), rest.to_owned()))
        };
        let (credential, rest) = field(rest, "Credential=")?;
        let (signed_headers, rest) = field(&rest, "SignedHeaders=")?;
        if !rest.trim_start().starts_with("Signature=") {
            return Err(malformed_header("a field is missing"));
        }
        let (access_key, region, service) = parts_of(&credential).ok_or_else(|| malformed_header("the Credential is mal-formed"))?;
        let date = headers.get("x-amz-date").and_then(|value| value.to_str().ok());
        let signed_at = date
            .and_then(parse_date)
            .ok_or_else(|| Fault::new(S3ErrorCode::AccessDenied, "AWS authentication requires a valid Date or x-amz-date header"))?;
        let signed_headers = signed_headers.split(';').map(str::to_owned).collect();
        Ok(Self { carrier: Carrier::Header, access_key, region, service, signed_headers, signed_at })
    }

    fn of_query(query: &Query) -> Result<Self, Fault> {
        let field = |name: &'static str| {
            let message = "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, \
                           X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters, each once.";
            query.unique(name).ok_or_else(|| malformed_query(message).with("ArgumentName", name))
        };
        if field("X-Amz-Algorithm")? != ALGORITHM {
            return Err(malformed_query("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\""));
        }
        field("X-Amz-Signature")?;
        let credential = parts_of(field("X-Amz-Credential")?);
        let (access_key, region, service) = credential.ok_or_else(|| malformed_query("Error parsing the X-Amz-Credential parameter"))?;
        let signed_at = parse_date(field("X-Amz-Date")?)
            .ok_or_else(|| malformed_query("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\""))?;
        let seconds = field("X-Amz-Expires")?.parse::<i64>().map_err(|_| malformed_query("X-Amz-Expires should be a number"))?;
        let life = u64::try_from(seconds).map_err(|_| malformed_query("X-Amz-Expires must be non-negative"))?;
        let signed_headers = field("X-Amz-SignedHeaders")?.split(';').map(str::to_owned).collect();
        Ok(Self { carrier: Carrier::Query { life: Duration::from_secs(life) }, access_key, region, service, signed_headers, signed_at })
    }

    /// The fault for a scope that is well formed but not ours.
    pub(super) fn wrong(&self, message: String) -> Fault {
        match self.carrier {
            Carrier::Header => {
                Fault::new(S3ErrorCode::AuthorizationHeaderMalformed, format!("The authorization header is malformed; {message}"))
            }
            Carrier::Query { .. } => malformed_query(format!("Error parsing the X-Amz-Credential parameter; {message}")),
        }
    }
}

/// Access key, region and service.
fn parts_of(credential: &str) -> Option<(String, String, String)> {
    let mut fields = credential.split('/');
    let (key, date, region, service, end) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let whole = !key.is_empty() && date.len() == 8 && end == "aws4_request" && fields.next().is_none();
    whole.then(|| (key.to_owned(), region.to_owned(), service.to_owned()))
}

/// A moment written as `yyyymmddThhmmssZ`.
fn parse_date(text: &str) -> Option<UtcTime> {
    let format = time::macros::format_description!("[year][month][day]T[hour][minute][second]Z");
    let moment = time::PrimitiveDateTime::parse(text, format).ok()?.assume_utc();
    Some(UtcTime::from_micros(moment.unix_timestamp().checked_mul(1_000_000)?))
}

fn old_signature() -> Fault {
    let message = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.";
    Fault::new(S3ErrorCode::InvalidRequest, message)
}

fn malformed_header(what: &'static str) -> Fault {
    Fault::new(S3ErrorCode::AuthorizationHeaderMalformed, format!("The authorization header is malformed; {what}."))
}

fn malformed_query(message: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::new(S3ErrorCode::AuthorizationQueryParametersError, message)
}
