//! Listings of keys, versions and uploads.

use super::answer;
use super::call::{Answer, Call, bucket_name};
use super::fault::Fault;
use super::multipart::page_limit;
use super::service::Service;
use crate::domain::{ETag, UploadId, UtcTime, VersionId};
use crate::engine::{Nullness, VersionKind};
use crate::index::{ListItem, ListPage, ListQuery, UploadItem, UploadsQuery, VersionItem, VersionMarker, VersionsQuery};
use crate::policy::{Admitted, List};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::S3Response;
use s3s::dto::{
    self, CommonPrefix, DeleteMarkerEntry, EncodingType, Initiator, ListMultipartUploadsInput, ListMultipartUploadsOutput,
    ListObjectVersionsInput, ListObjectVersionsOutput, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output,
    MultipartUpload, Object, ObjectVersion,
};

/// What stays as it is in names of a listing that wants them encoded.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/');

/// A name as listings with `encoding-type=url` have it. Every way of decoding reads it the same.
pub(super) fn url_encoded(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// How names are written in an answer.
#[derive(Clone)]
enum Names {
    Plain,
    UrlEncoded(EncodingType),
}

impl Names {
    fn of(wanted: Option<EncodingType>) -> Result<Self, Fault> {
        match wanted {
            None => Ok(Self::Plain),
            Some(kind) if kind.as_str() == EncodingType::URL => Ok(Self::UrlEncoded(kind)),
            Some(_) => Err(Fault::argument("encoding-type", "Invalid Encoding Method specified in Request")),
        }
    }

    fn write(&self, name: &str) -> String {
        match self {
            Self::Plain => name.to_owned(),
            Self::UrlEncoded(_) => url_encoded(name),
        }
    }

    fn kind(&self) -> Option<EncodingType> {
        match self {
            Self::Plain => None,
            Self::UrlEncoded(kind) => Some(kind.clone()),
        }
    }

    fn prefix(&self, name: &str) -> CommonPrefix {
        CommonPrefix { prefix: Some(self.write(name)) }
    }

    fn object(&self, item: (String, ETag, u64, UtcTime), owner: Option<dto::Owner>) -> Object {
        let (key, etag, size, modified) = item;
        Object {
            key: Some(self.write(&key)),
            e_tag: Some(answer::tag(etag)),
            size: Some(answer::size(size)),
            last_modified: Some(answer::timestamp(modified)),
            storage_class: Some(dto::ObjectStorageClass::from_static(dto::ObjectStorageClass::STANDARD)),
            owner,
            ..Default::default()
        }
    }
}

pub(super) async fn list(service: &Service, call: Call, input: ListObjectsInput) -> Answer<ListObjectsOutput> {
    let names = Names::of(input.encoding_type)?;
    let prefix = input.prefix.unwrap_or_default();
    let limit = page_limit(input.max_keys, "max-keys")?;
    let admitted = admit(service, &call, &input.bucket, &prefix).await?;
    let query = ListQuery { prefix, delimiter: delimiter(input.delimiter), after: named(input.marker.clone()), limit };
    let page = page(service, &admitted, &query).await?;
    let owner = answer::owner(call.tenant());
    let (is_truncated, last) = (page.more, page.last.clone());
    let (contents, common_prefixes) = items(page, &names, Some(&owner));
    Ok(S3Response::new(ListObjectsOutput {
        name: Some(input.bucket),
        prefix: Some(names.write(&query.prefix)),
        delimiter: query.delimiter.as_deref().map(|text| names.write(text)),
        marker: Some(names.write(&input.marker.unwrap_or_default())),
        next_marker: last.filter(|_| is_truncated).map(|last| names.write(&last)),
        max_keys: Some(shown_limit(limit)),
        is_truncated: Some(is_truncated),
        contents: Some(contents),
        common_prefixes: Some(common_prefixes),
        encoding_type: names.kind(),
        ..Default::default()
    }))
}

pub(super) async fn list_v2(service: &Service, call: Call, input: ListObjectsV2Input) -> Answer<ListObjectsV2Output> {
    let names = Names::of(input.encoding_type)?;
    let prefix = input.prefix.unwrap_or_default();
    let limit = page_limit(input.max_keys, "max-keys")?;
    let admitted = admit(service, &call, &input.bucket, &prefix).await?;
    let after = match &input.continuation_token {
        Some(token) => Some(open_token(service, &call, &admitted, token).await?),
        None => named(input.start_after.clone()),
    };
    let query = ListQuery { prefix, delimiter: delimiter(input.delimiter), after, limit };
    let page = page(service, &admitted, &query).await?;
    let next = match page.last.as_ref().filter(|_| page.more) {
        Some(last) => Some(seal_token(service, &call, &admitted, last).await?),
        None => None,
    };
    let owner = answer::owner(call.tenant());
    let is_truncated = page.more;
    let (contents, common_prefixes) = items(page, &names, input.fetch_owner.unwrap_or(false).then_some(&owner));
    Ok(S3Response::new(ListObjectsV2Output {
        name: Some(input.bucket),
        prefix: Some(names.write(&query.prefix)),
        delimiter: query.delimiter.as_deref().map(|text| names.write(text)),
        start_after: input.start_after.map(|text| names.write(&text)),
        continuation_token: input.continuation_token,
        next_continuation_token: next,
        max_keys: Some(shown_limit(limit)),
        key_count: Some(shown_limit(contents.len().saturating_add(common_prefixes.len()))),
        is_truncated: Some(is_truncated),
        contents: Some(contents),
        common_prefixes: Some(common_prefixes),
        encoding_type: names.kind(),
        ..Default::default()
    }))
}

pub(super) async fn list_versions(service: &Service, call: Call, input: ListObjectVersionsInput) -> Answer<ListObjectVersionsOutput> {
    let names = Names::of(input.encoding_type)?;
    let prefix = input.prefix.unwrap_or_default();
    let limit = page_limit(input.max_keys, "max-keys")?;
    let version_marker = version_marker(input.version_id_marker.as_deref(), input.key_marker.as_deref())?;
    let admitted = admit(service, &call, &input.bucket, &prefix).await?;
    let delimiter = delimiter(input.delimiter);
    let query = VersionsQuery { prefix, delimiter, key_marker: named(input.key_marker.clone()), version_marker, limit };
    let page = if limit == 0 { Default::default() } else { service.objects.list_versions(&admitted, &query).await? };
    let next = page.last.filter(|_| page.more);
    let owner = answer::owner(call.tenant());
    let (mut versions, mut markers, mut prefixes) = (Vec::new(), Vec::new(), Vec::new());
    for item in page.items {
        match item {
            VersionItem::Prefix(name) => prefixes.push(names.prefix(&name)),
            VersionItem::Version { kind: VersionKind::Content, .. } => versions.extend(shown_version(item, &names, &owner)),
            VersionItem::Version { .. } => markers.extend(shown_marker(item, &names, &owner)),
        }
    }
    Ok(S3Response::new(ListObjectVersionsOutput {
        name: Some(input.bucket),
        prefix: Some(names.write(&query.prefix)),
        delimiter: query.delimiter.as_deref().map(|text| names.write(text)),
        key_marker: Some(names.write(&input.key_marker.unwrap_or_default())),
        version_id_marker: Some(input.version_id_marker.unwrap_or_default()),
        next_key_marker: next.as_ref().map(|(key, _)| names.write(key)),
        next_version_id_marker: next.and_then(|(_, version)| version.map(marker_text)),
        max_keys: Some(shown_limit(limit)),
        is_truncated: Some(page.more),
        versions: Some(versions),
        delete_markers: Some(markers),
        common_prefixes: Some(prefixes),
        encoding_type: names.kind(),
        ..Default::default()
    }))
}

pub(super) async fn list_uploads(service: &Service, call: Call, input: ListMultipartUploadsInput) -> Answer<ListMultipartUploadsOutput> {
    let names = Names::of(input.encoding_type)?;
    let prefix = input.prefix.unwrap_or_default();
    let limit = page_limit(input.max_uploads, "max-uploads")?;
    let upload_marker = match named(input.upload_id_marker.clone()).filter(|_| input.key_marker.is_some()) {
        Some(text) => Some(UploadId::parse(&text).map_err(|_| Fault::argument("upload-id-marker", "Invalid uploadId marker"))?),
        None => None,
    };
    let admitted = admit(service, &call, &input.bucket, &prefix).await?;
    let delimiter = delimiter(input.delimiter);
    let query = UploadsQuery { prefix, delimiter, key_marker: named(input.key_marker.clone()), upload_marker, limit };
    let page = if limit == 0 { Default::default() } else { service.objects.list_uploads(&admitted, &query).await? };
    let next = page.last.filter(|_| page.more);
    let owner = answer::owner(call.tenant());
    let (mut uploads, mut prefixes) = (Vec::new(), Vec::new());
    for item in page.items {
        match item {
            UploadItem::Prefix(name) => prefixes.push(names.prefix(&name)),
            UploadItem::Upload { .. } => uploads.extend(shown_upload(item, &names, &owner)),
        }
    }
    Ok(S3Response::new(ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        prefix: Some(names.write(&query.prefix)),
        delimiter: query.delimiter.as_deref().map(|text| names.write(text)),
        key_marker: Some(names.write(&input.key_marker.unwrap_or_default())),
        upload_id_marker: Some(input.upload_id_marker.unwrap_or_default()),
        next_key_marker: next.as_ref().map(|(key, _)| names.write(key)),
        next_upload_id_marker: next.and_then(|(_, upload)| upload.map(|id| id.to_string())),
        max_uploads: Some(shown_limit(limit)),
        is_truncated: Some(page.more),
        uploads: Some(uploads),
        common_prefixes: Some(prefixes),
        encoding_type: names.kind(),
        ..Default::default()
    }))
}

async fn admit(service: &Service, call: &Call, bucket: &str, prefix: &str) -> Result<Admitted<List>, Fault> {
    Ok(service.gate().list(&call.who, &call.around, &bucket_name(bucket)?, prefix).await?)
}

/// A page of no entries is whole, as S3 answers it.
async fn page(service: &Service, admitted: &Admitted<List>, query: &ListQuery) -> Result<ListPage, Fault> {
    if query.limit == 0 {
        return Ok(ListPage::default());
    }
    Ok(service.objects.list(admitted, query).await?)
}

fn items(page: ListPage, names: &Names, owner: Option<&dto::Owner>) -> (Vec<Object>, Vec<CommonPrefix>) {
    let (mut contents, mut prefixes) = (Vec::new(), Vec::new());
    for item in page.items {
        match item {
            ListItem::Key { key, etag, size, modified, .. } => {
                contents.push(names.object((key, etag, size, modified), owner.cloned()));
            }
            ListItem::Prefix(name) => prefixes.push(names.prefix(&name)),
        }
    }
    (contents, prefixes)
}

fn shown_version(item: VersionItem, names: &Names, owner: &dto::Owner) -> Option<ObjectVersion> {
    let VersionItem::Version { key, version, null, is_latest, etag, size, modified, .. } = item else { return None };
    Some(ObjectVersion {
        key: Some(names.write(&key)),
        version_id: Some(shown_id(version, null)),
        is_latest: Some(is_latest),
        e_tag: Some(answer::tag(etag)),
        size: Some(answer::size(size)),
        last_modified: Some(answer::timestamp(modified)),
        storage_class: Some(dto::ObjectVersionStorageClass::from_static(dto::ObjectVersionStorageClass::STANDARD)),
        owner: Some(owner.clone()),
        ..Default::default()
    })
}

fn shown_marker(item: VersionItem, names: &Names, owner: &dto::Owner) -> Option<DeleteMarkerEntry> {
    let VersionItem::Version { key, version, null, is_latest, modified, .. } = item else { return None };
    Some(DeleteMarkerEntry {
        key: Some(names.write(&key)),
        version_id: Some(shown_id(version, null)),
        is_latest: Some(is_latest),
        last_modified: Some(answer::timestamp(modified)),
        owner: Some(owner.clone()),
    })
}

fn shown_upload(item: UploadItem, names: &Names, owner: &dto::Owner) -> Option<MultipartUpload> {
    let UploadItem::Upload { key, id, initiator, created, checksum, .. } = item else { return None };
    let initiator = initiator.to_string();
    Some(MultipartUpload {
        key: Some(names.write(&key)),
        upload_id: Some(id.to_string()),
        initiated: Some(answer::timestamp(created)),
        initiator: Some(Initiator { id: Some(initiator.clone()), display_name: Some(initiator) }),
        owner: Some(owner.clone()),
        storage_class: Some(dto::StorageClass::from_static(dto::StorageClass::STANDARD)),
        checksum_algorithm: checksum.map(|(algorithm, _)| algorithm.name().to_owned().into()),
        checksum_type: checksum.map(|(_, kind)| super::checksums::type_name(kind).to_owned().into()),
    })
}

fn shown_id(version: VersionId, null: Nullness) -> String {
    match null {
        Nullness::Numbered => version.to_string(),
        Nullness::Null => "null".to_owned(),
    }
}

fn marker_text(marker: VersionMarker) -> String {
    match marker {
        VersionMarker::Id(id) => id.to_string(),
        VersionMarker::Null => "null".to_owned(),
    }
}

/// # Errors
/// `InvalidArgument` for a version without its key, or what is no version id.
fn version_marker(text: Option<&str>, key: Option<&str>) -> Result<Option<VersionMarker>, Fault> {
    let name = "version-id-marker";
    match text.filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(_) if key.is_none_or(str::is_empty) => {
            Err(Fault::argument(name, "A version-id marker cannot be specified without a key marker."))
        }
        Some("null") => Ok(Some(VersionMarker::Null)),
        Some(text) => {
            let id = VersionId::parse(text).map_err(|_| Fault::argument(name, "Invalid version id specified"))?;
            Ok(Some(VersionMarker::Id(id)))
        }
    }
}

/// The token under which a client goes on. Key names stand in it, and addresses end up in many logs, so it is sealed.
async fn seal_token(service: &Service, call: &Call, admitted: &Admitted<List>, last: &str) -> Result<String, Fault> {
    Ok(BASE64.encode(service.index(call).seal_cursor(&admitted.subject().bucket, last.as_bytes()).await?))
}

async fn open_token(service: &Service, call: &Call, admitted: &Admitted<List>, token: &str) -> Result<String, Fault> {
    let bad = || Fault::argument("continuation-token", "The continuation token provided is incorrect");
    let sealed = BASE64.decode(token).map_err(|_| bad())?;
    let opened = service.index(call).open_cursor(&admitted.subject().bucket, &sealed).await?.ok_or_else(bad)?;
    std::str::from_utf8(&opened).map(str::to_owned).map_err(|_| bad())
}

/// An empty delimiter is none.
fn delimiter(text: Option<String>) -> Option<String> {
    named(text)
}

fn named(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn shown_limit(limit: usize) -> i32 {
    i32::try_from(limit).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_names_keep_their_slashes_and_nothing_ambiguous() {
        assert_eq!(url_encoded("a b+c/山&é*-_."), "a%20b%2Bc/%E5%B1%B1%26%C3%A9*-_.");
        assert!(Names::of(Some(EncodingType::from_static("base64"))).is_err());
    }

    #[test]
    fn a_version_marker_needs_its_key() {
        assert_eq!(version_marker(Some(""), None).unwrap(), None);
        assert_eq!(version_marker(Some("null"), Some("k")).unwrap(), Some(VersionMarker::Null));
        assert!(version_marker(Some("null"), None).is_err());
        assert!(version_marker(Some("x"), Some("k")).is_err());
    }
}
