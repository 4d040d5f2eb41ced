//! How a request must be signed to be answered at all, and where it may go.

use crate::gateway::{Ask, Gateway, Person};
use crate::signing::{Key, sha256, stamp};
use hozon::domain::Right;
use http::StatusCode;

async fn with_object() -> (Gateway, Person) {
    let (gateway, app) = Gateway::with_app().await;
    gateway.ask(&app, &Ask::put("/files", "")).await.good();
    gateway.ask(&app, &Ask::put("/files/k", "content")).await.good();
    (gateway, app)
}

#[tokio::test]
async fn wrong_credentials_are_told_apart_as_s3_does() {
    let (gateway, app) = with_object().await;
    let with = |key: Key| Person { tenant: app.tenant, key };
    let wrong = with(Key { secret: "x".repeat(40), ..app.key.clone() });
    let unknown = with(Key { access: "HZAAAAAAAAAAAAAAAAAA".to_owned(), ..app.key.clone() });
    assert_eq!(gateway.ask(&wrong, &Ask::get("/files/k")).await.code(), "SignatureDoesNotMatch");
    let told = gateway.ask(&unknown, &Ask::get("/files/k")).await;
    assert_eq!((told.code().as_str(), told.element("Message").unwrap().is_empty()), ("InvalidAccessKeyId", false));
    let anonymous = gateway.send(Ask::get("/files/k").request(), Vec::new()).await;
    assert_eq!((anonymous.status, anonymous.code().as_str()), (StatusCode::FORBIDDEN, "AccessDenied"));
}

#[tokio::test]
async fn a_changed_request_is_not_the_signed_one() {
    let (gateway, app) = with_object().await;
    let mut request = Ask::get("/files/k").request();
    app.key.sign(&mut request, &sha256(b""), &stamp(0));
    request.uri = "/files/other".parse().unwrap();
    assert_eq!(gateway.send(request, Vec::new()).await.code(), "SignatureDoesNotMatch");
    let mut request = Ask::put("/files/k", "v").request();
    app.key.sign(&mut request, &sha256(b"v"), &stamp(0));
    request.headers.insert("x-amz-meta-patient-id", "0012".parse().unwrap());
    let told = gateway.send(request, b"v".to_vec()).await;
    assert_eq!(told.element("HeadersNotSigned").as_deref(), Some("x-amz-meta-patient-id"));
}

#[tokio::test]
async fn a_request_of_another_time_is_refused() {
    let (gateway, app) = with_object().await;
    for offset in [-3_600, 3_600] {
        let mut request = Ask::get("/files/k").request();
        app.key.sign(&mut request, &sha256(b""), &stamp(offset));
        assert_eq!(gateway.send(request, Vec::new()).await.code(), "RequestTimeTooSkewed");
    }
}

#[tokio::test]
async fn a_presigned_url_reads_and_writes_and_ends() {
    let (gateway, app) = with_object().await;
    let presigned = |ask: &Ask, seconds: u64, offset: i64| {
        let mut request = ask.request();
        app.key.presign(&mut request, seconds, &stamp(offset));
        request
    };
    assert_eq!(gateway.send(presigned(&Ask::get("/files/k"), 60, 0), Vec::new()).await.good().text(), "content");
    let put = Ask::put("/files/new", "").with("x-amz-meta-a", "1");
    let mut request = put.request();
    request.headers.remove("content-length");
    app.key.presign(&mut request, 60, &stamp(0));
    request.headers.insert("content-length", "3".parse().unwrap());
    gateway.send(request, b"new".to_vec()).await.good();
    assert_eq!(gateway.ask(&app, &Ask::get("/files/new")).await.header("x-amz-meta-a"), Some("1"));

    let ended = gateway.send(presigned(&Ask::get("/files/k"), 60, -120), Vec::new()).await;
    assert_eq!((ended.code().as_str(), ended.element("Message").as_deref()), ("AccessDenied", Some("Request has expired")));
    assert!(ended.element("ExpiresAt").is_some() && ended.element("ServerTime").is_some());
    let capped = gateway.send(presigned(&Ask::get("/files/k"), 86_400, -1_000), Vec::new()).await;
    assert_eq!(capped.element("Message").as_deref(), Some("Request has expired"));
    let long = gateway.send(presigned(&Ask::get("/files/k"), 700_000, 0), Vec::new()).await;
    assert_eq!(long.code(), "AuthorizationQueryParametersError");
    let mut forged = presigned(&Ask::get("/files/k"), 60, 0);
    forged.uri = forged.uri.to_string().replace("/files/k", "/files/x").parse().unwrap();
    assert_eq!(gateway.send(forged, Vec::new()).await.code(), "SignatureDoesNotMatch");
}

#[tokio::test]
async fn headers_in_a_presigned_query_take_effect() {
    let (gateway, app) = with_object().await;
    let mut request = Ask::new(http::Method::PUT, "/files/hoisted?x-amz-meta-a=1").request();
    request.headers.remove("content-length");
    app.key.presign(&mut request, 60, &stamp(0));
    request.headers.insert("content-length", "1".parse().unwrap());
    gateway.send(request, b"v".to_vec()).await.good();
    assert_eq!(gateway.ask(&app, &Ask::get("/files/hoisted")).await.header("x-amz-meta-a"), Some("1"));
}

#[tokio::test]
async fn a_bucket_is_found_in_the_name_of_the_host() {
    let (gateway, app) = with_object().await;
    let ask = |path: &str, host: &str| Ask::get(path).with("host", host);
    assert_eq!(gateway.ask(&app, &ask("/k", "files.localhost:9000")).await.good().text(), "content");
    assert_eq!(gateway.ask(&app, &ask("/files/k", "127.0.0.1:9000")).await.good().text(), "content");
    let own = Ask::put("/-/v1/x", "a key").with("host", "files.localhost:9000");
    gateway.ask(&app, &own).await.good();
    assert_eq!(gateway.ask(&app, &ask("/-/v1/x", "files.localhost:9000")).await.text(), "a key");
}

#[tokio::test]
async fn the_gateway_s_own_paths_know_who_asks() {
    let (gateway, app) = with_object().await;
    assert_eq!(gateway.ask(&app, &Ask::get("/-/who")).await.good().text(), "app /-/who");
    let anonymous = gateway.send(Ask::get("/-/who").request(), Vec::new()).await;
    assert_eq!(anonymous.status, StatusCode::FORBIDDEN);
    // Only under a name of ours: who is led here by another one is told nothing.
    for host in ["evil.example", "localhost.evil.example"] {
        let told = gateway.ask(&app, &Ask::get("/-/who").with("host", host)).await;
        assert!(told.status.is_client_error() && !told.text().contains("app /"), "{host}: {}", told.text());
    }
}

#[tokio::test]
async fn a_version_that_is_named_twice_is_refused_also_beside_a_range_that_says_nothing() {
    let (gateway, app) = with_object().await;
    for range in [None, Some("lines=1-2")] {
        let ask = Ask::get("/files/k?versionId=null&versionId=null");
        let told = gateway.ask(&app, &range.into_iter().fold(ask, |ask, range| ask.with("range", range))).await;
        assert_eq!(told.status, StatusCode::BAD_REQUEST, "{range:?}: {}", told.text());
    }
}

#[tokio::test]
async fn who_may_not_list_cannot_tell_absent_from_forbidden() {
    let (gateway, app) = with_object().await;
    let nobody = gateway.person(app.tenant, "nobody", &[("files", &[Right::WriteDraft])]).await;
    let mut answers = Vec::new();
    for path in ["/files/k", "/files/none", "/none/k"] {
        let told = gateway.ask(&nobody, &Ask::get(path)).await;
        answers.push((told.status, told.code(), told.element("Message"), told.element("HozonReason")));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(answers[0].0, StatusCode::FORBIDDEN);
    let known = gateway.person(app.tenant, "lister", &[("files", &[Right::List])]).await;
    assert_eq!(gateway.ask(&known, &Ask::get("/files/k")).await.element("HozonReason").as_deref(), Some("not-granted"));
}

#[tokio::test]
async fn a_form_and_an_old_signature_are_refused() {
    let (gateway, app) = with_object().await;
    let form = Ask::post("/files", "--b\r\n").with("content-type", "multipart/form-data; boundary=b");
    assert_eq!(gateway.ask(&app, &form).await.code(), "NotImplemented");
    let old = Ask::get("/files/k").with("authorization", "AWS HZKEY:c2lnbmF0dXJl").with("date", "Sun, 01 Mar 2026 00:00:00 GMT");
    assert_eq!(gateway.send(old.request(), Vec::new()).await.code(), "InvalidRequest");
}
