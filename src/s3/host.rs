use crate::domain::names_the_gateway;
use percent_encoding::percent_decode_str;

/// The names under which the gateway is reached. `<bucket>.<name>` addresses a bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct BaseDomains(Vec<String>);

/// The name is no host name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a host name")]
pub struct InvalidDomain {
    /// What was given.
    pub name: String,
}

impl BaseDomains {
    /// The base domains `names`, without ports.
    ///
    /// # Errors
    /// [`InvalidDomain`] for what is no host name.
    pub(super) fn new(names: impl IntoIterator<Item = String>) -> Result<Self, InvalidDomain> {
        let mut domains = Vec::new();
        for name in names {
            let label = |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            if !name.split('.').all(label) {
                return Err(InvalidDomain { name });
            }
            domains.push(name.to_ascii_lowercase());
        }
        // The longest first, so that of two nested domains the inner one counts.
        domains.sort_by_key(|name| std::cmp::Reverse(name.len()));
        Ok(Self(domains))
    }

    /// Whether a `Host` header names the gateway itself, where its own paths are.
    pub(super) fn are_named_by(&self, host: &str) -> bool {
        names_the_gateway(host, &self.0)
    }

    /// Bucket and key that `Host` and path name, as the protocol crate reads them.
    pub(super) fn place(&self, host: &str, path: &str) -> (Option<String>, Option<String>) {
        let Ok(path) = percent_decode_str(path).decode_utf8() else { return (None, None) };
        let path = path.strip_prefix('/').unwrap_or(&path);
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        match (self.bucket(host), path.split_once('/')) {
            (Some(bucket), _) => (some(&bucket.to_ascii_lowercase()), some(path)),
            (None, Some((bucket, key))) => (some(bucket), some(key)),
            (None, None) => (some(path), None),
        }
    }

    /// The bucket that a `Host` header names. None for a base domain itself, an address, and a name that is
    /// not ours: there the first segment of the path is the bucket.
    pub(super) fn bucket<'a>(&self, host: &'a str) -> Option<&'a str> {
        let name = without_port(host);
        self.0.iter().find_map(|domain| {
            let cut = name.len().checked_sub(domain.len())?;
            let (front, back) = (name.get(..cut)?, name.get(cut..)?);
            back.eq_ignore_ascii_case(domain).then_some(front.strip_suffix('.')).filter(|front| front.is_some() || cut == 0)
        })?
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_read_off_a_name_below_a_base_domain() {
        let domains = BaseDomains::new(["localhost", "s3.hospital.example", "hospital.example"].map(str::to_owned)).unwrap();
        for (host, bucket) in [
            ("localhost", None),
            ("localhost:9000", None),
            ("karte.localhost:9000", Some("karte")),
            ("Karte.S3.Hospital.Example", Some("Karte")),
            ("a.b.s3.hospital.example", Some("a.b")),
            ("s3.hospital.example", None),
            ("notlocalhost", None),
            ("127.0.0.1:9000", None),
            ("[::1]:9000", None),
            ("other.example", None),
        ] {
            assert_eq!(domains.bucket(host), bucket, "{host}");
        }
    }

    #[test]
    fn what_is_no_name_is_no_domain() {
        for bad in ["", "a..b", "a b", "a:9000", ".a"] {
            assert!(BaseDomains::new([bad.to_owned()]).is_err(), "{bad}");
        }
    }
}
