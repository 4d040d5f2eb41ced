use crate::audit::{Event, Journal, Operator, OperatorAction, Subject};
use crate::domain::{Clock, causes, limits};
use crate::engine::{Changed, Engine, EngineError, UploadRow};
use std::sync::Arc;

/// Aborts multipart uploads that nobody has touched for [`limits::UPLOAD_IDLE_MAX`].
#[derive(Debug)]
pub struct IdleUploads {
    engine: Arc<dyn Engine>,
    journal: Arc<Journal>,
    clock: Arc<dyn Clock>,
}

/// Forgotten uploads could not be aborted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdleUploadsError {
    /// The index failed.
    #[error("forgotten uploads cannot be looked up")]
    Engine(#[from] EngineError),
}

impl IdleUploads {
    /// The job over `engine`.
    #[must_use]
    pub fn new(engine: Arc<dyn Engine>, journal: Arc<Journal>, clock: Arc<dyn Clock>) -> Self {
        Self { engine, journal, clock }
    }

    /// Aborts what is forgotten now. Returns how many uploads that were. One that cannot be put on record stays, and stops no
    /// others: the keys of its tenant may be withdrawn.
    ///
    /// # Errors
    /// [`IdleUploadsError`]; what was aborted before stays aborted.
    pub async fn run(&self) -> Result<u64, IdleUploadsError> {
        const BATCH: usize = 100;
        let before = self.clock.now().minus(limits::UPLOAD_IDLE_MAX);
        let (mut aborted, mut after) = (0, None);
        loop {
            let batch = self.engine.idle_uploads(before, after, BATCH).await?;
            for row in &batch {
                let events = match self.journal.seal(row.tenant, self.event(row)).await {
                    Ok(pending) => pending.into_events(),
                    Err(error) => {
                        tracing::warn!(tenant = %row.tenant, error = causes(&error), "an idle upload stays for now");
                        continue;
                    }
                };
                // One that has got a part since it was looked at is not forgotten, and stays.
                let done = self.engine.abort_upload(row.bucket, row.id, Some(row.touched), events).await?;
                aborted += u64::from(done == Changed::Done);
            }
            if batch.len() < BATCH {
                return Ok(aborted);
            }
            after = batch.last().map(|row| (row.touched, row.id));
        }
    }

    fn event(&self, row: &UploadRow) -> Event {
        let subject = Subject { upload: Some(row.id.to_string()), version: Some(row.version.to_string()), ..Subject::default() };
        let event = Operator::process().event(OperatorAction::AbortIdleUpload, subject, self.clock.now());
        Event { reason: Some("idle".to_owned()), ..event }
    }
}
