use super::people::as_new;
use super::{Oversight, OversightError};
use crate::access::{Book, NewDirective};
use crate::audit::LaidDown;
use crate::domain::{AccessChange, ChangeDecision, ChangeVerdict, Directive, is_policy_name, limits};
use crate::identity::Principal;
use crate::policy::{Circumstances, ManagePolicy, ViewPolicy};
use std::sync::Arc;

impl Oversight {
    /// Asks for a change of policies, identity providers or the rule on care teams. It holds once somebody else has
    /// approved it (AC-07).
    ///
    /// # Errors
    /// [`OversightError`]; nothing is asked for then.
    pub async fn request_change(
        &self,
        who: &Arc<Principal>,
        around: &Circumstances,
        (wanted, why): (Directive, String),
    ) -> Result<AccessChange, OversightError> {
        self.is_fit(&*self.access.book_now(who.tenant()).await?, &wanted)?;
        let change = AccessChange {
            id: around.request.to_string(),
            wanted: Box::new(wanted),
            by: who.id().to_string(),
            at: self.clock.now(),
            why,
            decided: None,
        };
        self.lay_down::<ManagePolicy>(who, around, (Directive::Change(change.clone()), None)).await?;
        Ok(change)
    }

    /// Changes that were asked for, newest first.
    ///
    /// # Errors
    /// [`OversightError`].
    pub async fn changes(&self, who: &Arc<Principal>, around: &Circumstances) -> Result<Vec<AccessChange>, OversightError> {
        let admitted = self.gate.see::<ViewPolicy>(who, around).await?;
        let book = self.access.book_now(admitted.tenant()).await?;
        let mut all: Vec<_> = book.changes().cloned().collect();
        all.sort_by_key(|change| std::cmp::Reverse(change.at));
        Ok(all)
    }

    /// Decides a change that somebody else has asked for. What is approved holds on all nodes within seconds (AC-07).
    ///
    /// # Errors
    /// [`OversightError`]; nothing is decided then.
    pub async fn decide_change(
        &self,
        who: &Arc<Principal>,
        around: &Circumstances,
        (id, verdict): (&str, ChangeVerdict),
    ) -> Result<AccessChange, OversightError> {
        let book = self.access.book_now(who.tenant()).await?;
        let Some(mut change) = book.change(id).cloned() else {
            let _may_know = self.gate.see::<ViewPolicy>(who, around).await?;
            return Err(OversightError::Nothing { what: "change" });
        };
        if change.decided.is_some() {
            let _may_know = self.gate.see::<ViewPolicy>(who, around).await?;
            return Err(OversightError::Closed { what: "change" });
        }
        let by = who.id().to_string();
        // Nobody approves what they asked for, or what is about themselves.
        let is_own = matches!(&*change.wanted, Directive::Person(person) if person.name == who.name());
        if change.by == by || is_own {
            self.gate.refuse_same_person::<ManagePolicy>(who, around).await?;
        }
        self.is_fit(&book, &change.wanted)?;
        change.decided = Some(ChangeDecision { by, at: self.clock.now(), verdict });
        let decided = Directive::Change(change.clone());
        let after = match verdict {
            ChangeVerdict::Approved => (*change.wanted).clone(),
            ChangeVerdict::Rejected => decided.clone(),
        };
        let what = LaidDown { before: book.before(&after), after: after.clone(), asked_by: Some(change.by.clone()) };
        let (who, _tenant, record) = self.gate.lay_down::<ManagePolicy>(who, around, what).await?.spend();
        let mut new = vec![NewDirective::over(&book, decided)];
        let mut events = record.events();
        match &after {
            Directive::Change(_) => {}
            // People lie in a table of their own. Broken off in between, the change stays open and can be approved again.
            Directive::Person(person) => {
                self.people.put_principal(who.tenant(), as_new(person), std::mem::take(&mut events)).await?;
            }
            _ => new.push(NewDirective::over(&book, after)),
        }
        self.access.put(who.tenant(), new, events).await?;
        Ok(change)
    }

    /// Whether it can hold at all, so that nobody approves what cannot.
    fn is_fit(&self, book: &Book, wanted: &Directive) -> Result<(), OversightError> {
        let unfit = |reason: &str| OversightError::Unfit { reason: reason.to_owned() };
        match wanted {
            Directive::Care(_) | Directive::Revocation(_) => Ok(()),
            Directive::Policy(policy) if !is_policy_name(&policy.name) => {
                Err(unfit("the name of a policy has 1 to 64 characters of a-z, 0-9 and `-`"))
            }
            Directive::Policy(policy) if policy.text.len() > limits::POLICY_BYTES_MAX => Err(unfit("the policy is too long")),
            Directive::Policy(policy) => {
                // With all others that the tenant has: ids are taken once.
                let others = book.policies().filter(|(name, _)| *name != policy.name);
                let all = others.chain([(policy.name.as_str(), policy.text.as_str())]);
                let all: Vec<_> = all.map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
                Ok(self.gate.fits(&all)?)
            }
            Directive::Provider(provider) => provider.check().map_err(unfit),
            Directive::Person(person) => self.is_fit_person(person),
            Directive::Patient(_) | Directive::Glass(_) | Directive::Change(_) | Directive::HandOver(_) => {
                Err(unfit("a change is of `care`, `policy`, `provider`, `revocation` or `person`"))
            }
        }
    }
}
