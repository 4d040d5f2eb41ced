use crate::domain::Checksums;
use crate::seal::Plaintext;
use async_trait::async_trait;

/// A body could not be taken in. Nothing is stored then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BodyFault {
    /// The client went away, or sent slower than is allowed.
    #[error("the body ended early")]
    Ended,
    /// The client's bytes do not have the checksum that it stated.
    #[error("the body does not have the stated checksum `{algorithm}`")]
    Checksum {
        /// Which checksum.
        algorithm: &'static str,
    },
    /// The stated checksum is no value of its algorithm.
    #[error("the stated checksum `{algorithm}` is not well formed")]
    ChecksumForm {
        /// Which checksum.
        algorithm: &'static str,
    },
    /// The payload's signature or hash is wrong.
    #[error("the body does not have the signature or hash it was sent with")]
    Signature,
    /// More bytes than allowed.
    #[error("the body has more than {max} bytes")]
    TooLong {
        /// How many are allowed.
        max: u64,
    },
    /// Not the number of bytes that was announced.
    #[error("{announced} bytes were announced, {received} came")]
    Length {
        /// What was announced.
        announced: u64,
        /// What came.
        received: u64,
    },
    /// The source of a copy could not be read.
    #[error("the source of the copy cannot be read")]
    Source(#[source] Box<super::GetError>),
}

/// What is known of a body once all of it has come in and its digests were right.
#[derive(Debug, Clone)]
pub struct Verified {
    /// The checksum to keep for clients.
    pub checksum: Checksums,
    /// CRC64NVME of the bytes, big-endian.
    pub crc64nvme: [u8; 8],
}

/// Bytes on their way in: a client's request, or the source of a copy.
#[async_trait]
pub trait Incoming: Send {
    /// The next bytes, or none at the end.
    ///
    /// # Errors
    /// [`BodyFault`]; there is no next piece then.
    async fn next(&mut self) -> Option<Result<Plaintext, BodyFault>>;

    /// Checks the digests after the last piece.
    ///
    /// # Errors
    /// [`BodyFault`] when one is wrong.
    fn verify(&mut self) -> Result<Verified, BodyFault>;
}
