//! What is found to be damaged is an error for the client and on record for the hospital (promise 6, AU-01).

use crate::gateway::{Ask, Gateway, Person};
use futures::TryStreamExt;
use hozon::audit::{Event, Logged, OutcomeResult, Verdict};
use hozon::blob::Scope;
use http::StatusCode;

async fn with_record(size: usize) -> (Gateway, Person) {
    let (gateway, app) = Gateway::with_app().await;
    gateway.ask(&app, &Ask::put("/files", "")).await.good();
    gateway.ask(&app, &Ask::put("/files/k", vec![7; size])).await.good();
    (gateway, app)
}

/// Changes the index behind the gateway's back; as many rows as said.
fn alter(gateway: &Gateway, sql: &str, rows: usize) {
    let index = rusqlite::Connection::open(gateway.directory.path().join("index.sqlite")).unwrap();
    assert_eq!(index.execute(sql, []).unwrap(), rows, "{sql}");
}

async fn reads(gateway: &Gateway, app: &Person) -> Vec<Event> {
    gateway.events(app.tenant).await.into_iter().filter(|event| event.operation == "GetObject").collect()
}

/// What became of reads, newest first.
async fn outcomes(gateway: &Gateway, app: &Person) -> Vec<OutcomeResult> {
    reads(gateway, app).await.into_iter().filter_map(|event| event.outcome).map(|outcome| outcome.result).collect()
}

#[tokio::test]
async fn a_body_that_is_gone_is_damage_on_record() {
    for size in [10, 3 << 20] {
        let (gateway, app) = with_record(size).await;
        let blobs: Vec<_> = gateway.blobs.list(Scope::All).try_collect().await.unwrap();
        for listed in blobs {
            gateway.blobs.delete(listed.blob).await.unwrap();
        }
        assert_eq!(gateway.ask(&app, &Ask::get("/files/k")).await.status, StatusCode::INTERNAL_SERVER_ERROR);
        // At once, and not some time later.
        assert_eq!(outcomes(&gateway, &app).await, [OutcomeResult::Damaged], "{size}");
    }
}

#[tokio::test]
async fn an_altered_data_key_is_damage_on_record() {
    let (gateway, app) = with_record(10).await;
    alter(&gateway, "UPDATE deks SET wrapped = zeroblob(length(wrapped))", 1);
    assert_eq!(gateway.ask(&app, &Ask::get("/files/k")).await.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(outcomes(&gateway, &app).await, [OutcomeResult::Damaged]);
}

#[tokio::test]
async fn an_altered_row_is_on_record_before_anyone_is_told() {
    for sql in ["UPDATE versions SET size = size + 1", "UPDATE entries SET revision = revision + 1"] {
        let (gateway, app) = with_record(10).await;
        alter(&gateway, sql, 1);
        for ask in [Ask::get("/files/k"), Ask::delete("/files/k"), Ask::put("/files/k", "new")] {
            assert_eq!(gateway.ask(&app, &ask).await.status, StatusCode::INTERNAL_SERVER_ERROR, "{sql} {ask:?}");
            let event = gateway.events(app.tenant).await.remove(0);
            assert_eq!((event.verdict, event.reason.as_deref()), (Verdict::Refused, Some("index-damaged")), "{sql} {ask:?}");
            assert_eq!(event.subject.key.as_deref(), Some("k"));
        }
    }
}

#[tokio::test]
async fn a_listing_that_meets_an_altered_row_is_damage_on_record() {
    let altered =
        [("UPDATE entries SET revision = revision + 1", "/files?list-type=2"), ("UPDATE versions SET size = size + 1", "/files?versions")];
    for (sql, listing) in altered {
        let (gateway, app) = with_record(10).await;
        alter(&gateway, sql, 1);
        assert_eq!(gateway.ask(&app, &Ask::get(listing)).await.status, StatusCode::INTERNAL_SERVER_ERROR, "{listing}");
        let event = gateway.events(app.tenant).await.remove(0);
        assert_eq!(event.outcome.map(|outcome| outcome.result), Some(OutcomeResult::Damaged), "{listing}");
    }
}

#[tokio::test]
async fn a_damaged_event_is_shown_as_such_and_hides_no_other() {
    let (gateway, app) = with_record(10).await;
    gateway.ask(&app, &Ask::get("/files/k")).await.good();
    gateway.outcomes.finish().await;
    let before = gateway.journal.events(app.tenant, None, 100).await.unwrap();
    let (row, damaged) = &before[2];
    alter(&gateway, &format!("UPDATE journal SET sealed = zeroblob(length(sealed)) WHERE row = {row}"), 1);
    let after = gateway.journal.events(app.tenant, None, 100).await.unwrap();
    assert_eq!(after.len(), before.len());
    for (number, (was, is)) in before.iter().zip(&after).enumerate() {
        if number == 2 {
            assert!(matches!(&is.1, Logged::Damaged { id, .. } if id.to_string() == damaged.event().unwrap().id));
        } else {
            assert_eq!(was, is);
        }
    }
}

#[tokio::test]
async fn a_gateway_that_stops_puts_every_outcome_on_record_first() {
    let (gateway, app) = with_record(10).await;
    for _read in 0..25 {
        gateway.ask(&app, &Ask::get("/files/k")).await.good();
    }
    gateway.outcomes.finish().await;
    assert_eq!(outcomes(&gateway, &app).await, vec![OutcomeResult::Complete; 25]);
}

#[tokio::test]
async fn keys_of_events_go_when_the_tenants_keys_are_taken_away() {
    let (gateway, app) = with_record(10).await;
    let index = rusqlite::Connection::open(gateway.directory.path().join("index.sqlite")).unwrap();
    let keys = || index.query_row("SELECT count(DISTINCT event_key) FROM journal", [], |row| row.get::<_, i64>(0)).unwrap();
    gateway.ask(&app, &Ask::head("/files/k")).await.good();
    assert_eq!(keys(), 1);
    gateway.leases.purge(app.tenant);
    gateway.journal.sweep();
    gateway.ask(&app, &Ask::head("/files/k")).await.good();
    assert_eq!(keys(), 2, "the key from before was not kept");
    assert!(gateway.events(app.tenant).await.len() >= 4, "and what it had sealed can be read");
}
