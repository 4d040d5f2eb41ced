use super::RecordClass;
use std::collections::BTreeMap;

/// What kinds of records there are, and what the law says of each (AT-01, PR-01).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordClasses(BTreeMap<RecordClass, ClassRule>);

/// What holds for the records of one class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassRule {
    /// Its name, in Japanese.
    pub label: String,
    /// Full years that the law wants such a record kept; none where no law names a term.
    pub years_by_law: Option<u16>,
    /// Full years that it is kept where its bucket says nothing else; never fewer than by law.
    /// None: until someone says that it may go.
    pub years_kept: Option<u16>,
    /// What starts the term.
    pub start: StartEvent,
    /// The law behind the term.
    pub basis: String,
    /// Whether the term was read in the law, or is still to be confirmed.
    pub proof: Proof,
    /// Whether a record of this class must name its patient.
    pub patient: PatientNaming,
}

/// What starts the term of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartEvent {
    /// The record was made.
    Created,
    /// The last entry was made.
    LastEntry,
    /// The course of treatment ended (完結の日).
    Completed,
    /// The prescription was dispensed.
    Dispensed,
    /// The product was used.
    Used,
    /// Something outside of hozon, which somebody has to report.
    Reported,
}

impl StartEvent {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Created, Self::LastEntry, Self::Completed, Self::Dispensed, Self::Used, Self::Reported];

    /// Its name in files, rows and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::LastEntry => "last-entry",
            Self::Completed => "completed",
            Self::Dispensed => "dispensed",
            Self::Used => "used",
            Self::Reported => "reported",
        }
    }
}

/// How sure a term is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// It was read in the law.
    Read,
    /// It is known, but has to be confirmed before anyone relies on it.
    ToConfirm,
}

/// Whether a record must name its patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatientNaming {
    /// It must.
    Required,
    /// It may.
    Optional,
}

impl RecordClasses {
    /// The classes in `rules`.
    #[must_use]
    pub const fn new(rules: BTreeMap<RecordClass, ClassRule>) -> Self {
        Self(rules)
    }

    /// What holds for `class`, if there is such a class.
    #[must_use]
    pub fn rule(&self, class: &RecordClass) -> Option<&ClassRule> {
        self.0.get(class)
    }

    /// All classes, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&RecordClass, &ClassRule)> {
        self.0.iter()
    }
}

/// What job types (職種) there are, and how each is proven.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobTypes(BTreeMap<String, JobType>);

/// One job type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobType {
    /// Its name, in Japanese.
    pub label: String,
    /// The `hcRole` text of an HPKI certificate that proves it; none where no certificate does.
    pub hc_role: Option<String>,
    /// Whether that spelling was seen in use, or is still to be confirmed.
    pub proof: Proof,
    /// What sort of job it is.
    pub group: JobGroup,
}

/// What sort of job a job type is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobGroup {
    /// Cares for patients under a licence.
    Clinical,
    /// Works in the institution without such a licence.
    Support,
    /// No person: a program or an instrument.
    Machine,
    /// A patient, or who stands in for one.
    Patient,
    /// Belongs to somebody else than the institution.
    Outside,
}

impl JobTypes {
    /// The job types in `types`, by code.
    #[must_use]
    pub const fn new(types: BTreeMap<String, JobType>) -> Self {
        Self(types)
    }

    /// The job type with this code, if there is one.
    #[must_use]
    pub fn job_type(&self, code: &str) -> Option<&JobType> {
        self.0.get(code)
    }

    /// The codes of the job types that the `hcRole` text of a certificate proves.
    pub fn proven_by<'a>(&'a self, hc_role: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(_, job)| job.hc_role.as_deref() == Some(hc_role)).map(|(code, _)| code.as_str())
    }

    /// All job types, by code.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &JobType)> {
        self.0.iter().map(|(code, job)| (code.as_str(), job))
    }
}
