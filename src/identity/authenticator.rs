use super::oidc::{Providers, TokenError};
use super::principal::ProvenBy;
use super::{Presented, Principal, TokenHash, key_pair, row_mac};
use crate::access::{Access, AccessError};
use crate::domain::{Clock, Profile, Standing, UtcTime, limits};
use crate::engine::{Credential, Engine, EngineError, PrincipalRow};
use crate::leases::{LeaseError, Leases, Monotonic};
use crate::seal::{Context, SealError};
use moka::sync::Cache;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use zeroize::Zeroizing;

/// The credentials do not identify anyone who is let in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unauthenticated {
    /// No credential has this access key.
    #[error("the access key is not known")]
    Unknown,
    /// The credential, its principal or its tenant is switched off, or the credential has ended.
    #[error("the access key is not in use")]
    NotInUse,
    /// A row of people or credentials is not what was written.
    #[error("a row of `{table}` is damaged")]
    Damaged {
        /// Which table.
        table: &'static str,
    },
    /// A token does not identify anyone.
    #[error("the token does not identify anyone")]
    Token(#[from] TokenError),
    /// What the tenant has laid down about access cannot be had.
    #[error("what the tenant has laid down about access cannot be had")]
    Access(#[from] AccessError),
    /// Credentials cannot be made.
    #[error("credentials cannot be made")]
    Seal(#[from] SealError),
    /// The index failed.
    #[error("people cannot be looked up")]
    Engine(#[from] EngineError),
    /// The tenant's index key cannot be had.
    #[error("the tenant's key cannot be had")]
    Lease(#[from] LeaseError),
}

pub(super) struct Known {
    /// What the authenticator's was when the rows were read.
    pub(super) generation: u64,
    pub(super) secret: Zeroizing<String>,
    pub(super) principal: Arc<Principal>,
    pub(super) expires: Option<UtcTime>,
    /// Of a session: the hash of the token that it came with.
    pub(super) token: Option<TokenHash>,
}

/// Checks credentials.
pub struct Authenticator {
    pub(super) engine: Arc<dyn Engine>,
    pub(super) leases: Arc<Leases>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) access: Arc<Access>,
    pub(super) providers: Providers,
    /// Sessions whose tokens came with a request of late.
    pub(super) sessions: Cache<String, Arc<Known>>,
    /// Whom tokens identified of late, by the hash of the token.
    pub(super) bearers: Cache<TokenHash, Arc<Principal>>,
    known: Cache<String, Arc<Known>>,
    /// Counts the changes of people: what was read before one is not remembered after it, also where reading took until
    /// then.
    generation: AtomicU64,
    /// Gives each principal that is checked a number of its own: what is remembered of one is never another's.
    serials: AtomicU64,
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authenticator")
    }
}

impl Authenticator {
    /// An authenticator over the people in `engine` and the identity providers that tenants have laid down in `access`.
    #[must_use]
    pub fn new(
        engine: Arc<dyn Engine>,
        leases: Arc<Leases>,
        clock: Arc<dyn Clock>,
        (access, monotonic): (Arc<Access>, Arc<dyn Monotonic>),
    ) -> Self {
        let kept = || Cache::builder().max_capacity(limits::CREDENTIAL_CACHE_MAX).time_to_live(limits::CREDENTIAL_CACHE_LIFE);
        Self {
            engine,
            leases,
            clock,
            access,
            providers: Providers::new(monotonic),
            sessions: kept().build(),
            bearers: Cache::builder().max_capacity(limits::CREDENTIAL_CACHE_MAX).time_to_live(limits::CREDENTIAL_CACHE_LIFE).build(),
            known: kept().build(),
            generation: AtomicU64::new(0),
            serials: AtomicU64::new(0),
        }
    }

    pub(super) fn next_serial(&self) -> u64 {
        self.serials.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The secret half of `access_key`, to check a signature with.
    ///
    /// # Errors
    /// [`Unauthenticated`] when nobody may use it.
    pub async fn secret(&self, access_key: &str) -> Result<Zeroizing<String>, Unauthenticated> {
        Ok(self.known(access_key).await?.secret.clone())
    }

    /// Who signed with the credential presented.
    ///
    /// # Errors
    /// [`Unauthenticated`] when nobody may use it.
    pub async fn verify(&self, presented: &Presented) -> Result<Arc<Principal>, Unauthenticated> {
        let known = self.known(presented.access_key()).await?;
        // The secret of a session alone is not enough: its token says how long it is good for.
        if let Some(token) = known.token {
            if !presented.token().is_some_and(|shown| shown.is(token)) {
                return Err(TokenError::Malformed.into());
            }
            return self.still(&known.principal).await;
        }
        Ok(Arc::clone(&known.principal))
    }

    /// `who` as they are now: a request may take longer than a credential is in use.
    ///
    /// # Errors
    /// [`Unauthenticated`] when the credential is not theirs any more, or nobody may use it.
    pub async fn still(&self, who: &Arc<Principal>) -> Result<Arc<Principal>, Unauthenticated> {
        if let Some(app) = who.via() {
            let now = &self.known(app.access_key()).await?.principal;
            if (now.id(), now.tenant()) != (app.id(), app.tenant()) {
                return Err(Unauthenticated::NotInUse);
            }
        }
        let Some(life) = who.life else {
            let now = &self.known(who.access_key()).await?.principal;
            return if (now.id(), now.tenant()) == (who.id(), who.tenant()) { Ok(Arc::clone(now)) } else { Err(Unauthenticated::NotInUse) };
        };
        if life.ends <= self.clock.now() {
            return Err(TokenError::Expired.into());
        }
        let id = who.id().to_string();
        let is_revoked = self.access.book(who.tenant()).await?.is_revoked([id.as_str(), who.name()], life.begun);
        if is_revoked { Err(Unauthenticated::NotInUse) } else { Ok(Arc::clone(who)) }
    }

    /// Forgets everything remembered, so that a change of people takes effect at once on this node.
    pub fn forget(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.known.invalidate_all();
        self.sessions.invalidate_all();
        self.bearers.invalidate_all();
    }

    async fn known(&self, access_key: &str) -> Result<Arc<Known>, Unauthenticated> {
        let generation = self.generation();
        if access_key.starts_with(key_pair::SESSION) {
            // Its token has come with this request, or the session is not known at all.
            let known = self.sessions.get(access_key).filter(|known| known.generation == generation);
            return known.ok_or(Unauthenticated::Unknown);
        }
        let known = match self.known.get(access_key).filter(|known| known.generation == generation) {
            Some(known) => known,
            None => {
                let known = Arc::new(self.look_up(access_key, generation).await?);
                self.known.insert(access_key.to_owned(), Arc::clone(&known));
                known
            }
        };
        if known.expires.is_some_and(|end| end <= self.clock.now()) {
            return Err(Unauthenticated::NotInUse);
        }
        Ok(known)
    }

    /// A principal as its row describes it, who has shown no credential.
    pub(super) fn described(&self, row: PrincipalRow, profile: Profile) -> Principal {
        Principal {
            id: row.id,
            tenant: row.tenant,
            name: row.name,
            kind: row.kind,
            profile,
            access_key: String::new(),
            proven_by: ProvenBy::AccessKey,
            factors: 1,
            life: None,
            via: None,
            serial: self.next_serial(),
        }
    }

    async fn look_up(&self, access_key: &str, generation: u64) -> Result<Known, Unauthenticated> {
        let found = self.engine.credential(access_key).await?.ok_or(Unauthenticated::Unknown)?;
        let Credential { key, principal, tenant } = found;
        let keys = self.leases.index(tenant.id).await?;
        let damaged = |table| Unauthenticated::Damaged { table };

        let key_sealer = keys.version(key.kek_version).ok_or(damaged("access_keys"))?;
        if key.tenant != tenant.id || !row_mac::same(row_mac::of_access_key(key_sealer, &key), key.mac) {
            return Err(damaged("access_keys"));
        }
        let principal_sealer = keys.version(principal.kek_version).ok_or(damaged("principals"))?;
        if principal.id != key.principal || !row_mac::same(row_mac::of_principal(principal_sealer, &principal), principal.mac) {
            return Err(damaged("principals"));
        }
        let standings = [key.standing, principal.standing, tenant.standing];
        if standings.contains(&Standing::Disabled) {
            return Err(Unauthenticated::NotInUse);
        }

        let context = Context::access_key_secret(tenant.id, principal.id, &key.access_key);
        let secret = key_sealer.wrap_secret.open(&context, &key.wrapped_secret).map_err(|_| damaged("access_keys"))?;
        let secret = std::str::from_utf8(&secret).map_err(|_| damaged("access_keys"))?.to_owned();
        let context = Context::profile(tenant.id, principal.id, principal.revision);
        let profile = principal_sealer.attributes.open(&context, &principal.sealed_profile).map_err(|_| damaged("principals"))?;
        let profile: Profile = serde_json::from_slice(&profile).map_err(|_| damaged("principals"))?;
        let who = Principal { access_key: key.access_key, ..self.described(principal, profile) };
        Ok(Known { generation, secret: Zeroizing::new(secret), principal: Arc::new(who), expires: key.expires, token: None })
    }
}
