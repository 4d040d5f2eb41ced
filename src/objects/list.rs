use super::Objects;
use crate::index::{Bucket, IndexError, ListPage, ListQuery, UploadsPage, UploadsQuery, VersionsPage, VersionsQuery};
use crate::policy::{Admitted, Gate, List, ListBuckets};

impl Objects {
    /// One page of the keys below the place that `admitted` names.
    ///
    /// # Errors
    /// [`IndexError`].
    pub async fn list(&self, admitted: &Admitted<List>, query: &ListQuery) -> Result<ListPage, IndexError> {
        let found = self.index.of(admitted.tenant()).list(&admitted.subject().bucket, query).await;
        self.looked_up(admitted, found).await
    }

    /// One page of the versions below the place that `admitted` names.
    ///
    /// # Errors
    /// [`IndexError`].
    pub async fn list_versions(&self, admitted: &Admitted<List>, query: &VersionsQuery) -> Result<VersionsPage, IndexError> {
        let found = self.index.of(admitted.tenant()).list_versions(&admitted.subject().bucket, query).await;
        self.looked_up(admitted, found).await
    }

    /// One page of the open uploads below the place that `admitted` names.
    ///
    /// # Errors
    /// [`IndexError`].
    pub async fn list_uploads(&self, admitted: &Admitted<List>, query: &UploadsQuery) -> Result<UploadsPage, IndexError> {
        let found = self.index.of(admitted.tenant()).uploads(&admitted.subject().bucket, query).await;
        self.looked_up(admitted, found).await
    }

    /// The buckets that show to the principal, by name.
    ///
    /// # Errors
    /// [`IndexError`].
    pub async fn list_buckets(&self, admitted: &Admitted<ListBuckets>) -> Result<Vec<Bucket>, IndexError> {
        let all = self.looked_up(admitted, self.index.of(admitted.tenant()).buckets().await).await?;
        Ok(all.into_iter().filter(|bucket| Gate::shows(admitted, bucket)).collect())
    }
}
