use super::entry::{current_of, inserted, updated};
use super::row_mac::check;
use super::{Found, IndexError, NewContent, NewVersion, TenantIndex, Upload};
use crate::domain::{Deletable, EntryId, UtcTime};
use crate::engine::{Committed, Events, Nullness, VersionChange, Which};
use crate::leases::IndexKeys;

impl TenantIndex<'_> {
    /// Makes `new` the newest version of the key that was looked up as `was`, if nothing has changed there since.
    ///
    /// A new null version replaces the one that is there, if that one may go. With `completes`, the open upload
    /// goes in the same transaction.
    ///
    /// # Errors
    /// [`IndexError::Retained`] when the null version must stay, [`IndexError::Misfit`] when the arguments are of
    /// different things, and others.
    pub async fn put(&self, was: &Found, new: NewVersion, completes: Option<&Upload>, events: Events) -> Result<Committed, IndexError> {
        self.fits(&was.bucket)?;
        let keys = self.keys().await?;
        fit(&keys, was, &new, completes)?;
        let remove = match new.null {
            Nullness::Null => match self.replaced(&keys, was, new.created).await? {
                Replaced::Nothing => Vec::new(),
                Replaced::Version(deletable) => vec![(deletable.version(), deletable.revision())],
                Replaced::EntryChanged => return Ok(Committed::EntryChanged),
            },
            Nullness::Numbered => Vec::new(),
        };
        let id = was.entry.as_ref().map_or_else(EntryId::random, |entry| entry.row.id);
        let rows = new.into_rows(&keys, &was.bucket, id)?;
        let current = current_of(&rows.version);
        let (entry, directories) = match &was.entry {
            Some(snapshot) => (updated(&keys, self.tenant, snapshot, current)?, Vec::new()),
            None => inserted(&keys, was, id, current)?,
        };
        let change = VersionChange {
            bucket: was.bucket.id,
            bucket_revision: was.bucket.revision,
            entry,
            directories,
            version: Some((rows.version, rows.dek, rows.parts)),
            remove,
            upload: completes.map(|upload| (upload.row.id, upload.row.revision)),
            events,
        };
        Ok(self.engine().commit(change).await?)
    }

    /// The null version that a new one replaces. A version that must stay stops the write: in a bucket of final
    /// records versioning is always on, so one that gets here came in by a mistake, and still stays (promise 9).
    async fn replaced(&self, keys: &IndexKeys, was: &Found, now: UtcTime) -> Result<Replaced, IndexError> {
        let Some(snapshot) = &was.entry else {
            return Ok(Replaced::Nothing);
        };
        let Some(rows) = self.engine().find(was.bucket.id, snapshot.row.key, Which::Null).await? else {
            return Ok(Replaced::EntryChanged);
        };
        if rows.entry != snapshot.row {
            return Ok(Replaced::EntryChanged);
        }
        let Some(null) = rows.version.map(|found| found.version) else {
            return Ok(Replaced::Nothing);
        };
        check(keys, self.tenant, &null)?;
        if null.entry != snapshot.row.id || null.null != Nullness::Null {
            return Err(IndexError::Tampered { table: "versions" });
        }
        let deletable = Deletable::check((null.id, null.revision), null.state, null.retention.as_ref(), now)?;
        Ok(Replaced::Version(deletable))
    }
}

enum Replaced {
    Nothing,
    Version(Deletable),
    EntryChanged,
}

/// Refuses a version that belongs to another key, and parts that belong to another upload than the one that ends.
fn fit(keys: &IndexKeys, was: &Found, new: &NewVersion, completes: Option<&Upload>) -> Result<(), IndexError> {
    let upload_fits = completes.is_none_or(|upload| upload.becomes(keys, was, new.id));
    let parts_fit = match &new.content {
        NewContent::Marker => true,
        NewContent::Body { parts, .. } => parts.iter().all(|part| completes.is_some_and(|upload| part.row.upload == upload.row.id)),
    };
    if new.attributes.key == was.key.as_str() && upload_fits && parts_fit { Ok(()) } else { Err(IndexError::Misfit) }
}
