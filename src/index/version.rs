use super::row_mac::check;
use super::{Bucket, IndexError, TenantIndex, sealed_json, tokens};
use crate::domain::{Attributes, Deletable, TenantId, Undeletable, UtcTime};
use crate::engine::{DekRow, FoundVersion, VersionRow};
use crate::leases::{IndexKey, IndexKeys};
use crate::seal::Context;
use std::fmt;

/// One version, its row checked against the MAC and its attributes and tags opened.
///
/// `Debug` shows no name and no patient.
pub struct Version {
    /// The row.
    pub row: VersionRow,
    /// Its wrapped data key; a delete marker has none.
    pub dek: Option<DekRow>,
    /// What rests sealed beside its bytes; `key` is the key that was asked for.
    pub attributes: Attributes,
    /// Its tags, in the order given.
    pub tags: Vec<(String, String)>,
    _checked: Checked,
}

/// Keeps a [`Version`] from being made anywhere but here.
struct Checked;

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Version").field("id", &self.row.id).field("revision", &self.row.revision).finish_non_exhaustive()
    }
}

impl Version {
    /// The proof that a user may delete it at `now`.
    ///
    /// # Errors
    /// [`Undeletable`] says what protects it.
    pub fn deletable(&self, now: UtcTime) -> Result<Deletable, Undeletable> {
        let row = &self.row;
        Deletable::check((row.id, row.revision), row.state, row.retention.as_ref(), now)
    }
}

impl TenantIndex<'_> {
    /// Checks and opens `found`, which must be a version of the key `key` in `bucket`.
    pub(super) fn opened_version(&self, keys: &IndexKeys, bucket: &Bucket, key: &str, found: FoundVersion) -> Result<Version, IndexError> {
        let FoundVersion { version: row, dek } = found;
        let sealer = check(keys, self.tenant, &row)?;
        let attributes = opened_attributes(sealer, self.tenant, &row)?;
        let patient = attributes.facts.patient.as_ref().map(|patient| tokens::of_patient(keys, self.tenant, patient));
        let fits = attributes.key == key
            && row.bucket == bucket.id
            && row.patient == patient
            && row.class == attributes.facts.class
            && dek.as_ref().is_none_or(|dek| dek.version == row.id);
        if !fits {
            return Err(TAMPERED);
        }
        let tags = match &row.sealed_tags {
            Some(sealed) => opened_tags(sealer, self.tenant, &row, sealed)?,
            None => Vec::new(),
        };
        Ok(Version { row, dek, attributes, tags, _checked: Checked })
    }
}

const TAMPERED: IndexError = IndexError::Tampered { table: "versions" };

pub(super) fn opened_attributes(key: &IndexKey, tenant: TenantId, row: &VersionRow) -> Result<Attributes, IndexError> {
    let context = Context::attributes(tenant, row.bucket, row.id);
    sealed_json::open(&key.attributes, &context, &row.sealed_attributes).ok_or(TAMPERED)
}

fn opened_tags(key: &IndexKey, tenant: TenantId, row: &VersionRow, sealed: &[u8]) -> Result<Vec<(String, String)>, IndexError> {
    let context = Context::tags(tenant, row.bucket, row.id, row.revision);
    sealed_json::open(&key.attributes, &context, sealed).ok_or(TAMPERED)
}
