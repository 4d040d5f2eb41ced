use super::problem::Problem;
use super::route::{Answered, Asked, created, shown};
use super::tenants::find;
use super::wire::{Credential, MadeCredential, NewCredential};
use crate::audit::Subject;
use crate::domain::{Standing, UtcTime};
use crate::identity::AccessKey;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

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
    let services = asked.services;
    let now = services.clock.now();
    let expires = new.expires.as_deref().map(moment).transpose()?;
    if expires.is_some_and(|expires| expires <= now) {
        return Err(Problem::bad("`expires` lies in the past"));
    }
    let subject = Subject { principal: Some(new.principal.clone()), ..Subject::default() };
    let event = asked.operator.event("create-credential", "CreateCredential", subject, now);
    let pending = services.journal.seal(tenant.id, event).await?;
    let (key, secret) = services.people.create_access_key(tenant.id, &new.principal, expires, pending.into_events()).await?;
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
    let subject = Subject { principal: Some(id.to_owned()), ..Subject::default() };
    let event = asked.operator.event("disable-credential", "DisableCredential", subject, services.clock.now());
    let pending = services.journal.seal(tenant.id, event).await?;
    services.people.set_access_key_standing(tenant.id, id, Standing::Disabled, pending.into_events()).await?;
    shown(&one(asked, tenant.id, id).await?)
}

async fn one(asked: &Asked<'_>, tenant: crate::domain::TenantId, id: &str) -> Result<Credential, Problem> {
    let keys = asked.services.people.access_keys(tenant, None).await?;
    keys.into_iter().find(|key| key.id == id).map(credential).ok_or_else(|| Problem::absent("credential", id))
}

fn moment(text: &str) -> Result<UtcTime, Problem> {
    let refused = || Problem::bad(format!("`{text}` is no moment such as 2027-03-31T15:00:00Z"));
    let at = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| refused())?;
    i64::try_from(at.unix_timestamp_nanos() / 1_000).map(UtcTime::from_micros).map_err(|_| refused())
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
