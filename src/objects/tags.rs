use super::attempt::Attempt;
use super::{CommitError, Objects};
use crate::engine::Changed;
use crate::policy::{Admitted, TagVersion};

impl Objects {
    /// Replaces the tags of the version that `admitted` names; with none, removes them.
    ///
    /// # Errors
    /// [`CommitError::Contended`] when the version has changed meanwhile.
    pub async fn set_tags(&self, admitted: Admitted<TagVersion>, tags: Vec<(String, String)>) -> Result<(), CommitError> {
        let (attempt, tenant) = (Attempt::of(&admitted), admitted.tenant());
        let (_who, subject, record) = admitted.spend();
        let set = match self.index.of(tenant).set_tags(&subject.bucket, &subject.version, tags, record.into_events()).await {
            Ok(Changed::Done) => Ok(()),
            Ok(Changed::Conflict) => Err(CommitError::Contended),
            Err(error) => Err(error.into()),
        };
        self.settled(attempt, set).await
    }
}
