use super::{ClassRule, RecordClass, RecordState, StartEvent, UtcTime, VersionId};

/// How long a version must stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// The rule's id, from `config/record-classes.toml`.
    pub rule: String,
    /// The event that starts the term, such as `created` or `completed`.
    pub start_event: String,
    /// When that was, once it has happened.
    pub started: Option<UtcTime>,
    /// Until when, once it is known; without it, without end.
    pub until: Option<UtcTime>,
    /// Whether a legal hold lies on it.
    pub hold: Hold,
}

impl Retention {
    /// What a version of `class` that becomes final at `now` has to keep, where `rule` is what the class's terms say.
    ///
    /// Only a term that starts with the making of the record starts here. The last entry, the end of the treatment
    /// (完結), the dispensing, the use or a report are later events which nobody has told of yet: until somebody does,
    /// such a version stays without end, and so does one whose class names no term or is not known (PR-09). A change
    /// of the terms concerns what becomes final from then on; an end that stands in a version stays as it is.
    #[must_use]
    pub fn of_final(class: &RecordClass, rule: Option<&ClassRule>, now: UtcTime) -> Self {
        let start = rule.map_or(StartEvent::Created, |rule| rule.start);
        let started = (start == StartEvent::Created).then_some(now);
        let years = rule.and_then(|rule| rule.years_kept.max(rule.years_by_law));
        Self {
            rule: class.as_str().to_owned(),
            start_event: start.name().to_owned(),
            started,
            until: started.zip(years).and_then(|(started, years)| started.full_years_in_japan(years)),
            hold: Hold::None,
        }
    }
}

/// Whether someone holds a version beyond its term. The number is what rows and MACs carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Hold {
    /// No.
    None = 0,
    /// Yes: it stays until the hold is lifted.
    Held = 1,
}

impl Hold {
    /// The value with this number in a row.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::None),
            1 => Some(Self::Held),
            _ => None,
        }
    }
}

/// Proof that one version, as it was looked at, may be deleted by a user.
///
/// It names version and revision: a version that is finalised or held between the look and the deletion
/// has another revision, and stays.
#[derive(Debug)]
#[must_use]
pub struct Deletable {
    version: VersionId,
    revision: u64,
}

/// Why a version must stay (promise 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Undeletable {
    /// It is final, and stays whatever its term.
    #[error("the version is {}", state.name())]
    Final {
        /// Its state.
        state: RecordState,
    },
    /// A legal hold lies on it.
    #[error("a legal hold lies on the version")]
    Held,
    /// Its term runs.
    #[error("the version's term has not ended")]
    Term {
        /// When it ends; without it, never.
        until: Option<UtcTime>,
    },
}

impl Deletable {
    /// Checks that a user may delete the version `version` of revision `revision`: it is no final record, no legal
    /// hold lies on it, and no term that has started still runs at `now`. The term of a draft starts with
    /// finalisation, so a draft can be deleted unless its bucket has started one.
    ///
    /// # Errors
    /// [`Undeletable`] says what protects it.
    pub fn check(
        (version, revision): (VersionId, u64),
        state: RecordState,
        retention: Option<&Retention>,
        now: UtcTime,
    ) -> Result<Self, Undeletable> {
        if state.is_final() {
            return Err(Undeletable::Final { state });
        }
        if let Some(retention) = retention {
            if retention.hold == Hold::Held {
                return Err(Undeletable::Held);
            }
            if retention.started.is_some() && retention.until.is_none_or(|until| now < until) {
                return Err(Undeletable::Term { until: retention.until });
            }
        }
        Ok(Self { version, revision })
    }

    /// The version that may go.
    #[must_use]
    pub const fn version(&self) -> VersionId {
        self.version
    }

    /// The revision that was looked at.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.revision
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PatientNaming, Proof};
    use super::*;

    fn rule(start: StartEvent, years_by_law: Option<u16>, years_kept: Option<u16>) -> ClassRule {
        let (label, basis) = (String::new(), String::new());
        ClassRule { label, years_by_law, years_kept, start, basis, proof: Proof::Read, patient: PatientNaming::Required }
    }

    #[test]
    fn a_term_that_starts_with_the_record_ends_after_full_years() {
        let class = RecordClass::parse("emt.record").unwrap();
        // 2023-11-14T22:13:20Z is 07:13 of the 15th in Japan; that day does not count, and the last one counts whole.
        let now = UtcTime::from_micros(1_700_000_000_000_000);
        let found = Retention::of_final(&class, Some(&rule(StartEvent::Created, Some(2), Some(5))), now);
        assert_eq!((found.rule.as_str(), found.start_event.as_str(), found.started), ("emt.record", "created", Some(now)));
        assert_eq!(found.until.unwrap().to_string(), "2028-11-15T15:00:00Z");
    }

    #[test]
    fn a_term_that_starts_later_or_is_not_known_has_no_end() {
        let class = RecordClass::parse("chart.medical").unwrap();
        let now = UtcTime::from_micros(1_700_000_000_000_000);
        for start in StartEvent::ALL.into_iter().filter(|start| *start != StartEvent::Created) {
            let found = Retention::of_final(&class, Some(&rule(start, Some(5), Some(10))), now);
            assert_eq!((found.start_event.as_str(), found.started, found.until), (start.name(), None, None));
        }
        let open = rule(StartEvent::Created, None, None);
        for unknown in [None, Some(&open)] {
            let found = Retention::of_final(&class, unknown, now);
            assert_eq!((found.started, found.until), (Some(now), None));
        }
        // A file that names only the law's term is kept for that.
        let by_law = Retention::of_final(&class, Some(&rule(StartEvent::Created, Some(2), None)), now);
        assert_eq!(by_law.until.unwrap().to_string(), "2025-11-15T15:00:00Z");
    }

    fn check(state: RecordState, retention: Option<&Retention>, now: i64) -> Result<(), Undeletable> {
        Deletable::check((VersionId::random(), 1), state, retention, UtcTime::from_micros(now)).map(|_| ())
    }

    fn term(started: Option<i64>, until: Option<i64>, hold: Hold) -> Retention {
        let time = |micros: Option<i64>| micros.map(UtcTime::from_micros);
        Retention { rule: "r".into(), start_event: "created".into(), started: time(started), until: time(until), hold }
    }

    #[test]
    fn a_final_version_stays_even_after_its_term() {
        for state in [RecordState::Finalized, RecordState::Amended, RecordState::Withdrawn] {
            assert_eq!(check(state, None, 9), Err(Undeletable::Final { state }));
            assert_eq!(check(state, Some(&term(Some(1), Some(2), Hold::None)), 9), Err(Undeletable::Final { state }));
        }
    }

    #[test]
    fn a_draft_goes_unless_held_or_within_a_started_term() {
        assert_eq!(check(RecordState::Draft, None, 9), Ok(()));
        assert_eq!(check(RecordState::ProxyPending, None, 9), Ok(()));
        assert_eq!(check(RecordState::Draft, Some(&term(None, None, Hold::None)), 9), Ok(()));
        assert_eq!(check(RecordState::Draft, Some(&term(None, None, Hold::Held)), 9), Err(Undeletable::Held));
        let until = Some(UtcTime::from_micros(10));
        assert_eq!(check(RecordState::Draft, Some(&term(Some(1), Some(10), Hold::None)), 9), Err(Undeletable::Term { until }));
        assert_eq!(check(RecordState::Draft, Some(&term(Some(1), Some(10), Hold::None)), 10), Ok(()));
        assert_eq!(check(RecordState::Draft, Some(&term(Some(1), None, Hold::None)), 9), Err(Undeletable::Term { until: None }));
    }
}
