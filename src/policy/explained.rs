use super::asked::traits_of;
use super::policies::PolicyAbout;
use super::question::{About, OnBehalf, Traits};
use super::writing::content_of;
use super::{Admitted, Circumstances, Gate, Reason, Refused, ViewPolicy};
use crate::domain::{BucketMode, BucketName, ObjectKey, RecordClass, RecordState, Right};
use crate::engine::Which;
use crate::identity::Principal;
use crate::index::Bucket;
use std::sync::Arc;

/// What the rules say of a question that somebody asks about another.
#[derive(Debug)]
pub struct Explained {
    /// Why not; nothing where it is allowed.
    pub refused: Option<Reason>,
    /// The policies that say so.
    pub policies: Vec<PolicyText>,
}

/// What a principal may do with records of one class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatrixRow {
    /// Which class; none in a plain bucket.
    pub class: Option<RecordClass>,
    /// What.
    pub rights: Vec<Right>,
}

const OF_RECORDS: [Right; 6] = [Right::Read, Right::List, Right::WriteDraft, Right::Finalize, Right::Amend, Right::DeleteDraft];

/// One policy, as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyText {
    /// Its id.
    pub id: String,
    /// The file it stands in, or the name that the tenant gave it.
    pub file: String,
    /// The controls it serves.
    pub guideline: String,
    /// Its text.
    pub text: String,
}

impl From<&PolicyAbout> for PolicyText {
    fn from(policy: &PolicyAbout) -> Self {
        let PolicyAbout { id, guideline, file, text, .. } = policy;
        Self { id: id.to_string(), file: file.clone(), guideline: guideline.clone(), text: text.clone() }
    }
}

impl Gate {
    /// What the rules say of `right` for `who`, in a bucket or on the record that a key names there. Decides nothing and
    /// gives nothing: the asker has leave to see the policies.
    ///
    /// # Errors
    /// [`Refused`] when it cannot be looked up.
    pub async fn explain(
        &self,
        admitted: &Admitted<ViewPolicy>,
        who: &Arc<Principal>,
        around: &Circumstances,
        (right, name, key): (Right, &BucketName, Option<&ObjectKey>),
    ) -> Result<Explained, Refused> {
        let mut asked = self.asked::<ViewPolicy>(who, around).await?;
        let index = self.index.of(admitted.tenant());
        let bucket = index.bucket(name).await?.ok_or(Refused::NoSuchBucket)?;
        let mut refused = asked.decide(right, About::Bucket(name)).err();
        if let (None, Some(key)) = (refused, key) {
            let found = index.find(&bucket, key, Which::Current).await?;
            let version = content_of(&found).ok_or(Refused::NoSuchKey { marker: None })?;
            refused = asked.decide(right, About::Record(name, traits_of(&bucket, version))).err();
        }
        let all = asked.law.rules.policies().all();
        let made = all.into_iter().filter(|policy| asked.policies.contains(&policy.id));
        Ok(Explained { refused, policies: made.map(PolicyText::from).collect() })
    }

    /// The tenant's buckets.
    ///
    /// # Errors
    /// [`Refused`] when they cannot be had.
    pub async fn buckets(&self, admitted: &Admitted<ViewPolicy>) -> Result<Vec<Bucket>, Refused> {
        Ok(self.index.of(admitted.tenant()).buckets().await?)
    }

    /// What a principal may do in a bucket with records of each class, where it may do anything (AC-05). Says nothing of
    /// patients: care teams and restricted patients narrow it further.
    ///
    /// # Errors
    /// [`Refused`] when it cannot be looked up.
    pub async fn matrix(
        &self,
        _leave: &Admitted<ViewPolicy>,
        (who, around): (&Arc<Principal>, &Circumstances),
        bucket: &Bucket,
    ) -> Result<Vec<MatrixRow>, Refused> {
        let mut asked = self.asked::<ViewPolicy>(who, around).await?;
        let rules = Arc::clone(&asked.law.rules);
        let classes: Vec<Option<&RecordClass>> = match bucket.mode {
            BucketMode::Records => rules.classes().map(Some).collect(),
            BucketMode::Plain => vec![None],
        };
        let mut rows = Vec::new();
        for class in classes {
            let traits = |on_behalf| Traits {
                mode: bucket.mode,
                class,
                patient: None,
                names_patient: false,
                department: None,
                state: RecordState::Draft,
                on_behalf,
            };
            let mut may = |right: &Right| {
                let on_bucket = asked.decide(*right, About::Bucket(&bucket.name)).is_ok();
                on_bucket && asked.decide(*right, About::Record(&bucket.name, traits(OnBehalf::Somebody))).is_ok()
            };
            let rights: Vec<Right> = OF_RECORDS.iter().filter(|right| may(right)).copied().collect();
            if !rights.is_empty() {
                rows.push(MatrixRow { class: class.cloned(), rights });
            }
        }
        Ok(rows)
    }

    /// Every policy that holds for the tenant.
    ///
    /// # Errors
    /// [`Refused`] when they cannot be had.
    pub async fn policies(&self, admitted: &Admitted<ViewPolicy>) -> Result<Vec<PolicyText>, Refused> {
        let law = self.judge.law(admitted.tenant()).await?;
        Ok(law.rules.policies().all().into_iter().map(PolicyText::from).collect())
    }
}
