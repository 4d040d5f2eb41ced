use super::checksums::Expected;
use super::errors;
use super::exchange::Exchange;
use super::fault::Fault;
use crate::digest::Digests;
use crate::domain::{ChecksumAlgorithm, limits};
use crate::objects::{BodyFault, Incoming, PutError, Verified};
use crate::seal::Plaintext;
use async_trait::async_trait;
use futures::StreamExt;
use http::HeaderMap;
use s3s::dto::StreamingBlob;
use s3s::{S3ErrorCode, TrailingHeaders};
use std::sync::Arc;

/// The body of an upload: pieces as they come, then the checks of everything stated about them.
pub(super) struct ClientBody {
    stream: StreamingBlob,
    exchange: Arc<Exchange>,
    expected: Expected,
    digests: Digests,
    trailers: Option<TrailingHeaders>,
    is_chunk_signed: bool,
    announced: u64,
    received: u64,
}

impl ClientBody {
    /// The body of a request with these headers, which announces its length; kept with a checksum of `kept`
    /// where the client states none.
    ///
    /// # Errors
    /// `MissingContentLength`, `EntityTooLarge`, or what the checksum headers are refused for; nothing was read then.
    pub(super) fn new(
        (stream, trailers): (Option<StreamingBlob>, Option<TrailingHeaders>),
        length: Option<i64>,
        headers: &HeaderMap,
        exchange: Arc<Exchange>,
        kept: ChecksumAlgorithm,
    ) -> Result<Self, Fault> {
        let missing = || Fault::new(S3ErrorCode::MissingContentLength, "You must provide the Content-Length HTTP header.");
        // A body in chunks may come without Content-Length; what it decodes to is announced all the same.
        let decoded = headers.get("x-amz-decoded-content-length").and_then(|value| value.to_str().ok()?.parse().ok());
        let announced = decoded.or_else(|| length.and_then(|length| u64::try_from(length).ok())).ok_or_else(missing)?;
        if announced > limits::PART_BYTES_MAX {
            return Err(errors::of_body(&BodyFault::TooLong { max: limits::PART_BYTES_MAX }));
        }
        let expected = Expected::of(headers)?;
        if expected.in_trailer() && trailers.is_none() {
            let message = "x-amz-trailer needs a payload with trailers, which x-amz-content-sha256 does not announce.";
            return Err(Fault::new(S3ErrorCode::InvalidRequest, message));
        }
        let sha256 = headers.get("x-amz-content-sha256").map_or(&b""[..], |value| value.as_bytes());
        let is_chunk_signed = sha256.starts_with(b"STREAMING-AWS4-");
        let digests = expected.digests(kept);
        let stream = stream.unwrap_or_else(|| StreamingBlob::from(s3s::Body::empty()));
        Ok(Self { stream, exchange, expected, digests, trailers, is_chunk_signed, announced, received: 0 })
    }

    /// The fault for an upload that failed: a wrong signature has another name where chunks are signed.
    pub(super) fn explain(&self, error: PutError) -> Fault {
        match error {
            PutError::Body(BodyFault::Signature) if self.is_chunk_signed => {
                Fault::new(S3ErrorCode::SignatureDoesNotMatch, "The signature of a chunk does not match the one calculated.")
            }
            other => Fault::from(other),
        }
    }
}

#[async_trait]
impl Incoming for ClientBody {
    async fn next(&mut self) -> Option<Result<Plaintext, BodyFault>> {
        match self.stream.next().await {
            Some(Ok(bytes)) => {
                self.received = self.received.saturating_add(bytes.len() as u64);
                if self.received > self.announced {
                    return Some(Err(BodyFault::Length { announced: self.announced, received: self.received }));
                }
                self.digests.update(&bytes);
                Some(Ok(Plaintext::from_client(bytes)))
            }
            Some(Err(_)) if self.exchange.is_broken() => Some(Err(BodyFault::Ended)),
            Some(Err(_)) => Some(Err(BodyFault::Signature)),
            None => None,
        }
    }

    fn verify(&mut self) -> Result<Verified, BodyFault> {
        if self.received != self.announced {
            return Err(BodyFault::Length { announced: self.announced, received: self.received });
        }
        let came = self.digests.finish();
        let trailers = self.trailers.as_ref().and_then(TrailingHeaders::take);
        self.expected.verify(&came, trailers.as_ref())?;
        Ok(Verified { checksum: came.checksum, crc64nvme: came.crc64nvme })
    }
}
