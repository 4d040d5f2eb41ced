use super::{Authenticator, Principal, key_pair, row_mac};
use crate::domain::{Clock, PrincipalId, PrincipalKind, Profile, Standing, TenantId, UtcTime};
use crate::engine::{AccessKeyRow, Changed, Engine, EngineError, Events, PrincipalRow, RowMac};
use crate::leases::{IndexKeys, LeaseError, Leases};
use crate::seal::{Context, SealError};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Someone of a tenant, as administrators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The id.
    pub id: PrincipalId,
    /// The name in commands.
    pub name: String,
    /// Person, app, device or operator.
    pub kind: PrincipalKind,
    /// Whether let in.
    pub standing: Standing,
    /// When made.
    pub created: UtcTime,
    /// What the tenant knows.
    pub profile: Profile,
}

/// A credential without its secret half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// The public half.
    pub id: String,
    /// Whose.
    pub principal: PrincipalId,
    /// Whether accepted.
    pub standing: Standing,
    /// When made.
    pub created: UtcTime,
    /// When it ends, if it does.
    pub expires: Option<UtcTime>,
}

/// A credential that is made and not yet in use.
pub struct NewAccessKey {
    row: AccessKeyRow,
    secret: Zeroizing<String>,
}

impl NewAccessKey {
    /// The public half.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.row.access_key
    }
}

impl std::fmt::Debug for NewAccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewAccessKey({})", self.row.access_key)
    }
}

/// Someone to be added.
#[derive(Debug, Clone)]
pub struct NewPrincipal {
    /// A short name, unique in the tenant: 1 to 64 of `a-z 0-9 . _ -`.
    pub name: String,
    /// Person, app, device or operator.
    pub kind: PrincipalKind,
    /// What the tenant knows.
    pub profile: Profile,
}

/// People or credentials could not be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PeopleError {
    /// The name is none.
    #[error("a principal's name has 1 to 64 characters of a-z, 0-9, `.`, `_` and `-`")]
    InvalidName,
    /// The name is taken.
    #[error("the tenant has a principal `{name}` already")]
    NameTaken {
        /// Which.
        name: String,
    },
    /// There is nobody of that name.
    #[error("the tenant has no principal `{name}`")]
    NoPrincipal {
        /// Which.
        name: String,
    },
    /// There is no such credential.
    #[error("the tenant has no access key `{access_key}`")]
    NoAccessKey {
        /// Which.
        access_key: String,
    },
    /// Somebody else changed it at the same time.
    #[error("it was changed by someone else at the same time, look again")]
    Changed,
    /// A row is not what was written.
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
    /// Something could not be sealed.
    #[error("it could not be sealed")]
    Seal(#[from] SealError),
    /// A profile could not be written down.
    #[error("the profile has another form")]
    Form(#[from] serde_json::Error),
}

/// The people and credentials of each tenant.
#[derive(Debug)]
pub struct People {
    engine: Arc<dyn Engine>,
    leases: Arc<Leases>,
    clock: Arc<dyn Clock>,
    authenticator: Arc<Authenticator>,
}

impl People {
    /// The people in `engine`. Changes take effect on `authenticator` at once.
    #[must_use]
    pub fn new(engine: Arc<dyn Engine>, leases: Arc<Leases>, clock: Arc<dyn Clock>, authenticator: Arc<Authenticator>) -> Self {
        Self { engine, leases, clock, authenticator }
    }

    /// Adds a principal.
    ///
    /// # Errors
    /// [`PeopleError`]; nothing is added then.
    pub async fn create_principal(&self, tenant: TenantId, new: NewPrincipal, events: Events) -> Result<Person, PeopleError> {
        let shaped = new.name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'));
        if !shaped || !(1..=64).contains(&new.name.len()) {
            return Err(PeopleError::InvalidName);
        }
        let keys = self.leases.index(tenant).await?;
        let row = PrincipalRow {
            id: PrincipalId::random(),
            tenant,
            name: new.name,
            kind: new.kind,
            standing: Standing::Active,
            kek_version: 0,
            sealed_profile: Vec::new(),
            created: self.clock.now(),
            revision: 1,
            mac: RowMac([0; 32]),
        };
        let row = seal(&keys, row, &new.profile)?;
        match self.engine.create_principal(row.clone(), events).await? {
            Changed::Done => Ok(person(row, new.profile)),
            Changed::Conflict => Err(PeopleError::NameTaken { name: row.name }),
        }
    }

    /// A tenant's principals, by name.
    ///
    /// # Errors
    /// [`PeopleError`] when they cannot be read or are damaged.
    pub async fn principals(&self, tenant: TenantId) -> Result<Vec<Person>, PeopleError> {
        let keys = self.leases.index(tenant).await?;
        let rows = self.engine.principals(tenant).await?;
        rows.into_iter().map(|row| open(&keys, row).map(|(row, profile)| person(row, profile))).collect()
    }

    /// The principal of that name.
    ///
    /// # Errors
    /// [`PeopleError::NoPrincipal`] when there is none.
    pub async fn principal(&self, tenant: TenantId, name: &str) -> Result<Person, PeopleError> {
        let (row, profile) = self.row(tenant, name).await?;
        Ok(person(row, profile))
    }

    /// Makes somebody, or lets them be and do what `new` says from now on.
    ///
    /// # Errors
    /// [`PeopleError`]; nothing is changed then. The kind of somebody who is there stays as it is.
    pub async fn put_principal(&self, tenant: TenantId, new: NewPrincipal, events: Events) -> Result<Person, PeopleError> {
        let (mut row, _before) = match self.row(tenant, &new.name).await {
            Ok(found) => found,
            Err(PeopleError::NoPrincipal { .. }) => return self.create_principal(tenant, new, events).await,
            Err(error) => return Err(error),
        };
        if row.kind != new.kind {
            return Err(PeopleError::NameTaken { name: row.name });
        }
        row.revision += 1;
        let row = seal(&*self.leases.index(tenant).await?, row, &new.profile)?;
        let done = self.engine.update_principal(row.clone(), events).await?;
        self.authenticator.forget();
        if done == Changed::Done { Ok(person(row, new.profile)) } else { Err(PeopleError::Changed) }
    }

    /// The principal of that name as the rules see it who signs with a credential. Good for questions about it: nobody is
    /// let in by it.
    ///
    /// # Errors
    /// [`PeopleError::NoPrincipal`] when there is none.
    pub async fn as_principal(&self, tenant: TenantId, name: &str) -> Result<Principal, PeopleError> {
        let (row, profile) = self.row(tenant, name).await?;
        Ok(self.authenticator.described(row, profile))
    }

    /// Lets everyone of a tenant in or keeps them out.
    ///
    /// # Errors
    /// [`PeopleError`]; nothing is changed then.
    pub async fn set_tenant_standing(&self, tenant: TenantId, standing: Standing, events: Events) -> Result<(), PeopleError> {
        let done = self.engine.set_tenant_standing(tenant, standing, events).await?;
        self.authenticator.forget();
        if done == Changed::Done { Ok(()) } else { Err(PeopleError::Changed) }
    }

    /// Lets a principal in or keeps it out.
    ///
    /// # Errors
    /// [`PeopleError`]; nothing is changed then.
    pub async fn set_standing(&self, tenant: TenantId, name: &str, standing: Standing, events: Events) -> Result<(), PeopleError> {
        let (mut row, profile) = self.row(tenant, name).await?;
        row.standing = standing;
        row.revision += 1;
        let row = seal(&*self.leases.index(tenant).await?, row, &profile)?;
        let done = self.engine.update_principal(row, events).await?;
        self.authenticator.forget();
        if done == Changed::Done { Ok(()) } else { Err(PeopleError::Changed) }
    }

    /// A credential for a principal, good for nothing before it is [added](Self::add_access_key).
    ///
    /// # Errors
    /// [`PeopleError`].
    pub async fn new_access_key(&self, tenant: TenantId, name: &str, expires: Option<UtcTime>) -> Result<NewAccessKey, PeopleError> {
        let (principal, _) = self.row(tenant, name).await?;
        let (id, secret) = key_pair::generate(key_pair::STORED)?;
        let keys = self.leases.index(tenant).await?;
        let active = keys.active();
        let context = Context::access_key_secret(tenant, principal.id, &id);
        let mut row = AccessKeyRow {
            access_key: id,
            tenant,
            principal: principal.id,
            standing: Standing::Active,
            kek_version: active.version,
            wrapped_secret: active.wrap_secret.seal(&context, secret.as_bytes())?,
            created: self.clock.now(),
            expires,
            revision: 1,
            mac: RowMac([0; 32]),
        };
        row.mac = row_mac::of_access_key(active, &row);
        Ok(NewAccessKey { row, secret })
    }

    /// Takes a credential into use. The secret half is shown here and never again.
    ///
    /// # Errors
    /// [`PeopleError`]; nothing is made then.
    pub async fn add_access_key(&self, new: NewAccessKey, events: Events) -> Result<(AccessKey, Zeroizing<String>), PeopleError> {
        match self.engine.create_access_key(new.row.clone(), events).await? {
            Changed::Done => Ok((access_key(new.row), new.secret)),
            Changed::Conflict => Err(PeopleError::Changed),
        }
    }

    /// A tenant's credentials; of one principal where one is named.
    ///
    /// # Errors
    /// [`PeopleError`] when they cannot be read.
    pub async fn access_keys(&self, tenant: TenantId, principal: Option<PrincipalId>) -> Result<Vec<AccessKey>, PeopleError> {
        let rows = self.engine.access_keys(tenant, principal).await?;
        Ok(rows.into_iter().map(access_key).collect())
    }

    /// Accepts a credential or refuses it from now on.
    ///
    /// # Errors
    /// [`PeopleError`]; nothing is changed then.
    pub async fn set_access_key_standing(&self, tenant: TenantId, id: &str, standing: Standing, events: Events) -> Result<(), PeopleError> {
        let none = || PeopleError::NoAccessKey { access_key: id.to_owned() };
        let found = self.engine.credential(id).await?.filter(|found| found.key.tenant == tenant).ok_or_else(none)?;
        let keys = self.leases.index(tenant).await?;
        let sealer = keys.version(found.key.kek_version).ok_or(PeopleError::Damaged { table: "access_keys" })?;
        let mut row = found.key;
        if !row_mac::same(row_mac::of_access_key(sealer, &row), row.mac) {
            return Err(PeopleError::Damaged { table: "access_keys" });
        }
        row.standing = standing;
        row.revision += 1;
        row.mac = row_mac::of_access_key(sealer, &row);
        let done = self.engine.update_access_key(row, events).await?;
        self.authenticator.forget();
        if done == Changed::Done { Ok(()) } else { Err(PeopleError::Changed) }
    }

    async fn row(&self, tenant: TenantId, name: &str) -> Result<(PrincipalRow, Profile), PeopleError> {
        let rows = self.engine.principals(tenant).await?;
        let row = rows.into_iter().find(|row| row.name == name).ok_or_else(|| PeopleError::NoPrincipal { name: name.to_owned() })?;
        open(&*self.leases.index(tenant).await?, row)
    }
}

/// Seals the profile under the active key and makes the row's MAC.
fn seal(keys: &IndexKeys, mut row: PrincipalRow, profile: &Profile) -> Result<PrincipalRow, PeopleError> {
    let active = keys.active();
    row.kek_version = active.version;
    let context = Context::profile(row.tenant, row.id, row.revision);
    row.sealed_profile = active.attributes.seal(&context, &serde_json::to_vec(profile)?)?;
    row.mac = row_mac::of_principal(active, &row);
    Ok(row)
}

fn open(keys: &IndexKeys, row: PrincipalRow) -> Result<(PrincipalRow, Profile), PeopleError> {
    let damaged = || PeopleError::Damaged { table: "principals" };
    let sealer = keys.version(row.kek_version).ok_or_else(damaged)?;
    if !row_mac::same(row_mac::of_principal(sealer, &row), row.mac) {
        return Err(damaged());
    }
    let context = Context::profile(row.tenant, row.id, row.revision);
    let profile = sealer.attributes.open(&context, &row.sealed_profile).map_err(|_| damaged())?;
    let profile = serde_json::from_slice(&profile)?;
    Ok((row, profile))
}

fn person(row: PrincipalRow, profile: Profile) -> Person {
    Person { id: row.id, name: row.name, kind: row.kind, standing: row.standing, created: row.created, profile }
}

fn access_key(row: AccessKeyRow) -> AccessKey {
    AccessKey { id: row.access_key, principal: row.principal, standing: row.standing, created: row.created, expires: row.expires }
}
