//! Versions, delete markers, and records that stay.

use crate::gateway::{Ask, Gateway, Person};
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
    let record = || Ask::put("/karte/r", "finding").with("x-amz-meta-record-class", "chart.medical");
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
