//! Versions of a key: found, committed by compare-and-set, changed, removed.

use crate::buckets::with_bucket;
use crate::condemned::condemned;
use crate::rows::{
    NOW, current, dek, entry, events_of, first_version, key_token, later, location, mac, marker, next_version, part, version,
};
use hozon::domain::{BucketId, ByteRange, EntryId, Hold, RecordState, Retention, VersionId};
use hozon::engine::{
    BucketRow, Changed, Committed, Engine, EntryChange, EntryRow, Events, FoundEntry, Nullness, VersionChange, VersionRow, Which,
};
use std::sync::Arc;

/// Looks a key up that must be there.
pub(crate) async fn found(engine: &Arc<dyn Engine>, bucket: &BucketRow, key: &str, which: Which) -> FoundEntry {
    engine.find(bucket.id, key_token(key), which).await.unwrap().unwrap()
}

/// Commits a change that must be done, and returns its `seq`.
pub(crate) async fn done(engine: &Arc<dyn Engine>, change: VersionChange) -> u64 {
    match engine.commit(change).await.unwrap() {
        Committed::Done { seq } => seq,
        other => panic!("{other:?}"),
    }
}

/// The change that removes `gone` from the key that has `entry`, whose newest version becomes `newest`.
pub(crate) fn removal(entry: &EntryRow, gone: &VersionRow, newest: Option<&VersionRow>) -> VersionChange {
    let change = match newest {
        Some(newest) => EntryChange::Update {
            expected: entry.revision,
            row: EntryRow { current: current(newest), revision: entry.revision + 1, ..entry.clone() },
        },
        None => EntryChange::Remove { id: entry.id, bucket: entry.bucket, expected: entry.revision },
    };
    VersionChange {
        bucket: entry.bucket,
        bucket_revision: 1,
        entry: change,
        directories: Vec::new(),
        version: None,
        remove: vec![(gone.id, gone.revision)],
        upload: None,
        events: Events::default(),
    }
}

pub(crate) async fn a_committed_version_comes_back_column_by_column(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let row = version(&bucket, EntryId::random());
    let seq = done(&engine, first_version("a/b.dcm", row.clone())).await;
    let found = found(&engine, &bucket, "a/b.dcm", Which::Current).await;
    let mark = found.entry.mark;
    assert_eq!(found.entry, EntryRow { mark, ..entry("a/b.dcm", &row) });
    let version = found.version.unwrap();
    assert_eq!(version.dek, Some(dek(&row)));
    assert_eq!(version.version, VersionRow { seq, ..row });
    assert!(seq > 0 && mark > 0);
    assert_eq!(engine.count_versions().await.unwrap(), 1);
}

pub(crate) async fn empty_columns_stay_empty(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let row = marker(&bucket, EntryId::random());
    let seq = done(&engine, first_version("a", row.clone())).await;
    let version = found(&engine, &bucket, "a", Which::Current).await.version.unwrap();
    assert_eq!(version.dek, None);
    assert_eq!(version.version, VersionRow { seq, ..row });
    let open_ended = Retention { rule: "r".into(), start_event: "e".into(), started: None, until: None, hold: Hold::None };
    let row = VersionRow { retention: Some(open_ended), ..self::version(&bucket, EntryId::random()) };
    done(&engine, first_version("b", row.clone())).await;
    assert_eq!(found(&engine, &bucket, "b", Which::Current).await.version.unwrap().version.retention, row.retention);
}

pub(crate) async fn each_way_of_asking_finds_its_version(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let id = EntryId::random();
    let null = VersionRow { null: Nullness::Null, ..version(&bucket, id) };
    done(&engine, first_version("a", null.clone())).await;
    let entry = found(&engine, &bucket, "a", Which::Current).await.entry;
    let newest = version(&bucket, id);
    done(&engine, next_version(&entry, newest.clone())).await;
    let id_of = |found: FoundEntry| found.version.map(|found| found.version.id);
    assert_eq!(id_of(found(&engine, &bucket, "a", Which::Current).await), Some(newest.id));
    assert_eq!(id_of(found(&engine, &bucket, "a", Which::Null).await), Some(null.id));
    assert_eq!(id_of(found(&engine, &bucket, "a", Which::Id(null.id)).await), Some(null.id));
    assert_eq!(id_of(found(&engine, &bucket, "a", Which::Id(VersionId::random())).await), None);
    assert!(engine.find(bucket.id, key_token("b"), Which::Current).await.unwrap().is_none());
    assert!(engine.find(BucketId::random(), key_token("a"), Which::Current).await.unwrap().is_none());
}

pub(crate) async fn a_version_of_another_key_is_not_found_by_its_id(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let (one, other) = (version(&bucket, EntryId::random()), version(&bucket, EntryId::random()));
    done(&engine, first_version("one", one)).await;
    done(&engine, first_version("other", other.clone())).await;
    assert!(found(&engine, &bucket, "one", Which::Id(other.id)).await.version.is_none());
}

pub(crate) async fn versions_come_newest_first_and_in_pages(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let id = EntryId::random();
    let mut rows = vec![version(&bucket, id)];
    done(&engine, first_version("a", rows[0].clone())).await;
    for _ in 0..4 {
        let entry = found(&engine, &bucket, "a", Which::Current).await.entry;
        rows.push(version(&bucket, id));
        done(&engine, next_version(&entry, rows.last().unwrap().clone())).await;
    }
    done(&engine, first_version("b", version(&bucket, EntryId::random()))).await;
    let newest_first: Vec<VersionId> = rows.iter().rev().map(|row| row.id).collect();
    let first = engine.versions(id, None, 3).await.unwrap();
    let second = engine.versions(id, Some(first[2].seq), 3).await.unwrap();
    let ids: Vec<VersionId> = first.iter().chain(&second).map(|row| row.id).collect();
    assert_eq!(ids, newest_first);
    assert!(first.windows(2).all(|pair| pair[0].seq > pair[1].seq));
}

pub(crate) async fn versions_of_several_entries_come_entry_by_entry(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let (one, two) = (EntryId::random(), EntryId::random());
    for (key, id) in [("a", one), ("b", two)] {
        done(&engine, first_version(key, version(&bucket, id))).await;
        let entry = found(&engine, &bucket, key, Which::Current).await.entry;
        done(&engine, next_version(&entry, version(&bucket, id))).await;
    }
    let both = [engine.versions(two, None, 9).await.unwrap(), engine.versions(one, None, 9).await.unwrap()].concat();
    assert_eq!(both.len(), 4);
    let asked = vec![two, EntryId::random(), one];
    assert_eq!(engine.versions_of(asked.clone(), 9).await.unwrap(), both);
    assert_eq!(engine.versions_of(asked.clone(), 3).await.unwrap(), both[..3]);
    assert_eq!(engine.versions_of(asked, 2).await.unwrap(), both[..2]);
    assert!(engine.versions_of(Vec::new(), 9).await.unwrap().is_empty());
    let named = engine.versions_named(vec![both[3].id, VersionId::random(), both[0].id]).await.unwrap();
    assert_eq!(named.len(), 2);
    assert!(named.contains(&both[0]) && named.contains(&both[3]));
}

pub(crate) async fn a_key_that_exists_cannot_be_inserted_again(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let first = version(&bucket, EntryId::random());
    done(&engine, first_version("a/b", first.clone())).await;
    let late = VersionChange { events: events_of(bucket.tenant, 1), ..first_version("a/b", version(&bucket, EntryId::random())) };
    assert_eq!(engine.commit(late).await.unwrap(), Committed::EntryChanged);
    assert_eq!(found(&engine, &bucket, "a/b", Which::Current).await.version.unwrap().version.id, first.id);
    assert_eq!(engine.count_versions().await.unwrap(), 1);
    assert!(engine.events(bucket.tenant, None, 10).await.unwrap().is_empty());
}

pub(crate) async fn an_entry_changes_only_from_the_revision_that_was_seen(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let id = EntryId::random();
    done(&engine, first_version("a", version(&bucket, id))).await;
    let seen = found(&engine, &bucket, "a", Which::Current).await.entry;
    let (second, third) = (version(&bucket, id), version(&bucket, id));
    done(&engine, VersionChange { events: events_of(bucket.tenant, 1), ..next_version(&seen, second.clone()) }).await;
    let late = VersionChange { events: events_of(bucket.tenant, 1), ..next_version(&seen, third) };
    assert_eq!(engine.commit(late).await.unwrap(), Committed::EntryChanged);
    let stale = VersionChange { remove: Vec::new(), ..removal(&seen, &second, None) };
    assert_eq!(engine.commit(stale).await.unwrap(), Committed::EntryChanged);
    let now = found(&engine, &bucket, "a", Which::Current).await;
    assert_eq!((now.entry.revision, now.entry.current.version), (2, second.id));
    assert_eq!(engine.count_versions().await.unwrap(), 2);
    assert_eq!(engine.events(bucket.tenant, None, 10).await.unwrap().len(), 1);
}

pub(crate) async fn an_entry_of_another_bucket_is_not_touched(engine: Arc<dyn Engine>) {
    let (mine, theirs) = (with_bucket(&engine).await, with_bucket(&engine).await);
    let row = version(&theirs, EntryId::random());
    done(&engine, first_version("a", row.clone())).await;
    let entry = found(&engine, &theirs, "a", Which::Current).await.entry;
    let foreign = VersionChange { bucket: mine.id, ..removal(&EntryRow { bucket: mine.id, ..entry }, &row, None) };
    assert_eq!(engine.commit(foreign).await.unwrap(), Committed::EntryChanged);
    assert_eq!(found(&engine, &theirs, "a", Which::Current).await.version.unwrap().version.id, row.id);
}

pub(crate) async fn a_removed_version_leaves_the_older_one_current(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let id = EntryId::random();
    let (old, new) = (version(&bucket, id), version(&bucket, id));
    done(&engine, first_version("a", old.clone())).await;
    let entry = found(&engine, &bucket, "a", Which::Current).await.entry;
    done(&engine, next_version(&entry, new.clone())).await;
    let entry = found(&engine, &bucket, "a", Which::Current).await.entry;
    assert_eq!(done(&engine, removal(&entry, &new, Some(&old))).await, 0);
    let now = found(&engine, &bucket, "a", Which::Current).await;
    assert_eq!(now.version.unwrap().version.id, old.id);
    assert!(found(&engine, &bucket, "a", Which::Id(new.id)).await.version.is_none());
    assert_eq!(condemned(&engine, later(1)).await, vec![new.location.unwrap().blob]);
    assert_eq!(engine.count_versions().await.unwrap(), 1);
}

pub(crate) async fn a_version_that_was_changed_since_it_was_seen_stays(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let row = version(&bucket, EntryId::random());
    done(&engine, first_version("a", row.clone())).await;
    let entry = found(&engine, &bucket, "a", Which::Current).await.entry;
    let finalised = VersionRow { state: RecordState::Finalized, revision: 2, ..row.clone() };
    assert_eq!(engine.update_version(finalised.clone(), Events::default()).await.unwrap(), Changed::Done);
    assert_eq!(engine.commit(removal(&entry, &row, None)).await.unwrap(), Committed::EntryChanged);
    assert_eq!(found(&engine, &bucket, "a", Which::Current).await.version.unwrap().version.state, RecordState::Finalized);
    assert!(condemned(&engine, later(1)).await.is_empty());
}

pub(crate) async fn a_version_of_another_entry_is_not_removed(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let (mine, theirs) = (version(&bucket, EntryId::random()), version(&bucket, EntryId::random()));
    done(&engine, first_version("mine", mine)).await;
    done(&engine, first_version("theirs", theirs.clone())).await;
    let entry = found(&engine, &bucket, "mine", Which::Current).await.entry;
    assert_eq!(engine.commit(removal(&entry, &theirs, None)).await.unwrap(), Committed::EntryChanged);
    assert_eq!(engine.count_versions().await.unwrap(), 2);
}

pub(crate) async fn a_replaced_null_version_goes_in_the_same_commit(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let id = EntryId::random();
    let null = || VersionRow { null: Nullness::Null, ..version(&bucket, id) };
    let (first, second) = (null(), null());
    done(&engine, first_version("a", first.clone())).await;
    let entry = found(&engine, &bucket, "a", Which::Current).await.entry;
    done(&engine, VersionChange { remove: vec![(first.id, 1)], ..next_version(&entry, second.clone()) }).await;
    assert_eq!(found(&engine, &bucket, "a", Which::Null).await.version.unwrap().version.id, second.id);
    assert_eq!(condemned(&engine, later(1)).await, vec![first.location.unwrap().blob]);
    assert_eq!(engine.count_versions().await.unwrap(), 1);
}

pub(crate) async fn a_version_changes_only_from_the_revision_that_was_seen(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let first = version(&bucket, EntryId::random());
    let seq = done(&engine, first_version("a", first.clone())).await;
    let second = VersionRow {
        state: RecordState::Finalized,
        retention: Some(Retention { rule: "x".into(), start_event: "y".into(), started: None, until: Some(NOW), hold: Hold::None }),
        sealed_tags: None,
        sealed_attributes: vec![9; 10],
        kek_version: 9,
        revision: 2,
        mac: mac("second"),
        ..first.clone()
    };
    assert_eq!(engine.update_version(second.clone(), events_of(bucket.tenant, 1)).await.unwrap(), Changed::Done);
    assert_eq!(engine.update_version(second.clone(), events_of(bucket.tenant, 1)).await.unwrap(), Changed::Conflict);
    let now = found(&engine, &bucket, "a", Which::Current).await.version.unwrap().version;
    assert_eq!(now, VersionRow { seq, ..second });
    assert_eq!(engine.events(bucket.tenant, None, 10).await.unwrap().len(), 1);
}

pub(crate) async fn parts_are_found_by_number_and_by_the_bytes_they_hold(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let row = VersionRow { parts: 4, ..version(&bucket, EntryId::random()) };
    let parts: Vec<_> = [(1, (0, 100)), (2, (100, 50)), (3, (150, 1)), (4, (151, 0))]
        .map(|(number, extent)| part(&row, number, extent, location(bucket.tenant)))
        .into();
    let change = first_version("a", row.clone());
    let change = VersionChange { version: Some((row.clone(), Some(dek(&row)), parts.clone())), ..change };
    done(&engine, change).await;
    let overlapping = async |start, end| {
        let rows = engine.parts(row.id, ByteRange { start, end }).await.unwrap();
        rows.iter().map(|part| part.number).collect::<Vec<u32>>()
    };
    assert_eq!(overlapping(0, 151).await, [1, 2, 3]);
    assert_eq!(overlapping(0, 1).await, [1]);
    assert_eq!(overlapping(99, 101).await, [1, 2]);
    assert_eq!(overlapping(100, 150).await, [2]);
    assert_eq!(overlapping(149, 151).await, [2, 3]);
    assert_eq!(overlapping(150, 151).await, [3]);
    assert_eq!(overlapping(50, 50).await, [] as [u32; 0]);
    assert_eq!(engine.part(row.id, 2).await.unwrap(), Some(parts[1].clone()));
    assert_eq!(engine.part(row.id, 5).await.unwrap(), None);
    assert_eq!(engine.parts_after(row.id, 1, 2).await.unwrap(), parts[1..3]);
    assert_eq!(engine.parts_after(VersionId::random(), 0, 2).await.unwrap(), []);
}

pub(crate) async fn a_removed_version_takes_its_parts_and_condemns_their_blobs(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let row = VersionRow { parts: 2, ..version(&bucket, EntryId::random()) };
    let parts: Vec<_> = (1..3).map(|number| part(&row, number, (u64::from(number) * 10 - 10, 10), location(bucket.tenant))).collect();
    let change = VersionChange { version: Some((row.clone(), Some(dek(&row)), parts.clone())), ..first_version("a", row.clone()) };
    done(&engine, change).await;
    let entry = found(&engine, &bucket, "a", Which::Current).await.entry;
    done(&engine, removal(&entry, &row, None)).await;
    let mut gone = condemned(&engine, later(1)).await;
    let mut blobs: Vec<_> = parts.iter().map(|part| part.location.blob).chain(row.location.map(|own| own.blob)).collect();
    gone.sort();
    blobs.sort();
    assert_eq!(gone, blobs);
    assert_eq!(engine.parts_after(row.id, 0, 10).await.unwrap(), []);
    assert!(engine.find(bucket.id, key_token("a"), Which::Current).await.unwrap().is_none());
}
