//! A backup that is kept, and what comes back from it.

use crate::house::{FAST, House, copy_of, engine_settings, files, open, put, tally};
use hozon::backup::{BackupError, Choice, KeeperSettings, Target, fill, goes_on_from};
use hozon::domain::{Clock, Live, SystemClock};
use hozon::engine::{Changed, Origin};
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
    // What nobody ships would grow without end.
    assert_eq!(house.engine.changes_waiting().await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_may_be_switched_off_and_on_while_the_backup_is_kept() {
    let house = House::new().await;
    let settings = Live::new(FAST);
    let node = house.node_of(Arc::clone(&house.engine), settings.clone());
    house.put("noted").await;
    node.caught_up().await;
    let chain = node.keeper.status().await.unwrap().chain;
    settings.replace(KeeperSettings { ship_every: None, ..FAST });
    while house.engine.changes_waiting().await.unwrap().is_some() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    house.put("not noted").await;
    settings.replace(FAST);
    while house.engine.changes_waiting().await.unwrap().is_none() || node.keeper.status().await.unwrap().chain == chain {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    node.caught_up().await;
    house.put("noted again").await;
    node.caught_up().await;
    node.stop().await;
    let (restored, _) = house.restored("restored.db", None).await.unwrap();
    assert_eq!(tally(&restored).await, tally(&house.engine).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_from_a_backup_stands_behind_its_store_from_its_first_moment() {
    let house = House::new().await;
    let node = house.node(FAST);
    node.caught_up().await;
    node.stop().await;
    let path = house.place.path().join("made.db");
    let settings = engine_settings(path.clone());
    let target = Target { settings: &settings, clock: &SystemClock, origin: Origin::Backup };
    let filled = fill(&house.shelf(), &Choice::default(), target).await.unwrap();
    let made = open(&path);
    assert_eq!(made.store().await.unwrap().unwrap().generation, 0);
    // Its own backup goes on from the one that it was made from, and is the one that counts from then on.
    goes_on_from(made.as_ref(), &filled.plan).await.unwrap();
    put(&made, &house.bucket, "later").await;
    let node = house.node_of(Arc::clone(&made), Live::new(FAST));
    node.caught_up().await;
    node.stop().await;
    let (restored, _) = house.restored("again.db", None).await.unwrap();
    assert_eq!(tally(&restored).await, tally(&made).await);
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
    let node = house.node_of(Arc::clone(&copy), Live::new(FAST));
    node.caught_up().await;
    let other = node.keeper.status().await.unwrap().chain;
    assert_ne!(other, chain);
    node.stop().await;
    // Neither holds all that the other does, so somebody has to say which one is meant.
    let Err(BackupError::Several { newest, other: before, .. }) = house.restored("restored.db", None).await.map(drop) else { panic!() };
    assert_eq!((Some(newest), Some(before)), (other, chain));
    for (chain, engine) in [(chain, &house.engine), (other, &copy)] {
        let (restored, _) = house.chosen(&format!("{chain:?}.db"), &Choice { chain, ..Choice::default() }).await.unwrap();
        assert_eq!(tally(&restored).await, tally(engine).await);
    }
}
