//! A backup that is kept, and what comes back from it.

use crate::house::{FAST, House, copy_of, files, put, tally};
use hozon::backup::{BackupError, KeeperSettings};
use hozon::domain::{Clock, SystemClock};
use hozon::engine::Changed;
use std::sync::Arc;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_before_and_after_the_snapshot_comes_back() {
    let house = House::new().await;
    house.put("before").await;
    let node = house.node(FAST);
    for number in 0..60 {
        house.put(&format!("d{}/{number}", number % 5)).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    node.caught_up().await;
    let status = node.keeper.status().await.unwrap();
    assert!(status.segments > 1, "{status:?}");
    let (restored, filled) = house.restored("restored.db", None).await.unwrap();
    assert_eq!(tally(&restored).await, tally(&house.engine).await);
    assert!(filled.passed_over.is_empty());
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_index_of_an_earlier_moment_comes_back() {
    let house = House::new().await;
    let node = house.node(FAST);
    node.caught_up().await;
    let mut moments = Vec::new();
    for number in 0..4 {
        house.put(&format!("{number}")).await;
        node.caught_up().await;
        moments.push((SystemClock.now(), tally(&house.engine).await));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    node.stop().await;
    for (number, (at, expected)) in moments.iter().enumerate() {
        let (restored, _) = house.restored(&format!("{number}.db"), Some(*at)).await.unwrap();
        assert_eq!(&tally(&restored).await, expected, "{number}");
    }
    let before = house.restored("none.db", Some(hozon::domain::UtcTime::from_micros(1))).await;
    assert!(matches!(before, Err(BackupError::NoSnapshot(Some(_)))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stops_or_dies_is_followed_by_another_that_goes_on_without_a_gap() {
    let house = House::new().await;
    let first = house.node(FAST);
    house.put("a").await;
    first.caught_up().await;
    let chain = first.keeper.status().await.unwrap().chain;
    first.stop().await;
    house.put("b").await;
    let second = house.node(FAST);
    second.caught_up().await;
    assert_eq!(second.keeper.status().await.unwrap().chain, chain);
    house.put("c").await;
    second.kill();
    house.put("d").await;
    let third = house.node(FAST);
    third.caught_up().await;
    assert_eq!(third.keeper.status().await.unwrap().chain, chain);
    third.stop().await;
    let (restored, filled) = house.restored("restored.db", None).await.unwrap();
    assert_eq!(tally(&restored).await, tally(&house.engine).await);
    assert_eq!(Some(filled.plan.snapshot.chain), chain);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_is_made_when_an_operator_asks_for_one() {
    let house = House::new().await;
    let node = house.node(FAST);
    node.caught_up().await;
    let first = node.keeper.status().await.unwrap().snapshot.unwrap();
    house.put("a").await;
    assert_eq!(node.keeper.ask_for_snapshot().await.unwrap(), Changed::Done);
    assert_eq!(node.keeper.ask_for_snapshot().await.unwrap(), Changed::Conflict);
    for _turn in 0..2_000 {
        let snapshot = node.keeper.status().await.unwrap().snapshot.unwrap();
        if snapshot.at > first.at {
            assert_eq!(snapshot.versions, 1);
            assert_eq!(files(&house.backup(), "/snapshot/").len(), 2);
            return node.stop().await;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?}", node.keeper.status().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_journal_there_are_snapshots_only() {
    let house = House::new().await;
    let node = house.node(KeeperSettings { ship_every: None, ..FAST });
    for _turn in 0..500 {
        if node.keeper.status().await.unwrap().snapshot.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    house.put("a").await;
    node.stop().await;
    assert_eq!(files(&house.backup(), "/journal/").len(), 0);
    assert_eq!(files(&house.backup(), "/snapshot/").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_copy_of_the_index_begins_a_backup_of_its_own() {
    let house = House::new().await;
    let node = house.node(FAST);
    node.caught_up().await;
    node.stop().await;
    let copy = copy_of(&house, "copy.db");
    let node = house.node(FAST);
    house.put("a").await;
    node.caught_up().await;
    let chain = node.keeper.status().await.unwrap().chain;
    node.stop().await;
    put(&copy, &house.bucket, "b").await;
    let node = house.node_of(Arc::clone(&copy), FAST);
    node.caught_up().await;
    assert_ne!(node.keeper.status().await.unwrap().chain, chain);
    node.stop().await;
    let (restored, _) = house.restored("restored.db", None).await.unwrap();
    assert_eq!(tally(&restored).await, tally(&copy).await);
}
