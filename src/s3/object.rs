//! One object: put, get, look at, delete.

use super::answer;
use super::call::{Answer, Call, Place, bucket_name, which};
use super::client_body::ClientBody;
use super::fault::Fault;
use super::reading::{Extent, Served, Wish, told};
use super::response_body::ResponseBody;
use super::service::Service;
use super::writing::Described;
use crate::domain::ChecksumAlgorithm;
use crate::engine::VersionKind;
use crate::objects::Deleted;
use crate::policy::ReadSubject;
use futures::{StreamExt, stream};
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};
use s3s::dto::{
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, Error, GetObjectInput, GetObjectOutput,
    HeadObjectInput, HeadObjectOutput, ObjectIdentifier, PutObjectInput, PutObjectOutput, StreamingBlob,
};
use s3s::{S3ErrorCode, S3Response};

/// Keys of one batch that are deleted at the same time: they share commits.
const DELETES_AT_ONCE: usize = 32;

/// A status that the protocol crate does not take from an answer. The endpoint sets it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Status(pub(super) StatusCode);

pub(super) async fn put(service: &Service, call: Call, input: PutObjectInput) -> Answer<PutObjectOutput> {
    let place = Place::parse(&input.bucket, &input.key)?;
    let described = Described::of(&call, &service.region)?;
    let source = (input.body, call.trailers.clone());
    let kept = ChecksumAlgorithm::Crc64Nvme;
    let mut body = ClientBody::new(source, input.content_length, &call.headers, call.exchange.clone(), kept)?;
    let admitted = service.gate().write(&call.who, &call.around, place.pair(), described.intent()).await?;
    let bucket = admitted.subject().bucket.clone();
    let put = service.objects.put(&call.around, admitted, described.into_content(), &mut body).await;
    let put = put.map_err(|error| body.explain(error))?;
    let mut headers = HeaderMap::new();
    answer::set_sealed(&mut headers, &service.region, call.tenant());
    answer::set_state(&mut headers, put.state);
    if let Some(checksum) = &put.checksum {
        answer::set_checksum(&mut headers, checksum, 1);
    }
    let version_id = answer::shown_version(&bucket, put.version);
    Ok(S3Response::with_headers(PutObjectOutput { e_tag: Some(answer::tag(put.etag)), version_id, ..Default::default() }, headers))
}

pub(super) async fn get(service: &Service, call: Call, input: GetObjectInput) -> Answer<GetObjectOutput> {
    let place = Place::parse(&input.bucket, &input.key)?;
    let which = which(input.version_id.as_deref())?;
    let wish = Wish::stated(&call, input.part_number)?;
    let permitted = service.gate().read(&call.who, &call.around, place.pair(), which).await?;
    let served = match wish.served(&permitted.subject().version, service.index(&call)).await {
        Ok(served) => served,
        Err(fault) => return Err(told(permitted, fault).await),
    };
    let headers = match headers_of(service, &call, permitted.subject(), served) {
        Ok(headers) => headers,
        Err(fault) => return Err(told(permitted, fault).await),
    };
    let size = permitted.subject().version.row.size;
    let body = service.objects.get(permitted, served.range).await?;
    let output = GetObjectOutput {
        body: Some(StreamingBlob::from(s3s::Body::http_body_unsync(ResponseBody::new(body)))),
        content_length: Some(answer::size(served.range.len())),
        content_range: served.content_range(size),
        ..Default::default()
    };
    Ok(partial(S3Response::with_headers(output, headers), served))
}

pub(super) async fn head(service: &Service, call: Call, input: HeadObjectInput) -> Answer<HeadObjectOutput> {
    let place = Place::parse(&input.bucket, &input.key)?;
    let which = which(input.version_id.as_deref())?;
    let wish = Wish::stated(&call, input.part_number)?;
    let admitted = service.gate().read(&call.who, &call.around, place.pair(), which).await?.recorded().await?;
    let subject = admitted.subject();
    let served = wish.served(&subject.version, service.index(&call)).await?;
    let output = HeadObjectOutput {
        content_length: Some(answer::size(served.range.len())),
        content_range: served.content_range(subject.version.row.size),
        ..Default::default()
    };
    let headers = headers_of(service, &call, subject, served)?;
    Ok(partial(S3Response::with_headers(output, headers), served))
}

/// Everything that is told of a version, and what the reader wants told otherwise.
fn headers_of(service: &Service, call: &Call, subject: &ReadSubject, served: Served) -> Result<HeaderMap, Fault> {
    let version = &subject.version;
    let mut headers = answer::of_version(&subject.bucket, version);
    answer::set_sealed(&mut headers, &service.region, call.tenant());
    if served.extent == Extent::Part && version.row.parts > 0 {
        answer::set(&mut headers, "x-amz-mp-parts-count", &version.row.parts.to_string());
    }
    // A checksum of the whole would be taken for that of the piece.
    let wanted = call.header("x-amz-checksum-mode").is_some_and(|mode| mode.eq_ignore_ascii_case("ENABLED"));
    if let Some(checksum) = version.attributes.checksum.as_ref().filter(|_| wanted && served.is_all(version.row.size)) {
        answer::set_checksum(&mut headers, checksum, version.row.parts.max(1));
    }
    let overrides = [
        ("response-cache-control", header::CACHE_CONTROL),
        ("response-content-disposition", header::CONTENT_DISPOSITION),
        ("response-content-encoding", header::CONTENT_ENCODING),
        ("response-content-language", header::CONTENT_LANGUAGE),
        ("response-content-type", header::CONTENT_TYPE),
        ("response-expires", header::EXPIRES),
    ];
    for (parameter, name) in overrides {
        if let Some(text) = call.query.unique(parameter) {
            let value = HeaderValue::from_bytes(text.as_bytes());
            headers.insert(name, value.map_err(|_| Fault::argument(parameter, "The value cannot stand in a header."))?);
        }
    }
    Ok(headers)
}

fn partial<T>(mut response: S3Response<T>, served: Served) -> S3Response<T> {
    if served.extent != Extent::Whole {
        response.extensions.insert(Status(StatusCode::PARTIAL_CONTENT));
    }
    response
}

pub(super) async fn delete(service: &Service, call: Call, input: DeleteObjectInput) -> Answer<DeleteObjectOutput> {
    let place = Place::parse(&input.bucket, &input.key)?;
    let which = which(input.version_id.as_deref())?;
    let admitted = service.gate().delete(&call.who, &call.around, place.pair(), which).await?;
    let bucket = admitted.subject().bucket.clone();
    let deleted = service.objects.delete(&call.around, admitted).await?;
    let (marker, version_id) = match deleted {
        // A version that is not there is answered like one that was deleted.
        Deleted::Nothing => (None, input.version_id),
        Deleted::Version { version, kind } => {
            ((kind == VersionKind::DeleteMarker).then_some(true), input.version_id.and(answer::shown_version(&bucket, version)))
        }
        Deleted::Marker { version } => (Some(true), answer::shown_version(&bucket, version)),
    };
    Ok(S3Response::new(DeleteObjectOutput { delete_marker: marker, version_id, ..Default::default() }))
}

pub(super) async fn delete_many(service: &Service, call: Call, input: DeleteObjectsInput) -> Answer<DeleteObjectsOutput> {
    let bucket = bucket_name(&input.bucket)?;
    let objects = input.delete.objects;
    if objects.is_empty() || objects.len() > crate::domain::limits::PAGE_ENTRIES_MAX {
        return Err(Fault::new(S3ErrorCode::MalformedXML, "The document names no keys, or more than 1000."));
    }
    let (call, bucket) = (&call, bucket.as_str());
    let mut each = stream::iter(objects)
        .map(|object| async move {
            let outcome = delete_one(service, call, bucket, &object).await;
            (object, outcome)
        })
        .buffered(DELETES_AT_ONCE);
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    while let Some((object, outcome)) = each.next().await {
        match outcome {
            Ok(one) => deleted.push(one),
            // Then there is nothing to say of each.
            Err(fault) if fault.code() == "NoSuchBucket" => return Err(fault),
            Err(fault) => errors.push(Error {
                code: Some(fault.code().to_owned()),
                message: Some(fault.message_with_reason()),
                key: Some(object.key),
                version_id: object.version_id,
            }),
        }
    }
    let deleted = (input.delete.quiet != Some(true)).then_some(deleted);
    Ok(S3Response::new(DeleteObjectsOutput { deleted, errors: Some(errors), ..Default::default() }))
}

async fn delete_one(service: &Service, call: &Call, bucket: &str, object: &ObjectIdentifier) -> Result<DeletedObject, Fault> {
    if object.e_tag.is_some() || object.last_modified_time.is_some() || object.size.is_some() {
        return Err(Fault::not_implemented("conditional delete"));
    }
    let place = Place::parse(bucket, &object.key)?;
    let which = which(object.version_id.as_deref())?;
    let around = call.around.further();
    let admitted = service.gate().delete(&call.who, &around, place.pair(), which).await?;
    let bucket = admitted.subject().bucket.clone();
    let deleted = service.objects.delete(&around, admitted).await?;
    let mut one = DeletedObject { key: Some(object.key.clone()), version_id: object.version_id.clone(), ..Default::default() };
    match deleted {
        Deleted::Nothing => {}
        Deleted::Version { version, kind: VersionKind::DeleteMarker } => {
            one.delete_marker = Some(true);
            one.delete_marker_version_id = answer::shown_version(&bucket, version);
        }
        Deleted::Version { .. } => {}
        Deleted::Marker { version } => {
            one.delete_marker = Some(true);
            one.delete_marker_version_id = answer::shown_version(&bucket, version);
        }
    }
    Ok(one)
}
