//! Care teams, restricted patients, emergencies and changes that take two people, over HTTP.

use crate::gateway::{Ask, Gateway, Person, Told};
use crate::signing::Key;
use hozon::domain::{PrincipalKind, Right};
use http::StatusCode;
use serde_json::{Value, json};

struct Hospital {
    gateway: Gateway,
    sato: Person,
    mori: Person,
    clerk: Person,
    app: Person,
    chief: Person,
    deputy: Person,
    auditor: Person,
}

async fn hospital() -> Hospital {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("kita").await;
    let someone = async |name: &str, job: &str, rights: &[Right]| {
        gateway.principal(tenant, name, (PrincipalKind::Person, &[job]), &[("*", rights)]).await
    };
    let records = [Right::Read, Right::List, Right::WriteDraft];
    let sato = someone("sato", "physician", &records).await;
    let mori = someone("mori", "physician", &records).await;
    let clerk = someone("clerk", "admin_office", &records).await;
    let chief = someone("chief", "health_info_manager", &[Right::ManagePolicy, Right::ManageBucket]).await;
    let deputy = someone("deputy", "health_info_manager", &[Right::ManagePolicy]).await;
    let auditor = someone("auditor", "auditor", &[Right::ReadAudit]).await;
    let app = gateway.principal(tenant, "ehr", (PrincipalKind::App, &["system"]), &[("*", &[Right::ManageCare])]).await;
    gateway.ask(&chief, &Ask::put("/karte", "").with("x-amz-bucket-object-lock-enabled", "true")).await.good();
    let hospital = Hospital { gateway, sato, mori, clerk, app, chief, deputy, auditor };
    for patient in ["0001", "0002"] {
        let record = Ask::put(&format!("/karte/p{patient}"), "finding").with("x-amz-meta-record-class", "chart.medical");
        hospital.gateway.ask(&hospital.sato, &record.with("x-amz-meta-patient-id", patient)).await.good();
    }
    hospital
}

impl Hospital {
    async fn post(&self, who: &Person, path: &str, body: &Value) -> (StatusCode, Value) {
        read(&self.gateway.ask(who, &Ask::post(path, body.to_string())).await)
    }

    async fn get(&self, who: &Person, path: &str) -> (StatusCode, Value) {
        read(&self.gateway.ask(who, &Ask::get(path)).await)
    }

    /// Has a change asked for by one and approved by another.
    async fn change(&self, wanted: Value) {
        let (status, change) = self.post(&self.chief, "/-/v1/access/changes", &json!({ "wanted": wanted, "why": "test" })).await;
        assert_eq!(status, StatusCode::CREATED, "{change}");
        let path = format!("/-/v1/access/changes/{}/decision", change["id"].as_str().unwrap());
        let (status, decided) = self.post(&self.deputy, &path, &json!({ "verdict": "approved" })).await;
        assert_eq!(status, StatusCode::OK, "{decided}");
    }

    async fn reads(&self, who: &Person, key: &str) -> Result<(), String> {
        let told = self.gateway.ask(who, &Ask::get(&format!("/karte/{key}"))).await;
        if told.status == StatusCode::OK { Ok(()) } else { Err(told.element("HozonReason").unwrap_or_default()) }
    }

    async fn lists(&self, who: &Person) -> Vec<String> {
        let listed = self.gateway.ask(who, &Ask::get("/karte?list-type=2")).await.good().text().to_owned();
        ["p0001", "p0002"].iter().filter(|key| listed.contains(&format!("<Key>{key}</Key>"))).map(|key| (*key).to_owned()).collect()
    }
}

fn read(told: &Told) -> (StatusCode, Value) {
    (told.status, serde_json::from_slice(&told.body).unwrap_or(Value::Null))
}

#[tokio::test]
async fn records_are_limited_to_those_who_care_for_the_patient() {
    let hospital = hospital().await;
    let team = json!({ "patient": "0001", "care_team": ["sato"] });
    assert_eq!(hospital.post(&hospital.app, "/-/v1/patients", &team).await.0, StatusCode::OK);
    let (status, told) = hospital.post(&hospital.sato, "/-/v1/patients", &team).await;
    assert_eq!((status, told["code"].as_str()), (StatusCode::FORBIDDEN, Some("not-granted")));
    // A team alone limits nothing: the hospital says whether it does.
    assert_eq!(hospital.reads(&hospital.mori, "p0001").await, Ok(()));
    hospital.change(json!({ "is": "care", "limit": "known" })).await;
    assert_eq!(hospital.reads(&hospital.mori, "p0001").await, Err("not-in-care-team".to_owned()));
    assert_eq!(hospital.reads(&hospital.mori, "p0002").await, Ok(()));
    assert_eq!(hospital.reads(&hospital.sato, "p0001").await, Ok(()));
    assert_eq!(hospital.lists(&hospital.mori).await, ["p0002"]);
    hospital.change(json!({ "is": "care", "limit": "everybody" })).await;
    assert_eq!(hospital.lists(&hospital.mori).await, Vec::<String>::new());
    assert_eq!(hospital.lists(&hospital.sato).await, ["p0001"]);
    let written = Ask::put("/karte/p0001", "more").with("x-amz-meta-record-class", "chart.medical").with("x-amz-meta-patient-id", "0001");
    assert_eq!(hospital.gateway.ask(&hospital.mori, &written).await.element("HozonReason").as_deref(), Some("not-in-care-team"));
}

#[tokio::test]
async fn a_restricted_patient_is_seen_only_by_who_is_named() {
    let hospital = hospital().await;
    let rule = json!({ "patient": "0002", "restricted": true, "named": ["mori"] });
    assert_eq!(hospital.post(&hospital.app, "/-/v1/patients", &rule).await.0, StatusCode::OK);
    assert_eq!(hospital.reads(&hospital.sato, "p0002").await, Err("patient-restricted".to_owned()));
    assert_eq!(hospital.reads(&hospital.mori, "p0002").await, Ok(()));
    assert_eq!(hospital.lists(&hospital.sato).await, ["p0001"]);
}

#[tokio::test]
async fn breaking_the_glass_opens_one_patient_and_a_review_that_another_closes() {
    let hospital = hospital().await;
    hospital.change(json!({ "is": "care", "limit": "everybody" })).await;
    let wish = json!({ "patient": "0001", "reason": "emergency", "text": "unconscious in the ER" });
    assert_eq!(hospital.post(&hospital.clerk, "/-/v1/break-glass", &wish).await.0, StatusCode::FORBIDDEN);
    let short = json!({ "patient": "0001", "reason": "emergency", "text": "x" });
    assert_eq!(hospital.post(&hospital.sato, "/-/v1/break-glass", &short).await.0, StatusCode::BAD_REQUEST);
    let long = json!({ "patient": "0001", "reason": "emergency", "text": "unconscious", "seconds": 14_401 });
    assert_eq!(hospital.post(&hospital.sato, "/-/v1/break-glass", &long).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(hospital.reads(&hospital.sato, "p0001").await, Err("not-in-care-team".to_owned()));
    let (status, glass) = hospital.post(&hospital.sato, "/-/v1/break-glass", &wish).await;
    assert_eq!(status, StatusCode::CREATED, "{glass}");
    assert_eq!(hospital.reads(&hospital.sato, "p0001").await, Ok(()));
    assert_eq!(hospital.reads(&hospital.sato, "p0002").await, Err("not-in-care-team".to_owned()));
    assert_eq!(hospital.reads(&hospital.mori, "p0001").await, Err("not-in-care-team".to_owned()));
    // It reads and writes nothing.
    let written = Ask::put("/karte/p0001", "more").with("x-amz-meta-record-class", "billing").with("x-amz-meta-patient-id", "0001");
    assert_eq!(hospital.gateway.ask(&hospital.sato, &written).await.status, StatusCode::FORBIDDEN);

    let path = format!("/-/v1/break-glass/{}/review", glass["id"].as_str().unwrap());
    let (_, open) = hospital.get(&hospital.auditor, "/-/v1/break-glass").await;
    assert_eq!((&open["break_glass"][0]["by_name"], &open["break_glass"][0]["review"]), (&json!("sato"), &Value::Null));
    let (status, told) = hospital.post(&hospital.sato, &path, &json!({ "finding": "justified" })).await;
    assert_eq!((status, told["code"].as_str()), (StatusCode::FORBIDDEN, Some("same-person")));
    assert_eq!(hospital.post(&hospital.mori, &path, &json!({ "finding": "justified" })).await.0, StatusCode::FORBIDDEN);
    let (status, closed) = hospital.post(&hospital.auditor, &path, &json!({ "finding": "justified", "note": "ER" })).await;
    assert_eq!((status, &closed["review"]["finding"]), (StatusCode::OK, &json!("justified")));
    assert_eq!(hospital.post(&hospital.auditor, &path, &json!({ "finding": "unjustified" })).await.0, StatusCode::CONFLICT);

    // All of it is on record, with what was laid down.
    let events = hospital.gateway.events(hospital.sato.tenant).await;
    let broken = events.iter().find(|event| event.operation == "BreakGlass" && event.reason.is_none()).unwrap();
    assert_eq!(broken.subject.patient.as_ref().unwrap().as_str(), "0001");
    assert!(broken.subject.laid_down.is_some() && broken.policies == ["may-break-glass"], "{:?}", broken.policies);
    assert!(events.iter().any(|event| event.reason.as_deref() == Some("same-person")));
}

#[tokio::test]
async fn a_change_takes_two_people_and_is_checked_before_it_holds() {
    let hospital = hospital().await;
    let path = "/-/v1/access/changes";
    for bad in [
        json!({ "is": "policy", "name": "Night", "text": "" }),
        json!({ "is": "policy", "name": "night", "text": "forbid (" }),
        json!({ "is": "policy", "name": "night", "text": "@id(\"granted\") forbid (principal, action, resource);" }),
        json!({ "is": "policy", "name": "night", "text": "@id(\"x\") forbid (principal, action, resource) when { context.nonsense };" }),
        json!({ "is": "provider", "issuer": "http://idp.example", "audiences": ["hozon"], "grants": [] }),
        json!({ "is": "patient", "patient": "0001" }),
        json!({ "is": "nonsense" }),
    ] {
        let (status, told) = hospital.post(&hospital.chief, path, &json!({ "wanted": bad })).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{told}");
    }
    let text = "@id(\"no-reading\") forbid (principal, action == Action::\"read\", resource is Record) when { resource has patient && resource.patient == \"0002\" };";
    let wanted = json!({ "wanted": { "is": "policy", "name": "quiet", "text": text } });
    assert_eq!(hospital.post(&hospital.sato, path, &wanted).await.0, StatusCode::FORBIDDEN);
    let (_, change) = hospital.post(&hospital.chief, path, &wanted).await;
    assert_eq!(hospital.reads(&hospital.sato, "p0002").await, Ok(()));
    let decision = format!("{path}/{}/decision", change["id"].as_str().unwrap());
    let (status, told) = hospital.post(&hospital.chief, &decision, &json!({ "verdict": "approved" })).await;
    assert_eq!((status, told["code"].as_str()), (StatusCode::FORBIDDEN, Some("same-person")));
    assert_eq!(hospital.post(&hospital.deputy, &decision, &json!({ "verdict": "approved" })).await.0, StatusCode::OK);
    assert_eq!(hospital.reads(&hospital.sato, "p0002").await, Err("policy-forbids".to_owned()));
    assert_eq!(hospital.reads(&hospital.sato, "p0001").await, Ok(()));
    assert_eq!(hospital.post(&hospital.deputy, &decision, &json!({ "verdict": "rejected" })).await.0, StatusCode::CONFLICT);

    let question = json!({ "who": "sato", "action": "read", "bucket": "karte", "key": "p0002" });
    let (status, why) = hospital.post(&hospital.chief, "/-/v1/access/explain", &question).await;
    assert_eq!((status, &why["allowed"], &why["reason"]), (StatusCode::OK, &json!(false), &json!("policy-forbids")));
    assert_eq!(why["policies"][0]["id"], json!("no-reading"));
    let (_, all) = hospital.get(&hospital.chief, "/-/v1/access/policies").await;
    assert!(all["policies"].as_array().unwrap().iter().any(|policy| policy["file"] == "quiet"));
    assert_eq!(hospital.post(&hospital.sato, "/-/v1/access/explain", &question).await.0, StatusCode::FORBIDDEN);

    hospital.change(json!({ "is": "policy", "name": "quiet", "text": "" })).await;
    assert_eq!(hospital.reads(&hospital.sato, "p0002").await, Ok(()));
}

#[tokio::test]
async fn what_one_hospital_lays_down_holds_in_no_other() {
    let hospital = hospital().await;
    hospital.change(json!({ "is": "care", "limit": "everybody" })).await;
    let other = hospital.gateway.tenant("minami").await;
    let ito = hospital.gateway.principal(other, "ito", (PrincipalKind::Person, &["physician"]), &[("*", &Right::ALL)]).await;
    hospital.gateway.ask(&ito, &Ask::put("/karte", "").with("x-amz-bucket-object-lock-enabled", "true")).await.good();
    let record = Ask::put("/karte/p0001", "other").with("x-amz-meta-record-class", "chart.medical").with("x-amz-meta-patient-id", "0001");
    hospital.gateway.ask(&ito, &record).await.good();
    assert_eq!(hospital.gateway.ask(&ito, &Ask::get("/karte/p0001")).await.good().text(), "other");
    let (_, changes) = hospital.get(&ito, "/-/v1/access/changes").await;
    assert_eq!(changes["changes"], json!([]));
}

#[tokio::test]
async fn the_api_says_what_is_wrong_with_a_request() {
    let hospital = hospital().await;
    let told = hospital.gateway.ask(&hospital.app, &Ask::post("/-/v1/patients", "{")).await;
    assert_eq!((told.status, told.header("content-type")), (StatusCode::BAD_REQUEST, Some("application/problem+json")));
    assert_eq!(read(&told).1["code"], json!("bad-body"));
    assert_eq!(hospital.get(&hospital.app, "/-/v1/patients").await.0, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(hospital.get(&hospital.app, "/-/v1/nothing").await.0, StatusCode::NOT_FOUND);
    let long = Ask::post("/-/v1/patients", vec![b' '; 70_000]);
    assert_eq!(hospital.gateway.ask(&hospital.app, &long).await.code(), "MaxMessageLengthExceeded");
}

#[tokio::test]
async fn administrators_make_people_together_and_credentials_for_each_other_only() {
    let hospital = hospital().await;
    let grants = json!([{ "bucket": "karte", "rights": ["read", "list"] }]);
    let nurse = json!({ "is": "person", "name": "suzuki", "kind": "person", "profile": { "job_types": ["nurse"], "grants": grants } });
    for bad in [
        json!({ "is": "person", "name": "op", "kind": "operator" }),
        json!({ "is": "person", "name": "x", "kind": "person", "profile": { "job_types": ["wizard"] } }),
        json!({ "is": "person", "name": "x", "kind": "person", "profile": { "grants": [{ "bucket": "*", "rights": ["break-glass"] }] } }),
    ] {
        let (status, told) = hospital.post(&hospital.chief, "/-/v1/access/changes", &json!({ "wanted": bad })).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{told}");
    }
    hospital.change(nurse.clone()).await;
    let path = "/-/v1/people/suzuki/credentials";
    assert_eq!(hospital.post(&hospital.sato, path, &json!({})).await.0, StatusCode::FORBIDDEN);
    let (status, key) = hospital.post(&hospital.chief, path, &json!({ "seconds": 600 })).await;
    assert_eq!(status, StatusCode::CREATED, "{key}");
    let text = |name: &str| key[name].as_str().unwrap().to_owned();
    let suzuki = Person { tenant: hospital.sato.tenant, key: Key { access: text("access_key"), secret: text("secret_key") } };
    assert_eq!(hospital.reads(&suzuki, "p0001").await, Ok(()));
    let (status, told) = hospital.post(&hospital.chief, "/-/v1/people/chief/credentials", &json!({})).await;
    assert_eq!((status, told["code"].as_str()), (StatusCode::FORBIDDEN, Some("same-person")));
    assert_eq!(hospital.post(&hospital.chief, "/-/v1/people/nobody/credentials", &json!({})).await.0, StatusCode::NOT_FOUND);

    // Somebody who is there is changed, and nobody approves what is about themselves.
    let narrower =
        json!({ "is": "person", "name": "suzuki", "kind": "person", "profile": { "job_types": ["dental_tech"], "grants": grants } });
    hospital.change(narrower).await;
    assert_eq!(hospital.reads(&suzuki, "p0001").await, Err("class-not-allowed".to_owned()));
    let wider =
        json!({ "is": "person", "name": "deputy", "kind": "person", "profile": { "grants": [{ "bucket": "*", "rights": ["read"] }] } });
    let (_, change) = hospital.post(&hospital.chief, "/-/v1/access/changes", &json!({ "wanted": wider })).await;
    let decision = format!("/-/v1/access/changes/{}/decision", change["id"].as_str().unwrap());
    let (status, told) = hospital.post(&hospital.deputy, &decision, &json!({ "verdict": "approved" })).await;
    assert_eq!((status, told["code"].as_str()), (StatusCode::FORBIDDEN, Some("same-person")));

    let (status, _) = hospital.post(&hospital.deputy, "/-/v1/people/suzuki/disable", &json!({})).await;
    assert_eq!(status, StatusCode::OK);
    assert!(hospital.reads(&suzuki, "p0001").await.is_err());
    let (_, people) = hospital.get(&hospital.chief, "/-/v1/people").await;
    let shown = people["people"].as_array().unwrap().iter().find(|person| person["name"] == "suzuki").unwrap();
    assert_eq!((&shown["standing"], &shown["profile"]["job_types"][0]), (&json!("disabled"), &json!("dental_tech")));
    let events = hospital.gateway.events(hospital.sato.tenant).await;
    let made = events.iter().find(|event| event.operation == "GiveCredential" && event.subject.credential.is_some()).unwrap();
    assert_eq!((made.subject.principal.as_deref(), made.subject.credential.as_deref()), (Some("suzuki"), Some(suzuki.key.access.as_str())));
}
