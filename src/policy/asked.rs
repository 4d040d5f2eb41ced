use super::Circumstances;
use super::action::{Action, List};
use super::rules::{self, Question};
use crate::audit::Subject;
use crate::domain::BucketName;
use crate::identity::Principal;
use crate::index::Version;
use std::sync::Arc;

/// The action of a request that no rule was asked about.
pub const UNDECIDED: &str = "undecided";

/// One request on its way through the gate.
pub(super) struct Asked<'a> {
    pub(super) who: &'a Arc<Principal>,
    pub(super) around: &'a Circumstances,
    pub(super) action: &'static str,
    pub(super) subject: Subject,
}

impl<'a> Asked<'a> {
    pub(super) fn of_tenant<A: Action>(who: &'a Arc<Principal>, around: &'a Circumstances) -> Self {
        Self { who, around, action: A::RIGHT.name(), subject: Subject::default() }
    }

    pub(super) fn new<A: Action>(who: &'a Arc<Principal>, around: &'a Circumstances, bucket: &BucketName) -> Self {
        let subject = Subject { bucket: Some(bucket.to_string()), ..Subject::default() };
        Self { who, around, action: A::RIGHT.name(), subject }
    }

    /// Puts into the event what is known of the version.
    pub(super) fn describe(&mut self, version: Option<&Version>) {
        let Some(version) = version else { return };
        self.subject.version = Some(version.row.id.to_string());
        self.subject.state = Some(version.row.state.name().to_owned());
        self.subject.patient.clone_from(&version.attributes.facts.patient);
        self.subject.class.clone_from(&version.row.class);
    }

    /// Whether the caller may know what there is in the place asked for.
    pub(super) fn may_list(&self) -> bool {
        let bucket = self.subject.bucket.as_deref().and_then(|name| BucketName::parse(name).ok());
        rules::decide(self.who, &Question { right: List::RIGHT, bucket: bucket.as_ref() }).is_ok()
    }
}
