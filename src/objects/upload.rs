use super::attempt::Attempt;
use super::mixup::{self, Watched};
use super::put::{NewContent, Prepared, Put};
use super::{CommitError, Incoming, Objects, PutError};
use crate::digest::{self, PartDigest};
use crate::domain::{Attributes, BlobId, ChecksumAlgorithm, ChecksumType, Checksums, ETag, UploadId, UtcTime, limits};
use crate::engine::{Changed, Committed};
use crate::index::{IndexError, NewUpload, NewUploadPart, Upload, UploadedPart};
use crate::policy::{AbortUpload, AddPart, Admitted, Circumstances, ViewUpload, Write};
use crate::seal::{ManifestFacts, ManifestPart, Sealer};
use std::sync::Arc;

/// A part that was stored.
#[derive(Debug, Clone)]
pub struct NewPart {
    /// Its tag.
    pub etag: ETag,
    /// Its checksum in the upload's algorithm.
    pub checksum: Checksums,
    /// When it came in.
    pub modified: UtcTime,
}

/// A part as a client names it to complete an upload.
#[derive(Debug, Clone)]
pub struct CompletedPart {
    /// Its number.
    pub number: u32,
    /// Its tag.
    pub etag: ETag,
    /// Its checksum, where the client states it.
    pub checksum: Option<Checksums>,
}

/// What a client says to complete an upload.
#[derive(Debug, Clone)]
pub struct Completed {
    /// The parts, in ascending order.
    pub parts: Vec<CompletedPart>,
    /// The checksum of the whole, where the client states it.
    pub checksum: Option<Checksums>,
    /// The length of the whole, where the client states it.
    pub size: Option<u64>,
}

impl Objects {
    /// Opens a multipart upload for the version that `admitted` names.
    ///
    /// # Errors
    /// [`PutError`]; nothing is opened then.
    pub async fn create_upload(
        &self,
        admitted: Admitted<Write>,
        content: NewContent,
        checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
    ) -> Result<UploadId, PutError> {
        let attempt = Attempt::of(&admitted);
        let created = self.create_admitted(admitted, content, checksum).await;
        self.settled(attempt, created).await
    }

    async fn create_admitted(
        &self,
        admitted: Admitted<Write>,
        content: NewContent,
        checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
    ) -> Result<UploadId, PutError> {
        // The key opens nothing yet; it rests wrapped with the upload until the first part.
        let (_key, dek) = self.keys.fresh(&admitted).await?;
        let tenant = admitted.tenant();
        let (who, subject, record) = admitted.spend();
        let mut attributes = content.attributes;
        subject.key.as_str().clone_into(&mut attributes.key);
        attributes.facts.class.clone_from(&subject.intent.class);
        let upload = NewUpload {
            id: UploadId::random(),
            version: subject.version,
            initiator: who.id(),
            created: self.clock.now(),
            state: subject.intent.state,
            checksum,
            attributes,
            tags: content.tags,
            dek: (dek.kek_version, dek.wrapped),
        };
        let id = upload.id;
        match self.index.of(tenant).create_upload(&subject.bucket, &subject.key, upload, record.into_events()).await? {
            Changed::Done => Ok(id),
            Changed::Conflict => Err(CommitError::BucketGone.into()),
        }
    }

    /// Stores a body as part `number` of the upload that `admitted` names. A part stored again replaces the
    /// former one, under its own key and salt.
    ///
    /// # Errors
    /// [`PutError`]; the part is not there then.
    pub async fn add_part(
        &self,
        around: &Circumstances,
        admitted: Admitted<AddPart>,
        number: u32,
        body: &mut dyn Incoming,
    ) -> Result<NewPart, PutError> {
        let attempt = Attempt::of(&admitted);
        let added = self.add_admitted(around, admitted, number, body).await;
        self.settled(attempt, added).await
    }

    async fn add_admitted(
        &self,
        around: &Circumstances,
        mut admitted: Admitted<AddPart>,
        number: u32,
        body: &mut dyn Incoming,
    ) -> Result<NewPart, PutError> {
        if !(1..=limits::PARTS_MAX).contains(&number) {
            return Err(PutError::InvalidPart { number });
        }
        let watch = self.keys.watch(admitted.tenant());
        let key = self.keys.resume(&admitted).await?;
        let tenant = admitted.tenant();
        let now = self.clock.now();
        let (upload, bucket) = (&admitted.subject().upload, &admitted.subject().bucket);
        // The first part has the beginning, in which a file says whose it is.
        let mut body = if number == 1 { Watched::new(body, bucket, upload.attributes()) } else { Watched::unseen(body) };
        let (stored, verified) = self.store(BlobId::random(tenant, now.day()), (key.part(), watch), &mut body, None).await?;
        let blob = stored.location().blob;
        if body.is_of_another() {
            let about = mixup::subject(bucket, &upload.attributes().key, upload.attributes());
            let refused = self.gate.refuse_mismatch(admitted.who(), around, about).await;
            return Err(self.give_up(blob, refused.into()).await);
        }
        if !admitted.is_fresh() {
            admitted = match self.gate.add_part_again(around, admitted).await {
                Ok(again) => again,
                Err(refused) => return Err(self.give_up(blob, refused.into()).await),
            };
        }
        let (_who, subject, record) = admitted.spend();
        let etag = ETag::random(1);
        let part = NewUploadPart { number, stored, etag, crc64nvme: verified.crc64nvme, checksum: Some(verified.checksum.clone()) };
        let committed = self.index.of(tenant).put_upload_part(&subject.upload, part, now, record.into_events()).await?;
        match committed {
            Committed::Done { .. } => Ok(NewPart { etag, checksum: verified.checksum, modified: now }),
            Committed::Condemned => Err(CommitError::Collected.into()),
            Committed::UploadChanged | Committed::EntryChanged | Committed::BucketGone => {
                Err(self.give_up(blob, CommitError::UploadGone.into()).await)
            }
        }
    }

    /// One page of the parts of the upload that `admitted` names.
    ///
    /// # Errors
    /// [`IndexError`].
    pub async fn list_parts(&self, admitted: &Admitted<ViewUpload>, after: u32, limit: usize) -> Result<Vec<UploadedPart>, IndexError> {
        let found = self.index.of(admitted.tenant()).upload_parts(&admitted.subject().upload, after, limit).await;
        self.looked_up(admitted, found).await
    }

    /// Aborts the upload that `admitted` names; its parts become condemned.
    ///
    /// # Errors
    /// [`CommitError`].
    pub async fn abort_upload(&self, admitted: Admitted<AbortUpload>) -> Result<(), CommitError> {
        let (attempt, tenant) = (Attempt::of(&admitted), admitted.tenant());
        let (_who, subject, record) = admitted.spend();
        let aborted = match self.index.of(tenant).abort_upload(&subject.upload, record.into_events()).await {
            Ok(Changed::Done) => Ok(()),
            Ok(Changed::Conflict) => Err(CommitError::UploadGone),
            Err(error) => Err(error.into()),
        };
        self.settled(attempt, aborted).await
    }

    /// Makes a version of the upload that `admitted` names. No byte moves: a new blob holds only the manifest.
    ///
    /// # Errors
    /// [`PutError`]; the upload stays open then.
    pub async fn complete_upload(&self, around: &Circumstances, admitted: Admitted<Write>, wanted: Completed) -> Result<Put, PutError> {
        let attempt = Attempt::of(&admitted);
        let completed = self.complete_admitted(around, admitted, wanted).await;
        self.settled(attempt, completed).await
    }

    async fn complete_admitted(&self, around: &Circumstances, admitted: Admitted<Write>, wanted: Completed) -> Result<Put, PutError> {
        let Some(upload) = admitted.subject().upload.as_ref() else { return Err(CommitError::UploadGone.into()) };
        let parts = self.chosen_parts(&admitted, upload, &wanted.parts).await?;
        let size = parts.iter().map(UploadedPart::length).sum();
        if size > limits::VERSION_BYTES_MAX || wanted.size.is_some_and(|stated| stated != size) {
            return Err(PutError::TooLong { bytes: size });
        }
        let known = parts.iter().map(|part| PartDigest { length: part.length(), crc64nvme: part.crc64nvme(), checksum: part.checksum() });
        let checksum = digest::of_parts(upload.checksum(), known).map_err(|_| PutError::WholeChecksum)?;
        if wanted.checksum.as_ref().is_some_and(|stated| stated.value != checksum.value || stated.algorithm != checksum.algorithm) {
            return Err(PutError::WholeChecksum);
        }
        let attributes = Attributes { checksum: Some(checksum), ..upload.attributes().clone() };
        let tags = upload.tags().to_vec();
        let (key, dek) = self.keys.complete(&admitted).await?;
        let manifest = ManifestFacts { attributes: &attributes, parts: manifest_parts(&parts), plain_length: size };
        let (segments, end) = Sealer::manifest_only(key.part(), self.aead, &manifest)?;
        let mut writer = self.blobs.writer(BlobId::random(admitted.tenant(), self.clock.now().day()));
        for segment in segments {
            writer.write(segment).await?;
        }
        let stored = writer.finish(end).await?;
        let count = u32::try_from(parts.len()).unwrap_or(limits::PARTS_MAX);
        let stored = Arc::new(stored);
        let prepared = Prepared { attributes, tags, stored, dek, size, etag: ETag::random(count), parts };
        self.commit(around, admitted, prepared).await
    }

    /// The stored parts that the client names, in its order, checked against S3's rules.
    async fn chosen_parts(
        &self,
        admitted: &Admitted<Write>,
        upload: &Upload,
        named: &[CompletedPart],
    ) -> Result<Vec<UploadedPart>, PutError> {
        if named.is_empty() {
            return Err(PutError::InvalidPart { number: 0 });
        }
        if !named.is_sorted_by(|one, next| one.number < next.number) {
            return Err(PutError::PartOrder);
        }
        let all = self.index.of(admitted.tenant()).upload_parts(upload, 0, limits::PARTS_MAX as usize).await?;
        let mut stored = all.into_iter().peekable();
        let mut chosen: Vec<UploadedPart> = Vec::with_capacity(named.len());
        for want in named {
            let missing = || PutError::InvalidPart { number: want.number };
            while stored.next_if(|part| part.number() < want.number).is_some() {}
            let part = stored.next_if(|part| part.number() == want.number && part.etag() == want.etag).ok_or_else(missing)?;
            if want.checksum.as_ref().is_some_and(|stated| !part.has_checksum(stated)) {
                return Err(missing());
            }
            if let Some(before) = chosen.last().filter(|before| before.length() < limits::PART_BYTES_MIN) {
                return Err(PutError::PartTooSmall { number: before.number() });
            }
            chosen.push(part);
        }
        Ok(chosen)
    }
}

fn manifest_parts(parts: &[UploadedPart]) -> Vec<ManifestPart> {
    let numbered = (1..).zip(parts);
    numbered
        .map(|(number, part)| ManifestPart {
            number,
            attempt: part.attempt(),
            plain_length: part.length(),
            stream_length: part.stream_length(),
        })
        .collect()
}
