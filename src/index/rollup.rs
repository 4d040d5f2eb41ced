//! Common prefixes: what S3 does with a prefix, a delimiter and a marker.

/// Where a walk begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Begin {
    /// With the first key.
    First,
    /// With this key, if it exists, else with the next.
    At(String),
    /// After this key.
    After(String),
    /// After every key that begins so.
    AfterPrefix(String),
}

impl Begin {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::First => None,
            Self::At(text) | Self::After(text) | Self::AfterPrefix(text) => Some(text),
        }
    }

    /// Whether `item` lies before the place, of which `rest` is the text from where `item` begins.
    pub(super) fn is_after(&self, rest: &str, item: &str) -> bool {
        match self {
            Self::First => false,
            Self::At(_) => item < rest,
            Self::After(_) => item <= rest,
            Self::AfterPrefix(_) => item < rest || item.starts_with(rest),
        }
    }
}

/// Rolls keys that share a prefix up to a delimiter into one.
#[derive(Clone, Copy)]
pub(super) struct Rollup<'q> {
    prefix: &'q str,
    delimiter: Option<&'q str>,
}

impl<'q> Rollup<'q> {
    /// With an empty delimiter nothing is rolled up.
    pub(super) fn new(prefix: &'q str, delimiter: Option<&'q str>) -> Self {
        Self { prefix, delimiter: delimiter.filter(|delimiter| !delimiter.is_empty()) }
    }

    /// The common prefix under which `key` is shown. For a directory's path: under which all keys below are shown.
    pub(super) fn common<'k>(&self, key: &'k str) -> Option<&'k str> {
        let delimiter = self.delimiter?;
        let rest = key.strip_prefix(self.prefix)?;
        let at = rest.find(delimiter)?;
        key.get(..self.prefix.len() + at + delimiter.len())
    }

    /// Where a listing after `marker` begins. A marker that lies under a common prefix leaves that prefix behind whole.
    pub(super) fn after(&self, marker: Option<&str>) -> Begin {
        match marker {
            None => Begin::First,
            Some(marker) => match self.common(marker) {
                Some(common) => Begin::AfterPrefix(common.to_owned()),
                None => Begin::After(marker.to_owned()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_roll_up_at_the_first_delimiter_after_the_prefix() {
        let common = |prefix, delimiter, key| Rollup::new(prefix, delimiter).common(key).map(str::to_owned);
        assert_eq!(common("", Some("/"), "a/b/c"), Some("a/".into()));
        assert_eq!(common("a/", Some("/"), "a/b/c"), Some("a/b/".into()));
        assert_eq!(common("a", Some("/"), "a/b"), Some("a/".into()));
        assert_eq!(common("a/b", Some("/"), "a/b"), None);
        assert_eq!(common("", Some("/b"), "a/b/b"), Some("a/b".into()));
        assert_eq!(common("", Some(""), "a/b"), None);
        assert_eq!(common("x", Some("/"), "a/b"), None);
    }

    #[test]
    fn a_marker_under_a_common_prefix_leaves_it_behind() {
        let after = |prefix, delimiter, marker| Rollup::new(prefix, delimiter).after(Some(marker));
        assert_eq!(after("", Some("/"), "a/b"), Begin::AfterPrefix("a/".into()));
        assert_eq!(after("", Some("/"), "a/"), Begin::AfterPrefix("a/".into()));
        assert_eq!(after("", None, "a/b"), Begin::After("a/b".into()));
        assert_eq!(after("b", Some("/"), "a/b"), Begin::After("a/b".into()));
        assert_eq!(Rollup::new("", None).after(None), Begin::First);
    }
}
