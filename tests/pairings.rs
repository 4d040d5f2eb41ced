//! Random operations agree with a dictionary, whatever holds the rows and whatever holds the bodies.
#![cfg(all(feature = "postgres", feature = "s3-store"))]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up may stop")]
#![expect(dead_code, reason = "every suite uses another part of the drivers")]

#[path = "support/demo.rs"]
mod demo;
#[path = "support/postgres.rs"]
mod server;
#[path = "support/weed.rs"]
mod weed;

use demo::Demo;
use server::Postgres;
use weed::{Door, Weed};

/// What holds the rows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rows {
    Sqlite,
    Postgres,
}

/// What holds the bodies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bodies {
    Directory,
    S3,
}

fn agree(rows: Rows, bodies: Bodies) {
    let database = (rows == Rows::Postgres).then(Postgres::start);
    let store = (bodies == Bodies::S3).then(|| Weed::start(Door::Tls));
    let settings: Vec<_> = database.iter().flat_map(Postgres::settings).chain(store.iter().flat_map(Weed::settings)).collect();
    let demo = Demo::start_with(&settings);
    demo.passes("model.py");
    let data = demo.directory().join("data");
    assert_eq!(data.join("index.sqlite").exists(), rows == Rows::Sqlite, "the rows lie where they should");
    assert_eq!(data.join("blobs").exists(), bodies == Bodies::Directory, "the bodies lie where they should");
}

macro_rules! pairings {
    ($($name:ident: $rows:ident, $bodies:ident, $needs:literal;)+) => {
        $(#[test]
        #[ignore = $needs]
        fn $name() {
            agree(Rows::$rows, Bodies::$bodies);
        })+
    };
}

pairings! {
    sqlite_and_a_directory: Sqlite, Directory, "needs python3 with boto3";
    sqlite_and_an_s3_service: Sqlite, S3, "needs SeaweedFS, curl, and python3 with boto3";
    postgresql_and_a_directory: Postgres, Directory, "needs PostgreSQL, and python3 with boto3";
    postgresql_and_an_s3_service: Postgres, S3, "needs PostgreSQL, SeaweedFS, curl, and python3 with boto3";
}
