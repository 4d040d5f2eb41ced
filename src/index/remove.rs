use super::entry::{current_of, updated};
use super::row_mac::check;
use super::{EntrySnapshot, Found, IndexError, TenantIndex};
use crate::domain::{Deletable, VersionId};
use crate::engine::{Committed, CurrentRow, EntryChange, Events, VersionChange};
use crate::leases::IndexKeys;

impl TenantIndex<'_> {
    /// Removes the version that was looked up as `was`, if nothing has changed there since. The newest of those
    /// that stay becomes current; the key goes with its last version.
    ///
    /// # Errors
    /// [`IndexError::Misfit`] when `deletable` is for another version than the one that was looked up, and others.
    pub async fn remove(&self, was: &Found, deletable: Deletable, events: Events) -> Result<Committed, IndexError> {
        self.fits(&was.bucket)?;
        let (Some(snapshot), Some(version)) = (&was.entry, &was.version) else {
            return Err(IndexError::Misfit);
        };
        if (version.row.id, version.row.revision) != (deletable.version(), deletable.revision()) {
            return Err(IndexError::Misfit);
        }
        let keys = self.keys().await?;
        let entry = match self.current_without(&keys, snapshot, deletable.version()).await? {
            Some(current) => updated(&keys, self.tenant, snapshot, current)?,
            None => EntryChange::Remove { id: snapshot.row.id, bucket: was.bucket.id, expected: snapshot.row.revision },
        };
        let change = VersionChange {
            bucket: was.bucket.id,
            bucket_revision: was.bucket.revision,
            entry,
            directories: Vec::new(),
            version: None,
            remove: vec![(deletable.version(), deletable.revision())],
            upload: None,
            events,
        };
        Ok(self.engine().commit(change).await?)
    }

    async fn current_without(
        &self,
        keys: &IndexKeys,
        snapshot: &EntrySnapshot,
        removed: VersionId,
    ) -> Result<Option<CurrentRow>, IndexError> {
        if snapshot.row.current.version != removed {
            return Ok(Some(snapshot.row.current));
        }
        // What is read here may be newer than the snapshot; then the commit finds another revision and does nothing.
        let newest = self.engine().versions(snapshot.row.id, None, 2).await?;
        let Some(next) = newest.into_iter().find(|row| row.id != removed) else {
            return Ok(None);
        };
        check(keys, self.tenant, &next)?;
        if next.entry == snapshot.row.id { Ok(Some(current_of(&next))) } else { Err(IndexError::Tampered { table: "versions" }) }
    }
}
