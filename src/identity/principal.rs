use crate::domain::{PrincipalId, PrincipalKind, Profile, TenantId};

/// What proved who somebody is, and with it their job types (ID-10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProvenBy {
    /// A credential of hozon's own, given by an administrator.
    AccessKey,
    /// The tenant's identity provider.
    IdentityProvider,
    /// An HPKI certificate.
    Hpki,
    /// An emergency account.
    Emergency,
}

impl ProvenBy {
    /// Its name in events and policies.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccessKey => "access-key",
            Self::IdentityProvider => "identity-provider",
            Self::Hpki => "hpki",
            Self::Emergency => "emergency",
        }
    }
}

/// A caller whose credentials were checked. Only [`super::Authenticator::verify`] makes one.
#[derive(Debug)]
pub struct Principal {
    pub(super) id: PrincipalId,
    pub(super) tenant: TenantId,
    pub(super) name: String,
    pub(super) kind: PrincipalKind,
    pub(super) profile: Profile,
    pub(super) access_key: String,
    pub(super) proven_by: ProvenBy,
    /// How many kinds of proof were shown.
    pub(super) factors: u8,
    pub(super) serial: u64,
}

impl Principal {
    /// Its id.
    #[must_use]
    pub const fn id(&self) -> PrincipalId {
        self.id
    }

    /// Whose it is.
    #[must_use]
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Its name in commands and in the log.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Person, app, device or operator.
    #[must_use]
    pub const fn kind(&self) -> PrincipalKind {
        self.kind
    }

    /// What its tenant knows of it.
    #[must_use]
    pub const fn profile(&self) -> &Profile {
        &self.profile
    }

    /// What proved it.
    #[must_use]
    pub const fn proven_by(&self) -> ProvenBy {
        self.proven_by
    }

    /// How many kinds of proof were shown: two where there was a second factor (ID-03).
    #[must_use]
    pub const fn factors(&self) -> i64 {
        self.factors as i64
    }

    /// A number that no other principal of this process has, and this one only as long as nothing of it changes.
    #[must_use]
    pub const fn serial(&self) -> u64 {
        self.serial
    }

    /// The credential it used, public half.
    #[must_use]
    pub fn access_key(&self) -> &str {
        &self.access_key
    }
}
