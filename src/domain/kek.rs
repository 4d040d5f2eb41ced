/// What a tenant key version is for. The number is what rows carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum KekPurpose {
    /// Wraps the data keys of versions. Reached only against an admission.
    Data = 1,
    /// Seals names and attributes, makes tokens and row MACs, wraps secrets.
    Index = 2,
    /// Wraps the event keys of the audit log.
    Audit = 3,
}

/// The text or number names nothing that we know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not known")]
pub struct UnknownName {
    /// What was given.
    pub name: String,
}

impl KekPurpose {
    /// All purposes, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Data, Self::Index, Self::Audit];

    /// The purpose with this number in a row.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Data),
            2 => Some(Self::Index),
            3 => Some(Self::Audit),
            _ => None,
        }
    }

    /// Its name in contexts, commands and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Index => "index",
            Self::Audit => "audit",
        }
    }
}

/// Where a tenant key version stands in its life. The number is what rows carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum KekState {
    /// The one version that wraps new keys.
    Active = 1,
    /// Opens what it wrapped, wraps nothing new.
    DecryptOnly = 2,
    /// Nothing is wrapped under it any more.
    Retired = 3,
    /// Its bytes are gone.
    Destroyed = 4,
}

impl KekState {
    /// The state with this number in a row.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Active),
            2 => Some(Self::DecryptOnly),
            3 => Some(Self::Retired),
            4 => Some(Self::Destroyed),
            _ => None,
        }
    }
}
