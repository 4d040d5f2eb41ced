use super::{ETag, UtcTime};

/// What `If-Match` or `If-None-Match` names (RFC 9110 §13.1.1, §13.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagCondition {
    /// `*`: whatever is there.
    Any,
    /// One tag, without quotes and without `W/`. It need not be a tag that hozon makes.
    Tag(String),
}

impl TagCondition {
    fn matches(&self, tag: ETag) -> bool {
        match self {
            Self::Any => true,
            Self::Tag(text) => ETag::parse(text) == Ok(tag),
        }
    }
}

/// What a client wants of a key before it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WriteCondition {
    /// Nothing.
    #[default]
    None,
    /// `If-None-Match: *`: there must be no such key.
    Absent,
    /// `If-Match`: the key's tag must be this one.
    Match(ETag),
}

/// How a [`WriteCondition`] does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnmetWrite {
    /// The key has content, or another content.
    Present,
    /// There is no content that could match.
    Absent,
}

impl WriteCondition {
    /// Tests it on the tag of the key's content, where it has one.
    ///
    /// # Errors
    /// [`UnmetWrite`] when it does not hold.
    pub fn check(self, current: Option<ETag>) -> Result<(), UnmetWrite> {
        match (self, current) {
            (Self::None, _) | (Self::Absent, None) => Ok(()),
            (Self::Match(_), None) => Err(UnmetWrite::Absent),
            (Self::Match(wanted), Some(tag)) if tag == wanted => Ok(()),
            (Self::Absent | Self::Match(_), Some(_)) => Err(UnmetWrite::Present),
        }
    }
}

/// What `If-Range` names (RFC 9110 §13.1.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RangeCondition {
    /// A strong tag, without quotes.
    Tag(String),
    /// The moment that `Last-Modified` told.
    Modified(UtcTime),
    /// Something that matches nothing: a weak tag, or text that is neither.
    Never,
}

impl RangeCondition {
    /// Whether the range counts; where not, the whole is meant.
    #[must_use]
    pub fn holds(&self, tag: ETag, modified: UtcTime) -> bool {
        match self {
            Self::Tag(text) => ETag::parse(text) == Ok(tag),
            Self::Modified(at) => at.seconds() == modified.seconds(),
            Self::Never => false,
        }
    }
}

/// What a reader wants of a version before it is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadConditions {
    /// `If-Match`.
    pub if_match: Option<TagCondition>,
    /// `If-None-Match`.
    pub if_none_match: Option<TagCondition>,
    /// `If-Modified-Since`.
    pub if_modified_since: Option<UtcTime>,
    /// `If-Unmodified-Since`.
    pub if_unmodified_since: Option<UtcTime>,
}

/// A condition of a read does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unmet {
    /// The reader has it already: HTTP 304, or 412 for the source of a copy.
    #[error("the condition `{condition}` does not hold: it is as the reader knows it")]
    Unchanged {
        /// Which header.
        condition: &'static str,
    },
    /// It is not what the reader takes it for: HTTP 412.
    #[error("the condition `{condition}` does not hold")]
    Failed {
        /// Which header.
        condition: &'static str,
    },
}

impl Unmet {
    /// The header whose condition does not hold.
    #[must_use]
    pub const fn condition(self) -> &'static str {
        match self {
            Self::Unchanged { condition } | Self::Failed { condition } => condition,
        }
    }
}

impl ReadConditions {
    /// Tests the conditions in the order of RFC 9110 §13.2.2: a condition on the tag makes the one on the time
    /// of its kind void, and those that fail come before those that spare the bytes.
    ///
    /// Times count in whole seconds, as `Last-Modified` tells them.
    ///
    /// # Errors
    /// [`Unmet`] for the first that does not hold.
    pub fn check(&self, tag: ETag, modified: UtcTime) -> Result<(), Unmet> {
        match (&self.if_match, self.if_unmodified_since) {
            (Some(wanted), _) if !wanted.matches(tag) => return Err(Unmet::Failed { condition: "If-Match" }),
            (None, Some(since)) if modified.seconds() > since.seconds() => {
                return Err(Unmet::Failed { condition: "If-Unmodified-Since" });
            }
            _ => {}
        }
        match (&self.if_none_match, self.if_modified_since) {
            (Some(known), _) if known.matches(tag) => Err(Unmet::Unchanged { condition: "If-None-Match" }),
            (None, Some(since)) if modified.seconds() <= since.seconds() => Err(Unmet::Unchanged { condition: "If-Modified-Since" }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: ETag = ETag::new([7; 16], 1);
    const AT: UtcTime = UtcTime::from_micros(1_700_000_000_500_000);

    fn second(offset: i64) -> UtcTime {
        UtcTime::from_micros((1_700_000_000 + offset) * 1_000_000)
    }

    fn tag(text: &str) -> Option<TagCondition> {
        Some(TagCondition::Tag(text.to_owned()))
    }

    #[test]
    fn without_conditions_everything_is_sent() {
        assert_eq!(ReadConditions::default().check(TAG, AT), Ok(()));
    }

    #[test]
    fn a_matching_tag_makes_the_unmodified_time_void() {
        let conditions = ReadConditions { if_match: tag(&TAG.to_string()), if_unmodified_since: Some(second(-9)), ..Default::default() };
        assert_eq!(conditions.check(TAG, AT), Ok(()));
        let conditions = ReadConditions { if_match: tag("d41d8cd98f00b204e9800998ecf8427e"), ..conditions };
        assert_eq!(conditions.check(TAG, AT), Err(Unmet::Failed { condition: "If-Match" }));
    }

    #[test]
    fn a_known_tag_makes_the_modified_time_void() {
        let conditions = ReadConditions { if_none_match: tag(&TAG.to_string()), if_modified_since: Some(second(-9)), ..Default::default() };
        assert_eq!(conditions.check(TAG, AT), Err(Unmet::Unchanged { condition: "If-None-Match" }));
        let conditions = ReadConditions { if_none_match: tag("other"), if_modified_since: Some(second(9)), ..Default::default() };
        assert_eq!(conditions.check(TAG, AT), Ok(()));
    }

    #[test]
    fn a_failed_condition_comes_before_one_that_spares_the_bytes() {
        let conditions = ReadConditions { if_match: tag("other"), if_none_match: Some(TagCondition::Any), ..Default::default() };
        assert_eq!(conditions.check(TAG, AT), Err(Unmet::Failed { condition: "If-Match" }));
    }

    #[test]
    fn times_count_in_whole_seconds() {
        let since = |offset| ReadConditions { if_modified_since: Some(second(offset)), ..Default::default() }.check(TAG, AT);
        assert_eq!(since(0), Err(Unmet::Unchanged { condition: "If-Modified-Since" }));
        assert_eq!(since(-1), Ok(()));
        let until = |offset| ReadConditions { if_unmodified_since: Some(second(offset)), ..Default::default() }.check(TAG, AT);
        assert_eq!(until(0), Ok(()));
        assert_eq!(until(-1), Err(Unmet::Failed { condition: "If-Unmodified-Since" }));
    }

    #[test]
    fn a_range_counts_only_for_the_very_same_content() {
        assert!(RangeCondition::Tag(TAG.to_string()).holds(TAG, AT));
        assert!(!RangeCondition::Tag("other".to_owned()).holds(TAG, AT));
        assert!(RangeCondition::Modified(second(0)).holds(TAG, AT));
        assert!(!RangeCondition::Modified(second(1)).holds(TAG, AT));
        assert!(!RangeCondition::Never.holds(TAG, AT));
    }
}
