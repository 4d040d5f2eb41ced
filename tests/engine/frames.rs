//! Every stored frame that a row names, in one order over three tables.

use crate::buckets::with_bucket;
use crate::rows::{NOW, dek, first_version, location, marker, part, upload, upload_part, version};
use crate::versions::{done, found, removal};
use hozon::domain::{BlobId, EntryId, Location};
use hozon::engine::{BucketRow, Engine, Events, FrameKey, FrameOwner, FrameRow, FrameTotals, VersionChange, VersionRow, Which};
use std::sync::Arc;

/// Every frame, read in pages of `limit`.
pub(crate) async fn all(engine: &Arc<dyn Engine>, limit: usize) -> Vec<FrameRow> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = engine.frames(after, limit).await.unwrap();
        assert!(page.len() <= limit);
        let Some(last) = page.last() else { return all };
        after = Some(last.key());
        all.extend(page);
    }
}

fn sorted(mut rows: Vec<FrameRow>) -> Vec<FrameRow> {
    rows.sort_by_key(|row| row.key().to_bytes());
    rows
}

/// A version in two parts, a version in one frame, a delete marker and an open upload with two parts: their frames.
async fn some(engine: &Arc<dyn Engine>, bucket: &BucketRow) -> Vec<FrameRow> {
    let mut rows = Vec::new();
    let of_version = |row: &VersionRow| FrameRow {
        location: row.location.unwrap(),
        stored_crc: row.stored_crc,
        owner: FrameOwner::Version(row.id),
        bucket: Some(row.bucket),
        version: Some(row.id),
    };
    let whole = version(bucket, EntryId::random());
    rows.push(of_version(&whole));
    done(engine, first_version("whole", whole)).await;
    done(engine, first_version("marker", marker(bucket, EntryId::random()))).await;
    let parted = VersionRow { parts: 2, ..version(bucket, EntryId::random()) };
    let parts = vec![part(&parted, 1, (0, 10), location(bucket.tenant)), part(&parted, 2, (10, 10), location(bucket.tenant))];
    rows.push(of_version(&parted));
    rows.extend(parts.iter().map(|part| FrameRow {
        location: part.location,
        stored_crc: part.stored_crc,
        owner: FrameOwner::Part(parted.id, part.number),
        bucket: Some(bucket.id),
        version: Some(parted.id),
    }));
    done(engine, VersionChange { version: Some((parted.clone(), Some(dek(&parted)), parts)), ..first_version("parted", parted) }).await;
    let open = upload(bucket, "open");
    engine.create_upload(open.clone(), 10, Events::default()).await.unwrap();
    for number in [3, 7] {
        let part = upload_part(&open, number);
        engine.put_upload_part(part.clone(), NOW, Events::default()).await.unwrap();
        rows.push(FrameRow {
            location: part.location,
            stored_crc: part.stored_crc,
            owner: FrameOwner::UploadPart(open.id, number),
            bucket: Some(bucket.id),
            version: Some(open.version),
        });
    }
    sorted(rows)
}

pub(crate) async fn every_frame_that_a_row_names_comes_once_whatever_the_page(engine: Arc<dyn Engine>) {
    assert_eq!(engine.frames(None, 10).await.unwrap(), []);
    assert_eq!(engine.frame_totals().await.unwrap(), FrameTotals::default());
    let bucket = with_bucket(&engine).await;
    let rows = some(&engine, &bucket).await;
    assert_eq!(rows.len(), 6);
    for limit in 1..8 {
        assert_eq!(all(&engine, limit).await, rows, "in pages of {limit}");
    }
    let bytes = rows.iter().map(|row| row.location.length).sum();
    assert_eq!(engine.frame_totals().await.unwrap(), FrameTotals { frames: 6, bytes });
}

pub(crate) async fn frames_of_one_blob_come_by_offset_and_row(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let blob = location(bucket.tenant).blob;
    // Two versions share a frame; a third one lies before it, and parts of a fourth behind.
    let at = |offset| Some(Location { blob, offset, length: 100 });
    for (key, place) in [("a", at(300)), ("b", at(300)), ("c", at(20))] {
        let row = VersionRow { location: place, ..version(&bucket, EntryId::random()) };
        done(&engine, first_version(key, row)).await;
    }
    let parted = VersionRow { parts: 12, location: at(300), ..version(&bucket, EntryId::random()) };
    // Numbers are numbers here: the tenth comes behind the ninth.
    let parts: Vec<_> = (1..=12).map(|number| part(&parted, number, (u64::from(number), 1), at(300).unwrap())).collect();
    done(&engine, VersionChange { version: Some((parted.clone(), Some(dek(&parted)), parts)), ..first_version("d", parted) }).await;
    let rows = all(&engine, 100).await;
    assert_eq!(rows.len(), 16);
    assert_eq!(rows, sorted(rows.clone()));
    for limit in [1, 3] {
        assert_eq!(all(&engine, limit).await, rows, "in pages of {limit}");
    }
    // A place that no row has is one all the same.
    let before = FrameKey { offset: 299, ..rows[1].key() };
    assert_eq!(engine.frames(Some(before), 100).await.unwrap(), rows[1..]);
}

pub(crate) async fn a_frame_is_named_as_long_as_any_row_has_it(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    for row in some(&engine, &bucket).await {
        let Location { blob, offset, length } = row.location;
        assert!(engine.names_frame(row.location, row.stored_crc).await.unwrap());
        assert!(!engine.names_frame(row.location, row.stored_crc ^ 1).await.unwrap());
        assert!(!engine.names_frame(Location { blob, offset: offset + 1, length }, row.stored_crc).await.unwrap());
        assert!(!engine.names_frame(Location { blob, offset, length: length + 1 }, row.stored_crc).await.unwrap());
    }
    let newest = found(&engine, &bucket, "whole", Which::Current).await;
    let gone = newest.version.unwrap().version;
    done(&engine, removal(&newest.entry, &gone, None)).await;
    assert!(!engine.names_frame(gone.location.unwrap(), gone.stored_crc).await.unwrap());
    assert_eq!(all(&engine, 2).await.len(), 5);
}

pub(crate) async fn a_blob_is_unknown_if_neither_a_row_nor_the_condemned_have_it(engine: Arc<dyn Engine>) {
    let bucket = with_bucket(&engine).await;
    let named: Vec<BlobId> = some(&engine, &bucket).await.iter().map(|row| row.location.blob).collect();
    let (orphan, condemned) = (location(bucket.tenant).blob, location(bucket.tenant).blob);
    assert_eq!(engine.condemn(vec![condemned], NOW).await.unwrap(), [condemned]);
    let asked = named.into_iter().chain([orphan, condemned]).collect();
    assert_eq!(engine.unknown_blobs(asked).await.unwrap(), [orphan]);
    assert_eq!(engine.unknown_blobs(Vec::new()).await.unwrap(), []);
}
