use crate::domain::{
    AttemptId, BlobId, BucketId, BucketMode, BucketName, ChecksumAlgorithm, ChecksumType, DirectiveKind, ETag, EntryId, EventId,
    EventKeyId, KekPurpose, KekState, Location, NodeId, PrincipalId, PrincipalKind, RecordClass, RecordState, Retention, RunId, Standing,
    StoreId, TenantId, UploadId, UtcTime, VersionId, Versioning,
};

/// A keyed equality token: HMAC-SHA-256 under the tenant's token secret. Equal values have equal tokens.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Token(pub [u8; 32]);

/// HMAC-SHA-256 over a row's clear columns under the index key's `row-mac` purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RowMac(pub [u8; 32]);

/// One medical institution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRow {
    /// Its id.
    pub id: TenantId,
    /// Its name in commands: a short slug.
    pub name: String,
    /// Its ten-digit facility code, where it has one.
    pub facility: Option<String>,
    /// Whether it is served.
    pub standing: Standing,
    /// When it was made.
    pub created: UtcTime,
}

/// The store that holds the bodies of this index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreRow {
    /// Its id, which the marker in the store repeats.
    pub id: StoreId,
    /// Grows while the index changes. A marker with a larger one has seen a later state of this index than this.
    pub generation: u64,
}

/// One version of one tenant key, wrapped by the tenant's root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KekRow {
    /// Whose.
    pub tenant: TenantId,
    /// What for.
    pub purpose: KekPurpose,
    /// Counted from 1.
    pub version: u32,
    /// Where it stands.
    pub state: KekState,
    /// Which root provider wrapped it, by name.
    pub provider: String,
    /// The wrapped key.
    pub wrapped: Vec<u8>,
    /// When it was made.
    pub created: UtcTime,
}

/// What a tenant's secret is for. The number is what rows carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SecretKind {
    /// Makes equality tokens.
    Token = 1,
}

/// A secret of a tenant, wrapped by its index key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRow {
    /// Whose.
    pub tenant: TenantId,
    /// What for.
    pub kind: SecretKind,
    /// Counted from 1; replacing the secret is a campaign.
    pub epoch: u32,
    /// The index key version that wraps it.
    pub kek_version: u32,
    /// The wrapped secret.
    pub wrapped: Vec<u8>,
}

/// Something that a tenant has laid down about access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectiveRow {
    /// Whose.
    pub tenant: TenantId,
    /// What it is about.
    pub kind: DirectiveKind,
    /// The token of its name.
    pub name: Token,
    /// The index key version that sealed it and made the MAC.
    pub kek_version: u32,
    /// What is laid down, sealed.
    pub sealed: Vec<u8>,
    /// Counts the tenant's changes; given by the engine.
    pub mark: u64,
    /// Counts the changes of this row, from 1.
    pub revision: u64,
    /// Over everything above but the mark.
    pub mac: RowMac,
}

/// One person, app, device or operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalRow {
    /// Its id.
    pub id: PrincipalId,
    /// Whose.
    pub tenant: TenantId,
    /// Its name in commands, unique in the tenant: a short slug.
    pub name: String,
    /// What it is.
    pub kind: PrincipalKind,
    /// Whether it is let in.
    pub standing: Standing,
    /// The index key version that sealed the profile and made the MAC.
    pub kek_version: u32,
    /// The sealed profile: display name, job types, grants.
    pub sealed_profile: Vec<u8>,
    /// When it was made.
    pub created: UtcTime,
    /// Counted from 1 at each change.
    pub revision: u64,
    /// Over all of the above.
    pub mac: RowMac,
}

/// One access key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKeyRow {
    /// The public half, unique over all tenants.
    pub access_key: String,
    /// Whose.
    pub tenant: TenantId,
    /// Which principal's.
    pub principal: PrincipalId,
    /// Whether it is accepted.
    pub standing: Standing,
    /// The index key version that wraps the secret and made the MAC.
    pub kek_version: u32,
    /// The wrapped secret half.
    pub wrapped_secret: Vec<u8>,
    /// When it was made.
    pub created: UtcTime,
    /// When it ends, if it does.
    pub expires: Option<UtcTime>,
    /// Counted from 1 at each change.
    pub revision: u64,
    /// Over all of the above.
    pub mac: RowMac,
}

/// One bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketRow {
    /// Its id.
    pub id: BucketId,
    /// Whose.
    pub tenant: TenantId,
    /// Its name, unique in the tenant.
    pub name: BucketName,
    /// Its rules.
    pub mode: BucketMode,
    /// Whether replaced contents stay.
    pub versioning: Versioning,
    /// Whether it may be used.
    pub standing: Standing,
    /// The class of records that state none.
    pub default_class: Option<RecordClass>,
    /// When it was made.
    pub created: UtcTime,
    /// The index key version that made the MAC.
    pub kek_version: u32,
    /// Counted from 1 at each change.
    pub revision: u64,
    /// Over all of the above.
    pub mac: RowMac,
}

/// What a listing shows of a key's newest version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurrentRow {
    /// Which version it is.
    pub version: VersionId,
    /// Content or delete marker.
    pub kind: VersionKind,
    /// Plaintext bytes.
    pub size: u64,
    /// Its tag; zero for a marker.
    pub etag: ETag,
    /// When it was written.
    pub modified: UtcTime,
}

/// One key of one bucket, with at least one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRow {
    /// Its id.
    pub id: EntryId,
    /// Where.
    pub bucket: BucketId,
    /// Token of (bucket, key), unique in the bucket.
    pub key: Token,
    /// Token of (bucket, parent directory).
    pub directory: Token,
    /// The index key version that sealed the name and made the MAC.
    pub kek_version: u32,
    /// The sealed last segment: nonce, ciphertext, tag.
    pub sealed_name: Vec<u8>,
    /// The newest version.
    pub current: CurrentRow,
    /// Counted from 1 at each change.
    pub revision: u64,
    /// Over all of the above.
    pub mac: RowMac,
    /// Change mark: grows in commit order. Assigned by the engine, outside the MAC.
    pub mark: u64,
}

/// One directory that holds at least one key or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryRow {
    /// Its id in the listing of its parent.
    pub id: EntryId,
    /// Where.
    pub bucket: BucketId,
    /// Token of (bucket, its own full path), unique in the bucket.
    pub directory: Token,
    /// Token of (bucket, parent's full path).
    pub parent: Token,
    /// The index key version that sealed the name.
    pub kek_version: u32,
    /// The sealed last segment without its `/`.
    pub sealed_name: Vec<u8>,
    /// Keys with a live current version and live directories right below. Kept by the engine.
    pub live: u64,
    /// Keys and directories right below. Kept by the engine.
    pub total: u64,
    /// Change mark: grows in commit order whenever `live` leaves or reaches zero. Assigned by the engine.
    pub mark: u64,
}

/// A whole sorted run of one directory: its names as they stood at a mark, sealed page by page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Its id.
    pub id: RunId,
    /// Where.
    pub bucket: BucketId,
    /// Token of the directory whose items it holds.
    pub directory: Token,
    /// The epoch of its mark.
    pub epoch: u64,
    /// It holds what was in the directory at this mark.
    pub mark: u64,
    /// How many pages it has, counted from 0.
    pub pages: u32,
    /// How many items they hold together.
    pub items: u64,
    /// The index key version that sealed it.
    pub kek_version: u32,
    /// The sealed path of the directory. Opening it proves all of the above.
    pub sealed_path: Vec<u8>,
}

/// What a version is. The number is what rows and MACs carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum VersionKind {
    /// It has bytes.
    Content = 1,
    /// It hides the versions below it.
    DeleteMarker = 2,
}

impl VersionKind {
    /// The value with this number in a row.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Content),
            2 => Some(Self::DeleteMarker),
            _ => None,
        }
    }
}

/// One immutable content of a key, or a delete marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRow {
    /// Its id.
    pub id: VersionId,
    /// Where.
    pub bucket: BucketId,
    /// Of which key.
    pub entry: EntryId,
    /// Content or delete marker.
    pub kind: VersionKind,
    /// Whether it is the null version of its key.
    pub null: Nullness,
    /// When it was written.
    pub created: UtcTime,
    /// Plaintext bytes.
    pub size: u64,
    /// Its tag.
    pub etag: ETag,
    /// Draft, finalised …
    pub state: RecordState,
    /// What kind of record.
    pub class: Option<RecordClass>,
    /// How long it must stay.
    pub retention: Option<Retention>,
    /// Token of the patient id.
    pub patient: Option<Token>,
    /// Who entered it.
    pub enterer: PrincipalId,
    /// The version it replaced.
    pub parent: Option<VersionId>,
    /// The index key version that sealed attributes and tags and made the MAC.
    pub kek_version: u32,
    /// The sealed [`crate::domain::Attributes`].
    pub sealed_attributes: Vec<u8>,
    /// The sealed tag set, where there is one.
    pub sealed_tags: Option<Vec<u8>>,
    /// The attempt that wrote the completing blob.
    pub attempt: AttemptId,
    /// The completing blob: the whole body of a single put, only the manifest of a multipart version.
    pub location: Option<Location>,
    /// Bytes of the sealed stream in it; 0 where it has none.
    pub stream_length: u64,
    /// Bytes of the sealed manifest in it.
    pub manifest_length: u64,
    /// CRC64NVME over the frame as stored.
    pub stored_crc: u64,
    /// Rows in the parts table; 0 for a single put.
    pub parts: u32,
    /// Counted from 1 at each change.
    pub revision: u64,
    /// Over all of the above.
    pub mac: RowMac,
    /// Order among the bucket's versions. Assigned by the engine, outside the MAC.
    pub seq: u64,
}

/// Whether a version has no id that clients see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Nullness {
    /// It has an id.
    Numbered = 0,
    /// It is the null version.
    Null = 1,
}

impl Nullness {
    /// The value with this number in a row.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Numbered),
            1 => Some(Self::Null),
            _ => None,
        }
    }
}

/// A version's data key, wrapped. A narrow table of its own, so that rewrapping reads nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DekRow {
    /// Whose key.
    pub version: VersionId,
    /// The data key version that wraps it.
    pub kek_version: u32,
    /// The wrapped key.
    pub wrapped: Vec<u8>,
}

/// One part of a multipart version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartRow {
    /// Of which version.
    pub version: VersionId,
    /// Its number among the version's parts, counted from 1 without gaps.
    pub number: u32,
    /// The attempt that sealed it.
    pub attempt: AttemptId,
    /// Where its frame lies.
    pub location: Location,
    /// Its first byte in the version's plaintext.
    pub offset: u64,
    /// Plaintext bytes.
    pub length: u64,
    /// Bytes of the sealed stream.
    pub stream_length: u64,
    /// CRC64NVME over the frame as stored.
    pub stored_crc: u64,
    /// Sealed: what the uploaded part had as `sealed_checksums`.
    pub sealed_checksums: Vec<u8>,
    /// The index key version that made the MAC.
    pub kek_version: u32,
    /// Over all of the above.
    pub mac: RowMac,
}

/// One open multipart upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadRow {
    /// Its id.
    pub id: UploadId,
    /// Where.
    pub bucket: BucketId,
    /// Whose.
    pub tenant: TenantId,
    /// Token of (bucket, key).
    pub key: Token,
    /// The id that the version will have: parts are sealed for it.
    pub version: VersionId,
    /// Who opened it.
    pub initiator: PrincipalId,
    /// When.
    pub created: UtcTime,
    /// When a part last came in.
    pub touched: UtcTime,
    /// The state that the version will have.
    pub state: RecordState,
    /// The checksum that the client announced, and over what it runs.
    pub checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
    /// The index key version that sealed attributes and tags and made the MAC.
    pub kek_version: u32,
    /// The sealed [`crate::domain::Attributes`].
    pub sealed_attributes: Vec<u8>,
    /// The sealed tag set, where there is one.
    pub sealed_tags: Option<Vec<u8>>,
    /// The data key version that wraps the upload's data key.
    pub dek_kek_version: u32,
    /// The wrapped data key.
    pub wrapped_dek: Vec<u8>,
    /// Counted from 1 at each change.
    pub revision: u64,
    /// Over all of the above but `touched`.
    pub mac: RowMac,
}

/// One stored part of an open upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadPartRow {
    /// Of which upload.
    pub upload: UploadId,
    /// The number the client gave it: 1 to 10,000.
    pub number: u32,
    /// The attempt that sealed it.
    pub attempt: AttemptId,
    /// Where its frame lies.
    pub location: Location,
    /// Plaintext bytes.
    pub length: u64,
    /// Bytes of the sealed stream.
    pub stream_length: u64,
    /// CRC64NVME over the frame as stored.
    pub stored_crc: u64,
    /// Its tag.
    pub etag: ETag,
    /// Sealed: CRC64NVME of the plaintext and the checksum in the upload's algorithm.
    pub sealed_checksums: Vec<u8>,
    /// When it came in.
    pub modified: UtcTime,
    /// The index key version that sealed the checksums and made the MAC.
    pub kek_version: u32,
    /// Over all of the above.
    pub mac: RowMac,
}

/// One audit event, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRow {
    /// Whose log.
    pub tenant: TenantId,
    /// The event's id: a second row with it changes nothing.
    pub event: EventId,
    /// RFC 6962 leaf hash: SHA-256 over a zero byte and the sealed event.
    pub leaf_hash: [u8; 32],
    /// The key that sealed it.
    pub event_key: EventKeyId,
    /// The sealed event: the leaf.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub at: UtcTime,
    /// Its place in the tenant's log, once it is sequenced.
    pub position: Option<u64>,
}

/// A short-lived key for events, wrapped by the tenant's audit key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventKeyRow {
    /// Its id.
    pub id: EventKeyId,
    /// Whose.
    pub tenant: TenantId,
    /// The node that uses it.
    pub node: NodeId,
    /// When it was made.
    pub created: UtcTime,
    /// The audit key version that wraps it.
    pub kek_version: u32,
    /// The wrapped key.
    pub wrapped: Vec<u8>,
}

/// A count of requests that proved no tenant, by minute, reason and network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderLogRow {
    /// The minute it began.
    pub minute: UtcTime,
    /// A short code, such as `unknown-access-key`.
    pub reason: String,
    /// The caller's network: IPv4 /24 or IPv6 /48.
    pub network: String,
    /// How many.
    pub count: u64,
}

/// A blob whose bytes wait for their deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condemned {
    /// The blob.
    pub blob: BlobId,
    /// When it was condemned.
    pub at: UtcTime,
    /// Whether a row names it all the same. Only what no row names is ever condemned, and a commit refuses what is, so
    /// this row was not written by hozon: the bytes stay.
    pub is_named: bool,
}
