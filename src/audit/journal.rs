use super::Event;
use crate::domain::{Clock, EventId, EventKeyId, NodeId, TenantId, UtcTime, limits};
use crate::engine::{Engine, EngineError, EventKeyRow, Events, JournalRow};
use crate::leases::{AuditKey, LeaseError, Leases, NewTenant};
use crate::meters::Meters;
use crate::seal::{Context, KeyUse, MasterKey, OpenError, SealError, UseKey};
use aws_lc_rs::digest;
use moka::sync::Cache;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Mutex;

/// Proof that an event is on durable record. Only [`Journal::append`] makes one.
#[derive(Debug)]
#[must_use = "an event on record whose access never happens misleads the reader of the log"]
pub struct Receipt {
    event: Event,
}

impl Receipt {
    /// What is on record.
    #[must_use]
    pub const fn event(&self) -> &Event {
        &self.event
    }
}

/// A sealed event that becomes durable in the transaction of the change it is about.
#[derive(Debug)]
#[must_use = "the change and its event belong into one transaction"]
pub struct PendingEvent {
    event: Event,
    rows: Events,
}

impl PendingEvent {
    /// What will be on record.
    #[must_use]
    pub const fn event(&self) -> &Event {
        &self.event
    }

    /// The rows for the transaction; may be used again when the transaction is tried again.
    #[must_use]
    pub fn events(&self) -> Events {
        self.rows.clone()
    }

    /// The rows for the transaction.
    #[must_use]
    pub fn into_events(self) -> Events {
        self.rows
    }
}

/// The log cannot be written or read. Nothing may proceed unrecorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The index that holds it failed.
    #[error("the audit log cannot be written")]
    Engine(#[from] EngineError),
    /// The tenant's audit key cannot be had.
    #[error("the audit key cannot be had")]
    Lease(#[from] LeaseError),
    /// An event could not be sealed.
    #[error("an audit event could not be sealed")]
    Seal(#[from] SealError),
    /// An event is not what was written.
    #[error("audit event {event} is damaged")]
    Damaged {
        /// Which.
        event: EventId,
        /// How it was noticed.
        #[source]
        source: OpenError,
    },
    /// An event was opened but is none.
    #[error("an audit event has another form")]
    Form(#[from] serde_json::Error),
    /// An event names a key that is gone.
    #[error("the key of audit event {event} is gone")]
    NoKey {
        /// Which.
        event: EventId,
    },
}

struct EventKey {
    id: EventKeyId,
    use_key: UseKey,
    until: UtcTime,
}

/// The tenants' audit logs.
pub struct Journal {
    engine: Arc<dyn Engine>,
    leases: Arc<Leases>,
    clock: Arc<dyn Clock>,
    node: NodeId,
    meters: Arc<Meters>,
    writing: Mutex<HashMap<TenantId, Arc<EventKey>>>,
    reading: Cache<EventKeyId, Arc<UseKey>>,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Journal({:?})", self.node)
    }
}

impl Journal {
    /// The logs in `engine`, written by `node`. How long appends take goes to `meters`.
    #[must_use]
    pub fn new(engine: Arc<dyn Engine>, leases: Arc<Leases>, clock: Arc<dyn Clock>, node: NodeId, meters: Arc<Meters>) -> Self {
        let reading = Cache::builder().max_capacity(limits::SMALL_CACHE_ENTRIES_MAX).build();
        Self { engine, leases, clock, node, meters, writing: Mutex::default(), reading }
    }

    /// Now, on the journal's clock.
    #[must_use]
    pub fn now(&self) -> UtcTime {
        self.clock.now()
    }

    /// Seals `event` into its leaf. It is on record only once the rows are committed.
    ///
    /// # Errors
    /// [`JournalError`] when the tenant's audit key cannot be had.
    pub async fn seal(&self, tenant: TenantId, event: Event) -> Result<PendingEvent, JournalError> {
        let key = self.key(tenant).await?;
        self.sealed(tenant, event, (key.id, &key.use_key), Vec::new())
    }

    /// Seals the event that begins the log of a tenant which is made in the same transaction.
    ///
    /// # Errors
    /// [`JournalError`] when it cannot be sealed.
    pub fn seal_first(&self, tenant: &NewTenant, event: Event) -> Result<PendingEvent, JournalError> {
        let (row, master) = self.new_key(tenant.id(), tenant.audit())?;
        self.sealed(tenant.id(), event, (row.id, &master.derive(KeyUse::SealEvent)), vec![row])
    }

    fn sealed(
        &self,
        tenant: TenantId,
        event: Event,
        (key, use_key): (EventKeyId, &UseKey),
        keys: Vec<EventKeyRow>,
    ) -> Result<PendingEvent, JournalError> {
        let id = EventId::parse(&event.id).unwrap_or_else(|_| EventId::random());
        let sealed = use_key.seal(&Context::event(tenant, id), &serde_json::to_vec(&event)?)?;
        let row =
            JournalRow { tenant, event: id, leaf_hash: leaf_hash(&sealed), event_key: key, sealed, at: self.clock.now(), position: None };
        Ok(PendingEvent { event, rows: Events { rows: vec![row], keys } })
    }

    /// Makes a sealed event durable on its own: reads, listings, refusals.
    ///
    /// # Errors
    /// [`JournalError`] when it is not on record; nothing may proceed then.
    pub async fn append(&self, pending: PendingEvent) -> Result<Receipt, JournalError> {
        let began = Instant::now();
        self.engine.append(pending.rows).await?;
        self.meters.audit_appended(began.elapsed());
        Ok(Receipt { event: pending.event })
    }

    /// Makes rows of sealed events durable together.
    ///
    /// # Errors
    /// [`JournalError`] when they are not on record.
    pub async fn append_rows(&self, events: Events) -> Result<(), JournalError> {
        Ok(self.engine.append(events).await?)
    }

    /// A tenant's events, newest first, with their row numbers; those before row `before` where given.
    ///
    /// # Errors
    /// [`JournalError`] when the log cannot be read, or an event is not what was written.
    pub async fn events(&self, tenant: TenantId, before: Option<u64>, limit: usize) -> Result<Vec<(u64, Event)>, JournalError> {
        let mut events = Vec::new();
        for (number, row) in self.engine.events(tenant, before, limit).await? {
            events.push((number, self.open(&row).await?));
        }
        Ok(events)
    }

    async fn open(&self, row: &JournalRow) -> Result<Event, JournalError> {
        let key = match self.reading.get(&row.event_key) {
            Some(key) => key,
            None => self.fetch_key(row).await?,
        };
        let damaged = |source| JournalError::Damaged { event: row.event, source };
        let clear = key.open(&Context::event(row.tenant, row.event), &row.sealed).map_err(damaged)?;
        Ok(serde_json::from_slice(&clear)?)
    }

    async fn fetch_key(&self, row: &JournalRow) -> Result<Arc<UseKey>, JournalError> {
        let gone = JournalError::NoKey { event: row.event };
        let Some(wrapped) = self.engine.event_key(row.tenant, row.event_key).await? else { return Err(gone) };
        let keys = self.leases.audit(row.tenant).await?;
        let audit = keys.version(wrapped.kek_version).ok_or(gone)?;
        let damaged = |source| JournalError::Damaged { event: row.event, source };
        let context = Context::event_key(row.tenant, row.event_key);
        let key = MasterKey::unwrap(&audit.wrap_event_key, &context, &wrapped.wrapped).map_err(damaged)?;
        let key = Arc::new(key.derive(KeyUse::SealEvent));
        self.reading.insert(row.event_key, Arc::clone(&key));
        Ok(key)
    }

    /// The event key in use. A new one is durable before it seals its first event.
    async fn key(&self, tenant: TenantId) -> Result<Arc<EventKey>, JournalError> {
        let now = self.clock.now();
        // Asked for at each event, so that a withdrawn audit key stops the log, and with it the tenant.
        let audit = self.leases.audit(tenant).await?;
        let mut writing = self.writing.lock().await;
        if let Some(key) = writing.get(&tenant)
            && now < key.until
        {
            return Ok(Arc::clone(key));
        }
        let (row, master) = self.new_key(tenant, audit.active())?;
        let (id, now) = (row.id, row.created);
        self.engine.append(Events { rows: Vec::new(), keys: vec![row] }).await?;
        let key = Arc::new(EventKey { id, use_key: master.derive(KeyUse::SealEvent), until: now.plus(limits::EVENT_KEY_LIFE) });
        writing.insert(tenant, Arc::clone(&key));
        Ok(key)
    }

    /// A new event key, and its row wrapped under `audit`.
    fn new_key(&self, tenant: TenantId, audit: &AuditKey) -> Result<(EventKeyRow, MasterKey), JournalError> {
        let id = EventKeyId::random();
        let master = MasterKey::generate()?;
        let wrapped = master.wrap(&audit.wrap_event_key, &Context::event_key(tenant, id))?;
        Ok((EventKeyRow { id, tenant, node: self.node, created: self.clock.now(), kek_version: audit.version, wrapped }, master))
    }
}

/// RFC 6962 §2.1: the hash of a leaf has a zero byte in front.
fn leaf_hash(leaf: &[u8]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&[0]);
    context.update(leaf);
    let mut hash = [0; 32];
    hash.iter_mut().zip(context.finish().as_ref()).for_each(|(slot, byte)| *slot = *byte);
    hash
}
