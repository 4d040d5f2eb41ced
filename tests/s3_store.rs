//! An S3 service behind the gateway: SeaweedFS over TLS, or Ceph. Real clients pass as they do over the local directory, and a
//! service that is away is an answer, not a loss.
#![cfg(feature = "s3-store")]
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot set up may stop")]
#![expect(dead_code, reason = "every suite uses another part of the drivers")]

#[path = "support/ceph.rs"]
mod ceph;
#[path = "support/demo.rs"]
mod demo;
#[path = "support/proxy.rs"]
mod proxy;
#[path = "support/weed.rs"]
mod weed;

use ceph::Ceph;
use demo::{Demo, passes_alone_with};
use proxy::{Proxy, Wire};
use std::net::SocketAddr;
use weed::{ACCESS_KEY, BUCKET, Door, Weed};

/// What a section of the configuration says to reach `weed` by a port.
fn section(name: &str, weed: &Weed, port: u16) -> Vec<(String, String)> {
    let settings = [
        ("ENDPOINT", format!("https://localhost:{port}")),
        ("BUCKET", BUCKET.to_owned()),
        ("REGION", "us-east-1".to_owned()),
        ("ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
        ("SECRET_KEY_FILE", weed.secret_file().display().to_string()),
        ("PREFIX", "hozon/".to_owned()),
        ("CA", weed.ca().display().to_string()),
    ];
    settings.into_iter().map(|(key, value)| (format!("HOZON__{name}__S3__{key}"), value)).collect()
}

fn over(weed: &Weed) -> Demo {
    Demo::start_with(&weed.settings())
}

/// Two services behind one gateway, with a wire to each that can be spoiled.
struct Two {
    to_store: Proxy,
    to_replica: Proxy,
    demo: Demo,
    _services: [Weed; 2],
}

impl Two {
    fn start(mode: &str) -> Self {
        let services = [Weed::start(Door::Tls), Weed::start(Door::Tls)];
        let [to_store, to_replica] = [0, 1].map(|one: usize| Proxy::to(SocketAddr::from(([127, 0, 0, 1], services[one].port()))));
        let mut settings = section("STORE", &services[0], to_store.port());
        settings.extend(section("REPLICA", &services[1], to_replica.port()));
        let more = [
            ("REPLICA__MODE", mode),
            ("REPLICA__FAILOVER_SECS", "1"),
            ("STORE__ANSWER_SECS_MAX", "2"),
            ("STORE__REQUEST_SECS_MAX", "10"),
            ("STORE__RETRIES_MAX", "1"),
            ("STORE__RETRY_SECS_MAX", "2"),
        ];
        settings.extend(more.map(|(name, value)| (format!("HOZON__{name}"), value.to_owned())));
        Self { to_store, to_replica, demo: Demo::start_with(&settings), _services: services }
    }

    fn passes(&self, word: &str) {
        self.demo.passes_words("two_stores.py", &[word]);
    }
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
#[ignore = "needs Ceph with radosgw, curl, and python3 with boto3"]
fn real_clients_pass_over_ceph() {
    let ceph = Ceph::start();
    let demo = Demo::start_with(&ceph.settings());
    for script in ["boto3_objects.py", "boto3_multipart.py", "boto3_buckets.py"] {
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

#[test]
#[ignore = "needs SeaweedFS, curl, and python3 with boto3"]
fn either_of_two_services_may_be_away_or_stall() {
    let two = Two::start("before");
    two.passes("at_first");
    for (wire, case) in [(&two.to_replica, "replica_away"), (&two.to_store, "store_away")] {
        wire.set(Wire::Reset);
        two.passes(case);
        wire.set(Wire::Good);
        two.passes("well_again");
    }
    // Connections that there are fall silent, and so do new ones.
    for silence in [Wire::SwallowsAnswers, Wire::SwallowsRequests] {
        two.to_store.set(silence);
        two.passes("store_stalled");
        two.to_store.set(Wire::Good);
        two.passes("well_again");
    }
}

#[test]
#[ignore = "needs SeaweedFS, curl, and python3 with boto3"]
fn a_replica_behind_misses_nothing_while_it_is_away() {
    let two = Two::start("behind");
    two.passes("at_first");
    two.to_replica.set(Wire::Reset);
    two.passes("behind_writes");
    two.to_replica.set(Wire::Good);
    two.passes("filled");
    two.to_store.set(Wire::Reset);
    two.passes("alone");
}

#[test]
#[ignore = "needs SeaweedFS, and python3 with boto3"]
fn bodies_move_from_a_directory_to_an_s3_service() {
    let weed = Weed::start(Door::Tls);
    passes_alone_with("migrate.py", "MIGRATE_STORE", weed.settings());
}
