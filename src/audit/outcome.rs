use super::{Event, EventKind, Journal, Verdict};
use crate::domain::{EventId, TenantId, limits};
use crate::engine::Events;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::sync::mpsc;

/// What became of an access that was let.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The access's event.
    pub of: String,
    /// How it ended.
    pub result: Result,
    /// Bytes of the body that went out or came in.
    pub bytes: u64,
}

/// How an access ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Result {
    /// All of it.
    Complete,
    /// The caller went away, or was too slow.
    Aborted,
    /// It failed on our side.
    Failed,
    /// Stored bytes were found to be damaged (promise 6).
    Damaged,
}

/// Takes outcomes from streams that end, and makes them durable in groups soon after.
///
/// The admission of an access is synchronous; its outcome is not, because a stream may end by being
/// dropped. A process that dies loses the outcomes of its last moments, never an admission.
#[derive(Clone, Debug)]
pub struct OutcomeLog {
    sender: mpsc::Sender<(TenantId, Event)>,
}

impl OutcomeLog {
    /// A log that writes through `journal` from a task of its own, until the last clone is dropped.
    #[must_use]
    pub fn start(journal: Arc<Journal>) -> (Self, tokio::task::JoinHandle<()>) {
        let (sender, receiver) = mpsc::channel(limits::WRITER_QUEUE_MAX);
        (Self { sender }, tokio::spawn(write(journal, receiver)))
    }

    /// Notes what became of the access that `admitted` let.
    pub fn note(&self, journal: &Journal, tenant: TenantId, admitted: &Event, (result, bytes): (Result, u64)) {
        let (id, at) = Event::stamp(EventId::random(), journal.now());
        let event = Event {
            id,
            at,
            kind: EventKind::Outcome,
            verdict: Verdict::Allowed,
            reason: None,
            outcome: Some(Outcome { of: admitted.id.clone(), result, bytes }),
            ..admitted.clone()
        };
        if self.sender.try_send((tenant, event)).is_err() {
            tracing::warn!(target: "audit", "an outcome was dropped because the journal is behind");
        }
    }
}

async fn write(journal: Arc<Journal>, mut receiver: mpsc::Receiver<(TenantId, Event)>) {
    let mut batch = Vec::with_capacity(limits::WRITER_GROUP_MAX);
    while receiver.recv_many(&mut batch, limits::WRITER_GROUP_MAX).await > 0 {
        let mut events = Events::default();
        for (tenant, event) in batch.drain(..) {
            match journal.seal(tenant, event).await {
                Ok(pending) => events.rows.extend(pending.into_events().rows),
                Err(error) => tracing::warn!(target: "audit", %error, "an outcome could not be sealed"),
            }
        }
        if let Err(error) = journal.append_rows(events).await {
            tracing::warn!(target: "audit", %error, "outcomes could not be written");
        }
        // Outcomes may wait: a pause lets many share one commit with the admissions of others.
        tokio::time::sleep(limits::OUTCOME_PAUSE).await;
    }
}
