use super::{Grant, PatientId, PrincipalKind, Profile, Purpose, UtcTime};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What sort of thing a tenant has laid down. The number is what rows and MACs carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum DirectiveKind {
    /// How far records are limited to those who care for the patient.
    Care = 1,
    /// Who cares for one patient, and whether only named people may see the records.
    Patient = 2,
    /// A break-glass access.
    Glass = 3,
    /// An identity provider whose tokens are taken.
    Provider = 4,
    /// Policies of the tenant's own.
    Policy = 5,
    /// A change that somebody asked for and another person decides.
    Change = 6,
    /// Sessions that are over before their time.
    Revocation = 7,
    /// That the tenant's own administrators, and no operator, make people from now on.
    HandOver = 8,
    /// Somebody of the tenant, and what they may do.
    Person = 9,
}

impl DirectiveKind {
    /// The kind with this number in a row.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Care),
            2 => Some(Self::Patient),
            3 => Some(Self::Glass),
            4 => Some(Self::Provider),
            5 => Some(Self::Policy),
            6 => Some(Self::Change),
            7 => Some(Self::Revocation),
            8 => Some(Self::HandOver),
            9 => Some(Self::Person),
            _ => None,
        }
    }
}

/// One thing that a tenant has laid down about access. Rests sealed; `Debug` shows only what sort of thing it is.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Directive {
    /// How far records are limited to those who care for the patient.
    Care(CareLimit),
    /// Who cares for one patient.
    Patient(PatientRule),
    /// A break-glass access.
    Glass(BrokenGlass),
    /// An identity provider.
    Provider(IdentityProvider),
    /// Policies of the tenant's own.
    Policy(OwnPolicy),
    /// A change on its way.
    Change(AccessChange),
    /// Sessions that are over.
    Revocation(Revocation),
    /// The hand-over.
    HandOver(HandOver),
    /// Somebody of the tenant. Lies with its people, and here only as a change on its way.
    Person(NewPerson),
}

impl Directive {
    /// What sort of thing it is.
    #[must_use]
    pub const fn kind(&self) -> DirectiveKind {
        match self {
            Self::Care(_) => DirectiveKind::Care,
            Self::Patient(_) => DirectiveKind::Patient,
            Self::Glass(_) => DirectiveKind::Glass,
            Self::Provider(_) => DirectiveKind::Provider,
            Self::Policy(_) => DirectiveKind::Policy,
            Self::Change(_) => DirectiveKind::Change,
            Self::Revocation(_) => DirectiveKind::Revocation,
            Self::HandOver(_) => DirectiveKind::HandOver,
            Self::Person(_) => DirectiveKind::Person,
        }
    }

    /// The patient it is about, if it is about one.
    #[must_use]
    pub const fn patient(&self) -> Option<&PatientId> {
        match self {
            Self::Patient(rule) => Some(&rule.patient),
            Self::Glass(glass) => Some(&glass.patient),
            _ => None,
        }
    }

    /// What tells it from others of its sort.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Care(_) | Self::HandOver(_) => "",
            Self::Person(person) => &person.name,
            Self::Patient(rule) => rule.patient.as_str(),
            Self::Glass(glass) => &glass.id,
            Self::Provider(provider) => &provider.issuer,
            Self::Policy(policy) => &policy.name,
            Self::Change(change) => &change.id,
            Self::Revocation(revocation) => &revocation.principal,
        }
    }
}

impl fmt::Debug for Directive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Directive({:?})", self.kind())
    }
}

/// How far records are limited to those who care for the patient (AC-03).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CareLimit {
    /// Of which patients.
    pub limit: CareLimited,
}

/// Of which patients the records are limited to those who care for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum CareLimited {
    /// Of none.
    #[default]
    Nobody,
    /// Of those for whom a team is known.
    Known,
    /// Of all: who has no team is seen by nobody but in an emergency.
    Everybody,
}

/// Who cares for a patient (AC-03).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatientRule {
    /// Whom.
    pub patient: PatientId,
    /// The people who do, by the name or id that the log has of them.
    #[serde(default)]
    pub care_team: Vec<String>,
    /// The departments that do.
    #[serde(default)]
    pub departments: Vec<String>,
    /// Whether only people who are named may see the records.
    #[serde(default)]
    pub restricted: bool,
    /// Who is named.
    #[serde(default)]
    pub named: Vec<String>,
}

/// A break-glass access of one person to one patient (BG-04, BG-05).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokenGlass {
    /// Its id: that of the request.
    pub id: String,
    /// Whose records.
    pub patient: PatientId,
    /// Who, by id and name.
    pub by: String,
    /// The name in the log.
    pub by_name: String,
    /// Why, as a code.
    pub reason: GlassReason,
    /// Why, in words.
    pub text: String,
    /// When it began.
    pub begun: UtcTime,
    /// When it ends.
    pub until: UtcTime,
    /// What somebody else found of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<GlassReview>,
}

/// Why somebody broke the glass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GlassReason {
    /// The patient's life or health is in danger.
    Emergency,
    /// The patient is not conscious or cannot consent.
    Unconscious,
    /// Somebody stands in for a colleague.
    Cover,
    /// A disaster.
    Disaster,
    /// Something else, which the words say.
    Other,
}

/// What somebody found of a break-glass access afterwards.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GlassReview {
    /// Who, by id.
    pub by: String,
    /// When.
    pub at: UtcTime,
    /// Whether it was in order.
    pub finding: GlassFinding,
    /// In words.
    pub note: String,
}

/// Whether a break-glass access was in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GlassFinding {
    /// It was.
    Justified,
    /// It was not.
    Unjustified,
}

/// An identity provider whose tokens a tenant takes (ID-01, ID-07).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityProvider {
    /// `iss` of its tokens, an `https` address; `http` only on this machine.
    pub issuer: String,
    /// One of the values that `aud` must have.
    pub audiences: Vec<String>,
    /// The authority that vouches for its server, as PEM; the system's where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// Values of `amr` or `acr` that stand for two factors (ID-03).
    #[serde(default)]
    pub two_factors: Vec<String>,
    /// What its people may do; the access grid holds beside it.
    pub grants: Vec<Grant>,
    /// The purpose that holds where nothing states one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_purpose: Option<Purpose>,
    /// Seconds that a session lasts at most.
    #[serde(default = "session_secs")]
    pub session_secs_max: u32,
    /// Whether its tokens are taken.
    #[serde(default = "yes")]
    pub enabled: bool,
}

impl IdentityProvider {
    /// Whether it can be used at all.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn check(&self) -> Result<(), &'static str> {
        let host = self.issuer.strip_prefix("https://").or_else(|| {
            let host = self.issuer.strip_prefix("http://")?;
            let is_here = ["127.0.0.1", "localhost", "[::1]"]
                .iter()
                .any(|here| host.strip_prefix(here).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/'])));
            is_here.then_some(host)
        });
        if host.is_none_or(str::is_empty) || self.issuer.len() > 512 || self.issuer.contains(['?', '#']) {
            return Err("the issuer is an https address without query");
        }
        if self.audiences.is_empty() || self.audiences.iter().any(String::is_empty) {
            return Err("a provider names the audiences that its tokens are for");
        }
        if !(60..=12 * 3_600).contains(&self.session_secs_max) {
            return Err("a session lasts for 60 to 43200 seconds");
        }
        Ok(())
    }
}

const fn session_secs() -> u32 {
    12 * 3_600
}

const fn yes() -> bool {
    true
}

/// Policies of a tenant's own, in Cedar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnPolicy {
    /// Its name: 1 to 64 of `a-z 0-9 -`.
    pub name: String,
    /// The text; empty to take it away.
    pub text: String,
}

/// A change that somebody asked for (AC-07).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessChange {
    /// Its id: that of the request.
    pub id: String,
    /// What is to hold.
    pub wanted: Box<Directive>,
    /// Who asked, by id.
    pub by: String,
    /// When.
    pub at: UtcTime,
    /// Why, in words.
    #[serde(default)]
    pub why: String,
    /// What was decided, if anything was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<ChangeDecision>,
}

/// What was decided of a change.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeDecision {
    /// Who decided, by id: never who asked.
    pub by: String,
    /// When.
    pub at: UtcTime,
    /// What.
    pub verdict: ChangeVerdict,
}

/// What was decided of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeVerdict {
    /// It holds.
    Approved,
    /// It does not.
    Rejected,
}

/// Sessions of one principal, or of all with `*`, that began before a moment are over (ID-07).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// Whose, by id or by name, or `*`.
    pub principal: String,
    /// Those that began before this are over.
    pub before: UtcTime,
}

/// From now on the tenant's own administrators make people, credentials and trust, and no operator does (DESIGN section 8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandOver {
    /// When.
    pub at: UtcTime,
    /// The operator who did it.
    pub by: String,
}

/// Somebody of a tenant as its administrators want them: new, or otherwise than before (AC-07).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPerson {
    /// A short name, unique in the tenant.
    pub name: String,
    /// Person, app or device.
    pub kind: PrincipalKind,
    /// What the tenant knows, and what they may do.
    #[serde(default)]
    pub profile: Profile,
}

/// A name of a tenant's own policy that is none.
#[must_use]
pub fn is_policy_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
