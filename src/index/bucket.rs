use super::row_mac::{check, stamped};
use super::{IndexError, TenantIndex};
use crate::domain::{BucketId, BucketMode, BucketName, RecordClass, Standing, TenantId, UtcTime, Versioning};
use crate::engine::{BucketRow, Changed, Events, RowMac};
use crate::leases::IndexKeys;

/// One bucket, as it was when it was looked up and its MAC checked.
#[derive(Clone, Debug)]
pub struct Bucket {
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
    /// Counted from 1 at each change.
    pub revision: u64,
    _checked: Checked,
}

/// Keeps a value of checked rows from being made anywhere but here.
#[derive(Clone, Debug)]
struct Checked;

/// A bucket to be made.
#[derive(Clone, Debug)]
pub struct NewBucket {
    /// Its name.
    pub name: BucketName,
    /// Its rules.
    pub mode: BucketMode,
    /// Whether replaced contents stay.
    pub versioning: Versioning,
    /// The class of records that state none.
    pub default_class: Option<RecordClass>,
}

impl TenantIndex<'_> {
    /// The bucket with this name.
    ///
    /// # Errors
    /// [`IndexError`]
    pub async fn bucket(&self, name: &BucketName) -> Result<Option<Bucket>, IndexError> {
        let keys = self.keys().await?;
        let Some(row) = self.engine().bucket(self.tenant, name).await? else {
            return Ok(None);
        };
        let bucket = self.checked_bucket(&keys, row)?;
        if bucket.name == *name { Ok(Some(bucket)) } else { Err(IndexError::Tampered { table: "buckets" }) }
    }

    /// All buckets, by name.
    ///
    /// # Errors
    /// [`IndexError`]
    pub async fn buckets(&self) -> Result<Vec<Bucket>, IndexError> {
        let keys = self.keys().await?;
        let rows = self.engine().buckets(self.tenant).await?;
        rows.into_iter().map(|row| self.checked_bucket(&keys, row)).collect()
    }

    /// Makes a bucket; `None` if the tenant has one of that name.
    ///
    /// # Errors
    /// [`IndexError`]
    pub async fn create_bucket(&self, new: NewBucket, now: UtcTime, events: Events) -> Result<Option<Bucket>, IndexError> {
        let keys = self.keys().await?;
        let row = BucketRow {
            id: BucketId::random(),
            tenant: self.tenant,
            name: new.name,
            mode: new.mode,
            versioning: new.versioning,
            standing: Standing::Active,
            default_class: new.default_class,
            created: now,
            kek_version: keys.active().version,
            revision: 1,
            mac: RowMac([0; 32]),
        };
        let row = stamped(keys.active(), self.tenant, row);
        let bucket = bucket_of(row.clone());
        match self.engine().create_bucket(row, events).await? {
            Changed::Done => Ok(Some(bucket)),
            Changed::Conflict => Ok(None),
        }
    }

    /// Changes whether replaced contents stay.
    ///
    /// # Errors
    /// [`IndexError`]
    pub async fn set_versioning(&self, bucket: &Bucket, versioning: Versioning, events: Events) -> Result<Changed, IndexError> {
        self.change(bucket, |row| row.versioning = versioning, events).await
    }

    /// Lets a bucket be used, or keeps everybody out of it.
    ///
    /// # Errors
    /// [`IndexError`]
    pub async fn set_bucket_standing(&self, bucket: &Bucket, standing: Standing, events: Events) -> Result<Changed, IndexError> {
        self.change(bucket, |row| row.standing = standing, events).await
    }

    async fn change(&self, bucket: &Bucket, change: impl FnOnce(&mut BucketRow), events: Events) -> Result<Changed, IndexError> {
        self.fits(bucket)?;
        let keys = self.keys().await?;
        let mut row = BucketRow {
            id: bucket.id,
            tenant: bucket.tenant,
            name: bucket.name.clone(),
            mode: bucket.mode,
            versioning: bucket.versioning,
            standing: bucket.standing,
            default_class: bucket.default_class.clone(),
            created: bucket.created,
            kek_version: keys.active().version,
            revision: bucket.revision.saturating_add(1),
            mac: RowMac([0; 32]),
        };
        change(&mut row);
        Ok(self.engine().update_bucket(stamped(keys.active(), self.tenant, row), events).await?)
    }

    /// Removes a bucket; [`Changed::Conflict`] if it has changed or holds anything.
    ///
    /// # Errors
    /// [`IndexError`]
    pub async fn delete_bucket(&self, bucket: &Bucket, events: Events) -> Result<Changed, IndexError> {
        self.fits(bucket)?;
        Ok(self.engine().delete_bucket(bucket.id, bucket.revision, events).await?)
    }

    /// Refuses a bucket of another tenant. Its rows would not open either; this says so before any work.
    pub(super) fn fits(&self, bucket: &Bucket) -> Result<(), IndexError> {
        if bucket.tenant == self.tenant { Ok(()) } else { Err(IndexError::Misfit) }
    }

    fn checked_bucket(&self, keys: &IndexKeys, row: BucketRow) -> Result<Bucket, IndexError> {
        check(keys, self.tenant, &row)?;
        if row.tenant == self.tenant { Ok(bucket_of(row)) } else { Err(IndexError::Tampered { table: "buckets" }) }
    }
}

fn bucket_of(row: BucketRow) -> Bucket {
    Bucket {
        id: row.id,
        tenant: row.tenant,
        name: row.name,
        mode: row.mode,
        versioning: row.versioning,
        standing: row.standing,
        default_class: row.default_class,
        created: row.created,
        revision: row.revision,
        _checked: Checked,
    }
}
