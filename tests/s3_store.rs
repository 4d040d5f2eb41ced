//! An S3 service behind the gateway: SeaweedFS, over TLS. Real clients pass as they do over the local directory, and a
//! service that is away is an answer, not a loss.
#![cfg(feature = "s3-store")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up may stop")]
#![expect(dead_code, reason = "every suite uses another part of the drivers")]

#[path = "support/demo.rs"]
mod demo;
#[path = "support/weed.rs"]
mod weed;

use demo::Demo;
use weed::{ACCESS_KEY, BUCKET, Door, Weed};

fn over(weed: &Weed) -> Demo {
    let settings = [
        ("ENDPOINT", weed.endpoint()),
        ("BUCKET", BUCKET.to_owned()),
        ("REGION", "us-east-1".to_owned()),
        ("ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
        ("SECRET_KEY_FILE", weed.secret_file().display().to_string()),
        ("PREFIX", "hozon/".to_owned()),
        ("CA", weed.ca().display().to_string()),
    ];
    Demo::start_with(&settings.map(|(name, value)| (format!("HOZON__STORE__S3__{name}"), value)))
}

#[test]
#[ignore = "needs SeaweedFS, curl, and python3 with boto3"]
fn real_clients_pass_over_an_s3_service() {
    let weed = Weed::start(Door::Tls);
    let demo = over(&weed);
    for script in ["boto3_objects.py", "boto3_multipart.py", "model.py"] {
        demo.passes(script);
    }
    assert!(!demo.directory().join("data/blobs").exists(), "the bodies lie on the local disk");
}

#[test]
#[ignore = "needs SeaweedFS, curl, and python3 with boto3"]
fn a_service_that_is_away_is_an_answer_and_no_loss() {
    let mut weed = Weed::start(Door::Tls);
    let demo = over(&weed);
    demo.passes_words("store_away.py", &["before"]);
    weed.stop();
    demo.passes_words("store_away.py", &["away"]);
    weed.resume();
    demo.passes_words("store_away.py", &["after"]);
}
