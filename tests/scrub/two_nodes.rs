//! Two gateways on one PostgreSQL: one of them scrubs, and the other takes over when it dies.

use crate::house::{FAST, House, Node, SMALL};
use crate::postgres_server::Postgres;
use hozon::domain::{Clock, ManualClock, SystemClock};
use hozon::engine::{Engine, PostgresEngine, PostgresSettings, PostgresTls};
use hozon::upkeep::{ScrubBounds, ScrubSettings, Turn};
use std::sync::Arc;
use std::time::Duration;

async fn open(server: &Postgres, clock: &Arc<ManualClock>) -> Arc<dyn Engine> {
    let settings = PostgresSettings {
        hosts: vec![("localhost".to_owned(), server.port())],
        database: "postgres".to_owned(),
        schema: "hozon".to_owned(),
        user: "hozon".to_owned(),
        password_file: Some(server.password()),
        tls: PostgresTls::Verified { ca: server.ca() },
        connections_max: 4,
        connect_time_max: Duration::from_secs(10),
        answer_time_max: Duration::from_secs(20),
    };
    Arc::new(PostgresEngine::open(&settings, clock.clone()).await.unwrap())
}

/// Turns until the pass is full; what it came to each time that it was not idle.
async fn until_full(node: &Node) -> Turn {
    loop {
        match node.turn().await {
            Turn::Elsewhere => tokio::time::sleep(Duration::from_millis(20)).await,
            other => return other,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL"]
async fn of_two_nodes_one_scrubs_and_the_other_takes_over_where_it_died() {
    let server = tokio::task::spawn_blocking(Postgres::start).await.unwrap();
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let (one, other) = (open(&server, &clock).await, open(&server, &clock).await);
    let house = House::over(Arc::clone(&one), clock.clone(), tempfile::tempdir().unwrap()).await;
    let (rows, all) = house.put_many(40, 300).await;
    house.flip(&rows[3].location.unwrap());
    house.delete(&rows[30].location.unwrap());
    let bounds = ScrubBounds { lease: Duration::from_millis(700), ..SMALL };
    let slow = ScrubSettings { bytes_per_second: all, ..FAST };
    let node = |engine: &Arc<dyn Engine>| house.node_on(Arc::clone(engine), slow, bounds);
    let (first, second) = (node(&one), node(&other));
    // Both want it; one reads, and dies after 400 ms.
    let (killed, waiting) = tokio::join!(tokio::time::timeout(Duration::from_millis(400), until_full(&first)), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        until_full(&second).await
    });
    assert!(killed.is_err(), "{killed:?}");
    assert_eq!(waiting, Turn::Full);
    assert!(first.read() > 0.0 && second.read() > 0.0);
    let status = second.scrub.status().await.unwrap();
    assert_eq!((status.pass.frames, status.pass.frames_all, status.pass.changed, status.pass.missing), (40, 40, 1, 1));
    assert_eq!(house.log(&second).await.len(), 2, "each finding once");
    let batch = all / 40 * SMALL.batch_frames as u64;
    let most = (all + batch).to_string().parse::<f64>().unwrap();
    assert!(first.read() + second.read() <= most, "{} and {} of {all}", first.read(), second.read());
    assert_eq!(first.turn().await, Turn::Idle, "the one that comes back finds it done");
}
