use std::fmt;

/// A patient's id at its facility: 1 to 64 of `A-Z a-z 0-9 . _ -`, leading zeros kept (AC-03).
///
/// `Debug` hides it; nothing but sealed places and tokens may carry it.
#[derive(Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PatientId(String);

/// The text is no patient id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a patient id has 1 to 64 characters of A-Z, a-z, 0-9, `.`, `_` and `-`")]
pub struct InvalidPatientId;

impl PatientId {
    /// The id written as `text`.
    ///
    /// # Errors
    /// [`InvalidPatientId`] for another length or other characters.
    pub fn parse(text: &str) -> Result<Self, InvalidPatientId> {
        let shaped = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if shaped && (1..=64).contains(&text.len()) { Ok(Self(text.to_owned())) } else { Err(InvalidPatientId) }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PatientId {
    type Error = InvalidPatientId;

    fn try_from(text: String) -> Result<Self, InvalidPatientId> {
        Self::parse(&text)
    }
}

impl From<PatientId> for String {
    fn from(id: PatientId) -> Self {
        id.0
    }
}

impl fmt::Debug for PatientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PatientId(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_zeros_stay_and_foreign_characters_are_refused() {
        assert_eq!(PatientId::parse("000123").map(String::from), Ok("000123".to_owned()));
        for bad in ["", "1 2", "山田", "a/b", &"1".repeat(65)] {
            assert_eq!(PatientId::parse(bad), Err(InvalidPatientId));
        }
    }
}
