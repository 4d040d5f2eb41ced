//! Requests of no sense, rightly signed, from a seed: each gets an answer in S3's form, and none harms the gateway.

use crate::gateway::{Ask, Gateway, Person};
use crate::numbers::Numbers;
use http::{HeaderValue, Method};
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// Text that fits a value, or nearly, or not at all.
fn value(numbers: &mut Numbers) -> String {
    match numbers.below(4) {
        0 => (0..numbers.below(12)).map(|_| char::from(b'!' + u8::try_from(numbers.below(90)).unwrap())).collect(),
        1 => format!("{}", numbers.next() >> numbers.below(64)),
        _ => (*numbers.one(VALUES)).to_owned(),
    }
}

const PATHS: &[&str] =
    &["/", "/files", "/files/", "/files/k", "/files/a/b", "/files/%00", "/files/%ff", "/none", "/none/k", "/F", "/-/x", "//", "/files//"];
const PARAMETERS: &[&str] = &[
    "uploads",
    "uploadId",
    "partNumber",
    "versionId",
    "versions",
    "versioning",
    "list-type",
    "prefix",
    "delimiter",
    "max-keys",
    "marker",
    "continuation-token",
    "start-after",
    "key-marker",
    "version-id-marker",
    "upload-id-marker",
    "encoding-type",
    "delete",
    "tagging",
    "acl",
    "attributes",
    "location",
    "response-content-type",
    "response-expires",
    "policy",
    "torrent",
    "max-parts",
    "max-uploads",
    "fetch-owner",
    "object-lock",
    "retention",
    "select",
    "x-id",
    "cors",
];
const HEADERS: &[&str] = &[
    "range",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
    "if-range",
    "content-type",
    "content-md5",
    "content-encoding",
    "expires",
    "x-amz-copy-source",
    "x-amz-copy-source-range",
    "x-amz-copy-source-if-match",
    "x-amz-metadata-directive",
    "x-amz-tagging",
    "x-amz-tagging-directive",
    "x-amz-meta-patient-id",
    "x-amz-meta-record-state",
    "x-amz-meta-record-class",
    "x-amz-meta-a",
    "x-amz-checksum-crc32",
    "x-amz-checksum-sha256",
    "x-amz-checksum-algorithm",
    "x-amz-checksum-mode",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-acl",
    "x-amz-storage-class",
    "x-amz-server-side-encryption",
    "x-amz-object-attributes",
    "x-amz-max-parts",
    "x-amz-part-number-marker",
    "x-amz-expected-bucket-owner",
    "x-amz-mp-object-size",
    "x-amz-trailer",
    "x-amz-object-lock-mode",
    "x-amz-bucket-object-lock-enabled",
    "x-hozon-purpose",
    "x-hozon-unknown",
];
const VALUES: &[&str] = &[
    "",
    "0",
    "1",
    "-1",
    "2",
    "10001",
    "true",
    "null",
    "k",
    "/files/k",
    "files/k?versionId=null",
    "bytes=0-1",
    "bytes=5-2",
    "bytes=-0",
    "*",
    "\"0123456789abcdef0123456789abcdef-1\"",
    "W/\"x\"",
    "Mon, 23 Nov 2026 10:00:00 GMT",
    "2026-11-23T10:00:00Z",
    "CRC32",
    "CRC64NVME",
    "AAAAAA==",
    "COPY",
    "REPLACE",
    "final",
    "draft",
    "chart.medical",
    "a=b&c=d",
    "a=b&a=b",
    "/",
    "url",
    "ENABLED",
    "STANDARD",
    "aws:kms",
    "AES256",
    "ETag,Checksum,ObjectParts",
    "treatment",
    "00000000-0000-4000-8000-000000000000",
    "%2F%00",
    "=?UTF-8?B?44GC?=",
    "=?UTF-8?Q?=zz?=",
];
const BODIES: &[&str] = &[
    "",
    "text",
    "<",
    "<Delete><Object><Key>x</Key></Object></Delete>",
    "<Delete/>",
    "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>",
    "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
    "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>",
    "<!DOCTYPE a [<!ENTITY b \"c\">]><Delete>&b;</Delete>",
    "<CreateBucketConfiguration><LocationConstraint>nowhere</LocationConstraint></CreateBucketConfiguration>",
];

fn made(numbers: &mut Numbers) -> Ask {
    let methods = [Method::GET, Method::HEAD, Method::PUT, Method::POST, Method::DELETE];
    let method = numbers.one(&methods).clone();
    let path = numbers.one(PATHS);
    let mut ask = Ask::new(method.clone(), path);
    let plain = |byte: char| byte.is_ascii_alphanumeric() || "-_.~".contains(byte);
    for _parameter in 0..numbers.below(4) {
        let (name, value) = (*numbers.one(PARAMETERS), value(numbers));
        let value: String = value.chars().map(|c| if plain(c) { c.to_string() } else { format!("%{:02X}", u32::from(c)) }).collect();
        ask.query = format!("{}{}{name}={value}", ask.query, if ask.query.is_empty() { "" } else { "&" });
    }
    for _header in 0..numbers.below(4) {
        let (name, value) = (*numbers.one(HEADERS), value(numbers));
        if HeaderValue::from_str(&value).is_ok() && !ask.headers.iter().any(|(other, _)| other == name) {
            ask = ask.with(name, value);
        }
    }
    if matches!(method, Method::PUT | Method::POST) {
        ask.body = numbers.one(BODIES).as_bytes().to_vec();
    }
    ask
}

/// Codes that only somebody who is known is told.
const OF_THE_KNOWN: &[&str] =
    &["NoSuchKey", "NoSuchBucket", "NoSuchVersion", "NoSuchUpload", "PreconditionFailed", "InvalidRange", "InvalidPart"];

async fn on_record(gateway: &Gateway, app: &Person) -> HashSet<String> {
    let (mut ids, mut before) = (HashSet::new(), None);
    loop {
        let page = gateway.journal.events(app.tenant, before, 1_000).await.unwrap();
        let Some((last, _)) = page.last() else { return ids };
        before = Some(*last);
        ids.extend(page.iter().map(|(_, logged)| logged.event().unwrap().id.clone()));
    }
}

#[tokio::test]
async fn requests_of_no_sense_are_answered_in_form_and_refusals_are_on_record() {
    let (seed, seconds) = crate::numbers::asked();
    let (gateway, app) = Gateway::with_app().await;
    gateway.ask(&app, &Ask::put("/files", "")).await.good();
    gateway.ask(&app, &Ask::put("/files/k", "content")).await.good();
    let (mut numbers, began, mut round, mut refused) = (Numbers(seed), Instant::now(), 0u32, Vec::new());
    // On a busy machine the time is over before there was enough of everything.
    while round < 200 || (refused.len() <= 10 && round < 5_000) || began.elapsed() < Duration::from_secs_f64(seconds) {
        let ask = made(&mut numbers);
        let told = gateway.ask(&app, &ask).await;
        let what = || format!("seed {seed}, round {round}: {ask:?}: {} {}", told.status, String::from_utf8_lossy(&told.body));
        assert!(!told.status.is_server_error() || told.status.as_u16() == 501, "{}", what());
        if told.status.is_client_error() && ask.method != Method::HEAD {
            assert!(
                told.text().starts_with("<?xml") && told.element("Code").is_some() && told.element("RequestId").is_some(),
                "{}",
                what()
            );
        }
        if OF_THE_KNOWN.contains(&told.code().as_str()) {
            refused.push((told.header("x-hozon-request-id").or(told.header("x-amz-request-id")).map(str::to_owned), what()));
        }
        round += 1;
    }
    // It works on. What was asked for may have replaced or deleted the record, or the bucket with it.
    let _made_or_there = gateway.ask(&app, &Ask::put("/other", "")).await;
    gateway.ask(&app, &Ask::put("/other/k", "content")).await.good();
    assert_eq!(gateway.ask(&app, &Ask::get("/other/k")).await.good().text(), "content");
    let on_record = on_record(&gateway, &app).await;
    assert!(refused.len() > 10, "only {} of {round} were refused so", refused.len());
    for (id, what) in refused {
        let id = id.unwrap_or_else(|| what.split("<RequestId>").nth(1).unwrap().split('<').next().unwrap().to_owned());
        assert!(on_record.contains(&id), "not on record: {what}");
    }
}
