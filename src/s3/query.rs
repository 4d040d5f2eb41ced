use http::Uri;
use percent_encoding::percent_decode_str;

/// The decoded query of a request, in the order given. Decodes as the crate below does, so that both see the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// The query of `uri`.
    pub(super) fn of(uri: &Uri) -> Self {
        let pairs = uri.query().unwrap_or("").split('&').filter(|pair| !pair.is_empty());
        Self(pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(name, value)| (decoded(name), decoded(value))).collect())
    }

    /// Whether the name stands in it.
    pub(super) fn has(&self, name: &str) -> bool {
        self.iter().any(|(other, _)| other == name)
    }

    /// The value of a name that stands in it exactly once.
    pub(super) fn unique(&self, name: &str) -> Option<&str> {
        let mut values = self.iter().filter(|(other, _)| *other == name).map(|(_, value)| value);
        let value = values.next()?;
        values.next().is_none().then_some(value)
    }

    /// A name that stands in it more than once.
    pub(super) fn repeated(&self) -> Option<&str> {
        let mut names = self.iter().enumerate().map(|(place, (name, _))| (place, name));
        names.find(|(place, name)| self.iter().take(*place).any(|(before, _)| before == *name)).map(|(_, name)| name)
    }

    /// Names and values.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded_and_a_repeated_name_is_not_unique() {
        let query = Query::of(&"/b/k?uploads&a=1%2B1+2&x=1&x=2&&e=%ZZ".parse().unwrap());
        assert!(query.has("uploads") && query.has("x") && !query.has("y"));
        assert_eq!(query.unique("uploads"), Some(""));
        assert_eq!(query.unique("a"), Some("1+1 2"));
        assert_eq!(query.unique("e"), Some("%ZZ"));
        assert_eq!(query.unique("x"), None);
        assert_eq!(query.repeated(), Some("x"));
        assert_eq!(Query::of(&"/b/k?a=1&b=1".parse().unwrap()).repeated(), None);
    }
}
