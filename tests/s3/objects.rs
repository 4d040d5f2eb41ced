//! Put, get, look at, delete.

use crate::gateway::{Ask, Gateway, Person};
use http::StatusCode;

async fn with_bucket() -> (Gateway, Person) {
    let (gateway, app) = Gateway::with_app().await;
    gateway.ask(&app, &Ask::put("/files", "")).await.good();
    (gateway, app)
}

#[tokio::test]
async fn what_is_put_comes_back_with_everything_set_on_it() {
    let (gateway, app) = with_bucket().await;
    let put = Ask::put("/files/a/山 b+c.pdf", "%PDF-1.7")
        .with("content-type", "application/pdf")
        .with("content-disposition", "inline")
        .with("cache-control", "no-store")
        .with("x-amz-meta-author", "=?UTF-8?B?5bGx55Sw?=")
        .with("x-amz-meta-flag", "")
        .with("x-amz-tagging", "ward=3%20East");
    let put = gateway.ask(&app, &put).await.good();
    assert_eq!(put.header("x-amz-server-side-encryption"), Some("aws:kms"));
    assert_eq!(put.header("x-hozon-record-state"), Some("draft"));
    assert_eq!(put.header("x-amz-checksum-type"), Some("FULL_OBJECT"));
    assert!(put.header("x-amz-checksum-crc64nvme").is_some());
    assert_eq!(put.header("x-amz-version-id"), None);
    let tag = put.header("etag").unwrap().to_owned();
    assert!(tag.starts_with('"') && tag.ends_with("-1\""));

    for ask in [Ask::get("/files/a/山 b+c.pdf"), Ask::head("/files/a/山 b+c.pdf")] {
        let told = gateway.ask(&app, &ask.with("x-amz-checksum-mode", "ENABLED")).await.good();
        assert_eq!(told.header("content-length"), Some("8"));
        assert_eq!(told.header("content-type"), Some("application/pdf"));
        assert_eq!(told.header("content-disposition"), Some("inline"));
        assert_eq!(told.header("cache-control"), Some("no-store"));
        assert_eq!(told.header("x-amz-meta-author"), Some("=?UTF-8?B?5bGx55Sw?="));
        assert_eq!(told.header("x-amz-meta-flag"), Some(""));
        assert_eq!(told.header("x-amz-tagging-count"), Some("1"));
        assert_eq!(told.header("x-amz-server-side-encryption"), Some("aws:kms"));
        assert_eq!(told.header("accept-ranges"), Some("bytes"));
        assert_eq!(told.header("etag"), Some(tag.as_str()));
        assert_eq!(told.header("x-amz-checksum-crc64nvme"), put.header("x-amz-checksum-crc64nvme"));
        assert!(told.header("last-modified").unwrap().ends_with(" GMT"));
    }
    assert_eq!(gateway.ask(&app, &Ask::get("/files/a/山 b+c.pdf")).await.text(), "%PDF-1.7");
}

#[tokio::test]
async fn a_body_without_a_type_is_bytes() {
    let (gateway, app) = with_bucket().await;
    gateway.ask(&app, &Ask::put("/files/k", "")).await.good();
    let told = gateway.ask(&app, &Ask::get("/files/k")).await.good();
    assert_eq!((told.header("content-type"), told.header("content-length")), (Some("binary/octet-stream"), Some("0")));
    assert!(told.body.is_empty());
}

#[tokio::test]
async fn ranges_give_the_bytes_they_name() {
    let (gateway, app) = with_bucket().await;
    let body: Vec<u8> = (0..100_000_u32).flat_map(u32::to_be_bytes).collect();
    gateway.ask(&app, &Ask::put("/files/k", body.clone())).await.good();
    for (range, start, end) in
        [("bytes=0-0", 0, 1), ("bytes=16383-16385", 16_383, 16_386), ("bytes=399990-", 399_990, 400_000), ("bytes=-7", 399_993, 400_000)]
    {
        let told = gateway.ask(&app, &Ask::get("/files/k").with("range", range)).await;
        assert_eq!(told.status, StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(told.body, body[start..end], "{range}");
        assert_eq!(told.header("content-range").unwrap(), format!("bytes {start}-{}/400000", end - 1));
        let head = gateway.ask(&app, &Ask::head("/files/k").with("range", range)).await;
        assert_eq!((head.status, head.header("content-range")), (StatusCode::PARTIAL_CONTENT, told.header("content-range")));
    }
    let beyond = gateway.ask(&app, &Ask::get("/files/k").with("range", "bytes=400000-")).await;
    assert_eq!((beyond.status, beyond.code().as_str()), (StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange"));
    assert_eq!(beyond.header("content-range"), Some("bytes */400000"));
    for odd in ["lines=1-2", "bytes=5-2", "bytes=0-1,4-5", "bytes"] {
        for ask in [Ask::get("/files/k"), Ask::head("/files/k")] {
            let whole = gateway.ask(&app, &ask.with("range", odd)).await;
            assert_eq!(
                (whole.status, whole.header("content-length"), whole.header("content-range")),
                (StatusCode::OK, Some("400000"), None)
            );
        }
        assert_eq!(gateway.ask(&app, &Ask::get("/files/none").with("range", odd)).await.code(), "NoSuchKey");
    }
    let whole = gateway.ask(&app, &Ask::get("/files/k").with("range", "bytes=0-1").with("if-range", "\"other\"")).await;
    assert_eq!((whole.status, whole.body.len()), (StatusCode::OK, 400_000));
}

#[tokio::test]
async fn conditions_spare_or_stop_a_read() {
    let (gateway, app) = with_bucket().await;
    let put = gateway.ask(&app, &Ask::put("/files/k", "v")).await.good();
    let tag = put.header("etag").unwrap().to_owned();
    let ask = |name: &'static str, value: &str| Ask::get("/files/k").with(name, value);
    let status = async |ask: Ask| gateway.ask(&app, &ask).await.status;
    assert_eq!(status(ask("if-none-match", &tag)).await, StatusCode::NOT_MODIFIED);
    assert_eq!(status(ask("if-none-match", "\"other\"")).await, StatusCode::OK);
    assert_eq!(status(ask("if-match", &tag)).await, StatusCode::OK);
    assert_eq!(status(ask("if-match", "\"other\"")).await, StatusCode::PRECONDITION_FAILED);
    assert_eq!(status(ask("if-modified-since", "Fri, 01 Jan 2100 00:00:00 GMT")).await, StatusCode::NOT_MODIFIED);
    assert_eq!(status(ask("if-unmodified-since", "Sat, 01 Jan 2000 00:00:00 GMT")).await, StatusCode::PRECONDITION_FAILED);
    let unchanged = gateway.ask(&app, &ask("if-none-match", &tag)).await;
    assert!(unchanged.body.is_empty());
    assert_eq!(unchanged.header("etag"), Some(tag.as_str()));
}

#[tokio::test]
async fn conditions_stop_a_write() {
    let (gateway, app) = with_bucket().await;
    let put = async |name: &str, value: &str| gateway.ask(&app, &Ask::put("/files/k", "v").with(name, value)).await;
    assert_eq!(put("if-match", "\"other\"").await.code(), "NoSuchKey");
    let first = put("if-none-match", "*").await.good();
    assert_eq!(put("if-none-match", "*").await.code(), "PreconditionFailed");
    assert_eq!(put("if-match", "\"d41d8cd98f00b204e9800998ecf8427e\"").await.code(), "PreconditionFailed");
    put("if-match", first.header("etag").unwrap()).await.good();
    assert_eq!(put("if-match", first.header("etag").unwrap()).await.code(), "PreconditionFailed");
    assert_eq!(put("if-none-match", "\"x\"").await.code(), "NotImplemented");
}

#[tokio::test]
async fn a_reader_may_have_headers_told_otherwise() {
    let (gateway, app) = with_bucket().await;
    gateway.ask(&app, &Ask::put("/files/k", "v").with("content-type", "text/plain")).await.good();
    let query =
        "response-content-type=image%2Fpng&response-content-disposition=attachment%3B%20filename%3Da.png&response-cache-control=no-cache";
    let told = gateway.ask(&app, &Ask::get(&format!("/files/k?{query}"))).await.good();
    assert_eq!(told.header("content-type"), Some("image/png"));
    assert_eq!(told.header("content-disposition"), Some("attachment; filename=a.png"));
    assert_eq!(told.header("cache-control"), Some("no-cache"));
}

#[tokio::test]
async fn what_is_not_there_is_told_to_who_may_list() {
    let (gateway, app) = with_bucket().await;
    let told = gateway.ask(&app, &Ask::get("/files/k")).await;
    assert_eq!((told.status, told.code().as_str()), (StatusCode::NOT_FOUND, "NoSuchKey"));
    assert_eq!(told.element("Resource").as_deref(), Some("/files/k"));
    assert_eq!(told.element("RequestId").unwrap().len(), 32);
    assert_eq!(gateway.ask(&app, &Ask::get("/other/k")).await.code(), "NoSuchBucket");
    assert_eq!(gateway.ask(&app, &Ask::get("/files/k?versionId=x")).await.code(), "InvalidArgument");
    assert_eq!(gateway.ask(&app, &Ask::get(&format!("/files/k?versionId={}", "0".repeat(32)))).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn deleting_twice_is_no_error() {
    let (gateway, app) = with_bucket().await;
    gateway.ask(&app, &Ask::put("/files/k", "v")).await.good();
    for _ in 0..2 {
        assert_eq!(gateway.ask(&app, &Ask::delete("/files/k")).await.status, StatusCode::NO_CONTENT);
    }
    assert_eq!(gateway.ask(&app, &Ask::get("/files/k")).await.code(), "NoSuchKey");
}

#[tokio::test]
async fn a_batch_tells_of_each_key() {
    let (gateway, app) = with_bucket().await;
    for key in ["a", "b&c"] {
        gateway.ask(&app, &Ask::put(&format!("/files/{key}"), "v")).await.good();
    }
    let document = "<Delete><Object><Key>a</Key></Object><Object><Key>b&amp;c</Key></Object><Object><Key>none</Key></Object>\
                    <Object><Key>a</Key><VersionId>bad</VersionId></Object></Delete>";
    let told = gateway.ask(&app, &Ask::post("/files?delete", document)).await.good();
    assert_eq!(told.elements("Deleted").len(), 3);
    assert_eq!(
        told.element("Error").unwrap(),
        "<Code>InvalidArgument</Code><Key>a</Key><Message>Invalid version id specified</Message><VersionId>bad</VersionId>"
    );
    assert_eq!(gateway.ask(&app, &Ask::get("/files/b&c")).await.code(), "NoSuchKey");

    let quiet = gateway.ask(&app, &Ask::post("/files?delete", "<Delete><Object><Key>a</Key></Object><Quiet>true</Quiet></Delete>")).await;
    assert!(quiet.good().elements("Deleted").is_empty());
    for bad in ["<Delete></Delete>", "<Delete><Nothing/></Delete>", "no xml"] {
        assert_eq!(gateway.ask(&app, &Ask::post("/files?delete", bad)).await.code(), "MalformedXML", "{bad}");
    }
}

#[tokio::test]
async fn tags_are_set_read_and_removed() {
    let (gateway, app) = with_bucket().await;
    gateway.ask(&app, &Ask::put("/files/k", "v")).await.good();
    let document = "<Tagging><TagSet><Tag><Key>ward</Key><Value>3 East</Value></Tag></TagSet></Tagging>";
    gateway.ask(&app, &Ask::put("/files/k?tagging", document)).await.good();
    let told = gateway.ask(&app, &Ask::get("/files/k?tagging")).await.good();
    assert_eq!((told.element("Key").as_deref(), told.element("Value").as_deref()), (Some("ward"), Some("3 East")));
    assert_eq!(gateway.ask(&app, &Ask::delete("/files/k?tagging")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(gateway.ask(&app, &Ask::get("/files/k?tagging")).await.good().element("Key"), None);
}

#[tokio::test]
async fn attributes_are_told_as_asked() {
    let (gateway, app) = with_bucket().await;
    gateway.ask(&app, &Ask::put("/files/k", "12345")).await.good();
    let ask = Ask::get("/files/k?attributes").with("x-amz-object-attributes", "ETag,ObjectSize,Checksum,StorageClass");
    let told = gateway.ask(&app, &ask).await.good();
    assert_eq!(told.element("ObjectSize").as_deref(), Some("5"));
    assert_eq!(told.element("StorageClass").as_deref(), Some("STANDARD"));
    assert!(told.element("ChecksumCRC64NVME").is_some());
    assert_eq!(told.element("ETag").map(|tag| tag.len()), Some(34), "without quotes");
}

#[tokio::test]
async fn every_access_is_on_record_with_its_operation() {
    let (gateway, app) = with_bucket().await;
    gateway.ask(&app, &Ask::put("/files/k", "v").with("x-hozon-purpose", "research")).await.good();
    gateway.ask(&app, &Ask::get("/files/k")).await.good();
    let operations: Vec<String> = gateway.events(app.tenant).await.into_iter().map(|event| event.operation).collect();
    for operation in ["CreateBucket", "PutObject", "GetObject"] {
        assert!(operations.iter().any(|other| other == operation), "{operations:?}");
    }
}
