//! When a pass begins, where it goes on, and who does it.

use crate::house::{DAY, FAST, House, Node, SMALL};
use hozon::engine::{Changed, JobOrder};
use hozon::upkeep::{ScrubBounds, ScrubSettings, ScrubStanding, Turn};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Settings with which `bytes` take about `millis`.
fn slow(bytes: u64, millis: u64) -> ScrubSettings {
    ScrubSettings { bytes_per_second: bytes * 1_000 / millis, ..FAST }
}

async fn frames(node: &Node) -> u64 {
    node.scrub.status().await.unwrap().pass.frames
}

#[tokio::test]
async fn a_pass_that_is_killed_goes_on_and_reads_at_most_a_batch_twice() {
    let house = House::new().await;
    let (rows, all) = house.put_many(40, 300).await;
    let batch = all / rows.len() as u64 * SMALL.batch_frames as u64;
    let damaged = rows[7].location.unwrap();
    house.flip(&damaged);
    let (mut read, mut kills) = (0.0, 0);
    loop {
        let node = house.node(slow(all, 1_500), SMALL);
        // Dropped wherever it stands, which leaves the index as a kill would.
        let ended = tokio::time::timeout(Duration::from_millis(400), node.turn()).await;
        read += node.read();
        match ended {
            Ok(turn) => {
                assert_eq!(turn, Turn::Full);
                break;
            }
            Err(_killed) => kills += 1,
        }
        let done = frames(&node).await;
        assert!(done > 0 && done < 40, "{done} frames after {kills} kills");
        let other = house.node(FAST, SMALL);
        assert_eq!(other.turn().await, Turn::Elsewhere, "the lease of the dead runs on");
        house.clock.advance(SMALL.lease);
    }
    assert!(kills >= 2, "{kills} kills");
    let node = house.node(FAST, SMALL);
    let status = node.scrub.status().await.unwrap();
    assert_eq!((status.pass.frames, status.pass.bytes, status.pass.changed), (40, all, 1));
    assert_eq!(house.log(&node).await.len(), 1, "a finding is on record once, whoever was killed");
    let most = (all + kills * batch).to_string().parse::<f64>().unwrap();
    assert!(read <= most, "{read} bytes read, {all} in all, {kills} kills, {batch} in a batch");
}

#[tokio::test]
async fn a_node_that_stops_in_order_gives_the_pass_back_at_once() {
    let house = House::new().await;
    let (_, all) = house.put_many(20, 300).await;
    let (node, stop) = (house.node(slow(all, 10_000), SMALL), CancellationToken::new());
    let stopping = async {
        while frames(&node).await == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.cancel();
    };
    let (turn, ()) = tokio::join!(node.scrub.turn(&stop), stopping);
    assert_eq!(turn.unwrap(), Turn::Stopped);
    let done = frames(&node).await;
    assert!((1..20).contains(&done));
    let next = house.node(FAST, SMALL);
    assert_eq!(next.scrub.status().await.unwrap().standing, ScrubStanding::Due);
    assert_eq!(next.turn().await, Turn::Full);
    assert_eq!(frames(&next).await, 20);
    let again = all.to_string().parse::<f64>().unwrap();
    assert!(next.read() < again, "it went on, not anew");
}

#[tokio::test]
async fn a_pass_rests_while_it_is_paused_and_goes_on_where_it_stood() {
    let house = House::new().await;
    let (_, all) = house.put_many(20, 300).await;
    let node = house.node(slow(all, 10_000), SMALL);
    let pausing = async {
        while frames(&node).await == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let status = node.scrub.status().await.unwrap();
        assert_eq!(status.standing, ScrubStanding::Running);
        assert!(status.node.is_some() && status.ends.unwrap() > status.started.unwrap() && status.finished.is_none());
        assert_eq!(node.scrub.order(JobOrder::Pause).await.unwrap(), Changed::Done);
    };
    let (turn, ()) = tokio::join!(node.turn(), pausing);
    assert_eq!(turn, Turn::Paused);
    let done = frames(&node).await;
    assert!((1..20).contains(&done));
    assert_eq!(node.turn().await, Turn::Idle);
    assert_eq!(node.scrub.status().await.unwrap().standing, ScrubStanding::Paused);
    assert_eq!(node.scrub.order(JobOrder::Start).await.unwrap(), Changed::Conflict);
    assert_eq!(node.scrub.order(JobOrder::Resume).await.unwrap(), Changed::Done);
    node.settings.replace(FAST);
    assert_eq!(node.turn().await, Turn::Full);
    assert_eq!(frames(&node).await, 20);
}

#[tokio::test]
async fn a_pass_begins_when_its_cycle_is_over_or_an_operator_asks() {
    let house = House::new().await;
    house.put("one", 100).await;
    let node = house.node(FAST, SMALL);
    assert_eq!(node.scrub.status().await.unwrap().standing, ScrubStanding::Due);
    assert_eq!(node.turn().await, Turn::Full);
    let first = node.scrub.status().await.unwrap();
    assert_eq!((first.standing, first.next), (ScrubStanding::Waiting, first.started.map(|started| started.plus(DAY * 30))));
    assert!(first.last_full.is_some() && first.last_full == first.finished && first.last.is_none());
    house.clock.advance(DAY * 30 - Duration::from_secs(1));
    assert_eq!(node.turn().await, Turn::Idle);
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(node.turn().await, Turn::Full);
    let second = node.scrub.status().await.unwrap();
    assert!(second.last_full > first.last_full && second.last.is_some());
    assert_eq!(node.metric("hozon_scrub_last_full_pass_seconds").to_string(), second.last_full.unwrap().seconds().to_string());
    // Off: none begins by itself, however long it is; one that is asked for does.
    node.settings.replace(ScrubSettings { cycle: None, ..FAST });
    house.clock.advance(DAY * 300);
    assert_eq!(node.turn().await, Turn::Idle);
    assert_eq!(node.scrub.status().await.unwrap().standing, ScrubStanding::Off);
    assert_eq!(node.scrub.order(JobOrder::Start).await.unwrap(), Changed::Done);
    assert_eq!(node.scrub.order(JobOrder::Start).await.unwrap(), Changed::Conflict);
    assert_eq!(node.turn().await, Turn::Full);
    assert_eq!(node.turn().await, Turn::Idle);
}

#[tokio::test]
async fn the_rate_holds_over_all_frames_together() {
    let house = House::new().await;
    let (_, all) = house.put_many(16, 2_000).await;
    let node = house.node(slow(all, 800), ScrubBounds::default());
    let began = std::time::Instant::now();
    assert_eq!(node.turn().await, Turn::Full);
    assert!(began.elapsed() >= Duration::from_millis(650), "{:?}", began.elapsed());
}

/// A frame that takes longer than a lease: the holder gives signs of life meanwhile.
#[tokio::test]
async fn a_long_frame_is_not_taken_over() {
    let house = House::new().await;
    let (_, all) = house.put_many(1, 2 << 20).await;
    let bounds = ScrubBounds { lease: Duration::from_millis(300), ..SMALL };
    let (node, other) = (house.node(slow(all, 1_500), bounds), house.node(FAST, bounds));
    let looking = async {
        for _look in 0..10 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            // As the real clock does, which is what leases run on.
            house.clock.advance(Duration::from_millis(100));
            assert_eq!(other.turn().await, Turn::Elsewhere);
        }
    };
    let (turn, ()) = tokio::join!(node.turn(), looking);
    assert_eq!(turn, Turn::Full);
    assert_eq!(other.read().to_string(), "0");
}

/// Whoever was away for longer than its lease finds the pass in other hands, and writes nothing any more.
#[tokio::test]
async fn a_node_that_comes_back_too_late_has_lost_its_pass() {
    let house = House::new().await;
    let (_, all) = house.put_many(20, 300).await;
    let (late, next) = (house.node(slow(all, 2_000), SMALL), house.node(FAST, SMALL));
    let taking = async {
        while frames(&late).await == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        house.clock.advance(SMALL.lease);
        next.turn().await
    };
    let (lost, full) = tokio::join!(late.turn(), taking);
    assert_eq!((lost, full), (Turn::Lost, Turn::Full));
    assert_eq!(frames(&next).await, 20);
}
