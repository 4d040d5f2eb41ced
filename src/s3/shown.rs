use super::fault::Fault;
use super::guard::Guard;
use super::query::Query;
use crate::domain::limits;
use crate::identity::{Authenticator, Principal, TokenHash};
use http::header::{AUTHORIZATION, HeaderMap};
use http::request::Parts;
use s3s::S3ErrorCode;
use std::sync::Arc;

/// The header in which an app shows for whom it acts.
pub(super) const USER_TOKEN: &str = "x-hozon-user-token";

/// What a request shows of who it is, beside a signature. `Debug` shows no token.
#[derive(Default)]
pub(super) struct Shown {
    /// Whom a bearer token identified.
    pub(super) who: Option<Arc<Principal>>,
    /// The token of the session that signs.
    pub(super) session: Option<TokenHash>,
    /// The token of the person for whom the signer acts.
    pub(super) user: Option<String>,
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shown").field("who", &self.who.as_ref().map(|who| who.id())).finish_non_exhaustive()
    }
}

impl Shown {
    /// Checks a request at the door, and takes from it what it shows.
    ///
    /// # Errors
    /// The fault to answer with; the body has not been touched then.
    pub(super) async fn at_door(guard: &Guard, authenticator: &Authenticator, parts: &mut Parts) -> Result<Self, Fault> {
        if let Some(token) = bearer(&parts.headers)? {
            Guard::check_unsigned(parts)?;
            parts.headers.remove(AUTHORIZATION);
            let who = Some(authenticator.bearer(&token).await?);
            if parts.headers.contains_key(USER_TOKEN) {
                return Err(Fault::argument(USER_TOKEN, "Only one token can say who asks."));
            }
            return Ok(Self { who, ..Self::default() });
        }
        let access_key = guard.check(parts)?;
        let token = match header(&parts.headers, "x-amz-security-token")? {
            Some(token) => Some(token),
            None => Query::of(&parts.uri).unique("X-Amz-Security-Token").map(str::to_owned),
        };
        let session = match &token {
            Some(token) => Some(authenticator.accept(&access_key, token).await?),
            None => None,
        };
        let user = header(&parts.headers, USER_TOKEN)?;
        Ok(Self { who: None, session, user })
    }
}

fn bearer(headers: &HeaderMap) -> Result<Option<String>, Fault> {
    let Some(value) = headers.get(AUTHORIZATION) else { return Ok(None) };
    let is_bearer = value.as_bytes().get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer "));
    if !is_bearer {
        return Ok(None);
    }
    let token = value.to_str().ok().and_then(|text| text.get(7..)).map(str::trim);
    token
        .filter(|token| !token.is_empty() && token.len() <= limits::TOKEN_BYTES_MAX)
        .map(|token| Some(token.to_owned()))
        .ok_or_else(invalid)
}

fn header(headers: &HeaderMap, name: &str) -> Result<Option<String>, Fault> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let token = value.to_str().ok().filter(|token| token.len() <= limits::TOKEN_BYTES_MAX);
    token.map(|token| Some(token.to_owned())).ok_or_else(invalid)
}

fn invalid() -> Fault {
    Fault::new(S3ErrorCode::InvalidToken, "The provided token is malformed or otherwise invalid.")
}
