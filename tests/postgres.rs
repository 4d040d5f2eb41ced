//! A PostgreSQL server behind the gateway, over TLS. Real clients pass as they do over the file, and a server that is away
//! is an answer, not a loss.
#![cfg(feature = "postgres")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up may stop")]
#![expect(dead_code, reason = "every suite uses another part of the drivers")]

#[path = "support/demo.rs"]
mod demo;
#[path = "support/postgres.rs"]
mod server;

use demo::Demo;
use server::Postgres;

fn over(server: &Postgres) -> Demo {
    Demo::start_with(&server.settings())
}

#[test]
#[ignore = "needs PostgreSQL, curl, and python3 with boto3"]
fn real_clients_pass_over_postgresql() {
    let server = Postgres::start();
    let demo = over(&server);
    for script in ["boto3_objects.py", "boto3_buckets.py", "boto3_multipart.py", "refusals.py", "two_tenants.py", "model.py"] {
        demo.passes(script);
    }
    assert!(!demo.directory().join("data/index.sqlite").exists(), "the index lies on the local disk");
}

#[test]
#[ignore = "needs PostgreSQL, and python3 with boto3"]
fn a_server_that_is_away_is_an_answer_and_no_loss() {
    let mut server = Postgres::start();
    let demo = over(&server);
    demo.passes_words("index_away.py", &["before"]);
    server.crash();
    demo.passes_words("index_away.py", &["away"]);
    server.resume();
    demo.passes_words("index_away.py", &["after"]);
}
