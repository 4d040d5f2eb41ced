use super::{Oversight, OversightError};
use crate::domain::{BucketName, ObjectKey, Right};
use crate::identity::{PeopleError, Principal};
use crate::policy::{Circumstances, Explained, PolicyText, ViewPolicy};
use std::sync::Arc;

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

    /// Every policy that holds for the tenant, in the order of reasons (AC-06).
    ///
    /// # Errors
    /// [`OversightError`].
    pub async fn policies(&self, who: &Arc<Principal>, around: &Circumstances) -> Result<Vec<PolicyText>, OversightError> {
        let admitted = self.gate.see::<ViewPolicy>(who, around).await?;
        Ok(self.gate.policies(&admitted).await?)
    }
}
