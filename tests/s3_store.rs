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
use weed::{Door, Weed};

fn over(weed: &Weed) -> Demo {
    Demo::start_with(&weed.settings())
}

#[test]
#[ignore = "needs SeaweedFS, curl, and python3 with boto3"]
fn real_clients_pass_over_an_s3_service() {
    let weed = Weed::start(Door::Tls);
    let demo = over(&weed);
    for script in ["boto3_objects.py", "boto3_multipart.py"] {
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
