use super::Objects;
use super::attempt::{Attempt, Failure, of_index};
use crate::audit::OutcomeResult;
use crate::domain::{BucketMode, RecordClass, Versioning, limits};
use crate::engine::Changed;
use crate::index::{Bucket, IndexError, NewBucket};
use crate::policy::{Admitted, MakeBucket, ManageBucket, Refused};

/// A bucket could not be made or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BucketError {
    /// The tenant has a bucket of that name.
    #[error("the tenant has a bucket of that name already")]
    Taken,
    /// The tenant has as many buckets as it may.
    #[error("the tenant has {} buckets already", limits::BUCKETS_PER_TENANT_MAX)]
    TooMany,
    /// The bucket holds something.
    #[error("the bucket holds keys, versions or uploads")]
    NotEmpty,
    /// A records bucket always keeps its versions.
    #[error("a records bucket always keeps its versions")]
    VersioningAlwaysOn,
    /// Somebody else changed it at the same time.
    #[error("the bucket was changed by someone else at the same time")]
    Changed,
    /// What was let could not be put on record.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
}

impl Failure for BucketError {
    fn is_verdict(&self) -> bool {
        false
    }

    fn outcome(&self) -> OutcomeResult {
        match self {
            Self::Index(error) => of_index(error),
            _ => OutcomeResult::Failed,
        }
    }
}

impl Objects {
    /// Makes the bucket that `admitted` names.
    ///
    /// # Errors
    /// [`BucketError`]; nothing is made then.
    pub async fn make_bucket(
        &self,
        admitted: Admitted<MakeBucket>,
        mode: BucketMode,
        default_class: Option<RecordClass>,
    ) -> Result<Bucket, BucketError> {
        let attempt = Attempt::of(&admitted);
        let made = self.make_admitted(admitted, mode, default_class).await;
        self.settled(attempt, made).await
    }

    async fn make_admitted(
        &self,
        admitted: Admitted<MakeBucket>,
        mode: BucketMode,
        default_class: Option<RecordClass>,
    ) -> Result<Bucket, BucketError> {
        let index = self.index.of(admitted.tenant());
        if index.buckets().await?.len() >= limits::BUCKETS_PER_TENANT_MAX {
            return Err(BucketError::TooMany);
        }
        let versioning = match mode {
            BucketMode::Records => Versioning::On,
            BucketMode::Plain => Versioning::Off,
        };
        let tenant = admitted.tenant();
        let (_who, subject, record) = admitted.spend();
        let new = NewBucket { name: subject.name, mode, versioning, default_class };
        let made = self.index.of(tenant).create_bucket(new, self.clock.now(), record.into_events()).await?;
        made.ok_or(BucketError::Taken)
    }

    /// Sets whether the bucket keeps replaced contents.
    ///
    /// # Errors
    /// [`BucketError`]; nothing is changed then.
    pub async fn set_versioning(&self, admitted: Admitted<ManageBucket>, versioning: Versioning) -> Result<(), BucketError> {
        let (attempt, tenant) = (Attempt::of(&admitted), admitted.tenant());
        let (_who, bucket, record) = admitted.spend();
        let set = if bucket.mode == BucketMode::Records && versioning != Versioning::On {
            Err(BucketError::VersioningAlwaysOn)
        } else {
            match self.index.of(tenant).set_versioning(&bucket, versioning, record.into_events()).await {
                Ok(Changed::Done) => Ok(()),
                Ok(Changed::Conflict) => Err(BucketError::Changed),
                Err(error) => Err(error.into()),
            }
        };
        self.settled(attempt, set).await
    }

    /// Deletes the bucket that `admitted` names, which must be empty.
    ///
    /// # Errors
    /// [`BucketError`]; nothing is deleted then.
    pub async fn delete_bucket(&self, admitted: Admitted<ManageBucket>) -> Result<(), BucketError> {
        let (attempt, tenant) = (Attempt::of(&admitted), admitted.tenant());
        let (_who, bucket, record) = admitted.spend();
        let deleted = match self.index.of(tenant).delete_bucket(&bucket, record.into_events()).await {
            Ok(Changed::Done) => Ok(()),
            Ok(Changed::Conflict) => Err(BucketError::NotEmpty),
            Err(error) => Err(error.into()),
        };
        self.settled(attempt, deleted).await
    }
}
