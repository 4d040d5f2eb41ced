use crate::domain::{BlobId, BucketId, Location, UploadId, VersionId};

/// A stored frame as a row names it: where it lies, and what its bytes came to when they were stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameRow {
    /// Where it lies.
    pub location: Location,
    /// CRC64NVME over it as stored.
    pub stored_crc: u64,
    /// Which row names it.
    pub owner: FrameOwner,
    /// The bucket of the version or upload; nothing where that has no row, which hozon never leaves behind.
    pub bucket: Option<BucketId>,
    /// The version that it belongs to, or will belong to once its upload is complete.
    pub version: Option<VersionId>,
}

/// Which row names a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameOwner {
    /// The version itself: its body, or the manifest over its parts.
    Version(VersionId),
    /// A part of a version.
    Part(VersionId, u32),
    /// A part of an open upload.
    UploadPart(UploadId, u32),
}

impl FrameOwner {
    pub(super) const VERSION: u8 = 1;
    pub(super) const PART: u8 = 2;
    pub(super) const UPLOAD_PART: u8 = 3;

    /// The number of its kind, its id, and the part's number.
    pub(super) const fn parts(&self) -> (u8, &[u8; 16], u32) {
        match self {
            Self::Version(id) => (Self::VERSION, id.as_bytes(), 0),
            Self::Part(id, number) => (Self::PART, id.as_bytes(), *number),
            Self::UploadPart(id, number) => (Self::UPLOAD_PART, id.as_bytes(), *number),
        }
    }

    pub(super) const fn from_parts(kind: u8, id: [u8; 16], number: u32) -> Option<Self> {
        match kind {
            Self::VERSION => Some(Self::Version(VersionId::from_bytes(id))),
            Self::PART => Some(Self::Part(VersionId::from_bytes(id), number)),
            Self::UPLOAD_PART => Some(Self::UploadPart(UploadId::from_bytes(id), number)),
            _ => None,
        }
    }
}

/// The place of a frame in the order of all: by blob, offset, and the row that names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameKey {
    /// Its blob.
    pub blob: BlobId,
    /// Its first byte in the blob.
    pub offset: u64,
    /// The row that names it.
    pub owner: FrameOwner,
}

impl FrameRow {
    /// Its place in the order of all.
    #[must_use]
    pub const fn key(&self) -> FrameKey {
        FrameKey { blob: self.location.blob, offset: self.location.offset, owner: self.owner }
    }
}

impl FrameKey {
    /// The key as bytes: 36 of the blob, 8 of the offset, then kind, id and number of the row.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let (kind, id, number) = self.owner.parts();
        let mut bytes = self.blob.to_bytes().to_vec();
        bytes.extend(self.offset.to_be_bytes());
        bytes.push(kind);
        bytes.extend(id);
        bytes.extend(number.to_be_bytes());
        bytes
    }

    /// The key from its bytes; nothing if they are none.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (blob, rest) = bytes.split_first_chunk::<36>()?;
        let (offset, rest) = rest.split_first_chunk::<8>()?;
        let ([kind], rest) = rest.split_first_chunk::<1>()?;
        let (id, rest) = rest.split_first_chunk::<16>()?;
        let number = u32::from_be_bytes(rest.try_into().ok()?);
        let owner = FrameOwner::from_parts(*kind, *id, number)?;
        Some(Self { blob: BlobId::from_bytes(blob).ok()?, offset: u64::from_be_bytes(*offset), owner })
    }
}

/// How much there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FrameTotals {
    /// Frames that rows name.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{TenantId, UtcTime};

    #[test]
    fn a_key_comes_back_from_its_bytes() {
        let blob = BlobId::random(TenantId::random(), UtcTime::from_micros(1_700_000_000_000_000).day());
        let owners = [
            FrameOwner::Version(VersionId::random()),
            FrameOwner::Part(VersionId::random(), 7),
            FrameOwner::UploadPart(UploadId::random(), 10_000),
        ];
        for owner in owners {
            let key = FrameKey { blob, offset: u64::MAX - 3, owner };
            assert_eq!(FrameKey::from_bytes(&key.to_bytes()), Some(key));
            assert_eq!(FrameKey::from_bytes(&key.to_bytes()[1..]), None);
            assert_eq!(FrameKey::from_bytes(&[key.to_bytes(), vec![0]].concat()), None);
        }
    }
}
