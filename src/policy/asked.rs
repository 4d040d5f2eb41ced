use super::Action;
use super::action::List;
use super::bond;
use super::judge::Law;
use super::question::{About, Bond, OnBehalf, Question, Traits};
use super::{Circumstances, Reason};
use crate::audit::Subject;
use crate::domain::{BucketName, Right, UtcTime};
use crate::identity::Principal;
use crate::index::{Bucket, Upload, Version};
use std::sync::Arc;

/// The action of a request that no rule was asked about.
pub const UNDECIDED: &str = "undecided";

/// The action of somebody who signs in.
pub const SIGN_IN: &str = "sign-in";

/// One request on its way through the gate. It sees one law from beginning to end.
pub(super) struct Asked<'a> {
    pub(super) who: Arc<Principal>,
    pub(super) around: &'a Circumstances,
    pub(super) action: &'static str,
    pub(super) subject: Subject,
    pub(super) law: Law,
    pub(super) now: UtcTime,
    /// The policies that made the last answer.
    pub(super) policies: Arc<[Arc<str>]>,
}

impl<'a> Asked<'a> {
    pub(super) fn new(action: &'static str, (who, around): (&Arc<Principal>, &'a Circumstances), (law, now): (Law, UtcTime)) -> Self {
        Self { who: Arc::clone(who), around, action, subject: Subject::default(), law, now, policies: Arc::new([]) }
    }

    /// The same, about a bucket.
    pub(super) fn within(mut self, bucket: &BucketName) -> Self {
        self.subject.bucket = Some(bucket.to_string());
        self
    }

    /// The same, about a key or a prefix.
    pub(super) fn at(mut self, key: &str) -> Self {
        self.subject.key = Some(key.to_owned());
        self
    }

    /// Puts into the event what is known of the version.
    pub(super) fn describe(&mut self, version: Option<&Version>) {
        let Some(version) = version else { return };
        self.subject.version = Some(version.row.id.to_string());
        self.subject.state = Some(version.row.state.name().to_owned());
        self.subject.patient.clone_from(&version.attributes.facts.patient);
        self.subject.class.clone_from(&version.row.class);
    }

    /// Asks the rules (AC-01, AC-04, OP-01).
    pub(super) fn decide(&mut self, right: Right, about: About<'_>) -> Result<(), Reason> {
        let answer = self.law.rules.decide(&self.who, &self.question(right, about), self.now);
        self.policies = Arc::clone(&answer.policies);
        answer.refused.map_or(Ok(()), Err)
    }

    /// Whether the caller may know what there is in the place asked for.
    pub(super) fn may_list(&self) -> bool {
        let bucket = self.subject.bucket.as_deref().and_then(|name| BucketName::parse(name).ok());
        let about = bucket.as_ref().map_or(About::Tenant, About::Bucket);
        self.law.rules.decide(&self.who, &self.question(List::RIGHT, about), self.now).refused.is_none()
    }

    fn question<'q>(&self, right: Right, about: About<'q>) -> Question<'q> {
        let bond = match &about {
            About::Tenant => Bond::default(),
            About::Bucket(_) => bond::to_bucket(&self.law.book, &self.who, self.now),
            About::Record(_, traits) => bond::to_patient(&self.law.book, &self.who, traits.patient, self.now),
        };
        let purpose = self.around.purpose.or(self.who.profile().default_purpose);
        Question { right, about, purpose, source: self.around.source, bond }
    }
}

/// What the rules look at of a version in a bucket.
pub(super) fn traits_of<'v>(bucket: &Bucket, version: &'v Version) -> Traits<'v> {
    let facts = &version.attributes.facts;
    Traits {
        mode: bucket.mode,
        class: version.row.class.as_ref(),
        patient: facts.patient.as_ref(),
        names_patient: facts.patient.is_some(),
        department: facts.department.as_deref(),
        state: version.row.state,
        on_behalf: OnBehalf::of(facts.on_behalf_of.as_deref()),
    }
}

/// What the rules look at of an open upload in a bucket.
pub(super) fn traits_of_upload<'u>(bucket: &'u Bucket, upload: &'u Upload) -> Traits<'u> {
    let facts = &upload.attributes().facts;
    Traits {
        mode: bucket.mode,
        class: facts.class.as_ref().or(bucket.default_class.as_ref()),
        patient: facts.patient.as_ref(),
        names_patient: facts.patient.is_some(),
        department: facts.department.as_deref(),
        state: upload.state(),
        on_behalf: OnBehalf::of(facts.on_behalf_of.as_deref()),
    }
}
