//! Leave to change or see what a whole tenant has laid down.

use super::action::{Action, TenantSubject, Write};
use super::question::About;
use super::{Admitted, Circumstances, Gate, PoliciesError, Reason, Refused};
use crate::audit::{LaidDown, PendingEvent, Receipt, Subject, Verdict};
use crate::identity::Principal;
use std::sync::Arc;

impl Gate {
    /// Leave to do `A` to the tenant, on record already.
    ///
    /// # Errors
    /// [`Refused`], on record when it is a verdict.
    pub async fn see<A>(&self, who: &Arc<Principal>, around: &Circumstances) -> Result<Admitted<A>, Refused>
    where
        A: Action<Subject = TenantSubject, Record = Receipt>,
    {
        let mut asked = self.asked::<A>(who, around).await?;
        let decided = asked.decide(A::RIGHT, About::Tenant);
        self.unless_forbidden(&asked, decided).await?;
        self.record(&asked, TenantSubject).await
    }

    /// Leave to lay something down, as `A`.
    ///
    /// # Errors
    /// [`Refused`], on record when it is a verdict.
    pub async fn lay_down<A>(&self, who: &Arc<Principal>, around: &Circumstances, what: LaidDown) -> Result<Admitted<A>, Refused>
    where
        A: Action<Subject = TenantSubject, Record = PendingEvent>,
    {
        let patient = what.after.patient().cloned();
        self.manage(who, around, Subject { patient, laid_down: Some(Box::new(what)), ..Subject::default() }).await
    }

    /// Leave to change, as `A`, what the event names: people or credentials.
    ///
    /// # Errors
    /// [`Refused`], on record when it is a verdict.
    pub async fn manage<A>(&self, who: &Arc<Principal>, around: &Circumstances, subject: Subject) -> Result<Admitted<A>, Refused>
    where
        A: Action<Subject = TenantSubject, Record = PendingEvent>,
    {
        let mut asked = self.asked::<A>(who, around).await?;
        asked.subject = subject;
        let decided = asked.decide(A::RIGHT, About::Tenant);
        self.unless_forbidden(&asked, decided).await?;
        self.pend(&asked, TenantSubject).await
    }

    /// Whether there is such a job type.
    #[must_use]
    pub fn knows_job_type(&self, code: &str) -> bool {
        self.judge.shipped().has_job_type(code)
    }

    /// Whether a tenant's own policies, as (name, text), can hold beside those that hozon ships.
    ///
    /// # Errors
    /// [`PoliciesError`] says where they do not fit.
    pub fn fits(&self, own: &[(String, String)]) -> Result<(), PoliciesError> {
        self.judge.shipped().with(own).map(|_rules| ())
    }

    /// Refuses, on record, a write whose content is about another patient than the one stated (AC-03, AT-10). An event of its
    /// own: the write itself was allowed.
    pub async fn refuse_mismatch(&self, who: &Arc<Principal>, around: &Circumstances, about: Subject) -> Refused {
        let around = around.further();
        let mut asked = match self.asked::<Write>(who, &around).await {
            Ok(asked) => asked,
            Err(error) => return error,
        };
        asked.subject = about;
        match self.note(&asked, Verdict::Refused, Some(Reason::PatientMismatch.code())).await {
            Ok(()) => Refused::Forbidden { reason: Some(Reason::PatientMismatch) },
            Err(error) => error,
        }
    }

    /// Refuses, on record, what takes another person than the one who asks.
    ///
    /// # Errors
    /// [`Refused`], always.
    pub async fn refuse_same_person<A: Action>(&self, who: &Arc<Principal>, around: &Circumstances) -> Result<(), Refused> {
        let asked = self.asked::<A>(who, around).await?;
        self.note(&asked, Verdict::Refused, Some(Reason::SamePerson.code())).await?;
        Err(Refused::Forbidden { reason: Some(Reason::SamePerson) })
    }
}
