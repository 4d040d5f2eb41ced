use super::Action;
use super::action::List;
use super::bond;
use super::judge::Law;
use super::policies::Rarely;
use super::question::{About, OnBehalf, Question, Traits};
use crate::domain::{BucketMode, BucketName, Purpose, UtcTime};
use crate::identity::Principal;
use crate::index::{Depth, EntryFacts};
use std::net::IpAddr;
use std::sync::Arc;

/// Decides, entry by entry, what of a listing shows (AC-09). Made by the gate with the leave to list.
pub struct EntryFilter {
    pub(super) who: Arc<Principal>,
    pub(super) law: Law,
    pub(super) now: UtcTime,
    pub(super) bucket: BucketName,
    pub(super) mode: BucketMode,
    pub(super) purpose: Option<Purpose>,
    pub(super) source: Option<IpAddr>,
}

impl std::fmt::Debug for EntryFilter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EntryFilter")
    }
}

impl EntryFilter {
    /// Whether every entry shows, so that nothing need be known of each.
    #[must_use]
    pub fn shows_all(&self) -> bool {
        self.mode == BucketMode::Plain
    }

    /// How much must be known of each entry.
    #[must_use]
    pub fn depth(&self) -> Depth {
        let reads = self.law.rules.policies().reads();
        if reads.has(Rarely::Patient)
            || reads.has(Rarely::Department)
            || self.law.book.knows_patients()
            || !self.who.profile().patient_scope.is_empty()
        {
            Depth::Sealed
        } else {
            Depth::Row
        }
    }

    /// Whether an entry of which this is known shows.
    #[must_use]
    pub fn shows(&self, facts: &EntryFacts) -> bool {
        let traits = Traits {
            mode: self.mode,
            class: facts.class.as_ref(),
            patient: facts.patient.as_ref(),
            names_patient: facts.names_patient,
            department: facts.department.as_deref(),
            state: facts.state,
            on_behalf: OnBehalf::Somebody,
        };
        let about = About::Record(&self.bucket, traits);
        let bond = bond::to_patient(&self.law.book, &self.who, traits.patient, self.now);
        let question = Question { right: List::RIGHT, about, purpose: self.purpose, source: self.source, bond };
        self.law.rules.decide(&self.who, &question, self.now).refused.is_none()
    }
}
