//! The table of operations: which handler answers each. What is not in it is refused as not implemented, by name.

use super::call::{Answer, Arrival, Call};
use super::fault::Fault;
use super::service::Service;
use super::{bucket, copy, listing, multipart, object, small, tagging};
use async_trait::async_trait;
use s3s::dto;
use s3s::{S3, S3ErrorCode, S3Request, S3Response, S3Result};

/// S3 as hozon does it.
pub(super) struct Operations(pub(super) Service);

macro_rules! operations {
    ($($name:literal $method:ident($input:ident) -> $output:ident = $handler:path;)+) => {
        /// The operations that are answered.
        pub(super) const ANSWERED: &[&str] = &[$($name),+];

        #[async_trait]
        impl S3 for Operations {
            $(async fn $method(&self, request: S3Request<dto::$input>) -> S3Result<S3Response<dto::$output>> {
                let arrival = request.extensions.get::<Arrival>().cloned();
                let answered = match Call::take(request, $name) {
                    Ok((call, input)) => $handler(&self.0, call, input).await,
                    Err(fault) => Err(fault),
                };
                told(answered, arrival)
            })+
        }
    };
}

operations! {
    "ListBuckets" list_buckets(ListBucketsInput) -> ListBucketsOutput = bucket::list;
    "CreateBucket" create_bucket(CreateBucketInput) -> CreateBucketOutput = bucket::create;
    "HeadBucket" head_bucket(HeadBucketInput) -> HeadBucketOutput = bucket::head;
    "DeleteBucket" delete_bucket(DeleteBucketInput) -> DeleteBucketOutput = bucket::delete;
    "GetBucketLocation" get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput = bucket::location;
    "GetBucketVersioning" get_bucket_versioning(GetBucketVersioningInput) -> GetBucketVersioningOutput = bucket::versioning;
    "PutBucketVersioning" put_bucket_versioning(PutBucketVersioningInput) -> PutBucketVersioningOutput = bucket::set_versioning;

    "PutObject" put_object(PutObjectInput) -> PutObjectOutput = object::put;
    "GetObject" get_object(GetObjectInput) -> GetObjectOutput = object::get;
    "HeadObject" head_object(HeadObjectInput) -> HeadObjectOutput = object::head;
    "DeleteObject" delete_object(DeleteObjectInput) -> DeleteObjectOutput = object::delete;
    "DeleteObjects" delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput = object::delete_many;
    "CopyObject" copy_object(CopyObjectInput) -> CopyObjectOutput = copy::copy;
    "GetObjectAttributes" get_object_attributes(GetObjectAttributesInput) -> GetObjectAttributesOutput = tagging::attributes;
    "GetObjectTagging" get_object_tagging(GetObjectTaggingInput) -> GetObjectTaggingOutput = tagging::get;
    "PutObjectTagging" put_object_tagging(PutObjectTaggingInput) -> PutObjectTaggingOutput = tagging::put;
    "DeleteObjectTagging" delete_object_tagging(DeleteObjectTaggingInput) -> DeleteObjectTaggingOutput = tagging::delete;

    "ListObjects" list_objects(ListObjectsInput) -> ListObjectsOutput = listing::list;
    "ListObjectsV2" list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output = listing::list_v2;
    "ListObjectVersions" list_object_versions(ListObjectVersionsInput) -> ListObjectVersionsOutput = listing::list_versions;
    "ListMultipartUploads" list_multipart_uploads(ListMultipartUploadsInput) -> ListMultipartUploadsOutput = listing::list_uploads;

    "CreateMultipartUpload" create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput = multipart::create;
    "UploadPart" upload_part(UploadPartInput) -> UploadPartOutput = multipart::add_part;
    "UploadPartCopy" upload_part_copy(UploadPartCopyInput) -> UploadPartCopyOutput = copy::upload_part;
    "CompleteMultipartUpload" complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput = multipart::complete;
    "AbortMultipartUpload" abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput = multipart::abort;
    "ListParts" list_parts(ListPartsInput) -> ListPartsOutput = multipart::list_parts;

    "GetBucketAcl" get_bucket_acl(GetBucketAclInput) -> GetBucketAclOutput = small::bucket_acl;
    "PutBucketAcl" put_bucket_acl(PutBucketAclInput) -> PutBucketAclOutput = small::set_bucket_acl;
    "GetObjectAcl" get_object_acl(GetObjectAclInput) -> GetObjectAclOutput = small::object_acl;
    "PutObjectAcl" put_object_acl(PutObjectAclInput) -> PutObjectAclOutput = small::set_object_acl;
    "GetBucketEncryption" get_bucket_encryption(GetBucketEncryptionInput) -> GetBucketEncryptionOutput = small::encryption;
    "GetBucketOwnershipControls" get_bucket_ownership_controls(GetBucketOwnershipControlsInput) -> GetBucketOwnershipControlsOutput = small::ownership;
    "GetPublicAccessBlock" get_public_access_block(GetPublicAccessBlockInput) -> GetPublicAccessBlockOutput = small::public_access;
    "GetBucketLogging" get_bucket_logging(GetBucketLoggingInput) -> GetBucketLoggingOutput = small::logging;
    "GetBucketNotificationConfiguration" get_bucket_notification_configuration(GetBucketNotificationConfigurationInput) -> GetBucketNotificationConfigurationOutput = small::notification;
    "GetBucketRequestPayment" get_bucket_request_payment(GetBucketRequestPaymentInput) -> GetBucketRequestPaymentOutput = small::request_payment;
    "GetBucketAccelerateConfiguration" get_bucket_accelerate_configuration(GetBucketAccelerateConfigurationInput) -> GetBucketAccelerateConfigurationOutput = small::acceleration;
    "GetBucketPolicy" get_bucket_policy(GetBucketPolicyInput) -> GetBucketPolicyOutput = small::policy;
    "GetBucketPolicyStatus" get_bucket_policy_status(GetBucketPolicyStatusInput) -> GetBucketPolicyStatusOutput = small::policy_status;
    "GetBucketCors" get_bucket_cors(GetBucketCorsInput) -> GetBucketCorsOutput = small::cors;
    "GetBucketLifecycleConfiguration" get_bucket_lifecycle_configuration(GetBucketLifecycleConfigurationInput) -> GetBucketLifecycleConfigurationOutput = small::lifecycle;
    "GetBucketWebsite" get_bucket_website(GetBucketWebsiteInput) -> GetBucketWebsiteOutput = small::website;
    "GetBucketTagging" get_bucket_tagging(GetBucketTaggingInput) -> GetBucketTaggingOutput = small::bucket_tagging;
    "GetBucketReplication" get_bucket_replication(GetBucketReplicationInput) -> GetBucketReplicationOutput = small::replication;
    "GetObjectLockConfiguration" get_object_lock_configuration(GetObjectLockConfigurationInput) -> GetObjectLockConfigurationOutput = small::lock_configuration;
    "GetObjectRetention" get_object_retention(GetObjectRetentionInput) -> GetObjectRetentionOutput = small::retention;
    "GetObjectLegalHold" get_object_legal_hold(GetObjectLegalHoldInput) -> GetObjectLegalHoldOutput = small::legal_hold;
}

/// Keeps a fault for the endpoint, which writes it whole; the protocol crate can only carry its code.
fn told<T>(answered: Answer<T>, arrival: Option<Arrival>) -> S3Result<S3Response<T>> {
    answered.map_err(|fault| {
        let error = fault.to_error();
        if let Some(arrival) = arrival {
            arrival.exchange.fail(fault);
        }
        error
    })
}

/// The name of an operation that is answered.
pub(super) fn name_of(operation: &str) -> Option<&'static str> {
    ANSWERED.iter().copied().find(|name| *name == operation)
}

/// The fault of an operation that is not answered.
pub(super) fn not_answered(operation: &str) -> Fault {
    Fault::new(S3ErrorCode::NotImplemented, format!("{operation} is not implemented.")).with("Operation", operation)
}
