use super::body::{BodyFault, Incoming, Verified};
use super::get::ObjectBody;
use crate::digest::Digests;
use crate::domain::ChecksumAlgorithm;
use crate::seal::Plaintext;
use async_trait::async_trait;
use futures::StreamExt;

/// The source of a copy as a body on its way in: opened under its own admission, sealed anew under the target's.
#[derive(Debug)]
pub struct CopiedBody {
    source: ObjectBody,
    digests: Digests,
}

impl CopiedBody {
    /// The bytes of `source`, to be kept with a checksum of `algorithm`.
    #[must_use]
    pub fn new(source: ObjectBody, algorithm: ChecksumAlgorithm) -> Self {
        Self { source, digests: Digests::keeping(algorithm) }
    }
}

#[async_trait]
impl Incoming for CopiedBody {
    async fn next(&mut self) -> Option<Result<Plaintext, BodyFault>> {
        let piece = match self.source.next().await? {
            Ok(piece) => piece,
            Err(error) => return Some(Err(BodyFault::Source(Box::new(error)))),
        };
        self.digests.update(&piece);
        Some(Ok(Plaintext::from_client(piece)))
    }

    fn verify(&mut self) -> Result<Verified, BodyFault> {
        let finished = self.digests.finish();
        Ok(Verified { checksum: finished.checksum, crc64nvme: finished.crc64nvme })
    }
}
