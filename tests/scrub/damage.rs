//! Everything that is wrong is named, and nothing else.

use crate::house::{DAY, FAST, House, Node, SMALL};
use crate::rows;
use hozon::audit::{EventKind, Verdict};
use hozon::domain::TenantId;
use hozon::engine::{Changed, Events, JobOrder, UploadPartRow, VersionChange, VersionRow};
use hozon::upkeep::{ScrubError, ScrubReport, Turn};
use std::fs;
use tokio_util::sync::CancellationToken;

async fn report(node: &Node) -> ScrubReport {
    node.scrub.status().await.unwrap().pass
}

/// Damage and blob of each finding, in an order of their own.
fn named(report: &ScrubReport) -> Vec<(String, &'static str)> {
    let mut named: Vec<_> = report.findings.iter().map(|finding| (finding.blob.clone(), finding.damage.name())).collect();
    named.sort();
    named
}

#[tokio::test]
async fn a_sound_store_is_read_to_the_last_byte_and_nothing_is_found() {
    let house = House::new().await;
    house.put("empty", 0).await;
    house.put("small", 100).await;
    house.put("large", 3 << 20).await;
    let node = house.node(FAST, SMALL);
    assert_eq!(node.turn().await, Turn::Full);
    let found = report(&node).await;
    assert_eq!((found.frames, found.frames_all, found.listed), (3, 3, 3));
    assert_eq!((found.bytes, found.damaged(), found.orphans), (found.bytes_all, 0, 0));
    assert!(found.findings.is_empty());
    assert_eq!(node.read().to_string(), found.bytes_all.to_string());
    assert_eq!(node.metric("hozon_scrub_coverage").to_string(), "1");
    assert_eq!(house.log(&node).await.len(), 0);
}

#[tokio::test]
async fn what_is_flipped_cut_or_gone_is_named_and_nothing_else() {
    let house = House::new().await;
    let (sound, _) = house.put_many(9, 500).await;
    let flipped = house.put("flipped", 2 << 20).await.location.unwrap();
    house.flip(&flipped);
    let gone = house.put("gone", 20).await.location.unwrap();
    house.delete(&gone);
    // Parts of a version and of an open upload.
    let stored = [house.store(house.bucket.tenant, 800).await, house.store(house.bucket.tenant, 900).await];
    let whole = VersionRow { parts: 2, ..house.row(&house.store(house.bucket.tenant, 0).await) };
    let parts = stored.iter().zip(1..).map(|(stored, number)| {
        let row = rows::part(&whole, number, (u64::from(number), 1), *stored.location());
        hozon::engine::PartRow { stored_crc: stored.crc(), ..row }
    });
    let parts = parts.collect();
    house
        .commit(VersionChange {
            version: Some((whole.clone(), Some(rows::dek(&whole)), parts)),
            ..rows::first_version("parted", whole.clone())
        })
        .await;
    let cut = *stored[1].location();
    fs::File::options().write(true).open(house.file(cut.blob)).unwrap().set_len(cut.length - 1).unwrap();
    let open = rows::upload(&house.bucket, "open");
    house.engine.create_upload(open.clone(), 10, Events::default()).await.unwrap();
    let part = house.store(house.bucket.tenant, 700).await;
    let row = UploadPartRow { location: *part.location(), stored_crc: part.crc(), ..rows::upload_part(&open, 6) };
    house.engine.put_upload_part(row, rows::NOW, Events::default()).await.unwrap();
    house.flip(part.location());
    // A blob that nobody knows, and one that waits for its deletion.
    let orphan = *house.store(house.bucket.tenant, 50).await.location();
    let condemned = house.store(house.bucket.tenant, 60).await.location().blob;
    house.engine.condemn(vec![condemned], rows::NOW).await.unwrap();
    house.clock.advance(DAY * 2);

    let node = house.node(FAST, SMALL);
    assert_eq!(node.turn().await, Turn::Full);
    let found = report(&node).await;
    let mut expected = [(flipped, "changed"), (gone, "missing"), (cut, "truncated"), (*part.location(), "changed")]
        .map(|(location, damage)| (location.blob.to_string(), damage));
    expected.sort();
    assert_eq!(named(&found), expected);
    assert_eq!((found.changed, found.missing, found.truncated, found.unreadable, found.repaired), (2, 1, 1, 0, 0));
    assert_eq!((found.frames, found.frames_all), (sound.len() as u64 + 6, sound.len() as u64 + 6));
    assert_eq!(found.bytes, found.bytes_all);
    assert_eq!((found.orphans, found.orphan_bytes, found.vanished), (1, orphan.length, 0));
    let of = |blob: &str| found.findings.iter().find(|finding| finding.blob == blob).unwrap();
    let truncated = of(&cut.blob.to_string());
    assert_eq!((truncated.version.as_deref(), truncated.part), (Some(whole.id.to_string().as_str()), Some(2)));
    assert_eq!((truncated.bucket.as_deref(), truncated.length), (Some(house.bucket.id.to_string().as_str()), cut.length));
    assert_eq!(truncated.tenant, house.bucket.tenant.to_string());
    let uploaded = of(&part.location().blob.to_string());
    assert_eq!((uploaded.upload.as_deref(), uploaded.part), (Some(open.id.to_string().as_str()), Some(6)));
    assert_eq!(uploaded.version.as_deref(), Some(open.version.to_string().as_str()));
    for (damage, count) in [("changed", 2), ("missing", 1), ("truncated", 1), ("unreadable", 0)] {
        assert_eq!(node.metric(&format!("hozon_scrub_findings_total{{damage=\"{damage}\"}}")).to_string(), count.to_string());
    }
    assert_eq!(node.metric("hozon_scrub_orphans").to_string(), "1");
}

#[tokio::test]
async fn each_finding_of_each_pass_stands_in_the_log_once() {
    let house = House::new().await;
    house.put_many(6, 100).await;
    let row = house.put("flipped", 100).await;
    house.flip(&row.location.unwrap());
    let node = house.node(FAST, SMALL);
    for pass in 1..=2_usize {
        assert_eq!(node.turn().await, Turn::Full);
        assert_eq!(node.turn().await, Turn::Idle);
        let log = house.log(&node).await;
        assert_eq!(log.len(), pass);
        let event = log.last().unwrap();
        assert_eq!(
            (event.action.as_str(), event.operation.as_str(), event.reason.as_deref()),
            ("find-damage", "FindDamage", Some("changed"))
        );
        assert_eq!((event.kind, event.verdict, event.actor.name.as_str()), (EventKind::Administration, Verdict::Allowed, "hozon"));
        assert_eq!((event.subject.bucket.as_deref(), event.subject.version.clone()), (Some("karte"), Some(row.id.to_string())));
        assert!(report(&node).await.findings[0].is_recorded);
        assert_eq!(node.scrub.order(JobOrder::Start).await.unwrap(), Changed::Done);
    }
}

#[tokio::test]
async fn damage_of_a_tenant_without_keys_is_found_all_the_same() {
    let house = House::new().await;
    let row = house.row(&house.store(TenantId::random(), 100).await);
    house.commit(rows::first_version("strange", row.clone())).await;
    house.delete(&row.location.unwrap());
    let node = house.node(FAST, SMALL);
    assert_eq!(node.turn().await, Turn::Full);
    let found = report(&node).await;
    assert_eq!((found.missing, found.findings[0].is_recorded), (1, false));
}

#[tokio::test]
async fn more_findings_than_a_report_names_are_counted_and_all_on_record() {
    let house = House::new().await;
    let named_max = hozon::domain::limits::SCRUB_FINDINGS_NAMED_MAX;
    let (rows, _) = house.put_many(named_max + 3, 10).await;
    rows.iter().for_each(|row| house.delete(&row.location.unwrap()));
    let node = house.node(FAST, SMALL);
    assert_eq!(node.turn().await, Turn::Full);
    let found = report(&node).await;
    assert_eq!((found.missing, found.findings.len()), (rows.len() as u64, named_max));
    assert_eq!(house.log(&node).await.len(), rows.len());
}

/// A directory in a file's place opens, and every read of it fails.
#[tokio::test]
async fn a_blob_that_cannot_be_read_is_a_finding_as_long_as_the_store_answers() {
    let house = House::new().await;
    house.put_many(3, 100).await;
    let location = house.put("stuck", 100).await.location.unwrap();
    house.delete(&location);
    fs::create_dir(house.file(location.blob)).unwrap();
    let node = house.node(FAST, SMALL);
    assert_eq!(node.turn().await, Turn::Full);
    assert_eq!(named(&report(&node).await), [(location.blob.to_string(), "unreadable")]);
}

#[tokio::test]
async fn a_store_that_is_not_there_has_lost_nothing() {
    let house = House::new().await;
    house.put_many(6, 100).await;
    let node = house.node(FAST, SMALL);
    let (store, away) = (house.directory.path().join("blobs"), house.directory.path().join("away"));
    fs::rename(&store, &away).unwrap();
    fs::create_dir(&store).unwrap();
    for _turn in 0..2 {
        let broken = node.scrub.turn(&CancellationToken::new()).await;
        assert!(matches!(broken, Err(ScrubError::Pairing(_))), "{broken:?}");
    }
    fs::remove_dir(&store).unwrap();
    fs::rename(&away, &store).unwrap();
    assert_eq!(node.turn().await, Turn::Full, "and nobody has to wait for a lease");
    let found = report(&node).await;
    assert_eq!((found.frames, found.damaged()), (6, 0));
    assert_eq!(house.log(&node).await.len(), 0);
}

#[tokio::test]
async fn a_version_that_is_deleted_while_it_is_looked_at_is_no_finding() {
    let house = House::new().await;
    let mut rows = Vec::new();
    for number in 0..4 {
        rows.push((number.to_string(), house.put(&number.to_string(), 100).await));
    }
    // In the order in which they are read; each is a batch of its own, and all are of one page.
    rows.sort_by_key(|(_, row)| row.location.unwrap().blob);
    let length = rows[0].1.location.unwrap().length;
    let bounds = hozon::upkeep::ScrubBounds { batch_bytes: 1, ..SMALL };
    let node = house.node(hozon::upkeep::ScrubSettings { bytes_per_second: length * 4, ..FAST }, bounds);
    let deleting = async {
        while report(&node).await.frames == 0 {
            tokio::task::yield_now().await;
        }
        let (key, row) = rows.last().unwrap();
        house.remove(key, row).await;
        house.delete(&row.location.unwrap());
    };
    let (turn, ()) = tokio::join!(node.turn(), deleting);
    assert_eq!(turn, Turn::Full);
    let found = report(&node).await;
    assert_eq!((found.frames, found.vanished, found.damaged()), (4, 1, 0));
    assert_eq!(house.log(&node).await.len(), 0);
}
