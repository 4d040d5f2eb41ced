//! Ways in by the tenant's identity provider: sessions, bearer tokens, and apps that act for a person (ID-01, ID-03, ID-07).

use crate::gateway::{Ask, Gateway, Person, Told};
use crate::issuer::{Issuer, now};
use crate::signing::Key;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hozon::domain::{Factors, PrincipalKind, Right, TenantId};
use hozon::policy::{Basis, Rules};
use http::StatusCode;
use serde_json::{Value, json};

struct Hospital {
    gateway: Gateway,
    issuer: Issuer,
    tenant: TenantId,
    app: Person,
    chief: Person,
    deputy: Person,
}

async fn hospital() -> Hospital {
    let (gateway, issuer) = (Gateway::start().await, Issuer::start().await);
    let tenant = gateway.tenant("kita").await;
    let app = gateway.principal(tenant, "ehr", (PrincipalKind::App, &["physician"]), &[("*", &Right::ALL)]).await;
    let chief = gateway.principal(tenant, "chief", (PrincipalKind::Person, &[]), &[("*", &[Right::ManagePolicy])]).await;
    let deputy = gateway.principal(tenant, "deputy", (PrincipalKind::Person, &[]), &[("*", &[Right::ManagePolicy])]).await;
    let hospital = Hospital { gateway, issuer, tenant, app, chief, deputy };
    hospital.gateway.ask(&hospital.app, &Ask::put("/karte", "").with("x-amz-bucket-object-lock-enabled", "true")).await.good();
    hospital.gateway.ask(&hospital.app, &record("p1")).await.good();
    let grants = json!([{ "bucket": "karte", "rights": ["read", "list", "write-draft"] }]);
    let provider = json!({ "is": "provider", "issuer": hospital.issuer.url, "audiences": ["hozon"], "grants": grants });
    hospital.change(provider).await;
    hospital
}

fn record(key: &str) -> Ask {
    Ask::put(&format!("/karte/{key}"), "finding").with("x-amz-meta-record-class", "chart.medical").with("x-amz-meta-patient-id", "0001")
}

/// Somebody with a session, and the token that comes with every request.
struct Session {
    person: Person,
    token: String,
}

impl Hospital {
    async fn change(&self, wanted: Value) {
        let asked = Ask::post("/-/v1/access/changes", json!({ "wanted": wanted }).to_string());
        let change: Value = serde_json::from_slice(&self.gateway.ask(&self.chief, &asked).await.good().body).unwrap();
        let path = format!("/-/v1/access/changes/{}/decision", change["id"].as_str().unwrap());
        self.gateway.ask(&self.deputy, &Ask::post(&path, json!({ "verdict": "approved" }).to_string())).await.good();
    }

    /// Asks the Security Token Service as SDKs do.
    async fn assume(&self, token: &str, more: &str) -> Told {
        let form = format!(
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A000000000000%3Arole%2Fkita\
             &RoleSessionName=s&WebIdentityToken={token}{more}"
        );
        let ask = Ask::post("/", form).with("content-type", "application/x-www-form-urlencoded; charset=utf-8");
        self.gateway.send(ask.request(), ask.body.clone()).await
    }

    async fn session(&self, token: &str) -> Session {
        let told = self.assume(token, "").await.good();
        let key = Key { access: told.element("AccessKeyId").unwrap(), secret: told.element("SecretAccessKey").unwrap() };
        Session { person: Person { tenant: self.tenant, key }, token: told.element("SessionToken").unwrap() }
    }

    async fn ask(&self, session: &Session, ask: &Ask) -> Told {
        self.gateway.ask(&session.person, &ask.clone().with("x-amz-security-token", &session.token)).await
    }

    async fn bearer(&self, token: &str, ask: &Ask) -> Told {
        let ask = ask.clone().with("authorization", format!("Bearer {token}"));
        self.gateway.send(ask.request(), ask.body.clone()).await
    }
}

#[tokio::test]
async fn a_session_reads_and_writes_as_the_person_of_the_token() {
    let hospital = hospital().await;
    let session = hospital.session(&hospital.issuer.token(&json!({}))).await;
    assert_eq!(hospital.ask(&session, &Ask::get("/karte/p1")).await.good().text(), "finding");
    hospital.ask(&session, &record("p2")).await.good();
    assert_eq!(hospital.ask(&session, &Ask::delete("/karte/p2")).await.status, StatusCode::FORBIDDEN);
    let events = hospital.gateway.events(hospital.tenant).await;
    let read = events.iter().find(|event| event.operation == "GetObject" && event.outcome.is_none()).unwrap();
    let actor = &read.actor;
    assert_eq!((actor.name.as_str(), actor.proven_by.as_str(), actor.display_name.as_str()), ("sato", "identity-provider", "佐藤"));
    assert_eq!(
        (actor.job_types.as_slice(), actor.credential.as_deref()),
        (&["physician".to_owned()][..], Some(session.person.key.access.as_str()))
    );
    let signed_in = events.iter().find(|event| event.action == "sign-in").unwrap();
    assert_eq!((signed_in.actor.id.as_str(), signed_in.operation.as_str()), (actor.id.as_str(), "AssumeRoleWithWebIdentity"));
    // The same person is the same principal the next time, and another subject is another.
    let again = hospital.session(&hospital.issuer.token(&json!({}))).await;
    hospital.ask(&again, &Ask::get("/karte/p1")).await.good();
    let other = hospital.session(&hospital.issuer.token(&json!({ "sub": "u-200" }))).await;
    hospital.ask(&other, &Ask::get("/karte/p1")).await.good();
    let events = hospital.gateway.events(hospital.tenant).await;
    let readers: Vec<_> =
        events.iter().filter(|event| event.operation == "GetObject" && event.outcome.is_none()).map(|event| &event.actor.id).collect();
    assert!(readers[0] != readers[1] && readers[1] == readers[2], "{readers:?}");
}

#[tokio::test]
async fn a_session_needs_its_own_token_with_every_request() {
    let hospital = hospital().await;
    let session = hospital.session(&hospital.issuer.token(&json!({}))).await;
    let other = hospital.session(&hospital.issuer.token(&json!({ "sub": "u-2" }))).await;
    hospital.ask(&session, &Ask::get("/karte/p1")).await.good();
    let bare = hospital.gateway.ask(&session.person, &Ask::get("/karte/p1")).await;
    assert!(bare.status.is_client_error(), "{}", bare.text());
    let swapped = hospital.gateway.ask(&session.person, &Ask::get("/karte/p1").with("x-amz-security-token", &other.token)).await;
    assert_eq!(swapped.code(), "InvalidToken");
    let mut bytes = URL_SAFE_NO_PAD.decode(&session.token).unwrap();
    for at in [0, 5, 18, 40, bytes.len() - 1] {
        bytes[at] ^= 1;
        let altered = Session { person: session.person.clone(), token: URL_SAFE_NO_PAD.encode(&bytes) };
        assert_eq!(hospital.ask(&altered, &Ask::get("/karte/p1")).await.code(), "InvalidToken", "byte {at}");
        bytes[at] ^= 1;
    }
    for nonsense in ["", "x", "AAAA"] {
        let told = hospital.gateway.ask(&hospital.app, &Ask::get("/karte/p1").with("x-amz-security-token", nonsense)).await;
        assert_eq!(told.code(), "InvalidToken", "{nonsense}");
    }
}

#[tokio::test]
async fn only_a_token_of_the_provider_for_this_service_and_for_now_is_taken() {
    let hospital = hospital().await;
    let issuer = &hospital.issuer;
    let good = issuer.token(&json!({}));
    let parts: Vec<&str> = good.split('.').collect();
    let unsigned = |header: &Value| {
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        format!("{header}.{}.", parts[1])
    };
    let claims = URL_SAFE_NO_PAD.encode(issuer.claims(&json!({ "job_type": ["physician"], "sub": "root" })).to_string());
    let bad = [
        ("another audience", issuer.token(&json!({ "aud": "other" })), "InvalidIdentityToken"),
        ("no audience", issuer.token(&json!({ "aud": null })), "InvalidIdentityToken"),
        ("ended", issuer.token(&json!({ "exp": now() - 61 })), "ExpiredTokenException"),
        ("no end", issuer.token(&json!({ "exp": null })), "InvalidIdentityToken"),
        ("not begun", issuer.token(&json!({ "nbf": now() + 120 })), "InvalidIdentityToken"),
        ("another issuer", issuer.token(&json!({ "iss": "https://idp.example" })), "InvalidIdentityToken"),
        ("nobody", issuer.token(&json!({ "sub": "" })), "InvalidIdentityToken"),
        ("another institution", issuer.token(&json!({ "facility": "1310000001" })), "InvalidIdentityToken"),
        ("a stranger's key", issuer.forged(&json!({})), "InvalidIdentityToken"),
        ("no algorithm", unsigned(&json!({ "alg": "none", "kid": "one" })), "InvalidIdentityToken"),
        ("a shared secret", unsigned(&json!({ "alg": "HS256", "kid": "one" })), "InvalidIdentityToken"),
        ("other claims", format!("{}.{claims}.{}", parts[0], parts[2]), "InvalidIdentityToken"),
        ("half of it", parts[0].to_owned(), "InvalidIdentityToken"),
        ("nothing", String::new(), "InvalidIdentityToken"),
    ];
    for (what, token, code) in bad {
        let told = hospital.assume(&token, "").await;
        assert_eq!((told.status, told.code().as_str()), (StatusCode::BAD_REQUEST, code), "{what}: {}", told.text());
        let told = hospital.bearer(&token, &Ask::get("/karte/p1")).await;
        assert!(told.status.is_client_error(), "{what}: {}", told.text());
    }
    // A minute between the clocks is no reason.
    hospital.assume(&issuer.token(&json!({ "exp": now() - 30, "nbf": now() + 30 })), "").await.good();
    for (more, code) in [("&DurationSeconds=60", "ValidationError"), ("&Policy=x", "ValidationError"), ("&Action=x", "MissingAction")] {
        assert_eq!(hospital.assume(&good, more).await.code(), code, "{more}");
    }
}

#[tokio::test]
async fn a_new_key_of_the_provider_is_known_at_once_and_asked_for_once() {
    let hospital = hospital().await;
    let old = hospital.issuer.token(&json!({}));
    hospital.assume(&old, "").await.good();
    hospital.issuer.rotate();
    // Keys that were fetched just now are not fetched again for each unknown one.
    let new = hospital.issuer.token(&json!({}));
    for _ in 0..3 {
        assert_eq!(hospital.assume(&new, "").await.code(), "InvalidIdentityToken");
    }
    assert_eq!(*hospital.issuer.asked.lock().unwrap(), 1);
    hospital.gateway.monotonic.advance(std::time::Duration::from_secs(11));
    hospital.assume(&new, "").await.good();
    assert_eq!(hospital.assume(&old, "").await.code(), "InvalidIdentityToken");
}

#[tokio::test]
async fn a_bearer_token_stores_and_reads() {
    let hospital = hospital().await;
    let token = hospital.issuer.token(&json!({}));
    hospital.bearer(&token, &record("scan.dcm")).await.good();
    assert_eq!(hospital.bearer(&token, &Ask::get("/karte/scan.dcm")).await.good().text(), "finding");
    assert!(hospital.bearer(&token, &Ask::get("/karte?list-type=2")).await.good().text().contains("scan.dcm"));
    assert_eq!(hospital.bearer(&token, &Ask::delete("/karte/scan.dcm")).await.status, StatusCode::FORBIDDEN);
    let wish = json!({ "patient": "0001", "reason": "emergency", "text": "unconscious" }).to_string();
    assert_eq!(hospital.bearer(&token, &Ask::post("/-/v1/break-glass", wish)).await.status, StatusCode::CREATED);
    let nurse = hospital.issuer.token(&json!({ "job_type": "admin_office", "sub": "u-3" }));
    assert_eq!(hospital.bearer(&nurse, &Ask::get("/karte/p1")).await.element("HozonReason").as_deref(), Some("class-not-allowed"));
}

#[tokio::test]
async fn an_app_acts_for_a_person_with_the_rights_of_that_person() {
    let hospital = hospital().await;
    let token = hospital.issuer.token(&json!({ "azp": "ehr", "job_type": "admin_office" }));
    let for_person = |ask: Ask, token: &str| ask.with("x-hozon-user-token", token);
    let told = hospital.gateway.ask(&hospital.app, &for_person(Ask::get("/karte/p1"), &token)).await;
    assert_eq!(told.element("HozonReason").as_deref(), Some("class-not-allowed"));
    let physician = hospital.issuer.token(&json!({ "azp": "ehr" }));
    hospital.gateway.ask(&hospital.app, &for_person(Ask::get("/karte/p1"), &physician)).await.good();
    let events = hospital.gateway.events(hospital.tenant).await;
    let read = events.iter().find(|event| event.operation == "GetObject" && event.outcome.is_none()).unwrap();
    assert_eq!((read.actor.name.as_str(), read.actor.via.as_deref()), ("sato", Some("ehr")));
    // What was given to another app, or to none, is of no use to this one.
    for azp in [json!("pacs"), Value::Null] {
        let stolen = hospital.issuer.token(&json!({ "azp": azp }));
        let told = hospital.gateway.ask(&hospital.app, &for_person(Ask::get("/karte/p1"), &stolen)).await;
        assert_eq!(told.code(), "InvalidToken", "{azp}");
    }
    let told = hospital.gateway.ask(&hospital.chief, &for_person(Ask::get("/karte/p1"), &physician)).await;
    assert_eq!(told.code(), "InvalidToken");
}

#[tokio::test]
async fn a_revoked_session_is_over() {
    let hospital = hospital().await;
    let session = hospital.session(&hospital.issuer.token(&json!({}))).await;
    hospital.ask(&session, &Ask::get("/karte/p1")).await.good();
    let before = (now() + 1) * 1_000_000;
    hospital.change(json!({ "is": "revocation", "principal": "sato", "before": before })).await;
    let told = hospital.ask(&session, &Ask::get("/karte/p1")).await;
    assert_eq!((told.status, told.code().as_str()), (StatusCode::FORBIDDEN, "InvalidAccessKeyId"));
    assert!(hospital.bearer(&hospital.issuer.token(&json!({})), &Ask::get("/karte/p1")).await.status.is_client_error());
    let other = hospital.session(&hospital.issuer.token(&json!({ "sub": "u-2", "preferred_username": "mori" }))).await;
    hospital.ask(&other, &Ask::get("/karte/p1")).await.good();
}

#[tokio::test]
async fn records_of_patients_take_a_second_factor_where_it_is_demanded() {
    let hospital = hospital().await;
    let basis = Basis { factors: Factors::Two, ..hospital.gateway.basis.clone() };
    hospital.gateway.rules.replace(Rules::new(basis).unwrap());
    let one = hospital.session(&hospital.issuer.token(&json!({}))).await;
    let told = hospital.ask(&one, &Ask::get("/karte/p1")).await;
    assert_eq!(told.element("HozonReason").as_deref(), Some("second-factor-required"));
    let two = hospital.session(&hospital.issuer.token(&json!({ "amr": ["pwd", "otp", "mfa"] }))).await;
    hospital.ask(&two, &Ask::get("/karte/p1")).await.good();
    let events = hospital.gateway.events(hospital.tenant).await;
    assert_eq!(events.iter().find(|event| event.operation == "GetObject" && event.reason.is_none()).unwrap().actor.factors, Some(2));
    // A credential of the gateway's own is one factor, whoever has it.
    let wish = json!({ "patient": "0001", "reason": "emergency", "text": "unconscious" }).to_string();
    assert_eq!(hospital.ask(&one, &Ask::post("/-/v1/break-glass", wish.clone())).await.status, StatusCode::FORBIDDEN);
    assert_eq!(hospital.ask(&two, &Ask::post("/-/v1/break-glass", wish)).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_session_of_one_hospital_is_nobody_in_another() {
    let hospital = hospital().await;
    let other = hospital.gateway.tenant("minami").await;
    let ito = hospital.gateway.principal(other, "ito", (PrincipalKind::App, &["physician"]), &[("*", &Right::ALL)]).await;
    hospital.gateway.ask(&ito, &Ask::put("/secret", "").with("x-amz-bucket-object-lock-enabled", "true")).await.good();
    let session = hospital.session(&hospital.issuer.token(&json!({}))).await;
    assert_eq!(hospital.ask(&session, &Ask::get("/secret/x")).await.status, StatusCode::FORBIDDEN);
    let form = format!(
        "Action=AssumeRoleWithWebIdentity&RoleArn=arn:aws:iam::000000000000:role/minami&RoleSessionName=s&WebIdentityToken={}",
        hospital.issuer.token(&json!({}))
    );
    let ask = Ask::post("/", form).with("content-type", "application/x-www-form-urlencoded");
    assert_eq!(hospital.gateway.send(ask.request(), ask.body.clone()).await.code(), "InvalidIdentityToken");
}

#[tokio::test]
async fn a_token_limited_to_patients_reaches_no_other_and_a_team_of_it_counts() {
    let hospital = hospital().await;
    let other = Ask::put("/karte/p2", "other").with("x-amz-meta-record-class", "chart.medical").with("x-amz-meta-patient-id", "0002");
    hospital.gateway.ask(&hospital.app, &other).await.good();
    let limited = hospital.session(&hospital.issuer.token(&json!({ "patient_scope": ["0001"] }))).await;
    hospital.ask(&limited, &Ask::get("/karte/p1")).await.good();
    for key in ["p2", "p2?tagging"] {
        let told = hospital.ask(&limited, &Ask::get(&format!("/karte/{key}"))).await;
        assert_eq!(told.element("HozonReason").as_deref(), Some("patient-not-yours"), "{key}");
    }
    let listed = hospital.ask(&limited, &Ask::get("/karte?list-type=2")).await.good().text().to_owned();
    assert!(listed.contains("<Key>p1</Key>") && !listed.contains("<Key>p2</Key>"), "{listed}");
    assert_eq!(
        hospital.assume(&hospital.issuer.token(&json!({ "patient_scope": ["not a patient"] })), "").await.code(),
        "InvalidIdentityToken"
    );

    hospital.change(json!({ "is": "care", "limit": "known" })).await;
    let team = json!({ "patient": "0002", "care_team": ["ward-3"] });
    hospital.gateway.ask(&hospital.app, &Ask::post("/-/v1/patients", team.to_string())).await.good();
    let stranger = hospital.session(&hospital.issuer.token(&json!({}))).await;
    assert_eq!(hospital.ask(&stranger, &Ask::get("/karte/p2")).await.element("HozonReason").as_deref(), Some("not-in-care-team"));
    let member = hospital.session(&hospital.issuer.token(&json!({ "sub": "u-9", "care_team": ["ward-2", "ward-3"] }))).await;
    hospital.ask(&member, &Ask::get("/karte/p2")).await.good();
}

#[tokio::test]
async fn an_app_alone_reads_no_patient_where_persons_need_two_factors() {
    let hospital = hospital().await;
    hospital.gateway.ask(&hospital.app, &Ask::get("/karte/p1")).await.good();
    let basis = Basis { factors: Factors::Two, ..hospital.gateway.basis.clone() };
    hospital.gateway.rules.replace(Rules::new(basis).unwrap());
    let told = hospital.gateway.ask(&hospital.app, &Ask::get("/karte/p1")).await;
    assert_eq!(told.element("HozonReason").as_deref(), Some("person-required"));
    hospital.gateway.ask(&hospital.app, &record("p9")).await.good();
    let two = hospital.issuer.token(&json!({ "azp": "ehr", "amr": ["mfa"] }));
    hospital.gateway.ask(&hospital.app, &Ask::get("/karte/p1").with("x-hozon-user-token", &two)).await.good();
    let one = hospital.issuer.token(&json!({ "azp": "ehr" }));
    let told = hospital.gateway.ask(&hospital.app, &Ask::get("/karte/p1").with("x-hozon-user-token", &one)).await;
    assert_eq!(told.element("HozonReason").as_deref(), Some("second-factor-required"));
}
