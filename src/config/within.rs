use serde::{Deserialize, Serialize};

/// A whole number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub(super) struct Within<const MIN: u64, const MAX: u64>(u64);

/// The number lies outside.
#[derive(Debug, thiserror::Error)]
#[error("{found} is not from {min} to {max}")]
pub(super) struct Outside {
    found: u64,
    min: u64,
    max: u64,
}

impl<const MIN: u64, const MAX: u64> Within<MIN, MAX> {
    /// `value`, moved to the nearer end where it lies outside: for defaults, which a test compares with the file.
    pub(super) const fn near(value: u64) -> Self {
        if value < MIN {
            Self(MIN)
        } else if value > MAX {
            Self(MAX)
        } else {
            Self(value)
        }
    }

    pub(super) fn size(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    pub(super) fn small(self) -> u32 {
        u32::try_from(self.0).unwrap_or(u32::MAX)
    }

    pub(super) const fn seconds(self) -> std::time::Duration {
        std::time::Duration::from_secs(self.0)
    }
}

impl<const MIN: u64, const MAX: u64> TryFrom<u64> for Within<MIN, MAX> {
    type Error = Outside;

    fn try_from(found: u64) -> Result<Self, Outside> {
        if (MIN..=MAX).contains(&found) { Ok(Self(found)) } else { Err(Outside { found, min: MIN, max: MAX }) }
    }
}

impl<const MIN: u64, const MAX: u64> From<Within<MIN, MAX>> for u64 {
    fn from(within: Within<MIN, MAX>) -> Self {
        within.0
    }
}
