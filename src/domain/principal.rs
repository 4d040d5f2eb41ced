use super::{BucketName, InvalidBucketName, PatientId, Purpose, UnknownName};
use serde::{Deserialize, Serialize};

/// What kind of principal someone is. The number is what rows and MACs carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum PrincipalKind {
    /// A human being.
    Person = 1,
    /// A program that stores for many people.
    App = 2,
    /// A modality or instrument.
    Device = 3,
    /// Someone of the provider. Never reads content (OP-01).
    Operator = 4,
}

impl PrincipalKind {
    /// The kind with this number in a row.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Person),
            2 => Some(Self::App),
            3 => Some(Self::Device),
            4 => Some(Self::Operator),
            _ => None,
        }
    }

    /// The kind written as `text`.
    ///
    /// # Errors
    /// [`UnknownName`] for any other text.
    pub fn parse(text: &str) -> Result<Self, UnknownName> {
        Ok(match text {
            "person" => Self::Person,
            "app" => Self::App,
            "device" => Self::Device,
            "operator" => Self::Operator,
            other => return Err(UnknownName { name: other.to_owned() }),
        })
    }

    /// Its name in commands, events and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::App => "app",
            Self::Device => "device",
            Self::Operator => "operator",
        }
    }
}

/// Whether a tenant, principal or credential may be used. The number is what rows and MACs carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Standing {
    /// In use.
    Active = 1,
    /// Switched off; kept for the record.
    Disabled = 2,
}

impl Standing {
    /// The standing with this number in a row.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Active),
            2 => Some(Self::Disabled),
            _ => None,
        }
    }

    /// Its name in commands and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }
}

/// One thing a grant allows. The names are those of the policy actions (DESIGN §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Right {
    /// Read contents and attributes.
    Read,
    /// List keys, versions and uploads.
    List,
    /// Write drafts.
    WriteDraft,
    /// Write finalised versions.
    Finalize,
    /// Replace finalised versions.
    Amend,
    /// Delete drafts and set delete markers.
    DeleteDraft,
    /// Make, configure and delete buckets.
    ManageBucket,
    /// Search the audit log.
    ReadAudit,
    /// Change who may see what: policies, identity providers, how far care teams count. Takes two people.
    ManagePolicy,
    /// Say who cares for whom.
    ManageCare,
    /// Reach a patient's records in an emergency. Given by policy, never by a grant.
    BreakGlass,
}

impl Right {
    /// All that a grant can give.
    pub const ALL: [Self; 10] = [
        Self::Read,
        Self::List,
        Self::WriteDraft,
        Self::Finalize,
        Self::Amend,
        Self::DeleteDraft,
        Self::ManageBucket,
        Self::ReadAudit,
        Self::ManagePolicy,
        Self::ManageCare,
    ];

    /// The right written as `text`.
    ///
    /// # Errors
    /// [`UnknownName`] for any other text.
    pub fn parse(text: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|right| right.name() == text).ok_or_else(|| UnknownName { name: text.to_owned() })
    }

    /// Whether it is about a bucket or what is in it, rather than about the whole tenant.
    #[must_use]
    pub const fn is_of_bucket(self) -> bool {
        !matches!(self, Self::ReadAudit | Self::ManagePolicy | Self::ManageCare | Self::BreakGlass)
    }

    /// Its name in commands, events and policies.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::List => "list",
            Self::WriteDraft => "write-draft",
            Self::Finalize => "finalize",
            Self::Amend => "amend",
            Self::DeleteDraft => "delete-draft",
            Self::ManageBucket => "manage-bucket",
            Self::ReadAudit => "read-audit",
            Self::ManagePolicy => "manage-policy",
            Self::ManageCare => "manage-care",
            Self::BreakGlass => "break-glass",
        }
    }
}

/// Rights on one bucket, or on every bucket of the tenant where the bucket is `*`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// A bucket's name, or `*`.
    pub bucket: String,
    /// What is allowed there.
    pub rights: Vec<Right>,
}

/// What a tenant knows of a principal. Rests sealed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The name to show, such as a person's full name.
    #[serde(default)]
    pub display_name: String,
    /// Job types (職種), by the codes of `config/job-types.toml`.
    #[serde(default)]
    pub job_types: Vec<String>,
    /// Departments.
    #[serde(default)]
    pub departments: Vec<String>,
    /// Care teams, by the names that stand in what is laid down for patients.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub care_teams: Vec<String>,
    /// The only patients whose records count, where there are any (AC-08).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patient_scope: Vec<PatientId>,
    /// The purpose that holds where a request states none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_purpose: Option<Purpose>,
    /// What the principal may do.
    #[serde(default)]
    pub grants: Vec<Grant>,
}

/// A profile that can hold nothing of what it says, or too much.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProfile {
    /// A job type that the catalogue does not have.
    #[error("there is no job type `{code}`")]
    JobType {
        /// Which.
        code: String,
    },
    /// A grant on what is no bucket's name.
    #[error(transparent)]
    Bucket(#[from] InvalidBucketName),
    /// A grant of nothing.
    #[error("the grant on `{bucket}` names no right")]
    NoRight {
        /// On which bucket.
        bucket: String,
    },
    /// A grant of what only policy gives.
    #[error("`{}` is no right that a grant gives", right.name())]
    NotGranted {
        /// Which.
        right: Right,
    },
}

impl Profile {
    /// Checks what a typing mistake would otherwise grant to nobody, in silence, and that policy alone gives what it must.
    ///
    /// # Errors
    /// [`InvalidProfile`] says what is wrong first.
    pub fn check(&self, is_job_type: impl Fn(&str) -> bool) -> Result<(), InvalidProfile> {
        if let Some(code) = self.job_types.iter().find(|code| !is_job_type(code)) {
            return Err(InvalidProfile::JobType { code: code.clone() });
        }
        for Grant { bucket, rights } in &self.grants {
            if bucket != "*" {
                BucketName::parse(bucket)?;
            }
            if rights.is_empty() {
                return Err(InvalidProfile::NoRight { bucket: bucket.clone() });
            }
            if let Some(right) = rights.iter().find(|right| !Right::ALL.contains(right)) {
                return Err(InvalidProfile::NotGranted { right: *right });
            }
        }
        Ok(())
    }
}
