//! Job type by record class, over HTTP: every field of the table that hozon ships, read from the file itself (AC-01, AC-02).

use crate::gateway::{Ask, Gateway, Person, Told};
use hozon::domain::{AccessGrid, Enters, PatientsNamed, PrincipalKind, RecordClass, Right};
use hozon::policy::{Basis, Rules};
use http::StatusCode;
use std::collections::{BTreeMap, BTreeSet};

const GRID: &str = include_str!("../../config/access-grid.toml");
const CLASSES: &str = include_str!("../../config/record-classes.toml");
const JOBS: &str = include_str!("../../config/job-types.toml");

/// What the file says, as (job type, class) → rights; of proxies apart.
#[derive(Default)]
struct Grid {
    own: BTreeMap<(String, String), BTreeSet<String>>,
    proxy: BTreeMap<(String, String), BTreeSet<String>>,
}

fn strings(value: &toml::Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn column(text: &str, table: &str, name: &str) -> Vec<String> {
    let file: toml::Table = toml::from_str(text).unwrap();
    file[table].as_array().unwrap().iter().map(|row| row[name].as_str().unwrap().to_owned()).collect()
}

fn grid(classes: &[String]) -> Grid {
    let file: toml::Table = toml::from_str(GRID).unwrap();
    let mut grid = Grid::default();
    for row in file["row"].as_array().unwrap() {
        let proxy = row.get("proxy").is_some_and(|value| value.as_bool().unwrap());
        let mut meant = strings(&row["classes"]);
        if meant == ["*"] {
            meant = classes.iter().filter(|class| *class != "audit.log").cloned().collect();
        }
        for job in strings(&row["job_types"]) {
            for class in &meant {
                let side = if proxy { &mut grid.proxy } else { &mut grid.own };
                side.entry((job.clone(), class.clone())).or_default().extend(strings(&row["may"]));
            }
        }
    }
    grid
}

impl Grid {
    fn own(&self, job: &str, class: &str, right: &str) -> bool {
        self.own.get(&(job.to_owned(), class.to_owned())).is_some_and(|rights| rights.contains(right))
    }

    fn proxy(&self, job: &str, class: &str, right: &str) -> bool {
        self.proxy.get(&(job.to_owned(), class.to_owned())).is_some_and(|rights| rights.contains(right))
    }
}

fn put(key: &str, class: &str) -> Ask {
    Ask::put(&format!("/karte/{key}"), "finding").with("x-amz-meta-record-class", class).with("x-amz-meta-patient-id", "0001")
}

fn refused(told: &Told, reason: &str, what: &str) {
    assert_eq!(told.element("HozonReason").as_deref(), Some(reason), "{what}: {} {}", told.status, told.text());
}

async fn check(gateway: &Gateway, who: &Person, grid: &Grid, (job, classes): (&str, &[String])) {
    let listed = gateway.ask(who, &Ask::get("/karte?list-type=2&prefix=of%2F")).await.good().text().to_owned();
    for class in classes {
        let what = format!("{job} {class}");
        let got = gateway.ask(who, &Ask::get(&format!("/karte/of/{class}"))).await;
        match grid.own(job, class, "read") {
            true => assert_eq!(got.status, StatusCode::OK, "{what}: {}", got.text()),
            false if grid.proxy(job, class, "read") => refused(&got, "on-behalf-of-required", &what),
            false => refused(&got, "class-not-allowed", &what),
        }
        let shows = listed.contains(&format!("<Key>of/{class}</Key>"));
        assert_eq!(shows, grid.own(job, class, "list") || grid.proxy(job, class, "list"), "{what}: list");

        let written = gateway.ask(who, &put(&format!("{job}/{class}"), class)).await;
        let for_another = put(&format!("{job}/{class}.p"), class).with("x-amz-meta-on-behalf-of", "dr-sato");
        let by_proxy = gateway.ask(who, &for_another).await;
        if grid.own(job, class, "write-draft") {
            written.good();
        } else if grid.proxy(job, class, "write-draft") {
            assert_eq!(written.status, StatusCode::BAD_REQUEST, "{what}");
            refused(&written, "on-behalf-of-required", &what);
        } else {
            refused(&written, "class-not-allowed", &what);
        }
        let may = grid.own(job, class, "write-draft") || grid.proxy(job, class, "write-draft");
        assert_eq!(by_proxy.status.is_success(), may, "{what}: {}", by_proxy.text());

        let last = gateway.ask(who, &put(&format!("{job}/{class}.f"), class).with("x-amz-meta-record-state", "final")).await;
        let may = grid.own(job, class, "write-draft") && grid.own(job, class, "finalize");
        assert_eq!(last.status.is_success(), may, "{what} final: {}", last.text());
    }
}

#[tokio::test]
async fn every_field_of_the_grid_holds_over_http() {
    let (gateway, app) = Gateway::with_app().await;
    gateway.ask(&app, &Ask::put("/karte", "").with("x-amz-bucket-object-lock-enabled", "true")).await.good();
    let (classes, jobs) = (column(CLASSES, "class", "id"), column(JOBS, "job_type", "code"));
    let grid = grid(&classes);
    // Some classes are written by nobody: what is there to be read was written under another table.
    let shipped = gateway.basis.clone();
    let mut open = AccessGrid::default();
    classes.iter().for_each(|class| open.allow(("physician", &RecordClass::parse(class).unwrap()), Right::WriteDraft, Enters::Oneself));
    gateway.rules.replace(Rules::new(Basis { grid: open, ..gateway.basis.clone() }).unwrap());
    for class in &classes {
        gateway.ask(&app, &put(&format!("of/{class}"), class)).await.good();
    }
    gateway.rules.replace(Rules::new(shipped).unwrap());
    assert!(grid.own.len() > 200 && !grid.proxy.is_empty());
    for job in &jobs {
        let kind = if job == "system" { PrincipalKind::App } else { PrincipalKind::Person };
        let who = gateway.principal(app.tenant, &format!("a-{}", job.replace('_', "-")), (kind, &[job]), &[("karte", &Right::ALL)]).await;
        check(&gateway, &who, &grid, (job, &classes)).await;
    }
}

#[tokio::test]
async fn a_listing_of_versions_and_uploads_shows_only_what_may_be_listed() {
    let (gateway, app) = Gateway::with_app().await;
    gateway.ask(&app, &Ask::put("/karte", "").with("x-amz-bucket-object-lock-enabled", "true")).await.good();
    let physician = gateway.principal(app.tenant, "sato", (PrincipalKind::Person, &["physician"]), &[("karte", &Right::ALL)]).await;
    let office = gateway.principal(app.tenant, "taka", (PrincipalKind::Person, &["admin_office"]), &[("karte", &Right::ALL)]).await;
    gateway.ask(&physician, &put("chart", "chart.medical")).await.good();
    gateway.ask(&office, &put("bill", "billing")).await.good();
    let open = Ask::post("/karte/scan?uploads", "").with("x-amz-meta-record-class", "consent.scan").with("x-amz-meta-patient-id", "0001");
    gateway.ask(&physician, &open).await.good();
    let shows = async |who: &Person, query: &str| gateway.ask(who, &Ask::get(&format!("/karte?{query}"))).await.good().text().to_owned();
    for (query, key) in [("versions", "chart"), ("list-type=2", "chart"), ("uploads", "scan"), ("", "chart")] {
        assert!(shows(&physician, query).await.contains(&format!("<Key>{key}</Key>")), "{query}");
        assert!(!shows(&office, query).await.contains(&format!("<Key>{key}</Key>")), "{query}");
    }
    assert!(shows(&physician, "versions").await.contains("<Key>bill</Key>"));
    // What one class replaces of another takes a right on both (AC-02).
    let told = gateway.ask(&office, &put("chart", "billing")).await;
    refused(&told, "class-not-allowed", "replacing a chart by a bill");
}

#[tokio::test]
async fn a_record_without_class_or_patient_is_an_error_of_the_request() {
    let (gateway, app) = Gateway::with_app().await;
    gateway.ask(&app, &Ask::put("/karte", "").with("x-amz-bucket-object-lock-enabled", "true")).await.good();
    let bare = gateway.ask(&app, &Ask::put("/karte/r", "v")).await;
    assert_eq!((bare.status, bare.code().as_str()), (StatusCode::BAD_REQUEST, "InvalidRequest"));
    refused(&bare, "record-class-required", "no class");
    let no_patient = gateway.ask(&app, &Ask::put("/karte/r", "v").with("x-amz-meta-record-class", "chart.medical")).await;
    assert_eq!(no_patient.status, StatusCode::BAD_REQUEST);
    refused(&no_patient, "patient-required", "no patient");
}

#[tokio::test]
async fn a_client_that_knows_no_patients_may_use_the_default_of_a_bucket_only_where_the_profile_lets_it() {
    let (gateway, app) = Gateway::with_app().await;
    gateway.ask(&app, &Ask::put("/karte", "").with("x-amz-bucket-object-lock-enabled", "true")).await.good();
    gateway.records_bucket(app.tenant, "with-default", "chart.medical").await;
    let bare = Ask::put("/with-default/r", "v");
    refused(&gateway.ask(&app, &bare).await, "patient-required", "strict");
    let basis = Basis { patients: PatientsNamed::WithStatedClass, ..gateway.basis.clone() };
    gateway.rules.replace(Rules::new(basis).unwrap());
    gateway.ask(&app, &bare).await.good();
    let open = gateway.ask(&app, &Ask::post("/with-default/u?uploads", "")).await.good().element("UploadId").unwrap();
    let tag = gateway.ask(&app, &Ask::put(&format!("/with-default/u?partNumber=1&uploadId={open}"), "v")).await.good();
    let tag = tag.header("etag").unwrap().to_owned();
    let list = format!("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part></CompleteMultipartUpload>");
    gateway.ask(&app, &Ask::post(&format!("/with-default/u?uploadId={open}"), list)).await.good();
    let stated = bare.with("x-amz-meta-record-class", "chart.medical");
    refused(&gateway.ask(&app, &stated).await, "patient-required", "stated");
}
