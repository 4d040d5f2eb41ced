use crate::domain::{Directive, EventId, Grant, PatientId, PrincipalKind, Purpose, RecordClass, UtcTime};
use serde::{Deserialize, Serialize};

/// One audit event, in the first version of its schema (AU-01).
///
/// The JSON of this type is the leaf's content; fields are added, never renamed or reused.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Version of this schema: 1.
    pub v: u32,
    /// The event's id, which callers see as request id.
    pub id: String,
    /// When it happened.
    pub at: String,
    /// What sort of event it is.
    pub kind: EventKind,
    /// Who.
    pub actor: Actor,
    /// The action that policy knows, such as `read`.
    pub action: String,
    /// The operation that the caller used, such as `GetObject`.
    pub operation: String,
    /// To what.
    pub subject: Subject,
    /// What was decided.
    pub verdict: Verdict,
    /// Why, as a stable code, where it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The policies that decided it, by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    /// The purpose of use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
    /// The caller's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The caller's program, as it names itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// For an outcome: what became of the access.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<super::Outcome>,
}

/// Hides what may tell of a patient.
impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Event({} {} {} {:?})", self.id, self.operation, self.verdict.name(), self.outcome)
    }
}

/// What sort of event it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// Somebody asked for something, and was let or refused.
    Access,
    /// What became of an access that was let.
    Outcome,
    /// Somebody changed people, credentials or settings.
    Administration,
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It was allowed.
    Allowed,
    /// It was refused.
    Refused,
    /// It was allowed, but there is no such thing.
    Absent,
}

impl Verdict {
    /// The verdict with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Allowed, Self::Refused, Self::Absent].into_iter().find(|verdict| verdict.name() == name)
    }

    /// Its name in exports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Refused => "refused",
            Self::Absent => "absent",
        }
    }
}

/// Who acted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The principal's id.
    pub id: String,
    /// Its name in commands.
    pub name: String,
    /// The name to show.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub display_name: String,
    /// Person, app, device or operator.
    pub kind: PrincipalKind,
    /// Job types it acted with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub job_types: Vec<String>,
    /// How it proved itself, such as `access-key`.
    pub proven_by: String,
    /// The credential's public half.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// How many kinds of proof were shown, where it was more than one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factors: Option<u8>,
    /// The app that acted for them, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
}

/// What was laid down about access (AC-07): before and after, and who asked for it where somebody else decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaidDown {
    /// What held before, if anything did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Directive>,
    /// What was laid down.
    pub after: Directive,
    /// Who asked for it, by id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<String>,
}

/// What was acted on. Parts that do not apply are absent.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The bucket's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// The record's key, or the prefix of a listing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The version's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The version that it replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The multipart upload's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<String>,
    /// Whose record it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient: Option<PatientId>,
    /// What kind of record it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<RecordClass>,
    /// Its state, such as `draft`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The principal that an operator acted on, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// The credential that an operator acted on, by its public half.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// When that credential ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// What was laid down about access, and what held before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub laid_down: Option<Box<LaidDown>>,
    /// What that principal may do from then on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Grant>,
}

/// Hides what may tell of a patient.
impl std::fmt::Debug for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subject").field("bucket", &self.bucket).field("version", &self.version).finish_non_exhaustive()
    }
}

impl Event {
    /// The version of the schema that this program writes.
    pub const VERSION: u32 = 1;

    /// The moment and id as the journal's row has them.
    #[must_use]
    pub fn stamp(id: EventId, at: UtcTime) -> (String, String) {
        (id.to_string(), at.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Attributes, ContentHeaders, RecordFacts};

    #[test]
    fn nothing_that_may_tell_of_a_patient_shows_in_debug_text() {
        let canary = || "canary".to_owned();
        let patient = PatientId::parse("canary").ok();
        let subject = Subject { key: Some(canary()), patient: patient.clone(), ..Subject::default() };
        let actor = Actor {
            id: String::new(),
            name: "sato".to_owned(),
            display_name: canary(),
            kind: PrincipalKind::Person,
            job_types: Vec::new(),
            proven_by: "access-key".to_owned(),
            credential: None,
            factors: None,
            via: None,
        };
        let event = Event {
            v: Event::VERSION,
            id: "01".to_owned(),
            at: String::new(),
            kind: EventKind::Access,
            actor,
            action: "read".to_owned(),
            operation: "GetObject".to_owned(),
            subject: subject.clone(),
            verdict: Verdict::Allowed,
            reason: None,
            policies: Vec::new(),
            purpose: None,
            source: None,
            user_agent: Some(canary()),
            outcome: None,
        };
        let facts = RecordFacts { patient, author: Some(canary()), change_reason: Some(canary()), ..RecordFacts::default() };
        let headers = ContentHeaders { content_disposition: Some(canary()), ..ContentHeaders::default() };
        let metadata = vec![(canary(), canary())];
        let attributes = Attributes { key: canary(), headers: headers.clone(), metadata, facts: facts.clone(), checksum: None };
        let shown = format!("{event:?} {subject:?} {attributes:?} {headers:?} {facts:?}");
        assert!(shown.contains("GetObject") && !shown.contains("canary"), "{shown}");
    }
}
