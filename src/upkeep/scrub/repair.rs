use crate::blob::{BlobError, BlobStore};
use crate::domain::Location;
use async_trait::async_trait;

/// Another place that may hold the same frames.
#[async_trait]
pub trait Repair: Send + Sync + std::fmt::Debug {
    /// Puts the frame at `location` back, whose bytes have the CRC64NVME `stored_crc`. Whether it did.
    async fn repair(&self, location: &Location, stored_crc: u64) -> Result<bool, BlobError>;
    /// Copies the frame at `location`, which is sound, to the other place if that lacks it.
    async fn fill(&self, location: &Location, stored_crc: u64) -> Result<(), BlobError>;
}

/// No other place has anything.
#[derive(Debug, Clone, Copy)]
pub struct NoReplica;

#[async_trait]
impl Repair for NoReplica {
    async fn repair(&self, _location: &Location, _stored_crc: u64) -> Result<bool, BlobError> {
        Ok(false)
    }

    async fn fill(&self, _location: &Location, _stored_crc: u64) -> Result<(), BlobError> {
        Ok(())
    }
}

/// The replica of a store, once it is known to be one. Blobs hold one frame each, so a frame's CRC is its blob's.
#[derive(Debug, Clone)]
pub struct FromReplica(pub BlobStore);

#[async_trait]
impl Repair for FromReplica {
    async fn repair(&self, location: &Location, stored_crc: u64) -> Result<bool, BlobError> {
        let Some(replica) = self.0.admitted_replica() else { return Ok(false) };
        match replica.copy(location.blob, &self.0.from_first(), Some(stored_crc)).await {
            Ok(_crc) => Ok(true),
            // The replica has nothing better.
            Err(BlobError::Missing { .. } | BlobError::Truncated { .. } | BlobError::Range { .. } | BlobError::Altered { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn fill(&self, location: &Location, stored_crc: u64) -> Result<(), BlobError> {
        let Some(replica) = self.0.admitted_replica() else { return Ok(()) };
        // Its last byte is there: so is the rest, as blobs appear whole.
        match replica.read(location, location.length.saturating_sub(1)..location.length).await {
            Ok(_last) => Ok(()),
            Err(BlobError::Missing { .. } | BlobError::Truncated { .. } | BlobError::Range { .. }) => {
                self.0.copy(location.blob, &replica, Some(stored_crc)).await.map(|_crc| ())
            }
            Err(error) => Err(error),
        }
    }
}
