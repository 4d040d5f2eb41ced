use super::{Oversight, OversightError};
use crate::domain::{BucketName, ObjectKey, Right};
use crate::identity::{PeopleError, Person, Principal};
use crate::policy::{Circumstances, Explained, MatrixRow, PolicyText, ViewPolicy};
use std::sync::Arc;

/// What one principal may do with one kind of record in one bucket.
#[derive(Debug, Clone)]
pub struct ReviewRow {
    /// Who.
    pub principal: Person,
    /// Where.
    pub bucket: BucketName,
    /// What.
    pub of: MatrixRow,
}

impl Oversight {
    /// What the principal of that name may do to a bucket or a record, and which policies say so (AC-05).
    ///
    /// # Errors
    /// [`OversightError`].
    pub async fn explain(
        &self,
        asker: &Arc<Principal>,
        around: &Circumstances,
        who: &str,
        (right, bucket, key): (Right, &BucketName, Option<&ObjectKey>),
    ) -> Result<Explained, OversightError> {
        let admitted = self.gate.see::<ViewPolicy>(asker, around).await?;
        let who = match self.people.as_principal(admitted.tenant(), who).await {
            Ok(who) => who,
            Err(PeopleError::NoPrincipal { .. }) => return Err(OversightError::Nothing { what: "principal" }),
            Err(error) => return Err(error.into()),
        };
        Ok(self.gate.explain(&admitted, &Arc::new(who), around, (right, bucket, key)).await?)
    }

    /// What everybody may do with which kind of record, in every bucket (AC-05).
    ///
    /// # Errors
    /// [`OversightError`].
    pub async fn review(&self, asker: &Arc<Principal>, around: &Circumstances) -> Result<Vec<ReviewRow>, OversightError> {
        let admitted = self.gate.see::<ViewPolicy>(asker, around).await?;
        let buckets = self.gate.buckets(&admitted).await?;
        let mut rows = Vec::new();
        for person in self.people.principals(admitted.tenant()).await? {
            let who = Arc::new(self.people.as_principal(admitted.tenant(), &person.name).await?);
            for bucket in &buckets {
                let found = self.gate.matrix(&admitted, (&who, around), bucket).await?;
                let row = |row: MatrixRow| ReviewRow { principal: person.clone(), bucket: bucket.name.clone(), of: row };
                rows.extend(found.into_iter().map(row));
            }
        }
        Ok(rows)
    }

    /// Every policy that holds for the tenant, in the order of reasons (AC-06).
    ///
    /// # Errors
    /// [`OversightError`].
    pub async fn policies(&self, who: &Arc<Principal>, around: &Circumstances) -> Result<Vec<PolicyText>, OversightError> {
        let admitted = self.gate.see::<ViewPolicy>(who, around).await?;
        Ok(self.gate.policies(&admitted).await?)
    }
}
