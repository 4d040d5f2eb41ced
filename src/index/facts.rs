use super::row_mac::check;
use super::version::opened_attributes;
use super::{Bucket, IndexError, TenantIndex};
use crate::domain::{PatientId, RecordClass, RecordState, TenantId, VersionId, limits};
use crate::engine::VersionRow;
use crate::leases::IndexKeys;
use std::collections::HashMap;
use std::sync::Arc;

/// What policy looks at of a listed entry. `Debug` shows no patient.
#[derive(Clone, PartialEq, Eq)]
pub struct EntryFacts {
    /// What kind of record it is.
    pub class: Option<RecordClass>,
    /// Draft or final.
    pub state: RecordState,
    /// Whose record it is, where that was asked for.
    pub patient: Option<PatientId>,
    /// Whether it names a patient.
    pub names_patient: bool,
    /// The department that owns it, where that was asked for.
    pub department: Option<String>,
}

impl std::fmt::Debug for EntryFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EntryFacts").field("class", &self.class).field("state", &self.state).finish_non_exhaustive()
    }
}

/// How much of each entry is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// What stands in its row.
    Row,
    /// What rests sealed beside it as well.
    Sealed,
}

impl TenantIndex<'_> {
    /// What policy looks at of these versions of `bucket`; one that has gone meanwhile is left out.
    ///
    /// # Errors
    /// [`IndexError`]
    pub async fn facts(
        &self,
        bucket: &Bucket,
        versions: Vec<VersionId>,
        depth: Depth,
    ) -> Result<HashMap<VersionId, EntryFacts>, IndexError> {
        self.fits(bucket)?;
        if versions.is_empty() {
            return Ok(HashMap::new());
        }
        let keys = self.keys().await?;
        let rows = self.engine().versions_named(versions).await?;
        let (tenant, bucket) = (self.tenant, bucket.clone());
        if rows.len() <= limits::OPENED_INLINE_MAX {
            return rows.into_iter().map(|row| opened(&keys, (tenant, &bucket), row, depth)).collect();
        }
        let keys = Arc::clone(&keys);
        let all = move || rows.into_iter().map(|row| opened(&keys, (tenant, &bucket), row, depth)).collect();
        tokio::task::spawn_blocking(all).await.map_err(|_stopped| IndexError::Stopping)?
    }
}

fn opened(
    keys: &IndexKeys,
    (tenant, bucket): (TenantId, &Bucket),
    row: VersionRow,
    depth: Depth,
) -> Result<(VersionId, EntryFacts), IndexError> {
    let sealer = check(keys, tenant, &row)?;
    if row.bucket != bucket.id {
        return Err(IndexError::Tampered { table: "versions" });
    }
    let facts = match depth {
        Depth::Row => crate::domain::RecordFacts::default(),
        Depth::Sealed => opened_attributes(sealer, tenant, &row)?.facts,
    };
    let VersionRow { id, class, state, patient, .. } = row;
    Ok((id, EntryFacts { class, state, patient: facts.patient, names_patient: patient.is_some(), department: facts.department }))
}
