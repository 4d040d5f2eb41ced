use super::report::{Damage, FindingState};
use super::{Scrub, damage};
use crate::blob::{BlobError, BlobStore};
use crate::domain::causes;
use crate::engine::FrameRow;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a replica that failed is left alone: waiting for it at each frame would keep the pass from the store itself.
const REST: Duration = Duration::from_secs(60);

/// What the replica has of a frame that is sound in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mirrored {
    /// The same; or there is no replica, or nobody needs the frame any more.
    Same,
    /// Nobody knows: it could not be asked.
    Unknown,
    /// Something else, or nothing; and whether it is the same now.
    Other(Damage, FindingState),
}

/// Until when the replica is not asked.
#[derive(Debug, Default)]
pub(super) struct Rest(Mutex<Option<Instant>>);

impl Rest {
    fn begin(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + REST);
    }

    fn is_over(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_none_or(|until| until <= Instant::now())
    }
}

impl Scrub {
    /// Puts a damaged frame back from the replica. Whether it is whole now.
    ///
    /// The replica's copy is taken only if it has the row's checksum, so nothing gets worse.
    pub(super) async fn repaired(&self, frame: &FrameRow) -> bool {
        let Some(replica) = self.parts.blobs.admitted_replica() else { return false };
        let store = self.parts.blobs.from_first();
        match replica.copy(frame.location.blob, &store, Some(frame.stored_crc)).await {
            Ok(_crc) => matches!(self.crc(&store, &frame.location).await, Ok(crc) if crc == frame.stored_crc),
            Err(error) => {
                tracing::warn!(error = causes(&error), "a damaged frame could not be put back from the replica");
                false
            }
        }
    }

    /// Compares the replica's copy of a frame that is sound in the store, and puts a sound one there where it is not.
    pub(super) async fn mirror(&self, frame: &FrameRow) -> Mirrored {
        if self.parts.blobs.from_replica().is_none() {
            return Mirrored::Same;
        }
        let Some(replica) = self.parts.blobs.admitted_replica().filter(|_| self.replica_rest.is_over()) else {
            return Mirrored::Unknown;
        };
        let found = match damage(self.crc(&replica, &frame.location).await, frame) {
            Ok(None) => return Mirrored::Same,
            Ok(Some(found)) => found,
            Err(error) => return self.unknown(&error),
        };
        // One that is not mounted, or does not answer, lacks nothing.
        if let Err(error) = self.parts.pairing.look_at_replica().await {
            return self.unknown(&error);
        }
        match self.fill(frame, &replica).await {
            Ok(()) => Mirrored::Other(found, FindingState::Repaired),
            // Deleted meanwhile.
            Err(BlobError::Missing { .. }) => Mirrored::Same,
            Err(error) => {
                tracing::warn!(damage = found.name(), error = causes(&error), "a frame could not be copied to the replica");
                Mirrored::Other(found, FindingState::Open)
            }
        }
    }

    async fn fill(&self, frame: &FrameRow, replica: &BlobStore) -> Result<(), BlobError> {
        let blob = frame.location.blob;
        self.parts.blobs.copy(blob, replica, Some(frame.stored_crc)).await?;
        let crc = self.crc(replica, &frame.location).await?;
        if crc == frame.stored_crc { Ok(()) } else { Err(BlobError::Altered { blob }) }
    }

    fn unknown(&self, error: &(dyn std::error::Error + 'static)) -> Mirrored {
        tracing::warn!(error = causes(error), "the replica is not compared for a while");
        self.replica_rest.begin();
        Mirrored::Unknown
    }
}
