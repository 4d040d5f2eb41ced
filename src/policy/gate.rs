use super::ClassBy;
use super::action::{
    AbortUpload, Action, AddPart, Delete, DeleteSubject, List, ListBuckets, ListSubject, MakeBucket, MakeSubject, ManageBucket, Read,
    ReadSubject, TagVersion, TenantSubject, UploadSubject, ViewBucket, ViewUpload, Write, WriteSubject,
};
use super::asked::{Asked, SIGN_IN, UNDECIDED, traits_of, traits_of_upload};
use super::judge::Judge;
use super::listing::EntryFilter;
use super::question::About;
use super::rules::{self, Rules};
use super::writing::{self, content_of};
use super::{Admitted, Circumstances, Permitted, Reason, Refused, WriteIntent};
use crate::access::Access;
use crate::audit::{Actor, Event, EventKind, Journal, PendingEvent, Receipt, Subject, Verdict};
use crate::domain::{BucketName, Live, ObjectKey, Standing, UnmetWrite, UploadId, VersionId, Versioning, WriteCondition};
use crate::engine::{EngineError, VersionKind, Which};
use crate::identity::{Authenticator, Principal, Unauthenticated};
use crate::index::{Bucket, Index, IndexError, Upload};
use crate::leases::Monotonic;
use std::sync::Arc;

/// Decides, and records what it decided.
#[derive(Debug)]
pub struct Gate {
    pub(super) index: Arc<Index>,
    pub(super) journal: Arc<Journal>,
    people: Arc<Authenticator>,
    clock: Arc<dyn Monotonic>,
    pub(super) judge: Judge,
}

impl Gate {
    /// A gate that decides by `rules` and what each tenant has laid down in `access`, looks in `index` and records in
    /// `journal`. When a decision has become old by `clock`, it asks `people` who somebody is by now.
    #[must_use]
    pub fn new(
        index: Arc<Index>,
        journal: Arc<Journal>,
        people: Arc<Authenticator>,
        clock: Arc<dyn Monotonic>,
        (rules, access): (Live<Rules>, Arc<Access>),
    ) -> Self {
        Self { index, journal, people, clock, judge: Judge::new(rules, access) }
    }

    pub(super) async fn asked<'a, A: Action>(&self, who: &Arc<Principal>, around: &'a Circumstances) -> Result<Asked<'a>, Refused> {
        self.asked_as(A::RIGHT.name(), who, around).await
    }

    pub(super) async fn asked_as<'a>(
        &self,
        action: &'static str,
        who: &Arc<Principal>,
        around: &'a Circumstances,
    ) -> Result<Asked<'a>, Refused> {
        let law = self.judge.law(who.tenant()).await?;
        Ok(Asked::new(action, (who, around), (law, self.journal.now())))
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
        let mut asked = self.asked::<List>(who, around).await?.within(bucket).at(prefix);
        let bucket = self.bucket::<List>(&mut asked, bucket).await?;
        let filter = EntryFilter {
            who: Arc::clone(who),
            law: asked.law.clone(),
            now: asked.now,
            bucket: bucket.name.clone(),
            mode: bucket.mode,
            purpose: around.purpose.or(who.profile().default_purpose),
            source: around.source,
        };
        self.record(&asked, ListSubject { bucket, filter }).await
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
        let mut asked = self.asked::<Write>(who, around).await?.within(place.0).at(place.1.as_str());
        let bucket = self.bucket::<Write>(&mut asked, place.0).await?;
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
            class_by: ClassBy::Default,
            change_reason: facts.change_reason.clone(),
            patient: facts.patient.clone(),
            department: facts.department.clone(),
            on_behalf_of: facts.on_behalf_of.clone(),
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
        let mut asked = self.asked::<Write>(&before, around).await?.within(&subject.bucket.name).at(subject.key.as_str());
        let who = self.still(&asked).await?;
        asked.who = Arc::clone(&who);
        let bucket = self.bucket::<Write>(&mut asked, &subject.bucket.name).await?;
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
        let mut asked = self.asked::<AddPart>(&before, around).await?.within(&subject.bucket.name).at(&subject.upload.attributes().key);
        asked.subject.upload = Some(subject.upload.id().to_string());
        let who = self.still(&asked).await?;
        asked.who = Arc::clone(&who);
        let bucket = self.bucket::<AddPart>(&mut asked, &subject.bucket.name).await?;
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
        match self.people.still(&asked.who).await {
            Ok(who) => Ok(who),
            Err(Unauthenticated::Unknown | Unauthenticated::NotInUse | Unauthenticated::Token(_)) => {
                Err(self.forbid(asked, Reason::CredentialEnded).await)
            }
            Err(Unauthenticated::Access(error)) => Err(error.into()),
            Err(Unauthenticated::Seal(error)) => Err(IndexError::from(error).into()),
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
        let mut asked = self.asked::<Delete>(who, around).await?.within(place.0).at(place.1.as_str());
        let bucket = self.bucket::<Delete>(&mut asked, place.0).await?;
        let was = self.looked_up(&asked, self.index.of(who.tenant()).find(&bucket, place.1, which).await).await?;
        asked.describe(was.version.as_ref());
        let hides = which == Which::Current && bucket.versioning != Versioning::Off;
        let shown = if which == Which::Current { content_of(&was) } else { was.version.as_ref() };
        if shown.is_none() && !asked.may_list() {
            // Deleting what is not there is no error, but it would tell that it is not there.
            return Err(self.absent(&asked, Refused::NoSuchKey { marker: None }).await);
        }
        if let Some(version) = content_of(&was) {
            let decided = asked.decide(Delete::RIGHT, About::Record(&bucket.name, traits_of(&bucket, version)));
            self.unless_forbidden(&asked, decided).await?;
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
        let mut asked = self.asked::<ViewBucket>(who, around).await?.within(name);
        let bucket = self.bucket::<ViewBucket>(&mut asked, name).await?;
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
        let mut asked = self.asked::<ManageBucket>(who, around).await?.within(name);
        let bucket = self.bucket::<ManageBucket>(&mut asked, name).await?;
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
        let mut asked = self.asked::<MakeBucket>(who, around).await?.within(name);
        let decided = asked.decide(MakeBucket::RIGHT, About::Bucket(name));
        self.unless_forbidden(&asked, decided).await?;
        self.pend(&asked, MakeSubject { name: name.clone() }).await
    }

    /// Leave to see the names of one's own buckets. Everyone has it; which names show is decided one by one.
    ///
    /// # Errors
    /// [`Refused::Unrecorded`].
    pub async fn list_buckets(&self, who: &Arc<Principal>, around: &Circumstances) -> Result<Admitted<ListBuckets>, Refused> {
        let asked = self.asked::<ListBuckets>(who, around).await?;
        self.record(&asked, TenantSubject).await
    }

    /// Whether `bucket` shows in the list of buckets that `admitted` may see (AC-09).
    #[must_use]
    pub fn shows(admitted: &Admitted<ListBuckets>, bucket: &Bucket) -> bool {
        rules::knows(admitted.who(), &bucket.name)
    }

    /// Records that somebody has signed in.
    ///
    /// # Errors
    /// [`Refused::Unrecorded`]: nobody is in then.
    pub async fn signed_in(&self, who: &Arc<Principal>, around: &Circumstances) -> Result<(), Refused> {
        let asked = self.asked_as(SIGN_IN, who, around).await?;
        self.note(&asked, Verdict::Allowed, None).await
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
        let mut asked = self.asked_as(UNDECIDED, who, around).await?;
        asked.subject = Subject { bucket, key, ..Subject::default() };
        self.note(&asked, Verdict::Refused, Some(reason)).await
    }

    /// Decides `A` in a bucket, then looks the bucket up: who may not act there learns nothing of it.
    async fn bucket<A: Action>(&self, asked: &mut Asked<'_>, name: &BucketName) -> Result<Bucket, Refused> {
        let decided = asked.decide(A::RIGHT, About::Bucket(name));
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
        let mut asked = self.asked::<A>(who, around).await?.within(place.0).at(place.1.as_str());
        if let Which::Id(id) = which {
            asked.subject.version = Some(id.to_string());
        }
        let bucket = self.bucket::<A>(&mut asked, place.0).await?;
        let found = self.looked_up(&asked, self.index.of(who.tenant()).find(&bucket, place.1, which).await).await?;
        asked.describe(found.version.as_ref());
        match found.version {
            Some(version) if version.row.kind == VersionKind::Content => {
                let decided = asked.decide(A::RIGHT, About::Record(&bucket.name, traits_of(&bucket, &version)));
                self.unless_forbidden(&asked, decided).await?;
                Ok((asked, ReadSubject { bucket, key: place.1.clone(), version }))
            }
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
        let mut asked = self.asked::<A>(who, around).await?.within(place.0).at(place.1.as_str());
        asked.subject.upload = Some(id.to_string());
        let bucket = self.bucket::<A>(&mut asked, place.0).await?;
        let upload = self.looked_up(&asked, self.index.of(who.tenant()).upload(&bucket, id).await).await?;
        match upload.filter(|upload| upload.attributes().key == place.1.as_str()) {
            Some(upload) => {
                asked.subject.patient.clone_from(&upload.attributes().facts.patient);
                let decided = asked.decide(A::RIGHT, About::Record(&bucket.name, traits_of_upload(&bucket, &upload)));
                self.unless_forbidden(&asked, decided).await?;
                Ok((asked, bucket, upload))
            }
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
        let judged = writing::judge(asked, &bucket, &intent, &was);
        self.unless_forbidden(asked, judged).await?;
        if let Err(unmet) = intent.condition.check(content_of(&was).map(|version| version.row.etag)) {
            return Err(self.unmet(asked, unmet).await);
        }
        Ok(WriteSubject { bucket, key: key.clone(), was, version, upload, intent })
    }

    /// Records a permit now.
    pub(super) async fn record<A: Action<Record = Receipt>>(&self, asked: &Asked<'_>, subject: A::Subject) -> Result<Admitted<A>, Refused> {
        let pending = self.seal(asked, Verdict::Allowed, None).await?;
        let receipt = self.journal.append(pending).await?;
        Ok(Admitted::new(Arc::clone(&asked.who), subject, receipt, Arc::clone(&self.clock)))
    }

    /// Leaves the permit to the transaction of the change.
    pub(super) async fn pend<A: Action<Record = PendingEvent>>(
        &self,
        asked: &Asked<'_>,
        subject: A::Subject,
    ) -> Result<Admitted<A>, Refused> {
        let pending = self.seal(asked, Verdict::Allowed, None).await?;
        Ok(Admitted::new(Arc::clone(&asked.who), subject, pending, Arc::clone(&self.clock)))
    }

    pub(super) async fn unless_forbidden(&self, asked: &Asked<'_>, decided: Result<(), Reason>) -> Result<(), Refused> {
        match decided {
            Ok(()) => Ok(()),
            Err(reason) => Err(self.forbid(asked, reason).await),
        }
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

    pub(super) async fn note(&self, asked: &Asked<'_>, verdict: Verdict, reason: Option<&str>) -> Result<(), Refused> {
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
                proven_by: asked.who.proven_by().name().to_owned(),
                credential: Some(asked.who.access_key().to_owned()),
                factors: u8::try_from(asked.who.factors()).ok().filter(|factors| *factors > 1),
                via: asked.who.via().map(|app| app.name().to_owned()),
            },
            action: asked.action.to_owned(),
            operation: asked.around.operation.to_owned(),
            subject: asked.subject.clone(),
            verdict,
            reason: reason.map(str::to_owned),
            policies: asked.policies.iter().map(ToString::to_string).collect(),
            purpose: asked.around.purpose.or(profile.default_purpose),
            source: asked.around.source.map(|address| address.to_string()),
            user_agent: asked.around.user_agent.clone(),
            outcome: None,
        };
        Ok(self.journal.seal(asked.who.tenant(), event).await?)
    }
}
