use super::Objects;
use crate::domain::VersionId;
use crate::engine::VersionKind;
use crate::index::{
    Bucket, EntryFacts, IndexError, ListItem, ListPage, ListQuery, UploadItem, UploadsPage, UploadsQuery, VersionItem, VersionsPage,
    VersionsQuery,
};
use crate::policy::{Admitted, Gate, List, ListBuckets};
use std::collections::HashSet;

impl Objects {
    /// One page of the keys below the place that `admitted` names.
    ///
    /// # Errors
    /// [`IndexError`].
    pub async fn list(&self, admitted: &Admitted<List>, query: &ListQuery) -> Result<ListPage, IndexError> {
        let found = self.index.of(admitted.tenant()).list(&admitted.subject().bucket, query).await;
        let mut page = self.looked_up(admitted, found).await?;
        let listed = page.items.iter().filter_map(|item| match item {
            ListItem::Key { version, .. } => Some(*version),
            ListItem::Prefix(_) => None,
        });
        if let Some(shown) = self.shown(admitted, listed.collect()).await? {
            page.items.retain(|item| match item {
                ListItem::Key { version, .. } => shown.contains(version),
                ListItem::Prefix(_) => true,
            });
        }
        Ok(page)
    }

    /// One page of the versions below the place that `admitted` names.
    ///
    /// # Errors
    /// [`IndexError`].
    pub async fn list_versions(&self, admitted: &Admitted<List>, query: &VersionsQuery) -> Result<VersionsPage, IndexError> {
        let found = self.index.of(admitted.tenant()).list_versions(&admitted.subject().bucket, query).await;
        let mut page = self.looked_up(admitted, found).await?;
        let listed = page.items.iter().filter_map(|item| match item {
            VersionItem::Version { version, kind: VersionKind::Content, .. } => Some(*version),
            VersionItem::Version { .. } | VersionItem::Prefix(_) => None,
        });
        if let Some(shown) = self.shown(admitted, listed.collect()).await? {
            page.items.retain(|item| match item {
                VersionItem::Version { version, kind: VersionKind::Content, .. } => shown.contains(version),
                // A marker has no class; it shows where a version of its key does, or nothing of the key is left.
                VersionItem::Version { .. } | VersionItem::Prefix(_) => true,
            });
        }
        Ok(page)
    }

    /// One page of the open uploads below the place that `admitted` names.
    ///
    /// # Errors
    /// [`IndexError`].
    pub async fn list_uploads(&self, admitted: &Admitted<List>, query: &UploadsQuery) -> Result<UploadsPage, IndexError> {
        let found = self.index.of(admitted.tenant()).uploads(&admitted.subject().bucket, query).await;
        let mut page = self.looked_up(admitted, found).await?;
        let filter = &admitted.subject().filter;
        page.items.retain(|item| match item {
            UploadItem::Upload { facts, .. } => filter.shows_all() || filter.shows(facts),
            UploadItem::Prefix(_) => true,
        });
        Ok(page)
    }

    /// Which of these versions show to the principal (AC-09); nothing where all do.
    async fn shown(&self, admitted: &Admitted<List>, listed: Vec<VersionId>) -> Result<Option<HashSet<VersionId>>, IndexError> {
        let subject = admitted.subject();
        if subject.filter.shows_all() {
            return Ok(None);
        }
        let facts = self.index.of(admitted.tenant()).facts(&subject.bucket, listed, subject.filter.depth()).await;
        let facts = self.looked_up(admitted, facts).await?;
        let shows = |(version, facts): (VersionId, EntryFacts)| subject.filter.shows(&facts).then_some(version);
        Ok(Some(facts.into_iter().filter_map(shows).collect()))
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
