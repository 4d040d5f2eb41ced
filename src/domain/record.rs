use super::PatientId;
use std::fmt;

/// The id of a record class (記録区分), such as `chart.medical`: lower-case words joined by dots.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RecordClass(String);

/// The text is no record class id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a record class has 1 to 64 characters of a-z, 0-9, `_` and `.`")]
pub struct InvalidRecordClass;

impl RecordClass {
    /// The class written as `text`.
    ///
    /// # Errors
    /// [`InvalidRecordClass`] for other characters or lengths.
    pub fn parse(text: &str) -> Result<Self, InvalidRecordClass> {
        let shaped = text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.'));
        if shaped && (1..=64).contains(&text.len()) { Ok(Self(text.to_owned())) } else { Err(InvalidRecordClass) }
    }

    /// The class as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RecordClass {
    type Error = InvalidRecordClass;

    fn try_from(text: String) -> Result<Self, InvalidRecordClass> {
        Self::parse(&text)
    }
}

impl From<RecordClass> for String {
    fn from(class: RecordClass) -> Self {
        class.0
    }
}

impl fmt::Display for RecordClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a version stands between draft and archive (AT-01). The number is what rows and MACs carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RecordState {
    /// Still being worked on; may be replaced and deleted.
    Draft = 1,
    /// Final. Stays until its legal term ends.
    Finalized = 2,
    /// A finalised version that a later one corrects. Stays as well.
    Amended = 3,
    /// A finalised version declared void. Stays as well.
    Withdrawn = 4,
    /// Entered on behalf of someone who has not approved it yet (AT-09).
    ProxyPending = 5,
}

impl RecordState {
    /// The state with this number in a row.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Draft),
            2 => Some(Self::Finalized),
            3 => Some(Self::Amended),
            4 => Some(Self::Withdrawn),
            5 => Some(Self::ProxyPending),
            _ => None,
        }
    }

    /// Its name in headers, events and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Finalized => "finalized",
            Self::Amended => "amended",
            Self::Withdrawn => "withdrawn",
            Self::ProxyPending => "proxy-pending",
        }
    }

    /// Whether a version in this state may never be deleted by a user (promise 9).
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Finalized | Self::Amended | Self::Withdrawn)
    }
}

/// What is stated about a record besides its bytes. All of it rests sealed.
#[derive(Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordFacts {
    /// Whose record it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient: Option<PatientId>,
    /// What kind of record it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<RecordClass>,
    /// The responsible person when the enterer is a proxy (代行).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    /// Why a finalised version was replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_reason: Option<String>,
    /// The department that owns the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub department: Option<String>,
    /// Who wrote the content, as stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
}

/// Hides what may tell of a patient.
impl std::fmt::Debug for RecordFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordFacts").field("class", &self.class).finish_non_exhaustive()
    }
}
