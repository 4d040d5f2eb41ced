use super::problem::Problem;
use super::route::{Answered, Asked, created, shown};
use super::tenants::{find, not_handed_over};
use super::wire::{NewPrincipal, Principal};
use crate::audit::{OperatorAction, Subject};
use crate::domain::Standing;
use crate::identity::{self, Person};

/// `GET /v1/tenants/{tenant}/principals`
pub(super) async fn list(asked: &Asked<'_>, tenant: &str) -> Answered {
    let tenant = find(asked, tenant).await?;
    let people = asked.services.people.principals(tenant.id).await?;
    shown(&people.into_iter().map(principal).collect::<Vec<_>>())
}

/// `POST /v1/tenants/{tenant}/principals`
pub(super) async fn create(asked: &Asked<'_>, tenant: &str) -> Answered {
    let tenant = find(asked, tenant).await?;
    let new: NewPrincipal = asked.document()?;
    not_handed_over(asked, tenant.id).await?;
    let job_types = asked.services.job_types.now();
    new.profile.check(|code| job_types.job_type(code).is_some()).map_err(|unfit| Problem::bad(unfit.to_string()))?;
    let services = asked.services;
    let subject = Subject { principal: Some(new.name.clone()), grants: new.profile.grants.clone(), ..Subject::default() };
    let event = asked.operator.event(OperatorAction::CreatePrincipal, subject, services.clock.now());
    let pending = services.journal.seal(tenant.id, event).await?;
    let new = identity::NewPrincipal { name: new.name, kind: new.kind, profile: new.profile };
    created(&principal(services.people.create_principal(tenant.id, new, pending.into_events()).await?))
}

/// `GET /v1/tenants/{tenant}/principals/{name}`
pub(super) async fn show(asked: &Asked<'_>, tenant: &str, name: &str) -> Answered {
    let tenant = find(asked, tenant).await?;
    shown(&principal(asked.services.people.principal(tenant.id, name).await?))
}

/// `POST /v1/tenants/{tenant}/principals/{name}/disable`
pub(super) async fn disable(asked: &Asked<'_>, tenant: &str, name: &str) -> Answered {
    let tenant = find(asked, tenant).await?;
    let services = asked.services;
    let subject = Subject { principal: Some(name.to_owned()), ..Subject::default() };
    let event = asked.operator.event(OperatorAction::DisablePrincipal, subject, services.clock.now());
    let pending = services.journal.seal(tenant.id, event).await?;
    services.people.set_standing(tenant.id, name, Standing::Disabled, pending.into_events()).await?;
    shown(&principal(services.people.principal(tenant.id, name).await?))
}

fn principal(person: Person) -> Principal {
    Principal {
        id: person.id.to_string(),
        name: person.name,
        kind: person.kind,
        standing: person.standing,
        created: person.created.to_string(),
        display_name: person.profile.display_name,
        job_types: person.profile.job_types,
        departments: person.profile.departments,
        default_purpose: person.profile.default_purpose,
        grants: person.profile.grants,
    }
}
