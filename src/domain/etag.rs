use std::fmt;

/// A version's entity tag: 128 bits and the number of parts, shown as `<32 hex>-<n>`.
///
/// The bits are random, made once per version or part, so that they tell nothing of the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ETag {
    bits: [u8; 16],
    parts: u32,
}

/// The text is no entity tag of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an entity tag is 32 hexadecimal digits, a hyphen and the number of parts")]
pub struct InvalidETag;

impl ETag {
    /// A new tag for a body of `parts` parts.
    #[must_use]
    pub fn random(parts: u32) -> Self {
        Self { bits: *uuid::Uuid::new_v4().as_bytes(), parts }
    }

    /// The tag with these bits and this number of parts.
    #[must_use]
    pub const fn new(bits: [u8; 16], parts: u32) -> Self {
        Self { bits, parts }
    }

    /// The 128 bits.
    #[must_use]
    pub const fn bits(&self) -> &[u8; 16] {
        &self.bits
    }

    /// The number after the hyphen.
    #[must_use]
    pub const fn parts(&self) -> u32 {
        self.parts
    }

    /// The tag written as `text`, without quotes.
    ///
    /// # Errors
    /// [`InvalidETag`] for any other text.
    pub fn parse(text: &str) -> Result<Self, InvalidETag> {
        let (hexadecimal, parts) = text.split_once('-').ok_or(InvalidETag)?;
        let mut bits = [0; 16];
        hex::decode_to_slice(hexadecimal, &mut bits).map_err(|_| InvalidETag)?;
        Ok(Self { bits, parts: parts.parse().map_err(|_| InvalidETag)? })
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", hex::encode(self.bits), self.parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_comes_back_from_its_text() {
        let tag = ETag::random(3);
        assert_eq!(ETag::parse(&tag.to_string()), Ok(tag));
        assert!(tag.to_string().ends_with("-3"));
        assert_eq!(ETag::parse("d41d8cd98f00b204e9800998ecf8427e"), Err(InvalidETag));
    }
}
