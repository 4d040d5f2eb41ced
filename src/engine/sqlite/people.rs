//! Tenants and their keys, principals and their credentials.

use super::journal::write_events;
use super::{all, failure, one, rows_changed};
use crate::domain::{KekPurpose, PrincipalId, Standing, TenantId};
use crate::engine::cells::{Cells, whole};
use crate::engine::step::Step;
use crate::engine::stored::people::{
    ACCESS_KEY, CREDENTIAL_COLUMNS, PRINCIPAL, TENANT, access_key_of, credential_of, kek_of, principal_of, secret_of, tenant_of,
};
use crate::engine::{AccessKeyRow, Changed, Credential, EngineError, Events, KekRow, PrincipalRow, SecretKind, SecretRow, TenantRow};
use rusqlite::{Connection, params};

pub(super) fn create_tenant(
    connection: &Connection,
    tenant: &TenantRow,
    (keks, secrets): (&[KekRow], &[SecretRow]),
    events: &Events,
) -> Result<Step<Changed>, EngineError> {
    let sql = "INSERT OR IGNORE INTO tenants (id, name, facility, standing, created) VALUES (?, ?, ?, ?, ?)";
    let values = params![tenant.id.as_bytes(), tenant.name, tenant.facility, tenant.standing as u8, tenant.created.micros()];
    if rows_changed(connection, sql, values)? == 0 {
        return Ok(Step::Undo(Changed::Conflict));
    }
    for kek in keks {
        let sql = "INSERT INTO keks (tenant, purpose, version, state, provider, wrapped, created) VALUES (?, ?, ?, ?, ?, ?, ?)";
        let values = params![
            kek.tenant.as_bytes(),
            kek.purpose as u8,
            kek.version,
            kek.state as u8,
            kek.provider,
            kek.wrapped,
            kek.created.micros()
        ];
        rows_changed(connection, sql, values)?;
    }
    for secret in secrets {
        let sql = "INSERT INTO secrets (tenant, kind, epoch, kek_version, wrapped) VALUES (?, ?, ?, ?, ?)";
        let values = params![secret.tenant.as_bytes(), secret.kind as u8, secret.epoch, secret.kek_version, secret.wrapped];
        rows_changed(connection, sql, values)?;
    }
    concluded(connection, 1, events)
}

pub(super) fn tenants(connection: &Connection) -> Result<Vec<TenantRow>, EngineError> {
    all(connection, &format!("SELECT {TENANT} FROM tenants ORDER BY name"), [], |row| tenant_of(&mut Cells::new(row, "tenants")))
}

pub(super) fn tenant(connection: &Connection, id: TenantId) -> Result<Option<TenantRow>, EngineError> {
    let sql = format!("SELECT {TENANT} FROM tenants WHERE id = ?");
    one(connection, &sql, [id.as_bytes()], |row| tenant_of(&mut Cells::new(row, "tenants")))
}

pub(super) fn set_tenant_standing(
    connection: &Connection,
    id: TenantId,
    standing: Standing,
    events: &Events,
) -> Result<Step<Changed>, EngineError> {
    let changed = rows_changed(connection, "UPDATE tenants SET standing = ? WHERE id = ?", params![standing as u8, id.as_bytes()])?;
    concluded(connection, changed, events)
}

pub(super) fn keks(connection: &Connection, tenant: TenantId, purpose: KekPurpose) -> Result<Vec<KekRow>, EngineError> {
    let sql =
        "SELECT tenant, purpose, version, state, provider, wrapped, created FROM keks WHERE tenant = ? AND purpose = ? ORDER BY version";
    all(connection, sql, params![tenant.as_bytes(), purpose as u8], kek_of)
}

pub(super) fn secrets(connection: &Connection, tenant: TenantId, kind: SecretKind) -> Result<Vec<SecretRow>, EngineError> {
    let sql = "SELECT tenant, epoch, kek_version, wrapped FROM secrets WHERE tenant = ? AND kind = ? ORDER BY epoch";
    all(connection, sql, params![tenant.as_bytes(), kind as u8], |row| secret_of(row, kind))
}

pub(super) fn create_principal(connection: &Connection, row: &PrincipalRow, events: &Events) -> Result<Step<Changed>, EngineError> {
    let sql = format!("INSERT OR IGNORE INTO principals ({PRINCIPAL}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    let values = params![
        row.id.as_bytes(),
        row.tenant.as_bytes(),
        row.name,
        row.kind as u8,
        row.standing as u8,
        row.kek_version,
        row.sealed_profile,
        row.created.micros(),
        whole(row.revision),
        row.mac.0
    ];
    let changed = rows_changed(connection, &sql, values)?;
    concluded(connection, changed, events)
}

pub(super) fn principals(connection: &Connection, tenant: TenantId) -> Result<Vec<PrincipalRow>, EngineError> {
    let sql = format!("SELECT {PRINCIPAL} FROM principals WHERE tenant = ? ORDER BY name");
    all(connection, &sql, [tenant.as_bytes()], |row| principal_of(&mut Cells::new(row, "principals")))
}

pub(super) fn update_principal(connection: &Connection, row: &PrincipalRow, events: &Events) -> Result<Step<Changed>, EngineError> {
    let sql = "UPDATE principals SET kind = ?, standing = ?, kek_version = ?, sealed_profile = ?, revision = ?, mac = ?
               WHERE id = ? AND tenant = ? AND revision = ?";
    let values = params![
        row.kind as u8,
        row.standing as u8,
        row.kek_version,
        row.sealed_profile,
        whole(row.revision),
        row.mac.0,
        row.id.as_bytes(),
        row.tenant.as_bytes(),
        whole(row.revision) - 1
    ];
    let changed = rows_changed(connection, sql, values)?;
    concluded(connection, changed, events)
}

pub(super) fn create_access_key(connection: &Connection, row: &AccessKeyRow, events: &Events) -> Result<Step<Changed>, EngineError> {
    let sql = format!("INSERT OR IGNORE INTO access_keys ({ACCESS_KEY}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    let values = params![
        row.access_key,
        row.tenant.as_bytes(),
        row.principal.as_bytes(),
        row.standing as u8,
        row.kek_version,
        row.wrapped_secret,
        row.created.micros(),
        row.expires.map(crate::domain::UtcTime::micros),
        whole(row.revision),
        row.mac.0
    ];
    let changed = rows_changed(connection, &sql, values)?;
    concluded(connection, changed, events)
}

pub(super) fn credential(connection: &Connection, access_key: &str) -> Result<Option<Credential>, EngineError> {
    let sql = format!(
        "SELECT {CREDENTIAL_COLUMNS} FROM access_keys k JOIN principals p ON p.id = k.principal AND p.tenant = k.tenant
         JOIN tenants t ON t.id = p.tenant WHERE k.access_key = ?"
    );
    one(connection, &sql, [access_key], credential_of)
}

pub(super) fn access_keys(
    connection: &Connection,
    tenant: TenantId,
    principal: Option<PrincipalId>,
) -> Result<Vec<AccessKeyRow>, EngineError> {
    let sql = format!("SELECT {ACCESS_KEY} FROM access_keys WHERE tenant = ?1 AND (?2 IS NULL OR principal = ?2) ORDER BY access_key");
    let values = params![tenant.as_bytes(), principal.as_ref().map(PrincipalId::as_bytes)];
    all(connection, &sql, values, |row| access_key_of(&mut Cells::new(row, "access_keys")))
}

pub(super) fn update_access_key(connection: &Connection, row: &AccessKeyRow, events: &Events) -> Result<Step<Changed>, EngineError> {
    let sql = "UPDATE access_keys SET standing = ?, kek_version = ?, wrapped_secret = ?, expires = ?, revision = ?, mac = ?
               WHERE access_key = ? AND tenant = ? AND revision = ?";
    let values = params![
        row.standing as u8,
        row.kek_version,
        row.wrapped_secret,
        row.expires.map(crate::domain::UtcTime::micros),
        whole(row.revision),
        row.mac.0,
        row.access_key,
        row.tenant.as_bytes(),
        whole(row.revision) - 1
    ];
    let changed = rows_changed(connection, sql, values)?;
    concluded(connection, changed, events)
}

/// Writes the events of a change that happened, and undoes one that did not.
pub(super) fn concluded(connection: &Connection, changed: usize, events: &Events) -> Result<Step<Changed>, EngineError> {
    if changed == 0 {
        return Ok(Step::Undo(Changed::Conflict));
    }
    write_events(connection, events).map_err(failure)?;
    Ok(Step::Keep(Changed::Done))
}
