use super::keys::{AuditKey, IndexKey};
use super::{CreateTenantError, Leases};
use crate::domain::{KekPurpose, KekState, Standing, TenantId, UtcTime};
use crate::engine::{Changed, Events, KekRow, SecretKind, SecretRow, TenantRow};
use crate::seal::{Context, MasterKey, TokenSecret};

/// The first version of each key and the first epoch of the token secret.
const FIRST: u32 = 1;

/// A tenant with its first keys, wrapped, that is nowhere yet.
#[derive(Debug)]
#[must_use = "nothing of it is written yet"]
pub struct NewTenant {
    row: TenantRow,
    keks: Vec<KekRow>,
    secrets: Vec<SecretRow>,
    audit: AuditKey,
}

impl NewTenant {
    /// Its id.
    #[must_use]
    pub const fn id(&self) -> TenantId {
        self.row.id
    }

    /// Its first audit key, for the event that begins its log.
    #[must_use]
    pub const fn audit(&self) -> &AuditKey {
        &self.audit
    }
}

impl Leases {
    /// Makes a tenant with its first keys, and no event: for those who set up a place to try things out.
    ///
    /// # Errors
    /// [`CreateTenantError`]; nothing of the tenant is left then.
    pub async fn create_tenant(&self, name: &str, facility: Option<&str>, now: UtcTime) -> Result<TenantRow, CreateTenantError> {
        let new = self.new_tenant(name, facility, now).await?;
        self.add_tenant(new, Events::default()).await
    }

    /// The first keys of a tenant to be: one for each purpose, and the secret of its tokens.
    ///
    /// `facility` is its ten-digit code (医療機関コード), where it has one.
    ///
    /// # Errors
    /// [`CreateTenantError`]
    pub async fn new_tenant(&self, name: &str, facility: Option<&str>, now: UtcTime) -> Result<NewTenant, CreateTenantError> {
        if !is_slug(name) {
            return Err(CreateTenantError::InvalidName);
        }
        if facility.is_some_and(|code| code.len() != 10 || !code.bytes().all(|byte| byte.is_ascii_digit())) {
            return Err(CreateTenantError::InvalidFacility);
        }
        let id = TenantId::random();
        let (index, audit, data) = (MasterKey::generate()?, MasterKey::generate()?, MasterKey::generate()?);
        let mut keks = Vec::new();
        for (purpose, master) in [(KekPurpose::Data, &data), (KekPurpose::Index, &index), (KekPurpose::Audit, &audit)] {
            keks.push(self.wrap_first(id, purpose, master, now).await?);
        }
        let secrets = vec![first_secret(id, &IndexKey::derive(FIRST, index))?];
        let row = TenantRow { id, name: name.to_owned(), facility: facility.map(str::to_owned), standing: Standing::Active, created: now };
        Ok(NewTenant { row, keks, secrets, audit: AuditKey::derive(FIRST, &audit) })
    }

    /// Makes the tenant with the `events` that begin its log, in one transaction.
    ///
    /// # Errors
    /// [`CreateTenantError`]; nothing of the tenant is left then.
    pub async fn add_tenant(&self, new: NewTenant, events: Events) -> Result<TenantRow, CreateTenantError> {
        let NewTenant { row, keks, secrets, audit: _ } = new;
        // A crash before this leaves nothing; after it the tenant is whole.
        match self.0.engine.create_tenant(row.clone(), keks, secrets, events).await? {
            Changed::Done => Ok(row),
            Changed::Conflict => Err(CreateTenantError::NameTaken { name: row.name }),
        }
    }

    async fn wrap_first(
        &self,
        tenant: TenantId,
        purpose: KekPurpose,
        master: &MasterKey,
        now: UtcTime,
    ) -> Result<KekRow, CreateTenantError> {
        let wrapped = self.0.root.wrap(tenant, &Context::kek(tenant, purpose, FIRST), master).await?;
        let provider = self.0.root.provider().to_owned();
        Ok(KekRow { tenant, purpose, version: FIRST, state: KekState::Active, provider, wrapped, created: now })
    }
}

fn first_secret(tenant: TenantId, key: &IndexKey) -> Result<SecretRow, CreateTenantError> {
    let wrapped = TokenSecret::generate()?.wrap(&key.wrap_secret, &Context::token_secret(tenant, FIRST))?;
    Ok(SecretRow { tenant, kind: SecretKind::Token, epoch: FIRST, kek_version: key.version, wrapped })
}

fn is_slug(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.len() <= 64
        && name.bytes().next().is_some_and(is_plain)
        && name.bytes().all(|byte| is_plain(byte) || matches!(byte, b'.' | b'_' | b'-'))
}
