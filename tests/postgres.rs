//! A PostgreSQL server behind the gateway, over TLS. Real clients pass as they do over the file, and a server that is away
//! is an answer, not a loss.
#![cfg(feature = "postgres")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up may stop")]
#![expect(dead_code, reason = "every suite uses another part of the drivers")]

#[path = "support/demo.rs"]
mod demo;
#[path = "support/postgres.rs"]
mod server;

use demo::{Demo, passes_alone_with};
use server::Postgres;
use std::collections::HashMap;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

fn over(server: &Postgres) -> Demo {
    Demo::start_with(&server.settings())
}

#[test]
#[ignore = "needs PostgreSQL, curl, and python3 with boto3"]
fn real_clients_pass_over_postgresql() {
    let server = Postgres::start();
    let demo = over(&server);
    for script in ["boto3_objects.py", "boto3_buckets.py", "boto3_multipart.py", "refusals.py", "two_tenants.py"] {
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

#[test]
#[ignore = "needs PostgreSQL, and python3 with boto3"]
fn an_index_moves_from_a_file_to_postgresql() {
    let server = Postgres::start();
    passes_alone_with("migrate.py", "MIGRATE_POSTGRES", server.settings());
}

#[test]
#[ignore = "needs PostgreSQL, and python3 with boto3"]
fn a_lost_schema_comes_back_from_its_backup() {
    let server = Postgres::start();
    passes_alone_with("backup.py", "BACKUP_POSTGRES", server.settings());
}

/// A failover loses nothing only where a synchronous standby follows, and the doctor tells every other case apart.
#[test]
#[ignore = "needs PostgreSQL, and `pg_basebackup`"]
fn the_doctor_knows_a_synchronous_standby_from_any_other() {
    let server = Postgres::start();
    let demo = over(&server);
    let look = || doctor(&demo, &server);
    let becomes = |name: &str, state: &str| {
        let sql = format!("SELECT sync_state FROM pg_stat_replication WHERE application_name = '{name}' AND state = 'streaming'");
        until(|| server.psql(&sql).unwrap() == state);
    };
    let set = |setting: &str| {
        server.psql(&format!("ALTER SYSTEM SET {setting}")).unwrap();
        server.psql("SELECT pg_reload_conf()").unwrap();
    };
    let standby = |(code, found): (Option<i32>, Findings)| (code, found["index standby"].clone());

    let (code, found) = look();
    assert_eq!((code, &found["index synchronous_commit"].0[..], &found["index standby"].0[..]), (Some(0), "good", "weak"), "{found:?}");

    let twin = server.standby("twin");
    becomes("twin", "async");
    let (code, (result, detail)) = standby(look());
    assert_eq!((code, &result[..]), (Some(1), "bad"), "{detail}");
    assert!(detail.contains("asynchronous: twin, none synchronous: a failover loses"), "{detail}");

    set("synchronous_standby_names = 'twin'");
    becomes("twin", "sync");
    assert_eq!(standby(look()), (Some(0), ("good".to_owned(), "synchronous: twin".to_owned())));

    let far = server.standby("far");
    becomes("far", "async");
    let (code, (result, detail)) = standby(look());
    assert_eq!((code, &result[..]), (Some(0), "weak"), "{detail}");
    assert!(detail.contains("far, which lacks what was acknowledged last"), "{detail}");
    drop(far);

    set("synchronous_commit = 'off'");
    until(|| look().1["index synchronous_commit"].0 == "weak");
    assert!(look().1["index synchronous_commit"].1.starts_with("off: hozon's own commits wait"));

    drop(twin);
    until(|| server.psql("SELECT count(*) FROM pg_stat_replication").unwrap() == "0");
    let (code, (result, detail)) = standby(look());
    assert_eq!((code, &result[..]), (Some(1), "bad"), "{detail}");
    assert!(detail.contains("wants twin, and none such is connected: commits wait for ever"), "{detail}");
}

/// What was found, by what was looked at: how it is, and more about it.
type Findings = HashMap<String, (String, String)>;

fn doctor(demo: &Demo, server: &Postgres) -> (Option<i32>, Findings) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hozon"));
    command.args(["doctor", "--output", "json", "--config"]).arg(demo.facts().get("config").and_then(|config| config.as_str()).unwrap());
    let ran = command.envs(server.settings()).output().unwrap();
    let found: Vec<serde_json::Value> =
        serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&ran.stderr)));
    let text = |one: &serde_json::Value, field: &str| one[field].as_str().unwrap().to_owned();
    (ran.status.code(), found.iter().map(|one| (text(one, "check"), (text(one, "result"), text(one, "detail")))).collect())
}

fn until(mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(60));
        thread::sleep(Duration::from_millis(50));
    }
}
