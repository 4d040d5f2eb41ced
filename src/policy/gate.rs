use super::action::{
    AbortUpload, Action, AddPart, Delete, DeleteSubject, List, ListBuckets, ListSubject, MakeBucket, MakeSubject, ManageBucket, Read,
    ReadAudit, ReadSubject, TagVersion, TenantSubject, UploadSubject, ViewBucket, ViewUpload, Write, WriteSubject,
};
use super::asked::{Asked, UNDECIDED};
use super::rules::{self, Question};
use super::{Admitted, Circumstances, Permitted, Reason, Refused};
use crate::audit::{Actor, Event, EventKind, Journal, PendingEvent, Receipt, Subject, Verdict};
use crate::domain::{
    BucketMode, BucketName, ObjectKey, RecordClass, RecordState, Standing, UnmetWrite, UploadId, VersionId, Versioning, WriteCondition,
};
use crate::engine::{EngineError, VersionKind, Which};
use crate::identity::{Authenticator, Principal, Unauthenticated};
use crate::index::{Bucket, Found, Index, IndexError, Upload, Version};
use crate::leases::Monotonic;
use std::sync::Arc;

/// What a writer intends, as far as the decision depends on it.
#[derive(Clone)]
pub struct WriteIntent {
    /// The state that the new version will have.
    pub state: RecordState,
    /// The class stated for it.
    pub class: Option<RecordClass>,
    /// The reason stated for replacing a finalised version.
    pub change_reason: Option<String>,
    /// The patient stated for it.
    pub patient: Option<crate::domain::PatientId>,
    /// What the caller wants of the key before.
    pub condition: WriteCondition,
}

/// Hides what may tell of a patient.
impl std::fmt::Debug for WriteIntent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WriteIntent").field("state", &self.state).field("class", &self.class).finish_non_exhaustive()
    }
}

/// Decides, and records what it decided.
#[derive(Debug)]
pub struct Gate {
    index: Arc<Index>,
    journal: Arc<Journal>,
    people: Arc<Authenticator>,
    clock: Arc<dyn Monotonic>,
}

impl Gate {
    /// A gate that looks in `index` and records in `journal`. When a decision has become old by `clock`, it asks
    /// `people` who somebody is by now.
    #[must_use]
    pub const fn new(index: Arc<Index>, journal: Arc<Journal>, people: Arc<Authenticator>, clock: Arc<dyn Monotonic>) -> Self {
        Self { index, journal, people, clock }
    }

    /// Leave to read the version that `which` names. Not on record yet: see [`Permitted`].
    ///
    /// # Errors
    /// [`Refused`], on record when it is a verdict.
    pub async fn read(
        &self,
        who: &Arc<Principal>,
        around: &Circumstances,
        place: (&BucketName, &ObjectKey),
        which: Which,
    ) -> Result<Permitted<Read>, Refused> {
        let (asked, subject) = self.version::<Read>(who, around, place, which).await?;
        let pending = self.seal(&asked, Verdict::Allowed, None).await?;
        Ok(Permitted::new(Arc::clone(who), subject, pending, (Arc::clone(&self.journal), Arc::clone(&self.clock))))
    }

    /// Leave to replace the tags of the version that `which` names.
    ///
    /// # Errors
    /// [`Refused`], on record when it is a verdict.
    pub async fn tag(
        &self,
        who: &Arc<Principal>,
        around: &Circumstances,
        place: (&BucketName, &ObjectKey),
        which: Which,
    ) -> Result<Admitted<TagVersion>, Refused> {
        let (asked, subject) = self.version::<TagVersion>(who, around, place, which).await?;
        self.pend(&asked, subject).await
    }

    /// Leave to list keys, versions or uploads below `prefix`.
    ///
    /// # Errors
    /// [`Refused`], on record when it is a verdict.
    pub async fn list(
        &self,
        who: &Arc<Principal>,
        around: &Circumstances,
        bucket: &BucketName,
        prefix: &str,
    ) -> Result<Admitted<List>, Refused> {
        let mut asked = Asked::new::<List>(who, around, bucket);
        asked.subject.key = Some(prefix.to_owned());
        let bucket = self.bucket::<List>(&asked, bucket).await?;
        self.record(&asked, ListSubject { bucket }).await
    }

    /// Leave to write a new version of a key, or to open an upload for one.
    ///
    /// # Errors
    /// [`Refused`], on record when it is a verdict.
    pub async fn write(
        &self,
        who: &Arc<Principal>,
        around: &Circumstances,
        place: (&BucketName, &ObjectKey),
        intent: WriteIntent,
    ) -> Result<Admitted<Write>, Refused> {
        let mut asked = Asked::new::<Write>(who, around, place.0);
        asked.subject.key = Some(place.1.as_str().to_owned());
        let bucket = self.bucket::<Write>(&asked, place.0).await?;
        self.write_in(asked, bucket, place.1, (intent, None)).await
    }

    /// Leave to complete the upload `id`, which becomes a new version of its key, if `condition` holds of what is there.
    ///
    /// # Errors
    /// [`Refused`], on record when it is a verdict.
    pub async fn complete(
        &self,
        who: &Arc<Principal>,
        around: &Circumstances,
        place: (&BucketName, &ObjectKey),
        (id, condition): (UploadId, WriteCondition),
    ) -> Result<Admitted<Write>, Refused> {
        let (asked, bucket, upload) = self.upload::<Write>(who, around, place, id).await?;
        let facts = &upload.attributes().facts;
        let intent = WriteIntent {
            state: upload.state(),
            class: facts.class.clone(),
            change_reason: facts.change_reason.clone(),
            patient: facts.patient.clone(),
            condition,
        };
        self.write_in(asked, bucket, place.1, (intent, Some(upload))).await
    }

    /// Decides a write again: its key or its bucket was changed by someone else meanwhile, or the body took longer than
    /// an admission lasts. Caller, bucket, upload and key are looked up anew.
    ///
    /// # Errors
    /// [`Refused`], on record when it is a verdict.
    pub async fn write_again(&self, around: &Circumstances, before: Admitted<Write>) -> Result<Admitted<Write>, Refused> {
        let (before, subject, _superseded) = before.spend();
        let mut asked = Asked::new::<Write>(&before, around, &subject.bucket.name);
        asked.subject.key = Some(subject.key.as_str().to_owned());
        let who = self.still(&asked).await?;
        asked.who = &who;
        let bucket = self.bucket::<Write>(&asked, &subject.bucket.name).await?;
        if bucket.id != subject.bucket.id {
            // The bytes are sealed for the bucket that had this name before.
            return Err(self.absent(&asked, Refused::NoSuchBucket).await);
        }
        let upload = match subject.upload {
            None => None,
            Some(upload) => match self.looked_up(&asked, self.index.of(who.tenant()).upload(&bucket, upload.id()).await).await? {
                Some(upload) => Some(upload),
                None => return Err(self.absent(&asked, Refused::NoSuchUpload).await),
            },
        };
        let version = subject.version;
        let again = self.write_subject(&mut asked, (bucket, &subject.key), (subject.intent, upload), version).await?;
        self.pend(&asked, again).await
    }

    /// Decides again about a part whose body took longer than an admission lasts.
    ///
    /// # Errors
    /// [`Refused`], on record when it is a verdict.
    pub async fn add_part_again(&self, around: &Circumstances, before: Admitted<AddPart>) -> Result<Admitted<AddPart>, Refused> {
        let (before, subject, _superseded) = before.spend();
        let mut asked = Asked::new::<AddPart>(&before, around, &subject.bucket.name);
        asked.subject.key = Some(subject.upload.attributes().key.clone());
        asked.subject.upload = Some(subject.upload.id().to_string());
        let who = self.still(&asked).await?;
        asked.who = &who;
        let bucket = self.bucket::<AddPart>(&asked, &subject.bucket.name).await?;
        let upload = if bucket.id == subject.bucket.id {
            self.looked_up(&asked, self.index.of(who.tenant()).upload(&bucket, subject.upload.id()).await).await?
        } else {
            None
        };
        match upload {
            Some(upload) => self.pend(&asked, UploadSubject { bucket, upload }).await,
            None => Err(self.absent(&asked, Refused::NoSuchUpload).await),
        }
    }

    /// Who asks, as they are by now.
    async fn still(&self, asked: &Asked<'_>) -> Result<Arc<Principal>, Refused> {
        match self.people.still(asked.who).await {
            Ok(who) => Ok(who),
            Err(Unauthenticated::Unknown | Unauthenticated::NotInUse) => Err(self.forbid(asked, Reason::CredentialEnded).await),
            Err(Unauthenticated::Engine(error)) => Err(IndexError::from(error).into()),
            Err(Unauthenticated::Lease(error)) => Err(IndexError::from(error).into()),
            Err(Unauthenticated::Damaged { table }) => self.looked_up(asked, Err(IndexError::Tampered { table })).await,
        }
    }

    /// Leave to add a part to the upload `id`.
    ///
    /// # Errors
    /// [`Refused`], on record when it is a verdict.
    pub async fn add_part(
        &self,
        who: &Arc<Principal>,
        around: &Circumstances,
        place: (&BucketName, &ObjectKey),
        id: UploadId,
    ) -> Result<Admitted<AddPart>, Refused> {
        let (asked, bucket, upload) = self.upload::<AddPart>(who, around, place, id).await?;
        self.pend(&asked, UploadSubject { bucket, upload }).await
    }

    /// Leave to list the parts of the upload `id`.
    ///
    /// # Errors
    /// [`Refused`], on record when it is a verdict.
    pub async fn view_upload(
        &self,
        who: &Arc<Principal>,
        around: &Circumstances,
        place: (&BucketName, &ObjectKey),
        id: UploadId,
    ) -> Result<Admitted<ViewUpload>, Refused> {
        let (asked, bucket, upload) = self.upload::<ViewUpload>(who, around, place, id).await?;
        self.record(&asked, UploadSubject { bucket, upload }).await
    }

    /// Leave to abort the upload `id`.
    ///
    /// # Errors
    /// [`Refused`], on record when it is a verdict.
    pub async fn abort_upload(
        &self,
        who: &Arc<Principal>,
        around: &Circumstances,
        place: (&BucketName, &ObjectKey),
        id: UploadId,
    ) -> Result<Admitted<AbortUpload>, Refused> {
        let (asked, bucket, upload) = self.upload::<AbortUpload>(who, around, place, id).await?;
        self.pend(&asked, UploadSubject { bucket, upload }).await
    }

    /// Leave to delete what `which` names: the key, or one version of it. What is not there may be deleted.
    ///
    /// # Errors
    /// [`Refused`], on record when it is a verdict.
    pub async fn delete(
        &self,
        who: &Arc<Principal>,
        around: &Circumstances,
        place: (&BucketName, &ObjectKey),
        which: Which,
    ) -> Result<Admitted<Delete>, Refused> {
        let mut asked = Asked::new::<Delete>(who, around, place.0);
        asked.subject.key = Some(place.1.as_str().to_owned());
        let bucket = self.bucket::<Delete>(&asked, place.0).await?;
        let was = self.looked_up(&asked, self.index.of(who.tenant()).find(&bucket, place.1, which).await).await?;
        asked.describe(was.version.as_ref());
        let hides = which == Which::Current && bucket.versioning != Versioning::Off;
        let shown = if which == Which::Current { content_of(&was) } else { was.version.as_ref() };
        if shown.is_none() && !asked.may_list() {
            // Deleting what is not there is no error, but it would tell that it is not there.
            return Err(self.absent(&asked, Refused::NoSuchKey { marker: None }).await);
        }
        // Neither a delete nor a marker takes a final version out of sight (AT-04, promise 9).
        if content_of(&was).is_some_and(|version| version.row.state.is_final()) {
            return Err(self.forbid(&asked, Reason::VersionFinalized).await);
        }
        if !hides && was.version.as_ref().is_some_and(|version| version.deletable(self.journal.now()).is_err()) {
            return Err(self.forbid(&asked, Reason::UnderRetention).await);
        }
        let marker = VersionId::random();
        if hides {
            asked.subject.parent = asked.subject.version.replace(marker.to_string());
        }
        let subject = DeleteSubject { bucket, key: place.1.clone(), was, target: which, marker };
        self.pend(&asked, subject).await
    }

    /// Leave to see a bucket and its settings.
    ///
    /// # Errors
    /// [`Refused`], on record when it is a verdict.
    pub async fn view_bucket(
        &self,
        who: &Arc<Principal>,
        around: &Circumstances,
        name: &BucketName,
    ) -> Result<Admitted<ViewBucket>, Refused> {
        let asked = Asked::new::<ViewBucket>(who, around, name);
        let bucket = self.bucket::<ViewBucket>(&asked, name).await?;
        self.record(&asked, bucket).await
    }

    /// Leave to change or delete a bucket.
    ///
    /// # Errors
    /// [`Refused`], on record when it is a verdict.
    pub async fn manage_bucket(
        &self,
        who: &Arc<Principal>,
        around: &Circumstances,
        name: &BucketName,
    ) -> Result<Admitted<ManageBucket>, Refused> {
        let asked = Asked::new::<ManageBucket>(who, around, name);
        let bucket = self.bucket::<ManageBucket>(&asked, name).await?;
        self.pend(&asked, bucket).await
    }

    /// Leave to make a bucket.
    ///
    /// # Errors
    /// [`Refused`], on record when it is a verdict.
    pub async fn make_bucket(
        &self,
        who: &Arc<Principal>,
        around: &Circumstances,
        name: &BucketName,
    ) -> Result<Admitted<MakeBucket>, Refused> {
        let asked = Asked::new::<MakeBucket>(who, around, name);
        if let Err(reason) = rules::decide(who, &Question { right: MakeBucket::RIGHT, bucket: Some(name) }) {
            return Err(self.forbid(&asked, reason).await);
        }
        self.pend(&asked, MakeSubject { name: name.clone() }).await
    }

    /// Leave to see the names of one's own buckets. Everyone has it; which names show is decided one by one.
    ///
    /// # Errors
    /// [`Refused::Unrecorded`].
    pub async fn list_buckets(&self, who: &Arc<Principal>, around: &Circumstances) -> Result<Admitted<ListBuckets>, Refused> {
        let asked = Asked::of_tenant::<ListBuckets>(who, around);
        self.record(&asked, TenantSubject).await
    }

    /// Whether `bucket` shows in the list of buckets that `admitted` may see (AC-09).
    #[must_use]
    pub fn shows(admitted: &Admitted<ListBuckets>, bucket: &Bucket) -> bool {
        rules::knows(admitted.who(), &bucket.name)
    }

    /// Leave to search the tenant's audit log. Reading it is an event itself.
    ///
    /// # Errors
    /// [`Refused`], on record when it is a verdict.
    pub async fn read_audit(&self, who: &Arc<Principal>, around: &Circumstances) -> Result<Admitted<ReadAudit>, Refused> {
        let asked = Asked::of_tenant::<ReadAudit>(who, around);
        if let Err(reason) = rules::decide(who, &Question { right: ReadAudit::RIGHT, bucket: None }) {
            return Err(self.forbid(&asked, reason).await);
        }
        self.record(&asked, TenantSubject).await
    }

    /// Records a request of someone who is known that was refused before there was anything to decide. A verdict on the same
    /// request that is on record already stays: the event has the request's id.
    ///
    /// # Errors
    /// [`Refused::Unrecorded`].
    pub async fn turned_away(
        &self,
        who: &Arc<Principal>,
        around: &Circumstances,
        (bucket, key): (Option<String>, Option<String>),
        reason: &str,
    ) -> Result<(), Refused> {
        let bucket = bucket.filter(|name| BucketName::parse(name).is_ok());
        let key = key.filter(|key| ObjectKey::parse(key).is_ok());
        let asked = Asked { who, around, action: UNDECIDED, subject: Subject { bucket, key, ..Subject::default() } };
        self.note(&asked, Verdict::Refused, Some(reason)).await
    }

    /// Decides `A` in a bucket, then looks the bucket up: who may not act there learns nothing of it.
    async fn bucket<A: Action>(&self, asked: &Asked<'_>, name: &BucketName) -> Result<Bucket, Refused> {
        let decided = rules::decide(asked.who, &Question { right: A::RIGHT, bucket: Some(name) });
        let found = self.looked_up(asked, self.index.of(asked.who.tenant()).bucket(name).await).await?;
        match (decided, found) {
            (Err(reason), _) => Err(self.forbid(asked, reason).await),
            (Ok(()), None) => Err(self.absent(asked, Refused::NoSuchBucket).await),
            (Ok(()), Some(bucket)) if bucket.standing == Standing::Disabled => Err(self.forbid(asked, Reason::BucketDisabled).await),
            (Ok(()), Some(bucket)) => Ok(bucket),
        }
    }

    async fn version<'a, A: Action>(
        &self,
        who: &'a Arc<Principal>,
        around: &'a Circumstances,
        place: (&BucketName, &ObjectKey),
        which: Which,
    ) -> Result<(Asked<'a>, ReadSubject), Refused> {
        let mut asked = Asked::new::<A>(who, around, place.0);
        asked.subject.key = Some(place.1.as_str().to_owned());
        if let Which::Id(id) = which {
            asked.subject.version = Some(id.to_string());
        }
        let bucket = self.bucket::<A>(&asked, place.0).await?;
        let found = self.looked_up(&asked, self.index.of(who.tenant()).find(&bucket, place.1, which).await).await?;
        asked.describe(found.version.as_ref());
        match found.version {
            Some(version) if version.row.kind == VersionKind::Content => Ok((asked, ReadSubject { bucket, key: place.1.clone(), version })),
            Some(marker) if which == Which::Current => Err(self.absent(&asked, Refused::NoSuchKey { marker: Some(marker.row.id) }).await),
            Some(marker) => Err(self.absent(&asked, Refused::IsDeleteMarker { version: marker.row.id }).await),
            None if which == Which::Current || found.entry.is_none() => Err(self.absent(&asked, Refused::NoSuchKey { marker: None }).await),
            None => Err(self.absent(&asked, Refused::NoSuchVersion).await),
        }
    }

    async fn upload<'a, A: Action>(
        &self,
        who: &'a Arc<Principal>,
        around: &'a Circumstances,
        place: (&BucketName, &ObjectKey),
        id: UploadId,
    ) -> Result<(Asked<'a>, Bucket, Upload), Refused> {
        let mut asked = Asked::new::<A>(who, around, place.0);
        asked.subject.key = Some(place.1.as_str().to_owned());
        asked.subject.upload = Some(id.to_string());
        let bucket = self.bucket::<A>(&asked, place.0).await?;
        let upload = self.looked_up(&asked, self.index.of(who.tenant()).upload(&bucket, id).await).await?;
        match upload.filter(|upload| upload.attributes().key == place.1.as_str()) {
            Some(upload) => Ok((asked, bucket, upload)),
            None => Err(self.absent(&asked, Refused::NoSuchUpload).await),
        }
    }

    async fn write_in(
        &self,
        mut asked: Asked<'_>,
        bucket: Bucket,
        key: &ObjectKey,
        what: (WriteIntent, Option<Upload>),
    ) -> Result<Admitted<Write>, Refused> {
        let version = what.1.as_ref().map_or_else(VersionId::random, Upload::version);
        let subject = self.write_subject(&mut asked, (bucket, key), what, version).await?;
        self.pend(&asked, subject).await
    }

    async fn write_subject(
        &self,
        asked: &mut Asked<'_>,
        (bucket, key): (Bucket, &ObjectKey),
        (mut intent, upload): (WriteIntent, Option<Upload>),
        version: VersionId,
    ) -> Result<WriteSubject, Refused> {
        let was = self.looked_up(asked, self.index.of(asked.who.tenant()).find(&bucket, key, Which::Current).await).await?;
        intent.class = intent.class.or_else(|| bucket.default_class.clone());
        asked.subject.version = Some(version.to_string());
        asked.subject.parent = was.version.as_ref().map(|parent| parent.row.id.to_string());
        asked.subject.patient.clone_from(&intent.patient);
        asked.subject.class.clone_from(&intent.class);
        asked.subject.state = Some(intent.state.name().to_owned());
        if let Err(reason) = judge_write(asked.who, &bucket, &intent, &was) {
            return Err(self.forbid(asked, reason).await);
        }
        if let Err(unmet) = intent.condition.check(content_of(&was).map(|version| version.row.etag)) {
            return Err(self.unmet(asked, unmet).await);
        }
        Ok(WriteSubject { bucket, key: key.clone(), was, version, upload, intent })
    }

    /// Records a permit now.
    async fn record<A: Action<Record = Receipt>>(&self, asked: &Asked<'_>, subject: A::Subject) -> Result<Admitted<A>, Refused> {
        let pending = self.seal(asked, Verdict::Allowed, None).await?;
        let receipt = self.journal.append(pending).await?;
        Ok(Admitted::new(Arc::clone(asked.who), subject, receipt, Arc::clone(&self.clock)))
    }

    /// Leaves the permit to the transaction of the change.
    async fn pend<A: Action<Record = PendingEvent>>(&self, asked: &Asked<'_>, subject: A::Subject) -> Result<Admitted<A>, Refused> {
        let pending = self.seal(asked, Verdict::Allowed, None).await?;
        Ok(Admitted::new(Arc::clone(asked.who), subject, pending, Arc::clone(&self.clock)))
    }

    /// Records a refusal with its true reason, and tells the reason only to who may list the place.
    async fn forbid(&self, asked: &Asked<'_>, reason: Reason) -> Refused {
        if let Err(error) = self.note(asked, Verdict::Refused, Some(reason.code())).await {
            return error;
        }
        Refused::Forbidden { reason: asked.may_list().then_some(reason) }
    }

    /// Records that there is no such thing; who may not list the place is refused without a reason (AC-09).
    async fn absent(&self, asked: &Asked<'_>, answer: Refused) -> Refused {
        if let Err(error) = self.note(asked, Verdict::Absent, None).await {
            return error;
        }
        if asked.may_list() { answer } else { Refused::Forbidden { reason: None } }
    }

    /// Records that a condition of a write does not hold; who may not list the place is refused without a reason (AC-09).
    async fn unmet(&self, asked: &Asked<'_>, unmet: UnmetWrite) -> Refused {
        if let Err(error) = self.note(asked, Verdict::Refused, Some("condition-failed")).await {
            return error;
        }
        match (asked.may_list(), unmet) {
            (false, _) => Refused::Forbidden { reason: None },
            (true, UnmetWrite::Present) => Refused::ConditionFailed,
            (true, UnmetWrite::Absent) => Refused::NoSuchKey { marker: None },
        }
    }

    /// What was looked up. That a row is not as it was written is on record before anyone is told (promise 6).
    async fn looked_up<T>(&self, asked: &Asked<'_>, found: Result<T, IndexError>) -> Result<T, Refused> {
        if let Err(IndexError::Tampered { .. } | IndexError::Engine(EngineError::Corrupt { .. })) = &found {
            self.note(asked, Verdict::Refused, Some("index-damaged")).await?;
        }
        Ok(found?)
    }

    async fn note(&self, asked: &Asked<'_>, verdict: Verdict, reason: Option<&str>) -> Result<(), Refused> {
        let pending = self.seal(asked, verdict, reason).await?;
        let _on_record: Receipt = self.journal.append(pending).await?;
        Ok(())
    }

    async fn seal(&self, asked: &Asked<'_>, verdict: Verdict, reason: Option<&str>) -> Result<PendingEvent, Refused> {
        let (id, at) = Event::stamp(asked.around.request, self.journal.now());
        let profile = asked.who.profile();
        let event = Event {
            v: Event::VERSION,
            id,
            at,
            kind: EventKind::Access,
            actor: Actor {
                id: asked.who.id().to_string(),
                name: asked.who.name().to_owned(),
                display_name: profile.display_name.clone(),
                kind: asked.who.kind(),
                job_types: profile.job_types.clone(),
                proven_by: "access-key".to_owned(),
                credential: Some(asked.who.access_key().to_owned()),
            },
            action: asked.action.to_owned(),
            operation: asked.around.operation.to_owned(),
            subject: asked.subject.clone(),
            verdict,
            reason: reason.map(str::to_owned),
            purpose: asked.around.purpose.or(profile.default_purpose),
            source: asked.around.source.map(|address| address.to_string()),
            user_agent: asked.around.user_agent.clone(),
            outcome: None,
        };
        Ok(self.journal.seal(asked.who.tenant(), event).await?)
    }
}

/// The content that a key shows; a delete marker has none.
fn content_of(was: &Found) -> Option<&Version> {
    was.version.as_ref().filter(|version| version.row.kind == VersionKind::Content)
}

/// What a write must fulfil besides the right to write (AC-02, AT-01, AT-04).
fn judge_write(who: &Principal, bucket: &Bucket, intent: &WriteIntent, was: &Found) -> Result<(), Reason> {
    let parent = content_of(was).map(|version| version.row.state);
    if bucket.mode == BucketMode::Plain && intent.state != RecordState::Draft {
        return Err(Reason::NotARecordsBucket);
    }
    if bucket.mode == BucketMode::Records && intent.class.is_none() {
        return Err(Reason::RecordClassRequired);
    }
    for right in rules::rights_of_write(intent.state, parent) {
        rules::decide(who, &Question { right, bucket: Some(&bucket.name) })?;
    }
    if parent.is_some_and(RecordState::is_final) && intent.change_reason.is_none() {
        return Err(Reason::ChangeReasonRequired);
    }
    Ok(())
}
