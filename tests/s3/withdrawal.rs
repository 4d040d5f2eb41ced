//! What becomes of bodies under way when the hospital's keys are taken away (DESIGN §6).

use crate::gateway::{Ask, Gateway, Person, Told};
use crate::signing::{sha256, stamp};
use bytes::Bytes;
use futures::SinkExt;
use futures::channel::mpsc;
use hozon::audit::OutcomeResult;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::service::Service;

const LENGTH: usize = 2 << 20;

async fn with_body() -> (Gateway, Person) {
    let (gateway, app) = Gateway::with_app().await;
    gateway.ask(&app, &Ask::put("/files", "")).await.good();
    gateway.ask(&app, &Ask::put("/files/k", vec![7; LENGTH])).await.good();
    (gateway, app)
}

#[tokio::test]
async fn a_download_under_way_ends_when_the_keys_are_taken_away() {
    let (gateway, app) = with_body().await;
    let mut request = Ask::get("/files/k").request();
    app.key.sign(&mut request, &sha256(b""), &stamp(0));
    let answer = gateway.endpoint.call(Request::from_parts(request, Full::new(Bytes::new()))).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let mut body = answer.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(first.len() < LENGTH);

    gateway.leases.purge(app.tenant);
    assert!(body.frame().await.unwrap().is_err(), "what was opened ahead must not go out either");
    drop(body);

    gateway.ask(&app, &Ask::get("/files/k")).await.good();
    let failed = |events: &[hozon::audit::Event]| {
        let outcomes = events.iter().filter_map(|event| event.outcome.as_ref());
        outcomes.into_iter().any(|outcome| outcome.result == OutcomeResult::Failed && outcome.bytes == first.len() as u64)
    };
    for _ in 0..100 {
        if failed(&gateway.events(app.tenant).await) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("no outcome on record");
}

#[tokio::test]
async fn an_upload_under_way_ends_when_the_keys_are_taken_away() {
    let (gateway, app) = with_body().await;
    let mut request = Ask::put("/files/new", "").request();
    request.headers.insert("content-length", LENGTH.into());
    app.key.sign(&mut request, "UNSIGNED-PAYLOAD", &stamp(0));
    let (mut sender, pieces) = mpsc::channel(0);
    let body = StreamBody::new(pieces);
    let (leases, tenant) = (std::sync::Arc::clone(&gateway.leases), app.tenant);
    let upload = async { Told::read(gateway.endpoint.call(Request::from_parts(request, body)).await.unwrap()).await };
    let client = async move {
        let piece = || Ok::<_, std::io::Error>(Frame::data(Bytes::from(vec![8; LENGTH / 4])));
        sender.send(piece()).await.unwrap();
        sender.send(piece()).await.unwrap();
        leases.purge(tenant);
        for _ in 0..2 {
            // The gateway may have given up by now.
            let _taken = sender.send(piece()).await;
        }
    };
    let (told, ()) = futures::join!(upload, client);
    assert_eq!(told.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(gateway.ask(&app, &Ask::head("/files/new")).await.status, StatusCode::NOT_FOUND);
}
