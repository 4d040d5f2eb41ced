//! Tenants and their keys, principals and their credentials.

use super::fault::Fault;
use super::given::given;
use super::journal::write_events;
use super::session::Session;
use crate::domain::{KekPurpose, PrincipalId, Standing, TenantId};
use crate::engine::cells::Cells;
use crate::engine::step::Step;
use crate::engine::stored::people::{
    ACCESS_KEY, CREDENTIAL_COLUMNS, PRINCIPAL, TENANT, access_key_of, credential_of, kek_of, principal_of, secret_of, tenant_of,
};
use crate::engine::{AccessKeyRow, Changed, Credential, Events, KekRow, PrincipalRow, SecretKind, SecretRow, TenantRow};

pub(super) async fn create_tenant(
    session: &Session,
    tenant: &TenantRow,
    (keks, secrets): (&[KekRow], &[SecretRow]),
    events: &Events,
) -> Result<Step<Changed>, Fault> {
    let sql = "INSERT INTO tenants (id, name, facility, standing, created) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
    let values = given![tenant.id.as_bytes(), &tenant.name, tenant.facility.as_deref(), tenant.standing as u8, tenant.created];
    if session.change(sql, values).await? == 0 {
        return Ok(Step::Undo(Changed::Conflict));
    }
    for kek in keks {
        let sql = "INSERT INTO keks (tenant, purpose, version, state, provider, wrapped, created) VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let values =
            given![kek.tenant.as_bytes(), kek.purpose as u8, kek.version, kek.state as u8, &kek.provider, &kek.wrapped, kek.created];
        session.change(sql, values).await?;
    }
    for secret in secrets {
        let sql = "INSERT INTO secrets (tenant, kind, epoch, kek_version, wrapped) VALUES ($1, $2, $3, $4, $5)";
        let values = given![secret.tenant.as_bytes(), secret.kind as u8, secret.epoch, secret.kek_version, &secret.wrapped];
        session.change(sql, values).await?;
    }
    concluded(session, 1, events).await
}

pub(super) async fn tenants(session: &Session) -> Result<Vec<TenantRow>, Fault> {
    let sql = format!("SELECT {TENANT} FROM tenants ORDER BY name");
    session.all(&sql, given![], |row| tenant_of(&mut Cells::new(row, "tenants"))).await
}

pub(super) async fn tenant(session: &Session, id: TenantId) -> Result<Option<TenantRow>, Fault> {
    let sql = format!("SELECT {TENANT} FROM tenants WHERE id = $1");
    session.one(&sql, given![id.as_bytes()], |row| tenant_of(&mut Cells::new(row, "tenants"))).await
}

pub(super) async fn set_tenant_standing(
    session: &Session,
    id: TenantId,
    standing: Standing,
    events: &Events,
) -> Result<Step<Changed>, Fault> {
    let sql = "UPDATE tenants SET standing = $1 WHERE id = $2";
    let changed = session.change(sql, given![standing as u8, id.as_bytes()]).await?;
    concluded(session, changed, events).await
}

pub(super) async fn keks(session: &Session, tenant: TenantId, purpose: KekPurpose) -> Result<Vec<KekRow>, Fault> {
    let sql = "SELECT tenant, purpose, version, state, provider, wrapped, created FROM keks
               WHERE tenant = $1 AND purpose = $2 ORDER BY version";
    session.all(sql, given![tenant.as_bytes(), purpose as u8], kek_of).await
}

pub(super) async fn secrets(session: &Session, tenant: TenantId, kind: SecretKind) -> Result<Vec<SecretRow>, Fault> {
    let sql = "SELECT tenant, epoch, kek_version, wrapped FROM secrets WHERE tenant = $1 AND kind = $2 ORDER BY epoch";
    session.all(sql, given![tenant.as_bytes(), kind as u8], |row| secret_of(row, kind)).await
}

pub(super) async fn create_principal(session: &Session, row: &PrincipalRow, events: &Events) -> Result<Step<Changed>, Fault> {
    let sql = format!("INSERT INTO principals ({PRINCIPAL}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING");
    let values = given![
        row.id.as_bytes(),
        row.tenant.as_bytes(),
        &row.name,
        row.kind as u8,
        row.standing as u8,
        row.kek_version,
        &row.sealed_profile,
        row.created,
        row.revision,
        &row.mac.0
    ];
    let changed = session.change(&sql, values).await?;
    concluded(session, changed, events).await
}

pub(super) async fn principals(session: &Session, tenant: TenantId) -> Result<Vec<PrincipalRow>, Fault> {
    let sql = format!("SELECT {PRINCIPAL} FROM principals WHERE tenant = $1 ORDER BY name");
    session.all(&sql, given![tenant.as_bytes()], |row| principal_of(&mut Cells::new(row, "principals"))).await
}

pub(super) async fn update_principal(session: &Session, row: &PrincipalRow, events: &Events) -> Result<Step<Changed>, Fault> {
    let sql = "UPDATE principals SET kind = $1, standing = $2, kek_version = $3, sealed_profile = $4, revision = $5, mac = $6
               WHERE id = $7 AND tenant = $8 AND revision + 1 = $5";
    let values = given![
        row.kind as u8,
        row.standing as u8,
        row.kek_version,
        &row.sealed_profile,
        row.revision,
        &row.mac.0,
        row.id.as_bytes(),
        row.tenant.as_bytes()
    ];
    let changed = session.change(sql, values).await?;
    concluded(session, changed, events).await
}

pub(super) async fn create_access_key(session: &Session, row: &AccessKeyRow, events: &Events) -> Result<Step<Changed>, Fault> {
    let sql = format!("INSERT INTO access_keys ({ACCESS_KEY}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING");
    let values = given![
        &row.access_key,
        row.tenant.as_bytes(),
        row.principal.as_bytes(),
        row.standing as u8,
        row.kek_version,
        &row.wrapped_secret,
        row.created,
        row.expires,
        row.revision,
        &row.mac.0
    ];
    let changed = session.change(&sql, values).await?;
    concluded(session, changed, events).await
}

pub(super) async fn credential(session: &Session, access_key: &str) -> Result<Option<Credential>, Fault> {
    let sql = format!(
        "SELECT {CREDENTIAL_COLUMNS} FROM access_keys k JOIN principals p ON p.id = k.principal AND p.tenant = k.tenant
         JOIN tenants t ON t.id = p.tenant WHERE k.access_key = $1"
    );
    session.one(&sql, given![access_key], credential_of).await
}

pub(super) async fn access_keys(session: &Session, tenant: TenantId, principal: Option<PrincipalId>) -> Result<Vec<AccessKeyRow>, Fault> {
    let sql =
        format!("SELECT {ACCESS_KEY} FROM access_keys WHERE tenant = $1 AND ($2::bytea IS NULL OR principal = $2) ORDER BY access_key");
    let values = given![tenant.as_bytes(), principal.as_ref().map(PrincipalId::as_bytes)];
    session.all(&sql, values, |row| access_key_of(&mut Cells::new(row, "access_keys"))).await
}

pub(super) async fn update_access_key(session: &Session, row: &AccessKeyRow, events: &Events) -> Result<Step<Changed>, Fault> {
    let sql = "UPDATE access_keys SET standing = $1, kek_version = $2, wrapped_secret = $3, expires = $4, revision = $5, mac = $6
               WHERE access_key = $7 AND tenant = $8 AND revision + 1 = $5";
    let values = given![
        row.standing as u8,
        row.kek_version,
        &row.wrapped_secret,
        row.expires,
        row.revision,
        &row.mac.0,
        &row.access_key,
        row.tenant.as_bytes()
    ];
    let changed = session.change(sql, values).await?;
    concluded(session, changed, events).await
}

/// Writes the events of a change that happened, and undoes one that did not.
pub(super) async fn concluded(session: &Session, changed: u64, events: &Events) -> Result<Step<Changed>, Fault> {
    if changed == 0 {
        return Ok(Step::Undo(Changed::Conflict));
    }
    write_events(session, events).await?;
    Ok(Step::Keep(Changed::Done))
}
