use super::{Day, TenantId};
use std::fmt;

/// The name of one stored object: random, dated, and telling nothing but tenant and day.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobId {
    tenant: TenantId,
    day: Day,
    random: [u8; 16],
}

/// The text is no blob name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a blob is named `<tenant>/<yyyymmdd>/<32 hexadecimal digits>`")]
pub struct InvalidBlobId;

impl BlobId {
    /// A new name for a blob that `tenant` stores on `day`.
    #[must_use]
    pub fn random(tenant: TenantId, day: Day) -> Self {
        Self { tenant, day, random: *uuid::Uuid::new_v4().as_bytes() }
    }

    /// Whose blob it is.
    #[must_use]
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The day it was stored.
    #[must_use]
    pub const fn day(&self) -> Day {
        self.day
    }

    /// The name as 36 bytes: tenant, day as a big-endian number, random part.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 36] {
        let mut bytes = [0; 36];
        let parts = self.tenant.as_bytes().iter().copied().chain(self.day.number().to_be_bytes()).chain(self.random);
        bytes.iter_mut().zip(parts).for_each(|(slot, byte)| *slot = byte);
        bytes
    }

    /// The name from its 36 bytes.
    ///
    /// # Errors
    /// [`InvalidBlobId`] for another length or a day that is none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidBlobId> {
        let (tenant, rest) = bytes.split_first_chunk::<16>().ok_or(InvalidBlobId)?;
        let (day, rest) = rest.split_first_chunk::<4>().ok_or(InvalidBlobId)?;
        let random = rest.try_into().map_err(|_| InvalidBlobId)?;
        let day = Day::from_number(u32::from_be_bytes(*day)).ok_or(InvalidBlobId)?;
        Ok(Self { tenant: TenantId::from_bytes(*tenant), day, random })
    }

    /// The name written as `<tenant>/<yyyymmdd>/<random>`.
    ///
    /// # Errors
    /// [`InvalidBlobId`] for any other text.
    pub fn parse(text: &str) -> Result<Self, InvalidBlobId> {
        let mut parts = text.split('/');
        let (Some(tenant), Some(day), Some(random), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(InvalidBlobId);
        };
        let tenant = TenantId::parse(tenant).map_err(|_| InvalidBlobId)?;
        let day = day.parse().ok().and_then(Day::from_number).ok_or(InvalidBlobId)?;
        let mut bytes = [0; 16];
        hex::decode_to_slice(random, &mut bytes).map_err(|_| InvalidBlobId)?;
        Ok(Self { tenant, day, random: bytes })
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.tenant, self.day, hex::encode(self.random))
    }
}

impl fmt::Debug for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobId({self})")
    }
}

/// Where one sealed frame (header to footer) lies: in which blob, from which byte, how long.
///
/// Always all three, so that several small frames can share a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Location {
    /// The stored object.
    pub blob: BlobId,
    /// First byte of the frame in it.
    pub offset: u64,
    /// Bytes of the frame.
    pub length: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::UtcTime;

    #[test]
    fn a_blob_name_comes_back_from_text_and_bytes() {
        let id = BlobId::random(TenantId::random(), UtcTime::from_micros(1_700_000_000_000_000).day());
        assert_eq!(BlobId::parse(&id.to_string()), Ok(id));
        assert_eq!(BlobId::from_bytes(&id.to_bytes()), Ok(id));
        assert_eq!(BlobId::parse("a/b/c/d"), Err(InvalidBlobId));
    }
}
