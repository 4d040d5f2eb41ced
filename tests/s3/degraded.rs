//! One of two stores is away or stalls: what goes on, and what is refused in words that clients can rely on.

use crate::failing_store::{FailingStore, Fault, Faults};
use crate::gateway::{Ask, Gateway, Person, Told};
use futures::future::join_all;
use hozon::blob::{BlobStore, ReplicaMode};
use hozon::meters::Meters;
use http::StatusCode;
use object_store::memory::InMemory;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SMALL: usize = 5_000;
/// More than one request to a remote store.
const LARGE: usize = 3 << 20;
const FAILOVER: Duration = Duration::from_millis(300);
/// How long anything may take that waits for no store. Machines are busy.
const SOON: Duration = Duration::from_secs(5);

struct House {
    gateway: Gateway,
    app: Person,
    first: Arc<Faults>,
    replica: Arc<Faults>,
    meters: Arc<Meters>,
}

impl House {
    /// A gateway over two stores, with a bucket, a small record and a large one.
    async fn new(mode: ReplicaMode) -> Self {
        let store = || FailingStore::over(Arc::new(InMemory::new()));
        let ((one, first), (other, replica)) = (store(), store());
        let meters = Arc::new(Meters::new());
        let blobs = BlobStore::over(one, "").with_replica(&BlobStore::over(other, ""), mode, FAILOVER, Arc::clone(&meters));
        blobs.admit_replica();
        let gateway = Gateway::over(blobs).await;
        let app = gateway.app().await;
        let house = Self { gateway, app, first, replica, meters };
        house.ask(Ask::put("/files", "")).await.good();
        house.ask(Ask::put("/files/small", vec![1; SMALL])).await.good();
        house.ask(Ask::put("/files/large", vec![2; LARGE])).await.good();
        house.caught_up().await;
        house
    }

    async fn ask(&self, ask: Ask) -> Told {
        self.gateway.ask(&self.app, &ask).await
    }

    fn meter(&self, name: &str) -> u64 {
        let page = self.meters.render().unwrap();
        page.lines().find_map(|line| line.strip_prefix(&format!("hozon_{name} "))).unwrap().parse().unwrap()
    }

    async fn caught_up(&self) {
        let began = Instant::now();
        while self.meter("replica_behind") > 0 {
            assert!(began.elapsed() < Duration::from_secs(60), "bodies still wait");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Everything that is read is read.
    async fn reads(&self) {
        assert!(self.ask(Ask::get("/files/small")).await.good().body == vec![1; SMALL]);
        assert!(self.ask(Ask::get("/files/large")).await.good().body == vec![2; LARGE]);
        let range = self.ask(Ask::get("/files/large").with("range", "bytes=3000000-3000009")).await;
        assert_eq!((range.status, &range.body[..]), (StatusCode::PARTIAL_CONTENT, &[2; 10][..]));
        self.names_are_there().await;
    }

    /// What needs no body.
    async fn names_are_there(&self) {
        self.ask(Ask::head("/files/large")).await.good();
        let listed = self.ask(Ask::get("/files?list-type=2")).await.good();
        assert!(listed.elements("Key").starts_with(&["large".to_owned(), "small".to_owned()]), "{:?}", listed.elements("Key"));
    }

    /// Every way to store a body is refused for the sake of `dependency`, and nothing has changed.
    async fn no_write(&self, dependency: &str) {
        is_away(&self.ask(Ask::put("/files/new", vec![3; LARGE])).await, dependency);
        is_away(&self.ask(Ask::put("/files/small", vec![3; SMALL])).await, dependency);
        let upload = self.ask(Ask::post("/files/new?uploads", "")).await.good().element("UploadId").unwrap();
        is_away(&self.ask(Ask::put(&format!("/files/new?partNumber=1&uploadId={upload}"), vec![3; SMALL])).await, dependency);
        self.ask(Ask::delete(&format!("/files/new?uploadId={upload}"))).await.good();
        assert_eq!(self.ask(Ask::head("/files/new")).await.status, StatusCode::NOT_FOUND, "half of it is there");
    }
}

/// The code that clients and alerts know, and what is away.
#[track_caller]
fn is_away(told: &Told, dependency: &str) {
    let said = (told.status, told.code(), told.element("HozonDependency"));
    assert_eq!(said, (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable".to_owned(), Some(dependency.to_owned())));
}

#[tokio::test]
async fn without_a_replica_that_is_written_before_nothing_is_written_and_everything_read() {
    let house = House::new(ReplicaMode::Before).await;
    for fault in [Fault::Away, Fault::Kept] {
        house.replica.set(fault);
        house.no_write("replica").await;
        house.reads().await;
    }
    assert_eq!(house.meter("replica_failovers_total"), 0, "the store itself answers");
    // An upload that has its parts cannot be completed either, and can be once the replica is back.
    house.replica.set(Fault::None);
    let upload = house.ask(Ask::post("/files/parted?uploads", "")).await.good().element("UploadId").unwrap();
    let part = house.ask(Ask::put(&format!("/files/parted?partNumber=1&uploadId={upload}"), vec![4; SMALL])).await.good();
    let tag = part.header("etag").unwrap();
    let parts = format!("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part></CompleteMultipartUpload>");
    let complete = || Ask::post(&format!("/files/parted?uploadId={upload}"), parts.clone());
    house.replica.set(Fault::Away);
    is_away(&house.ask(complete()).await, "replica");
    // Names go without a store; their bodies wait for the collector.
    house.ask(Ask::delete("/files/small")).await.good();
    house.replica.set(Fault::None);
    house.ask(complete()).await.good();
    assert!(house.ask(Ask::get("/files/parted")).await.good().body == vec![4; SMALL]);
    assert!(house.meter("replica_errors_total") > 0);
}

#[tokio::test]
async fn a_replica_that_is_written_behind_holds_nothing_up_and_is_filled_afterwards() {
    let house = House::new(ReplicaMode::Behind).await;
    house.replica.set(Fault::Away);
    for number in 0..10 {
        let began = Instant::now();
        house.ask(Ask::put(&format!("/files/z{number}"), vec![number; SMALL])).await.good();
        assert!(began.elapsed() < SOON, "a write waited for the replica");
    }
    house.ask(Ask::put("/files/zz", vec![9; LARGE])).await.good();
    house.reads().await;
    assert_eq!(house.meter("replica_behind"), 11, "the backlog is seen");
    assert!(house.meter("replica_errors_total") > 0);
    house.replica.set(Fault::None);
    house.caught_up().await;
    // Now the store goes, and the replica has what was written while it was away itself.
    house.first.set(Fault::Away);
    for number in 0..10 {
        assert!(house.ask(Ask::get(&format!("/files/z{number}"))).await.good().body == vec![number; SMALL]);
    }
    assert!(house.ask(Ask::get("/files/zz")).await.good().body == vec![9; LARGE]);
}

#[tokio::test]
async fn without_the_store_reads_come_from_the_replica_and_nothing_is_written() {
    for mode in [ReplicaMode::Before, ReplicaMode::Behind] {
        let house = House::new(mode).await;
        house.first.set(Fault::Away);
        house.no_write("object store").await;
        house.reads().await;
        assert!(house.meter("replica_failovers_total") > 0);
        house.first.set(Fault::None);
        house.ask(Ask::put("/files/small", vec![1; SMALL])).await.good();
        house.reads().await;
    }
}

#[tokio::test]
async fn what_only_the_store_has_is_no_damage_while_it_is_away() {
    let house = House::new(ReplicaMode::Behind).await;
    house.replica.set(Fault::Away);
    house.ask(Ask::put("/files/behind", vec![3; SMALL])).await.good();
    // The replica answers again, but has not been filled, and now the store goes.
    house.first.set(Fault::Away);
    house.replica.set(Fault::None);
    is_away(&house.ask(Ask::get("/files/behind")).await, "object store");
    house.first.set(Fault::None);
    house.caught_up().await;
    assert!(house.ask(Ask::get("/files/behind")).await.good().body == vec![3; SMALL]);
}

#[tokio::test]
async fn without_both_only_names_are_there() {
    let house = House::new(ReplicaMode::Before).await;
    house.first.set(Fault::Away);
    house.replica.set(Fault::Away);
    house.no_write("object store").await;
    is_away(&house.ask(Ask::get("/files/small")).await, "object store");
    is_away(&house.ask(Ask::get("/files/large")).await, "object store");
    house.names_are_there().await;
    house.first.set(Fault::None);
    house.replica.set(Fault::None);
    house.reads().await;
}

#[tokio::test]
async fn a_store_that_stalls_holds_no_read_longer_than_the_failover() {
    let house = House::new(ReplicaMode::Before).await;
    house.first.set(Fault::Silent);
    let began = Instant::now();
    let reads = (0..40).map(|_| house.ask(Ask::get("/files/small")));
    for told in join_all(reads).await {
        assert!(told.good().body == vec![1; SMALL]);
    }
    assert!(began.elapsed() < FAILOVER + SOON, "{:?}", began.elapsed());
    house.reads().await;
    assert!(house.meter("replica_failovers_total") >= 40);
}

/// Without a replica reads wait for the store; nobody else waits with them.
#[tokio::test]
async fn a_store_that_stalls_holds_up_only_who_needs_it() {
    let (store, faults) = FailingStore::over(Arc::new(InMemory::new()));
    let gateway = Arc::new(Gateway::over(BlobStore::over(store, "")).await);
    let app = gateway.app().await;
    gateway.ask(&app, &Ask::put("/files", "")).await.good();
    gateway.ask(&app, &Ask::put("/files/small", vec![1; SMALL])).await.good();
    faults.set(Fault::Silent);
    let stuck: Vec<_> = (0..200)
        .map(|_| {
            let (gateway, app) = (Arc::clone(&gateway), app.clone());
            tokio::spawn(async move { gateway.ask(&app, &Ask::get("/files/small")).await.status })
        })
        .collect();
    while faults.reads.load(std::sync::atomic::Ordering::SeqCst) < 200 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let began = Instant::now();
    for _turn in 0..10 {
        gateway.ask(&app, &Ask::head("/files/small")).await.good();
        gateway.ask(&app, &Ask::get("/files?list-type=2")).await.good();
        gateway.ask(&app, &Ask::put("/files/small?tagging", TAGS)).await.good();
    }
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    assert!(stuck.iter().all(|read| !read.is_finished()));
    stuck.iter().for_each(tokio::task::JoinHandle::abort);
}

const TAGS: &str = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>";
