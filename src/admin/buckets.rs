use super::problem::Problem;
use super::route::{Answered, Asked, created, shown};
use super::tenants::find;
use super::wire::{Bucket, Mode, NewBucket};
use crate::audit::{OperatorAction, Subject};
use crate::domain::{BucketName, Standing, Versioning, limits};
use crate::engine::Changed;
use crate::index;

/// `GET /v1/tenants/{tenant}/buckets`
pub(super) async fn list(asked: &Asked<'_>, tenant: &str) -> Answered {
    let tenant = find(asked, tenant).await?;
    let buckets = asked.services.index.of(tenant.id).buckets().await?;
    shown(&buckets.into_iter().map(bucket).collect::<Vec<_>>())
}

/// `POST /v1/tenants/{tenant}/buckets`
pub(super) async fn create(asked: &Asked<'_>, tenant: &str) -> Answered {
    let tenant = find(asked, tenant).await?;
    let new: NewBucket = asked.document()?;
    let name = BucketName::parse(&new.name)?;
    let services = asked.services;
    if let Some(class) = new.default_class.as_ref().filter(|class| services.record_classes.now().rule(class).is_none()) {
        return Err(Problem::bad(format!("there is no record class `{class}`")));
    }
    let index = services.index.of(tenant.id);
    if index.buckets().await?.len() >= limits::BUCKETS_PER_TENANT_MAX {
        return Err(Problem::bad(format!("the tenant has {} buckets already", limits::BUCKETS_PER_TENANT_MAX)));
    }
    let subject = Subject { bucket: Some(new.name.clone()), ..Subject::default() };
    let event = asked.operator.event(OperatorAction::CreateBucket, subject, services.clock.now());
    let pending = services.journal.seal(tenant.id, event).await?;
    // A records bucket always keeps its versions.
    let versioning = match new.mode {
        Mode::Records => Versioning::On,
        Mode::Plain => Versioning::Off,
    };
    let made = index::NewBucket { name, mode: new.mode.into(), versioning, default_class: new.default_class };
    let made = index.create_bucket(made, services.clock.now(), pending.into_events()).await?;
    created(&bucket(made.ok_or_else(|| Problem::taken("bucket", &new.name))?))
}

/// `GET /v1/tenants/{tenant}/buckets/{name}`
pub(super) async fn show(asked: &Asked<'_>, tenant: &str, name: &str) -> Answered {
    let tenant = find(asked, tenant).await?;
    let absent = || Problem::absent("bucket", name);
    let parsed = BucketName::parse(name).map_err(|_| absent())?;
    shown(&bucket(asked.services.index.of(tenant.id).bucket(&parsed).await?.ok_or_else(absent)?))
}

/// `POST /v1/tenants/{tenant}/buckets/{name}/disable`
pub(super) async fn disable(asked: &Asked<'_>, tenant: &str, name: &str) -> Answered {
    let tenant = find(asked, tenant).await?;
    let absent = || Problem::absent("bucket", name);
    let services = asked.services;
    let index = services.index.of(tenant.id);
    let parsed = BucketName::parse(name).map_err(|_| absent())?;
    let found = index.bucket(&parsed).await?.ok_or_else(absent)?;
    let subject = Subject { bucket: Some(name.to_owned()), ..Subject::default() };
    let event = asked.operator.event(OperatorAction::DisableBucket, subject, services.clock.now());
    let pending = services.journal.seal(tenant.id, event).await?;
    match index.set_bucket_standing(&found, Standing::Disabled, pending.into_events()).await? {
        Changed::Done => shown(&Bucket { standing: Standing::Disabled, ..bucket(found) }),
        Changed::Conflict => Err(Problem::changed()),
    }
}

fn bucket(bucket: index::Bucket) -> Bucket {
    Bucket {
        id: bucket.id.to_string(),
        name: bucket.name.as_str().to_owned(),
        mode: bucket.mode.into(),
        versioning: bucket.versioning.into(),
        standing: bucket.standing,
        default_class: bucket.default_class,
        created: bucket.created.to_string(),
    }
}
