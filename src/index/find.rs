use super::entry::current_of;
use super::row_mac::check;
use super::{Bucket, EntrySnapshot, IndexError, TenantIndex, Version, tokens};
use crate::domain::ObjectKey;
use crate::engine::{EntryRow, FoundVersion, Nullness, Which};
use crate::leases::IndexKeys;

/// What a look-up of one key found, and what it was: changes are made against it.
#[derive(Debug)]
pub struct Found {
    /// The key's entry; without it, the key has no version.
    pub entry: Option<EntrySnapshot>,
    /// The version that was asked for, where it exists.
    pub version: Option<Version>,
    pub(super) bucket: Bucket,
    pub(super) key: ObjectKey,
}

impl Found {
    /// The bucket that was looked in.
    #[must_use]
    pub const fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    /// The key that was looked up.
    #[must_use]
    pub const fn key(&self) -> &ObjectKey {
        &self.key
    }
}

impl TenantIndex<'_> {
    /// Looks a key up.
    ///
    /// # Errors
    /// [`IndexError`]
    pub async fn find(&self, bucket: &Bucket, key: &ObjectKey, which: Which) -> Result<Found, IndexError> {
        self.fits(bucket)?;
        let keys = self.keys().await?;
        let token = tokens::of_key(&keys, bucket.id, key);
        let mut found = Found { entry: None, version: None, bucket: bucket.clone(), key: key.clone() };
        let Some(rows) = self.engine().find(bucket.id, token, which).await? else {
            return Ok(found);
        };
        check(&keys, self.tenant, &rows.entry)?;
        if rows.entry.bucket != bucket.id || rows.entry.key != token {
            return Err(IndexError::Tampered { table: "entries" });
        }
        found.version = match rows.version {
            Some(version) => Some(self.asked_version(&keys, (bucket, key), (&rows.entry, which), version)?),
            // The entry, whose MAC holds, names a current version; that it is gone is nobody's doing but an intruder's.
            None if which == Which::Current => return Err(IndexError::Tampered { table: "versions" }),
            None => None,
        };
        found.entry = Some(EntrySnapshot { row: rows.entry });
        Ok(found)
    }

    fn asked_version(
        &self,
        keys: &IndexKeys,
        (bucket, key): (&Bucket, &ObjectKey),
        (entry, which): (&EntryRow, Which),
        version: FoundVersion,
    ) -> Result<Version, IndexError> {
        let version = self.opened_version(keys, bucket, key.as_str(), version)?;
        let row = &version.row;
        let is_asked = row.entry == entry.id
            && match which {
                Which::Current => current_of(row) == entry.current,
                Which::Id(id) => row.id == id,
                Which::Null => row.null == Nullness::Null,
            };
        if is_asked { Ok(version) } else { Err(IndexError::Tampered { table: "versions" }) }
    }
}
