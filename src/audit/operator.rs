use super::{Actor, Event, EventKind, Subject, Verdict};
use crate::domain::{EventId, PrincipalKind, UtcTime};

/// What operators do to a tenant, or hozon by itself in their place (OP-02).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorAction {
    /// A tenant is made. Its log begins with this.
    CreateTenant,
    /// A tenant is shut out.
    DisableTenant,
    /// A tenant's own administrators make its people from now on.
    HandOver,
    /// A person, app or device is made, with its rights.
    CreatePrincipal,
    /// A person, app or device is shut out.
    DisablePrincipal,
    /// A credential is made.
    CreateCredential,
    /// A credential is ended.
    DisableCredential,
    /// A bucket is made.
    CreateBucket,
    /// A bucket is switched off.
    DisableBucket,
    /// An upload that nobody goes on with is ended.
    AbortIdleUpload,
    /// An older index is taken for the right one: bodies that it does not name will be deleted.
    AcceptIndex,
    /// Index and store are brought together.
    AdoptStore,
    /// Stored bytes are found that are not as they were written. The reason says how.
    FindDamage,
    /// Stored bytes that were found damaged are put back from the replica.
    RepairDamage,
    /// A lost index is made anew from its backup.
    RecoverIndex,
    /// An index is made anew from its backup as its records were at an earlier moment.
    RestoreIndex,
    /// The index is moved to another database.
    MoveIndex,
    /// The bodies are moved to another store.
    MoveStore,
}

impl OperatorAction {
    /// All there are.
    pub const ALL: &'static [Self] = &[
        Self::CreateTenant,
        Self::DisableTenant,
        Self::HandOver,
        Self::CreatePrincipal,
        Self::DisablePrincipal,
        Self::CreateCredential,
        Self::DisableCredential,
        Self::CreateBucket,
        Self::DisableBucket,
        Self::AbortIdleUpload,
        Self::AcceptIndex,
        Self::AdoptStore,
        Self::FindDamage,
        Self::RepairDamage,
        Self::RecoverIndex,
        Self::RestoreIndex,
        Self::MoveIndex,
        Self::MoveStore,
    ];

    /// Its name as an action.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreateTenant => "create-tenant",
            Self::DisableTenant => "disable-tenant",
            Self::HandOver => "hand-over",
            Self::CreatePrincipal => "create-principal",
            Self::DisablePrincipal => "disable-principal",
            Self::CreateCredential => "create-credential",
            Self::DisableCredential => "disable-credential",
            Self::CreateBucket => "create-bucket",
            Self::DisableBucket => "disable-bucket",
            Self::AbortIdleUpload => "abort-idle-upload",
            Self::AcceptIndex => "accept-index",
            Self::AdoptStore => "adopt-store",
            Self::FindDamage => "find-damage",
            Self::RepairDamage => "repair-damage",
            Self::RecoverIndex => "recover-index",
            Self::RestoreIndex => "restore-index",
            Self::MoveIndex => "move-index",
            Self::MoveStore => "move-store",
        }
    }

    const fn operation(self) -> &'static str {
        match self {
            Self::CreateTenant => "CreateTenant",
            Self::DisableTenant => "DisableTenant",
            Self::HandOver => "HandOver",
            Self::CreatePrincipal => "CreatePrincipal",
            Self::DisablePrincipal => "DisablePrincipal",
            Self::CreateCredential => "CreateCredential",
            Self::DisableCredential => "DisableCredential",
            Self::CreateBucket => "CreateBucket",
            Self::DisableBucket => "DisableBucket",
            Self::AbortIdleUpload => "AbortIdleUpload",
            Self::AcceptIndex => "AcceptIndex",
            Self::AdoptStore => "AdoptStore",
            Self::FindDamage => "FindDamage",
            Self::RepairDamage => "RepairDamage",
            Self::RecoverIndex => "RecoverIndex",
            Self::RestoreIndex => "RestoreIndex",
            Self::MoveIndex => "MoveIndex",
            Self::MoveStore => "MoveStore",
        }
    }
}

/// Whoever acts on a tenant from outside of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    name: String,
    job_type: &'static str,
    proven_by: &'static str,
}

impl Operator {
    /// Its name in the log.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The operating system's user with this number, known by `proven_by`.
    #[must_use]
    pub fn user(number: u32, proven_by: &'static str) -> Self {
        Self { name: format!("user-{number}"), job_type: "provider_operator", proven_by }
    }

    /// The gateway, which acts by itself.
    #[must_use]
    pub fn process() -> Self {
        Self { name: "hozon".to_owned(), job_type: "system", proven_by: "process" }
    }

    /// The audit event of what it does.
    #[must_use]
    pub fn event(&self, action: OperatorAction, subject: Subject, now: UtcTime) -> Event {
        let (id, at) = Event::stamp(EventId::random(), now);
        Event {
            v: Event::VERSION,
            id,
            at,
            kind: EventKind::Administration,
            actor: Actor {
                id: String::new(),
                name: self.name.clone(),
                display_name: String::new(),
                kind: PrincipalKind::Operator,
                job_types: vec![self.job_type.to_owned()],
                proven_by: self.proven_by.to_owned(),
                credential: None,
                factors: None,
                via: None,
            },
            action: action.name().to_owned(),
            operation: action.operation().to_owned(),
            subject,
            verdict: Verdict::Allowed,
            reason: None,
            policies: Vec::new(),
            purpose: None,
            source: None,
            user_agent: None,
            outcome: None,
        }
    }
}
