use super::{IndexError, sealed_json};
use crate::domain::Checksums;
use crate::leases::IndexKey;
use crate::seal::{Context, PlaceOfPart};
use serde::{Deserialize, Serialize};

/// What is known of a part's plaintext. It rests sealed: a plain digest would let the index's owner confirm guesses.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartChecksums {
    /// CRC-64/NVME, big-endian.
    pub(super) crc64nvme: [u8; 8],
    /// In the algorithm that the upload announced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) checksum: Option<Checksums>,
}

impl PartChecksums {
    pub(super) fn seal(&self, key: &IndexKey, place: PlaceOfPart) -> Result<Vec<u8>, IndexError> {
        sealed_json::seal(&key.attributes, &Context::part_checksums(place), self)
    }

    /// `None` where place, key or bytes are not those.
    pub(super) fn open(key: &IndexKey, place: PlaceOfPart, sealed: &[u8]) -> Option<Self> {
        sealed_json::open(&key.attributes, &Context::part_checksums(place), sealed)
    }
}
