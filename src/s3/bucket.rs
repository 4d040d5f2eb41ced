//! Buckets: make, look at, configure, delete.

use super::answer;
use super::call::{Answer, Call, bucket_name};
use super::fault::Fault;
use super::service::Service;
use super::writing;
use crate::domain::{BucketMode, Versioning, limits};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use s3s::dto::{
    Bucket, BucketLocationConstraint, BucketVersioningStatus, CreateBucketInput, CreateBucketOutput, DeleteBucketInput, DeleteBucketOutput,
    GetBucketLocationInput, GetBucketLocationOutput, GetBucketVersioningInput, GetBucketVersioningOutput, HeadBucketInput,
    HeadBucketOutput, ListBucketsInput, ListBucketsOutput, PutBucketVersioningInput, PutBucketVersioningOutput,
};
use s3s::{S3ErrorCode, S3Response};

/// S3's region without a name of its own.
const REGION_WITHOUT_NAME: &str = "us-east-1";

pub(super) async fn create(service: &Service, call: Call, input: CreateBucketInput) -> Answer<CreateBucketOutput> {
    let name = bucket_name(&input.bucket)?;
    writing::check_acl(call.header("x-amz-acl"))?;
    if input.object_ownership.is_some_and(|ownership| ownership.as_str() != "BucketOwnerEnforced") {
        return Err(Fault::not_implemented("x-amz-object-ownership"));
    }
    if let Some(configuration) = input.create_bucket_configuration {
        if configuration.bucket.is_some() || configuration.location.is_some() {
            return Err(Fault::not_implemented("CreateBucketConfiguration"));
        }
        check_location(configuration.location_constraint.as_ref(), &service.region)?;
    }
    // Object Lock is S3's word for what must stay; records buckets are hozon's.
    let mode = if input.object_lock_enabled_for_bucket == Some(true) { BucketMode::Records } else { BucketMode::Plain };
    let admitted = service.gate().make_bucket(&call.who, &call.around, &name).await?;
    service.objects.make_bucket(admitted, mode, None).await?;
    Ok(S3Response::new(CreateBucketOutput { location: Some(format!("/{name}")) }))
}

/// # Errors
/// `IllegalLocationConstraintException` for another region than ours.
fn check_location(wanted: Option<&BucketLocationConstraint>, region: &str) -> Result<(), Fault> {
    match wanted.map(BucketLocationConstraint::as_str) {
        None | Some("") => Ok(()),
        Some(wanted) if wanted == region => Ok(()),
        Some(wanted) => {
            let message =
                format!("The {wanted} location constraint is incompatible for the region specific endpoint this request was sent to.");
            Err(Fault::new(S3ErrorCode::IllegalLocationConstraintException, message).with("Region", region))
        }
    }
}

pub(super) async fn head(service: &Service, call: Call, input: HeadBucketInput) -> Answer<HeadBucketOutput> {
    let _seen = service.gate().view_bucket(&call.who, &call.around, &bucket_name(&input.bucket)?).await?;
    Ok(S3Response::new(HeadBucketOutput { bucket_region: Some(service.region.clone()), ..Default::default() }))
}

pub(super) async fn delete(service: &Service, call: Call, input: DeleteBucketInput) -> Answer<DeleteBucketOutput> {
    let admitted = service.gate().manage_bucket(&call.who, &call.around, &bucket_name(&input.bucket)?).await?;
    service.objects.delete_bucket(admitted).await?;
    Ok(S3Response::new(DeleteBucketOutput {}))
}

pub(super) async fn list(service: &Service, call: Call, input: ListBucketsInput) -> Answer<ListBucketsOutput> {
    let limit = match input.max_buckets {
        None => limits::BUCKETS_PER_TENANT_MAX,
        Some(wanted) => match usize::try_from(wanted) {
            Ok(wanted @ 1..=10_000) => wanted,
            Ok(_) | Err(_) => return Err(Fault::argument("max-buckets", "The number must be between 1 and 10000")),
        },
    };
    let bad_token = || Fault::argument("continuation-token", "The continuation token provided is incorrect");
    let after = match input.continuation_token {
        Some(token) => String::from_utf8(BASE64.decode(token).map_err(|_| bad_token())?).map_err(|_| bad_token())?,
        None => String::new(),
    };
    let admitted = service.gate().list_buckets(&call.who, &call.around).await?;
    let mut found = service.objects.list_buckets(&admitted).await?;
    found.sort_by(|one, other| one.name.cmp(&other.name));
    let prefix = input.prefix.as_deref().unwrap_or("");
    let elsewhere = input.bucket_region.is_some_and(|region| region != service.region);
    found.retain(|bucket| !elsewhere && bucket.name.as_str() > after.as_str() && bucket.name.as_str().starts_with(prefix));
    let is_truncated = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| is_truncated).map(|bucket| BASE64.encode(bucket.name.as_str()));
    let shown = found.iter().map(|bucket| Bucket {
        name: Some(bucket.name.to_string()),
        creation_date: Some(answer::timestamp(bucket.created)),
        bucket_region: Some(service.region.clone()),
    });
    Ok(S3Response::new(ListBucketsOutput {
        buckets: Some(shown.collect()),
        owner: Some(answer::owner(call.tenant())),
        continuation_token: next,
        prefix: input.prefix,
    }))
}

pub(super) async fn location(service: &Service, call: Call, input: GetBucketLocationInput) -> Answer<GetBucketLocationOutput> {
    let _seen = service.gate().view_bucket(&call.who, &call.around, &bucket_name(&input.bucket)?).await?;
    let named = (service.region != REGION_WITHOUT_NAME).then(|| service.region.clone().into());
    Ok(S3Response::new(GetBucketLocationOutput { location_constraint: named }))
}

pub(super) async fn versioning(service: &Service, call: Call, input: GetBucketVersioningInput) -> Answer<GetBucketVersioningOutput> {
    let admitted = service.gate().view_bucket(&call.who, &call.around, &bucket_name(&input.bucket)?).await?;
    let status = match admitted.subject().versioning {
        Versioning::Off => None,
        Versioning::On => Some(BucketVersioningStatus::from_static(BucketVersioningStatus::ENABLED)),
        Versioning::Suspended => Some(BucketVersioningStatus::from_static(BucketVersioningStatus::SUSPENDED)),
    };
    Ok(S3Response::new(GetBucketVersioningOutput { status, ..Default::default() }))
}

pub(super) async fn set_versioning(service: &Service, call: Call, input: PutBucketVersioningInput) -> Answer<PutBucketVersioningOutput> {
    let name = bucket_name(&input.bucket)?;
    let wanted = input.versioning_configuration;
    if wanted.mfa_delete.is_some_and(|mfa| mfa.as_str() != "Disabled") {
        return Err(Fault::not_implemented("MfaDelete"));
    }
    let versioning = match wanted.status.as_ref().map(BucketVersioningStatus::as_str) {
        Some("Enabled") => Versioning::On,
        Some("Suspended") => Versioning::Suspended,
        Some(_) | None => {
            return Err(Fault::new(S3ErrorCode::IllegalVersioningConfigurationException, "The Versioning element must be specified"));
        }
    };
    let admitted = service.gate().manage_bucket(&call.who, &call.around, &name).await?;
    service.objects.set_versioning(admitted, versioning).await?;
    Ok(S3Response::new(PutBucketVersioningOutput {}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_lies_here_or_nowhere() {
        let check = |text: &str| check_location(Some(&text.to_owned().into()), "ap-northeast-1");
        assert!(check_location(None, "ap-northeast-1").is_ok() && check("").is_ok() && check("ap-northeast-1").is_ok());
        assert_eq!(check("eu-west-1").unwrap_err().code(), "IllegalLocationConstraintException");
    }
}
