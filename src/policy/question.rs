use crate::domain::{BucketMode, BucketName, PatientId, Purpose, RecordClass, RecordState, Right};
use std::net::IpAddr;

/// What is asked of the rules.
#[derive(Debug, Clone)]
pub(super) struct Question<'a> {
    /// The right that the action needs.
    pub right: Right,
    /// About what.
    pub about: About<'a>,
    /// The purpose that holds.
    pub purpose: Option<Purpose>,
    /// The caller's address.
    pub source: Option<IpAddr>,
    /// How the principal stands to the patient.
    pub bond: Bond,
}

/// What a question is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum About<'a> {
    /// The whole tenant.
    Tenant,
    /// A bucket, of which no more than the name need be known.
    Bucket(&'a BucketName),
    /// A record in a bucket.
    Record(&'a BucketName, Traits<'a>),
}

impl<'a> About<'a> {
    pub(super) const fn bucket(&self) -> Option<&'a BucketName> {
        match self {
            Self::Tenant => None,
            Self::Bucket(name) | Self::Record(name, _) => Some(name),
        }
    }
}

/// What the rules look at of a record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traits<'a> {
    pub mode: BucketMode,
    pub class: Option<&'a RecordClass>,
    pub patient: Option<&'a PatientId>,
    /// Whether it names a patient, also where it is not known whom.
    pub names_patient: bool,
    pub department: Option<&'a str>,
    pub state: RecordState,
    /// Whether a responsible person is named (代行).
    pub on_behalf: OnBehalf,
}

/// Whether somebody enters for somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum OnBehalf {
    Nobody,
    Somebody,
}

impl OnBehalf {
    pub(super) const fn of(name: Option<&str>) -> Self {
        if name.is_some() { Self::Somebody } else { Self::Nobody }
    }
}

/// How a principal stands to a patient (AC-03).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Bond {
    pub care: Care,
    pub shield: Shield,
    pub glass: Glass,
    pub scope: Scope,
}

/// Whether the principal may see this patient at all (AC-08).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) enum Scope {
    /// There is no limit, or the patient lies within it.
    #[default]
    Within,
    /// Another patient, or a record of nobody.
    Beyond,
}

/// Whether the principal cares for the patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) enum Care {
    /// The tenant limits nothing.
    #[default]
    Open,
    Inside,
    Outside,
}

impl Care {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Inside => "inside",
            Self::Outside => "outside",
        }
    }
}

/// Whether the patient is one whom only named people may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) enum Shield {
    #[default]
    None,
    /// And the principal is not named.
    Restricted,
    /// And the principal is named.
    Named,
}

/// Whether the principal has broken the glass for the patient (BG-04).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) enum Glass {
    #[default]
    Whole,
    Broken,
}
