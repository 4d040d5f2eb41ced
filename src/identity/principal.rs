use crate::domain::{PrincipalId, PrincipalKind, Profile, TenantId, UtcTime};
use std::sync::Arc;

/// What proved who somebody is, and with it their job types (ID-10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
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

/// When a proof began to hold, and when it ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Life {
    pub(super) begun: UtcTime,
    pub(super) ends: UtcTime,
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
    /// Of a session or a token; nothing for a credential that stands in the index.
    pub(super) life: Option<Life>,
    /// The app that acts for them.
    pub(super) via: Option<Arc<Principal>>,
    pub(super) serial: u64,
}

impl Principal {
    /// The same, as another one for what is remembered of it.
    pub(super) fn clone_of(who: &Self, serial: u64) -> Self {
        Self {
            id: who.id,
            tenant: who.tenant,
            name: who.name.clone(),
            kind: who.kind,
            profile: who.profile.clone(),
            access_key: who.access_key.clone(),
            proven_by: who.proven_by,
            factors: who.factors,
            life: who.life,
            via: who.via.clone(),
            serial,
        }
    }

    /// The app that acts for them, where one does.
    #[must_use]
    pub const fn via(&self) -> Option<&Arc<Self>> {
        self.via.as_ref()
    }

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
