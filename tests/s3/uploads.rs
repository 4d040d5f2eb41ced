//! Multipart uploads.

use crate::gateway::{Ask, Gateway, Person, Told};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hozon::digest::Digests;
use hozon::domain::ChecksumAlgorithm;
use http::StatusCode;

const MIB: usize = 1 << 20;

async fn with_bucket() -> (Gateway, Person) {
    let (gateway, app) = Gateway::with_app().await;
    gateway.ask(&app, &Ask::put("/files", "")).await.good();
    (gateway, app)
}

async fn open(gateway: &Gateway, who: &Person, headers: &[(&str, &str)]) -> String {
    let ask = headers.iter().fold(Ask::post("/files/big?uploads", ""), |ask, (name, value)| ask.with(name, *value));
    gateway.ask(who, &ask).await.good().element("UploadId").unwrap()
}

async fn part(gateway: &Gateway, who: &Person, upload: &str, number: u32, body: Vec<u8>) -> Told {
    gateway.ask(who, &Ask::put(&format!("/files/big?partNumber={number}&uploadId={upload}"), body)).await
}

fn document(parts: &[(u32, String)]) -> String {
    let parts: String =
        parts.iter().map(|(number, tag)| format!("<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>")).collect();
    format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>")
}

async fn complete(gateway: &Gateway, who: &Person, upload: &str, parts: &[(u32, String)]) -> Told {
    gateway.ask(who, &Ask::post(&format!("/files/big?uploadId={upload}"), document(parts))).await
}

fn value(algorithm: ChecksumAlgorithm, bytes: &[u8]) -> String {
    let mut digests = Digests::keeping(algorithm);
    digests.update(bytes);
    digests.finish().checksum.value
}

#[tokio::test]
async fn parts_become_one_object() {
    let (gateway, app) = with_bucket().await;
    let upload = open(&gateway, &app, &[("content-type", "image/x"), ("x-amz-meta-a", "1"), ("x-amz-tagging", "t=1")]).await;
    let bodies = [vec![1_u8; 5 * MIB], vec![2_u8; 5 * MIB + 77], b"end".to_vec()];
    let mut parts = Vec::new();
    for (number, body) in [1, 3, 7].into_iter().zip(&bodies) {
        let told = part(&gateway, &app, &upload, number, body.clone()).await.good();
        assert_eq!(told.header("x-amz-server-side-encryption"), Some("aws:kms"));
        parts.push((number, told.header("etag").unwrap().to_owned()));
    }
    let listed = gateway.ask(&app, &Ask::get(&format!("/files/big?uploadId={upload}&max-parts=2"))).await.good();
    assert_eq!(listed.elements("PartNumber"), ["1", "3"]);
    assert_eq!((listed.element("IsTruncated").as_deref(), listed.element("NextPartNumberMarker").as_deref()), (Some("true"), Some("3")));
    let told = complete(&gateway, &app, &upload, &parts).await.good();
    assert!(told.element("ETag").unwrap().ends_with("-3\""));
    assert_eq!(told.element("ChecksumType").as_deref(), Some("FULL_OBJECT"));
    assert_eq!(told.element("ChecksumCRC64NVME"), Some(value(ChecksumAlgorithm::Crc64Nvme, &bodies.concat())));

    let whole = gateway.ask(&app, &Ask::get("/files/big")).await.good();
    assert_eq!(whole.body, bodies.concat());
    assert_eq!((whole.header("x-amz-meta-a"), whole.header("content-type")), (Some("1"), Some("image/x")));
    let across = gateway.ask(&app, &Ask::get("/files/big").with("range", "bytes=5242878-5242881")).await.good();
    assert_eq!(across.body, [1, 1, 2, 2].as_slice());
    let second = gateway.ask(&app, &Ask::get("/files/big?partNumber=2")).await;
    assert_eq!((second.status, second.header("x-amz-mp-parts-count")), (StatusCode::PARTIAL_CONTENT, Some("3")));
    assert_eq!(second.body, bodies[1]);
    let none = gateway.ask(&app, &Ask::get("/files/big?partNumber=4")).await;
    assert_eq!((none.status, none.code().as_str()), (StatusCode::RANGE_NOT_SATISFIABLE, "InvalidPartNumber"));
    let ask = Ask::get("/files/big?attributes").with("x-amz-object-attributes", "ObjectParts");
    let told = gateway.ask(&app, &ask).await.good();
    assert_eq!(told.element("PartsCount").as_deref(), Some("3"));
    assert_eq!(complete(&gateway, &app, &upload, &parts).await.code(), "NoSuchUpload");
}

#[tokio::test]
async fn a_composite_checksum_is_made_of_the_parts() {
    let (gateway, app) = with_bucket().await;
    let upload = open(&gateway, &app, &[("x-amz-checksum-algorithm", "SHA256")]).await;
    let bodies = [vec![3_u8; 5 * MIB], b"rest".to_vec()];
    let (mut document, mut values) = (String::new(), Vec::new());
    for (number, body) in (1..).zip(&bodies) {
        let checksum = value(ChecksumAlgorithm::Sha256, body);
        let path = format!("/files/big?partNumber={number}&uploadId={upload}");
        let told = gateway.ask(&app, &Ask::put(&path, body.clone()).with("x-amz-checksum-sha256", &checksum)).await.good();
        let tag = told.header("etag").unwrap();
        document += &format!("<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag><ChecksumSHA256>{checksum}</ChecksumSHA256></Part>");
        values.extend(BASE64.decode(checksum).unwrap());
    }
    let path = format!("/files/big?partNumber=3&uploadId={upload}");
    let other = gateway.ask(&app, &Ask::put(&path, "123456789").with("x-amz-checksum-crc32", "y/Q5Jg==")).await;
    assert_eq!(other.code(), "InvalidRequest");

    let document = format!("<CompleteMultipartUpload>{document}</CompleteMultipartUpload>");
    let ask = Ask::post(&format!("/files/big?uploadId={upload}"), document);
    let wrong = value(ChecksumAlgorithm::Sha256, b"wrong");
    assert_eq!(gateway.ask(&app, &ask.clone().with("x-amz-checksum-sha256", format!("{wrong}-2"))).await.code(), "BadDigest");
    let expected = value(ChecksumAlgorithm::Sha256, &values);
    let told = gateway.ask(&app, &ask.with("x-amz-checksum-sha256", format!("{expected}-2"))).await.good();
    assert_eq!(told.element("ChecksumSHA256"), Some(format!("{expected}-2")));
    let head = gateway.ask(&app, &Ask::head("/files/big").with("x-amz-checksum-mode", "ENABLED")).await.good();
    assert_eq!(head.header("x-amz-checksum-sha256"), Some(format!("{expected}-2").as_str()));
    assert_eq!(head.header("x-amz-checksum-type"), Some("COMPOSITE"));
}

#[tokio::test]
async fn crcs_of_parts_are_combined_to_that_of_the_whole() {
    let (gateway, app) = with_bucket().await;
    let upload = open(&gateway, &app, &[("x-amz-checksum-algorithm", "CRC32"), ("x-amz-checksum-type", "FULL_OBJECT")]).await;
    let bodies = [vec![3_u8; 5 * MIB], b"rest".to_vec()];
    let mut parts = Vec::new();
    for (number, body) in (1..).zip(&bodies) {
        parts.push((number, part(&gateway, &app, &upload, number, body.clone()).await.good().header("etag").unwrap().to_owned()));
    }
    let expected = value(ChecksumAlgorithm::Crc32, &bodies.concat());
    let ask = Ask::post(&format!("/files/big?uploadId={upload}"), document(&parts))
        .with("x-amz-checksum-crc32", &expected)
        .with("x-amz-checksum-type", "FULL_OBJECT")
        .with("x-amz-mp-object-size", (5 * MIB + 4).to_string());
    assert_eq!(gateway.ask(&app, &ask).await.good().element("ChecksumCRC32"), Some(expected));
}

#[tokio::test]
async fn wrong_parts_are_refused_and_the_upload_stays_open() {
    let (gateway, app) = with_bucket().await;
    let upload = open(&gateway, &app, &[]).await;
    let small = part(&gateway, &app, &upload, 1, b"small".to_vec()).await.good().header("etag").unwrap().to_owned();
    let last = part(&gateway, &app, &upload, 2, b"last".to_vec()).await.good().header("etag").unwrap().to_owned();
    let code = async |parts: &[(u32, String)]| complete(&gateway, &app, &upload, parts).await.code();
    assert_eq!(code(&[(1, small.clone()), (2, last.clone())]).await, "EntityTooSmall");
    assert_eq!(code(&[(2, last.clone()), (1, small.clone())]).await, "InvalidPartOrder");
    assert_eq!(code(&[(1, last.clone())]).await, "InvalidPart");
    assert_eq!(code(&[(3, last.clone())]).await, "InvalidPart");
    assert_eq!(code(&[]).await, "MalformedXML");
    assert_eq!(part(&gateway, &app, &upload, 0, b"x".to_vec()).await.code(), "InvalidArgument");
    assert_eq!(part(&gateway, &app, &upload, 10_001, b"x".to_vec()).await.code(), "InvalidArgument");
    assert_eq!(part(&gateway, &app, "no-upload", 1, b"x".to_vec()).await.code(), "NoSuchUpload");
    complete(&gateway, &app, &upload, &[(2, last)]).await.good();
    assert_eq!(gateway.ask(&app, &Ask::get("/files/big")).await.text(), "last");
}

#[tokio::test]
async fn an_aborted_upload_is_gone() {
    let (gateway, app) = with_bucket().await;
    let upload = open(&gateway, &app, &[]).await;
    let listed = gateway.ask(&app, &Ask::get("/files?uploads")).await.good();
    assert_eq!(listed.element("UploadId").as_deref(), Some(upload.as_str()));
    assert_eq!(gateway.ask(&app, &Ask::delete("/files")).await.code(), "BucketNotEmpty");
    let abort = Ask::delete(&format!("/files/big?uploadId={upload}"));
    assert_eq!(gateway.ask(&app, &abort).await.status, StatusCode::NO_CONTENT);
    assert_eq!(gateway.ask(&app, &abort).await.code(), "NoSuchUpload");
    assert_eq!(part(&gateway, &app, &upload, 1, b"x".to_vec()).await.code(), "NoSuchUpload");
    assert_eq!(gateway.ask(&app, &Ask::get("/files?uploads")).await.good().element("UploadId"), None);
}

#[tokio::test]
async fn another_key_or_hospital_does_not_reach_an_upload() {
    let (gateway, app) = with_bucket().await;
    let upload = open(&gateway, &app, &[]).await;
    let elsewhere = gateway.ask(&app, &Ask::put(&format!("/files/other?partNumber=1&uploadId={upload}"), "x")).await;
    assert_eq!(elsewhere.code(), "NoSuchUpload");
    let minami = gateway.tenant("minami").await;
    let other = gateway.person(minami, "app", &[("*", &hozon::domain::Right::ALL)]).await;
    gateway.ask(&other, &Ask::put("/files", "")).await.good();
    assert_eq!(part(&gateway, &other, &upload, 1, b"x".to_vec()).await.code(), "NoSuchUpload");
}
