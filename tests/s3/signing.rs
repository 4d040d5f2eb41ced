//! Signature Version 4 as clients make it: in headers, in chunks, and in the query.

use aws_lc_rs::{digest, hmac};
use http::request::Parts;
use http::{HeaderValue, Uri};
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) const REGION: &str = "ap-northeast-1";

/// Both halves of a credential.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) access: String,
    pub(crate) secret: String,
}

impl Key {
    /// Signs a request over all of its headers. Returns the signature.
    pub(crate) fn sign(&self, parts: &mut Parts, payload: &str, stamp: &str) -> String {
        parts.headers.insert("x-amz-date", HeaderValue::from_str(stamp).unwrap());
        parts.headers.insert("x-amz-content-sha256", HeaderValue::from_str(payload).unwrap());
        let mut names: Vec<String> = parts.headers.keys().map(|name| name.as_str().to_owned()).collect();
        names.sort();
        let headers: String = names.iter().map(|name| format!("{name}:{}\n", joined(parts, name))).collect();
        let names = names.join(";");
        let query = canonical(parts.uri.query().unwrap_or_default());
        let canonical = format!("{}\n{}\n{query}\n{headers}\n{names}\n{payload}", parts.method, parts.uri.path());
        let signature = self.signature(&canonical, stamp);
        let value = format!("AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={names}, Signature={signature}", self.access, scope(stamp));
        parts.headers.insert("authorization", HeaderValue::from_str(&value).unwrap());
        signature
    }

    /// Makes a presigned URL of the request, covering the headers it has.
    pub(crate) fn presign(&self, parts: &mut Parts, seconds: u64, stamp: &str) {
        let mut names: Vec<String> = parts.headers.keys().map(|name| name.as_str().to_owned()).collect();
        names.sort();
        let headers: String = names.iter().map(|name| format!("{name}:{}\n", joined(parts, name))).collect();
        let credential = format!("{}/{}", self.access, scope(stamp)).replace('/', "%2F");
        let own = parts.uri.query().map(|query| format!("&{query}")).unwrap_or_default();
        let query = canonical(&format!(
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}&X-Amz-Date={stamp}&X-Amz-Expires={seconds}\
             &X-Amz-SignedHeaders={}{own}",
            names.join("%3B")
        ));
        let canonical = format!("{}\n{}\n{query}\n{headers}\n{}\nUNSIGNED-PAYLOAD", parts.method, parts.uri.path(), names.join(";"));
        let signature = self.signature(&canonical, stamp);
        parts.uri = format!("{}?{query}&X-Amz-Signature={signature}", parts.uri.path()).parse().unwrap();
    }

    /// The signature of one chunk of a body after the one of the chunk before it.
    pub(crate) fn chunk(&self, before: &str, bytes: &[u8], stamp: &str) -> String {
        let empty = sha256(b"");
        let text = format!("AWS4-HMAC-SHA256-PAYLOAD\n{stamp}\n{}\n{before}\n{empty}\n{}", scope(stamp), sha256(bytes));
        hex::encode(mac(&self.signing_key(stamp), text.as_bytes()))
    }

    /// The signature of the trailers after the last chunk's.
    pub(crate) fn trailer(&self, before: &str, trailers: &str, stamp: &str) -> String {
        let text = format!("AWS4-HMAC-SHA256-TRAILER\n{stamp}\n{}\n{before}\n{}", scope(stamp), sha256(trailers.as_bytes()));
        hex::encode(mac(&self.signing_key(stamp), text.as_bytes()))
    }

    fn signature(&self, canonical: &str, stamp: &str) -> String {
        let text = format!("AWS4-HMAC-SHA256\n{stamp}\n{}\n{}", scope(stamp), sha256(canonical.as_bytes()));
        hex::encode(mac(&self.signing_key(stamp), text.as_bytes()))
    }

    fn signing_key(&self, stamp: &str) -> Vec<u8> {
        let first = format!("AWS4{}", self.secret).into_bytes();
        [&stamp[..8], REGION, "s3", "aws4_request"].iter().fold(first, |key, part| mac(&key, part.as_bytes()))
    }
}

/// Now, or some seconds from now, as signatures write it.
pub(crate) fn stamp(offset: i64) -> String {
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap() + offset;
    let moment = time::OffsetDateTime::from_unix_timestamp(now).unwrap();
    moment.format(time::macros::format_description!("[year][month][day]T[hour][minute][second]Z")).unwrap()
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

/// A URI of a path and query in plain text.
pub(crate) fn uri(path: &str, query: &str) -> Uri {
    let path = encoded(path, b"/");
    let text = if query.is_empty() { path } else { format!("{path}?{query}") };
    text.parse().unwrap()
}

/// Text as signatures encode it.
pub(crate) fn encoded(text: &str, kept: &[u8]) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || kept.contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn canonical(query: &str) -> String {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<(&str, &str)> = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect();
    pairs.sort_unstable();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn joined(parts: &Parts, name: &str) -> String {
    let values: Vec<_> = parts.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
    values.join(",")
}

fn scope(stamp: &str) -> String {
    format!("{}/{REGION}/s3/aws4_request", &stamp[..8])
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref().to_vec()
}
