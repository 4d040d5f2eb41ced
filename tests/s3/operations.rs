//! `docs/S3.md` against the gateway, operation by operation.

use crate::gateway::{Ask, Gateway, Person};
use crate::signing::{Key, sha256, stamp};
use http::{Method, StatusCode};
use std::collections::BTreeSet;

/// The operations that the protocol crate knows: methods of its trait.
const OPERATIONS: usize = 99;

/// One line of the table.
struct Row {
    operation: String,
    ask: Ask,
    is_refused: bool,
}

fn table() -> Vec<Row> {
    let document = include_str!("../../docs/S3.md");
    let lines = document.lines().skip_while(|line| !line.starts_with("| operation |")).skip(2);
    lines.take_while(|line| line.starts_with('|')).map(row).collect()
}

fn row(line: &str) -> Row {
    let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
    let (request, answer) = (cells[1].trim_matches('`'), cells[2]);
    let mut fields = request.split(" +");
    let (method, path) = fields.next().unwrap().split_once(' ').unwrap();
    let ask = Ask::new(Method::from_bytes(method.as_bytes()).unwrap(), path);
    let ask = fields.fold(ask, |ask, field| {
        let (name, value) = field.split_once(": ").unwrap();
        ask.with(name, value)
    });
    assert!(["done", "differs", "refused NotImplemented"].contains(&answer), "{answer}");
    Row { operation: cells[0].to_owned(), ask, is_refused: answer.starts_with("refused") }
}

async fn with_bucket() -> (Gateway, Person) {
    let (gateway, app) = Gateway::with_app().await;
    gateway.ask(&app, &Ask::put("/bucket", "")).await.good();
    gateway.ask(&app, &Ask::put("/bucket/other", "v")).await.good();
    (gateway, app)
}

#[test]
fn the_table_names_every_operation_once() {
    let names: BTreeSet<String> = table().into_iter().map(|row| row.operation).collect();
    assert_eq!((table().len(), names.len()), (OPERATIONS, OPERATIONS));
}

#[tokio::test]
async fn every_operation_is_answered_as_the_table_says() {
    let (gateway, app) = with_bucket().await;
    for Row { operation, ask, is_refused } in table() {
        let told = gateway.ask(&app, &ask).await;
        if is_refused {
            assert_eq!((told.status, told.code().as_str()), (StatusCode::NOT_IMPLEMENTED, "NotImplemented"), "{operation}");
            assert_eq!(told.element("Operation").as_deref(), Some(operation.as_str()));
        } else {
            assert_eq!(told.operation, operation);
            assert_ne!(told.status, StatusCode::NOT_IMPLEMENTED, "{operation}");
            assert!(!told.status.is_server_error(), "{operation}");
        }
    }
    gateway.ask(&app, &Ask::get("/bucket/other")).await.good();
}

#[tokio::test]
async fn every_operation_is_refused_without_and_with_wrong_credentials() {
    let (gateway, app) = with_bucket().await;
    let wrong = Key { secret: "wrong".repeat(8), ..app.key.clone() };
    let unknown = Key { access: "HZBBBBBBBBBBBBBBBBBB".to_owned(), ..app.key.clone() };
    for Row { operation, ask, .. } in table() {
        // A form is refused before anyone looks at who sends it.
        let is_form = operation == "PostObject";
        let anonymous = gateway.send(ask.request(), Vec::new()).await;
        assert_eq!(anonymous.code(), if is_form { "NotImplemented" } else { "AccessDenied" }, "{operation}");
        for (key, code) in [(&wrong, "SignatureDoesNotMatch"), (&unknown, "InvalidAccessKeyId")] {
            let mut request = ask.request();
            key.sign(&mut request, &sha256(b""), &stamp(0));
            let told = gateway.send(request, Vec::new()).await;
            assert_eq!(told.code(), if is_form { "NotImplemented" } else { code }, "{operation}");
        }
    }
}

#[tokio::test]
async fn who_has_no_right_learns_nothing_from_any_operation() {
    let (gateway, app) = with_bucket().await;
    let nobody = gateway.person(app.tenant, "nobody", &[]).await;
    for Row { operation, ask, is_refused } in table() {
        let told = gateway.ask(&nobody, &ask).await;
        if operation == "ListBuckets" {
            assert!(told.good().elements("Name").is_empty());
            continue;
        }
        // What is not done is so for everyone, and so is what is malformed: a document or header is missing.
        let for_everyone = is_refused || told.status == StatusCode::BAD_REQUEST;
        assert!(for_everyone || told.status == StatusCode::FORBIDDEN, "{operation} {}", told.code());
        assert_eq!(told.element("HozonReason"), None, "{operation}");
    }
}
