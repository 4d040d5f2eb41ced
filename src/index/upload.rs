use super::row_mac::{check, stamped};
use super::{Bucket, Found, IndexError, TenantIndex, sealed_json, tokens};
use crate::domain::{
    Attributes, ChecksumAlgorithm, ChecksumType, ObjectKey, PrincipalId, RecordState, UploadId, UtcTime, VersionId, limits,
};
use crate::engine::{Changed, Events, RowMac, UploadRow};
use crate::leases::{IndexKey, IndexKeys};
use crate::seal::{Context, PlaceOfPart};
use std::fmt;

/// One open multipart upload, its row checked against the MAC and its attributes and tags opened.
///
/// `Debug` shows no name and no patient.
pub struct Upload {
    pub(super) row: UploadRow,
    attributes: Attributes,
    tags: Vec<(String, String)>,
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").field("id", &self.row.id).field("revision", &self.row.revision).finish_non_exhaustive()
    }
}

/// An upload to be opened. `Debug` shows no name and no patient.
pub struct NewUpload {
    /// Its id.
    pub id: UploadId,
    /// The id that the version will have.
    pub version: VersionId,
    /// Who opens it.
    pub initiator: PrincipalId,
    /// When.
    pub created: UtcTime,
    /// The state that the version will have.
    pub state: RecordState,
    /// The checksum that the client announced, and over what it runs.
    pub checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
    /// What the version will have; `key` must be the key itself.
    pub attributes: Attributes,
    /// The tags that the version will have.
    pub tags: Vec<(String, String)>,
    /// The version of the data key that wraps the upload's key, and the wrapped key.
    pub dek: (u32, Vec<u8>),
}

impl fmt::Debug for NewUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewUpload").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Upload {
    /// Its id.
    #[must_use]
    pub const fn id(&self) -> UploadId {
        self.row.id
    }

    /// The id that the version will have: parts are sealed for it.
    #[must_use]
    pub const fn version(&self) -> VersionId {
        self.row.version
    }

    /// Who opened it.
    #[must_use]
    pub const fn initiator(&self) -> PrincipalId {
        self.row.initiator
    }

    /// When.
    #[must_use]
    pub const fn created(&self) -> UtcTime {
        self.row.created
    }

    /// The state that the version will have.
    #[must_use]
    pub const fn state(&self) -> RecordState {
        self.row.state
    }

    /// The checksum that the client announced, and over what it runs.
    #[must_use]
    pub const fn checksum(&self) -> Option<(ChecksumAlgorithm, ChecksumType)> {
        self.row.checksum
    }

    /// The version of the data key that wraps the upload's key, and the wrapped key.
    #[must_use]
    pub fn dek(&self) -> (u32, &[u8]) {
        (self.row.dek_kek_version, &self.row.wrapped_dek)
    }

    /// What the version will have; `key` is the whole key.
    #[must_use]
    pub const fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// The tags that the version will have.
    #[must_use]
    pub fn tags(&self) -> &[(String, String)] {
        &self.tags
    }

    /// Whether completing it makes `version` of the key that was looked up as `was`.
    pub(super) fn becomes(&self, keys: &IndexKeys, was: &Found, version: VersionId) -> bool {
        self.row.version == version && self.row.bucket == was.bucket.id && self.row.key == tokens::of_key(keys, was.bucket.id, &was.key)
    }

    /// Where the part sealed by `attempt` belongs.
    pub(super) const fn place(&self, attempt: crate::domain::AttemptId) -> PlaceOfPart {
        PlaceOfPart { tenant: self.row.tenant, bucket: self.row.bucket, version: self.row.version, attempt }
    }
}

impl TenantIndex<'_> {
    /// Opens a multipart upload. [`Changed::Conflict`] if the bucket is gone or has too many.
    ///
    /// # Errors
    /// [`IndexError`]
    pub async fn create_upload(&self, bucket: &Bucket, key: &ObjectKey, new: NewUpload, events: Events) -> Result<Changed, IndexError> {
        self.fits(bucket)?;
        if new.attributes.key != key.as_str() {
            return Err(IndexError::Misfit);
        }
        let keys = self.keys().await?;
        let row = upload_row(&keys, bucket, key, new)?;
        let row = stamped(keys.active(), self.tenant, row);
        Ok(self.engine().create_upload(row, limits::UPLOADS_PER_BUCKET_MAX, events).await?)
    }

    /// The open upload with this id.
    ///
    /// # Errors
    /// [`IndexError`]
    pub async fn upload(&self, bucket: &Bucket, id: UploadId) -> Result<Option<Upload>, IndexError> {
        self.fits(bucket)?;
        let keys = self.keys().await?;
        let Some(row) = self.engine().upload(bucket.id, id).await? else {
            return Ok(None);
        };
        if row.id != id {
            return Err(TAMPERED);
        }
        opened_upload(&keys, bucket, row).map(Some)
    }

    /// Gives an open upload up; its parts go.
    ///
    /// # Errors
    /// [`IndexError`]
    pub async fn abort_upload(&self, upload: &Upload, events: Events) -> Result<Changed, IndexError> {
        if upload.row.tenant != self.tenant {
            return Err(IndexError::Misfit);
        }
        Ok(self.engine().abort_upload(upload.row.bucket, upload.row.id, None, events).await?)
    }
}

/// Checks and opens the row of an upload in `bucket`.
pub(super) fn opened_upload(keys: &IndexKeys, bucket: &Bucket, row: UploadRow) -> Result<Upload, IndexError> {
    let key = check(keys, bucket.tenant, &row)?;
    let attributes: Attributes =
        sealed_json::open(&key.attributes, &Context::upload(bucket.tenant, bucket.id, row.id), &row.sealed_attributes).ok_or(TAMPERED)?;
    let tags = match &row.sealed_tags {
        Some(sealed) => {
            sealed_json::open(&key.attributes, &Context::upload_tags(bucket.tenant, bucket.id, row.id), sealed).ok_or(TAMPERED)?
        }
        None => Vec::new(),
    };
    let name = ObjectKey::parse(&attributes.key).map_err(|_| TAMPERED)?;
    let fits = row.tenant == bucket.tenant && row.bucket == bucket.id && row.key == tokens::of_key(keys, bucket.id, &name);
    if fits { Ok(Upload { row, attributes, tags }) } else { Err(TAMPERED) }
}

fn upload_row(keys: &IndexKeys, bucket: &Bucket, key: &ObjectKey, new: NewUpload) -> Result<UploadRow, IndexError> {
    let index_key = keys.active();
    let attributes = Context::upload(bucket.tenant, bucket.id, new.id);
    let (dek_kek_version, wrapped_dek) = new.dek;
    Ok(UploadRow {
        id: new.id,
        bucket: bucket.id,
        tenant: bucket.tenant,
        key: tokens::of_key(keys, bucket.id, key),
        version: new.version,
        initiator: new.initiator,
        created: new.created,
        touched: new.created,
        state: new.state,
        checksum: new.checksum,
        kek_version: index_key.version,
        sealed_attributes: sealed_json::seal(&index_key.attributes, &attributes, &new.attributes)?,
        sealed_tags: sealed_upload_tags(index_key, bucket, new.id, &new.tags)?,
        dek_kek_version,
        wrapped_dek,
        revision: 1,
        mac: RowMac([0; 32]),
    })
}

fn sealed_upload_tags(key: &IndexKey, bucket: &Bucket, upload: UploadId, tags: &[(String, String)]) -> Result<Option<Vec<u8>>, IndexError> {
    if tags.is_empty() {
        return Ok(None);
    }
    sealed_json::seal(&key.attributes, &Context::upload_tags(bucket.tenant, bucket.id, upload), tags).map(Some)
}

const TAMPERED: IndexError = IndexError::Tampered { table: "uploads" };
