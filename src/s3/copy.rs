//! Copies: of an object, and into a part of an upload. The source is read under its own admission.

use super::answer::{self, fill_checksum};
use super::call::{Answer, Call, Place, which};
use super::checksums;
use super::errors::{self, IsCopy};
use super::fault::Fault;
use super::multipart::{part_number, upload_id};
use super::reading::{self, told};
use super::service::Service;
use super::writing::Described;
use crate::domain::{Attributes, ByteRange, ChecksumAlgorithm, RecordFacts, RecordState, limits};
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
    if described.state != RecordState::Draft {
        return Err(Fault::argument("x-amz-meta-record-state", "A copy arrives as a draft."));
    }
    let wanted = checksums::wanted_of_copy(&call.headers)?;
    let source = source(service, &call, &input.copy_source).await?;
    if metadata == Directive::Copy && source.place == place && source.which == Which::Current {
        let message = "This copy request is illegal because it is trying to copy an object to itself without changing the object's \
                       metadata, storage class, website redirect location or encryption attributes.";
        return Err(told(source.permitted, Fault::new(S3ErrorCode::InvalidRequest, message)).await);
    }
    let version = &source.permitted.subject().version;
    described.attributes = match attributes(described.attributes, version, metadata) {
        Ok(attributes) => attributes,
        Err(fault) => return Err(told(source.permitted, fault).await),
    };
    described.state = RecordState::Draft;
    if tagging == Directive::Copy {
        described.tags.clone_from(&version.tags);
    }
    let range = match checked_size(ByteRange::whole(version.row.size)) {
        Ok(range) => range,
        Err(fault) => return Err(told(source.permitted, fault).await),
    };
    let algorithm = wanted.or_else(|| version.attributes.checksum.as_ref().map(|checksum| checksum.algorithm));
    let source_version = answer::version_id(&source.permitted.subject().bucket, &version.row);

    let admitted = match service.gate().write(&call.who, &call.around, place.pair(), described.intent()).await {
        Ok(admitted) => admitted,
        Err(refused) => return Err(told(source.permitted, refused.into()).await),
    };
    let bucket = admitted.subject().bucket.clone();
    let body = match service.objects.get(source.permitted, range).await {
        Ok(body) => body,
        Err(error) => {
            service.objects.abandon(admitted).await?;
            return Err(error.into());
        }
    };
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
    let (number, upload) = (part_number(input.part_number)?, upload_id(&input.upload_id));
    let source = source(service, &call, &input.copy_source).await?;
    let subject = source.permitted.subject();
    let range = reading::source_range(input.copy_source_range.as_deref(), subject.version.row.size).and_then(checked_size);
    let range = match range {
        Ok(range) => range,
        Err(fault) => return Err(told(source.permitted, fault).await),
    };
    let source_version = answer::version_id(&subject.bucket, &subject.version.row);

    let admitted = match service.gate().add_part(&call.who, &call.around, place.pair(), upload).await {
        Ok(admitted) => admitted,
        Err(refused) => return Err(told(source.permitted, refused.into()).await),
    };
    let algorithm = admitted.subject().upload.checksum().map_or(ChecksumAlgorithm::Crc64Nvme, |(algorithm, _)| algorithm);
    let body = match service.objects.get(source.permitted, range).await {
        Ok(body) => body,
        Err(error) => {
            service.objects.abandon(admitted).await?;
            return Err(error.into());
        }
    };
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
        Err(unmet) => Err(told(permitted, errors::of_condition(unmet, IsCopy::Yes)).await),
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

/// A copy is about the same patient and of the same class, from the same author and department, and for the same person,
/// unless it says otherwise. What it then says in its facts stands in its metadata too, where clients look for it.
///
/// # Errors
/// `InvalidArgument` for a fact that is stated beside the directive to copy the source's, and is another one.
fn attributes(stated: Attributes, version: &Version, directive: Directive) -> Result<Attributes, Fault> {
    let source = &version.attributes;
    match directive {
        Directive::Copy => {
            let of_source = facts(&source.facts);
            let other =
                facts(&stated.facts).into_iter().zip(of_source).find(|((_, stated), (_, source))| stated.is_some() && stated != source);
            if let Some(((name, _), _)) = other {
                let message = "The record's facts are copied from the source; to state others, set x-amz-metadata-directive to REPLACE.";
                return Err(Fault::new(S3ErrorCode::InvalidArgument, message).with("ArgumentName", format!("x-amz-meta-{name}")));
            }
            let mut copied = Attributes { checksum: None, ..source.clone() };
            copied.metadata.retain(|(name, _)| !OF_THE_SOURCE_ALONE.contains(&name.as_str()));
            copied.facts.change_reason = stated.facts.change_reason;
            Ok(copied)
        }
        Directive::Replace => {
            let mut replaced = stated;
            let (own, theirs) = (&mut replaced.facts, &source.facts);
            own.patient = own.patient.take().or_else(|| theirs.patient.clone());
            own.class = own.class.take().or_else(|| theirs.class.clone());
            own.author = own.author.take().or_else(|| theirs.author.clone());
            own.department = own.department.take().or_else(|| theirs.department.clone());
            own.on_behalf_of = own.on_behalf_of.take().or_else(|| theirs.on_behalf_of.clone());
            for (name, value) in facts(&replaced.facts) {
                if let Some(value) = value.filter(|_| !replaced.metadata.iter().any(|(other, value)| other == name && !value.is_empty())) {
                    replaced.metadata.retain(|(other, _)| other != name);
                    replaced.metadata.push((name.to_owned(), value));
                }
            }
            replaced.metadata.sort();
            Ok(replaced)
        }
    }
}

/// The facts that a copy has in common with its source, by the names that they have in the metadata.
fn facts(facts: &RecordFacts) -> [(&'static str, Option<String>); 5] {
    [
        ("patient-id", facts.patient.as_ref().map(|patient| patient.as_str().to_owned())),
        ("record-class", facts.class.as_ref().map(ToString::to_string)),
        ("author", facts.author.clone()),
        ("department", facts.department.clone()),
        ("on-behalf-of", facts.on_behalf_of.clone()),
    ]
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
