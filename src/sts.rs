//! The Security Token Service on the same endpoint: `POST /` with a form, as AWS SDKs send it.
//!
//! Gives session credentials to whom the tenant's identity provider vouches for (ID-01, ID-07). Way in: [`Sts`].

use crate::domain::{EventId, causes};
use crate::identity::{Authenticator, SessionCredentials, TokenError, Unauthenticated};
use crate::policy::{Circumstances, Gate};
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
const OPERATION: &str = "AssumeRoleWithWebIdentity";
/// Seconds that a caller may ask for.
const SECONDS: std::ops::RangeInclusive<u64> = 900..=43_200;

/// Where a request comes from.
#[derive(Debug, Clone)]
pub struct From {
    /// Its id.
    pub request: EventId,
    /// The caller's address.
    pub source: Option<IpAddr>,
    /// The caller's program.
    pub user_agent: Option<String>,
}

/// The service.
#[derive(Debug)]
pub struct Sts {
    authenticator: Arc<Authenticator>,
    gate: Arc<Gate>,
}

/// Why no credentials are given, as STS says it.
struct Fault {
    status: StatusCode,
    code: &'static str,
    message: &'static str,
}

impl Sts {
    /// A service that asks `authenticator`, and records with `gate`.
    #[must_use]
    pub const fn new(authenticator: Arc<Authenticator>, gate: Arc<Gate>) -> Self {
        Self { authenticator, gate }
    }

    /// Answers one form. A refusal has a status of 400 or more, and says no more than STS does.
    pub async fn answer(&self, form: &[u8], from: From) -> Response<Bytes> {
        let request = from.request;
        let (status, document) = match self.answered(form, from).await {
            Ok(document) => (StatusCode::OK, document),
            Err(fault) => (fault.status, refusal(&fault, request)),
        };
        let mut response = Response::new(Bytes::from(document));
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    async fn answered(&self, form: &[u8], from: From) -> Result<String, Fault> {
        let form = Form::read(form).ok_or_else(|| invalid("The form is not well formed."))?;
        match form.value("Action") {
            Some(OPERATION) => {}
            Some(_) => return Err(fault(StatusCode::BAD_REQUEST, "InvalidAction", "The action is not one that is answered here.")),
            None => return Err(fault(StatusCode::BAD_REQUEST, "MissingAction", "The form names no action.")),
        }
        let role = form.value("RoleArn").ok_or_else(|| invalid("The form names no RoleArn."))?;
        let tenant = tenant_of(role).ok_or_else(|| invalid("RoleArn has the form arn:aws:iam::<digits>:role/<tenant>."))?;
        let session = form.value("RoleSessionName").ok_or_else(|| invalid("The form names no RoleSessionName."))?;
        let token = form.value("WebIdentityToken").ok_or_else(|| invalid("The form holds no WebIdentityToken."))?;
        let life = match form.value("DurationSeconds") {
            None => None,
            Some(text) => {
                let seconds = text.parse().ok().filter(|seconds| SECONDS.contains(seconds));
                Some(Duration::from_secs(seconds.ok_or_else(|| invalid("DurationSeconds is a number from 900 to 43200."))?))
            }
        };
        if form.value("Policy").is_some() || form.value("PolicyArns.member.1.arn").is_some() {
            return Err(invalid("Session policies are not taken: the tenant's policies hold."));
        }
        let (who, credentials) = self.authenticator.assume(tenant, token, life).await?;
        let around =
            Circumstances { request: from.request, operation: OPERATION, source: from.source, user_agent: from.user_agent, purpose: None };
        if let Err(error) = self.gate.signed_in(&who, &around).await {
            tracing::warn!(error = causes(&error), "nobody signs in: it cannot be put on record");
            return Err(unavailable());
        }
        Ok(granted(&credentials, (tenant, session), from.request))
    }
}

/// The tenant that a role stands for: the last part of the role's name.
fn tenant_of(role: &str) -> Option<&str> {
    let mut parts = role.splitn(6, ':');
    let is_role = parts.next() == Some("arn") && parts.next().is_some() && parts.next() == Some("iam");
    let name = parts.nth(2)?.strip_prefix("role/")?;
    let tenant = name.split('/').next().filter(|tenant| !tenant.is_empty())?;
    is_role.then_some(tenant)
}

struct Form(Vec<(String, String)>);

impl Form {
    fn read(form: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(form).ok()?;
        let decoded = |text: &str| {
            let text = text.replace('+', " ");
            percent_encoding::percent_decode_str(&text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
        };
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decoded(name)?, decoded(value)?))
        });
        pairs.collect::<Option<_>>().map(Self)
    }

    /// The value of a name that stands there once.
    fn value(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str());
        values.next().filter(|_| values.next().is_none())
    }
}

const fn fault(status: StatusCode, code: &'static str, message: &'static str) -> Fault {
    Fault { status, code, message }
}

const fn invalid(message: &'static str) -> Fault {
    fault(StatusCode::BAD_REQUEST, "ValidationError", message)
}

const fn unavailable() -> Fault {
    fault(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", "Something that is needed to answer is not available.")
}

impl std::convert::From<Unauthenticated> for Fault {
    fn from(error: Unauthenticated) -> Self {
        match error {
            Unauthenticated::Token(TokenError::Expired) => {
                fault(StatusCode::BAD_REQUEST, "ExpiredTokenException", "The token has expired.")
            }
            Unauthenticated::Token(TokenError::Keys(error)) => {
                tracing::warn!(error = causes(&*error), "the keys of an identity provider cannot be had");
                fault(StatusCode::BAD_REQUEST, "IDPCommunicationError", "The identity provider cannot be reached.")
            }
            // Which part does not fit is nobody's business who has no token that does (ID-06).
            Unauthenticated::Token(_) | Unauthenticated::Unknown | Unauthenticated::NotInUse => {
                fault(StatusCode::BAD_REQUEST, "InvalidIdentityToken", "The token is not valid for this role.")
            }
            error => {
                tracing::warn!(error = causes(&error), "nobody signs in");
                unavailable()
            }
        }
    }
}

fn granted(credentials: &SessionCredentials, (tenant, session): (&str, &str), request: EventId) -> String {
    let SessionCredentials { access_key, secret, token, ends, principal, name } = credentials;
    let (secret, ends) = (secret.as_str(), ends.whole_seconds());
    let (tenant, session, name) = (escaped(tenant), escaped(session), escaped(name));
    format!(
        "<AssumeRoleWithWebIdentityResponse xmlns=\"{NAMESPACE}\"><AssumeRoleWithWebIdentityResult>\
         <SubjectFromWebIdentityToken>{name}</SubjectFromWebIdentityToken>\
         <AssumedRoleUser><Arn>arn:aws:sts::000000000000:assumed-role/{tenant}/{session}</Arn>\
         <AssumedRoleId>{principal}:{session}</AssumedRoleId></AssumedRoleUser>\
         <Credentials><AccessKeyId>{access_key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>\
         <SessionToken>{token}</SessionToken><Expiration>{ends}</Expiration></Credentials>\
         </AssumeRoleWithWebIdentityResult><ResponseMetadata><RequestId>{request}</RequestId></ResponseMetadata>\
         </AssumeRoleWithWebIdentityResponse>"
    )
}

fn refusal(fault: &Fault, request: EventId) -> String {
    let Fault { status, code, message } = fault;
    let side = if status.is_server_error() { "Receiver" } else { "Sender" };
    format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>{side}</Type><Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>{request}</RequestId></ErrorResponse>"
    )
}

fn escaped(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_names_its_tenant() {
        assert_eq!(tenant_of("arn:aws:iam::000000000000:role/kita"), Some("kita"));
        assert_eq!(tenant_of("arn:hozon:iam::1:role/kita/ward"), Some("kita"));
        for bad in ["", "kita", "arn:aws:iam::1:role/", "arn:aws:s3::1:role/kita", "arn:aws:iam::1:user/kita"] {
            assert_eq!(tenant_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_name_that_stands_twice_in_a_form_has_no_value() {
        let form = Form::read(b"a=1&b=x%20y+z&a=2").unwrap();
        assert_eq!((form.value("a"), form.value("b"), form.value("c")), (None, Some("x y z"), None));
        assert!(Form::read(b"a=%ff").is_none() && Form::read(b"\xff").is_none());
    }
}
