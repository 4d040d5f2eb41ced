use crate::domain::{PrincipalId, PrincipalKind, Profile, TenantId};

/// A caller whose credentials were checked. Only [`super::Authenticator::verify`] makes one.
#[derive(Debug)]
pub struct Principal {
    pub(super) id: PrincipalId,
    pub(super) tenant: TenantId,
    pub(super) name: String,
    pub(super) kind: PrincipalKind,
    pub(super) profile: Profile,
    pub(super) access_key: String,
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

    /// The credential it used, public half.
    #[must_use]
    pub fn access_key(&self) -> &str {
        &self.access_key
    }
}
