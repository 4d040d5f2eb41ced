//! Copies: of an object, and into a part of an upload. The source is read under its own admission.

use super::answer::{self, fill_checksum};
use super::call::{Answer, Call, Place, which};
use super::checksums;
use super::errors::{self, IsCopy};
use super::fault::Fault;
use super::multipart::{part_number, upload_id};
use super::reading;
use super::service::Service;
use super::writing::Described;
use crate::domain::{Attributes, ByteRange, ChecksumAlgorithm, RecordState, limits};
use crate::engine::Which;
use crate::index::Version;
use crate::objects::CopiedBody;
use crate::policy::{Permitted, Read};
use http::HeaderMap;
use s3s::dto::{
    CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopyPartResult, CopySource, UploadPartCopyInput, UploadPartCopyOutput,
};
use s3s::{S3ErrorCode, S3Response};

/// Facts about the source's own history: a copy is a new draft.
const OF_THE_SOURCE_ALONE: [&str; 2] = ["record-state", "change-reason"];

/// A source that may be read, and where it was found.
struct Source {
    place: Place,
    which: Which,
    permitted: Permitted<Read>,
}

pub(super) async fn copy(service: &Service, call: Call, input: CopyObjectInput) -> Answer<CopyObjectOutput> {
    let place = Place::parse(&input.bucket, &input.key)?;
    let metadata = Directive::of(&call, "x-amz-metadata-directive")?;
    let tagging = Directive::of(&call, "x-amz-tagging-directive")?;
    let mut described = Described::of(&call, &service.region)?;
    let wanted = checksums::wanted_of_copy(&call.headers)?;
    let source = source(service, &call, &input.copy_source).await?;
    if metadata == Directive::Copy && source.place == place && source.which == Which::Current {
        let message = "This copy request is illegal because it is trying to copy an object to itself without changing the object's \
                       metadata, storage class, website redirect location or encryption attributes.";
        return Err(Fault::new(S3ErrorCode::InvalidRequest, message));
    }
    let version = &source.permitted.subject().version;
    described.attributes = attributes(described.attributes, version, metadata);
    if described.state != RecordState::Draft && metadata == Directive::Replace {
        return Err(Fault::argument("x-amz-meta-record-state", "A copy arrives as a draft."));
    }
    described.state = RecordState::Draft;
    if tagging == Directive::Copy {
        described.tags.clone_from(&version.tags);
    }
    let range = checked_size(ByteRange::whole(version.row.size))?;
    let algorithm = wanted.or_else(|| version.attributes.checksum.as_ref().map(|checksum| checksum.algorithm));
    let source_version = answer::version_id(&source.permitted.subject().bucket, &version.row);

    let admitted = service.gate().write(&call.who, &call.around, place.pair(), described.intent()).await?;
    let bucket = admitted.subject().bucket.clone();
    let body = service.objects.get(source.permitted, range).await?;
    let mut body = CopiedBody::new(body, algorithm.unwrap_or(ChecksumAlgorithm::Crc64Nvme));
    let put = service.objects.put(&call.around, admitted, described.into_content(), &mut body).await?;

    let mut result =
        CopyObjectResult { e_tag: Some(answer::tag(put.etag)), last_modified: Some(answer::timestamp(put.modified)), ..Default::default() };
    if let Some(checksum) = &put.checksum {
        fill_checksum!(result, checksum, 1);
        result.checksum_type = Some(checksums::type_name(checksum.kind).to_owned().into());
    }
    let mut headers = HeaderMap::new();
    answer::set_sealed(&mut headers, &service.region, call.tenant());
    answer::set_state(&mut headers, put.state);
    let output = CopyObjectOutput {
        copy_object_result: Some(result),
        copy_source_version_id: source_version,
        version_id: answer::shown_version(&bucket, put.version),
        ..Default::default()
    };
    Ok(S3Response::with_headers(output, headers))
}

pub(super) async fn upload_part(service: &Service, call: Call, input: UploadPartCopyInput) -> Answer<UploadPartCopyOutput> {
    let place = Place::parse(&input.bucket, &input.key)?;
    let (number, upload) = (part_number(input.part_number)?, upload_id(&input.upload_id)?);
    let source = source(service, &call, &input.copy_source).await?;
    let subject = source.permitted.subject();
    let range = reading::source_range(input.copy_source_range.as_deref(), subject.version.row.size)?;
    let range = checked_size(range)?;
    let source_version = answer::version_id(&subject.bucket, &subject.version.row);

    let admitted = service.gate().add_part(&call.who, &call.around, place.pair(), upload).await?;
    let algorithm = admitted.subject().upload.checksum().map_or(ChecksumAlgorithm::Crc64Nvme, |(algorithm, _)| algorithm);
    let body = service.objects.get(source.permitted, range).await?;
    let part = service.objects.add_part(&call.around, admitted, number, &mut CopiedBody::new(body, algorithm)).await?;

    let mut result =
        CopyPartResult { e_tag: Some(answer::tag(part.etag)), last_modified: Some(answer::timestamp(part.modified)), ..Default::default() };
    fill_checksum!(result, &part.checksum, 1);
    let mut headers = HeaderMap::new();
    answer::set_sealed(&mut headers, &service.region, call.tenant());
    let output = UploadPartCopyOutput { copy_part_result: Some(result), copy_source_version_id: source_version, ..Default::default() };
    Ok(S3Response::with_headers(output, headers))
}

/// Asks for leave to read the source, and tests the conditions on it. A condition that fails is told on record.
async fn source(service: &Service, call: &Call, named: &CopySource) -> Result<Source, Fault> {
    let CopySource::Bucket { bucket, key, version_id } = named else { return Err(Fault::not_implemented("x-amz-copy-source of an ARN")) };
    let owner = call.header("x-amz-source-expected-bucket-owner");
    if owner.is_some_and(|owner| owner != call.tenant().to_string()) {
        return Err(Fault::new(S3ErrorCode::AccessDenied, "Access Denied"));
    }
    let conditions = reading::conditions(
        call,
        [
            "x-amz-copy-source-if-match",
            "x-amz-copy-source-if-none-match",
            "x-amz-copy-source-if-modified-since",
            "x-amz-copy-source-if-unmodified-since",
        ],
    )?;
    let (place, which) = (Place::parse(bucket, key)?, which(version_id.as_deref())?);
    let permitted = service.gate().read(&call.who, &call.around.further(), place.pair(), which).await?;
    let row = &permitted.subject().version.row;
    match conditions.check(row.etag, row.created) {
        Ok(()) => Ok(Source { place, which, permitted }),
        Err(unmet) => {
            let _told = permitted.recorded().await?;
            Err(errors::of_condition(unmet, IsCopy::Yes))
        }
    }
}

/// Whether something comes from the source or from the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Directive {
    Copy,
    Replace,
}

impl Directive {
    fn of(call: &Call, name: &'static str) -> Result<Self, Fault> {
        match call.header(name) {
            None | Some("COPY") => Ok(Self::Copy),
            Some("REPLACE") => Ok(Self::Replace),
            Some(_) => Err(Fault::argument(name, "Unknown directive.")),
        }
    }
}

/// A copy is about the same patient and of the same class, unless it says otherwise.
fn attributes(stated: Attributes, version: &Version, directive: Directive) -> Attributes {
    let source = &version.attributes;
    match directive {
        Directive::Copy => {
            let mut copied = Attributes { checksum: None, ..source.clone() };
            copied.metadata.retain(|(name, _)| !OF_THE_SOURCE_ALONE.contains(&name.as_str()));
            copied.facts.change_reason = stated.facts.change_reason;
            copied
        }
        Directive::Replace => {
            let mut replaced = stated;
            let facts = &mut replaced.facts;
            facts.patient = facts.patient.take().or_else(|| source.facts.patient.clone());
            facts.class = facts.class.take().or_else(|| source.facts.class.clone());
            replaced
        }
    }
}

/// # Errors
/// `InvalidRequest` for more than one write may have.
fn checked_size(range: ByteRange) -> Result<ByteRange, Fault> {
    if range.len() > limits::PART_BYTES_MAX {
        let message =
            format!("The specified copy source is larger than the maximum allowable size for a copy source: {}", limits::PART_BYTES_MAX);
        return Err(Fault::new(S3ErrorCode::InvalidRequest, message));
    }
    Ok(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_at_most_what_one_write_may_have() {
        assert!(checked_size(ByteRange::whole(limits::PART_BYTES_MAX)).is_ok());
        assert_eq!(checked_size(ByteRange::whole(limits::PART_BYTES_MAX + 1)).unwrap_err().code(), "InvalidRequest");
    }
}
