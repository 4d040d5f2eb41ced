//! Small questions that tools ask of buckets and objects. Each has one true answer here (S3-PRACTICE).

use super::answer;
use super::call::{Answer, Call, Place, bucket_name, which};
use super::fault::Fault;
use super::service::Service;
use super::writing;
use crate::domain::TenantId;
use http::StatusCode;
use s3s::S3Response;
use s3s::dto::{
    AccessControlPolicy, GetBucketAccelerateConfigurationInput, GetBucketAccelerateConfigurationOutput, GetBucketAclInput,
    GetBucketAclOutput, GetBucketCorsInput, GetBucketCorsOutput, GetBucketEncryptionInput, GetBucketEncryptionOutput,
    GetBucketLifecycleConfigurationInput, GetBucketLifecycleConfigurationOutput, GetBucketLoggingInput, GetBucketLoggingOutput,
    GetBucketNotificationConfigurationInput, GetBucketNotificationConfigurationOutput, GetBucketOwnershipControlsInput,
    GetBucketOwnershipControlsOutput, GetBucketPolicyInput, GetBucketPolicyOutput, GetBucketPolicyStatusInput, GetBucketPolicyStatusOutput,
    GetBucketReplicationInput, GetBucketReplicationOutput, GetBucketRequestPaymentInput, GetBucketRequestPaymentOutput,
    GetBucketTaggingInput, GetBucketTaggingOutput, GetBucketWebsiteInput, GetBucketWebsiteOutput, GetObjectAclInput, GetObjectAclOutput,
    GetObjectLegalHoldInput, GetObjectLegalHoldOutput, GetObjectLockConfigurationInput, GetObjectLockConfigurationOutput,
    GetObjectRetentionInput, GetObjectRetentionOutput, GetPublicAccessBlockInput, GetPublicAccessBlockOutput, Grant, Grantee,
    ObjectOwnership, OwnershipControls, OwnershipControlsRule, Payer, Permission, PublicAccessBlockConfiguration, PutBucketAclInput,
    PutBucketAclOutput, PutObjectAclInput, PutObjectAclOutput, ServerSideEncryption, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule, Type,
};

/// Looks at the bucket, so that whoever may not see it learns nothing, and it goes on record.
async fn seen(service: &Service, call: &Call, bucket: &str) -> Result<(), Fault> {
    let _seen = service.gate().view_bucket(&call.who, &call.around, &bucket_name(bucket)?).await?;
    Ok(())
}

/// The same for an object.
async fn seen_object(service: &Service, call: &Call, place: (&str, &str), version: Option<&str>) -> Result<(), Fault> {
    let place = Place::parse(place.0, place.1)?;
    let _seen = service.gate().read(&call.who, &call.around, place.pair(), which(version)?).await?.recorded().await?;
    Ok(())
}

/// Answers that there is no such configuration, and never will be.
macro_rules! absent {
    ($($name:ident($input:ty) -> $output:ty = $code:literal, $message:literal;)+) => {
        $(pub(super) async fn $name(service: &Service, call: Call, input: $input) -> Answer<$output> {
            seen(service, &call, &input.bucket).await?;
            Err(Fault::custom($code, StatusCode::NOT_FOUND, $message))
        })+
    };
}

absent! {
    policy(GetBucketPolicyInput) -> GetBucketPolicyOutput = "NoSuchBucketPolicy", "The bucket policy does not exist";
    policy_status(GetBucketPolicyStatusInput) -> GetBucketPolicyStatusOutput = "NoSuchBucketPolicy", "The bucket policy does not exist";
    cors(GetBucketCorsInput) -> GetBucketCorsOutput = "NoSuchCORSConfiguration", "The CORS configuration does not exist";
    lifecycle(GetBucketLifecycleConfigurationInput) -> GetBucketLifecycleConfigurationOutput =
        "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist";
    website(GetBucketWebsiteInput) -> GetBucketWebsiteOutput =
        "NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration";
    bucket_tagging(GetBucketTaggingInput) -> GetBucketTaggingOutput = "NoSuchTagSet", "The TagSet does not exist";
    replication(GetBucketReplicationInput) -> GetBucketReplicationOutput =
        "ReplicationConfigurationNotFoundError", "The replication configuration was not found";
    lock_configuration(GetObjectLockConfigurationInput) -> GetObjectLockConfigurationOutput =
        "ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket";
}

pub(super) async fn bucket_acl(service: &Service, call: Call, input: GetBucketAclInput) -> Answer<GetBucketAclOutput> {
    seen(service, &call, &input.bucket).await?;
    let owner = Some(answer::owner(call.tenant()));
    Ok(S3Response::new(GetBucketAclOutput { grants: Some(vec![full_control(call.tenant())]), owner }))
}

pub(super) async fn object_acl(service: &Service, call: Call, input: GetObjectAclInput) -> Answer<GetObjectAclOutput> {
    seen_object(service, &call, (&input.bucket, &input.key), input.version_id.as_deref()).await?;
    let owner = Some(answer::owner(call.tenant()));
    Ok(S3Response::new(GetObjectAclOutput { grants: Some(vec![full_control(call.tenant())]), owner, ..Default::default() }))
}

pub(super) async fn set_bucket_acl(service: &Service, call: Call, input: PutBucketAclInput) -> Answer<PutBucketAclOutput> {
    check_access(&call, input.access_control_policy)?;
    seen(service, &call, &input.bucket).await?;
    Ok(S3Response::new(PutBucketAclOutput {}))
}

pub(super) async fn set_object_acl(service: &Service, call: Call, input: PutObjectAclInput) -> Answer<PutObjectAclOutput> {
    check_access(&call, input.access_control_policy)?;
    seen_object(service, &call, (&input.bucket, &input.key), input.version_id.as_deref()).await?;
    Ok(S3Response::new(PutObjectAclOutput::default()))
}

fn full_control(tenant: TenantId) -> Grant {
    let owner = answer::owner(tenant);
    let grantee = Grantee {
        id: owner.id,
        display_name: owner.display_name,
        type_: Type::from_static(Type::CANONICAL_USER),
        email_address: None,
        uri: None,
    };
    Grant { grantee: Some(grantee), permission: Some(Permission::from_static(Permission::FULL_CONTROL)) }
}

/// An access list changes nothing here, so only the one that is true already is taken.
///
/// # Errors
/// `AccessControlListNotSupported` for any other.
fn check_access(call: &Call, policy: Option<AccessControlPolicy>) -> Result<(), Fault> {
    writing::check_acl(call.header("x-amz-acl"))?;
    let owner = call.tenant().to_string();
    let is_true = |grant: &Grant| {
        let grantee = grant.grantee.as_ref().and_then(|grantee| grantee.id.as_deref());
        grantee == Some(owner.as_str()) && grant.permission.as_ref().is_some_and(|right| right.as_str() == Permission::FULL_CONTROL)
    };
    let grants = policy.and_then(|policy| policy.grants).unwrap_or_default();
    if grants.iter().all(is_true) { Ok(()) } else { writing::check_acl(Some("custom")) }
}

pub(super) async fn encryption(service: &Service, call: Call, input: GetBucketEncryptionInput) -> Answer<GetBucketEncryptionOutput> {
    seen(service, &call, &input.bucket).await?;
    let sealed = ServerSideEncryptionByDefault {
        kms_master_key_id: Some(answer::key_id(&service.region, call.tenant())),
        sse_algorithm: ServerSideEncryption::from_static(ServerSideEncryption::AWS_KMS),
    };
    let rule = ServerSideEncryptionRule { apply_server_side_encryption_by_default: Some(sealed), bucket_key_enabled: Some(false) };
    let configuration = ServerSideEncryptionConfiguration { rules: vec![rule] };
    Ok(S3Response::new(GetBucketEncryptionOutput { server_side_encryption_configuration: Some(configuration) }))
}

pub(super) async fn ownership(
    service: &Service,
    call: Call,
    input: GetBucketOwnershipControlsInput,
) -> Answer<GetBucketOwnershipControlsOutput> {
    seen(service, &call, &input.bucket).await?;
    let rule = OwnershipControlsRule { object_ownership: ObjectOwnership::from_static(ObjectOwnership::BUCKET_OWNER_ENFORCED) };
    Ok(S3Response::new(GetBucketOwnershipControlsOutput { ownership_controls: Some(OwnershipControls { rules: vec![rule] }) }))
}

pub(super) async fn public_access(service: &Service, call: Call, input: GetPublicAccessBlockInput) -> Answer<GetPublicAccessBlockOutput> {
    seen(service, &call, &input.bucket).await?;
    let configuration = PublicAccessBlockConfiguration {
        block_public_acls: Some(true),
        block_public_policy: Some(true),
        ignore_public_acls: Some(true),
        restrict_public_buckets: Some(true),
    };
    Ok(S3Response::new(GetPublicAccessBlockOutput { public_access_block_configuration: Some(configuration) }))
}

pub(super) async fn logging(service: &Service, call: Call, input: GetBucketLoggingInput) -> Answer<GetBucketLoggingOutput> {
    seen(service, &call, &input.bucket).await?;
    Ok(S3Response::new(GetBucketLoggingOutput::default()))
}

pub(super) async fn notification(
    service: &Service,
    call: Call,
    input: GetBucketNotificationConfigurationInput,
) -> Answer<GetBucketNotificationConfigurationOutput> {
    seen(service, &call, &input.bucket).await?;
    Ok(S3Response::new(GetBucketNotificationConfigurationOutput::default()))
}

pub(super) async fn request_payment(
    service: &Service,
    call: Call,
    input: GetBucketRequestPaymentInput,
) -> Answer<GetBucketRequestPaymentOutput> {
    seen(service, &call, &input.bucket).await?;
    Ok(S3Response::new(GetBucketRequestPaymentOutput { payer: Some(Payer::from_static(Payer::BUCKET_OWNER)) }))
}

pub(super) async fn acceleration(
    service: &Service,
    call: Call,
    input: GetBucketAccelerateConfigurationInput,
) -> Answer<GetBucketAccelerateConfigurationOutput> {
    seen(service, &call, &input.bucket).await?;
    Ok(S3Response::new(GetBucketAccelerateConfigurationOutput::default()))
}

/// S3's own words for an object in a bucket without Object Lock: tools take it as "not locked".
fn without_lock() -> Fault {
    Fault::new(s3s::S3ErrorCode::InvalidRequest, "Bucket is missing Object Lock Configuration")
}

pub(super) async fn retention(service: &Service, call: Call, input: GetObjectRetentionInput) -> Answer<GetObjectRetentionOutput> {
    seen_object(service, &call, (&input.bucket, &input.key), input.version_id.as_deref()).await?;
    Err(without_lock())
}

pub(super) async fn legal_hold(service: &Service, call: Call, input: GetObjectLegalHoldInput) -> Answer<GetObjectLegalHoldOutput> {
    seen_object(service, &call, (&input.bucket, &input.key), input.version_id.as_deref()).await?;
    Err(without_lock())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_has_full_control_and_nobody_else() {
        let tenant = TenantId::from_bytes([7; 16]);
        let grant = full_control(tenant);
        assert_eq!(grant.grantee.unwrap().id, Some(tenant.to_string()));
        assert_eq!(grant.permission.unwrap().as_str(), Permission::FULL_CONTROL);
    }
}
