//! Writes that take longer than the decision they were let in by: the rules hold as they are when the write ends.

use crate::gateway::{Ask, Gateway, Person, Told};
use crate::signing::stamp;
use bytes::Bytes;
use futures::SinkExt;
use futures::channel::mpsc;
use hozon::domain::{Standing, limits};
use hozon::engine::Events;
use http::{Request, StatusCode};
use http_body_util::StreamBody;
use hyper::body::Frame;
use hyper::service::Service;
use std::time::Duration;

const PIECE: usize = 64 << 10;

/// Uploads with `meanwhile` between the first half of the body and the second.
async fn upload(gateway: &Gateway, app: &Person, ask: &Ask, meanwhile: impl Future<Output = ()>) -> Told {
    let mut request = ask.request();
    request.headers.insert("content-length", (2 * PIECE).into());
    app.key.sign(&mut request, "UNSIGNED-PAYLOAD", &stamp(0));
    let (mut sender, pieces) = mpsc::channel(0);
    let answered = async { Told::read(gateway.endpoint.call(Request::from_parts(request, StreamBody::new(pieces))).await.unwrap()).await };
    let client = async move {
        let piece = || Ok::<_, std::io::Error>(Frame::data(Bytes::from(vec![8; PIECE])));
        sender.send(piece()).await.unwrap();
        meanwhile.await;
        sender.send(piece()).await.unwrap();
    };
    futures::join!(answered, client).0
}

async fn with_bucket() -> (Gateway, Person) {
    let (gateway, app) = Gateway::with_app().await;
    gateway.ask(&app, &Ask::put("/files", "")).await.good();
    (gateway, app)
}

async fn passes(gateway: &Gateway) {
    gateway.decisions.advance(limits::ADMISSION_LIFE + Duration::from_secs(1));
}

async fn switched_off(gateway: &Gateway, app: &Person) {
    gateway.people.set_access_key_standing(app.tenant, &app.key.access, Standing::Disabled, Events::default()).await.unwrap();
}

async fn reasons(gateway: &Gateway, app: &Person) -> Vec<String> {
    gateway.events(app.tenant).await.into_iter().filter_map(|event| event.reason).collect()
}

#[tokio::test]
async fn a_put_that_ends_after_versioning_was_switched_on_replaces_nothing() {
    let (gateway, app) = with_bucket().await;
    gateway.ask(&app, &Ask::put("/files/k", "former")).await.good();
    let on = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    let told = upload(&gateway, &app, &Ask::put("/files/k", ""), async {
        gateway.ask(&app, &Ask::put("/files?versioning", on)).await.good();
    })
    .await;
    told.good();
    let versions = gateway.ask(&app, &Ask::get("/files?versions")).await.good();
    assert_eq!(versions.text().matches("<Version>").count(), 2, "{}", versions.text());
    assert_eq!(gateway.ask(&app, &Ask::get("/files/k?versionId=null")).await.good().body, "former");
}

#[tokio::test]
async fn a_put_that_outlasts_its_decision_is_decided_again() {
    let (gateway, app) = with_bucket().await;
    upload(&gateway, &app, &Ask::put("/files/k", ""), passes(&gateway)).await.good();
    assert_eq!(gateway.ask(&app, &Ask::get("/files/k")).await.good().body.len(), 2 * PIECE);
}

#[tokio::test]
async fn a_put_that_outlasts_its_credential_is_refused_on_record() {
    let (gateway, app) = with_bucket().await;
    let told = upload(&gateway, &app, &Ask::put("/files/k", ""), async {
        passes(&gateway).await;
        switched_off(&gateway, &app).await;
    })
    .await;
    assert_eq!(told.status, StatusCode::FORBIDDEN);
    assert!(reasons(&gateway, &app).await.iter().any(|reason| reason == "credential-ended"));
    assert_eq!(gateway.index.engine().count_versions().await.unwrap(), 0);
}

#[tokio::test]
async fn a_part_that_outlasts_its_credential_is_refused_on_record() {
    let (gateway, app) = with_bucket().await;
    let opened = gateway.ask(&app, &Ask::post("/files/k?uploads", "")).await.good();
    let id = opened.element("UploadId").unwrap();
    let part = Ask::put(&format!("/files/k?partNumber=1&uploadId={id}"), "");
    upload(&gateway, &app, &part, passes(&gateway)).await.good();
    let told = upload(&gateway, &app, &part, async {
        passes(&gateway).await;
        switched_off(&gateway, &app).await;
    })
    .await;
    assert_eq!(told.status, StatusCode::FORBIDDEN);
    assert!(reasons(&gateway, &app).await.iter().any(|reason| reason == "credential-ended"));
}
