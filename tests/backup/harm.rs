//! Backups that were harmed, and stores that fail.

use crate::house::{FAST, House, engine_settings, files, tally};
use hozon::backup::{BackupError, BackupKeys, Shelf, fill};
use hozon::domain::SystemClock;
use hozon::engine::CopyError;
use hozon::root::{Protection, Root};
use std::sync::Arc;
use std::time::Duration;

async fn with_backup() -> House {
    let house = House::new().await;
    let node = house.node(FAST);
    node.caught_up().await;
    for number in 0..3 {
        house.put(&format!("{number}")).await;
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    node.caught_up().await;
    node.stop().await;
    house
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_changed_byte_of_any_piece_is_noticed_and_fills_nothing() {
    let house = with_backup().await;
    let mut tried = 0;
    for file in files(&house.backup(), "") {
        let bytes = std::fs::read(&file).unwrap();
        for at in (0..bytes.len()).step_by(bytes.len() / 40 + 1).chain([bytes.len() - 1]) {
            let mut harmed = bytes.clone();
            harmed[at] ^= 0x10;
            std::fs::write(&file, &harmed).unwrap();
            let restored = house.restored("harmed.db", None).await;
            assert!(restored.is_err(), "byte {at} of {file:?}");
            tried += 1;
        }
        for length in [0, 10, bytes.len() / 2, bytes.len() - 1] {
            std::fs::write(&file, &bytes[..length]).unwrap();
            assert!(house.restored("harmed.db", None).await.is_err(), "{length} bytes of {file:?}");
        }
        std::fs::write(&file, [&bytes[..], b"x"].concat()).unwrap();
        assert!(matches!(house.restored("harmed.db", None).await, Err(BackupError::Malformed { .. })));
        std::fs::write(&file, &bytes).unwrap();
    }
    assert!(tried > 100);
    let (restored, _) = house.restored("harmed.db", None).await.unwrap();
    assert_eq!(tally(&restored).await, tally(&house.engine).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_segment_is_named_and_what_came_before_it_can_be_had() {
    let house = with_backup().await;
    let segments = files(&house.backup(), "/journal/");
    assert!(segments.len() >= 3, "{segments:?}");
    std::fs::remove_file(&segments[1]).unwrap();
    let Err(BackupError::Gap { number: 1, until: Some(until) }) = house.restored("gap.db", None).await.map(drop) else { panic!() };
    house.restored("before.db", Some(until)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_cannot_be_read_is_passed_over_for_an_older_one() {
    let house = with_backup().await;
    let node = house.node(FAST);
    node.caught_up().await;
    node.keeper.ask_for_snapshot().await.unwrap();
    while files(&house.backup(), "/snapshot/").len() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    node.stop().await;
    let newest = files(&house.backup(), "/snapshot/").pop().unwrap();
    let mut bytes = std::fs::read(&newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&newest, &bytes).unwrap();
    let (restored, filled) = house.restored("older.db", None).await.unwrap();
    assert_eq!(filled.passed_over.len(), 1);
    assert_eq!(tally(&restored).await, tally(&house.engine).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_root_opens_nothing() {
    let house = with_backup().await;
    let other = Root::create_file(&house.place.path().join("other-root"), &Protection::FileMode).unwrap();
    let shelf = Shelf::new(house.archive(), BackupKeys::new(Arc::new(other)));
    let settings = engine_settings(house.place.path().join("other.db"));
    let filled = fill(&shelf, None, (&settings, &SystemClock)).await;
    assert!(matches!(filled, Err(BackupError::Root(_))), "{filled:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_is_not_empty_is_left_alone() {
    let house = with_backup().await;
    house.restored("full.db", None).await.unwrap();
    let again = house.restored("full.db", None).await.map(drop);
    assert!(matches!(again, Err(BackupError::Copy(CopyError::NotEmpty))), "{again:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_takes_nothing_for_a_while_loses_nothing() {
    let house = with_backup().await;
    let away = house.place.path().join("away");
    std::fs::rename(house.backup(), &away).unwrap();
    // A file lies where the directory of the pieces would be.
    let chain = std::fs::read_dir(&away).unwrap().next().unwrap().unwrap().file_name();
    std::fs::create_dir(house.backup()).unwrap();
    std::fs::write(house.backup().join(&chain), b"in the way").unwrap();
    let node = house.node(FAST);
    house.put("meanwhile").await;
    for _turn in 0..1_000 {
        if !node.meters.render().unwrap().contains("hozon_backup_failures_total 0") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!node.meters.render().unwrap().contains("hozon_backup_failures_total 0"));
    std::fs::remove_dir_all(house.backup()).unwrap();
    std::fs::rename(&away, house.backup()).unwrap();
    node.caught_up().await;
    node.stop().await;
    let (restored, _) = house.restored("restored.db", None).await.unwrap();
    assert_eq!(tally(&restored).await, tally(&house.engine).await);
}
