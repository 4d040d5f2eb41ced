//! Tokens of a tenant's identity provider (OpenID Connect Core 1.0, RFC 7519, RFC 8725).

use crate::client::web::{self, WebError};
use crate::domain::{IdentityProvider, Purpose, TenantId, UtcTime, limits};
use crate::leases::Monotonic;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use moka::sync::Cache;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// The algorithms that are taken: signatures by a key that only the provider has.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
];

/// A token does not identify anyone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It is none, or signed in a way that is not taken.
    #[error("the token is malformed, or signed in a way that is not taken")]
    Malformed,
    /// No provider of the tenant has issued it.
    #[error("the issuer of the token is not one of the tenant's identity providers")]
    Issuer,
    /// It is for somebody else.
    #[error("the token is not for this service")]
    Audience,
    /// No key of the provider has signed it.
    #[error("the signature of the token is not the provider's")]
    Signature,
    /// It has ended.
    #[error("the token has expired")]
    Expired,
    /// It has not begun.
    #[error("the token is not valid yet")]
    NotYet,
    /// It is about another institution, or another app.
    #[error("the claim `{claim}` of the token does not fit")]
    Claim {
        /// Which.
        claim: &'static str,
    },
    /// The provider's keys cannot be had.
    #[error("the keys of the identity provider cannot be had")]
    Keys(#[source] Arc<WebError>),
}

/// One text or several.
#[derive(Deserialize, Clone, Debug)]
#[serde(untagged)]
pub(super) enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::One(one) => std::slice::from_ref(one).iter(),
            Self::More(more) => more.iter(),
        }
        .map(String::as_str)
    }
}

/// What a token says: the claims contract of `docs/S3.md`.
#[derive(Deserialize, Clone)]
pub(super) struct Claims {
    pub iss: String,
    pub sub: String,
    pub aud: OneOrMore,
    pub exp: i64,
    pub nbf: Option<i64>,
    pub iat: Option<i64>,
    pub azp: Option<String>,
    pub client_id: Option<String>,
    pub name: Option<String>,
    pub preferred_username: Option<String>,
    pub facility: Option<String>,
    pub job_type: Option<OneOrMore>,
    pub department: Option<OneOrMore>,
    pub acr: Option<String>,
    pub amr: Option<OneOrMore>,
    pub care_team: Option<OneOrMore>,
    pub patient_scope: Option<OneOrMore>,
    pub purpose: Option<Purpose>,
}

#[derive(Deserialize)]
struct Discovered {
    issuer: String,
    jwks_uri: String,
}

struct Fetched {
    set: JwkSet,
    at: Duration,
}

/// The keys of identity providers, as they were last fetched.
pub(super) struct Providers {
    clock: Arc<dyn Monotonic>,
    fetched: Cache<(TenantId, String), Arc<Fetched>>,
    /// One fetch at a time: many requests with one unknown key are one question to the provider.
    turn: Mutex<()>,
}

impl Providers {
    pub(super) fn new(clock: Arc<dyn Monotonic>) -> Self {
        Self { clock, fetched: Cache::new(limits::BOOKS_KEPT_MAX), turn: Mutex::new(()) }
    }

    /// What `token` says, once it is known that `provider` has said it, for this service and for now.
    ///
    /// # Errors
    /// [`TokenError`].
    pub(super) async fn verified(
        &self,
        tenant: TenantId,
        provider: &IdentityProvider,
        (token, now): (&str, UtcTime),
    ) -> Result<Claims, TokenError> {
        let header = decode_header(token).map_err(|_| TokenError::Malformed)?;
        // What is said to be critical is nothing that we know (RFC 7515, 4.1.11).
        if !ALGORITHMS.contains(&header.alg) || header.crit.is_some() {
            return Err(TokenError::Malformed);
        }
        let kid = header.kid.as_deref();
        let mut keys = self.keys((tenant, provider), None).await?;
        if !keys.set.keys.iter().any(|key| fits(key, kid, header.alg)) {
            keys = self.keys((tenant, provider), Some(&keys)).await?;
        }
        let candidates = keys.set.keys.iter().filter(|key| fits(key, kid, header.alg));
        let claims = candidates.filter_map(|key| signed_by(key, header.alg, token)).next().ok_or(TokenError::Signature)?;
        check(&claims, provider, now)?;
        Ok(claims)
    }

    /// The provider's keys; others than `known` if it has any by now.
    async fn keys(
        &self,
        (tenant, provider): (TenantId, &IdentityProvider),
        known: Option<&Arc<Fetched>>,
    ) -> Result<Arc<Fetched>, TokenError> {
        let name = (tenant, provider.issuer.clone());
        let is_good = |fetched: &Arc<Fetched>| {
            let age = self.clock.now().saturating_sub(fetched.at);
            let is_other = known.is_none_or(|known| !Arc::ptr_eq(known, fetched) || age < limits::PROVIDER_KEYS_AGAIN);
            is_other && age < limits::PROVIDER_KEYS_LIFE
        };
        if let Some(fetched) = self.fetched.get(&name).filter(&is_good) {
            return Ok(fetched);
        }
        let _turn = self.turn.lock().await;
        if let Some(fetched) = self.fetched.get(&name).filter(&is_good) {
            return Ok(fetched);
        }
        match fetch(provider).await {
            Ok(set) => {
                let fetched = Arc::new(Fetched { set, at: self.clock.now() });
                self.fetched.insert(name, Arc::clone(&fetched));
                Ok(fetched)
            }
            // Who was known before is known while the provider is away, for a while.
            Err(error) => match self.fetched.get(&name) {
                Some(old) if self.clock.now().saturating_sub(old.at) < limits::PROVIDER_KEYS_LIFE_MAX => Ok(old),
                _ => Err(error),
            },
        }
    }
}

async fn fetch(provider: &IdentityProvider) -> Result<JwkSet, TokenError> {
    let away = |error| TokenError::Keys(Arc::new(error));
    let ca = provider.ca.as_deref();
    let address = format!("{}/.well-known/openid-configuration", provider.issuer.trim_end_matches('/'));
    let document = web::fetch(&address, ca).await.map_err(away)?;
    let found: Discovered = serde_json::from_slice(&document).map_err(|_| TokenError::Issuer)?;
    if found.issuer != provider.issuer {
        return Err(TokenError::Issuer);
    }
    // A provider that proves itself by TLS does not send us on to where nobody does.
    if provider.issuer.starts_with("https://") && !found.jwks_uri.starts_with("https://") {
        return Err(TokenError::Issuer);
    }
    let document = web::fetch(&found.jwks_uri, ca).await.map_err(away)?;
    // One key of a kind that is not known does not spoil the others.
    let all: serde_json::Value = serde_json::from_slice(&document).map_err(|_| TokenError::Issuer)?;
    let keys = all.get("keys").and_then(serde_json::Value::as_array).into_iter().flatten().filter_map(|key| Jwk::deserialize(key).ok());
    Ok(JwkSet { keys: keys.collect() })
}

/// Whether a token of this header may be signed by the key.
fn fits(key: &Jwk, kid: Option<&str>, algorithm: Algorithm) -> bool {
    let is_named = kid.is_none_or(|kid| key.common.key_id.as_deref() == Some(kid));
    let is_for_it = key.common.key_algorithm.is_none_or(|of| format!("{of:?}") == format!("{algorithm:?}"));
    is_named && is_for_it && !matches!(key.common.public_key_use, Some(PublicKeyUse::Encryption))
}

fn signed_by(key: &Jwk, algorithm: Algorithm, token: &str) -> Option<Claims> {
    let key = DecodingKey::from_jwk(key).ok()?;
    // Time, issuer and audience are checked below, by the gateway's own clock.
    let mut validation = Validation::new(algorithm);
    (validation.validate_exp, validation.validate_nbf, validation.validate_aud) = (false, false, false);
    validation.required_spec_claims.clear();
    decode::<Claims>(token, &key, &validation).ok().map(|data| data.claims)
}

fn check(claims: &Claims, provider: &IdentityProvider, now: UtcTime) -> Result<(), TokenError> {
    let skew = i64::try_from(limits::TOKEN_SKEW_MAX.as_secs()).unwrap_or(0);
    let now = now.seconds();
    if claims.iss != provider.issuer {
        return Err(TokenError::Issuer);
    }
    if !claims.aud.iter().any(|audience| provider.audiences.iter().any(|ours| ours == audience)) {
        return Err(TokenError::Audience);
    }
    if claims.exp.saturating_add(skew) <= now {
        return Err(TokenError::Expired);
    }
    if claims.nbf.is_some_and(|begins| begins.saturating_sub(skew) > now) {
        return Err(TokenError::NotYet);
    }
    let is_named = !claims.sub.is_empty() && claims.sub.len() <= limits::SUBJECT_BYTES_MAX;
    if is_named { Ok(()) } else { Err(TokenError::Claim { claim: "sub" }) }
}

/// The issuer that a token names, which proves nothing: it says whose keys to ask for.
///
/// # Errors
/// [`TokenError::Malformed`] when it names none.
pub(super) fn issuer_of(token: &str) -> Result<String, TokenError> {
    #[derive(Deserialize)]
    struct Named {
        iss: String,
    }
    let claims = token.split('.').nth(1).and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok());
    let named: Option<Named> = claims.and_then(|claims| serde_json::from_slice(&claims).ok());
    named.map(|named| named.iss).ok_or(TokenError::Malformed)
}
