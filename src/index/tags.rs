use super::new_version::sealed_tags;
use super::row_mac::stamped;
use super::{Bucket, IndexError, TenantIndex, Version, sealed_json};
use crate::engine::{Changed, Events, VersionRow};
use crate::seal::Context;

impl TenantIndex<'_> {
    /// Replaces the tags of a version, if its row has not changed since it was looked up.
    ///
    /// # Errors
    /// [`IndexError`]
    pub async fn set_tags(
        &self,
        bucket: &Bucket,
        version: &Version,
        tags: Vec<(String, String)>,
        events: Events,
    ) -> Result<Changed, IndexError> {
        self.fits(bucket)?;
        let was = &version.row;
        if was.bucket != bucket.id {
            return Err(IndexError::Misfit);
        }
        let keys = self.keys().await?;
        let key = keys.active();
        let revision = was.revision.saturating_add(1);
        // One row has one key version, so what was sealed under an older one is sealed again.
        let sealed_attributes = if was.kek_version == key.version {
            was.sealed_attributes.clone()
        } else {
            sealed_json::seal(&key.attributes, &Context::attributes(bucket.tenant, bucket.id, was.id), &version.attributes)?
        };
        let row = VersionRow {
            kek_version: key.version,
            sealed_attributes,
            sealed_tags: sealed_tags(key, bucket, (was.id, revision), &tags)?,
            revision,
            ..was.clone()
        };
        Ok(self.engine().update_version(stamped(key, self.tenant, row), events).await?)
    }
}
