use super::{Oversight, OversightError};
use crate::audit::Subject;
use crate::domain::{NewPerson, PrincipalKind, Standing, limits};
use crate::identity::{AccessKey, NewPrincipal, PeopleError, Person, Principal};
use crate::policy::{Circumstances, ManagePolicy, ViewPolicy};
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

impl Oversight {
    /// Everybody of the tenant, by name.
    ///
    /// # Errors
    /// [`OversightError`].
    pub async fn people(&self, who: &Arc<Principal>, around: &Circumstances) -> Result<Vec<Person>, OversightError> {
        let admitted = self.gate.see::<ViewPolicy>(who, around).await?;
        Ok(self.people.principals(admitted.tenant()).await?)
    }

    /// A credential for somebody else, shown once (ID-05). That of a person ends after [`limits::PERSON_KEY_LIFE`] where
    /// nothing else is asked for.
    ///
    /// # Errors
    /// [`OversightError`]; nothing is made then.
    pub async fn give_credential(
        &self,
        who: &Arc<Principal>,
        around: &Circumstances,
        (name, life): (&str, Option<Duration>),
    ) -> Result<(AccessKey, Zeroizing<String>), OversightError> {
        if who.name() == name {
            self.gate.refuse_same_person::<ManagePolicy>(who, around).await?;
        }
        if life.is_some_and(|life| life.is_zero() || life > limits::KEY_LIFE_MAX) {
            return Err(OversightError::Unfit { reason: "a credential lasts for 1 second to 366 days".to_owned() });
        }
        let person = match self.people.principal(who.tenant(), name).await {
            Ok(person) => person,
            Err(PeopleError::NoPrincipal { .. }) => {
                let _may_know = self.gate.see::<ViewPolicy>(who, around).await?;
                return Err(OversightError::Nothing { what: "principal" });
            }
            Err(error) => return Err(error.into()),
        };
        let usual = (person.kind == PrincipalKind::Person).then_some(limits::PERSON_KEY_LIFE);
        let expires = life.or(usual).map(|life| self.clock.now().plus(life));
        let key = self.people.new_access_key(who.tenant(), name, expires).await?;
        let subject = Subject {
            principal: Some(name.to_owned()),
            credential: Some(key.id().to_owned()),
            expires: expires.map(|at| at.to_string()),
            ..Subject::default()
        };
        let (_who, _tenant, record) = self.gate.manage::<ManagePolicy>(who, around, subject).await?.spend();
        Ok(self.people.add_access_key(key, record.events()).await?)
    }

    /// Shuts somebody out at once, with every credential and session. Takes one person: it only narrows.
    ///
    /// # Errors
    /// [`OversightError`]; nothing changes then.
    pub async fn shut_out(&self, who: &Arc<Principal>, around: &Circumstances, name: &str) -> Result<(), OversightError> {
        let subject = Subject { principal: Some(name.to_owned()), ..Subject::default() };
        let (who, _tenant, record) = self.gate.manage::<ManagePolicy>(who, around, subject).await?.spend();
        match self.people.set_standing(who.tenant(), name, Standing::Disabled, record.events()).await {
            Err(PeopleError::NoPrincipal { .. }) => Err(OversightError::Nothing { what: "principal" }),
            done => Ok(done?),
        }
    }

    /// Whether somebody can be as they are wanted.
    pub(super) fn is_fit_person(&self, person: &NewPerson) -> Result<(), OversightError> {
        if person.kind == PrincipalKind::Operator {
            return Err(OversightError::Unfit { reason: "operators are not people of a tenant".to_owned() });
        }
        person.profile.check(|code| self.gate.knows_job_type(code)).map_err(|unfit| OversightError::Unfit { reason: unfit.to_string() })
    }
}

/// The same, for whoever keeps people.
pub(super) fn as_new(person: &NewPerson) -> NewPrincipal {
    NewPrincipal { name: person.name.clone(), kind: person.kind, profile: person.profile.clone() }
}
