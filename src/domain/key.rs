use super::limits;
use std::fmt;

/// The name of a record inside its bucket: 1 to 1,024 bytes of UTF-8 without NUL.
///
/// `Debug` hides the text: names of records may name a patient.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey(String);

/// The text is no record name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidObjectKey {
    /// Nothing was given.
    #[error("an object key has at least one character")]
    Empty,
    /// More bytes than S3 allows.
    #[error("an object key has at most 1024 bytes")]
    TooLong,
    /// A character that no client can send back in XML.
    #[error("an object key has no NUL character")]
    Character,
}

impl ObjectKey {
    /// The key written as `text`.
    ///
    /// # Errors
    /// [`InvalidObjectKey`] when it is empty, too long or has a NUL.
    pub fn parse(text: &str) -> Result<Self, InvalidObjectKey> {
        if text.is_empty() {
            return Err(InvalidObjectKey::Empty);
        }
        if text.len() > limits::OBJECT_KEY_BYTES_MAX {
            return Err(InvalidObjectKey::TooLong);
        }
        if text.contains('\0') {
            return Err(InvalidObjectKey::Character);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part up to and including the last `/`; empty for a key of the bucket's root.
    #[must_use]
    pub fn directory(&self) -> &str {
        self.split().0
    }

    /// The part after the last `/`; empty for a key that ends in one.
    #[must_use]
    pub fn segment(&self) -> &str {
        self.split().1
    }

    fn split(&self) -> (&str, &str) {
        let at = self.0.rfind('/').map_or(0, |slash| slash + 1);
        self.0.split_at(at)
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectKey({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_splits_at_its_last_slash() {
        let split = |text| ObjectKey::parse(text).map(|k| (k.directory().to_owned(), k.segment().to_owned()));
        assert_eq!(split("a"), Ok((String::new(), "a".into())));
        assert_eq!(split("a//b"), Ok(("a//".into(), "b".into())));
        assert_eq!(split("a/"), Ok(("a/".into(), String::new())));
        assert_eq!(split("/"), Ok(("/".into(), String::new())));
    }

    #[test]
    fn empty_long_and_nul_keys_are_no_keys() {
        assert_eq!(ObjectKey::parse(""), Err(InvalidObjectKey::Empty));
        assert_eq!(ObjectKey::parse(&"k".repeat(1025)), Err(InvalidObjectKey::TooLong));
        assert!(ObjectKey::parse(&"k".repeat(1024)).is_ok());
        assert_eq!(ObjectKey::parse("a\0"), Err(InvalidObjectKey::Character));
    }

    #[test]
    fn debug_of_a_key_shows_no_name() {
        assert_eq!(format!("{:?}", ObjectKey::parse("yamada/xray.dcm")), "Ok(ObjectKey(15 bytes))");
    }
}
