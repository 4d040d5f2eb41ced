use std::net::IpAddr;

/// Whether a `Host` header names the gateway itself: a base domain or an address. The gateway's own paths exist only there;
/// under `<bucket>.<base>` every path is a key.
#[must_use]
pub fn names_the_gateway<'a>(host: &str, base_domains: impl IntoIterator<Item = &'a String>) -> bool {
    let bare = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.split(':').next().unwrap_or(host),
    };
    bare.parse::<IpAddr>().is_ok() || base_domains.into_iter().any(|base| base.eq_ignore_ascii_case(bare))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_base_domain_and_addresses_name_the_gateway() {
        let bases = ["s3.example".to_owned()];
        for host in ["s3.example", "S3.Example:9000", "127.0.0.1", "127.0.0.1:9000", "[::1]", "[::1]:9000"] {
            assert!(names_the_gateway(host, &bases), "{host}");
        }
        for host in ["karte.s3.example", "example", "", "s3.example.evil"] {
            assert!(!names_the_gateway(host, &bases), "{host}");
        }
    }
}
