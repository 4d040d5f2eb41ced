use super::principal::ProvenBy;
use super::{Presented, Principal, row_mac};
use crate::domain::{Clock, Profile, Standing, UtcTime, limits};
use crate::engine::{Credential, Engine, EngineError, PrincipalRow};
use crate::leases::{LeaseError, Leases};
use crate::seal::Context;
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
    /// The index failed.
    #[error("people cannot be looked up")]
    Engine(#[from] EngineError),
    /// The tenant's index key cannot be had.
    #[error("the tenant's key cannot be had")]
    Lease(#[from] LeaseError),
}

struct Known {
    /// What the authenticator's was when the rows were read.
    generation: u64,
    secret: Zeroizing<String>,
    principal: Arc<Principal>,
    expires: Option<UtcTime>,
}

/// Checks credentials.
pub struct Authenticator {
    engine: Arc<dyn Engine>,
    leases: Arc<Leases>,
    clock: Arc<dyn Clock>,
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
    /// An authenticator over the people in `engine`.
    #[must_use]
    pub fn new(engine: Arc<dyn Engine>, leases: Arc<Leases>, clock: Arc<dyn Clock>) -> Self {
        let known = Cache::builder().max_capacity(limits::CREDENTIAL_CACHE_MAX).time_to_live(limits::CREDENTIAL_CACHE_LIFE).build();
        Self { engine, leases, clock, known, generation: AtomicU64::new(0), serials: AtomicU64::new(0) }
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
        Ok(Arc::clone(&self.known(presented.access_key()).await?.principal))
    }

    /// `who` as they are now: a request may take longer than a credential is in use.
    ///
    /// # Errors
    /// [`Unauthenticated`] when the credential is not theirs any more, or nobody may use it.
    pub async fn still(&self, who: &Principal) -> Result<Arc<Principal>, Unauthenticated> {
        let now = &self.known(who.access_key()).await?.principal;
        if (now.id(), now.tenant()) == (who.id(), who.tenant()) { Ok(Arc::clone(now)) } else { Err(Unauthenticated::NotInUse) }
    }

    /// Forgets everything remembered, so that a change of people takes effect at once on this node.
    pub fn forget(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.known.invalidate_all();
    }

    async fn known(&self, access_key: &str) -> Result<Arc<Known>, Unauthenticated> {
        let generation = self.generation.load(Ordering::Acquire);
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
            serial: self.serials.fetch_add(1, Ordering::Relaxed),
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
        Ok(Known { generation, secret: Zeroizing::new(secret), principal: Arc::new(who), expires: key.expires })
    }
}
