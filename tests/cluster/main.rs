//! Three gateways on one PostgreSQL and one object store, and everything that can happen to them while clients work:
//! nodes are killed, the database and the store crash and come back, wires break in every way, clocks jump.
//! What was acknowledged is there afterwards, nothing is half there, and every access is in the log.
#![cfg(all(feature = "postgres", feature = "s3-store"))]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot set up may stop")]
#![expect(dead_code, reason = "every suite uses another part of the drivers")]

mod clock;
#[path = "../support/demo.rs"]
mod demo;
mod node;
#[path = "../support/postgres.rs"]
mod postgres;
#[path = "../support/proxy.rs"]
mod proxy;
#[path = "../support/weed.rs"]
mod weed;

use clock::Clock;
use demo::Demo;
use node::Node;
use postgres::Postgres;
use proxy::{Proxy, Wire};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::Duration;
use weed::{ACCESS_KEY, BUCKET, Door, Weed};

/// Everything that a cluster consists of, with a wire that can be spoiled between any two of its parts.
struct Cluster {
    nodes: Vec<Node>,
    doors: Vec<Proxy>,
    to_database: Proxy,
    to_store: Proxy,
    database: Postgres,
    store: Weed,
    demo: Demo,
}

impl Cluster {
    fn start(count: usize) -> Self {
        let (database, store) = (Postgres::start(), Weed::start(Door::Tls));
        let to_database = Proxy::to(SocketAddr::from(([127, 0, 0, 1], database.port())));
        let to_store = Proxy::to(SocketAddr::from(([127, 0, 0, 1], store.port())));
        let settings = settings(&database, &to_database, &store, &to_store);
        // The demo makes the hospital and its people; then it makes room for the nodes.
        let mut demo = Demo::start_with(&settings);
        let facts = demo.facts();
        assert!(demo.stop().success());
        let directory = demo.directory().to_owned();
        let library = Clock::library(&directory);
        let config = directory.join("hozon.toml");
        let nodes: Vec<Node> =
            (0..count).map(|number| Node::start(&format!("node-{number}"), &config, &directory, &settings, &library)).collect();
        let doors = nodes.iter().map(|node| Proxy::to(SocketAddr::from(([127, 0, 0, 1], node.port())))).collect();
        let cluster = Self { nodes, doors, to_database, to_store, database, store, demo };
        cluster.tell(&directory, facts);
        cluster
    }

    /// Tells the checking client where to ask.
    fn tell(&self, directory: &Path, mut facts: serde_json::Value) {
        let endpoint = |port: u16| format!("https://localhost:{port}");
        facts["endpoint"] = endpoint(self.nodes[0].port()).into();
        facts["endpoints"] = self.doors.iter().map(|door| endpoint(door.port())).collect::<Vec<_>>().into();
        fs::write(directory.join("demo.json"), facts.to_string()).unwrap();
    }

    /// All that goes wrong, one after another. Everything works again when it returns.
    fn suffer(&mut self) {
        let pause = |seconds: f64| thread::sleep(Duration::from_secs_f64(seconds));
        pause(4.0);
        self.nodes[0].kill();
        pause(1.0);
        self.nodes[0].resume();
        for (wire, seconds) in
            [(Wire::Reset, 1.0), (Wire::Slow, 3.0), (Wire::SwallowsAnswers, 2.0), (Wire::SwallowsRequests, 2.0), (Wire::Cuts, 1.5)]
        {
            self.to_database.set(wire);
            pause(seconds);
            self.to_database.set(Wire::Good);
            pause(1.5);
            self.to_store.set(wire);
            pause(seconds);
            self.to_store.set(Wire::Good);
            pause(1.5);
            self.doors[1].set(wire);
            pause(seconds);
            self.doors[1].set(Wire::Good);
            pause(0.5);
        }
        self.nodes[1].clock().set(240);
        self.nodes[2].clock().set(-240);
        pause(4.0);
        self.database.crash();
        pause(1.0);
        self.database.resume();
        pause(3.0);
        self.nodes[1].clock().set(-120);
        self.nodes[2].clock().set(0);
        self.nodes[1].kill();
        self.nodes[2].kill();
        pause(1.0);
        self.nodes[1].resume();
        self.nodes[2].resume();
        self.store.stop();
        pause(1.0);
        self.store.resume();
        pause(2.0);
        self.database.restart();
        pause(2.0);
        self.nodes[0].kill();
        self.database.crash();
        self.database.resume();
        self.nodes[0].resume();
        self.nodes[1].clock().set(0);
        pause(4.0);
    }
}

fn settings(database: &Postgres, to_database: &Proxy, store: &Weed, to_store: &Proxy) -> Vec<(String, String)> {
    let mut settings = database.settings();
    for (name, value) in &mut settings {
        if name.ends_with("HOSTS") {
            *value = format!("[\"localhost:{}\"]", to_database.port());
        }
        if name.ends_with("SECS_MAX") {
            "3".clone_into(value);
        }
    }
    settings.push(("HOZON__INDEX__POSTGRES__ANSWER_SECS_MAX".to_owned(), "3".to_owned()));
    settings.push(("HOZON__LISTENER__REQUESTS_PER_SECOND".to_owned(), "0".to_owned()));
    let behind = [
        ("ENDPOINT", format!("https://localhost:{}", to_store.port())),
        ("BUCKET", BUCKET.to_owned()),
        ("REGION", "us-east-1".to_owned()),
        ("ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
        ("SECRET_KEY_FILE", store.secret_file().display().to_string()),
        ("CA", store.ca().display().to_string()),
    ];
    settings.extend(behind.map(|(name, value)| (format!("HOZON__STORE__S3__{name}"), value)));
    settings
}

#[test]
#[ignore = "needs PostgreSQL, SeaweedFS, a C compiler, and python3 with boto3"]
fn what_one_node_acknowledges_every_node_serves() {
    let cluster = Cluster::start(2);
    cluster.demo.passes("nodes.py");
    // Both behind at once, as each of them is tried alone elsewhere.
    cluster.demo.passes("model.py");
}

#[test]
#[ignore = "needs PostgreSQL, SeaweedFS, a C compiler, and python3 with boto3"]
fn a_cluster_that_suffers_loses_nothing_acknowledged() {
    let mut cluster = Cluster::start(3);
    let directory = cluster.demo.directory().to_owned();
    thread::scope(|scope| {
        let demo = directory.clone();
        let load = scope.spawn(move || demo::passes_in("cluster.py", &demo, &["load"]));
        cluster.suffer();
        fs::write(directory.join("enough"), "").unwrap();
        load.join().unwrap();
    });
    cluster.demo.passes_words("cluster.py", &["check"]);
}
