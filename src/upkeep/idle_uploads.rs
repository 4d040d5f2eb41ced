use crate::audit::{Event, Journal, JournalError, Operator, OperatorAction, Subject};
use crate::domain::{Clock, limits};
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
    /// The abort could not be recorded, so it did not happen.
    #[error("the abort of a forgotten upload could not be recorded")]
    Journal(#[from] JournalError),
}

impl IdleUploads {
    /// The job over `engine`.
    #[must_use]
    pub fn new(engine: Arc<dyn Engine>, journal: Arc<Journal>, clock: Arc<dyn Clock>) -> Self {
        Self { engine, journal, clock }
    }

    /// Aborts what is forgotten now. Returns how many uploads that were.
    ///
    /// # Errors
    /// [`IdleUploadsError`]; what was aborted before stays aborted.
    pub async fn run(&self) -> Result<u64, IdleUploadsError> {
        const BATCH: usize = 100;
        let before = self.clock.now().minus(limits::UPLOAD_IDLE_MAX);
        let mut aborted = 0;
        loop {
            let batch = self.engine.idle_uploads(before, BATCH).await?;
            for row in &batch {
                let pending = self.journal.seal(row.tenant, self.event(row)).await?;
                // One that has got a part since it was looked at is not forgotten, and stays.
                let done = self.engine.abort_upload(row.bucket, row.id, Some(row.touched), pending.into_events()).await?;
                aborted += u64::from(done == Changed::Done);
            }
            if batch.len() < BATCH {
                return Ok(aborted);
            }
        }
    }

    fn event(&self, row: &UploadRow) -> Event {
        let subject = Subject { upload: Some(row.id.to_string()), version: Some(row.version.to_string()), ..Subject::default() };
        let event = Operator::process().event(OperatorAction::AbortIdleUpload, subject, self.clock.now());
        Event { reason: Some("idle".to_owned()), ..event }
    }
}
