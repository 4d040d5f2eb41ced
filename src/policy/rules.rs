//! The rules: Cedar policies over what the gate knows. Deny unless a policy permits; what forbids wins.
//!
//! The gate is the only caller.

use super::Reason;
use super::policies::{Policies, PoliciesError, Rarely};
use super::question::{About, Bond, Glass, OnBehalf, Question, Scope, Shield, Traits};
use super::writing::ClassBy;
use crate::domain::{
    AccessGrid, BucketMode, BucketName, Factors, JobGroup, JobTypes, PatientNaming, PatientsNamed, PrincipalKind, Purpose, RecordClass,
    RecordClasses, RecordState, Right, TenantId, UtcTime, limits,
};
use crate::identity::Principal;
use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression as Value,
};
use moka::sync::Cache;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

/// What the rules rest on.
#[derive(Debug, Clone)]
pub struct Basis {
    /// Job type by class.
    pub grid: AccessGrid,
    /// Which classes name a patient.
    pub classes: RecordClasses,
    /// Which job types take a licence.
    pub job_types: JobTypes,
    /// When a record must name its patient.
    pub patients: PatientsNamed,
    /// What a person must have shown.
    pub factors: Factors,
}

/// What came of a question.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// Nothing where it is permitted.
    pub refused: Option<Reason>,
    /// The policies that made it, by id.
    pub policies: Arc<[Arc<str>]>,
}

/// Cedar policies, what they rest on, and the answers that were given.
pub struct Rules {
    basis: Basis,
    policies: Policies,
    authorizer: Authorizer,
    memo: Cache<Asked, Arc<Answer>>,
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rules")
    }
}

/// Exactly what an answer depends on.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Asked {
    who: u64,
    right: Right,
    kind: Kind,
    bucket: Option<BucketName>,
    class: Option<RecordClass>,
    bond: Bond,
    purpose: Option<Purpose>,
    rare: Rare,
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum Kind {
    Tenant,
    Bucket,
    Record { mode: BucketMode, state: RecordState, on_behalf: OnBehalf, names_patient: bool },
}

/// What only some policies read; nothing where none of them does.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct Rare {
    patient: Option<String>,
    department: Option<String>,
    source: Option<IpAddr>,
    minute: Option<i64>,
}

impl Rules {
    /// The policies that hozon ships, over `basis`.
    ///
    /// # Errors
    /// [`PoliciesError`] when they are not as the schema wants them.
    pub fn new(basis: Basis) -> Result<Self, PoliciesError> {
        Ok(Self::over(basis, Policies::shipped()?))
    }

    /// These rules with the policies of a tenant beside them, which hold only for it.
    ///
    /// # Errors
    /// [`PoliciesError`] when they are not as the schema wants them, or take the name of one that is shipped.
    pub fn with(&self, own: &[(String, String)]) -> Result<Self, PoliciesError> {
        Ok(Self::over(self.basis.clone(), self.policies.with(own)?))
    }

    fn over(basis: Basis, policies: Policies) -> Self {
        let memo = Cache::builder().max_capacity(limits::DECISIONS_KEPT_MAX).build();
        Self { basis, policies, authorizer: Authorizer::new(), memo }
    }

    /// Whether there is such a job type.
    pub(super) fn has_job_type(&self, code: &str) -> bool {
        self.basis.job_types.job_type(code).is_some()
    }

    /// The classes of the catalogue.
    pub(super) fn classes(&self) -> impl Iterator<Item = &RecordClass> {
        self.basis.classes.iter().map(|(class, _)| class)
    }

    /// The policies.
    pub(super) const fn policies(&self) -> &Policies {
        &self.policies
    }

    /// Whether a record of `class` must name its patient (AC-03).
    pub(super) fn wants_patient(&self, class: Option<&RecordClass>, by: ClassBy) -> bool {
        let is_held_to_it = by == ClassBy::Request || self.basis.patients == PatientsNamed::Always;
        is_held_to_it && class.and_then(|class| self.basis.classes.rule(class)).is_some_and(|rule| rule.patient == PatientNaming::Required)
    }

    /// Decides one question, or says again what was decided.
    pub(super) fn decide(&self, who: &Principal, question: &Question<'_>, now: UtcTime) -> Arc<Answer> {
        let asked = self.asked(who, question, now);
        if let Some(known) = self.memo.get(&asked) {
            return known;
        }
        let answer = Arc::new(self.evaluate(who, question, now));
        self.memo.insert(asked, Arc::clone(&answer));
        answer
    }

    fn asked(&self, who: &Principal, question: &Question<'_>, now: UtcTime) -> Asked {
        let reads = self.policies.reads();
        let traits = match &question.about {
            About::Record(_, traits) => Some(traits),
            About::Tenant | About::Bucket(_) => None,
        };
        let kind = match &question.about {
            About::Tenant => Kind::Tenant,
            About::Bucket(_) => Kind::Bucket,
            About::Record(_, Traits { mode, state, on_behalf, names_patient, .. }) => {
                Kind::Record { mode: *mode, state: *state, on_behalf: *on_behalf, names_patient: *names_patient }
            }
        };
        let rare = Rare {
            patient: traits.filter(|_| reads.has(Rarely::Patient)).and_then(|traits| Some(traits.patient?.as_str().to_owned())),
            department: traits.filter(|_| reads.has(Rarely::Department)).and_then(|traits| Some(traits.department?.to_owned())),
            source: question.source.filter(|_| reads.has(Rarely::Source)),
            minute: reads.has(Rarely::Time).then(|| now.seconds().div_euclid(60)),
        };
        Asked {
            who: who.serial(),
            right: question.right,
            kind,
            bucket: question.about.bucket().cloned(),
            class: traits.and_then(|traits| traits.class.cloned()),
            bond: question.bond,
            purpose: question.purpose,
            rare,
        }
    }

    /// Asks Cedar, without a look at what was answered before.
    pub(super) fn evaluate(&self, who: &Principal, question: &Question<'_>, now: UtcTime) -> Answer {
        let failed = |_unbuildable| Answer { refused: Some(Reason::PolicyFailed), policies: Arc::new([]) };
        let (request, entities) = match self.request(who, question, now) {
            Ok(built) => built,
            Err(error) => return failed(error),
        };
        let response = self.authorizer.is_authorized(&request, self.policies.set(), &entities);
        let diagnostics = response.diagnostics();
        let mut made: Vec<_> = diagnostics.reason().filter_map(|id| self.policies.about(id)).collect();
        made.sort_by_key(|policy| policy.rank);
        let refused = match response.decision() {
            // What a policy could not be asked is not taken as a no of a policy that forbids (promise 2).
            _ if diagnostics.errors().next().is_some() => Some(Reason::PolicyFailed),
            Decision::Allow => None,
            Decision::Deny => Some(made.first().map_or(Reason::NotGranted, |policy| policy.reason)),
        };
        Answer { refused, policies: made.iter().map(|policy| Arc::clone(&policy.id)).collect() }
    }

    fn request(&self, who: &Principal, question: &Question<'_>, now: UtcTime) -> Result<(Request, Entities), Unbuildable> {
        let tenant = uid("Tenant", &who.tenant().to_string())?;
        let principal = principal(who, &tenant)?;
        let resource = self.resource(question, who.tenant(), &tenant)?;
        let action = uid("Action", question.right.name())?;
        let context = Context::from_pairs(self.around(who, question, now)).map_err(|_| Unbuildable)?;
        let request = Request::new(principal.uid(), action, resource.uid(), context, None).map_err(|_| Unbuildable)?;
        let entities = Entities::from_entities([principal, resource], None).map_err(|_| Unbuildable)?;
        Ok((request, entities))
    }

    fn resource(&self, question: &Question<'_>, of: TenantId, tenant: &EntityUid) -> Result<Entity, Unbuildable> {
        let tenant_value = ("tenant".to_owned(), Value::new_entity_uid(tenant.clone()));
        match &question.about {
            About::Tenant => Ok(Entity::new_no_attrs(tenant.clone(), HashSet::new())),
            About::Bucket(name) => {
                let attributes = HashMap::from([tenant_value, ("name".to_owned(), text(name.as_str()))]);
                entity("Bucket", &format!("{of}/{name}"), attributes)
            }
            About::Record(name, traits) => {
                let mut attributes = self.traits(traits);
                attributes.extend([tenant_value, ("bucket".to_owned(), text(name.as_str()))]);
                entity("Record", "asked-for", attributes)
            }
        }
    }

    fn traits(&self, traits: &Traits<'_>) -> HashMap<String, Value> {
        let mode = match traits.mode {
            BucketMode::Records => "records",
            BucketMode::Plain => "plain",
        };
        let mut attributes = HashMap::from([
            ("mode".to_owned(), text(mode)),
            ("clinical".to_owned(), Value::new_bool(self.is_clinical(traits))),
            ("state".to_owned(), text(traits.state.name())),
        ]);
        attributes.extend(traits.class.map(|class| ("class".to_owned(), text(class.as_str()))));
        attributes.extend(traits.patient.map(|patient| ("patient".to_owned(), text(patient.as_str()))));
        attributes.extend(traits.department.map(|department| ("department".to_owned(), text(department))));
        attributes
    }

    /// Whether it is a record of a patient: it names one, or its class does. One whose class is in no catalogue any more may be.
    fn is_clinical(&self, traits: &Traits<'_>) -> bool {
        let class_names = |class| self.basis.classes.rule(class).is_none_or(|rule| rule.patient == PatientNaming::Required);
        traits.mode == BucketMode::Records && (traits.names_patient || traits.class.is_none_or(class_names))
    }

    fn is_licensed(&self, who: &Principal) -> bool {
        let is_clinical = |code: &String| self.basis.job_types.job_type(code).is_some_and(|job| job.group == JobGroup::Clinical);
        who.profile().job_types.iter().any(is_clinical)
    }

    fn around(&self, who: &Principal, question: &Question<'_>, now: UtcTime) -> Vec<(String, Value)> {
        let (hour, weekday) = now.hour_in_japan();
        let cell = match &question.about {
            About::Record(_, traits) => traits.class.and_then(|class| self.basis.grid.cell(class, question.right)),
            About::Tenant | About::Bucket(_) => None,
        };
        let on_behalf = matches!(&question.about, About::Record(_, traits) if traits.on_behalf == OnBehalf::Somebody);
        let Bond { care, shield, glass, scope } = question.bond;
        let mut around = vec![
            ("granted", Value::new_bool(is_granted(who, question.right, question.about.bucket()))),
            ("job_types", set(cell.map(|cell| &*cell.job_types))),
            ("proxies", set(cell.map(|cell| &*cell.proxies))),
            ("on_behalf", Value::new_bool(on_behalf)),
            ("licensed", Value::new_bool(self.is_licensed(who))),
            ("second_factor", Value::new_bool(self.basis.factors == Factors::Two)),
            ("care", text(care.name())),
            ("restricted", Value::new_bool(shield != Shield::None)),
            ("named", Value::new_bool(shield == Shield::Named)),
            ("in_scope", Value::new_bool(scope == Scope::Within)),
            ("break_glass", Value::new_bool(glass == Glass::Broken)),
            ("hour", Value::new_long(hour)),
            ("weekday", Value::new_long(weekday)),
        ];
        around.extend(question.purpose.map(|purpose| ("purpose", text(purpose.name()))));
        around.extend(question.source.map(|source| ("source", text(&source.to_string()))));
        around.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// What was asked cannot be put to Cedar.
struct Unbuildable;

fn principal(who: &Principal, tenant: &EntityUid) -> Result<Entity, Unbuildable> {
    let kind = match who.kind() {
        PrincipalKind::Person => "Person",
        PrincipalKind::App => "App",
        PrincipalKind::Device => "Device",
        PrincipalKind::Operator => "Operator",
    };
    let profile = who.profile();
    let all = |names: &[String]| Value::new_set(names.iter().map(|name| text(name)));
    let attributes = HashMap::from([
        ("tenant".to_owned(), Value::new_entity_uid(tenant.clone())),
        ("name".to_owned(), text(who.name())),
        ("job_types".to_owned(), all(&profile.job_types)),
        ("departments".to_owned(), all(&profile.departments)),
        ("factors".to_owned(), Value::new_long(who.factors())),
        ("proven_by".to_owned(), text(who.proven_by().name())),
    ]);
    entity(kind, &who.id().to_string(), attributes)
}

fn entity(kind: &str, id: &str, attributes: HashMap<String, Value>) -> Result<Entity, Unbuildable> {
    Entity::new(uid(kind, id)?, attributes, HashSet::new()).map_err(|_| Unbuildable)
}

fn uid(kind: &str, id: &str) -> Result<EntityUid, Unbuildable> {
    let kind = EntityTypeName::from_str(kind).map_err(|_| Unbuildable)?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}

fn text(text: &str) -> Value {
    Value::new_string(text.to_owned())
}

fn set(names: Option<&BTreeSet<String>>) -> Value {
    Value::new_set(names.into_iter().flatten().map(|name| text(name)))
}

/// Whether a grant of the principal gives the right on the bucket, or on the tenant where none is meant (AC-04).
fn is_granted(who: &Principal, right: Right, bucket: Option<&BucketName>) -> bool {
    let covers = |grant: &&crate::domain::Grant| grant.bucket == "*" || bucket.is_some_and(|name| grant.bucket == name.as_str());
    who.profile().grants.iter().filter(covers).any(|grant| grant.rights.contains(&right))
}

/// Whether the principal has any right on the bucket, so that its name shows in the list of buckets (AC-09).
pub(super) fn knows(who: &Principal, bucket: &BucketName) -> bool {
    let covers = |grant: &&crate::domain::Grant| grant.bucket == "*" || grant.bucket == bucket.as_str();
    who.kind() != PrincipalKind::Operator
        && who.profile().grants.iter().filter(covers).any(|grant| grant.rights.iter().any(|right| right.is_of_bucket()))
}

/// The rights that a write needs, by the state it brings and the state it replaces (AT-01, AT-04).
pub(super) fn rights_of_write(state: RecordState, replaces: Option<RecordState>) -> impl Iterator<Item = Right> {
    let finalize = state.is_final().then_some(Right::Finalize);
    let amend = replaces.is_some_and(RecordState::is_final).then_some(Right::Amend);
    [Right::WriteDraft].into_iter().chain(finalize).chain(amend)
}
