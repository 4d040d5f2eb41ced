use crate::domain::{KekPurpose, KekState, PrincipalId, PrincipalKind, Standing, TenantId};
use crate::engine::cells::{Cells, Columns};
use crate::engine::{AccessKeyRow, Credential, EngineError, KekRow, PrincipalRow, SecretKind, SecretRow, TenantRow};

/// Columns of a row, in the order that its reader below takes them.
pub(in crate::engine) const TENANT: &str = "id, name, facility, standing, created";
/// Columns of a row, in the order that its reader below takes them.
pub(in crate::engine) const PRINCIPAL: &str = "id, tenant, name, kind, standing, kek_version, sealed_profile, created, revision, mac";
/// Columns of a row, in the order that its reader below takes them.
pub(in crate::engine) const ACCESS_KEY: &str =
    "access_key, tenant, principal, standing, kek_version, wrapped_secret, created, expires, revision, mac";
/// The columns of a credential `k` with its principal `p` and tenant `t`, in the order that [`credential_of`] takes them.
pub(in crate::engine) const CREDENTIAL_COLUMNS: &str =
    "k.access_key, k.tenant, k.principal, k.standing, k.kek_version, k.wrapped_secret, k.created, k.expires, k.revision, k.mac,
     p.id, p.tenant, p.name, p.kind, p.standing, p.kek_version, p.sealed_profile, p.created, p.revision, p.mac,
     t.id, t.name, t.facility, t.standing, t.created";

pub(in crate::engine) fn tenant_of(cells: &mut Cells<'_>) -> Result<TenantRow, EngineError> {
    Ok(TenantRow {
        id: cells.id(TenantId::from_bytes)?,
        name: cells.take()?,
        facility: cells.take()?,
        standing: cells.one_of(Standing::from_number)?,
        created: cells.time()?,
    })
}

pub(in crate::engine) fn principal_of(cells: &mut Cells<'_>) -> Result<PrincipalRow, EngineError> {
    Ok(PrincipalRow {
        id: cells.id(PrincipalId::from_bytes)?,
        tenant: cells.id(TenantId::from_bytes)?,
        name: cells.take()?,
        kind: cells.one_of(PrincipalKind::from_number)?,
        standing: cells.one_of(Standing::from_number)?,
        kek_version: cells.number()?,
        sealed_profile: cells.take()?,
        created: cells.time()?,
        revision: cells.number()?,
        mac: cells.mac()?,
    })
}

pub(in crate::engine) fn access_key_of(cells: &mut Cells<'_>) -> Result<AccessKeyRow, EngineError> {
    Ok(AccessKeyRow {
        access_key: cells.take()?,
        tenant: cells.id(TenantId::from_bytes)?,
        principal: cells.id(PrincipalId::from_bytes)?,
        standing: cells.one_of(Standing::from_number)?,
        kek_version: cells.number()?,
        wrapped_secret: cells.take()?,
        created: cells.time()?,
        expires: cells.some_time()?,
        revision: cells.number()?,
        mac: cells.mac()?,
    })
}

/// A key version: tenant, purpose, version, state, provider, wrapped, created.
pub(in crate::engine) fn kek_of(row: &dyn Columns) -> Result<KekRow, EngineError> {
    let mut cells = Cells::new(row, "keks");
    Ok(KekRow {
        tenant: cells.id(TenantId::from_bytes)?,
        purpose: cells.one_of(KekPurpose::from_number)?,
        version: cells.number()?,
        state: cells.one_of(KekState::from_number)?,
        provider: cells.take()?,
        wrapped: cells.take()?,
        created: cells.time()?,
    })
}

/// A secret of this kind: tenant, epoch, kek_version, wrapped.
pub(in crate::engine) fn secret_of(row: &dyn Columns, kind: SecretKind) -> Result<SecretRow, EngineError> {
    let mut cells = Cells::new(row, "secrets");
    Ok(SecretRow {
        tenant: cells.id(TenantId::from_bytes)?,
        kind,
        epoch: cells.number()?,
        kek_version: cells.number()?,
        wrapped: cells.take()?,
    })
}

/// What [`CREDENTIAL_COLUMNS`] reads.
pub(in crate::engine) fn credential_of(row: &dyn Columns) -> Result<Credential, EngineError> {
    let mut cells = Cells::new(row, "access_keys");
    let key = access_key_of(&mut cells)?;
    cells.of_table("principals");
    let principal = principal_of(&mut cells)?;
    cells.of_table("tenants");
    Ok(Credential { key, principal, tenant: tenant_of(&mut cells)? })
}
