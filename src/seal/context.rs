use super::{PlaceOfPart, PlaceOfRun, RunExtent, framing};
use crate::domain::{BucketId, ChainId, DirectiveKind, EventId, EventKeyId, KekPurpose, PrincipalId, TenantId, UploadId, VersionId};
use std::fmt;

/// What a ciphertext is bound to: the kind of thing it is and the place it belongs to.
///
/// FORMAT: a list of fields, each led by its length as a big-endian 64-bit number. The first field
/// is `hozon/v1`, the second the kind, the rest as `docs/format.md` lists them for the kind.
#[derive(Clone, PartialEq, Eq)]
pub struct Context {
    kind: &'static str,
    bytes: Vec<u8>,
}

impl Context {
    /// The body, or one part of the body, of a version.
    #[must_use]
    pub fn body(place: PlaceOfPart) -> Self {
        Self::of_part("body", place)
    }

    /// The manifest of a version.
    #[must_use]
    pub fn manifest(place: PlaceOfPart) -> Self {
        Self::of_part("manifest", place)
    }

    /// The wrapped data key of a version or of the upload that will be that version.
    #[must_use]
    pub fn dek(tenant: TenantId, bucket: BucketId, version: VersionId) -> Self {
        Self::new("dek", &[tenant.as_bytes(), bucket.as_bytes(), version.as_bytes()])
    }

    /// One wrapped version of a tenant key.
    #[must_use]
    pub fn kek(tenant: TenantId, purpose: KekPurpose, version: u32) -> Self {
        Self::new("kek", &[tenant.as_bytes(), purpose.name().as_bytes(), &version.to_be_bytes()])
    }

    /// The wrapped secret that makes a tenant's tokens.
    #[must_use]
    pub fn token_secret(tenant: TenantId, epoch: u32) -> Self {
        Self::new("token-secret", &[tenant.as_bytes(), &epoch.to_be_bytes()])
    }

    /// The wrapped secret half of an access key.
    #[must_use]
    pub fn access_key_secret(tenant: TenantId, principal: PrincipalId, access_key: &str) -> Self {
        Self::new("access-key-secret", &[tenant.as_bytes(), principal.as_bytes(), access_key.as_bytes()])
    }

    /// The sealed profile of a principal at one revision of its row.
    #[must_use]
    pub fn profile(tenant: TenantId, principal: PrincipalId, revision: u64) -> Self {
        Self::new("profile", &[tenant.as_bytes(), principal.as_bytes(), &revision.to_be_bytes()])
    }

    /// Something sealed that a tenant has laid down about access, at one revision of its row.
    #[must_use]
    pub fn directive(tenant: TenantId, kind: DirectiveKind, (name, revision): (&[u8; 32], u64)) -> Self {
        Self::new("directive", &[tenant.as_bytes(), &[kind as u8], name, &revision.to_be_bytes()])
    }

    /// A session credential of a tenant.
    #[must_use]
    pub fn session(tenant: TenantId) -> Self {
        Self::new("session", &[tenant.as_bytes()])
    }

    /// The sealed attributes of a version.
    #[must_use]
    pub fn attributes(tenant: TenantId, bucket: BucketId, version: VersionId) -> Self {
        Self::new("attributes", &[tenant.as_bytes(), bucket.as_bytes(), version.as_bytes()])
    }

    /// The sealed tag set of a version at one revision of its row.
    #[must_use]
    pub fn tags(tenant: TenantId, bucket: BucketId, version: VersionId, revision: u64) -> Self {
        Self::new("tags", &[tenant.as_bytes(), bucket.as_bytes(), version.as_bytes(), &revision.to_be_bytes()])
    }

    /// The sealed attributes of an open upload.
    #[must_use]
    pub fn upload(tenant: TenantId, bucket: BucketId, upload: UploadId) -> Self {
        Self::new("upload", &[tenant.as_bytes(), bucket.as_bytes(), upload.as_bytes()])
    }

    /// The sealed tag set of an open upload.
    #[must_use]
    pub fn upload_tags(tenant: TenantId, bucket: BucketId, upload: UploadId) -> Self {
        Self::new("upload-tags", &[tenant.as_bytes(), bucket.as_bytes(), upload.as_bytes()])
    }

    /// The sealed checksums of one stored part, of an open upload or of the version that it has become: the place is
    /// the same for both, so that completing an upload seals nothing again.
    #[must_use]
    pub fn part_checksums(place: PlaceOfPart) -> Self {
        Self::of_part("part-checksums", place)
    }

    /// A wrapped event key.
    #[must_use]
    pub fn event_key(tenant: TenantId, key: EventKeyId) -> Self {
        Self::new("event-key", &[tenant.as_bytes(), key.as_bytes()])
    }

    /// A sealed audit event.
    #[must_use]
    pub fn event(tenant: TenantId, event: EventId) -> Self {
        Self::new("event", &[tenant.as_bytes(), event.as_bytes()])
    }

    /// A listing's continuation token.
    #[must_use]
    pub fn cursor(tenant: TenantId, bucket: BucketId) -> Self {
        Self::new("cursor", &[tenant.as_bytes(), bucket.as_bytes()])
    }

    /// The head of a sorted run: what it covers, and how much of it there must be.
    #[must_use]
    pub fn run(place: PlaceOfRun, extent: RunExtent) -> Self {
        let PlaceOfRun { tenant, bucket, directory, run } = place;
        let RunExtent { epoch, mark, pages, items } = extent;
        let place: [&[u8]; 4] = [tenant.as_bytes(), bucket.as_bytes(), &directory, run.as_bytes()];
        let numbers: [&[u8]; 4] = [&epoch.to_be_bytes(), &mark.to_be_bytes(), &pages.to_be_bytes(), &items.to_be_bytes()];
        Self::new("run", &[place, numbers].concat())
    }

    /// One page of a sorted run.
    #[must_use]
    pub fn run_page(place: PlaceOfRun, page: u32) -> Self {
        let PlaceOfRun { tenant, bucket, directory, run } = place;
        Self::new("run-page", &[tenant.as_bytes(), bucket.as_bytes(), &directory, run.as_bytes(), &page.to_be_bytes()])
    }

    /// The wrapped key of some pieces of a backup.
    #[must_use]
    pub fn backup_key(chain: ChainId, key: &[u8; 16]) -> Self {
        Self::new("backup-key", &[chain.as_bytes(), key])
    }

    /// One chunk of a piece of a backup, whose beginning has this SHA-256.
    #[must_use]
    pub fn backup(beginning: &[u8; 32], chunk: u64) -> Self {
        Self::new("backup", &[beginning, &chunk.to_be_bytes()])
    }

    /// The file that holds a root.
    #[must_use]
    pub fn root_file() -> Self {
        Self::new("root-file", &[])
    }

    /// A trial at start, kept nowhere.
    #[must_use]
    pub fn probe() -> Self {
        Self::new("probe", &[])
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    #[cfg(test)]
    pub(super) fn raw(bytes: &[u8]) -> Self {
        Self { kind: "raw", bytes: bytes.to_vec() }
    }

    fn of_part(kind: &'static str, place: PlaceOfPart) -> Self {
        Self::new(kind, &[place.tenant.as_bytes(), place.bucket.as_bytes(), place.version.as_bytes(), place.attempt.as_bytes()])
    }

    fn new(kind: &'static str, fields: &[&[u8]]) -> Self {
        let mut bytes = Vec::with_capacity(160);
        for field in [b"hozon/v1".as_slice(), kind.as_bytes()].iter().chain(fields) {
            bytes.extend_from_slice(&framing::length_of(field));
            bytes.extend_from_slice(field);
        }
        Self { kind, bytes }
    }
}

/// Shows the kind only: an access key stands in one of them.
impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Context({})", self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_is_its_fields_each_led_by_its_length() {
        let context = Context::token_secret(TenantId::from_bytes([0xab; 16]), 7);
        let expected = [
            "0000000000000008",
            "686f7a6f6e2f7631",
            "000000000000000c",
            "746f6b656e2d736563726574",
            "0000000000000010",
            &"ab".repeat(16),
            "0000000000000004",
            "00000007",
        ];
        assert_eq!(hex::encode(context.as_bytes()), expected.concat());
    }

    #[test]
    fn things_of_different_kinds_in_one_place_have_different_contexts() {
        let (tenant, bucket, upload) = (TenantId::random(), BucketId::random(), UploadId::random());
        let version = VersionId::from_bytes(*upload.as_bytes());
        let all = [
            Context::dek(tenant, bucket, version),
            Context::attributes(tenant, bucket, version),
            Context::upload(tenant, bucket, upload),
            Context::upload_tags(tenant, bucket, upload),
        ];
        for (i, one) in all.iter().enumerate() {
            assert!(all.iter().skip(i + 1).all(|other| other != one), "{one:?}");
        }
    }
}
