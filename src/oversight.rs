//! Who watches over access: care teams, emergencies and their reviews, and changes that take two people.
//!
//! Everything here spends an admission of the gate and lays something down in the transaction that records it. Way in:
//! [`Oversight`].

mod change;
mod error;
mod explain;
mod glass;
mod people;

use crate::access::{Access, NewDirective};
use crate::audit::{LaidDown, PendingEvent};
use crate::domain::{Clock, Directive, PatientRule};
use crate::identity::{People, Principal};
use crate::policy::{Action, Circumstances, Gate, ManageCare, TenantSubject};
use std::sync::Arc;

pub use error::OversightError;
pub use explain::ReviewRow;
pub use glass::GlassWish;

/// The parts of watching over access.
#[derive(Debug, Clone)]
pub struct Oversight {
    /// Decides and records.
    pub gate: Arc<Gate>,
    /// Who is who.
    pub people: Arc<People>,
    /// What is laid down.
    pub access: Arc<Access>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

impl Oversight {
    /// Says who cares for a patient, and whether only named people may see the records (AC-03).
    ///
    /// # Errors
    /// [`OversightError`]; nothing changes then.
    pub async fn set_patient(&self, who: &Arc<Principal>, around: &Circumstances, rule: PatientRule) -> Result<(), OversightError> {
        self.lay_down::<ManageCare>(who, around, (Directive::Patient(rule), None)).await
    }

    /// Lays one thing down as `A`.
    async fn lay_down<A>(
        &self,
        who: &Arc<Principal>,
        around: &Circumstances,
        (after, asked_by): (Directive, Option<String>),
    ) -> Result<(), OversightError>
    where
        A: Action<Subject = TenantSubject, Record = PendingEvent>,
    {
        let book = self.access.book_now(who.tenant()).await?;
        let what = LaidDown { before: book.before(&after), after: after.clone(), asked_by };
        let admitted = self.gate.lay_down::<A>(who, around, what).await?;
        let (who, _tenant, record) = admitted.spend();
        Ok(self.access.put(who.tenant(), vec![NewDirective::over(&book, after)], record.events()).await?)
    }
}
