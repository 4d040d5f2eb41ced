use super::attempt::Attempt;
use super::body::Incoming;
use super::mixup::{self, Watched};
use super::{CommitError, Objects, PutError, Verified};
use crate::blob::Stored;
use crate::domain::{Attributes, BlobId, Checksums, ETag, PrincipalId, RecordState, Retention, UtcTime, VersionId};
use crate::engine::{Committed, Nullness};
use crate::index::{NewContent as IndexContent, NewVersion, UploadedPart};
use crate::keys::{KeyError, WrappedDek};
use crate::leases::LeaseWatch;
use crate::policy::{Admitted, Circumstances, Write, WriteSubject};
use crate::seal::{FreshPartKey, ManifestFacts, Sealer};
use std::sync::Arc;

/// How often a write is decided again because its key keeps changing.
const DECISIONS_MAX: usize = 16;

/// What is written besides the bytes.
#[derive(Clone)]
pub struct NewContent {
    /// Headers, metadata and medical facts; the key is filled in from the admission.
    pub attributes: Attributes,
    /// The tag set.
    pub tags: Vec<(String, String)>,
}

/// Hides what may tell of a patient.
impl std::fmt::Debug for NewContent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewContent")
    }
}

/// What was written.
#[derive(Debug, Clone)]
pub struct Put {
    /// The version's id, where clients see one.
    pub version: Option<VersionId>,
    /// Its tag.
    pub etag: ETag,
    /// Its plaintext bytes.
    pub size: u64,
    /// Its checksum.
    pub checksum: Option<Checksums>,
    /// Its state.
    pub state: RecordState,
    /// When it was written.
    pub modified: UtcTime,
}

/// Everything of a new version but the place, ready to be committed as often as it takes.
pub(super) struct Prepared {
    pub(super) attributes: Attributes,
    pub(super) tags: Vec<(String, String)>,
    pub(super) stored: Arc<Stored>,
    pub(super) dek: WrappedDek,
    pub(super) size: u64,
    pub(super) etag: ETag,
    pub(super) parts: Vec<UploadedPart>,
}

impl Objects {
    /// Stores a body as the new version that `admitted` names.
    ///
    /// # Errors
    /// [`PutError`]; nothing is visible then, and stored bytes are condemned.
    pub async fn put(
        &self,
        around: &Circumstances,
        admitted: Admitted<Write>,
        content: NewContent,
        body: &mut dyn Incoming,
    ) -> Result<Put, PutError> {
        let attempt = Attempt::of(&admitted);
        let put = self.put_admitted(around, admitted, content, body).await;
        self.settled(attempt, put).await
    }

    async fn put_admitted(
        &self,
        around: &Circumstances,
        admitted: Admitted<Write>,
        mut content: NewContent,
        body: &mut dyn Incoming,
    ) -> Result<Put, PutError> {
        admitted.subject().key.as_str().clone_into(&mut content.attributes.key);
        content.attributes.facts.class.clone_from(&admitted.subject().intent.class);
        let watch = self.keys.watch(admitted.tenant());
        let (key, dek) = self.keys.fresh(&admitted).await?;
        let blob = BlobId::random(admitted.tenant(), self.clock.now().day());
        let mut body = Watched::new(body, &admitted.subject().bucket, &content.attributes);
        let (stored, _verified) = self.store(blob, (key.part(), watch), &mut body, Some(&mut content.attributes)).await?;
        // Durable and seen by nobody yet.
        if body.is_of_another() {
            let about = mixup::subject(&admitted.subject().bucket, admitted.subject().key.as_str(), &content.attributes);
            let refused = self.gate.refuse_mismatch(admitted.who(), around, about).await;
            return Err(self.give_up(blob, refused.into()).await);
        }
        let size = stored.plain_length();
        let prepared = Prepared {
            attributes: content.attributes,
            tags: content.tags,
            stored: Arc::new(stored),
            dek,
            size,
            etag: ETag::random(1),
            parts: Vec::new(),
        };
        self.commit(around, admitted, prepared).await
    }

    /// Seals a body into one frame of the store, as long as `watch` agrees. With `attributes` the frame carries the version's manifest.
    pub(super) async fn store(
        &self,
        blob: BlobId,
        (key, watch): (FreshPartKey, LeaseWatch),
        body: &mut dyn Incoming,
        attributes: Option<&mut Attributes>,
    ) -> Result<(Stored, Verified), PutError> {
        let mut writer = self.blobs.writer(blob);
        let mut sealer = Sealer::new(key, self.aead)?;
        let mut plain_length = 0;
        while let Some(piece) = body.next().await {
            let piece = piece?;
            plain_length += piece.len() as u64;
            sealer.push(&piece)?;
            while let Some(segment) = sealer.take() {
                watch.check().await.map_err(KeyError::Lease)?;
                writer.write(segment).await?;
            }
        }
        let verified = body.verify()?;
        let facts = attributes.map(|attributes| {
            attributes.checksum = Some(verified.checksum.clone());
            ManifestFacts { attributes, parts: Vec::new(), plain_length }
        });
        let (rest, end) = sealer.finish(facts.as_ref())?;
        for segment in rest {
            writer.write(segment).await?;
        }
        Ok((writer.finish(end).await?, verified))
    }

    /// Makes a prepared version visible by compare-and-set, deciding again while the key changes.
    pub(super) async fn commit(&self, around: &Circumstances, mut admitted: Admitted<Write>, prepared: Prepared) -> Result<Put, PutError> {
        let blob = prepared.stored.location().blob;
        let now = self.clock.now();
        if !admitted.is_fresh() {
            admitted = match self.gate.write_again(around, admitted).await {
                Ok(again) => again,
                Err(refused) => return Err(self.give_up(blob, refused.into()).await),
            };
        }
        for _decision in 0..DECISIONS_MAX {
            // The bytes are durable and nobody can see them. A crash here leaves an orphan for
            // `upkeep::orphans`, never a version without bytes.
            let subject = admitted.subject();
            let retention = self.retention(subject, now);
            let new = new_version(&prepared, subject, (admitted.who().id(), now), retention);
            let null = new.null;
            let committed =
                self.index.of(admitted.tenant()).put(&subject.was, new, subject.upload.as_ref(), admitted.record().events()).await?;
            let gone = match committed {
                Committed::Done { .. } => {
                    return Ok(Put {
                        version: (null == Nullness::Numbered).then_some(subject.version),
                        etag: prepared.etag,
                        size: prepared.size,
                        checksum: prepared.attributes.checksum,
                        state: subject.intent.state,
                        modified: now,
                    });
                }
                Committed::EntryChanged => {
                    match self.gate.write_again(around, admitted).await {
                        Ok(again) => admitted = again,
                        Err(refused) => return Err(self.give_up(blob, refused.into()).await),
                    }
                    continue;
                }
                Committed::BucketGone => CommitError::BucketGone,
                Committed::UploadChanged => CommitError::UploadGone,
                Committed::Condemned => CommitError::Collected,
            };
            return Err(self.give_up(blob, gone.into()).await);
        }
        Err(self.give_up(blob, CommitError::Contended.into()).await)
    }

    /// Condemns the blob of a version that will certainly not come to be. Never called after an unclear commit.
    pub(super) async fn give_up(&self, blob: BlobId, error: PutError) -> PutError {
        if let Err(failed) = self.index.engine().condemn(vec![blob], self.clock.now()).await {
            tracing::info!(error = %failed, "a blob without a version is left to the collector");
        }
        error
    }

    /// The term of a version that is finalised by being written: that of its class, as the terms stand now.
    fn retention(&self, subject: &WriteSubject, now: UtcTime) -> Option<Retention> {
        let class = subject.intent.class.as_ref().filter(|_| subject.intent.state.is_final())?;
        Some(Retention::of_final(class, self.classes.now().rule(class), now))
    }
}

fn new_version(
    prepared: &Prepared,
    subject: &WriteSubject,
    (enterer, now): (PrincipalId, UtcTime),
    retention: Option<Retention>,
) -> NewVersion {
    let null = match subject.bucket.versioning {
        crate::domain::Versioning::On => Nullness::Numbered,
        crate::domain::Versioning::Off | crate::domain::Versioning::Suspended => Nullness::Null,
    };
    NewVersion {
        id: subject.version,
        null,
        created: now,
        etag: prepared.etag,
        state: subject.intent.state,
        retention,
        enterer,
        parent: subject.was.version.as_ref().map(|parent| parent.row.id),
        attributes: prepared.attributes.clone(),
        tags: prepared.tags.clone(),
        content: IndexContent::Body {
            stored: Arc::clone(&prepared.stored),
            dek: (prepared.dek.kek_version, prepared.dek.wrapped.clone()),
            size: prepared.size,
            parts: prepared.parts.clone(),
        },
    }
}
