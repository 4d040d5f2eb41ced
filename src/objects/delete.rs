use super::attempt::Attempt;
use super::{CommitError, Objects};
use crate::domain::{ETag, RecordState, VersionId, Versioning};
use crate::engine::{Committed, Nullness, VersionKind, Which};
use crate::index::{NewContent, NewVersion};
use crate::policy::{Admitted, Circumstances, Delete};

/// What a delete did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// There was nothing; deleting it again is no error.
    Nothing,
    /// This version is gone for good. Where it was a delete marker, what it hid shows again.
    Version {
        /// Which; none for the null version.
        version: Option<VersionId>,
        /// Whether it was a marker.
        kind: VersionKind,
    },
    /// The key is hidden behind this new marker.
    Marker {
        /// The marker's id; none for a null marker.
        version: Option<VersionId>,
    },
}

impl Objects {
    /// Deletes what `admitted` names: one version for good, or the key behind a delete marker.
    ///
    /// # Errors
    /// [`CommitError`]; nothing is deleted then.
    pub async fn delete(&self, around: &Circumstances, admitted: Admitted<Delete>) -> Result<Deleted, CommitError> {
        let attempt = Attempt::of(&admitted);
        let deleted = self.delete_admitted(around, admitted).await;
        self.settled(attempt, deleted).await
    }

    async fn delete_admitted(&self, around: &Circumstances, mut admitted: Admitted<Delete>) -> Result<Deleted, CommitError> {
        for _decision in 0..16 {
            let (deleted, committed) = match (admitted.subject().target, admitted.subject().bucket.versioning) {
                (Which::Current, Versioning::On | Versioning::Suspended) => self.hide(&admitted).await?,
                _ => self.remove(&admitted).await?,
            };
            match committed {
                Committed::Done { .. } => return Ok(deleted),
                Committed::BucketGone => return Err(CommitError::BucketGone),
                Committed::EntryChanged | Committed::UploadChanged | Committed::Condemned => {}
            }
            let (who, subject, _superseded) = admitted.spend();
            admitted = self.gate.delete(&who, around, (&subject.bucket.name, &subject.key), subject.target).await?;
        }
        Err(CommitError::Contended)
    }

    async fn hide(&self, admitted: &Admitted<Delete>) -> Result<(Deleted, Committed), CommitError> {
        let subject = admitted.subject();
        let null = if subject.bucket.versioning == Versioning::Suspended { Nullness::Null } else { Nullness::Numbered };
        let marker = NewVersion {
            id: subject.marker,
            null,
            created: self.clock.now(),
            etag: ETag::new([0; 16], 0),
            state: RecordState::Draft,
            retention: None,
            enterer: admitted.who().id(),
            parent: subject.was.version.as_ref().map(|version| version.row.id),
            attributes: crate::domain::Attributes { key: subject.key.as_str().to_owned(), ..Default::default() },
            tags: Vec::new(),
            content: NewContent::Marker,
        };
        let index = self.index.of(admitted.tenant());
        let committed = index.put(&subject.was, marker, None, admitted.record().events()).await?;
        Ok((Deleted::Marker { version: (null == Nullness::Numbered).then_some(subject.marker) }, committed))
    }

    async fn remove(&self, admitted: &Admitted<Delete>) -> Result<(Deleted, Committed), CommitError> {
        let subject = admitted.subject();
        let events = admitted.record().events();
        let Some(version) = subject.was.version.as_ref() else {
            self.index.engine().append(events).await.map_err(crate::index::IndexError::from)?;
            return Ok((Deleted::Nothing, Committed::Done { seq: 0 }));
        };
        // The gate has looked as well, and told the reason to who may know it.
        let deletable = version.deletable(self.clock.now()).map_err(crate::index::IndexError::from)?;
        let index = self.index.of(admitted.tenant());
        let committed = index.remove(&subject.was, deletable, events).await?;
        let id = (version.row.null == Nullness::Numbered).then_some(version.row.id);
        Ok((Deleted::Version { version: id, kind: version.row.kind }, committed))
    }
}
