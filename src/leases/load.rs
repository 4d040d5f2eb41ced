use super::keys::{AuditKey, AuditKeys, DataKey, DataKeys, IndexKey, IndexKeys, Versions};
use super::slot::Slot;
use super::{LeaseError, Shared, TenantLeases};
use crate::domain::{KekPurpose, KekState, TenantId};
use crate::engine::{KekRow, SecretKind};
use crate::root::RootError;
use crate::seal::{Context, MasterKey, TokenSecret};
use std::sync::Arc;

/// Keys that are leased: one implementation for each purpose.
pub(super) trait Leased: Sized + Send + Sync + 'static {
    /// What for.
    const PURPOSE: KekPurpose;

    /// Where a tenant's lease of them is held.
    fn slot(held: &TenantLeases) -> &Slot<Self>;

    /// Reads the wrapped keys and has the root unwrap them.
    fn load(shared: &Shared, tenant: TenantId) -> impl Future<Output = Result<Self, LeaseError>> + Send;
}

impl Leased for IndexKeys {
    const PURPOSE: KekPurpose = KekPurpose::Index;

    fn slot(held: &TenantLeases) -> &Slot<Self> {
        &held.index
    }

    async fn load(shared: &Shared, tenant: TenantId) -> Result<Self, LeaseError> {
        let versions = unwrap_all(shared, tenant, Self::PURPOSE, IndexKey::derive).await?;
        let secrets = shared.engine.secrets(tenant, SecretKind::Token).await.map_err(|error| LeaseError::Engine(Arc::new(error)))?;
        let row = secrets.into_iter().max_by_key(|row| row.epoch).ok_or(LeaseError::NoTokenSecret { tenant })?;
        let key = versions.version(row.kek_version).ok_or(LeaseError::NoTokenSecret { tenant })?;
        let secret = TokenSecret::unwrap(&key.wrap_secret, &Context::token_secret(tenant, row.epoch), &row.wrapped)
            .map_err(|source| LeaseError::DamagedSecret { tenant, epoch: row.epoch, source: Arc::new(source) })?;
        Ok(Self::new(versions, secret))
    }
}

impl Leased for AuditKeys {
    const PURPOSE: KekPurpose = KekPurpose::Audit;

    fn slot(held: &TenantLeases) -> &Slot<Self> {
        &held.audit
    }

    async fn load(shared: &Shared, tenant: TenantId) -> Result<Self, LeaseError> {
        Ok(Self::new(unwrap_all(shared, tenant, Self::PURPOSE, |version, master| AuditKey::derive(version, &master)).await?))
    }
}

impl Leased for DataKeys {
    const PURPOSE: KekPurpose = KekPurpose::Data;

    fn slot(held: &TenantLeases) -> &Slot<Self> {
        &held.data
    }

    async fn load(shared: &Shared, tenant: TenantId) -> Result<Self, LeaseError> {
        Ok(Self::new(unwrap_all(shared, tenant, Self::PURPOSE, |version, master| DataKey::derive(version, &master)).await?))
    }
}

/// Unwraps every version that is not destroyed; exactly one of them is active.
async fn unwrap_all<K>(
    shared: &Shared,
    tenant: TenantId,
    purpose: KekPurpose,
    derive: impl Fn(u32, MasterKey) -> K + Send,
) -> Result<Versions<K>, LeaseError>
where
    K: Send,
{
    let rows = shared.engine.keks(tenant, purpose).await.map_err(|error| LeaseError::Engine(Arc::new(error)))?;
    if rows.is_empty() {
        return Err(LeaseError::NoTenant { tenant });
    }
    let mut active = None;
    let mut others = Vec::new();
    for row in rows.into_iter().filter(|row| row.state != KekState::Destroyed) {
        let (version, state) = (row.version, row.state);
        let key = derive(version, unwrap(shared, row).await?);
        match (state, &active) {
            (KekState::Active, None) => active = Some((version, key)),
            (KekState::Active, Some(_)) => return Err(LeaseError::NotOneActive { tenant, purpose }),
            _ => others.push((version, key)),
        }
    }
    let (version, key) = active.ok_or(LeaseError::NotOneActive { tenant, purpose })?;
    Ok(Versions::new(version, key, others))
}

async fn unwrap(shared: &Shared, row: KekRow) -> Result<MasterKey, LeaseError> {
    let KekRow { tenant, purpose, version, provider, wrapped, .. } = row;
    if provider != shared.root.provider() {
        return Err(LeaseError::OtherProvider { tenant, provider });
    }
    shared.root.unwrap(tenant, &Context::kek(tenant, purpose, version), &wrapped).await.map_err(|error| match error {
        RootError::Open(source) => LeaseError::Damaged { tenant, purpose, version, source: Arc::new(source) },
        unreachable => LeaseError::Unavailable { source: Arc::new(unreachable) },
    })
}
