//! Records whose content is about another patient than the one stated (AC-03, AT-10).

use crate::gateway::{Ask, Gateway, Told};
use hozon::audit::Verdict;
use http::StatusCode;

fn dicom(patient: &str) -> Vec<u8> {
    let mut file = vec![0; 128];
    file.extend_from_slice(b"DICM");
    for (tag, kind, value) in [([0x02, 0, 0x10, 0], b"UI", "1.2.840.10008.1.2.1"), ([0x10, 0, 0x20, 0], b"LO", patient)] {
        file.extend_from_slice(&tag);
        file.extend_from_slice(kind);
        file.extend_from_slice(&u16::try_from(value.len()).unwrap().to_le_bytes());
        file.extend_from_slice(value.as_bytes());
    }
    file.extend_from_slice(&[7; 100_000]);
    file
}

fn record(key: &str, body: Vec<u8>, kind: &str) -> Ask {
    Ask::put(&format!("/karte/{key}"), body)
        .with("content-type", kind)
        .with("x-amz-meta-record-class", "image.xray")
        .with("x-amz-meta-patient-id", "0001234")
}

fn mixed_up(told: &Told) {
    let said = (told.status, told.code(), told.element("HozonReason"));
    assert_eq!(said, (StatusCode::BAD_REQUEST, "InvalidRequest".to_owned(), Some("patient-mismatch".to_owned())), "{}", told.text());
}

#[tokio::test]
async fn an_image_of_another_patient_is_not_stored() {
    let (gateway, app) = Gateway::with_app().await;
    gateway.ask(&app, &Ask::put("/karte", "").with("x-amz-bucket-object-lock-enabled", "true")).await.good();
    gateway.ask(&app, &record("right", dicom("0001234 "), "application/dicom")).await.good();
    mixed_up(&gateway.ask(&app, &record("wrong", dicom("0005678 "), "application/octet-stream")).await);
    assert_eq!(gateway.ask(&app, &Ask::get("/karte/wrong")).await.status, StatusCode::NOT_FOUND);
    let observation = br#"{"resourceType":"Observation","subject":{"reference":"Patient/0005678"}}"#.to_vec();
    mixed_up(&gateway.ask(&app, &record("wrong", observation.clone(), "application/fhir+json")).await);
    gateway.ask(&app, &record("text", observation, "text/plain")).await.good();
    let events = gateway.events(app.tenant).await;
    let refused = events.iter().find(|event| event.reason.as_deref() == Some("patient-mismatch")).unwrap();
    assert_eq!((refused.verdict, refused.subject.key.as_deref()), (Verdict::Refused, Some("wrong")));
}

#[tokio::test]
async fn the_first_part_of_an_upload_is_looked_at_as_well() {
    let (gateway, app) = Gateway::with_app().await;
    gateway.ask(&app, &Ask::put("/karte", "").with("x-amz-bucket-object-lock-enabled", "true")).await.good();
    let open = Ask::post("/karte/ct?uploads", "").with("x-amz-meta-record-class", "image.xray").with("x-amz-meta-patient-id", "0001234");
    let id = gateway.ask(&app, &open).await.good().element("UploadId").unwrap();
    let part = |number: u32, body| Ask::put(&format!("/karte/ct?partNumber={number}&uploadId={id}"), body);
    mixed_up(&gateway.ask(&app, &part(1, dicom("0005678 "))).await);
    gateway.ask(&app, &part(1, dicom("0001234 "))).await.good();
    gateway.ask(&app, &part(2, dicom("0005678 "))).await.good();
}

#[tokio::test]
async fn what_a_plain_bucket_holds_is_looked_at_by_nobody() {
    let (gateway, app) = Gateway::with_app().await;
    gateway.ask(&app, &Ask::put("/files", "")).await.good();
    let body = Ask::put("/files/any", dicom("0005678 ")).with("x-amz-meta-patient-id", "0001234");
    gateway.ask(&app, &body).await.good();
}
