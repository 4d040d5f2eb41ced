use super::keys::IndexKey;
use super::{CreateTenantError, Leases};
use crate::domain::{KekPurpose, KekState, Standing, TenantId, UtcTime};
use crate::engine::{Changed, KekRow, SecretKind, SecretRow, TenantRow};
use crate::seal::{Context, MasterKey, TokenSecret};

/// The first version of each key and the first epoch of the token secret.
const FIRST: u32 = 1;

impl Leases {
    /// Makes a tenant with its first keys: one for each purpose, and the secret of its tokens.
    ///
    /// `facility` is its ten-digit code (医療機関コード), where it has one.
    ///
    /// # Errors
    /// [`CreateTenantError`]; nothing of the tenant is left then.
    pub async fn create_tenant(&self, name: &str, facility: Option<&str>, now: UtcTime) -> Result<TenantRow, CreateTenantError> {
        if !is_slug(name) {
            return Err(CreateTenantError::InvalidName);
        }
        if facility.is_some_and(|code| code.len() != 10 || !code.bytes().all(|byte| byte.is_ascii_digit())) {
            return Err(CreateTenantError::InvalidFacility);
        }
        let id = TenantId::random();
        let mut keks = Vec::new();
        let mut secrets = Vec::new();
        for purpose in KekPurpose::ALL {
            let master = MasterKey::generate()?;
            keks.push(self.wrap_first(id, purpose, &master, now).await?);
            if purpose == KekPurpose::Index {
                secrets.push(first_secret(id, &IndexKey::derive(FIRST, master))?);
            }
        }
        let tenant =
            TenantRow { id, name: name.to_owned(), facility: facility.map(str::to_owned), standing: Standing::Active, created: now };
        // A crash before this leaves nothing; after it the tenant is whole.
        match self.0.engine.create_tenant(tenant.clone(), keks, secrets).await? {
            Changed::Done => Ok(tenant),
            Changed::Conflict => Err(CreateTenantError::NameTaken { name: name.to_owned() }),
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
