#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot set up may stop")]
//! A running demo seen through its front door and its operator's socket: what is switched off stays out, and who may
//! look into the log may.

#[path = "support/demo.rs"]
#[expect(dead_code, reason = "other suites use more of it")]
mod demo;

use bytes::Bytes;
use demo::Demo;
use hozon::client::{Answer, Client};
use hozon::domain::{Clock, SystemClock};
use http::Method;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};
use zeroize::Zeroizing;

const LETTER: &str = "/karte/patients/0001234/letters/referral.pdf";

fn client(demo: &Demo, person: &str) -> Client {
    let facts = demo.facts();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let person = &facts["people"][person];
    let keys = (text(&person["access_key"]), Zeroizing::new(text(&person["secret_key"])));
    Client::new(&text(&facts["endpoint"]), Path::new(&text(&facts["ca"])), &text(&facts["region"]), keys).unwrap()
}

async fn get(demo: &Demo, person: &str, path: &str) -> Answer {
    client(demo, person).send(Method::GET, path, (&[], Bytes::new()), SystemClock.now()).await.unwrap()
}

fn hozon(demo: &Demo, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hozon"));
    command.env_clear().arg("--socket").arg(demo.directory().join("admin.sock")).args(arguments).output().unwrap()
}

#[tokio::test]
async fn what_an_operator_switches_off_is_out_at_once() {
    let demo = Demo::start();
    let tenant = demo.facts()["people"]["physician"]["tenant"].as_str().unwrap().to_owned();
    assert_eq!(get(&demo, "physician", LETTER).await.status, 200);

    assert!(hozon(&demo, &["bucket", "disable", "karte", "--tenant", &tenant]).status.success());
    let refused = get(&demo, "physician", LETTER).await;
    assert_eq!(refused.status, 403);
    assert!(String::from_utf8_lossy(&refused.body).contains("bucket-disabled"), "{refused:?}");
    assert_eq!(get(&demo, "app", "/files?list-type=2").await.status, 200, "only the one bucket is out");

    assert!(hozon(&demo, &["principal", "disable", "app", "--tenant", &tenant]).status.success());
    assert_eq!(get(&demo, "app", "/files?list-type=2").await.status, 403);

    assert_eq!(get(&demo, "clerk", "/files?list-type=2").await.status, 200, "known, and remembered");
    assert!(hozon(&demo, &["tenant", "disable", &tenant]).status.success());
    assert_eq!(get(&demo, "clerk", "/files?list-type=2").await.status, 403);
    assert_ne!(get(&demo, "other-physician", "/karte?list-type=2").await.status, 500, "the other hospital is served on");
}

#[tokio::test]
async fn the_auditor_sees_who_tried_what_and_nobody_else_does() {
    let demo = Demo::start();
    assert_eq!(get(&demo, "clerk", LETTER).await.status, 403);
    let dir = demo.directory().to_str().unwrap().to_owned();
    let search = ["audit", "search", "--demo", &dir, "--output", "json"];
    let found = hozon(&demo, &[&search[..], &["--person", "clerk", "--verdict", "refused", "--key", &LETTER[7..]]].concat());
    let found: Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!(found["events"][0]["reason"], "not-granted", "{found}");
    assert_eq!(found["events"][0]["operation"], "GetObject");

    let nurse = hozon(&demo, &[&search[..], &["--as", "nurse"]].concat());
    assert_eq!(nurse.status.code(), Some(3), "{}", String::from_utf8_lossy(&nurse.stderr));
    let stranger = hozon(&demo, &[&search[..], &["--as", "stranger"]].concat());
    assert_eq!(stranger.status.code(), Some(2));
}

#[test]
fn a_second_demo_leaves_the_first_alone_and_says_what_is_wrong() {
    let demo = Demo::start();
    let dir = demo.directory().to_str().unwrap().to_owned();
    let before = demo.facts();
    let config = std::fs::read(demo.directory().join("hozon.toml")).unwrap();
    let start = |dir: &str, listen: &str| {
        let ran = Command::new(env!("CARGO_BIN_EXE_hozon")).args(["demo", "--dir", dir, "--listen", listen]).output().unwrap();
        (ran.status.code(), String::from_utf8(ran.stderr).unwrap())
    };
    let (code, said) = start(&dir, "127.0.0.1:0");
    assert!(code == Some(1) && said.contains("a demo runs already in") && said.contains("another directory"), "{said}");
    assert!(!said.contains("port"), "{said}");
    assert_eq!(demo.facts(), before);
    assert_eq!(std::fs::read(demo.directory().join("hozon.toml")).unwrap(), config);

    let elsewhere = tempfile::tempdir().unwrap();
    let port = before["endpoint"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    let (code, said) = start(elsewhere.path().to_str().unwrap(), &format!("127.0.0.1:{port}"));
    assert!(code == Some(1) && said.contains("the port is taken"), "{said}");
}

#[test]
#[ignore = "needs curl with HTTP/2"]
fn a_refused_upload_of_100_mib_shows_its_code_in_curl() {
    let demo = Demo::start();
    let facts = demo.facts();
    let file = demo.directory().join("large");
    std::fs::File::create(&file).unwrap().set_len(100 << 20).unwrap();
    let clerk = &facts["people"]["clerk"];
    let user = format!("{}:{}", clerk["access_key"].as_str().unwrap(), clerk["secret_key"].as_str().unwrap());
    // The wait for leave that curl gives up almost at once stands for clients that never ask.
    for patience in ["0.001", "10"] {
        for version in ["--http1.1", "--http2"] {
            let mut curl = Command::new("curl");
            curl.args([
                "-sS",
                "--aws-sigv4",
                "aws:amz:ap-northeast-1:s3",
                version,
                "--expect100-timeout",
                patience,
                "-H",
                "x-amz-content-sha256: UNSIGNED-PAYLOAD",
            ]);
            curl.arg("--cacert").arg(facts["ca"].as_str().unwrap()).arg("--user").arg(&user).arg("-T").arg(&file);
            let ran = curl.arg(format!("{}/karte/large", facts["endpoint"].as_str().unwrap())).output().unwrap();
            let said = String::from_utf8_lossy(&ran.stdout);
            assert!(said.contains("<Code>AccessDenied</Code>"), "{patience} {version}: {said}{}", String::from_utf8_lossy(&ran.stderr));
        }
    }
}
