//! Copies, whole and into parts.

use crate::gateway::{Ask, Gateway, Person};
use hozon::domain::Right;

async fn with_source() -> (Gateway, Person) {
    let (gateway, app) = Gateway::with_app().await;
    for bucket in ["/files", "/other"] {
        gateway.ask(&app, &Ask::put(bucket, "")).await.good();
    }
    let put = Ask::put("/files/山 a", "content")
        .with("content-type", "text/plain")
        .with("x-amz-meta-patient-id", "0012")
        .with("x-amz-meta-note", "n")
        .with("x-amz-tagging", "t=1");
    gateway.ask(&app, &put).await.good();
    (gateway, app)
}

fn copy(to: &str) -> Ask {
    Ask::put(to, "").with("x-amz-copy-source", "/files/%E5%B1%B1%20a")
}

#[tokio::test]
async fn a_copy_carries_everything_unless_told_otherwise() {
    let (gateway, app) = with_source().await;
    let told = gateway.ask(&app, &copy("/other/b")).await.good();
    assert!(told.element("ETag").unwrap().ends_with("-1\"") && told.element("LastModified").is_some());
    let head = gateway.ask(&app, &Ask::get("/other/b")).await.good();
    assert_eq!(head.text(), "content");
    assert_eq!((head.header("content-type"), head.header("x-amz-meta-note")), (Some("text/plain"), Some("n")));
    assert_eq!((head.header("x-amz-meta-patient-id"), head.header("x-amz-tagging-count")), (Some("0012"), Some("1")));

    let replace = copy("/other/b")
        .with("x-amz-metadata-directive", "REPLACE")
        .with("x-amz-tagging-directive", "REPLACE")
        .with("x-amz-meta-other", "o");
    gateway.ask(&app, &replace).await.good();
    let head = gateway.ask(&app, &Ask::head("/other/b")).await.good();
    assert_eq!((head.header("x-amz-meta-note"), head.header("x-amz-meta-other")), (None, Some("o")));
    assert_eq!(head.header("x-amz-tagging-count"), None);
}

#[tokio::test]
async fn a_copy_onto_itself_must_change_something() {
    let (gateway, app) = with_source().await;
    assert_eq!(gateway.ask(&app, &copy("/files/山 a")).await.code(), "InvalidRequest");
    let replace = copy("/files/山 a").with("x-amz-metadata-directive", "REPLACE").with("x-amz-meta-note", "new");
    gateway.ask(&app, &replace).await.good();
    assert_eq!(gateway.ask(&app, &Ask::head("/files/山 a")).await.header("x-amz-meta-note"), Some("new"));
    assert_eq!(gateway.ask(&app, &copy("/other/b").with("x-amz-metadata-directive", "MOVE")).await.code(), "InvalidArgument");
}

#[tokio::test]
async fn conditions_on_the_source_stop_a_copy() {
    let (gateway, app) = with_source().await;
    let tag = gateway.ask(&app, &Ask::head("/files/山 a")).await.header("etag").unwrap().to_owned();
    let code = async |name: &str, value: &str| gateway.ask(&app, &copy("/other/b").with(name, value)).await.code();
    assert_eq!(code("x-amz-copy-source-if-none-match", &tag).await, "PreconditionFailed");
    assert_eq!(code("x-amz-copy-source-if-match", "\"x\"").await, "PreconditionFailed");
    assert_eq!(code("x-amz-copy-source-if-modified-since", "Fri, 01 Jan 2100 00:00:00 GMT").await, "PreconditionFailed");
    assert_eq!(code("x-amz-copy-source-if-match", &tag).await, "200");
    assert_eq!(code("if-none-match", "*").await, "PreconditionFailed");
}

#[tokio::test]
async fn who_may_not_read_the_source_does_not_copy_it() {
    let (gateway, app) = with_source().await;
    let writer = gateway.person(app.tenant, "writer", &[("other", &[Right::WriteDraft, Right::List])]).await;
    assert_eq!(gateway.ask(&writer, &copy("/other/b")).await.code(), "AccessDenied");
    let missing = Ask::put("/other/b", "").with("x-amz-copy-source", "/files/none");
    assert_eq!(gateway.ask(&app, &missing).await.code(), "NoSuchKey");
    assert_eq!(gateway.ask(&writer, &missing).await.code(), "AccessDenied");
    let reader = gateway.person(app.tenant, "reader", &[("files", &[Right::Read, Right::List])]).await;
    assert_eq!(gateway.ask(&reader, &copy("/other/b")).await.code(), "AccessDenied");
}

#[tokio::test]
async fn a_part_may_be_a_range_of_another_object() {
    let (gateway, app) = with_source().await;
    let upload = gateway.ask(&app, &Ask::post("/other/big?uploads", "")).await.good().element("UploadId").unwrap();
    let part = |range: &str| copy(&format!("/other/big?partNumber=1&uploadId={upload}")).with("x-amz-copy-source-range", range);
    let told = gateway.ask(&app, &part("bytes=1-3")).await.good();
    let tag = told.element("ETag").unwrap();
    for bad in ["bytes=1-7", "bytes=1-", "bytes=-3"] {
        assert_eq!(gateway.ask(&app, &part(bad)).await.code(), "InvalidArgument", "{bad}");
    }
    let document = format!("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part></CompleteMultipartUpload>");
    gateway.ask(&app, &Ask::post(&format!("/other/big?uploadId={upload}"), document)).await.good();
    assert_eq!(gateway.ask(&app, &Ask::get("/other/big")).await.text(), "ont");
}
