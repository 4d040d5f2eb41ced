//! Session credentials: short-lived, sealed into their own token, so that every node verifies them without a look-up.
//! FORMAT: docs/format.md, session tokens.

use super::principal::ProvenBy;
use crate::domain::{PrincipalId, Profile, TenantId, UtcTime};
use crate::leases::IndexKeys;
use crate::seal::{Context, SealError};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The first byte of every token.
const VERSION: u8 = 1;
/// Who a session is, and how long.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Session {
    pub access_key: String,
    pub secret: String,
    pub principal: [u8; 16],
    pub name: String,
    pub profile: Profile,
    pub proven_by: ProvenBy,
    pub factors: u8,
    /// Microseconds since 1970.
    pub begun: i64,
    pub ends: i64,
}

impl Drop for Session {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.secret);
    }
}

/// What a client gets: credentials as S3 tools know them. `Debug` shows no secret.
pub struct SessionCredentials {
    /// The public half.
    pub access_key: String,
    /// The secret half.
    pub secret: Zeroizing<String>,
    /// What must come with every request.
    pub token: String,
    /// When it ends.
    pub ends: UtcTime,
    /// Whose.
    pub principal: PrincipalId,
    /// The name in the log.
    pub name: String,
}

impl std::fmt::Debug for SessionCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SessionCredentials({})", self.access_key)
    }
}

/// The token of a session.
pub(super) fn seal(keys: &IndexKeys, tenant: TenantId, session: &Session) -> Result<String, SealError> {
    let active = keys.active();
    let text = Zeroizing::new(serde_json::to_vec(session).unwrap_or_default());
    let sealed = active.session.seal(&Context::session(tenant), &text)?;
    let token = [&[VERSION], tenant.as_bytes().as_slice(), &active.version.to_be_bytes(), &sealed].concat();
    Ok(URL_SAFE_NO_PAD.encode(token))
}

/// Whose a token says it is, and what must be opened.
pub(super) struct Presented {
    pub tenant: TenantId,
    version: u32,
    sealed: Vec<u8>,
}

/// Takes a token apart; proves nothing.
pub(super) fn taken_apart(token: &str) -> Option<Presented> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (version, rest) = bytes.split_first()?;
    let (tenant, rest) = rest.split_first_chunk::<16>()?;
    let (kek, sealed) = rest.split_first_chunk::<4>()?;
    let tenant = TenantId::from_bytes(*tenant);
    (*version == VERSION).then(|| Presented { tenant, version: u32::from_be_bytes(*kek), sealed: sealed.to_vec() })
}

/// The session in a token, if this tenant has sealed it.
pub(super) fn open(keys: &IndexKeys, presented: &Presented) -> Option<Session> {
    let opened = keys.version(presented.version)?.session.open(&Context::session(presented.tenant), &presented.sealed).ok()?;
    serde_json::from_slice(&opened).ok()
}
