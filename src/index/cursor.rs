use super::{Bucket, IndexError, TenantIndex};
use crate::seal::Context;
use zeroize::Zeroizing;

impl TenantIndex<'_> {
    /// Seals where a listing of `bucket` goes on, for a client to bring back: key names stand in it.
    ///
    /// # Errors
    /// [`IndexError`]
    pub async fn seal_cursor(&self, bucket: &Bucket, place: &[u8]) -> Result<Vec<u8>, IndexError> {
        self.fits(bucket)?;
        let keys = self.keys().await?;
        let key = keys.active();
        let sealed = key.cursor.seal(&Context::cursor(self.tenant, bucket.id), place)?;
        Ok([key.version.to_be_bytes().as_slice(), &sealed].concat())
    }

    /// Opens what [`TenantIndex::seal_cursor`] made for the same bucket; `None` for anything else.
    ///
    /// # Errors
    /// [`IndexError`]
    pub async fn open_cursor(&self, bucket: &Bucket, cursor: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, IndexError> {
        self.fits(bucket)?;
        let keys = self.keys().await?;
        let Some((version, sealed)) = cursor.split_first_chunk() else {
            return Ok(None);
        };
        let Some(key) = keys.version(u32::from_be_bytes(*version)) else {
            return Ok(None);
        };
        Ok(key.cursor.open(&Context::cursor(self.tenant, bucket.id), sealed).ok())
    }
}
