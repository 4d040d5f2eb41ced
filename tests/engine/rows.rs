//! Rows as `index`, `leases`, `identity` and `audit` would hand them in. What is sealed is any bytes here: an
//! engine never looks inside.

use hozon::domain::{
    AttemptId, BlobId, BucketId, BucketMode, BucketName, ChecksumAlgorithm, ChecksumType, ETag, EntryId, EventId, EventKeyId, Hold,
    KekPurpose, KekState, Location, NodeId, PrincipalId, PrincipalKind, RecordClass, RecordState, Retention, Standing, TenantId, UploadId,
    UtcTime, VersionId, Versioning,
};
use hozon::engine::{
    AccessKeyRow, BucketRow, CurrentRow, DekRow, DirectoryRow, EntryChange, EntryRow, EventKeyRow, Events, JournalRow, KekRow, Nullness,
    PartRow, PrincipalRow, RowMac, SecretKind, SecretRow, TenantRow, Token, UploadPartRow, UploadRow, VersionChange, VersionKind,
    VersionRow,
};
use std::hash::{DefaultHasher, Hash, Hasher};

pub(crate) const NOW: UtcTime = UtcTime::from_micros(1_800_000_000_000_000);

pub(crate) fn later(seconds: i64) -> UtcTime {
    UtcTime::from_micros(NOW.micros() + seconds * 1_000_000)
}

/// A token: equal for equal values, as the real ones are.
pub(crate) fn token(value: impl Hash) -> Token {
    let mut bytes = [0; 32];
    for (round, slot) in bytes.chunks_mut(8).enumerate() {
        let mut hasher = DefaultHasher::new();
        (round, &value).hash(&mut hasher);
        slot.copy_from_slice(&hasher.finish().to_be_bytes());
    }
    Token(bytes)
}

pub(crate) fn mac(value: impl Hash) -> RowMac {
    RowMac(token(value).0)
}

pub(crate) fn tenant(name: &str) -> TenantRow {
    TenantRow {
        id: TenantId::random(),
        name: name.to_owned(),
        facility: Some("1310000001".to_owned()),
        standing: Standing::Active,
        created: NOW,
    }
}

pub(crate) fn kek(tenant: TenantId, purpose: KekPurpose, version: u32) -> KekRow {
    KekRow {
        tenant,
        purpose,
        version,
        state: KekState::Active,
        provider: "file".to_owned(),
        wrapped: vec![u8::try_from(version).unwrap(); 92],
        created: NOW,
    }
}

pub(crate) fn secret(tenant: TenantId, epoch: u32) -> SecretRow {
    SecretRow { tenant, kind: SecretKind::Token, epoch, kek_version: 1, wrapped: vec![9; 92] }
}

pub(crate) fn principal(tenant: TenantId, name: &str) -> PrincipalRow {
    PrincipalRow {
        id: PrincipalId::random(),
        tenant,
        name: name.to_owned(),
        kind: PrincipalKind::Person,
        standing: Standing::Active,
        kek_version: 1,
        sealed_profile: vec![7; 120],
        created: NOW,
        revision: 1,
        mac: mac(name),
    }
}

pub(crate) fn access_key(of: &PrincipalRow, access_key: &str) -> AccessKeyRow {
    AccessKeyRow {
        access_key: access_key.to_owned(),
        tenant: of.tenant,
        principal: of.id,
        standing: Standing::Active,
        kek_version: 1,
        wrapped_secret: vec![5; 92],
        created: NOW,
        expires: Some(later(3_600)),
        revision: 1,
        mac: mac(access_key),
    }
}

pub(crate) fn bucket(tenant: TenantId, name: &str) -> BucketRow {
    BucketRow {
        id: BucketId::random(),
        tenant,
        name: BucketName::parse(name).unwrap(),
        mode: BucketMode::Records,
        versioning: Versioning::On,
        standing: Standing::Active,
        default_class: Some(RecordClass::parse("chart.medical").unwrap()),
        created: NOW,
        kek_version: 1,
        revision: 1,
        mac: mac(name),
    }
}

pub(crate) fn location(tenant: TenantId) -> Location {
    Location { blob: BlobId::random(tenant, NOW.day()), offset: 0, length: 4_300 }
}

pub(crate) fn event(tenant: TenantId) -> JournalRow {
    let event = EventId::random();
    JournalRow { tenant, event, leaf_hash: token(event).0, event_key: EventKeyId::random(), sealed: vec![3; 400], at: NOW, position: None }
}

pub(crate) fn event_key(tenant: TenantId) -> EventKeyRow {
    EventKeyRow { id: EventKeyId::random(), tenant, node: NodeId::random(), created: NOW, kek_version: 1, wrapped: vec![8; 92] }
}

pub(crate) fn events_of(tenant: TenantId, count: usize) -> Events {
    Events { rows: (0..count).map(|_| event(tenant)).collect(), keys: Vec::new() }
}

/// A content version with every column filled.
pub(crate) fn version(bucket: &BucketRow, entry: EntryId) -> VersionRow {
    VersionRow {
        id: VersionId::random(),
        bucket: bucket.id,
        entry,
        kind: VersionKind::Content,
        null: Nullness::Numbered,
        created: NOW,
        size: 4_096,
        etag: ETag::random(1),
        state: RecordState::Draft,
        class: Some(RecordClass::parse("image.xray").unwrap()),
        retention: Some(Retention {
            rule: "medical-record".to_owned(),
            start_event: "completed".to_owned(),
            started: Some(NOW),
            until: Some(later(86_400)),
            hold: Hold::Held,
        }),
        patient: Some(token("patient")),
        enterer: PrincipalId::random(),
        parent: Some(VersionId::random()),
        kek_version: 3,
        sealed_attributes: vec![1; 300],
        sealed_tags: Some(vec![2; 80]),
        attempt: AttemptId::random(),
        location: Some(location(bucket.tenant)),
        stream_length: 4_152,
        manifest_length: 120,
        // All bits in use: the CRC is no number that fits a signed column.
        stored_crc: 0xfedc_ba98_7654_3210,
        parts: 0,
        revision: 1,
        mac: mac("version"),
        seq: 0,
    }
}

/// A version with nothing in the columns that may be empty.
pub(crate) fn marker(bucket: &BucketRow, entry: EntryId) -> VersionRow {
    VersionRow {
        kind: VersionKind::DeleteMarker,
        size: 0,
        etag: ETag::new([0; 16], 0),
        class: None,
        retention: None,
        patient: None,
        parent: None,
        sealed_tags: None,
        location: None,
        stream_length: 0,
        manifest_length: 0,
        stored_crc: 0,
        ..version(bucket, entry)
    }
}

pub(crate) fn dek(of: &VersionRow) -> DekRow {
    DekRow { version: of.id, kek_version: 2, wrapped: vec![4; 136] }
}

pub(crate) fn part(of: &VersionRow, number: u32, (offset, length): (u64, u64), location: Location) -> PartRow {
    PartRow {
        version: of.id,
        number,
        attempt: AttemptId::random(),
        location,
        offset,
        length,
        stream_length: length + 56,
        stored_crc: u64::MAX - u64::from(number),
        sealed_checksums: vec![6; 60],
        kek_version: 3,
        mac: mac(number),
    }
}

pub(crate) fn upload(bucket: &BucketRow, key: &str) -> UploadRow {
    UploadRow {
        id: UploadId::random(),
        bucket: bucket.id,
        tenant: bucket.tenant,
        key: token(("key", key)),
        version: VersionId::random(),
        initiator: PrincipalId::random(),
        created: NOW,
        touched: NOW,
        state: RecordState::Draft,
        checksum: Some((ChecksumAlgorithm::Sha256, ChecksumType::Composite)),
        kek_version: 3,
        sealed_attributes: vec![1; 200],
        sealed_tags: None,
        dek_kek_version: 2,
        wrapped_dek: vec![4; 136],
        revision: 1,
        mac: mac(key),
    }
}

pub(crate) fn upload_part(of: &UploadRow, number: u32) -> UploadPartRow {
    UploadPartRow {
        upload: of.id,
        number,
        attempt: AttemptId::random(),
        location: location(of.tenant),
        length: 5 << 20,
        stream_length: (5 << 20) + 5_176,
        stored_crc: u64::MAX - u64::from(number),
        etag: ETag::random(1),
        sealed_checksums: vec![6; 90],
        modified: NOW,
        kek_version: 3,
        mac: mac(number),
    }
}

pub(crate) fn current(of: &VersionRow) -> CurrentRow {
    CurrentRow { version: of.id, kind: of.kind, size: of.size, etag: of.etag, modified: of.created }
}

/// The part of a key up to and with its last `/`.
pub(crate) fn directory_of(key: &str) -> &str {
    key.rfind('/').map_or("", |slash| &key[..=slash])
}

pub(crate) fn directory_token(path: &str) -> Token {
    token(("directory", path))
}

pub(crate) fn key_token(key: &str) -> Token {
    token(("key", key))
}

/// The entry of `key` with `newest` as its current version.
pub(crate) fn entry(key: &str, newest: &VersionRow) -> EntryRow {
    EntryRow {
        id: newest.entry,
        bucket: newest.bucket,
        key: key_token(key),
        directory: directory_token(directory_of(key)),
        kek_version: 1,
        sealed_name: key.as_bytes().to_vec(),
        current: current(newest),
        revision: 1,
        mac: mac(key),
        mark: 0,
    }
}

/// Rows of all directories above `key`, from the root's child to its parent.
pub(crate) fn directories(bucket: BucketId, key: &str) -> Vec<DirectoryRow> {
    let ends = key.char_indices().filter(|(_, c)| *c == '/').map(|(at, _)| at + 1);
    let mut parent = "";
    ends.map(|end| {
        let path = &key[..end];
        let row = DirectoryRow {
            id: EntryId::random(),
            bucket,
            directory: directory_token(path),
            parent: directory_token(parent),
            kek_version: 1,
            sealed_name: path.as_bytes()[parent.len()..].to_vec(),
            live: 0,
            total: 0,
            mark: 0,
        };
        parent = path;
        row
    })
    .collect()
}

/// The change that makes `newest` the first version of `key`.
pub(crate) fn first_version(key: &str, newest: VersionRow) -> VersionChange {
    VersionChange {
        bucket: newest.bucket,
        bucket_revision: 1,
        entry: EntryChange::Insert(entry(key, &newest)),
        directories: directories(newest.bucket, key),
        version: Some((newest.clone(), (newest.kind == VersionKind::Content).then(|| dek(&newest)), Vec::new())),
        remove: Vec::new(),
        upload: None,
        events: Events::default(),
    }
}

/// The change that makes `newest` the current version of the key that has `entry`.
pub(crate) fn next_version(entry: &EntryRow, newest: VersionRow) -> VersionChange {
    let row = EntryRow { current: current(&newest), revision: entry.revision + 1, ..entry.clone() };
    VersionChange {
        bucket: newest.bucket,
        bucket_revision: 1,
        entry: EntryChange::Update { expected: entry.revision, row },
        directories: Vec::new(),
        version: Some((newest.clone(), (newest.kind == VersionKind::Content).then(|| dek(&newest)), Vec::new())),
        remove: Vec::new(),
        upload: None,
        events: Events::default(),
    }
}
