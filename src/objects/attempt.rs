//! Changes that were let and then did not happen: the verdict goes on record all the same.

use super::Objects;
use crate::audit::{Event, OutcomeResult, PendingEvent, Receipt};
use crate::domain::TenantId;
use crate::engine::{EngineError, Events};
use crate::index::IndexError;
use crate::policy::{Action, Admitted, Refused};

/// What goes on record of an admitted change that does not come to be. With the change, its event is part of the same
/// transaction; without, it would be nowhere.
#[must_use = "how an admitted change ended is to be settled"]
pub(super) struct Attempt {
    tenant: TenantId,
    event: Event,
    rows: Events,
}

impl Attempt {
    pub(super) fn of<A: Action<Record = PendingEvent>>(admitted: &Admitted<A>) -> Self {
        let record = admitted.record();
        Self { tenant: admitted.tenant(), event: record.event().clone(), rows: record.events() }
    }
}

/// An error after an admission.
pub(super) trait Failure: From<Refused> {
    /// Whether it is a verdict of its own, which the gate has put on record in the admission's place.
    fn is_verdict(&self) -> bool;
    /// What the audit log says became of the change.
    fn outcome(&self) -> OutcomeResult;
}

/// What the audit log says of a question to the index that failed: rows that are not as they were written are damage
/// (promise 6).
pub(super) const fn of_index(error: &IndexError) -> OutcomeResult {
    match error {
        IndexError::Tampered { .. } | IndexError::Engine(EngineError::Corrupt { .. }) => OutcomeResult::Damaged,
        _ => OutcomeResult::Failed,
    }
}

impl Objects {
    /// Answers from the index to what is on record already; damage that is met there is on record too.
    pub(super) async fn looked_up<A: Action<Record = Receipt>, T>(
        &self,
        admitted: &Admitted<A>,
        found: Result<T, IndexError>,
    ) -> Result<T, IndexError> {
        if let Err(error) = &found {
            self.outcomes.settle(admitted.tenant(), admitted.record().event(), (of_index(error), 0)).await;
        }
        found
    }

    /// Puts on record that what `admitted` lets was given up before it began.
    ///
    /// # Errors
    /// [`Refused::Unrecorded`]; nothing may be told then.
    pub async fn abandon<A: Action<Record = PendingEvent>>(&self, admitted: Admitted<A>) -> Result<(), Refused> {
        let (who, _subject, record) = admitted.spend();
        let event = record.event().clone();
        self.journal.append_rows(record.into_events()).await?;
        self.outcomes.note(who.tenant(), &event, (OutcomeResult::Failed, 0));
        Ok(())
    }

    /// Ends an attempt: where it failed, that it was let and failed is on record before anyone learns how.
    ///
    /// The event has the identity of the request, so where the change has come to be after all, or another verdict
    /// took its place, the one on record stays.
    pub(super) async fn settled<T, E: Failure>(&self, attempt: Attempt, ended: Result<T, E>) -> Result<T, E> {
        let Err(error) = ended else { return ended };
        if error.is_verdict() {
            return Err(error);
        }
        if let Err(unrecorded) = self.journal.append_rows(attempt.rows).await {
            return Err(Refused::from(unrecorded).into());
        }
        self.outcomes.settle(attempt.tenant, &attempt.event, (error.outcome(), 0)).await;
        Err(error)
    }
}
