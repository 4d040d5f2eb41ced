use super::problem::Problem;
use super::route::{Answered, Asked, created, shown};
use super::tenants::{find, not_handed_over};
use super::wire::{Credential, MadeCredential, NewCredential};
use crate::audit::{OperatorAction, Subject};
use crate::domain::{Standing, UtcTime};
use crate::identity::AccessKey;

/// `GET /v1/tenants/{tenant}/credentials`, of one principal where `principal` names it.
pub(super) async fn list(asked: &Asked<'_>, tenant: &str) -> Answered {
    let tenant = find(asked, tenant).await?;
    let people = &asked.services.people;
    let of = match asked.parameter("principal")? {
        Some(name) => Some(people.principal(tenant.id, &name).await?.id),
        None => None,
    };
    let keys = people.access_keys(tenant.id, of).await?;
    shown(&keys.into_iter().map(credential).collect::<Vec<_>>())
}

/// `POST /v1/tenants/{tenant}/credentials`: the only answer with a secret, and it is given once.
pub(super) async fn create(asked: &Asked<'_>, tenant: &str) -> Answered {
    let tenant = find(asked, tenant).await?;
    let new: NewCredential = asked.document()?;
    not_handed_over(asked, tenant.id).await?;
    let services = asked.services;
    let now = services.clock.now();
    let expires = new.expires.as_deref().map(moment).transpose()?;
    if expires.is_some_and(|expires| expires <= now) {
        return Err(Problem::bad("`expires` lies in the past"));
    }
    let key = services.people.new_access_key(tenant.id, &new.principal, expires).await?;
    let subject = Subject {
        principal: Some(new.principal),
        credential: Some(key.id().to_owned()),
        expires: expires.map(|at| at.to_string()),
        ..Subject::default()
    };
    let event = asked.operator.event(OperatorAction::CreateCredential, subject, now);
    let pending = services.journal.seal(tenant.id, event).await?;
    let (key, secret) = services.people.add_access_key(key, pending.into_events()).await?;
    created(&MadeCredential { credential: credential(key), secret_key: secret.as_str().to_owned() })
}

/// `GET /v1/tenants/{tenant}/credentials/{access key}`
pub(super) async fn show(asked: &Asked<'_>, tenant: &str, id: &str) -> Answered {
    let tenant = find(asked, tenant).await?;
    shown(&one(asked, tenant.id, id).await?)
}

/// `POST /v1/tenants/{tenant}/credentials/{access key}/disable`
pub(super) async fn disable(asked: &Asked<'_>, tenant: &str, id: &str) -> Answered {
    let tenant = find(asked, tenant).await?;
    let services = asked.services;
    let subject = Subject { credential: Some(id.to_owned()), ..Subject::default() };
    let event = asked.operator.event(OperatorAction::DisableCredential, subject, services.clock.now());
    let pending = services.journal.seal(tenant.id, event).await?;
    services.people.set_access_key_standing(tenant.id, id, Standing::Disabled, pending.into_events()).await?;
    shown(&one(asked, tenant.id, id).await?)
}

async fn one(asked: &Asked<'_>, tenant: crate::domain::TenantId, id: &str) -> Result<Credential, Problem> {
    let keys = asked.services.people.access_keys(tenant, None).await?;
    keys.into_iter().find(|key| key.id == id).map(credential).ok_or_else(|| Problem::absent("credential", id))
}

fn moment(text: &str) -> Result<UtcTime, Problem> {
    UtcTime::parse(text).map_err(|error| Problem::bad(format!("`{text}`: {error}")))
}

fn credential(key: AccessKey) -> Credential {
    Credential {
        access_key: key.id,
        principal: key.principal.to_string(),
        standing: key.standing,
        created: key.created.to_string(),
        expires: key.expires.map(|at| at.to_string()),
    }
}
