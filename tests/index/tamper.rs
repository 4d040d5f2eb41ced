//! An index whose owner changes, swaps and takes rows.

use super::memory::{Memory, Tables};
use super::support::{House, NOW, key, marker};
use hozon::domain::{
    AttemptId, Attributes, BucketId, BucketMode, BucketName, ChecksumAlgorithm, ChecksumType, ETag, EntryId, Hold, PrincipalId,
    RecordClass, RecordState, Retention, UploadId, UtcTime, VersionId, Versioning,
};
use hozon::engine::{
    BucketRow, Changed, Engine, EngineError, EntryRow, Events, Nullness, PartRow, RowMac, Token, UploadPartRow, UploadRow, VersionKind,
    VersionRow, Which,
};
use hozon::index::{Bucket, IndexError, ListQuery, NewContent, NewUpload, NewUploadPart, NewVersion, UploadedPart, VersionsQuery};
use std::sync::Arc;

/// A tenant with two small keys in two directories, one multipart version and one open upload with a part.
pub(super) struct Scene<E = Memory> {
    engine: Arc<E>,
    pub(super) house: House,
    pub(super) bucket: Bucket,
    upload: UploadId,
    multipart: VersionId,
}

const KEYS: [&str; 3] = ["a/one", "a/two", "b/three"];
const MULTIPART: &str = "multipart";

impl Scene {
    async fn set() -> Self {
        Self::over(Arc::new(Memory::default())).await
    }

    fn tables(&self) -> std::sync::MutexGuard<'_, Tables> {
        self.engine.tables()
    }
}

impl<E: Engine + 'static> Scene<E> {
    pub(super) async fn over(engine: Arc<E>) -> Self {
        let house = House::over(engine.clone()).await;
        let tenant = house.tenant("hospital").await;
        let bucket = house.bucket(tenant, "files", Versioning::On).await;
        for name in KEYS {
            let kept = Retention { rule: "r".into(), start_event: "e".into(), started: Some(NOW), until: Some(NOW), hold: Hold::None };
            let new = NewVersion { retention: Some(kept), ..house.content(&bucket, name, Nullness::Numbered, 5).await };
            house.put(&bucket, name, new).await.unwrap();
        }
        let first = open_upload(&house, &bucket).await;
        let upload = house.index.of(tenant).upload(&bucket, first).await.unwrap().unwrap();
        let parts = house.index.of(tenant).upload_parts(&upload, 0, 9).await.unwrap();
        let size = parts.iter().map(UploadedPart::length).sum();
        let body =
            NewContent::Body { stored: house.stored(&bucket, upload.version(), 0).await.into(), dek: (1, vec![5; 104]), size, parts };
        let new = NewVersion { id: upload.version(), content: body, ..marker(MULTIPART, Nullness::Numbered) };
        let was = house.index.of(tenant).find(&bucket, &key(MULTIPART), Which::Current).await.unwrap();
        house.index.of(tenant).put(&was, new, Some(&upload), Events::default()).await.unwrap();
        let second = open_upload(&house, &bucket).await;
        Self { engine, house, bucket, upload: second, multipart: upload.version() }
    }

    /// Asks everything that can be asked, with nothing in memory. The first thing noticed, or that a row is gone: its
    /// owner can always take a row away, but must not pass another off for it.
    pub(super) async fn noticed(&self) -> Option<&'static str> {
        match self.ask_everything().await {
            Ok(Whole::Yes) => None,
            Ok(Whole::No) => Some("gone"),
            Err(IndexError::Tampered { table } | IndexError::Engine(EngineError::Corrupt { table })) => Some(table),
            // A row that names a key version which never was.
            Err(IndexError::UnknownKey { .. }) => Some("key"),
            Err(other) => panic!("{other:?}"),
        }
    }

    async fn ask_everything(&self) -> Result<Whole, IndexError> {
        let cold = self.house.cold();
        let index = cold.of(self.bucket.tenant);
        let mut there = 0;
        there += index.buckets().await?.len();
        there += usize::from(index.bucket(&self.bucket.name).await?.is_some());
        for name in KEYS.into_iter().chain([MULTIPART]) {
            let found = index.find(&self.bucket, &key(name), Which::Current).await?;
            if let Some(version) = found.version {
                there += index.parts(&version, hozon::domain::ByteRange::whole(version.row.size)).await?.len();
                there += index.parts_after(&version, 0, 9).await?.len() + 1;
            }
        }
        there += index.list(&self.bucket, &ListQuery { limit: 99, ..ListQuery::default() }).await?.items.len();
        there += index.list_versions(&self.bucket, &VersionsQuery { limit: 99, ..VersionsQuery::default() }).await?.items.len();
        there += index.uploads(&self.bucket, &hozon::index::UploadsQuery { limit: 9, ..Default::default() }).await?.items.len();
        if let Some(upload) = index.upload(&self.bucket, self.upload).await? {
            there += index.upload_parts(&upload, 0, 9).await?.len() + 1;
        }
        Ok(if there == ALL { Whole::Yes } else { Whole::No })
    }
}

enum Whole {
    Yes,
    No,
}

/// Two looks at the bucket, four keys, two parts twice, two listings of four, and an upload twice with two parts.
const ALL: usize = 2 + 4 + 4 + 8 + 1 + 3;

async fn open_upload(house: &House, bucket: &Bucket) -> UploadId {
    let index = house.index.of(bucket.tenant);
    let new = NewUpload {
        id: UploadId::random(),
        version: VersionId::random(),
        initiator: PrincipalId::from_bytes([9; 16]),
        created: NOW,
        state: RecordState::Draft,
        checksum: Some((ChecksumAlgorithm::Crc32, ChecksumType::FullObject)),
        attributes: Attributes { key: MULTIPART.to_owned(), ..Attributes::default() },
        tags: vec![("k".to_owned(), "v".to_owned())],
        dek: (1, vec![5; 104]),
    };
    let id = new.id;
    assert_eq!(index.create_upload(bucket, &key(MULTIPART), new, Events::default()).await.unwrap(), Changed::Done);
    let upload = index.upload(bucket, id).await.unwrap().unwrap();
    for number in [1, 2] {
        let stored = house.stored(bucket, upload.version(), 100).await;
        let new = NewUploadPart { number, stored, etag: ETag::random(1), crc64nvme: [1; 8], checksum: None };
        index.put_upload_part(&upload, new, NOW, Events::default()).await.unwrap();
    }
    id
}

/// Makes one change to one row at a time, and wants each to be noticed.
macro_rules! each_change_is_noticed {
    ($scene:ident, $table:literal, $row:ty, $find:expr, { $($name:literal: $change:expr;)+ }) => {
        $({
            let find: fn(&Scene, &mut Tables, &dyn Fn(&mut $row)) = $find;
            let before = std::cell::RefCell::new(None);
            find(&$scene, &mut $scene.tables(), &|row| {
                *before.borrow_mut() = Some(row.clone());
                let change: fn(&mut $row) = $change;
                change(row);
                assert_ne!(Some(&*row), before.borrow().as_ref(), "{} changes nothing", $name);
            });
            let noticed = $scene.noticed().await;
            assert!(noticed == Some($table) || noticed == Some("key"), "{} of {}: {noticed:?}", $name, $table);
            find(&$scene, &mut $scene.tables(), &|row| *row = before.borrow().clone().unwrap());
            assert_eq!($scene.noticed().await, None, "{} of {} put back", $name, $table);
        })+
    };
}

fn flip(bytes: &mut [u8]) {
    *bytes.last_mut().unwrap() ^= 1;
}

fn other_time(time: &mut UtcTime) {
    *time = UtcTime::from_micros(time.micros() + 1);
}

fn other_location(location: &mut hozon::domain::Location) {
    location.offset += 1;
}

#[tokio::test]
async fn a_change_of_any_column_of_a_bucket_is_noticed() {
    let scene = Scene::set().await;
    each_change_is_noticed!(scene, "buckets", BucketRow, |_, tables, change| change(&mut tables.buckets[0]), {
        "mode": |row| row.mode = BucketMode::Records;
        "versioning": |row| row.versioning = Versioning::Off;
        "class": |row| row.default_class = Some(RecordClass::parse("x").unwrap());
        "created": |row| other_time(&mut row.created);
        "id": |row| row.id = BucketId::random();
        "name": |row| row.name = BucketName::parse("other").unwrap();
        "key version": |row| row.kek_version = 2;
        "revision": |row| row.revision += 1;
        "mac": |row| flip(&mut row.mac.0);
    });
}

fn any_entry(_: &Scene, tables: &mut Tables, change: &dyn Fn(&mut EntryRow)) {
    change(tables.entries.values_mut().min_by_key(|row| row.mark).unwrap());
}

#[tokio::test]
async fn a_change_of_any_column_of_an_entry_is_noticed() {
    let scene = Scene::set().await;
    each_change_is_noticed!(scene, "entries", EntryRow, any_entry, {
        "id": |row| row.id = EntryId::random();
        "key": |row| flip(&mut row.key.0);
        "key version": |row| row.kek_version = 2;
        "sealed name": |row| flip(&mut row.sealed_name);
        "current version": |row| row.current.version = VersionId::random();
        "current kind": |row| row.current.kind = VersionKind::DeleteMarker;
        "current size": |row| row.current.size += 1;
        "current tag": |row| row.current.etag = ETag::random(1);
        "current time": |row| other_time(&mut row.current.modified);
        "revision": |row| row.revision += 1;
        "mac": |row| row.mac = RowMac([0; 32]);
    });
}

fn any_version(scene: &Scene, tables: &mut Tables, change: &dyn Fn(&mut VersionRow)) {
    let simple = tables.versions.values_mut().filter(|row| row.id != scene.multipart);
    change(simple.min_by_key(|row| row.seq).unwrap());
}

#[tokio::test]
async fn a_change_of_any_column_of_a_version_is_noticed() {
    let scene = Scene::set().await;
    each_change_is_noticed!(scene, "versions", VersionRow, any_version, {
        "id": |row| row.id = VersionId::random();
        "bucket": |row| row.bucket = BucketId::random();
        "kind": |row| row.kind = VersionKind::DeleteMarker;
        "null": |row| row.null = Nullness::Null;
        "created": |row| other_time(&mut row.created);
        "size": |row| row.size += 1;
        "tag": |row| row.etag = ETag::random(1);
        "state": |row| row.state = RecordState::Withdrawn;
        "class": |row| row.class = None;
        "rule": |row| row.retention.as_mut().unwrap().rule.push('x');
        "start event": |row| row.retention.as_mut().unwrap().start_event.push('x');
        "term started": |row| row.retention.as_mut().unwrap().started = None;
        "term until": |row| row.retention.as_mut().unwrap().until = None;
        "hold": |row| row.retention.as_mut().unwrap().hold = Hold::Held;
        "retention": |row| row.retention = None;
        "patient": |row| flip(&mut row.patient.as_mut().unwrap().0);
        "no patient": |row| row.patient = None;
        "enterer": |row| row.enterer = PrincipalId::random();
        "parent": |row| row.parent = Some(VersionId::random());
        "key version": |row| row.kek_version = 2;
        "attributes": |row| flip(&mut row.sealed_attributes);
        "tags": |row| flip(row.sealed_tags.as_mut().unwrap());
        "no tags": |row| row.sealed_tags = None;
        "attempt": |row| row.attempt = AttemptId::random();
        "location": |row| other_location(row.location.as_mut().unwrap());
        "no location": |row| row.location = None;
        "stream length": |row| row.stream_length += 1;
        "manifest length": |row| row.manifest_length += 1;
        "crc": |row| row.stored_crc += 1;
        "parts": |row| row.parts += 1;
        "revision": |row| row.revision += 1;
        "mac": |row| flip(&mut row.mac.0);
    });
}

fn any_part(_: &Scene, tables: &mut Tables, change: &dyn Fn(&mut PartRow)) {
    change(tables.parts.values_mut().next().unwrap());
}

#[tokio::test]
async fn a_change_of_any_column_of_a_part_is_noticed() {
    let scene = Scene::set().await;
    each_change_is_noticed!(scene, "parts", PartRow, any_part, {
        "number": |row| row.number += 1;
        "attempt": |row| row.attempt = AttemptId::random();
        "location": |row| other_location(&mut row.location);
        "offset": |row| row.offset += 1;
        "length": |row| row.length += 1;
        "stream length": |row| row.stream_length += 1;
        "crc": |row| row.stored_crc += 1;
        "checksums": |row| flip(&mut row.sealed_checksums);
        "key version": |row| row.kek_version = 2;
        "mac": |row| flip(&mut row.mac.0);
    });
}

fn the_upload(scene: &Scene, tables: &mut Tables, change: &dyn Fn(&mut UploadRow)) {
    change(tables.uploads.get_mut(&scene.upload).unwrap());
}

#[tokio::test]
async fn a_change_of_any_column_of_an_upload_is_noticed() {
    let scene = Scene::set().await;
    each_change_is_noticed!(scene, "uploads", UploadRow, the_upload, {
        "key": |row| flip(&mut row.key.0);
        "id": |row| row.id = UploadId::random();
        "version": |row| row.version = VersionId::random();
        "initiator": |row| row.initiator = PrincipalId::random();
        "created": |row| other_time(&mut row.created);
        "state": |row| row.state = RecordState::Finalized;
        "no checksum": |row| row.checksum = None;
        "checksum": |row| row.checksum = Some((ChecksumAlgorithm::Crc32, ChecksumType::Composite));
        "key version": |row| row.kek_version = 2;
        "attributes": |row| flip(&mut row.sealed_attributes);
        "tags": |row| flip(row.sealed_tags.as_mut().unwrap());
        "no tags": |row| row.sealed_tags = None;
        "data key version": |row| row.dek_kek_version += 1;
        "data key": |row| flip(&mut row.wrapped_dek);
        "revision": |row| row.revision += 1;
        "mac": |row| flip(&mut row.mac.0);
    });
}

fn any_upload_part(_: &Scene, tables: &mut Tables, change: &dyn Fn(&mut UploadPartRow)) {
    change(tables.upload_parts.values_mut().next().unwrap());
}

#[tokio::test]
async fn a_change_of_any_column_of_an_uploaded_part_is_noticed() {
    let scene = Scene::set().await;
    each_change_is_noticed!(scene, "upload_parts", UploadPartRow, any_upload_part, {
        "upload": |row| row.upload = UploadId::random();
        "number": |row| row.number += 1;
        "attempt": |row| row.attempt = AttemptId::random();
        "location": |row| other_location(&mut row.location);
        "length": |row| row.length += 1;
        "stream length": |row| row.stream_length += 1;
        "crc": |row| row.stored_crc += 1;
        "tag": |row| row.etag = ETag::random(1);
        "checksums": |row| flip(&mut row.sealed_checksums);
        "modified": |row| other_time(&mut row.modified);
        "key version": |row| row.kek_version = 2;
        "mac": |row| flip(&mut row.mac.0);
    });
}

#[tokio::test]
async fn rows_that_change_places_are_noticed() {
    let scene = Scene::set().await;
    let token_of = |name: &str, tables: &Tables| {
        let by_mark = |row: &&EntryRow| row.mark;
        let mut rows: Vec<_> = tables.entries.values().collect();
        rows.sort_by_key(by_mark);
        rows[KEYS.iter().position(|key| *key == name).unwrap()].clone()
    };
    let (one, two, three) = {
        let tables = scene.tables();
        (token_of("a/one", &tables), token_of("a/two", &tables), token_of("b/three", &tables))
    };
    // The whole row of one key under the token of another, as a swap of keys in the table would leave it.
    for (row, token) in [(&one, two.key), (&two, one.key)] {
        scene.tables().entries.insert(row.id, EntryRow { key: token, ..row.clone() });
    }
    assert_eq!(scene.noticed().await, Some("entries"));
    // A name moved into another directory.
    for row in [&one, &two] {
        scene.tables().entries.insert(row.id, row.clone());
    }
    scene.tables().entries.insert(one.id, EntryRow { directory: three.directory, ..one.clone() });
    assert_eq!(scene.noticed().await, Some("entries"));
    scene.tables().entries.insert(one.id, one.clone());
    assert_eq!(scene.noticed().await, None);
    // One version's content under another's id.
    let (mine, theirs) = (one.current.version, two.current.version);
    let original = scene.tables().versions[&mine].clone();
    let swapped = VersionRow { id: mine, ..scene.tables().versions[&theirs].clone() };
    scene.tables().versions.insert(mine, swapped);
    assert_eq!(scene.noticed().await, Some("versions"));
    // The other version whole, where the engine is asked for this one.
    let whole = scene.tables().versions[&theirs].clone();
    scene.tables().versions.insert(mine, whole);
    assert_eq!(scene.noticed().await, Some("versions"));
    scene.tables().versions.insert(mine, original);
    assert_eq!(scene.noticed().await, None);
    // The newest version taken away.
    scene.tables().versions.remove(&mine);
    assert_eq!(scene.noticed().await, Some("versions"));
}

#[tokio::test]
async fn an_older_entry_and_yesterdays_version_do_not_fit_what_is_there_now() {
    let scene = Scene::set().await;
    let entry = |tables: &Tables| tables.entries.values().min_by_key(|row| row.mark).unwrap().clone();
    let before = entry(&scene.tables());
    scene.house.put(&scene.bucket, KEYS[0], scene.house.content(&scene.bucket, KEYS[0], Nullness::Numbered, 6).await).await.unwrap();
    let (old, new) = (before.current.version, scene.tables().entries[&before.id].current.version);
    // Yesterday's version row in the place of today's.
    let yesterday = scene.tables().versions[&old].clone();
    let today = scene.tables().versions.insert(new, yesterday).unwrap();
    assert_eq!(scene.noticed().await, Some("versions"));
    scene.tables().versions.insert(new, today);
    // Yesterday's entry, whose MAC holds, while today's version is there.
    scene.tables().entries.insert(before.id, before);
    assert_eq!(scene.noticed().await, Some("versions"));
}

#[tokio::test]
async fn directories_that_change_places_are_noticed() {
    let scene = Scene::set().await;
    let (a, b) = {
        let tables = scene.tables();
        let rows: Vec<_> = tables.directories.values().cloned().collect();
        assert_eq!(rows.len(), 2);
        (rows[0].clone(), rows[1].clone())
    };
    let put = |row: hozon::engine::DirectoryRow| scene.tables().directories.insert((row.bucket, row.directory), row);
    // Each leads to what lies under the other.
    let (to_b, to_a) = (Token(b.directory.0), Token(a.directory.0));
    put(hozon::engine::DirectoryRow { directory: to_b, ..a.clone() });
    put(hozon::engine::DirectoryRow { directory: to_a, ..b.clone() });
    assert_eq!(scene.noticed().await, Some("directories"));
    // One's name on the other.
    put(hozon::engine::DirectoryRow { sealed_name: b.sealed_name.clone(), ..a.clone() });
    put(b.clone());
    assert_eq!(scene.noticed().await, Some("directories"));
    put(hozon::engine::DirectoryRow { id: EntryId::random(), ..a.clone() });
    assert_eq!(scene.noticed().await, Some("directories"));
    put(a);
    assert_eq!(scene.noticed().await, None);
}

#[tokio::test]
async fn rows_of_one_tenant_do_not_open_under_another() {
    let scene = Scene::set().await;
    let other = scene.house.tenant("other").await;
    let theirs = scene.house.bucket(other, "files", Versioning::On).await;
    {
        // All of the first tenant's rows, told to be the second one's.
        let mut tables = scene.tables();
        let (mine, theirs) = (scene.bucket.id, theirs.id);
        tables.entries.values_mut().filter(|row| row.bucket == mine).for_each(|row| row.bucket = theirs);
        tables.versions.values_mut().filter(|row| row.bucket == mine).for_each(|row| row.bucket = theirs);
        tables.uploads.values_mut().for_each(|row| (row.bucket, row.tenant) = (theirs, other));
        let directories: Vec<_> = tables.directories.drain().map(|(_, row)| row).collect();
        let moved = directories.into_iter().map(|row| ((theirs, row.directory), hozon::engine::DirectoryRow { bucket: theirs, ..row }));
        tables.directories.extend(moved);
    }
    let index = scene.house.index.of(other);
    let is_refused = |error: IndexError| matches!(error, IndexError::Tampered { .. });
    // Tokens are the tenant's own, so the keys are not even found; by the table's own tokens they do not open.
    assert!(index.find(&theirs, &key(KEYS[0]), Which::Current).await.unwrap().entry.is_none());
    assert!(is_refused(index.upload(&theirs, scene.upload).await.unwrap_err()));
    assert!(is_refused(index.uploads(&theirs, &hozon::index::UploadsQuery { limit: 9, ..Default::default() }).await.unwrap_err()));
    // Even a bucket row of theirs put in our place is not ours.
    {
        let mut tables = scene.tables();
        let stolen = BucketRow { tenant: other, ..tables.buckets[0].clone() };
        tables.buckets.retain(|row| row.tenant != other);
        tables.buckets.push(stolen);
    }
    assert!(is_refused(index.bucket(&theirs.name).await.unwrap_err()));
}

#[tokio::test]
async fn nothing_that_names_a_patient_stands_in_a_row() {
    let scene = Scene::set().await;
    let name = "canary-directory/canary-key";
    scene.house.put(&scene.bucket, name, scene.house.content(&scene.bucket, name, Nullness::Numbered, 1).await).await.unwrap();
    let tables = format!("{:?}", *scene.tables());
    let hexed = |text: &str| text.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ");
    assert!(tables.contains("chart.medical"), "the class stands in clear, so the search finds what is there");
    for canary in ["canary-directory", "canary-key", "canary-patient-0042", "canary-author", "canary-tag-value"] {
        assert!(!tables.contains(canary) && !tables.contains(&hexed(canary)), "{canary}");
    }
}
