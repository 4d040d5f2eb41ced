use super::Reason;
use super::asked::{Asked, traits_of};
use super::question::{About, OnBehalf, Traits};
use super::rules::rights_of_write;
use crate::domain::{BucketMode, PatientId, RecordClass, RecordState, WriteCondition};
use crate::engine::VersionKind;
use crate::index::{Bucket, Found, Version};

/// What a writer intends, as far as the decision depends on it.
#[derive(Clone)]
pub struct WriteIntent {
    /// The state that the new version will have.
    pub state: RecordState,
    /// The class stated for it.
    pub class: Option<RecordClass>,
    /// Who says the class.
    pub class_by: ClassBy,
    /// The reason stated for replacing a finalised version.
    pub change_reason: Option<String>,
    /// The patient stated for it.
    pub patient: Option<PatientId>,
    /// The department stated for it.
    pub department: Option<String>,
    /// The responsible person, where the enterer is a proxy.
    pub on_behalf_of: Option<String>,
    /// What the caller wants of the key before.
    pub condition: WriteCondition,
}

/// Who says of which class a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassBy {
    /// The request.
    Request,
    /// The bucket's default, or an upload that was let already.
    Default,
}

/// Hides what may tell of a patient.
impl std::fmt::Debug for WriteIntent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WriteIntent").field("state", &self.state).field("class", &self.class).finish_non_exhaustive()
    }
}

/// The content that a key shows; a delete marker has none.
pub(super) fn content_of(was: &Found) -> Option<&Version> {
    was.version.as_ref().filter(|version| version.row.kind == VersionKind::Content)
}

/// What a write must fulfil besides the right to write in the bucket (AC-02, AC-03, AT-01, AT-04).
pub(super) fn judge(asked: &mut Asked<'_>, bucket: &Bucket, intent: &WriteIntent, was: &Found) -> Result<(), Reason> {
    let parent = content_of(was);
    if bucket.mode == BucketMode::Plain && intent.state != RecordState::Draft {
        return Err(Reason::NotARecordsBucket);
    }
    let on_behalf = OnBehalf::of(intent.on_behalf_of.as_deref());
    let traits = Traits {
        mode: bucket.mode,
        class: intent.class.as_ref(),
        patient: intent.patient.as_ref(),
        names_patient: intent.patient.is_some(),
        department: intent.department.as_deref(),
        state: intent.state,
        on_behalf,
    };
    let replaced = parent.map(|version| version.row.state);
    for right in rights_of_write(intent.state, replaced) {
        asked.decide(right, About::Record(&bucket.name, traits))?;
        // What is replaced may be of another class or patient.
        if let Some(parent) = parent {
            asked.decide(right, About::Record(&bucket.name, Traits { on_behalf, ..traits_of(bucket, parent) }))?;
        }
    }
    if bucket.mode == BucketMode::Records
        && intent.patient.is_none()
        && asked.law.rules.wants_patient(intent.class.as_ref(), intent.class_by)
    {
        return Err(Reason::PatientRequired);
    }
    if replaced.is_some_and(RecordState::is_final) && intent.change_reason.is_none() {
        return Err(Reason::ChangeReasonRequired);
    }
    Ok(())
}
