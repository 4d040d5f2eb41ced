use std::fmt;

/// A bucket's name, by the rules AWS has for general-purpose buckets.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BucketName(String);

/// The text is no bucket name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a bucket name has 3 to 63 characters of a-z, 0-9, `-` and `.`, begins and ends with a letter or digit, has no `..` and is no IP address"
)]
pub struct InvalidBucketName;

impl BucketName {
    /// The name written as `text`.
    ///
    /// # Errors
    /// [`InvalidBucketName`] when the text breaks one of the rules.
    pub fn parse(text: &str) -> Result<Self, InvalidBucketName> {
        let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let bytes = text.as_bytes();
        let shaped = (3..=63).contains(&bytes.len())
            && bytes.iter().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'))
            && edge(bytes.first())
            && edge(bytes.last())
            && !text.contains("..");
        let reserved = text.starts_with("xn--") || text.starts_with("sthree-") || text.ends_with("-s3alias") || text.ends_with("--ol-s3");
        if !shaped || reserved || text.parse::<std::net::Ipv4Addr>().is_ok() {
            return Err(InvalidBucketName);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What rules a bucket's content follows. The number is what rows and MACs carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum BucketMode {
    /// Medical records: versioning always on, class and patient rules, finalisation.
    Records = 1,
    /// Ordinary S3 semantics for whatever else an app stores; still sealed and audited.
    Plain = 2,
}

impl BucketMode {
    /// The mode with this number in a row.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Records),
            2 => Some(Self::Plain),
            _ => None,
        }
    }

    /// Its name in commands and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::Plain => "plain",
        }
    }
}

/// Whether replaced contents stay. The number is what rows and MACs carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Versioning {
    /// Never switched on: a write replaces the one content.
    Off = 0,
    /// Every write adds a version.
    On = 1,
    /// Switched off again: a write replaces only the null version.
    Suspended = 2,
}

impl Versioning {
    /// The value with this number in a row.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Off),
            1 => Some(Self::On),
            2 => Some(Self::Suspended),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_aws_rules() {
        for good in ["karte", "a.b-c", "123", "k2e"] {
            assert!(BucketName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "ab", "-ab", "ab-", "Karte", "a_b", "a..b", "192.168.0.1", "xn--abc", "a-s3alias", &"a".repeat(64)] {
            assert!(BucketName::parse(bad).is_err(), "{bad}");
        }
    }
}
