use super::problem::Problem;
use super::route::{Answered, Asked, created, shown};
use super::wire::{NewTenant, Tenant};
use crate::audit::{OperatorAction, Subject};
use crate::domain::{Standing, TenantId};
use crate::engine::TenantRow;

/// `GET /v1/tenants`
pub(super) async fn list(asked: &Asked<'_>) -> Answered {
    let tenants = asked.services.engine.tenants().await?;
    shown(&tenants.into_iter().map(tenant).collect::<Vec<_>>())
}

/// `POST /v1/tenants`
pub(super) async fn create(asked: &Asked<'_>) -> Answered {
    let new: NewTenant = asked.document()?;
    let services = asked.services;
    let new = services.leases.new_tenant(&new.name, new.facility.as_deref(), services.clock.now()).await?;
    // The tenant's log begins with the tenant itself, in one transaction with it.
    let event = asked.operator.event(OperatorAction::CreateTenant, Subject::default(), services.clock.now());
    let pending = services.journal.seal_first(&new, event)?;
    created(&tenant(services.leases.add_tenant(new, pending.into_events()).await?))
}

/// `GET /v1/tenants/{tenant}`
pub(super) async fn show(asked: &Asked<'_>, name: &str) -> Answered {
    shown(&tenant(find(asked, name).await?))
}

/// `POST /v1/tenants/{tenant}/disable`
pub(super) async fn disable(asked: &Asked<'_>, name: &str) -> Answered {
    let mut row = find(asked, name).await?;
    let services = asked.services;
    let event = asked.operator.event(OperatorAction::DisableTenant, Subject::default(), services.clock.now());
    let pending = services.journal.seal(row.id, event).await?;
    services.people.set_tenant_standing(row.id, Standing::Disabled, pending.into_events()).await?;
    row.standing = Standing::Disabled;
    shown(&tenant(row))
}

/// The tenant with this name or id.
pub(super) async fn find(asked: &Asked<'_>, name: &str) -> Result<TenantRow, Problem> {
    let tenants = asked.services.engine.tenants().await?;
    let id = TenantId::parse(name).ok();
    tenants.into_iter().find(|tenant| tenant.name == name || Some(tenant.id) == id).ok_or_else(|| Problem::absent("tenant", name))
}

fn tenant(row: TenantRow) -> Tenant {
    Tenant { id: row.id.to_string(), name: row.name, facility: row.facility, standing: row.standing, created: row.created.to_string() }
}
