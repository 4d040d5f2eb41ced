use super::{Event, EventKind, Journal, JournalError, Verdict};
use crate::domain::{EventId, TenantId, causes, limits};
use crate::engine::Events;
use crate::meters::Meters;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

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
    journal: Arc<Journal>,
    meters: Arc<Meters>,
    usual: mpsc::Sender<Waiting>,
    // Without a bound: each has its admission on record, and no load of others may push it out.
    damage: UnboundedSender<Waiting>,
    closing: CancellationToken,
    writer: TaskTracker,
}

/// An outcome on its way to the log.
#[derive(Debug)]
struct Waiting {
    tenant: TenantId,
    event: Event,
    tries: u32,
}

impl OutcomeLog {
    /// A log that writes through `journal` from a task of its own, until it is finished.
    #[must_use]
    pub fn start(journal: Arc<Journal>, meters: Arc<Meters>) -> Self {
        let (usual, usual_end) = mpsc::channel(limits::WRITER_QUEUE_MAX);
        let (damage, damage_end) = mpsc::unbounded_channel();
        let (closing, writer) = (CancellationToken::new(), TaskTracker::new());
        let writing = Writer {
            journal: Arc::clone(&journal),
            meters: Arc::clone(&meters),
            usual: usual_end,
            damage: damage_end,
            closing: closing.clone(),
            is_closing: false,
        };
        writer.spawn(writing.run());
        writer.close();
        Self { journal, meters, usual, damage, closing, writer }
    }

    /// Notes what became of the access that `admitted` let.
    pub fn note(&self, tenant: TenantId, admitted: &Event, (result, bytes): (Result, u64)) {
        self.enqueue(Waiting { tenant, event: self.event(admitted, (result, bytes)), tries: 0 }, result);
    }

    /// Notes what became of the access that `admitted` let. That stored bytes are damaged is on record when this returns,
    /// if the log can be written at all (promise 6).
    pub async fn settle(&self, tenant: TenantId, admitted: &Event, (result, bytes): (Result, u64)) {
        let event = self.event(admitted, (result, bytes));
        if result == Result::Damaged {
            match self.append(tenant, &event).await {
                Ok(()) => return,
                Err(error) => tracing::warn!(target: "audit", error = causes(&error), "damage is not on record yet"),
            }
        }
        self.enqueue(Waiting { tenant, event, tries: 0 }, result);
    }

    /// Writes what has been noted, and ends. What is noted later is lost, and counted.
    pub async fn finish(&self) {
        self.closing.cancel();
        self.writer.wait().await;
    }

    async fn append(&self, tenant: TenantId, event: &Event) -> std::result::Result<(), JournalError> {
        self.journal.append_rows(self.journal.seal_rows(tenant, event).await?).await
    }

    fn enqueue(&self, waiting: Waiting, result: Result) {
        let is_taken = match result {
            Result::Damaged => self.damage.send(waiting).is_ok(),
            _ => self.usual.try_send(waiting).is_ok(),
        };
        if !is_taken {
            self.meters.outcome_lost();
            tracing::warn!(target: "audit", "an outcome was dropped because the log is behind or closed");
        }
    }

    fn event(&self, admitted: &Event, (result, bytes): (Result, u64)) -> Event {
        let (id, at) = Event::stamp(EventId::random(), self.journal.now());
        Event {
            id,
            at,
            kind: EventKind::Outcome,
            verdict: Verdict::Allowed,
            reason: None,
            outcome: Some(Outcome { of: admitted.id.clone(), result, bytes }),
            ..admitted.clone()
        }
    }
}

/// How often one outcome is tried, a second apart; when the gateway stops, less often and faster.
const TRIES_MAX: u32 = 60;
const TRIES_WHEN_CLOSING_MAX: u32 = 10;
const RETRY_AFTER: Duration = Duration::from_secs(1);
const RETRY_WHEN_CLOSING_AFTER: Duration = Duration::from_millis(100);

struct Writer {
    journal: Arc<Journal>,
    meters: Arc<Meters>,
    usual: mpsc::Receiver<Waiting>,
    damage: UnboundedReceiver<Waiting>,
    closing: CancellationToken,
    is_closing: bool,
}

impl Writer {
    async fn run(mut self) {
        let mut batch = Vec::with_capacity(limits::WRITER_GROUP_MAX);
        loop {
            self.gather(&mut batch).await;
            if batch.is_empty() && self.is_closing {
                return;
            }
            self.write(&mut batch).await;
            let pause = match (self.is_closing, batch.is_empty()) {
                (true, true) => continue,
                (true, false) => RETRY_WHEN_CLOSING_AFTER,
                (false, true) => limits::OUTCOME_PAUSE,
                (false, false) => RETRY_AFTER,
            };
            // Outcomes may wait: a pause lets many share one commit with the admissions of others.
            let _woken = tokio::time::timeout(pause, self.urgent(&mut batch)).await;
        }
    }

    /// Waits for something to write, or takes what there is when something is to be tried again.
    async fn gather(&mut self, batch: &mut Vec<Waiting>) {
        if batch.is_empty() && !self.is_closing {
            tokio::select! {
                Some(waiting) = self.damage.recv() => batch.push(waiting),
                Some(waiting) = self.usual.recv() => batch.push(waiting),
                () = self.closing.cancelled() => self.close(),
            }
        }
        while batch.len() < limits::WRITER_GROUP_MAX {
            match self.damage.try_recv().ok().or_else(|| self.usual.try_recv().ok()) {
                Some(waiting) => batch.push(waiting),
                None => return,
            }
        }
    }

    /// Returns when something has come that must not wait.
    async fn urgent(&mut self, batch: &mut Vec<Waiting>) {
        if self.is_closing {
            return std::future::pending().await;
        }
        tokio::select! {
            Some(waiting) = self.damage.recv() => batch.push(waiting),
            () = self.closing.cancelled() => self.close(),
        }
    }

    fn close(&mut self) {
        self.is_closing = true;
        self.usual.close();
        self.damage.close();
    }

    /// Writes the batch; what could not be written and is to be tried again stays in it.
    async fn write(&self, batch: &mut Vec<Waiting>) {
        let (mut events, mut sealed, mut unwritten) = (Events::default(), Vec::with_capacity(batch.len()), Vec::new());
        for Waiting { tenant, event, tries } in batch.drain(..) {
            match self.journal.seal_rows(tenant, &event).await {
                Ok(rows) => {
                    events.rows.extend(rows.rows);
                    sealed.push(Waiting { tenant, event, tries });
                }
                Err(error) => unwritten.push((Waiting { tenant, event, tries }, causes(&error))),
            }
        }
        if !events.rows.is_empty()
            && let Err(error) = self.journal.append_rows(events).await
        {
            let error = causes(&error);
            unwritten.extend(sealed.into_iter().map(|waiting| (waiting, error.clone())));
        }
        let tries_max = if self.is_closing { TRIES_WHEN_CLOSING_MAX } else { TRIES_MAX };
        for (mut waiting, error) in unwritten {
            waiting.tries += 1;
            if waiting.tries < tries_max {
                batch.push(waiting);
            } else {
                self.meters.outcome_lost();
                tracing::warn!(target: "audit", error, "an outcome could not be written");
            }
        }
    }
}
