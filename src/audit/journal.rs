use super::Event;
use crate::domain::{Clock, EventId, EventKeyId, NodeId, TenantId, UtcTime, causes, limits};
use crate::engine::{Engine, EngineError, EventKeyRow, Events, JournalRow};
use crate::leases::{AuditKey, AuditKeys, LeaseError, Leases, NewTenant};
use crate::meters::Meters;
use crate::seal::{Context, KeyUse, MasterKey, OpenError, SealError, UseKey};
use aws_lc_rs::digest;
use moka::sync::Cache;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

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
    /// An event has no JSON form.
    #[error("an audit event has no json form")]
    Form(#[from] serde_json::Error),
}

/// How an event in the log is not what was written.
#[derive(Debug, thiserror::Error)]
enum Damage {
    #[error("it cannot be opened")]
    Sealed(#[from] OpenError),
    #[error("it was opened but is no event")]
    Form(#[from] serde_json::Error),
    #[error("its key is gone")]
    NoKey,
}

/// An event as it was found in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Logged {
    /// It is what was written.
    Whole(Box<Event>),
    /// It is not what was written, or cannot be opened. What its row says in clear is not proven either.
    Damaged {
        /// The row's event.
        id: EventId,
        /// The row's time.
        at: UtcTime,
    },
}

impl Logged {
    /// The event, if it is whole.
    #[must_use]
    pub fn event(&self) -> Option<&Event> {
        match self {
            Self::Whole(event) => Some(event),
            Self::Damaged { .. } => None,
        }
    }
}

struct EventKey {
    id: EventKeyId,
    use_key: UseKey,
    until: UtcTime,
    /// When the tenant's keys are taken away, this goes with them.
    generation: u64,
}

/// Where the key lies under which a tenant's events are written now.
#[derive(Default)]
struct Slot {
    key: RwLock<Option<Arc<EventKey>>>,
    /// Taken by the one that makes a new key. Other tenants do not wait for it.
    making: tokio::sync::Mutex<()>,
}

impl Slot {
    fn get(&self, generation: u64, now: UtcTime) -> Option<Arc<EventKey>> {
        let key = self.key.read().unwrap_or_else(PoisonError::into_inner);
        key.as_ref().filter(|key| key.generation == generation && now < key.until).map(Arc::clone)
    }

    fn set(&self, key: Option<Arc<EventKey>>) {
        *self.key.write().unwrap_or_else(PoisonError::into_inner) = key;
    }
}

/// A key of events written earlier, and the generation of the tenant's keys under which it was opened.
#[derive(Clone)]
struct ReadingKey {
    use_key: Arc<UseKey>,
    generation: u64,
}

/// The tenants' audit logs.
pub struct Journal {
    engine: Arc<dyn Engine>,
    leases: Arc<Leases>,
    clock: Arc<dyn Clock>,
    node: NodeId,
    meters: Arc<Meters>,
    writing: RwLock<HashMap<TenantId, Arc<Slot>>>,
    reading: Cache<(TenantId, EventKeyId), ReadingKey>,
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
        Self { engine, leases, clock, node, meters, writing: RwLock::default(), reading }
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
        let rows = self.seal_rows(tenant, &event).await?;
        Ok(PendingEvent { event, rows })
    }

    /// The rows of `event`, sealed.
    pub(super) async fn seal_rows(&self, tenant: TenantId, event: &Event) -> Result<Events, JournalError> {
        let key = self.key(tenant).await?;
        self.rows(tenant, event, (key.id, &key.use_key))
    }

    /// Seals the event that begins the log of a tenant which is made in the same transaction.
    ///
    /// # Errors
    /// [`JournalError`] when it cannot be sealed.
    pub fn seal_first(&self, tenant: &NewTenant, event: Event) -> Result<PendingEvent, JournalError> {
        let (row, master) = self.new_key(tenant.id(), tenant.audit())?;
        let mut rows = self.rows(tenant.id(), &event, (row.id, &master.derive(KeyUse::SealEvent)))?;
        rows.keys.push(row);
        Ok(PendingEvent { event, rows })
    }

    fn rows(&self, tenant: TenantId, event: &Event, (event_key, use_key): (EventKeyId, &UseKey)) -> Result<Events, JournalError> {
        let id = EventId::parse(&event.id).unwrap_or_else(|_| EventId::random());
        let sealed = use_key.seal(&Context::event(tenant, id), &serde_json::to_vec(event)?)?;
        let row = JournalRow { tenant, event: id, leaf_hash: leaf_hash(&sealed), event_key, sealed, at: self.clock.now(), position: None };
        Ok(Events { rows: vec![row], keys: Vec::new() })
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

    /// A tenant's events, newest first, with their row numbers; those before row `before` where given. One that is damaged
    /// is shown as such, and hides no other.
    ///
    /// # Errors
    /// [`JournalError`] when the log cannot be read.
    pub async fn events(&self, tenant: TenantId, before: Option<u64>, limit: usize) -> Result<Vec<(u64, Logged)>, JournalError> {
        let generation = self.leases.generation(tenant);
        // Asked for each time, so that withdrawn keys also end the reading of what was read before.
        let keys = self.leases.audit(tenant).await?;
        let mut events = Vec::new();
        for (number, row) in self.engine.events(tenant, before, limit).await? {
            let logged = match self.open(&row, &keys, generation).await? {
                Ok(event) => Logged::Whole(Box::new(event)),
                Err(damage) => {
                    tracing::error!(target: "audit", event = %row.event, error = causes(&damage), "an audit event is damaged");
                    Logged::Damaged { id: row.event, at: row.at }
                }
            };
            events.push((number, logged));
        }
        Ok(events)
    }

    /// Takes event keys out of memory that were opened under tenant keys which have ended or were taken away.
    pub fn sweep(&self) {
        let writing = self.writing.read().unwrap_or_else(PoisonError::into_inner);
        for (tenant, slot) in writing.iter() {
            if slot.get(self.leases.generation(*tenant), self.clock.now()).is_none() {
                slot.set(None);
            }
        }
        drop(writing);
        for (place, key) in &self.reading {
            if key.generation != self.leases.generation(place.0) {
                self.reading.invalidate(&*place);
            }
        }
        self.reading.run_pending_tasks();
    }

    async fn open(&self, row: &JournalRow, keys: &AuditKeys, generation: u64) -> Result<Result<Event, Damage>, JournalError> {
        let place = (row.tenant, row.event_key);
        let key = match self.reading.get(&place).filter(|key| key.generation == generation) {
            Some(key) => key.use_key,
            None => match self.fetch_key(row, keys).await? {
                Ok(use_key) => {
                    self.reading.insert(place, ReadingKey { use_key: Arc::clone(&use_key), generation });
                    use_key
                }
                Err(damage) => return Ok(Err(damage)),
            },
        };
        let opened = key.open(&Context::event(row.tenant, row.event), &row.sealed).map_err(Damage::from);
        Ok(opened.and_then(|clear| Ok(serde_json::from_slice(&clear)?)))
    }

    async fn fetch_key(&self, row: &JournalRow, keys: &AuditKeys) -> Result<Result<Arc<UseKey>, Damage>, JournalError> {
        let Some(wrapped) = self.engine.event_key(row.tenant, row.event_key).await? else { return Ok(Err(Damage::NoKey)) };
        let Some(audit) = keys.version(wrapped.kek_version) else { return Ok(Err(Damage::NoKey)) };
        let context = Context::event_key(row.tenant, row.event_key);
        let master = MasterKey::unwrap(&audit.wrap_event_key, &context, &wrapped.wrapped);
        Ok(master.map(|master| Arc::new(master.derive(KeyUse::SealEvent))).map_err(Damage::from))
    }

    /// The event key in use. A new one is durable before it seals its first event.
    async fn key(&self, tenant: TenantId) -> Result<Arc<EventKey>, JournalError> {
        let generation = self.leases.generation(tenant);
        // Asked for at each event, so that a withdrawn audit key stops the log, and with it the tenant.
        let audit = self.leases.audit(tenant).await?;
        let slot = self.slot(tenant);
        if let Some(key) = slot.get(generation, self.clock.now()) {
            return Ok(key);
        }
        let _making = slot.making.lock().await;
        if let Some(key) = slot.get(generation, self.clock.now()) {
            return Ok(key);
        }
        let (row, master) = self.new_key(tenant, audit.active())?;
        let (id, until) = (row.id, row.created.plus(limits::EVENT_KEY_LIFE));
        self.engine.append(Events { rows: Vec::new(), keys: vec![row] }).await?;
        let key = Arc::new(EventKey { id, use_key: master.derive(KeyUse::SealEvent), until, generation });
        slot.set(Some(Arc::clone(&key)));
        Ok(key)
    }

    fn slot(&self, tenant: TenantId) -> Arc<Slot> {
        if let Some(slot) = self.writing.read().unwrap_or_else(PoisonError::into_inner).get(&tenant) {
            return Arc::clone(slot);
        }
        Arc::clone(self.writing.write().unwrap_or_else(PoisonError::into_inner).entry(tenant).or_default())
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
