use super::problem::Problem;
use super::route::{Answered, Asked, created, shown};
use super::wire::{NewTenant, Tenant};
use crate::access::NewDirective;
use crate::audit::{OperatorAction, Subject};
use crate::domain::{Directive, HandOver, PrincipalKind, Right, Standing, TenantId};
use crate::engine::TenantRow;
use crate::identity::Person;

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

/// `POST /v1/tenants/{tenant}/hand-over`: from now on only the tenant's own administrators make people and credentials.
/// Operators can still shut out. There is no way back.
pub(super) async fn hand_over(asked: &Asked<'_>, name: &str) -> Answered {
    let row = find(asked, name).await?;
    let services = asked.services;
    let book = services.access.book_now(row.id).await?;
    if book.handed_over().is_some() {
        return Err(Problem::already("the tenant was handed over already"));
    }
    // Whoever asks for a change cannot approve it: one administrator alone could never do anything again.
    let mut able = 0;
    for person in services.people.principals(row.id).await?.iter().filter(|person| administers(person)) {
        let keys = services.people.access_keys(row.id, Some(person.id)).await?;
        able += usize::from(keys.iter().any(|key| key.standing == Standing::Active));
    }
    if able < 2 {
        return Err(Problem::bad("the tenant needs two persons with the right `manage-policy` on `*`, each with a credential"));
    }
    let at = services.clock.now();
    let event = asked.operator.event(OperatorAction::HandOver, Subject::default(), at);
    let pending = services.journal.seal(row.id, event).await?;
    let done = Directive::HandOver(HandOver { at, by: asked.operator.name().to_owned() });
    services.access.put(row.id, vec![NewDirective::over(&book, done)], pending.into_events()).await?;
    shown(&tenant(row))
}

fn administers(person: &Person) -> bool {
    let grants = &person.profile.grants;
    person.kind == PrincipalKind::Person
        && person.standing == Standing::Active
        && grants.iter().any(|grant| grant.bucket == "*" && grant.rights.contains(&Right::ManagePolicy))
}

/// Refuses what only a tenant's own administrators do after the hand-over.
pub(super) async fn not_handed_over(asked: &Asked<'_>, tenant: TenantId) -> Result<(), Problem> {
    match asked.services.access.book_now(tenant).await?.handed_over() {
        None => Ok(()),
        Some(_) => Err(Problem::handed_over()),
    }
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
