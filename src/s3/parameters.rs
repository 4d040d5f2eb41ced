//! Which query parameters and headers each operation knows. What is not known is refused, so that nothing is
//! silently ignored, and so that no unknown sub-resource falls through to an operation that destroys.

use super::fault::Fault;
use super::query::Query;
use http::HeaderMap;
use s3s::S3ErrorCode;

type Names = &'static [&'static str];

/// What one operation knows.
#[derive(Debug, Clone, Copy)]
struct Known {
    parameters: Names,
    headers: &'static [Names],
}

/// Headers that any request may carry.
const ALWAYS: Names = &[
    "x-amz-date",
    "x-amz-content-sha256",
    "x-amz-user-agent",
    "x-amz-security-token",
    "x-amz-expected-bucket-owner",
    "x-hozon-purpose",
    "x-hozon-user-token",
];
const CHECKSUMS: Names = &[
    "x-amz-sdk-checksum-algorithm",
    "x-amz-checksum-crc32",
    "x-amz-checksum-crc32c",
    "x-amz-checksum-crc64nvme",
    "x-amz-checksum-sha1",
    "x-amz-checksum-sha256",
];
const STREAM: Names = &["x-amz-decoded-content-length", "x-amz-trailer"];
const WRITE: Names = &[
    "x-amz-acl",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-storage-class",
    "x-amz-tagging",
    METADATA,
];
const ALGORITHM: Names = &["x-amz-checksum-algorithm"];
const TYPE: Names = &["x-amz-checksum-type"];
const WRITE_CONDITIONS: Names = &["if-match", "if-none-match"];
const SOURCE: Names = &[
    "x-amz-copy-source",
    "x-amz-copy-source-if-match",
    "x-amz-copy-source-if-none-match",
    "x-amz-copy-source-if-modified-since",
    "x-amz-copy-source-if-unmodified-since",
    "x-amz-source-expected-bucket-owner",
];
const READ: Names = &["if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "range", "x-amz-checksum-mode"];

/// Stands for every header of user metadata.
const METADATA: &str = "x-amz-meta-";

/// Headers of HTTP that change what a request means: ignoring one could do harm.
const CONDITIONS: Names = &["if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "content-range"];

const OBJECT_READ: Names = &[
    "versionId",
    "partNumber",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
];

/// Refuses what the operation does not know. Operations that are refused as a whole know everything.
///
/// # Errors
/// `NotImplemented`, naming the header or parameter.
pub(super) fn check(operation: &str, headers: &HeaderMap, query: &Query) -> Result<(), Fault> {
    let Some(known) = known(operation) else { return Ok(()) };
    for (name, _) in query.iter() {
        // SDKs name the operation in `x-id`; S3 leaves all names that begin with `x-` to callers. The parameters
        // of a presigned URL were judged at the door, and those that stand for headers are headers by now.
        if !known.parameters.contains(&name) && !name.to_ascii_lowercase().starts_with("x-") {
            return Err(Fault::not_implemented(name));
        }
    }
    for name in headers.keys().map(http::HeaderName::as_str) {
        let is_ours = name.starts_with("x-amz-") || name.starts_with("x-hozon-");
        if (is_ours || CONDITIONS.contains(&name)) && !knows(&known, name) {
            return Err(unknown_header(name));
        }
    }
    Ok(())
}

fn knows(known: &Known, name: &str) -> bool {
    let listed = |group: &Names| group.iter().any(|other| *other == name || (*other == METADATA && name.starts_with(METADATA)));
    listed(&ALWAYS) || known.headers.iter().any(listed)
}

fn unknown_header(name: &str) -> Fault {
    if name.starts_with("x-amz-grant-") || name == "x-amz-acl" {
        return Fault::new(S3ErrorCode::AccessControlListNotSupported, "The bucket does not allow ACLs").with("ArgumentName", name);
    }
    Fault::not_implemented(name)
}

fn known(operation: &str) -> Option<Known> {
    object(operation).or_else(|| upload(operation)).or_else(|| bucket(operation))
}

fn object(operation: &str) -> Option<Known> {
    Some(match operation {
        "GetObject" | "HeadObject" => Known { parameters: OBJECT_READ, headers: &[READ] },
        "PutObject" => Known { parameters: &[], headers: &[CHECKSUMS, STREAM, WRITE, ALGORITHM, WRITE_CONDITIONS] },
        "CopyObject" => Known {
            parameters: &[],
            headers: &[WRITE, ALGORITHM, SOURCE, WRITE_CONDITIONS, &["x-amz-metadata-directive", "x-amz-tagging-directive"]],
        },
        "DeleteObject" => Known { parameters: &["versionId"], headers: &[] },
        "DeleteObjects" => Known { parameters: &["delete"], headers: &[CHECKSUMS, ALGORITHM] },
        "GetObjectAttributes" => Known {
            parameters: &["attributes", "versionId"],
            headers: &[&["x-amz-object-attributes", "x-amz-max-parts", "x-amz-part-number-marker"]],
        },
        "GetObjectTagging" | "DeleteObjectTagging" => Known { parameters: &["tagging", "versionId"], headers: &[] },
        "PutObjectTagging" => Known { parameters: &["tagging", "versionId"], headers: &[CHECKSUMS, ALGORITHM] },
        "GetObjectAcl" => Known { parameters: &["acl", "versionId"], headers: &[] },
        "PutObjectAcl" => Known { parameters: &["acl", "versionId"], headers: &[CHECKSUMS, ALGORITHM, &["x-amz-acl"]] },
        "GetObjectRetention" => Known { parameters: &["retention", "versionId"], headers: &[] },
        "GetObjectLegalHold" => Known { parameters: &["legal-hold", "versionId"], headers: &[] },
        _ => return None,
    })
}

fn upload(operation: &str) -> Option<Known> {
    Some(match operation {
        "CreateMultipartUpload" => Known { parameters: &["uploads"], headers: &[WRITE, ALGORITHM, TYPE] },
        "UploadPart" => Known { parameters: &["partNumber", "uploadId"], headers: &[CHECKSUMS, STREAM, ALGORITHM] },
        "UploadPartCopy" => Known { parameters: &["partNumber", "uploadId"], headers: &[SOURCE, &["x-amz-copy-source-range"]] },
        "CompleteMultipartUpload" => {
            Known { parameters: &["uploadId"], headers: &[CHECKSUMS, TYPE, WRITE_CONDITIONS, &["x-amz-mp-object-size"]] }
        }
        "AbortMultipartUpload" => Known { parameters: &["uploadId"], headers: &[] },
        "ListParts" => Known { parameters: &["uploadId", "max-parts", "part-number-marker"], headers: &[] },
        _ => return None,
    })
}

fn bucket(operation: &str) -> Option<Known> {
    let parameters: Names = match operation {
        "CreateBucket" => {
            let headers = &[CHECKSUMS, ALGORITHM, &["x-amz-acl", "x-amz-bucket-object-lock-enabled", "x-amz-object-ownership"]];
            return Some(Known { parameters: &[], headers });
        }
        "PutBucketVersioning" => return Some(Known { parameters: &["versioning"], headers: &[CHECKSUMS, ALGORITHM] }),
        "PutBucketAcl" => return Some(Known { parameters: &["acl"], headers: &[CHECKSUMS, ALGORITHM, &["x-amz-acl"]] }),
        "HeadBucket" | "DeleteBucket" => &[],
        "ListBuckets" => &["max-buckets", "continuation-token", "prefix", "bucket-region"],
        "ListObjects" => &["prefix", "delimiter", "marker", "max-keys", "encoding-type"],
        "ListObjectsV2" => {
            &["list-type", "prefix", "delimiter", "max-keys", "encoding-type", "continuation-token", "start-after", "fetch-owner"]
        }
        "ListObjectVersions" => &["versions", "prefix", "delimiter", "max-keys", "encoding-type", "key-marker", "version-id-marker"],
        "ListMultipartUploads" => &["uploads", "prefix", "delimiter", "max-uploads", "encoding-type", "key-marker", "upload-id-marker"],
        "GetBucketLocation" => &["location"],
        "GetBucketVersioning" => &["versioning"],
        "GetBucketAcl" => &["acl"],
        "GetBucketEncryption" => &["encryption"],
        "GetBucketPolicy" => &["policy"],
        "GetBucketPolicyStatus" => &["policyStatus"],
        "GetBucketCors" => &["cors"],
        "GetBucketLifecycleConfiguration" => &["lifecycle"],
        "GetBucketWebsite" => &["website"],
        "GetBucketTagging" => &["tagging"],
        "GetBucketReplication" => &["replication"],
        "GetObjectLockConfiguration" => &["object-lock"],
        "GetBucketOwnershipControls" => &["ownershipControls"],
        "GetPublicAccessBlock" => &["publicAccessBlock"],
        "GetBucketLogging" => &["logging"],
        "GetBucketNotificationConfiguration" => &["notification"],
        "GetBucketRequestPayment" => &["requestPayment"],
        "GetBucketAccelerateConfiguration" => &["accelerate"],
        _ => return None,
    };
    Some(Known { parameters, headers: &[] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn code(operation: &str, uri: &str, names: &[&'static str]) -> String {
        let headers = names.iter().map(|name| (HeaderName::from_static(name), HeaderValue::from_static("v"))).collect();
        let checked = check(operation, &headers, &Query::of(&uri.parse().unwrap()));
        checked.map_or_else(|fault| fault.code().to_owned(), |()| "ok".to_owned())
    }

    #[test]
    fn a_sub_resource_that_is_not_known_deletes_nothing() {
        assert_eq!(code("DeleteBucket", "/karte", &[]), "ok");
        assert_eq!(code("DeleteBucket", "/karte?versioning", &[]), "NotImplemented");
        assert_eq!(code("DeleteObject", "/karte/k?acl", &[]), "NotImplemented");
        assert_eq!(code("PutObject", "/karte/k?torrent", &[]), "NotImplemented");
        assert_eq!(code("PutObject", "/karte/k?x-id=PutObject", &[]), "ok");
    }

    #[test]
    fn a_header_that_is_not_known_is_refused() {
        assert_eq!(code("PutObject", "/karte/k", &["x-amz-meta-a", "x-amz-acl", "if-none-match", "x-amz-date"]), "ok");
        for name in ["x-amz-website-redirect-location", "x-amz-object-lock-mode", "x-amz-request-payer", "x-hozon-unknown", "content-range"]
        {
            assert_eq!(code("PutObject", "/karte/k", &[name]), "NotImplemented", "{name}");
        }
        assert_eq!(code("PutObject", "/karte/k", &["x-amz-server-side-encryption-customer-algorithm"]), "NotImplemented");
        assert_eq!(code("PutObject", "/karte/k", &["x-amz-grant-read"]), "AccessControlListNotSupported");
        assert_eq!(code("DeleteObject", "/karte/k", &["if-match"]), "NotImplemented");
        assert_eq!(code("UploadPart", "/karte/k?partNumber=1&uploadId=u", &["x-amz-meta-a"]), "NotImplemented");
        assert_eq!(code("GetObject", "/karte/k", &["x-amz-meta-a"]), "NotImplemented");
    }
}
