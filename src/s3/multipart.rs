//! Multipart uploads: open, add parts, complete, abort, look at.

use super::answer::{self, fill_checksum};
use super::call::{Answer, Call, Place};
use super::checksums::{self, Expected};
use super::client_body::ClientBody;
use super::errors;
use super::fault::Fault;
use super::service::Service;
use super::writing::{self, Described};
use crate::domain::{ChecksumAlgorithm, ChecksumType, Checksums, ETag, UploadId, limits};
use crate::index::{Upload, UploadedPart};
use crate::objects::{Completed, CompletedPart};
use http::HeaderMap;
use s3s::dto::{
    self, AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput, CompleteMultipartUploadOutput,
    CreateMultipartUploadInput, CreateMultipartUploadOutput, Initiator, ListPartsInput, ListPartsOutput, Part, UploadPartInput,
    UploadPartOutput,
};
use s3s::{S3ErrorCode, S3Response};

pub(super) async fn create(service: &Service, call: Call, input: CreateMultipartUploadInput) -> Answer<CreateMultipartUploadOutput> {
    let place = Place::parse(&input.bucket, &input.key)?;
    let described = Described::of(&call, &service.region)?;
    let announced = checksums::announced(&call.headers)?;
    let admitted = service.gate().write(&call.who, &call.around, place.pair(), described.intent()).await?;
    let id = service.objects.create_upload(admitted, described.into_content(), announced).await?;
    let mut headers = HeaderMap::new();
    answer::set_sealed(&mut headers, &service.region, call.tenant());
    let output = CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(id.to_string()),
        checksum_algorithm: announced.map(|(algorithm, _)| algorithm.name().to_owned().into()),
        checksum_type: announced.map(|(_, kind)| checksums::type_name(kind).to_owned().into()),
        ..Default::default()
    };
    Ok(S3Response::with_headers(output, headers))
}

pub(super) async fn add_part(service: &Service, call: Call, input: UploadPartInput) -> Answer<UploadPartOutput> {
    let place = Place::parse(&input.bucket, &input.key)?;
    let (number, upload) = (part_number(input.part_number)?, upload_id(&input.upload_id));
    let stated = Expected::of(&call.headers)?.algorithm();
    let admitted = service.gate().add_part(&call.who, &call.around, place.pair(), upload).await?;
    let announced = admitted.subject().upload.checksum().map(|(algorithm, _)| algorithm);
    if let (Some(expected), Some(actual)) = (announced, stated.filter(|stated| announced != Some(*stated))) {
        service.objects.abandon(admitted).await?;
        return Err(errors::other_algorithm(expected, actual));
    }
    let source = (input.body, call.trailers.clone());
    let kept = announced.unwrap_or(ChecksumAlgorithm::Crc64Nvme);
    let mut body = match ClientBody::new(source, input.content_length, &call.headers, call.exchange.clone(), kept) {
        Ok(body) => body,
        Err(fault) => {
            service.objects.abandon(admitted).await?;
            return Err(fault);
        }
    };
    let part = service.objects.add_part(&call.around, admitted, number, &mut body).await.map_err(|error| body.explain(error))?;
    let mut headers = HeaderMap::new();
    answer::set_sealed(&mut headers, &service.region, call.tenant());
    answer::set(&mut headers, checksums::header_of(part.checksum.algorithm), &part.checksum.value);
    Ok(S3Response::with_headers(UploadPartOutput { e_tag: Some(answer::tag(part.etag)), ..Default::default() }, headers))
}

pub(super) async fn complete(service: &Service, call: Call, input: CompleteMultipartUploadInput) -> Answer<CompleteMultipartUploadOutput> {
    let place = Place::parse(&input.bucket, &input.key)?;
    let upload = upload_id(&input.upload_id);
    let condition = writing::condition(&call)?;
    let parts = completed_parts(input.multipart_upload.and_then(|named| named.parts).unwrap_or_default())?;
    let size = match input.mpu_object_size {
        Some(size) => Some(u64::try_from(size).map_err(|_| Fault::argument("x-amz-mp-object-size", "The size is negative."))?),
        None => None,
    };
    let count = u32::try_from(parts.len()).unwrap_or(limits::PARTS_MAX);
    let admitted = service.gate().complete(&call.who, &call.around, place.pair(), (upload, condition)).await?;
    let announced = admitted.subject().upload.as_ref().and_then(Upload::checksum);
    let checksum = match checksums::of_whole(&call.headers, announced) {
        Ok(checksum) => checksum,
        Err(fault) => {
            service.objects.abandon(admitted).await?;
            return Err(fault);
        }
    };
    let bucket = admitted.subject().bucket.clone();
    let completed = Completed { parts, checksum, size };
    let put = service.objects.complete_upload(&call.around, admitted, completed).await?;
    let mut output = CompleteMultipartUploadOutput {
        location: Some(location(&call, &place)),
        bucket: Some(input.bucket),
        key: Some(input.key),
        e_tag: Some(answer::tag(put.etag)),
        version_id: answer::shown_version(&bucket, put.version),
        ..Default::default()
    };
    if let Some(checksum) = &put.checksum {
        fill_checksum!(output, checksum, count);
        output.checksum_type = Some(checksums::type_name(checksum.kind).to_owned().into());
    }
    let mut headers = HeaderMap::new();
    answer::set_sealed(&mut headers, &service.region, call.tenant());
    answer::set_state(&mut headers, put.state);
    Ok(S3Response::with_headers(output, headers))
}

pub(super) async fn abort(service: &Service, call: Call, input: AbortMultipartUploadInput) -> Answer<AbortMultipartUploadOutput> {
    let place = Place::parse(&input.bucket, &input.key)?;
    if input.if_match_initiated_time.is_some() {
        return Err(Fault::not_implemented("x-amz-if-match-initiated-time"));
    }
    let admitted = service.gate().abort_upload(&call.who, &call.around, place.pair(), upload_id(&input.upload_id)).await?;
    service.objects.abort_upload(admitted).await?;
    Ok(S3Response::new(AbortMultipartUploadOutput::default()))
}

pub(super) async fn list_parts(service: &Service, call: Call, input: ListPartsInput) -> Answer<ListPartsOutput> {
    let place = Place::parse(&input.bucket, &input.key)?;
    let limit = page_limit(input.max_parts, "max-parts")?;
    let marker = number(input.part_number_marker.unwrap_or(0), "part-number-marker")?;
    let admitted = service.gate().view_upload(&call.who, &call.around, place.pair(), upload_id(&input.upload_id)).await?;
    let mut found = service.objects.list_parts(&admitted, marker, limit.saturating_add(1)).await?;
    let is_truncated = found.len() > limit;
    found.truncate(limit);
    let upload = &admitted.subject().upload;
    let initiator = upload.initiator().to_string();
    let output = ListPartsOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        initiator: Some(Initiator { id: Some(initiator.clone()), display_name: Some(initiator) }),
        owner: Some(answer::owner(call.tenant())),
        storage_class: Some(dto::StorageClass::from_static(dto::StorageClass::STANDARD)),
        checksum_algorithm: upload.checksum().map(|(algorithm, _)| algorithm.name().to_owned().into()),
        checksum_type: upload.checksum().map(|(_, kind)| checksums::type_name(kind).to_owned().into()),
        part_number_marker: Some(answer::count(marker)),
        next_part_number_marker: Some(answer::count(found.last().map_or(marker, UploadedPart::number))),
        max_parts: Some(i32::try_from(limit).unwrap_or(i32::MAX)),
        is_truncated: Some(is_truncated),
        parts: Some(found.iter().map(shown_part).collect()),
        ..Default::default()
    };
    Ok(S3Response::new(output))
}

fn shown_part(part: &UploadedPart) -> Part {
    let mut shown = Part {
        part_number: Some(answer::count(part.number())),
        e_tag: Some(answer::tag(part.etag())),
        last_modified: Some(answer::timestamp(part.modified())),
        size: Some(answer::size(part.length())),
        ..Default::default()
    };
    if let Some(checksum) = part.checksum() {
        fill_checksum!(shown, checksum, 1);
    }
    shown
}

/// The parts that a document names.
fn completed_parts(named: Vec<dto::CompletedPart>) -> Result<Vec<CompletedPart>, Fault> {
    let malformed = || {
        let message = "The XML you provided was not well-formed or did not validate against our published schema";
        Fault::new(S3ErrorCode::MalformedXML, message)
    };
    if named.is_empty() || named.len() > limits::PARTS_MAX as usize {
        return Err(malformed());
    }
    let part = |part: dto::CompletedPart| {
        let number = part_number(part.part_number.ok_or_else(malformed)?)?;
        let checksum = stated_checksum(&part);
        let tag = part.e_tag.ok_or_else(malformed)?.into_value();
        // A tag that is none of ours names no part.
        let etag = ETag::parse(&tag).map_err(|_| errors::invalid_part(number))?;
        Ok(CompletedPart { number, etag, checksum })
    };
    named.into_iter().map(part).collect()
}

fn stated_checksum(part: &dto::CompletedPart) -> Option<Checksums> {
    let stated = [
        (ChecksumAlgorithm::Crc32, &part.checksum_crc32),
        (ChecksumAlgorithm::Crc32c, &part.checksum_crc32c),
        (ChecksumAlgorithm::Crc64Nvme, &part.checksum_crc64nvme),
        (ChecksumAlgorithm::Sha1, &part.checksum_sha1),
        (ChecksumAlgorithm::Sha256, &part.checksum_sha256),
    ];
    let (algorithm, value) = stated.into_iter().find_map(|(algorithm, value)| Some((algorithm, value.clone()?)))?;
    Some(Checksums { algorithm, kind: ChecksumType::FullObject, value })
}

/// Where the new object is, as S3 tells it; for people to read.
fn location(call: &Call, place: &Place) -> String {
    let host = call.header("host").unwrap_or_default();
    format!("https://{host}/{}/{}", place.bucket, super::listing::url_encoded(place.key.as_str()))
}

/// A part's number.
///
/// # Errors
/// `InvalidArgument` outside of 1 to 10,000.
pub(super) fn part_number(number: i32) -> Result<u32, Fault> {
    let checked = u32::try_from(number).ok().filter(|number| (1..=limits::PARTS_MAX).contains(number));
    checked.ok_or_else(|| Fault::argument("partNumber", "Part number must be an integer between 1 and 10000, inclusive"))
}

/// An upload's id. What has another form is answered like one that is not there, by the gate: nobody has this id.
pub(super) fn upload_id(text: &str) -> UploadId {
    UploadId::parse(text).unwrap_or(UploadId::from_bytes([0; 16]))
}

/// How many entries a page has.
///
/// # Errors
/// `InvalidArgument` for less than none.
pub(super) fn page_limit(wanted: Option<i32>, name: &'static str) -> Result<usize, Fault> {
    let wanted = wanted.map_or(Ok(limits::PAGE_ENTRIES_MAX), usize::try_from);
    let wanted = wanted.map_err(|_| Fault::argument(name, "The number must be between 0 and 2147483647"))?;
    Ok(wanted.min(limits::PAGE_ENTRIES_MAX))
}

fn number(value: i32, name: &'static str) -> Result<u32, Fault> {
    u32::try_from(value).map_err(|_| Fault::argument(name, "The number must be between 0 and 2147483647"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(number: i32, tag: &str) -> dto::CompletedPart {
        dto::CompletedPart { part_number: Some(number), e_tag: Some(dto::ETag::Strong(tag.to_owned())), ..Default::default() }
    }

    #[test]
    fn a_completed_part_has_a_number_and_a_tag_of_ours() {
        let tag = ETag::random(1).to_string();
        assert_eq!(completed_parts(vec![part(1, &tag)]).unwrap()[0].number, 1);
        let code = |named| completed_parts(named).unwrap_err().code().to_owned();
        assert_eq!(code(Vec::new()), "MalformedXML");
        assert_eq!(code(vec![part(1, "d41d8cd98f00b204e9800998ecf8427e")]), "InvalidPart");
        assert_eq!(code(vec![part(10_001, &tag)]), "InvalidArgument");
        assert_eq!(code(vec![dto::CompletedPart { e_tag: None, ..part(1, &tag) }]), "MalformedXML");
    }

    #[test]
    fn a_page_has_at_most_a_thousand_entries() {
        assert_eq!(page_limit(None, "max-keys").unwrap(), 1_000);
        assert_eq!(page_limit(Some(0), "max-keys").unwrap(), 0);
        assert_eq!(page_limit(Some(i32::MAX), "max-keys").unwrap(), 1_000);
        assert!(page_limit(Some(-1), "max-keys").is_err());
    }
}
