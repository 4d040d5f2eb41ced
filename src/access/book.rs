use crate::domain::{
    AccessChange, BrokenGlass, CareLimit, CareLimited, Directive, IdentityProvider, OwnPolicy, PatientId, PatientRule, Revocation, UtcTime,
};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// All that a tenant has laid down about access, at one moment.
#[derive(Clone, Default)]
pub struct Book {
    pub(super) mark: u64,
    revisions: Arc<HashMap<(u8, String), u64>>,
    care: CareLimited,
    patients: Arc<HashMap<PatientId, PatientRule>>,
    glasses: Arc<BTreeMap<String, BrokenGlass>>,
    providers: Arc<BTreeMap<String, IdentityProvider>>,
    policies: Arc<BTreeMap<String, String>>,
    changes: Arc<BTreeMap<String, AccessChange>>,
    revocations: Arc<BTreeMap<String, Revocation>>,
    policies_mark: u64,
    handed_over: Option<UtcTime>,
}

/// Shows how much there is and nothing of it.
impl std::fmt::Debug for Book {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Book({} patients, mark {})", self.patients.len(), self.mark)
    }
}

impl Book {
    /// Takes in what was laid down newly, or anew.
    pub(super) fn take(&mut self, directive: Directive, (mark, revision): (u64, u64)) {
        let named = (directive.kind() as u8, directive.name().to_owned());
        let name = named.1.clone();
        Arc::make_mut(&mut self.revisions).insert(named, revision);
        self.mark = self.mark.max(mark);
        match directive {
            Directive::Care(care) => self.care = care.limit,
            Directive::Patient(rule) => {
                Arc::make_mut(&mut self.patients).insert(rule.patient.clone(), rule);
            }
            Directive::Glass(glass) => {
                Arc::make_mut(&mut self.glasses).insert(name, glass);
            }
            Directive::Provider(provider) => {
                Arc::make_mut(&mut self.providers).insert(name, provider);
            }
            Directive::Policy(policy) => {
                self.policies_mark = mark;
                let policies = Arc::make_mut(&mut self.policies);
                if policy.text.is_empty() {
                    policies.remove(&name);
                } else {
                    policies.insert(name, policy.text);
                }
            }
            Directive::Change(change) => {
                Arc::make_mut(&mut self.changes).insert(name, change);
            }
            Directive::HandOver(done) => self.handed_over = Some(done.at),
            // Lies with the people; as a directive it is never written.
            Directive::Person(_) => {}
            Directive::Revocation(revocation) => {
                Arc::make_mut(&mut self.revocations).insert(name, revocation);
            }
        }
    }

    /// How often this was laid down, whatever it says; 0 for never.
    pub(super) fn revision(&self, directive: &Directive) -> u64 {
        self.revisions.get(&(directive.kind() as u8, directive.name().to_owned())).copied().unwrap_or(0)
    }

    /// What held until now of the same thing as `directive`.
    #[must_use]
    pub fn before(&self, directive: &Directive) -> Option<Directive> {
        let name = directive.name();
        match directive {
            Directive::Care(_) => (self.revision(directive) > 0).then_some(Directive::Care(CareLimit { limit: self.care })),
            Directive::Patient(rule) => self.patient(&rule.patient).cloned().map(Directive::Patient),
            Directive::Glass(_) => self.glass(name).cloned().map(Directive::Glass),
            Directive::Provider(_) => self.providers.get(name).cloned().map(Directive::Provider),
            Directive::Policy(_) => {
                let text = self.policies.get(name)?.clone();
                Some(Directive::Policy(OwnPolicy { name: name.to_owned(), text }))
            }
            Directive::Change(_) => self.change(name).cloned().map(Directive::Change),
            Directive::HandOver(_) | Directive::Person(_) => None,
            Directive::Revocation(_) => self.revocations.get(name).cloned().map(Directive::Revocation),
        }
    }

    /// Counts the tenant's changes.
    #[must_use]
    pub const fn mark(&self) -> u64 {
        self.mark
    }

    /// Of which patients the records are limited to those who care for them.
    #[must_use]
    pub const fn care(&self) -> CareLimited {
        self.care
    }

    /// What is laid down for a patient.
    #[must_use]
    pub fn patient(&self, patient: &PatientId) -> Option<&PatientRule> {
        self.patients.get(patient)
    }

    /// Whether anything depends on who the patient is.
    #[must_use]
    pub fn knows_patients(&self) -> bool {
        self.care != CareLimited::Nobody || !self.patients.is_empty() || !self.glasses.is_empty()
    }

    /// All break-glass accesses, by id.
    pub fn glasses(&self) -> impl Iterator<Item = &BrokenGlass> {
        self.glasses.values()
    }

    /// The break-glass access with this id.
    #[must_use]
    pub fn glass(&self, id: &str) -> Option<&BrokenGlass> {
        self.glasses.get(id)
    }

    /// The identity provider with this issuer, unless it is switched off.
    #[must_use]
    pub fn provider(&self, issuer: &str) -> Option<&IdentityProvider> {
        self.providers.get(issuer).filter(|provider| provider.enabled)
    }

    /// The tenant's own policies, by name.
    pub fn policies(&self) -> impl Iterator<Item = (&str, &str)> {
        self.policies.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// Changes whenever a policy does.
    #[must_use]
    pub const fn policies_mark(&self) -> u64 {
        self.policies_mark
    }

    /// Changes that somebody asked for, by id.
    pub fn changes(&self) -> impl Iterator<Item = &AccessChange> {
        self.changes.values()
    }

    /// The change with this id.
    #[must_use]
    pub fn change(&self, id: &str) -> Option<&AccessChange> {
        self.changes.get(id)
    }

    /// When the tenant was handed over to its own administrators; nothing while operators make its people.
    #[must_use]
    pub const fn handed_over(&self) -> Option<UtcTime> {
        self.handed_over
    }

    /// Whether a session of a principal, known by these names, that began then is over before its time (ID-07).
    pub fn is_revoked<'n>(&self, names: impl IntoIterator<Item = &'n str>, begun: UtcTime) -> bool {
        let over = |name: &str| self.revocations.get(name).is_some_and(|revocation| begun < revocation.before);
        over("*") || names.into_iter().any(over)
    }
}
