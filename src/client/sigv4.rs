use aws_lc_rs::{digest, hmac};
use bytes::Bytes;
use http::{HeaderValue, Request};
use http_body_util::Full;
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// As whom, and where, a request is signed.
pub(super) struct Credential<'a> {
    pub access_key: &'a str,
    pub secret_key: &'a Zeroizing<String>,
    pub region: &'a str,
}

/// Signs a request with AWS Signature Version 4, every header it has included.
pub(super) fn sign(
    request: &mut Request<Full<Bytes>>,
    credential: &Credential<'_>,
    hash: &str,
    now: crate::domain::UtcTime,
) -> Result<(), http::Error> {
    let moment = now.to_date_time();
    let day = format!("{:04}{:02}{:02}", moment.year(), u8::from(moment.month()), moment.day());
    let stamp = format!("{day}T{:02}{:02}{:02}Z", moment.hour(), moment.minute(), moment.second());
    request.headers_mut().insert("x-amz-date", HeaderValue::from_str(&stamp)?);
    request.headers_mut().insert("x-amz-content-sha256", HeaderValue::from_str(hash)?);

    let headers: BTreeMap<&str, String> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()).trim().to_owned()))
        .collect();
    let names = headers.keys().copied().collect::<Vec<_>>().join(";");
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let query = canonical_query(request.uri().query().unwrap_or_default());
    let canonical = format!("{}\n{}\n{query}\n{lines}\n{names}\n{hash}", request.method(), request.uri().path());
    let scope = format!("{day}/{}/s3/aws4_request", credential.region);
    let to_sign = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}", hex::encode(digest::digest(&digest::SHA256, canonical.as_bytes())));

    let first = Zeroizing::new(format!("AWS4{}", credential.secret_key.as_str()));
    let key = [&day, credential.region, "s3", "aws4_request"]
        .iter()
        .fold(Zeroizing::new(first.as_bytes().to_vec()), |key, part| Zeroizing::new(mac(&key, part.as_bytes())));
    let signature = hex::encode(mac(&key, to_sign.as_bytes()));
    let value = format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}", credential.access_key);
    request.headers_mut().insert("authorization", HeaderValue::from_str(&value)?);
    Ok(())
}

/// What `x-amz-content-sha256` says of a body that is signed whole.
pub(super) fn hash(body: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, body))
}

fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<(&str, &str)> =
        query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect();
    pairs.sort_unstable();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn mac(key: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref().to_vec()
}
