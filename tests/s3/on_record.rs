//! Whatever was asked for and decided is on record before the answer, also where nothing comes of it (AU-01), and
//! nobody learns from a failure what a listing would not show them (AC-09).

use crate::gateway::{Ask, Gateway, Person, Told};
use hozon::audit::{Event, OutcomeResult, Verdict};
use hozon::domain::Right;
use http::StatusCode;

const RECORD: &str = "/karte/p1/letter";

async fn with_bucket() -> (Gateway, Person) {
    let (gateway, app) = Gateway::with_app().await;
    gateway.ask(&app, &Ask::put("/files", "")).await.good();
    (gateway, app)
}

/// Someone who may write and delete drafts, and list nothing.
async fn writer(gateway: &Gateway, app: &Person) -> Person {
    gateway.person(app.tenant, "writer", &[("files", &[Right::WriteDraft, Right::DeleteDraft])]).await
}

/// The events of the request that was answered so.
async fn events_of(gateway: &Gateway, app: &Person, operation: &str) -> Vec<Event> {
    let events = gateway.events(app.tenant).await;
    events.into_iter().filter(|event| event.operation == operation && event.outcome.is_none()).collect()
}

async fn newest(gateway: &Gateway, app: &Person, operation: &str) -> Event {
    events_of(gateway, app, operation).await.into_iter().next().unwrap()
}

async fn failed_outcomes(gateway: &Gateway, app: &Person, of: &Event) -> usize {
    for _ in 0..100 {
        let events = gateway.events(app.tenant).await;
        let outcomes = events.iter().filter_map(|event| event.outcome.as_ref());
        let count = outcomes.filter(|outcome| outcome.of == of.id && outcome.result == OutcomeResult::Failed).count();
        if count > 0 {
            return count;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    0
}

fn forbidden(told: &Told) {
    assert_eq!((told.status, told.code().as_str()), (StatusCode::FORBIDDEN, "AccessDenied"), "{}", told.text());
    assert!(!told.text().contains("HozonReason"), "{}", told.text());
}

#[tokio::test]
async fn a_write_whose_condition_does_not_hold_is_a_refusal_on_record() {
    let (gateway, app) = with_bucket().await;
    gateway.ask(&app, &Ask::put("/files/k", "there")).await.good();
    let told = gateway.ask(&app, &Ask::put("/files/k", "new").with("if-none-match", "*")).await;
    assert_eq!(told.status, StatusCode::PRECONDITION_FAILED);
    let told = gateway.ask(&app, &Ask::put("/files/none", "new").with("if-match", "\"x\"")).await;
    assert_eq!((told.status, told.code().as_str()), (StatusCode::NOT_FOUND, "NoSuchKey"));
    let refused = events_of(&gateway, &app, "PutObject").await;
    let refused: Vec<_> = refused.iter().filter(|event| event.verdict == Verdict::Refused).collect();
    assert_eq!(refused.len(), 2);
    assert!(refused.iter().all(|event| event.reason.as_deref() == Some("condition-failed")));
}

#[tokio::test]
async fn conditions_and_deletes_tell_those_who_may_not_list_nothing() {
    let (gateway, app) = with_bucket().await;
    let writer = writer(&gateway, &app).await;
    gateway.ask(&app, &Ask::put("/files/there", "there")).await.good();

    gateway.ask(&writer, &Ask::put("/files/new", "new").with("if-none-match", "*")).await.good();
    forbidden(&gateway.ask(&writer, &Ask::put("/files/there", "x").with("if-none-match", "*")).await);
    forbidden(&gateway.ask(&writer, &Ask::put("/files/none", "x").with("if-match", "\"x\"")).await);
    forbidden(&gateway.ask(&writer, &Ask::put("/files/there", "x").with("if-match", "\"x\"")).await);
    forbidden(&gateway.ask(&writer, &Ask::delete("/files/none")).await);
    assert_eq!(gateway.ask(&writer, &Ask::delete("/files/new")).await.status, StatusCode::NO_CONTENT);
    forbidden(&gateway.ask(&writer, &Ask::delete("/files/new")).await);
    // Who may list is told that there is nothing left to do.
    assert_eq!(gateway.ask(&app, &Ask::delete("/files/none")).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn an_upload_that_cannot_be_completed_is_on_record_as_failed() {
    let (gateway, app) = with_bucket().await;
    let id = gateway.ask(&app, &Ask::post("/files/k?uploads", "")).await.good().element("UploadId").unwrap();
    let part = gateway.ask(&app, &Ask::put(&format!("/files/k?partNumber=1&uploadId={id}"), "x")).await.good();
    let tag = part.header("etag").unwrap();
    let parts = format!("<CompleteMultipartUpload><Part><PartNumber>2</PartNumber><ETag>{tag}</ETag></Part></CompleteMultipartUpload>");
    let told = gateway.ask(&app, &Ask::post(&format!("/files/k?uploadId={id}"), parts)).await;
    assert!(told.text().contains("InvalidPart"), "{}", told.text());
    let event = newest(&gateway, &app, "CompleteMultipartUpload").await;
    assert_eq!(event.verdict, Verdict::Allowed);
    assert_eq!(failed_outcomes(&gateway, &app, &event).await, 1);
}

#[tokio::test]
async fn a_part_in_another_algorithm_is_on_record_as_failed() {
    let (gateway, app) = with_bucket().await;
    let create = Ask::post("/files/k?uploads", "").with("x-amz-checksum-algorithm", "CRC32");
    let id = gateway.ask(&app, &create).await.good().element("UploadId").unwrap();
    let part = Ask::put(&format!("/files/k?partNumber=1&uploadId={id}"), "x")
        .with("x-amz-checksum-sha256", "LXEWQrcmsEQBYnyp5j2ZfTzw6i2ZcFXqzYrJfzSmrGc=");
    assert_eq!(gateway.ask(&app, &part).await.status, StatusCode::BAD_REQUEST);
    let event = newest(&gateway, &app, "UploadPart").await;
    assert_eq!(failed_outcomes(&gateway, &app, &event).await, 1);
}

#[tokio::test]
async fn a_bucket_that_stays_is_on_record_as_asked_for() {
    let (gateway, app) = with_bucket().await;
    gateway.ask(&app, &Ask::put("/files/k", "there")).await.good();
    assert_eq!(gateway.ask(&app, &Ask::delete("/files")).await.code(), "BucketNotEmpty");
    let event = newest(&gateway, &app, "DeleteBucket").await;
    assert_eq!(failed_outcomes(&gateway, &app, &event).await, 1);
    assert_eq!(gateway.ask(&app, &Ask::put("/files", "")).await.code(), "BucketAlreadyOwnedByYou");
    let event = newest(&gateway, &app, "CreateBucket").await;
    assert_eq!(failed_outcomes(&gateway, &app, &event).await, 1);
}

#[tokio::test]
async fn what_a_failed_copy_tells_of_its_source_is_on_record() {
    let (gateway, app) = with_bucket().await;
    gateway.ask(&app, &Ask::put("/files/k", "there")).await.good();
    let copy = |to: &str| Ask::put(to, "").with("x-amz-copy-source", "/files/k");
    let reader = gateway.person(app.tenant, "reader", &[("files", &[Right::Read, Right::List])]).await;
    let id = gateway.ask(&app, &Ask::post("/files/p?uploads", "")).await.good().element("UploadId").unwrap();
    let part = format!("/files/p?partNumber=1&uploadId={id}");
    let asked = [
        (&app, copy("/files/k"), StatusCode::BAD_REQUEST),
        (&app, copy(&part).with("x-amz-copy-source-range", "bytes=0-99"), StatusCode::BAD_REQUEST),
        (&reader, copy("/files/other"), StatusCode::FORBIDDEN),
    ];
    for (number, (who, ask, status)) in (1..).zip(asked) {
        assert_eq!(gateway.ask(who, &ask).await.status, status, "{number}");
        let events = gateway.events(app.tenant).await;
        let reads =
            events.iter().filter(|event| event.action == "read" && event.subject.key.as_deref() == Some("k") && event.outcome.is_none());
        assert_eq!(reads.count(), number, "{number}");
    }
}

#[tokio::test]
async fn a_copy_keeps_the_facts_that_it_does_not_state() {
    let (gateway, app) = Gateway::with_app().await;
    gateway.ask(&app, &Ask::put("/karte", "").with("x-amz-bucket-object-lock-enabled", "true")).await.good();
    let facts = [("patient-id", "0009"), ("author", "tanaka"), ("department", "internal"), ("record-class", "chart.medical")];
    let mut ask = Ask::put(RECORD, "text");
    for (name, value) in facts {
        ask = ask.with(&format!("x-amz-meta-{name}"), value);
    }
    gateway.ask(&app, &ask).await.good();
    let copy = |to: &str, from: &str| Ask::put(to, "").with("x-amz-copy-source", from);
    let replaced = copy("/karte/p1/second", RECORD).with("x-amz-metadata-directive", "REPLACE").with("x-amz-meta-author", "sato");
    gateway.ask(&app, &replaced).await.good();
    gateway.ask(&app, &copy("/karte/p1/third", "/karte/p1/second")).await.good();
    for key in ["second", "third"] {
        let head = gateway.ask(&app, &Ask::head(&format!("/karte/p1/{key}"))).await.good();
        for (name, value) in facts.map(|(name, value)| (name, if name == "author" { "sato" } else { value })) {
            assert_eq!(head.header(&format!("x-amz-meta-{name}")), Some(value), "{key} {name}");
        }
    }
    let other = copy("/karte/p1/fourth", RECORD).with("x-amz-meta-patient-id", "0010");
    assert_eq!(gateway.ask(&app, &other).await.code(), "InvalidArgument");
    let last = copy("/karte/p1/fourth", RECORD).with("x-amz-meta-record-state", "final");
    assert_eq!(gateway.ask(&app, &last).await.code(), "InvalidArgument");
}

#[tokio::test]
async fn a_refusal_before_any_decision_is_on_record_too() {
    let (gateway, app) = with_bucket().await;
    gateway.ask(&app, &Ask::put("/files/k", "there")).await.good();
    let asked = [
        (Ask::get("/files/k").with("x-amz-expected-bucket-owner", "another"), "AccessDenied", "GetObject"),
        (Ask::get("/files/k?torrent"), "NotImplemented", "Other"),
        (Ask::get("/files/k?versionId=nonsense"), "InvalidArgument", "GetObject"),
        (Ask::put("/files/k", "x").with("x-amz-acl", "public-read"), "AccessControlListNotSupported", "PutObject"),
    ];
    for (ask, code, operation) in asked {
        let told = gateway.ask(&app, &ask).await;
        assert_eq!(told.code(), code, "{}", told.text());
        let event = gateway.events(app.tenant).await.remove(0);
        assert_eq!((event.verdict, event.reason.as_deref(), event.operation.as_str()), (Verdict::Refused, Some(code), operation));
        assert_eq!((event.action.as_str(), event.subject.key.as_deref()), ("undecided", Some("k")), "{ask:?}");
    }
    // What the gate has decided is there once, with its own reason.
    let count = gateway.events(app.tenant).await.len();
    assert_eq!(gateway.ask(&app, &Ask::get("/files/none")).await.status, StatusCode::NOT_FOUND);
    let events = gateway.events(app.tenant).await;
    assert_eq!((events.len(), events[0].verdict), (count + 1, Verdict::Absent));
}

#[tokio::test]
async fn an_upload_id_of_another_form_tells_no_more_than_one_that_is_not_there() {
    let (gateway, app) = with_bucket().await;
    let stranger = gateway.person(app.tenant, "stranger", &[]).await;
    for id in ["nonsense", "00000000-0000-4000-8000-000000000000"] {
        let part = Ask::put(&format!("/files/k?partNumber=1&uploadId={id}"), "x");
        forbidden(&gateway.ask(&stranger, &part).await);
        assert_eq!(gateway.ask(&app, &part).await.code(), "NoSuchUpload");
    }
}

#[tokio::test]
async fn a_batch_of_deletes_says_why_and_a_missing_bucket_is_no_batch() {
    let (gateway, app) = Gateway::with_app().await;
    let batch = |bucket: &str| {
        let document = "<Delete><Object><Key>a</Key></Object><Object><Key>b</Key></Object></Delete>";
        Ask::post(&format!("/{bucket}?delete"), document)
    };
    let told = gateway.ask(&app, &batch("missing")).await;
    assert_eq!((told.status, told.code().as_str()), (StatusCode::NOT_FOUND, "NoSuchBucket"), "{}", told.text());
    gateway.ask(&app, &Ask::put("/karte", "").with("x-amz-bucket-object-lock-enabled", "true")).await.good();
    let mut last = Ask::put("/karte/a", "text").with("x-amz-meta-record-state", "final");
    for (name, value) in [("patient-id", "0009"), ("record-class", "chart.medical")] {
        last = last.with(&format!("x-amz-meta-{name}"), value);
    }
    gateway.ask(&app, &last).await.good();
    let told = gateway.ask(&app, &batch("karte")).await.good();
    assert!(told.text().contains("<Key>a</Key><Message>Access Denied (version-finalized)</Message>"), "{}", told.text());
}
