use super::Reason;
use cedar_policy::{CedarSchemaError, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use std::collections::HashMap;
use std::sync::Arc;

/// The schema that every policy is checked against.
const SCHEMA: &str = include_str!("../../config/policies/hozon.cedarschema");
/// The policies that hozon ships, guardrails first: the order is that of the reasons.
const SHIPPED: [(&str, &str); 4] = [
    ("guardrails", include_str!("../../config/policies/guardrails.cedar")),
    ("patients", include_str!("../../config/policies/patients.cedar")),
    ("job-types", include_str!("../../config/policies/job-types.cedar")),
    ("grants", include_str!("../../config/policies/grants.cedar")),
];

/// Policies are not as they must be; nothing of them holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PoliciesError {
    /// The text is no Cedar.
    #[error("policy file `{file}`: {reason}")]
    Text {
        /// Which file.
        file: String,
        /// What the parser says.
        reason: String,
    },
    /// A policy does not fit the schema.
    #[error("policy file `{file}` does not fit the schema: {reason}")]
    Schema {
        /// Which file.
        file: String,
        /// What the validator says.
        reason: String,
    },
    /// A policy has no id of its own.
    #[error("policy file `{file}`: each policy needs an @id that no other has; `{id}` is none")]
    Id {
        /// Which file.
        file: String,
        /// What stands there.
        id: String,
    },
}

/// What is known of one policy.
#[derive(Debug)]
pub(super) struct PolicyAbout {
    /// Its id, from `@id`.
    pub id: Arc<str>,
    /// Its place in the order of reasons.
    pub rank: usize,
    /// What a caller is told when it forbids, from `@reason`.
    pub reason: Reason,
    /// The controls it serves, from `@guideline`.
    pub guideline: String,
    /// The file it stands in.
    pub file: String,
    /// Its text.
    pub text: String,
}

/// An attribute that only some policies read: an answer is told from others by it only where one of them does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Rarely {
    Patient = 1,
    Department = 2,
    Source = 4,
    Time = 8,
}

/// Which of the rarer attributes any policy reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Reads(u8);

/// A set of policies that fits the schema.
#[derive(Clone)]
pub(super) struct Policies {
    /// Holds the schema.
    validator: Arc<Validator>,
    set: PolicySet,
    about: Arc<HashMap<PolicyId, Arc<PolicyAbout>>>,
    reads: Reads,
}

impl Policies {
    /// The policies that hozon ships.
    pub(super) fn shipped() -> Result<Self, PoliciesError> {
        let validator = Arc::new(Validator::new(schema()?));
        let none = Self { validator, set: PolicySet::new(), about: Arc::default(), reads: Reads::default() };
        SHIPPED.iter().try_fold(none, |all, (file, text)| all.and(file, text, Whose::Ours))
    }

    /// These, and a tenant's own, as (file, text).
    pub(super) fn with(&self, own: &[(String, String)]) -> Result<Self, PoliciesError> {
        own.iter().try_fold(self.clone(), |all, (file, text)| all.and(file, text, Whose::Tenants))
    }

    fn and(mut self, file: &str, text: &str, whose: Whose) -> Result<Self, PoliciesError> {
        let file_name = || file.to_owned();
        let parsed: PolicySet = text
            .parse()
            .map_err(|error: cedar_policy::ParseErrors| PoliciesError::Text { file: file_name(), reason: error.to_string() })?;
        let mut policies: Vec<_> = parsed.policies().collect();
        // Ids of a parsed text count its policies.
        policies.sort_by_key(|policy| policy.id().to_string().trim_start_matches("policy").parse::<usize>().unwrap_or(usize::MAX));
        let mut about = HashMap::clone(&self.about);
        for policy in policies {
            let id = policy.annotation("id").unwrap_or_default().to_owned();
            let shaped = !id.is_empty() && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            let named = PolicyId::new(&id);
            if !shaped || about.contains_key(&named) {
                return Err(PoliciesError::Id { file: file_name(), id });
            }
            let reason = match whose {
                Whose::Ours => policy.annotation("reason").and_then(Reason::of_code).unwrap_or(Reason::NotGranted),
                Whose::Tenants => Reason::PolicyForbids,
            };
            self.reads = self.reads.and(policy);
            let known = PolicyAbout {
                id: id.as_str().into(),
                rank: about.len(),
                reason,
                guideline: policy.annotation("guideline").unwrap_or_default().to_owned(),
                file: file_name(),
                text: policy.to_string(),
            };
            about.insert(named.clone(), Arc::new(known));
            let taken = self.set.add(policy.new_id(named));
            taken.map_err(|error| PoliciesError::Text { file: file_name(), reason: error.to_string() })?;
        }
        // Each policy fits or not by itself: those that were there before have been looked at.
        fits_schema(&self.validator, &parsed, file)?;
        self.about = Arc::new(about);
        Ok(self)
    }

    /// For Cedar.
    pub(super) const fn set(&self) -> &PolicySet {
        &self.set
    }

    /// What is known of the policy with this id.
    pub(super) fn about(&self, id: &PolicyId) -> Option<&Arc<PolicyAbout>> {
        self.about.get(id)
    }

    /// All, in the order of reasons.
    pub(super) fn all(&self) -> Vec<&PolicyAbout> {
        let mut all: Vec<_> = self.about.values().map(AsRef::as_ref).collect();
        all.sort_by_key(|policy| policy.rank);
        all
    }

    /// Which of the rarer attributes any of them reads.
    pub(super) const fn reads(&self) -> Reads {
        self.reads
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Ours,
    Tenants,
}

impl Reads {
    /// Whether any policy reads it.
    pub(super) const fn has(self, attribute: Rarely) -> bool {
        self.0 & attribute as u8 != 0
    }

    /// A policy reads no attribute whose name does not stand in it; as JSON the name stands there unescaped.
    fn and(self, policy: &Policy) -> Self {
        // What cannot be shown is taken to read everything.
        let text = policy.to_json().map(|json| json.to_string()).ok();
        let names = [
            ("patient", Rarely::Patient),
            ("department", Rarely::Department),
            ("source", Rarely::Source),
            ("hour", Rarely::Time),
            ("weekday", Rarely::Time),
        ];
        let has = |name: &str| text.as_ref().is_none_or(|text| text.contains(&format!("\"{name}\"")));
        Self(names.iter().filter(|(name, _)| has(name)).fold(self.0, |all, (_, attribute)| all | *attribute as u8))
    }
}

fn schema() -> Result<Schema, PoliciesError> {
    let failed = |error: CedarSchemaError| PoliciesError::Schema { file: "hozon.cedarschema".to_owned(), reason: error.to_string() };
    Schema::from_cedarschema_str(SCHEMA).map(|(schema, _warnings)| schema).map_err(failed)
}

fn fits_schema(validator: &Validator, set: &PolicySet, file: &str) -> Result<(), PoliciesError> {
    let result = validator.validate(set, ValidationMode::Strict);
    let errors: Vec<_> = result.validation_errors().map(ToString::to_string).collect();
    if errors.is_empty() { Ok(()) } else { Err(PoliciesError::Schema { file: file.to_owned(), reason: errors.join("; ") }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(text: &str) -> Result<Policies, PoliciesError> {
        Policies::shipped().unwrap().with(&[("own".to_owned(), text.to_owned())])
    }

    #[test]
    fn the_shipped_policies_fit_the_schema_and_name_controls_and_reasons() {
        let shipped = Policies::shipped().unwrap();
        for policy in shipped.all() {
            assert!(!policy.guideline.is_empty(), "{} serves no control", policy.id);
            let code = shipped.set.policy(&PolicyId::new(&*policy.id)).unwrap().annotation("reason");
            assert!(code.is_none_or(|code| Reason::of_code(code).is_some()), "{}: {code:?} is no reason", policy.id);
        }
        assert_eq!(&*shipped.all()[0].id, "other-tenant");
        assert_eq!(shipped.reads(), Reads::default());
    }

    #[test]
    fn a_tenants_policy_is_checked_before_it_holds() {
        let good = r#"@id("night") forbid (principal, action, resource is Record) when { context.hour < 6 };"#;
        assert!(own(good).unwrap().reads().has(Rarely::Time));
        assert!(matches!(own("forbid ("), Err(PoliciesError::Text { .. })));
        assert!(matches!(own("forbid (principal, action, resource);"), Err(PoliciesError::Id { .. })));
        let taken = r#"@id("granted") forbid (principal, action, resource);"#;
        assert!(matches!(own(taken), Err(PoliciesError::Id { .. })));
        let misspelt = r#"@id("a") forbid (principal, action, resource) when { context.hours < 6 };"#;
        assert!(matches!(own(misspelt), Err(PoliciesError::Schema { .. })));
    }

    #[test]
    fn an_attribute_read_by_another_spelling_is_noticed() {
        let hidden = r#"@id("a") forbid (principal, action, resource) when { context["\u{68}our"] < 6 };"#;
        assert!(own(hidden).unwrap().reads().has(Rarely::Time));
    }
}
