use crate::audit::{Event, Journal, JournalError, Logged, Verdict};
use crate::domain::{PatientId, UtcTime};
use crate::policy::{Admitted, ReadAudit};
use std::sync::Arc;

/// What a reader of the log looks for. Absent parts match everything.
#[derive(Clone, Default)]
pub struct AccessLogQuery {
    /// The patient concerned.
    pub patient: Option<String>,
    /// Who acted, by name.
    pub person: Option<String>,
    /// The bucket concerned.
    pub bucket: Option<String>,
    /// The record concerned.
    pub key: Option<String>,
    /// The action, such as `read`.
    pub action: Option<String>,
    /// The verdict.
    pub verdict: Option<Verdict>,
    /// Not before.
    pub since: Option<UtcTime>,
    /// Before.
    pub until: Option<UtcTime>,
    /// Go on after this row of an earlier page.
    pub before: Option<u64>,
    /// At most this many events.
    pub limit: usize,
}

/// Hides what may tell of a patient.
impl std::fmt::Debug for AccessLogQuery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccessLogQuery")
    }
}

/// Events that match, newest first.
#[derive(Debug, Clone)]
pub struct AccessLogPage {
    /// The events. A damaged one is among them whatever is looked for, unless its row is of another time: nobody can say
    /// that it does not match.
    pub events: Vec<Logged>,
    /// Where the next page goes on, if there may be one.
    pub next: Option<u64>,
}

/// The log could not be searched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessLogError {
    /// The log cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Searches one tenant's audit log.
#[derive(Debug)]
pub struct AccessLog {
    journal: Arc<Journal>,
}

/// Events opened at a time.
const BATCH: usize = 500;
/// Events looked at for one page: a rare match comes over several pages rather than in one slow one.
const LOOKED_AT_MAX: usize = 20_000;

impl AccessLog {
    /// A reader of `journal`.
    #[must_use]
    pub const fn new(journal: Arc<Journal>) -> Self {
        Self { journal }
    }

    /// One page of what `admitted` may see.
    ///
    /// # Errors
    /// [`AccessLogError`].
    pub async fn search(&self, admitted: &Admitted<ReadAudit>, query: &AccessLogQuery) -> Result<AccessLogPage, AccessLogError> {
        let mut events = Vec::new();
        let (mut before, mut looked_at) = (query.before, 0);
        loop {
            let batch = self.journal.events(admitted.tenant(), before, BATCH).await?;
            let ended = batch.len() < BATCH;
            for (row, event) in batch {
                before = Some(row);
                looked_at += 1;
                if matches(query, &event) {
                    events.push(event);
                }
                if events.len() >= query.limit {
                    return Ok(AccessLogPage { events, next: before });
                }
            }
            if ended {
                return Ok(AccessLogPage { events, next: None });
            }
            if looked_at >= LOOKED_AT_MAX {
                return Ok(AccessLogPage { events, next: before });
            }
        }
    }
}

fn matches(query: &AccessLogQuery, logged: &Logged) -> bool {
    let in_time = |at: UtcTime| query.since.is_none_or(|since| at >= since) && query.until.is_none_or(|until| at < until);
    match logged {
        Logged::Damaged { at, .. } => in_time(*at),
        Logged::Whole(event) => has(query, event) && UtcTime::parse(&event.at).is_ok_and(in_time),
    }
}

fn has(query: &AccessLogQuery, event: &Event) -> bool {
    let is = |wanted: &Option<String>, found: Option<&str>| wanted.as_deref().is_none_or(|wanted| Some(wanted) == found);
    is(&query.patient, event.subject.patient.as_ref().map(PatientId::as_str))
        && is(&query.person, Some(&event.actor.name))
        && is(&query.bucket, event.subject.bucket.as_deref())
        && is(&query.key, event.subject.key.as_deref())
        && is(&query.action, Some(&event.action))
        && query.verdict.is_none_or(|verdict| verdict == event.verdict)
}
