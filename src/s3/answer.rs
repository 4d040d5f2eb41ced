//! What many answers have in common.

use super::checksums;
use super::fault::Fault;
use super::metadata;
use crate::domain::{Checksums, ETag, RecordState, TenantId, UtcTime, VersionId, Versioning};
use crate::engine::{Nullness, VersionRow};
use crate::index::{Bucket, Version};
use http::header::{ACCEPT_RANGES, HeaderMap, HeaderName, HeaderValue};
use s3s::dto::{self, Owner, Timestamp};
use time::macros::format_description;

/// The tag as the protocol crate has it.
pub(super) fn tag(tag: ETag) -> dto::ETag {
    dto::ETag::Strong(tag.to_string())
}

/// The moment as the protocol crate has it.
pub(super) fn timestamp(moment: UtcTime) -> Timestamp {
    Timestamp::from(moment.to_date_time())
}

/// The moment as HTTP has it.
pub(super) fn http_date(moment: UtcTime) -> String {
    let format = format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
    // The format has no component that a moment could lack.
    moment.to_date_time().format(format).unwrap_or_default()
}

/// A number of bytes as the protocol crate has it; none of ours is near the end of its range.
pub(super) fn size(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// A small number as the protocol crate has it.
pub(super) fn count(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Who owns everything of a tenant: the tenant itself.
pub(super) fn owner(tenant: TenantId) -> Owner {
    Owner { id: Some(tenant.to_string()), display_name: Some(tenant.to_string()) }
}

/// The id by which clients know a version: none in a bucket that never had versions.
pub(super) fn version_id(bucket: &Bucket, row: &VersionRow) -> Option<String> {
    shown_version(bucket, (row.null == Nullness::Numbered).then_some(row.id))
}

/// As [`version_id`], for a version that is known by its id alone.
pub(super) fn shown_version(bucket: &Bucket, id: Option<VersionId>) -> Option<String> {
    match (id, bucket.versioning) {
        (Some(id), _) => Some(id.to_string()),
        (None, Versioning::Off) => None,
        (None, Versioning::On | Versioning::Suspended) => Some("null".to_owned()),
    }
}

/// The name of the key that seals a tenant's records, as clients may see and state it.
pub(super) fn key_id(region: &str, tenant: TenantId) -> String {
    format!("arn:hozon:kms:{region}:{tenant}:key/data")
}

/// Sets a header whose value is made of ASCII; one that is not is a fault of ours and left out.
pub(super) fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// Says that the record is sealed, which also keeps clients from taking the tag for an MD5.
pub(super) fn set_sealed(headers: &mut HeaderMap, region: &str, tenant: TenantId) {
    set(headers, "x-amz-server-side-encryption", "aws:kms");
    set(headers, "x-amz-server-side-encryption-aws-kms-key-id", &key_id(region, tenant));
}

/// Says in which state the record is.
pub(super) fn set_state(headers: &mut HeaderMap, state: RecordState) {
    set(headers, "x-hozon-record-state", state.name());
}

/// Gives a checksum in headers.
pub(super) fn set_checksum(headers: &mut HeaderMap, checksum: &Checksums, parts: u32) {
    set(headers, checksums::header_of(checksum.algorithm), &checksums::shown(checksum, parts));
    set(headers, "x-amz-checksum-type", checksums::type_name(checksum.kind));
}

/// The headers that describe a version, whether its bytes follow or not.
pub(super) fn of_version(bucket: &Bucket, version: &Version) -> HeaderMap {
    let mut headers = HeaderMap::new();
    metadata::give_back(&version.attributes, &mut headers);
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    set(&mut headers, "etag", &format!("\"{}\"", version.row.etag));
    set(&mut headers, "last-modified", &http_date(version.row.created));
    set_state(&mut headers, version.row.state);
    if let Some(id) = version_id(bucket, &version.row) {
        set(&mut headers, "x-amz-version-id", &id);
    }
    if !version.tags.is_empty() {
        set(&mut headers, "x-amz-tagging-count", &version.tags.len().to_string());
    }
    headers
}

/// Adds to a 304 or 412 what a cache needs to know.
pub(super) fn with_validators(fault: Fault, version: &Version) -> Fault {
    let fault = fault.with_header("etag", &format!("\"{}\"", version.row.etag));
    fault.with_header("last-modified", &http_date(version.row.created))
}

/// Fills the field of the checksum's algorithm in one of the protocol crate's types.
macro_rules! fill_checksum {
    ($into:expr, $checksum:expr, $parts:expr) => {{
        let checksum: &$crate::domain::Checksums = $checksum;
        let shown = Some($crate::s3::checksums::shown(checksum, $parts));
        match checksum.algorithm {
            $crate::domain::ChecksumAlgorithm::Crc32 => $into.checksum_crc32 = shown,
            $crate::domain::ChecksumAlgorithm::Crc32c => $into.checksum_crc32c = shown,
            $crate::domain::ChecksumAlgorithm::Crc64Nvme => $into.checksum_crc64nvme = shown,
            $crate::domain::ChecksumAlgorithm::Sha1 => $into.checksum_sha1 = shown,
            $crate::domain::ChecksumAlgorithm::Sha256 => $into.checksum_sha256 = shown,
        }
    }};
}
pub(super) use fill_checksum;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_as_http_writes_it() {
        assert_eq!(http_date(UtcTime::from_micros(1_700_000_000_900_000)), "Tue, 14 Nov 2023 22:13:20 GMT");
    }
}
