//! Tags and attributes of a version.

use super::answer::{self, fill_checksum};
use super::call::{Answer, Call, Place, which};
use super::checksums;
use super::fault::Fault;
use super::multipart::page_limit;
use super::service::Service;
use super::tags;
use crate::index::{Part, Version};
use http::HeaderMap;
use s3s::S3Response;
use s3s::dto::{
    self, Checksum, DeleteObjectTaggingInput, DeleteObjectTaggingOutput, GetObjectAttributesInput, GetObjectAttributesOutput,
    GetObjectAttributesParts, GetObjectTaggingInput, GetObjectTaggingOutput, ObjectPart, PutObjectTaggingInput, PutObjectTaggingOutput,
};

pub(super) async fn get(service: &Service, call: Call, input: GetObjectTaggingInput) -> Answer<GetObjectTaggingOutput> {
    let place = Place::parse(&input.bucket, &input.key)?;
    let which = which(input.version_id.as_deref())?;
    let admitted = service.gate().read(&call.who, &call.around, place.pair(), which).await?.recorded().await?;
    let subject = admitted.subject();
    let version_id = answer::version_id(&subject.bucket, &subject.version.row);
    Ok(S3Response::new(GetObjectTaggingOutput { tag_set: tags::document(&subject.version.tags), version_id }))
}

pub(super) async fn put(service: &Service, call: Call, input: PutObjectTaggingInput) -> Answer<PutObjectTaggingOutput> {
    let place = Place::parse(&input.bucket, &input.key)?;
    let tags = tags::of_document(input.tagging.tag_set)?;
    let version_id = replace(service, &call, &place, (input.version_id, tags)).await?;
    Ok(S3Response::new(PutObjectTaggingOutput { version_id }))
}

pub(super) async fn delete(service: &Service, call: Call, input: DeleteObjectTaggingInput) -> Answer<DeleteObjectTaggingOutput> {
    let place = Place::parse(&input.bucket, &input.key)?;
    let version_id = replace(service, &call, &place, (input.version_id, Vec::new())).await?;
    Ok(S3Response::new(DeleteObjectTaggingOutput { version_id }))
}

async fn replace(
    service: &Service,
    call: &Call,
    place: &Place,
    (version, tags): (Option<String>, Vec<(String, String)>),
) -> Result<Option<String>, Fault> {
    let admitted = service.gate().tag(&call.who, &call.around, place.pair(), which(version.as_deref())?).await?;
    let subject = admitted.subject();
    let version_id = answer::version_id(&subject.bucket, &subject.version.row);
    service.objects.set_tags(admitted, tags).await?;
    Ok(version_id)
}

pub(super) async fn attributes(service: &Service, call: Call, input: GetObjectAttributesInput) -> Answer<GetObjectAttributesOutput> {
    let place = Place::parse(&input.bucket, &input.key)?;
    let which = which(input.version_id.as_deref())?;
    let wanted = Wanted::of(call.header("x-amz-object-attributes").unwrap_or_default())?;
    let limit = page_limit(input.max_parts, "x-amz-max-parts")?;
    let marker = u32::try_from(input.part_number_marker.unwrap_or(0));
    let marker = marker.map_err(|_| Fault::argument("x-amz-part-number-marker", "The number must not be negative"))?;
    let admitted = service.gate().read(&call.who, &call.around, place.pair(), which).await?.recorded().await?;
    let version = &admitted.subject().version;
    let parts = if wanted.parts && version.row.parts > 0 {
        Some(service.index(&call).parts_after(version, marker, limit.max(1)).await?)
    } else {
        None
    };
    let parts = parts.map(|found| shown_parts(&found, version, (marker, limit)));
    let standard = dto::StorageClass::from_static(dto::StorageClass::STANDARD);
    let output = GetObjectAttributesOutput {
        // Here, and only here, S3 gives the tag without quotes; the protocol crate writes it as text.
        e_tag: wanted.tag.then(|| answer::tag(version.row.etag)),
        checksum: version.attributes.checksum.as_ref().filter(|_| wanted.checksum).map(|checksum| shown_checksum(checksum, version)),
        object_parts: parts,
        object_size: wanted.size.then(|| answer::size(version.row.size)),
        storage_class: wanted.class.then_some(standard),
        last_modified: Some(answer::timestamp(version.row.created)),
        version_id: answer::version_id(&admitted.subject().bucket, &version.row),
        ..Default::default()
    };
    let mut headers = HeaderMap::new();
    answer::set_state(&mut headers, version.row.state);
    Ok(S3Response::with_headers(output, headers))
}

/// Which attributes are asked for.
#[derive(Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "five independent wishes of one header")]
struct Wanted {
    tag: bool,
    checksum: bool,
    parts: bool,
    size: bool,
    class: bool,
}

impl Wanted {
    fn of(names: &str) -> Result<Self, Fault> {
        let mut wanted = Self::default();
        for name in names.split(',').map(str::trim) {
            match name {
                "ETag" => wanted.tag = true,
                "Checksum" => wanted.checksum = true,
                "ObjectParts" => wanted.parts = true,
                "ObjectSize" => wanted.size = true,
                "StorageClass" => wanted.class = true,
                _ => return Err(Fault::argument("x-amz-object-attributes", "Invalid attribute name specified.")),
            }
        }
        Ok(wanted)
    }
}

fn shown_checksum(checksum: &crate::domain::Checksums, version: &Version) -> Checksum {
    let mut shown = Checksum { checksum_type: Some(checksums::type_name(checksum.kind).to_owned().into()), ..Default::default() };
    fill_checksum!(shown, checksum, version.row.parts.max(1));
    shown
}

fn shown_parts(found: &[Part], version: &Version, (marker, limit): (u32, usize)) -> GetObjectAttributesParts {
    let found = found.get(..limit.min(found.len())).unwrap_or_default();
    let last = found.last().map_or(marker, |part| part.row.number);
    let shown = found.iter().map(|part| {
        let mut shown = ObjectPart {
            part_number: Some(answer::count(part.row.number)),
            size: Some(answer::size(part.row.length)),
            ..Default::default()
        };
        if let Some(checksum) = &part.checksum {
            fill_checksum!(shown, checksum, 1);
        }
        shown
    });
    GetObjectAttributesParts {
        total_parts_count: Some(answer::count(version.row.parts)),
        part_number_marker: Some(answer::count(marker)),
        next_part_number_marker: Some(answer::count(last)),
        max_parts: Some(i32::try_from(limit).unwrap_or(i32::MAX)),
        is_truncated: Some(last < version.row.parts),
        parts: Some(shown.collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_named_or_refused() {
        let wanted = Wanted::of("ETag,ObjectSize, ObjectParts").unwrap();
        assert!(wanted.tag && wanted.size && wanted.parts && !wanted.checksum && !wanted.class);
        assert_eq!(Wanted::of("Owner").unwrap_err().code(), "InvalidArgument");
        assert!(Wanted::of("").is_err());
    }
}
