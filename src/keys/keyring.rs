use crate::domain::{BucketId, TenantId, VersionId};
use crate::engine::DekRow;
use crate::leases::{DataKey, LeaseError, LeaseWatch, Leases};
use crate::policy::{AddPart, Admitted, Read, Write};
use crate::seal::{Context, FreshDataKey, OpenError, OpenedDataKey, PlaceOfVersion, SealError};
use std::sync::Arc;
use zeroize::Zeroizing;

/// A data key as it rests: which tenant key wraps it, and the wrapped bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedDek {
    /// The `data` key version.
    pub kek_version: u32,
    /// The wrapped key.
    pub wrapped: Vec<u8>,
}

/// A data key could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The tenant's data key cannot be had now.
    #[error("the tenant's data key cannot be had")]
    Lease(#[from] LeaseError),
    /// The version's key was wrapped by a tenant key that is gone.
    #[error("version {kek_version} of the tenant's data key is gone")]
    KekGone {
        /// Which.
        kek_version: u32,
    },
    /// The version has no data key: it was erased.
    #[error("the version's key was erased")]
    Erased,
    /// The wrapped key is not this version's.
    #[error("the wrapped key does not belong to this version")]
    Unwrap(#[source] OpenError),
    /// A key could not be made or wrapped.
    #[error("a data key could not be made")]
    Make(#[from] SealError),
    /// The admission has grown too old.
    #[error("the admission has expired")]
    Stale,
}

/// Gives out data keys.
#[derive(Debug)]
pub struct Keyring {
    leases: Arc<Leases>,
}

impl Keyring {
    /// A keyring over the tenants' leased keys.
    #[must_use]
    pub const fn new(leases: Arc<Leases>) -> Self {
        Self { leases }
    }

    /// A fresh data key for the version that `access` may write, and the same key wrapped.
    ///
    /// # Errors
    /// [`KeyError`] when the tenant's data key cannot be had.
    pub async fn fresh(&self, access: &Admitted<Write>) -> Result<(FreshDataKey, WrappedDek), KeyError> {
        if !access.is_fresh() {
            return Err(KeyError::Stale);
        }
        let subject = access.subject();
        let place = PlaceOfVersion { tenant: access.tenant(), bucket: subject.bucket.id, version: subject.version };
        let keys = self.leases.data(access.tenant()).await?;
        let active = keys.active();
        let context = Context::dek(place.tenant, place.bucket, place.version);
        let (key, wrapped) = FreshDataKey::generate(place, |bytes| active.wrap_dek.seal(&context, bytes).map_err(KeyError::Make))?;
        Ok((key, WrappedDek { kek_version: active.version, wrapped }))
    }

    /// The data key of the open upload that `access` may add a part to.
    ///
    /// # Errors
    /// [`KeyError`] when it cannot be had or is not this upload's.
    pub async fn resume(&self, access: &Admitted<AddPart>) -> Result<FreshDataKey, KeyError> {
        if !access.is_fresh() {
            return Err(KeyError::Stale);
        }
        let subject = access.subject();
        let dek = subject.upload.dek();
        self.readopt(access.tenant(), subject.bucket.id, subject.upload.version(), dek).await
    }

    /// The data key of the upload that `access` may complete, to seal the version's manifest with; also as it rests.
    ///
    /// # Errors
    /// [`KeyError`] when it cannot be had or is not this upload's.
    pub async fn complete(&self, access: &Admitted<Write>) -> Result<(FreshDataKey, WrappedDek), KeyError> {
        if !access.is_fresh() {
            return Err(KeyError::Stale);
        }
        let subject = access.subject();
        let Some(upload) = subject.upload.as_ref() else { return Err(KeyError::Erased) };
        let (kek_version, wrapped) = upload.dek();
        let key = self.readopt(access.tenant(), subject.bucket.id, upload.version(), (kek_version, wrapped)).await?;
        Ok((key, WrappedDek { kek_version, wrapped: wrapped.to_vec() }))
    }

    /// The data key of the version that `access` may read: no decision on record, no key.
    ///
    /// # Errors
    /// [`KeyError`] when it cannot be had or is not this version's.
    pub async fn open(&self, access: &Admitted<Read>) -> Result<OpenedDataKey, KeyError> {
        if !access.is_fresh() {
            return Err(KeyError::Stale);
        }
        let subject = access.subject();
        let DekRow { version, kek_version, wrapped } = subject.version.dek.as_ref().ok_or(KeyError::Erased)?;
        let place = PlaceOfVersion { tenant: access.tenant(), bucket: subject.bucket.id, version: *version };
        let keys = self.leases.data(access.tenant()).await?;
        let bytes = unwrap(keys.version(*kek_version), &place, *kek_version, wrapped)?;
        Ok(OpenedDataKey::adopt(place, bytes))
    }

    /// Tells a stream of the tenant whether it may go on. To be had before the stream's key.
    pub fn watch(&self, tenant: TenantId) -> LeaseWatch {
        self.leases.watch(tenant)
    }

    async fn readopt(
        &self,
        tenant: TenantId,
        bucket: BucketId,
        version: VersionId,
        (kek_version, wrapped): (u32, &[u8]),
    ) -> Result<FreshDataKey, KeyError> {
        let place = PlaceOfVersion { tenant, bucket, version };
        let keys = self.leases.data(tenant).await?;
        let bytes = unwrap(keys.version(kek_version), &place, kek_version, wrapped)?;
        Ok(FreshDataKey::readopt(place, bytes))
    }
}

fn unwrap(key: Option<&DataKey>, place: &PlaceOfVersion, kek_version: u32, wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let key = key.ok_or(KeyError::KekGone { kek_version })?;
    key.wrap_dek.open_key(&Context::dek(place.tenant, place.bucket, place.version), wrapped).map_err(KeyError::Unwrap)
}
