//! Versions, delete markers, and records that stay.

use crate::gateway::{Ask, Gateway, Person};
use hozon::domain::{BucketName, ObjectKey, RecordClasses, Retention};
use hozon::engine::Which;
use http::StatusCode;

async fn with_versions() -> (Gateway, Person) {
    let (gateway, app) = Gateway::with_app().await;
    gateway.ask(&app, &Ask::put("/files", "")).await.good();
    let on = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    gateway.ask(&app, &Ask::put("/files?versioning", on)).await.good();
    (gateway, app)
}

#[tokio::test]
async fn every_write_adds_a_version() {
    let (gateway, app) = with_versions().await;
    let mut ids = Vec::new();
    for body in ["one", "two"] {
        ids.push(gateway.ask(&app, &Ask::put("/files/k", body)).await.good().header("x-amz-version-id").unwrap().to_owned());
    }
    assert_eq!(gateway.ask(&app, &Ask::get("/files/k")).await.text(), "two");
    let old = gateway.ask(&app, &Ask::get(&format!("/files/k?versionId={}", ids[0]))).await.good();
    assert_eq!((old.text(), old.header("x-amz-version-id")), ("one", Some(ids[0].as_str())));
    let listed = gateway.ask(&app, &Ask::get("/files?versions")).await.good();
    assert_eq!(listed.elements("VersionId"), [ids[1].clone(), ids[0].clone()]);
    assert_eq!(listed.elements("IsLatest"), ["true", "false"]);
}

#[tokio::test]
async fn a_marker_hides_and_its_removal_shows_again() {
    let (gateway, app) = with_versions().await;
    gateway.ask(&app, &Ask::put("/files/k", "v")).await.good();
    let hidden = gateway.ask(&app, &Ask::delete("/files/k")).await.good();
    assert_eq!(hidden.header("x-amz-delete-marker"), Some("true"));
    let marker = hidden.header("x-amz-version-id").unwrap().to_owned();
    let gone = gateway.ask(&app, &Ask::get("/files/k")).await;
    assert_eq!((gone.status, gone.header("x-amz-delete-marker")), (StatusCode::NOT_FOUND, Some("true")));
    let named = gateway.ask(&app, &Ask::get(&format!("/files/k?versionId={marker}"))).await;
    assert_eq!((named.status, named.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, Some("DELETE")));
    let listed = gateway.ask(&app, &Ask::get("/files?versions")).await.good();
    assert_eq!((listed.elements("DeleteMarker").len(), listed.elements("Version").len()), (1, 1));
    let removed = gateway.ask(&app, &Ask::delete(&format!("/files/k?versionId={marker}"))).await.good();
    assert_eq!((removed.header("x-amz-delete-marker"), removed.header("x-amz-version-id")), (Some("true"), Some(marker.as_str())));
    assert_eq!(gateway.ask(&app, &Ask::get("/files/k")).await.text(), "v");
}

#[tokio::test]
async fn a_suspended_bucket_writes_the_null_version() {
    let (gateway, app) = with_versions().await;
    gateway.ask(&app, &Ask::put("/files/k", "numbered")).await.good();
    let off = "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>";
    gateway.ask(&app, &Ask::put("/files?versioning", off)).await.good();
    for body in ["a", "b"] {
        assert_eq!(gateway.ask(&app, &Ask::put("/files/k", body)).await.good().header("x-amz-version-id"), Some("null"));
    }
    assert_eq!(gateway.ask(&app, &Ask::get("/files/k?versionId=null")).await.text(), "b");
    assert_eq!(gateway.ask(&app, &Ask::get("/files?versions")).await.elements("Version").len(), 2);
    gateway.ask(&app, &Ask::delete("/files/k?versionId=null")).await.good();
    assert_eq!(gateway.ask(&app, &Ask::get("/files/k")).await.text(), "numbered");
}

#[tokio::test]
async fn a_record_is_finalised_amended_and_never_deleted() {
    let (gateway, app) = Gateway::with_app().await;
    gateway.ask(&app, &Ask::put("/karte", "").with("x-amz-bucket-object-lock-enabled", "true")).await.good();
    let record = || Ask::put("/karte/r", "finding").with("x-amz-meta-record-class", "chart.medical").with("x-amz-meta-patient-id", "0012");
    assert_eq!(gateway.ask(&app, &Ask::put("/karte/r", "v")).await.element("HozonReason").as_deref(), Some("record-class-required"));
    let done = gateway.ask(&app, &record().with("x-amz-meta-record-state", "final")).await.good();
    assert_eq!(done.header("x-hozon-record-state"), Some("finalized"));
    let replaced = gateway.ask(&app, &record()).await;
    assert_eq!((replaced.code().as_str(), replaced.element("HozonReason").as_deref()), ("AccessDenied", Some("change-reason-required")));
    let id = done.header("x-amz-version-id").unwrap();
    for path in ["/karte/r".to_owned(), format!("/karte/r?versionId={id}")] {
        let told = gateway.ask(&app, &Ask::delete(&path)).await;
        assert_eq!((told.status, told.element("HozonReason").as_deref()), (StatusCode::FORBIDDEN, Some("version-finalized")));
    }
    gateway.ask(&app, &record().with("x-amz-meta-change-reason", "typo")).await.good();
    let old = gateway.ask(&app, &Ask::head(&format!("/karte/r?versionId={id}"))).await.good();
    assert!(old.header("x-hozon-record-state").is_some());
}

#[tokio::test]
async fn a_copy_of_a_final_record_is_a_draft() {
    let (gateway, app) = Gateway::with_app().await;
    gateway.ask(&app, &Ask::put("/karte", "").with("x-amz-bucket-object-lock-enabled", "true")).await.good();
    let record = Ask::put("/karte/r", "finding")
        .with("x-amz-meta-record-class", "chart.medical")
        .with("x-amz-meta-patient-id", "0012")
        .with("x-amz-meta-record-state", "final");
    gateway.ask(&app, &record).await.good();
    let copy = gateway.ask(&app, &Ask::put("/karte/copy", "").with("x-amz-copy-source", "karte/r")).await.good();
    assert_eq!(copy.header("x-hozon-record-state"), Some("draft"));
    let head = gateway.ask(&app, &Ask::head("/karte/copy")).await.good();
    assert_eq!((head.header("x-amz-meta-patient-id"), head.header("x-amz-meta-record-state")), (Some("0012"), None));
}

async fn retention(gateway: &Gateway, who: &Person, key: &str) -> Option<Retention> {
    let index = gateway.index.of(who.tenant);
    let bucket = index.bucket(&BucketName::parse("karte").unwrap()).await.unwrap().unwrap();
    let found = index.find(&bucket, &ObjectKey::parse(key).unwrap(), Which::Current).await.unwrap();
    found.version.unwrap().row.retention
}

#[tokio::test]
async fn a_final_record_gets_the_term_of_its_class_and_a_draft_none() {
    let (gateway, app) = Gateway::with_app().await;
    gateway.ask(&app, &Ask::put("/karte", "").with("x-amz-bucket-object-lock-enabled", "true")).await.good();
    let record = |key: &str, class: &str| {
        Ask::put(&format!("/karte/{key}"), "finding").with("x-amz-meta-record-class", class).with("x-amz-meta-patient-id", "0012")
    };
    let last = |key: &str, class: &str| record(key, class).with("x-amz-meta-record-state", "final");
    gateway.ask(&app, &record("draft", "emt.record")).await.good();
    assert_eq!(retention(&gateway, &app, "draft").await, None);

    gateway.ask(&app, &last("emt", "emt.record")).await.good();
    let emt = retention(&gateway, &app, "emt").await.unwrap();
    assert_eq!((emt.rule.as_str(), emt.start_event.as_str()), ("emt.record", "created"));
    let days = (emt.until.unwrap().micros() - emt.started.unwrap().micros()) / 86_400_000_000;
    assert!((5 * 365..=5 * 365 + 3).contains(&days), "{days}");

    gateway.ask(&app, &last("chart", "chart.medical")).await.good();
    let chart = retention(&gateway, &app, "chart").await.unwrap();
    assert_eq!((chart.rule.as_str(), chart.start_event.as_str()), ("chart.medical", "completed"));
    assert_eq!((chart.started, chart.until), (None, None));

    // An upload in parts becomes final with its Complete.
    let open = Ask::post("/karte/parts?uploads", "").with("x-amz-meta-record-class", "emt.record").with("x-amz-meta-record-state", "final");
    let open = open.with("x-amz-meta-patient-id", "0012");
    let id = gateway.ask(&app, &open).await.good().element("UploadId").unwrap();
    let tag = gateway.ask(&app, &Ask::put(&format!("/karte/parts?partNumber=1&uploadId={id}"), "finding")).await.good();
    let tag = tag.header("etag").unwrap().to_owned();
    let list = format!("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part></CompleteMultipartUpload>");
    gateway.ask(&app, &Ask::post(&format!("/karte/parts?uploadId={id}"), list)).await.good();
    assert!(retention(&gateway, &app, "parts").await.unwrap().until.is_some());

    // Other terms concern what becomes final from then on.
    gateway.classes.replace(RecordClasses::default());
    gateway.ask(&app, &last("later", "emt.record")).await.good();
    assert_eq!(retention(&gateway, &app, "later").await.unwrap().until, None);
    assert_eq!(retention(&gateway, &app, "emt").await.unwrap(), emt);
}
