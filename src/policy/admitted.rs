use super::{Action, Refused};
use crate::audit::{Event, Journal, PendingEvent, Receipt};
use crate::domain::{TenantId, limits};
use crate::identity::Principal;
use crate::leases::Monotonic;
use std::sync::Arc;
use std::time::Duration;

/// Leave to do `A` once, to one subject, recorded as `A` demands.
///
/// Neither `Clone` nor constructible outside this module: spend it or drop it.
#[must_use = "an admission that is not spent is an access that was recorded but never happened"]
#[derive(Debug)]
pub struct Admitted<A: Action> {
    who: Arc<Principal>,
    subject: A::Subject,
    record: A::Record,
    clock: Arc<dyn Monotonic>,
    until: Duration,
}

impl<A: Action> Admitted<A> {
    pub(super) fn new(who: Arc<Principal>, subject: A::Subject, record: A::Record, clock: Arc<dyn Monotonic>) -> Self {
        let until = clock.now().saturating_add(limits::ADMISSION_LIFE);
        Self { who, subject, record, clock, until }
    }

    /// Who was admitted.
    #[must_use]
    pub fn who(&self) -> &Arc<Principal> {
        &self.who
    }

    /// The tenant in which it is good.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.who.tenant()
    }

    /// What it is good for.
    #[must_use]
    pub const fn subject(&self) -> &A::Subject {
        &self.subject
    }

    /// How it is on record.
    #[must_use]
    pub const fn record(&self) -> &A::Record {
        &self.record
    }

    /// Whether it may still be used: time passes between decision and use.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.clock.now() <= self.until
    }

    /// Takes the admission apart, which spends it.
    #[must_use]
    pub fn spend(self) -> (Arc<Principal>, A::Subject, A::Record) {
        (self.who, self.subject, self.record)
    }
}

/// Leave that is decided but not yet on record: enough to fetch sealed bytes, not to open them.
#[must_use = "a decision must go on record"]
#[derive(Debug)]
pub struct Permitted<A: Action<Record = Receipt>> {
    who: Arc<Principal>,
    subject: A::Subject,
    pending: PendingEvent,
    journal: Arc<Journal>,
    clock: Arc<dyn Monotonic>,
}

impl<A: Action<Record = Receipt>> Permitted<A> {
    pub(super) fn new(
        who: Arc<Principal>,
        subject: A::Subject,
        pending: PendingEvent,
        (journal, clock): (Arc<Journal>, Arc<dyn Monotonic>),
    ) -> Self {
        Self { who, subject, pending, journal, clock }
    }

    /// The tenant in which it will be good.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.who.tenant()
    }

    /// What it will be good for.
    #[must_use]
    pub const fn subject(&self) -> &A::Subject {
        &self.subject
    }

    /// What will be on record.
    #[must_use]
    pub const fn event(&self) -> &Event {
        self.pending.event()
    }

    /// Puts the decision on record, which makes it an admission.
    ///
    /// # Errors
    /// [`Refused::Unrecorded`]; nothing may happen then.
    pub async fn recorded(self) -> Result<Admitted<A>, Refused> {
        let receipt = self.journal.append(self.pending).await?;
        Ok(Admitted::new(self.who, self.subject, receipt, self.clock))
    }
}
